"""SQLite: statements run inline in the event-loop thread, commits in a thread of their own.

WAL, foreign keys, ``synchronous=FULL`` for live data (``NORMAL`` for worlds). Writes take ``BEGIN IMMEDIATE``
under a lock of this process; another process's lock is waited for without holding the event loop. A commit
(fsync, checkpoint) runs in a thread, so it never holds the loop.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pysqlite3
from sqlalchemy import Connection, Engine, Executable, Row, create_engine, event
from sqlalchemy.pool import NullPool

from .chain import write_entries
from .engine import (
    NESTED,
    HotQuery,
    Params,
    StoreBusyError,
    StoreError,
    StoreSettings,
    is_empty,
    settle,
)
from .schema import metadata

OLDEST = (3, 51, 3)
"""Older libraries have the WAL-reset race (``house.md`` §7)."""

MEMO_SIZE = 20_000
"""Values kept between two commits; some 2 kB each."""

_WAIT_SECONDS = 10.0
_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.02
_WAL_TRIES = 100
_IDLE = 8
"""Reading connections kept open."""

_WRITER = ("PRAGMA busy_timeout=0",)
"""A lock of another process is waited for by ``_begin``, which does not hold the loop."""

_READER = ("PRAGMA query_only=ON", "PRAGMA busy_timeout=1000")
"""Readers never wait in WAL mode, except for the moment in which another process repairs the log after a crash."""


def library_version() -> str:
    """Version of the SQLite library in use. Raises StoreError when it is too old."""
    version: str = pysqlite3.sqlite_version
    if tuple(int(part) for part in version.split(".")) < OLDEST:
        raise StoreError(f"expected SQLite {'.'.join(map(str, OLDEST))} or newer, found {version}")
    return version


class _SqliteTx:
    """A transaction on one connection; nothing here ever waits."""

    def __init__(self, connection: Connection, raw: Any) -> None:
        self.connection = connection
        self.entries: list[dict[str, Any]] = []
        self._raw = raw

    async def rows(self, statement: Executable, params: Params | None = None) -> list[Row[Any]]:
        return list(self.connection.execute(statement, cast(Any, params)).all())

    async def one(self, statement: Executable, params: Params | None = None) -> Row[Any] | None:
        return self.connection.execute(statement, cast(Any, params)).first()

    async def run(self, statement: Executable, params: Params | None = None) -> int:
        if is_empty(params):
            return 0
        return int(self.connection.execute(statement, cast(Any, params)).rowcount)

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return _hot(self._raw, query, params)

    def memo(self) -> None:
        return None


def _hot(raw: Any, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The prepared read on a driver connection."""
    return cast(
        "list[tuple[Any, ...]]",
        raw.execute(query.sqlite_sql, query.sqlite_args(params)).fetchall(),
    )


