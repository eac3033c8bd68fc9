"""SQLite: statements run inline in the event-loop thread, commits in a thread of their own.

WAL, foreign keys, ``synchronous=FULL`` for live data (``NORMAL`` for worlds). Writes take ``BEGIN IMMEDIATE``
under a lock of this process; another process's lock is waited for without holding the event loop. A commit
(fsync, checkpoint) runs in a thread, so it never holds the loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pysqlite3
from sqlalchemy import Connection, Engine, Executable, Row, create_engine, event
from sqlalchemy.pool import NullPool

from .engine import HotQuery, Params, StoreBusyError, StoreError, StoreSettings
from .schema import metadata

OLDEST = (3, 51, 3)
"""Older libraries have the WAL-reset race (``house.md`` §7)."""

MEMO_SIZE = 20_000
"""Values kept between two commits; some 2 kB each."""

_WAIT_SECONDS = 10.0
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.02


def library_version() -> str:
    """Version of the SQLite library in use. Raises StoreError when it is too old."""
    version: str = pysqlite3.sqlite_version
    if tuple(int(part) for part in version.split(".")) < OLDEST:
        raise StoreError(
            f"expected SQLite {'.'.join(map(str, OLDEST))} or newer, found {version}"
        )
    return version


class _SqliteTx:
    """A transaction on one connection; nothing here ever waits."""

    def __init__(self, connection: Connection, raw: Any) -> None:
        self.connection = connection
        self._raw = raw

    async def rows(
        self, statement: Executable, params: Params | None = None
    ) -> list[Row[Any]]:
        return list(self.connection.execute(statement, cast(Any, params)).all())

    async def one(
        self, statement: Executable, params: Params | None = None
    ) -> Row[Any] | None:
        return self.connection.execute(statement, cast(Any, params)).first()

    async def run(self, statement: Executable, params: Params | None = None) -> int:
        if isinstance(params, list) and not params:
            return 0
        return int(self.connection.execute(statement, cast(Any, params)).rowcount)

    async def hot(
        self, query: HotQuery, params: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        return _hot(self._raw, query, params)

    def memo(self) -> None:
        return None


def _hot(raw: Any, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The prepared read on a driver connection."""
    constants = query.constants
    args = [
        params[name] if name in params else constants[name]
        for name in query.sqlite_order
    ]
    return cast("list[tuple[Any, ...]]", raw.execute(query.sqlite_sql, args).fetchall())


class SqliteStore:
    """One database file. Bound to the event loop that first uses it."""

    engine = "sqlite"

    def __init__(self, settings: StoreSettings) -> None:
        self.library = library_version()
        self._durable = settings.durable
        self._engine: Engine = create_engine(
            settings.url,
            module=pysqlite3,
            poolclass=NullPool,
            connect_args={
                "check_same_thread": False,
                "isolation_level": None,
                "cached_statements": 512,
            },
            isolation_level="AUTOCOMMIT",
        )
        event.listen(self._engine, "connect", self._configure)
        self._lock = asyncio.Lock()
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._writer: tuple[Connection, Any] | None = None
        self._hot: tuple[Connection, Any] | None = None
        self._idle: list[tuple[Connection, Any]] = []
        self._mark: int | None = None
        self._memo: dict[Any, Any] = {}

    def _configure(self, raw: Any, _record: Any) -> None:
        """Settings of every connection."""
        for line in (
            "PRAGMA busy_timeout=0",
            "PRAGMA journal_mode=WAL",
            f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}",
            "PRAGMA foreign_keys=ON",
            "PRAGMA trusted_schema=OFF",
            "PRAGMA cache_size=-65536",
            "PRAGMA mmap_size=268435456",
            "PRAGMA temp_store=MEMORY",
        ):
            _patiently(raw, line)

    def _connect(self) -> tuple[Connection, Any]:
        connection = self._engine.connect()
        return connection, connection.connection.driver_connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[_SqliteTx]:
        """A deferred transaction: one snapshot for all its statements."""
        pair = self._idle.pop() if self._idle else self._connect()
        raw = pair[1]
        raw.execute("BEGIN")
        try:
            yield _SqliteTx(*pair)
        finally:
            raw.execute("ROLLBACK")
            self._idle.append(pair)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[_SqliteTx]:
        """``BEGIN IMMEDIATE`` … ``COMMIT``; the commit runs in a thread and is waited for, also when cancelled."""
        async with self._lock:
            if self._writer is None:
                self._writer = self._connect()
            connection, raw = self._writer
            await self._begin(raw)
            try:
                yield _SqliteTx(connection, raw)
            except BaseException:
                raw.execute("ROLLBACK")
                raise
            await self._commit(raw)

    async def _begin(self, raw: Any) -> None:
        """Take the write lock, waiting for other processes without holding the loop."""
        pause, waited = _FIRST_PAUSE, 0.0
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except pysqlite3.OperationalError as error:
                if "locked" not in str(error) and "busy" not in str(error):
                    raise
                if waited >= _WAIT_SECONDS:
                    raise StoreBusyError(
                        f"the database stayed locked for {waited:.0f} s; nothing was done"
                    ) from error
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _commit(self, raw: Any) -> None:
        done = asyncio.get_running_loop().run_in_executor(
            self._committer, raw.execute, "COMMIT"
        )
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])
            raise
        except pysqlite3.Error:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            raise

    async def hot(
        self, query: HotQuery, params: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """One prepared read on a connection of its own."""
        return _hot(self._hot_raw(), query, params)

    def _hot_raw(self) -> Any:
        if self._hot is None:
            self._hot = self._connect()
        return self._hot[1]

    def memo(self) -> dict[Any, Any]:
        """Values read by ``hot`` at the database's present state. SQLite itself tells whether anybody has committed since."""
        mark = self._hot_raw().execute("PRAGMA data_version").fetchone()[0]
        if mark != self._mark or len(self._memo) >= MEMO_SIZE:
            self._mark, self._memo = mark, {}
        return self._memo

    async def create(self) -> None:
        """Create all tables."""
        await self.run_sync(metadata.create_all)

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """Run ``work`` inside one writing transaction."""
        async with self.write() as tx:
            work(tx.connection)

    async def copy_to(self, path: Path) -> None:
        """Write a compact copy of the database as it is to ``path``, which must not exist yet."""
        async with self._lock:
            if self._writer is None:
                self._writer = self._connect()
            raw = self._writer[1]
            await asyncio.get_running_loop().run_in_executor(
                self._committer, raw.execute, "VACUUM INTO ?", (str(path),)
            )

    async def close(self) -> None:
        """Close every connection; the last one of the last process folds the log into the file."""
        pairs = [
            *self._idle,
            *([self._writer] if self._writer else []),
            *([self._hot] if self._hot else []),
        ]
        self._idle, self._writer, self._hot = [], None, None
        for connection, _ in pairs:
            connection.close()
        self._committer.shutdown(wait=True)
        self._engine.dispose()


def _patiently(raw: Any, line: str) -> None:
    """Run a connection setting; switching to WAL may meet another process's lock, which the driver waits for."""
    if "journal_mode" in line:
        raw.execute("PRAGMA busy_timeout=5000")
        raw.execute(line).fetchall()
        raw.execute("PRAGMA busy_timeout=0")
    else:
        raw.execute(line).fetchall()
