"""Two engines behind one façade: SQLite inline in the event loop, PostgreSQL on asyncpg (``house.md`` §7).

``Store.read`` and ``Store.write`` are transactions; one per request or due row, nobody else commits.
``Store.hot`` runs one prepared read straight on the driver. Statements are SQLAlchemy Core; rows are named tuples
with instants as aware datetimes (``hot``: raw tuples, instants in microseconds).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Connection, Executable, Row
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

Params: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]

NESTED = "this task has a write open already: pass its transaction on instead of opening a second one"


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
        post = statement.compile(dialect=PGDialect_asyncpg())  # type: ignore[no-untyped-call]
        places = tuple(lite.positiontup or ())
        self.sqlite_order = tuple(dict.fromkeys(places))
        self.sqlite_sql = _numbered(str(lite), places, self.sqlite_order)
        self.postgres_sql = str(post)
        self.postgres_order: tuple[str, ...] = tuple(post.positiontup or ())
        constants = {**lite.params, **post.params}
        self.sqlite_args = _arguments(self.sqlite_order, constants)
        self.postgres_args = _arguments(self.postgres_order, constants)


def _numbered(sql: str, places: tuple[str, ...], order: tuple[str, ...]) -> str:
    """``?`` as ``?1``, ``?2``: what occurs often is bound once."""
    numbers = iter(places)
    return re.sub(r"\?", lambda _: f"?{order.index(next(numbers)) + 1}", sql)


def _arguments(order: tuple[str, ...], constants: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """What puts named parameters, and a statement's own constants, into the driver's order."""
    own = {name: constants[name] for name in order if constants[name] is not None}
    if own or len(order) < 2:
        return lambda params: tuple({**own, **params}[name] for name in order)
    return itemgetter(*order)


def is_empty(params: Params | None) -> bool:
    """A list without rows: nothing is to be run."""
    return params is not None and not isinstance(params, Mapping) and len(params) == 0


async def settle(work: Awaitable[Any]) -> None:
    """Wait for the end of ``work`` even when cancelled, also repeatedly; only then pass its error or the cancellation on."""
    future = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    failure = future.exception()
    if failure is not None:
        raise failure
    if cancelled is not None:
        raise cancelled


class Tx(Protocol):
    """One open transaction. ``entries``: the audit's, written with the commit."""

    entries: list[dict[str, Any]]

    async def rows(self, statement: Executable, params: Params | None = None) -> list[Row[Any]]:
        """All rows of a reading (or RETURNING) statement."""
        ...

    async def one(self, statement: Executable, params: Params | None = None) -> Row[Any] | None:
        """The first row, or None."""
        ...

    async def run(self, statement: Executable, params: Params | None = None) -> int:
        """Run a writing statement; the number of rows it touched. A list of mappings runs it for each."""
        ...

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a prepared read inside this transaction; raw tuples."""
        ...

    def memo(self) -> None:
        """Nothing is kept of what a transaction reads."""
        ...


class Store(Protocol):
    """A database."""

    engine: str
    """``sqlite`` or ``postgresql``."""

    bound_seconds: float
    """For so long at most does a read here not see what another process has committed (I7)."""

    def read(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that sees one snapshot for all its statements and writes nothing (a write in it fails).

        Raises StoreError inside a write of the same task.
        """
        ...

    def write(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction that commits at the end of the block, durably, or rolls back when the block raises.

        Cancelled during the commit, it waits until the outcome is decided. SQLite: ``BEGIN IMMEDIATE``, one writer at a
        time. PostgreSQL: read committed; lock what a decision rests on. Raises StoreBusyError, also StoreConflictError,
        and StoreError inside another write of the same task.
        """
        ...

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a prepared read outside any transaction; raw tuples."""
        ...

    def memo(self) -> dict[Any, Any] | None:
        """Where values read by ``hot`` may be kept: empty again after any commit, of any process.

        SQLite: always exact. PostgreSQL: exact for this process's commits; another node's are heard within milliseconds, and
        nothing is kept for longer than a second. None where nothing can be kept. Take it before reading what goes into it.
        """
        ...

    async def clock(self) -> datetime | None:
        """The database's own instant, to compare with and for nothing else; None where it has no clock (SQLite: every process
        that opens the file shares the machine's)."""
        ...

    async def hearing(self) -> float | None:
        """Seconds that a notification sent now takes to be heard here; None when nothing is kept that would have to be dropped,
        or when it was not heard within ``bound_seconds``."""
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


class Moment:
    """A reader for the reads of one request: whether anything was committed since the last is asked once, at its start."""

    __slots__ = ("_memo", "hot")

    def __init__(self, store: Store) -> None:
        self.hot = store.hot
        self._memo = store.memo()

    def memo(self) -> dict[Any, Any] | None:
        """Where values read by ``hot`` are kept, as of the request's start."""
        return self._memo


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``url``: ``sqlite:///path`` or ``postgresql://…``. ``durable``: fsync at each commit; False for worlds only."""

    url: str
    durable: bool = True
    pool: int = 10