class SqliteStore:
    """One database file. Bound to the event loop that first uses it."""

    engine = "sqlite"
    bound_seconds = 0.0

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
        self._owner: asyncio.Task[Any] | None = None
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._writer: tuple[Connection, Any] | None = None
        self._hot: tuple[Connection, Any] | None = None
        self._idle: list[tuple[Connection, Any]] = []
        self._mark: int | None = None
        self._looked = False
        self._memo: dict[Any, Any] = {}
        self._closed = False

    def _configure(self, raw: Any, _record: Any) -> None:
        """Settings of every connection. No memory map: a page fault under a commit's writing was seen to hold the loop 100 ms."""
        _use_wal(raw)
        for line in (
            f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}",
            "PRAGMA foreign_keys=ON",
            "PRAGMA trusted_schema=OFF",
            "PRAGMA cache_size=-65536",
            "PRAGMA temp_store=MEMORY",
        ):
            raw.execute(line).fetchall()

    def _connect(self, settings: tuple[str, ...]) -> tuple[Connection, Any]:
        """A new connection. Raises StoreBusyError after ``close``: whoever is late must not hold on to a file that is replaced."""
        if self._closed:
            raise StoreBusyError("the store was closed meanwhile; nothing was done")
        connection = self._engine.connect()
        raw = connection.connection.driver_connection
        assert raw is not None
        for line in settings:
            raw.execute(line).fetchall()
        return connection, raw

    @asynccontextmanager
    async def read(self) -> AsyncIterator[_SqliteTx]:
        """One snapshot, taken here, for all its statements; a write in it fails. Raises StoreError inside a write."""
        self._refuse_nested()
        pair = self._idle.pop() if self._idle else self._connect(_READER)
        raw = pair[1]
        try:
            raw.execute("BEGIN")
            raw.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
            yield _SqliteTx(*pair)
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            if len(self._idle) < _IDLE and not self._closed:
                self._idle.append(pair)
            else:
                pair[0].close()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[_SqliteTx]:
        """``BEGIN IMMEDIATE`` … ``COMMIT``; the commit runs in a thread and is waited for, also when cancelled.

        Raises StoreBusyError when the turn does not come in time, StoreError inside another write of the same task.
        """
        self._refuse_nested()
        await self._take_turn()
        try:
            self._owner = asyncio.current_task()
            if self._writer is None:
                self._writer = self._connect(_WRITER)
            connection, raw = self._writer
            await self._begin(raw)
            try:
                tx = _SqliteTx(connection, raw)
                yield tx
                await write_entries(tx, tx.entries)
                await self._in_thread(raw, "COMMIT")
            except BaseException:
                self._roll_back(raw)
                raise
        finally:
            self._owner = None
            self._lock.release()

    def _refuse_nested(self) -> None:
        """A second transaction inside a write would wait for itself, or not see what the first one wrote."""
        if self._owner is not None and self._owner is asyncio.current_task():
            raise StoreError(NESTED)

    async def _take_turn(self) -> None:
        """One writer of this process at a time. A write opened by a helper task of a write would wait here for ever."""
        if not self._lock.locked():
            await self._lock.acquire()
            return
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._lock.acquire()
        except TimeoutError as error:
            raise StoreBusyError(
                f"another write of this process took more than {_WAIT_SECONDS:.0f} s; nothing was done"
            ) from error

    async def _begin(self, raw: Any) -> None:
        """Take the write lock, waiting for other processes without holding the loop."""
        pause, waited = _FIRST_PAUSE, 0.0
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except pysqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                if waited >= _WAIT_SECONDS:
                    raise StoreBusyError(f"the database stayed locked for {waited:.0f} s; nothing was done") from error
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _in_thread(self, raw: Any, *call: Any) -> None:
        """Execute something slow in the commit thread and wait for its end, whatever happens meanwhile.

        A cancellation is passed on only when the thread has let go of the connection, so that the outcome is decided
        and the connection is nobody else's.
        """
        await settle(asyncio.get_running_loop().run_in_executor(self._committer, raw.execute, *call))

    def _roll_back(self, raw: Any) -> None:
        """Undo what is open. A connection that cannot even do that is given up."""
        try:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
        except pysqlite3.Error:
            assert self._writer is not None
            connection, self._writer = self._writer[0], None
            connection.invalidate()

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """One prepared read on a connection of its own."""
        return _hot(self._hot_raw(), query, params)

    def _hot_raw(self) -> Any:
        if self._hot is None:
            self._hot = self._connect(_READER)
        return self._hot[1]

    def memo(self) -> dict[Any, Any]:
        """Values read by ``hot`` at the database's present state. SQLite itself tells whether anybody has committed since.

        It is asked once in a turn of the event loop, whose end is queued behind all that is ready now: whatever is answered
        in this turn was asked for before the look, and nothing that is asked for after it is answered in this turn. So every
        answer is of an instant between its question and itself (decision record 6).
        """
        if self._looked:
            return self._memo
        self._looked = True
        asyncio.get_running_loop().call_soon(self._look_again)
        mark = self._hot_raw().execute("PRAGMA data_version").fetchone()[0]
        if mark != self._mark or len(self._memo) >= MEMO_SIZE:
            self._mark, self._memo = mark, {}
        return self._memo

    def _look_again(self) -> None:
        self._looked = False

    async def clock(self) -> None:
        """It has none. That the file can be read is made sure."""
        self._hot_raw().execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()

    async def hearing(self) -> None:
        """Nothing has to be heard: the file itself is asked at each read."""

    async def create(self) -> None:
        """Create all tables."""
        await self.run_sync(metadata.create_all)

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """Run ``work`` inside one writing transaction."""
        async with self.write() as tx:
            work(tx.connection)

    async def copy_to(self, path: Path) -> None:
        """Write a compact copy of the database as it is to ``path``, which must not exist yet."""
        self._refuse_nested()
        await self._take_turn()
        try:
            if self._writer is None:
                self._writer = self._connect(_WRITER)
            await self._in_thread(self._writer[1], "VACUUM INTO ?", (str(path),))
        finally:
            self._lock.release()

    async def close(self) -> None:
        """Close every connection; the last one of the last process folds the log into the file. Nothing is opened after it."""
        self._closed = True
        self._committer.shutdown(wait=True)
        pairs = [
            *self._idle,
            *([self._hot] if self._hot else []),
            *([self._writer] if self._writer else []),
        ]
        self._idle, self._writer, self._hot = [], None, None
        for connection, _ in pairs:
            connection.close()
        self._engine.dispose()


def _is_busy(error: Exception) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def _use_wal(raw: Any) -> None:
    """Switch to the write-ahead log. Processes that start together on a new file get in each other's way: they retry."""
    raw.execute("PRAGMA busy_timeout=5000").fetchall()
    for patience in range(_WAL_TRIES, -1, -1):
        try:
            mode = raw.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            break
        except pysqlite3.OperationalError as error:
            if not _is_busy(error) or patience == 0:
                raise
            time.sleep(_LONGEST_PAUSE)
    if mode != "wal":
        raise StoreError(f"expected a database file on a local disk (journal mode wal), SQLite offers {mode}")
