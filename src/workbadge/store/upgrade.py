"""Bringing a database to this version's schema, by Alembic's steps, in one transaction, under a lock."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from .engine import Store, StoreError

_STEPS = Path(__file__).parent / "steps"
_LOCK = 7_340_115
"""PostgreSQL's advisory lock for schema steps, so that several starting nodes take turns."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    return config


def newest_step() -> str:
    """The revision that this version's code expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise StoreError("expected schema steps in the package, found none")
    return head


def upgrade_connection(connection: Connection) -> None:
    """Run the missing steps on an open connection, inside the transaction that it has."""
    if not connection.in_transaction():
        connection.begin()  # Alembic would else begin and commit one of its own
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def current_step(connection: Connection) -> str | None:
    """The revision that the database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


async def upgrade(store: Store) -> None:
    """Create the schema or bring it up to date. Raises StoreError when the database is newer than this code."""
    await store.run_sync(_checked_upgrade)


def _checked_upgrade(connection: Connection) -> None:
    known = {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}
    found = current_step(connection)
    if found is not None and found not in known:
        raise StoreError(
            f"expected a database at a schema step of this version, found step {found[:40]}: use a newer version"
        )
    upgrade_connection(connection)


async def is_current(store: Store) -> bool:
    """Whether the database is at this version's newest step."""
    found: list[str | None] = []
    await store.run_sync(lambda connection: found.append(current_step(connection)))
    return found == [newest_step()]
