"""PostgreSQL on asyncpg: Core statements through SQLAlchemy's async engine, hot reads straight on the driver."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast
from weakref import WeakSet

import asyncpg
from sqlalchemy import Connection, Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from .chain import write_entries
from .engine import (
    NESTED,
    HotQuery,
    Params,
    StoreConflictError,
    StoreError,
    StoreSettings,
    is_empty,
    settle,
)
from .notified import CHANNEL, LONGEST_SECONDS, PROBE, NotifiedMemo
from .schema import metadata
from .skew import READ_BACKEND, READ_CLOCK

_TRY_AGAIN = {"23505", "40001", "40P01", "55P03"}
"""SQLSTATEs of writes that met: equal keys, serialization failure, deadlock, lock time-out."""

_STALE = (
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.InternalClientError,  # the driver met the end of the connection halfway
    OSError,
)
"""What says that a connection kept open is of no use any more: server gone or restarted, schema changed."""

_NOTIFY = f"NOTIFY {CHANNEL}"
"""Sent by the database itself with the commit, or not at all."""

_SETTINGS = {"jit": "off", "lock_timeout": "10s"}
"""Compiling a plan costs more than any of our reads; no write waits for ever."""


class _PostgresTx:
    """A transaction on one pooled connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.entries: list[dict[str, Any]] = []
        self.wrote = False

    async def rows(self, statement: Executable, params: Params | None = None) -> list[Row[Any]]:
        return list((await self.connection.execute(statement, cast(Any, params))).all())

    async def one(self, statement: Executable, params: Params | None = None) -> Row[Any] | None:
        return (await self.connection.execute(statement, cast(Any, params))).first()

    async def run(self, statement: Executable, params: Params | None = None) -> int:
        if is_empty(params):
            return 0
        self.wrote = True
        return int((await self.connection.execute(statement, cast(Any, params))).rowcount)

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        raw = (await self.connection.get_raw_connection()).driver_connection
        return await _hot(raw, query, params)

    def memo(self) -> None:
        return None


async def _hot(raw: Any, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The prepared read on a driver connection (asyncpg keeps it prepared)."""
    return cast(
        "list[tuple[Any, ...]]",
        await raw.fetch(query.postgres_sql, *query.postgres_args(params)),
    )


class _Reader:
    """A driver connection outside any transaction, with its prepared reads. One at a time uses it."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._prepared: dict[HotQuery, Any] = {}

    async def fetch(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        statement = self._prepared.get(query)
        if statement is None:
            statement = await self._raw.prepare(query.postgres_sql)
            self._prepared[query] = statement
        return cast(
            "list[tuple[Any, ...]]",
            await statement.fetch(*query.postgres_args(params)),
        )

    def drop(self) -> None:
        """Break the connection off: it is dead, or somebody stopped waiting for its answer."""
        self._raw.terminate()

    async def close(self) -> None:
        await self._raw.close()


class PostgresStore:
    """One database. Bound to the event loop that first uses it."""

    engine = "postgresql"
    bound_seconds = LONGEST_SECONDS

    def __init__(self, settings: StoreSettings) -> None:
        self._dsn = "postgresql://" + settings.url.partition("://")[2]
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://" + settings.url.partition("://")[2],
            pool_size=settings.pool,
            max_overflow=0,
            connect_args={"server_settings": _SETTINGS},
        )
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._free: list[_Reader] = []
        self._places = asyncio.Semaphore(settings.pool)
        self._writing: WeakSet[asyncio.Task[Any]] = WeakSet()
        self._memo = NotifiedMemo(self._dsn, _SETTINGS)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[_PostgresTx]:
        """One snapshot for all its statements; a write in it fails. Rolled back at the end."""
        self._refuse_nested()
        async with self._reading.connect() as connection:
            try:
                yield _PostgresTx(connection)
            finally:
                await connection.rollback()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[_PostgresTx]:
        """A transaction that commits at the end. Raises StoreConflictError."""
        task = self._refuse_nested()
        self._writing.add(task)
        try:
            async with self._engine.connect() as connection:
                tx = _PostgresTx(connection)
                yield tx
                await write_entries(tx, tx.entries)
                if tx.wrote:
                    await connection.exec_driver_sql(_NOTIFY)
                await settle(connection.commit())
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _TRY_AGAIN:
                raise StoreConflictError("somebody else wrote the same at the same time; nothing was done") from error
            raise
        finally:
            self._writing.discard(task)
            self._memo.drop()

    def _refuse_nested(self) -> asyncio.Task[Any]:
        """A second transaction inside a write does not see what the first one wrote, and may wait for its locks."""
        task = asyncio.current_task()
        assert task is not None
        if task in self._writing:
            raise StoreError(NESTED)
        return task

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """One prepared read on a driver connection. Tried once more on a fresh one when the connection turns out dead."""
        async with self._places:
            reader = self._free.pop() if self._free else None
            if reader is not None:
                try:
                    rows = await reader.fetch(query, params)
                    self._free.append(reader)
                    return rows
                except _STALE:
                    reader.drop()
                except BaseException:
                    reader.drop()
                    raise
            reader = _Reader(await asyncpg.connect(self._dsn, server_settings=_SETTINGS))
            try:
                rows = await reader.fetch(query, params)
            except BaseException:
                reader.drop()
                raise
            self._free.append(reader)
            return rows

    def memo(self) -> dict[Any, Any] | None:
        """Values read by ``hot``, dropped when any node commits: at once on this node, when it is heard on another."""
        return self._memo.get()

    async def clock(self) -> datetime:
        """The server's instant at some moment of the call."""
        async with self._engine.connect() as connection:
            return cast(datetime, (await connection.exec_driver_sql(READ_CLOCK)).scalar_one())

    async def hearing(self) -> float | None:
        """Sends a probe that no node drops anything for, by way of the database, and waits for it."""
        if self._memo.get() is None:
            return None
        loop = asyncio.get_running_loop()
        async with self._engine.connect() as connection:
            sender = int((await connection.exec_driver_sql(READ_BACKEND)).scalar_one())
            with self._memo.probed(sender) as heard:
                begun = loop.time()
                await connection.exec_driver_sql(f"{_NOTIFY}, '{PROBE}'")
                await connection.commit()
                try:
                    await asyncio.wait_for(heard.wait(), LONGEST_SECONDS)
                except TimeoutError:
                    return None
                return loop.time() - begun

    async def create(self) -> None:
        """Create all tables."""
        await self.run_sync(metadata.create_all)

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """Run ``work`` inside one writing transaction."""
        async with self._engine.begin() as connection:
            await connection.run_sync(work)
            await connection.exec_driver_sql(_NOTIFY)
        self._memo.drop()

    async def close(self) -> None:
        """Close all connections."""
        await self._memo.close()
        while self._free:
            await self._free.pop().close()
        await self._engine.dispose()
