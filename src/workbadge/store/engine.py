"""Two engines behind one façade: SQLite inline in the event loop, PostgreSQL on asyncpg (``house.md`` §7).

``Store.read`` and ``Store.write`` are transactions; one per request or due row, nobody else commits.
``Store.hot`` runs one prepared read straight on the driver. Statements are SQLAlchemy Core; rows are named tuples
with instants as aware datetimes (``hot``: raw tuples, instants in microseconds).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Connection, Executable, Row
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

Params: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class StoreError(Exception):
    """The database cannot be used as it is; the message says what was expected."""


class StoreBusyError(StoreError):
    """Another process kept the write lock too long; nothing was done. Try again."""


class StoreConflictError(StoreBusyError):
    """Somebody else wrote the same at the same time (equal key, deadlock); nothing was done. Try again from the start."""


class HotQuery:
    """One Core statement compiled once for both engines, with the order of its named parameters."""

    def __init__(self, statement: Any) -> None:
        lite = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        post = statement.compile(dialect=PGDialect_asyncpg())
        self.sqlite_sql = str(lite)
        self.sqlite_order: tuple[str, ...] = tuple(lite.positiontup or ())
        self.postgres_sql = str(post)
        self.postgres_order: tuple[str, ...] = tuple(post.positiontup or ())
        self.constants: dict[str, Any] = {
            name: value for name, value in lite.params.items() if value is not None
        }
        self.constants.update(
            {name: value for name, value in post.params.items() if value is not None}
        )


class Tx(Protocol):
    """One open transaction."""

    async def rows(
        self, statement: Executable, params: Params | None = None
    ) -> list[Row[Any]]:
        """All rows of a reading (or RETURNING) statement."""
        ...

    async def one(
        self, statement: Executable, params: Params | None = None
    ) -> Row[Any] | None:
        """The first row, or None."""
        ...

    async def run(self, statement: Executable, params: Params | None = None) -> int:
        """Run a writing statement; the number of rows it touched. A list of mappings runs it for each."""
        ...

    async def hot(
        self, query: HotQuery, params: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Run a prepared read inside this transaction; raw tuples."""
        ...


class Store(Protocol):
    """A database."""

    engine: str
    """``sqlite`` or ``postgresql``."""

    def read(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that sees one snapshot (SQLite) or committed rows (PostgreSQL) and writes nothing."""
        ...

    def write(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that commits at the end of the block, durably, or rolls back when the block raises.

        SQLite: ``BEGIN IMMEDIATE``, one writer at a time. Raises StoreBusyError.
        """
        ...

    async def hot(
        self, query: HotQuery, params: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Run a prepared read outside any transaction; raw tuples."""
        ...

    def memo(self) -> dict[Any, Any] | None:
        """Where values read by ``hot`` may be kept: empty again after any commit, of any process, so always exact.

        None where that cannot be told at once (PostgreSQL).
        """
        ...

    async def create(self) -> None:
        """Create the whole schema in an empty database."""
        ...

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """Run ``work`` on a synchronous connection inside one writing transaction (schema steps)."""
        ...

    async def close(self) -> None:
        """Give all connections back."""
        ...


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``url``: ``sqlite:///path`` or ``postgresql://…``. ``durable``: fsync at each commit; False for worlds only."""

    url: str
    durable: bool = True
    pool: int = 10
