"""Schema steps lead to exactly the schema of the code, on both engines (``house.md`` 19)."""

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text

from workbadge.store.engine import Store, StoreError, StoreSettings
from workbadge.store.opening import open_store
from workbadge.store.schema import metadata
from workbadge.store.upgrade import is_current, newest_step, upgrade, upgrade_connection

pytestmark = pytest.mark.anyio

HOW = "schema and steps differ: run `python -m tools.write_first_step` (before the first release) or add a step"


def _plain(text: str | None) -> str:
    """A check's text without what an engine adds to it."""
    return re.sub(r"\s+|[()\"]|::\w+( varying)?", "", (text or "").lower())


def describe(connection: Connection) -> dict[str, Any]:
    """All that the engine knows about the tables."""
    seen = inspect(connection)
    out: dict[str, Any] = {}
    for table in seen.get_table_names():
        if table == "alembic_version":
            continue
        out[table] = {
            "rowid": connection.dialect.name == "sqlite" and _has_rowid(connection, table),
            "columns": [
                (one["name"], str(one["type"]), one["nullable"], one["default"]) for one in seen.get_columns(table)
            ],
            "primary": (
                seen.get_pk_constraint(table)["name"],
                seen.get_pk_constraint(table)["constrained_columns"],
            ),
            "indexes": sorted((one["name"], one["column_names"], one["unique"]) for one in seen.get_indexes(table)),
            "uniques": sorted((one["name"], one["column_names"]) for one in seen.get_unique_constraints(table)),
            "foreign": sorted(
                (
                    one["name"],
                    one["constrained_columns"],
                    one["referred_table"],
                    one["referred_columns"],
                    one["options"],
                )
                for one in seen.get_foreign_keys(table)
            ),
            "checks": sorted((one["name"], _plain(one["sqltext"])) for one in seen.get_check_constraints(table)),
        }
    return out


def _has_rowid(connection: Connection, table: str) -> bool:
    listed = connection.exec_driver_sql(f"PRAGMA table_list({table})").first()
    assert listed is not None
    return not listed.wr


async def described(store: Store) -> dict[str, Any]:
    """The tables of an open store."""
    found: list[dict[str, Any]] = []
    await store.run_sync(lambda connection: found.append(describe(connection)))
    return found[0]


async def test_steps_equal_the_full_schema(engine_url: str) -> None:
    """Steps from empty give the tables, columns, keys, indexes and checks that the code's schema gives."""
    async with open_store(StoreSettings(engine_url)) as store:
        await upgrade(store)
        by_steps = await described(store)
        await store.run_sync(_drop_everything)
        await store.create()
        whole = await described(store)
    assert set(by_steps) == set(whole) == set(metadata.tables), HOW
    for table, wanted in whole.items():
        assert by_steps[table] == wanted, f"{table}: {HOW}"


def _drop_everything(connection: Connection) -> None:
    metadata.drop_all(connection)
    connection.execute(text("DROP TABLE alembic_version"))


async def test_upgrade_is_idempotent_and_known(engine_url: str) -> None:
    """An empty database is not current; an upgraded one is; upgrading it again changes nothing."""
    async with open_store(StoreSettings(engine_url)) as store:
        assert not await is_current(store)
        await upgrade(store)
        assert await is_current(store)
        before = await described(store)
        await upgrade(store)
        assert await described(store) == before


async def test_a_newer_database_is_refused(engine_url: str) -> None:
    """A step that this code does not know stops the start with a message that says what to do."""
    async with open_store(StoreSettings(engine_url)) as store:
        await upgrade(store)
        await store.run_sync(_pretend_newer)
        with pytest.raises(StoreError, match="zzzz.*newer version"):
            await upgrade(store)
        assert not await is_current(store)


def _pretend_newer(connection: Connection) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = 'zzzz'"))


async def test_several_nodes_upgrade_at_once(engine_url: str) -> None:
    """Processes that start together on an empty database take turns; each finds the schema afterwards."""

    async def node() -> bool:
        async with open_store(StoreSettings(engine_url, pool=1)) as store:
            await upgrade(store)
            return await is_current(store)

    assert await asyncio.gather(*(node() for _ in range(4))) == [True] * 4
    assert newest_step() == "0010"


async def test_steps_do_not_wait_for_ever_on_a_lock(pg_url: str) -> None:
    """On PostgreSQL a step that cannot get its lock gives up: it never blocks the traffic behind it."""
    async with open_store(StoreSettings(pg_url)) as store:
        await upgrade(store)
        seen: list[str] = []

        def look(connection: Connection) -> None:
            upgrade_connection(connection)
            seen.append(connection.execute(text("SHOW lock_timeout")).scalar_one())

        await store.run_sync(look)
        assert seen == ["5s"]


async def test_a_step_that_fails_leaves_nothing(engine_url: str) -> None:
    """Steps run in one transaction on both engines: there is no half-made schema."""

    def fail(connection: Connection) -> None:
        upgrade_connection(connection)
        raise ZeroDivisionError

    async with open_store(StoreSettings(engine_url)) as store:
        with pytest.raises(ZeroDivisionError):
            await store.run_sync(fail)
        assert await described(store) == {}
        await upgrade(store)
        assert await is_current(store)
