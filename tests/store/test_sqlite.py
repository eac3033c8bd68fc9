"""SQLite as a server's database: settings, the library's age, and an event loop that no commit holds."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pysqlite3
import pytest
from sqlalchemy import insert

from workbadge.store import sqlite
from workbadge.store.engine import StoreBusyError, StoreError, StoreSettings
from workbadge.store.opening import make_store, open_store
from workbadge.store.schema import metadata, setting
from workbadge.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio


def at(path: Path, durable: bool = True) -> StoreSettings:
    """A database file."""
    return StoreSettings(f"sqlite:///{path / 'workbadge.db'}", durable)


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
async def test_settings_of_every_connection(tmp_path: Path, durable: bool, synchronous: int) -> None:
    """WAL; full synchronisation for live data and normal for worlds; foreign keys; a short wait for readers only."""
    async with open_store(at(tmp_path, durable)) as store:
        assert isinstance(store, SqliteStore)
        await store.create()

        def ask(raw: Any, name: str) -> Any:
            return raw.execute(f"PRAGMA {name}").fetchone()[0]

        async with store.write() as tx:
            writer = tx.connection.connection.driver_connection
            assert (ask(writer, "busy_timeout"), ask(writer, "query_only")) == (0, 0)
        async with store.read() as tx:
            reader = tx.connection.connection.driver_connection
        for raw in (writer, reader, store._hot_raw()):
            assert ask(raw, "journal_mode") == "wal"
            assert ask(raw, "synchronous") == synchronous
            assert ask(raw, "foreign_keys") == 1
            assert ask(raw, "trusted_schema") == 0
        for raw in (reader, store._hot_raw()):
            assert (ask(raw, "busy_timeout"), ask(raw, "query_only")) == (1000, 1)


async def test_writes_take_the_lock_at_once(tmp_path: Path) -> None:
    """A write holds the database's write lock from its first moment: what it reads cannot change under it."""
    async with open_store(at(tmp_path)) as store, open_store(at(tmp_path)) as other:
        await store.create()
        async with store.write():
            raw = other._hot_raw()  # type: ignore[attr-defined]
            raw.execute("PRAGMA query_only=OFF").fetchall()
            raw.execute("PRAGMA busy_timeout=0").fetchall()
            with pytest.raises(pysqlite3.OperationalError, match="locked"):
                raw.execute("BEGIN IMMEDIATE")


async def test_foreign_keys_hold(tmp_path: Path) -> None:
    """A row that names nobody is refused."""
    async with open_store(at(tmp_path)) as store:
        await store.create()
        with pytest.raises(Exception, match="FOREIGN KEY"):
            async with store.write() as tx:
                await tx.run(
                    insert(metadata.tables["assignment"]),
                    [{"membership_id": 1, "asset_id": 2, "tasks": 3}],
                )


def test_an_old_library_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start-up says which SQLite it found and which one it needs."""
    monkeypatch.setattr(pysqlite3, "sqlite_version", "3.40.1")
    with pytest.raises(StoreError, match=r"expected SQLite 3\.51\.3 or newer, found 3\.40\.1"):
        make_store(at(tmp_path))
    monkeypatch.setattr(pysqlite3, "sqlite_version", "3.100.0")
    assert sqlite.library_version() == "3.100.0"


async def test_a_database_without_a_log_is_refused() -> None:
    """A database in memory has no write-ahead log and would be another one for each connection."""
    async with open_store(StoreSettings("sqlite:///:memory:")) as store:
        with pytest.raises(StoreError, match="journal mode wal"):
            await store.create()


async def test_another_process_that_holds_the_lock_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on while a write waits for another process; after the limit the error says that nothing was done."""
    async with open_store(at(tmp_path)) as store, open_store(at(tmp_path)) as other:
        await store.create()
        release = asyncio.Event()

        async def hold() -> None:
            async with other.write():
                await release.wait()

        async def write() -> None:
            async with store.write() as tx:
                await tx.run(insert(setting), [{"name": "x", "value": ""}])

        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(write())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        release.set()
        await asyncio.gather(holding, waiting)

        release.clear()
        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)
        monkeypatch.setattr(sqlite, "_WAIT_SECONDS", 0.05)
        with pytest.raises(StoreBusyError, match="nothing was done"):
            await write()
        release.set()
        await holding


async def test_a_helper_task_that_writes_inside_a_write_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that waits for a task which itself wants to write ends with an error, not never."""
    monkeypatch.setattr(sqlite, "_WAIT_SECONDS", 0.05)
    async with open_store(at(tmp_path)) as store:
        await store.create()

        async def helper() -> None:
            async with store.write():
                pass

        with pytest.raises(StoreBusyError, match="another write of this process"):
            async with store.write():
                await asyncio.create_task(helper())
        async with store.write():
            pass


class SlowCommit:
    """A driver connection whose COMMIT blocks its thread until told to go on."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.go = threading.Event()
        self.reached = threading.Event()
        self.fail = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def execute(self, sql: str, *args: Any) -> Any:
        """The statement, a commit when allowed."""
        if sql == "COMMIT":
            self.reached.set()
            assert self.go.wait(10)
            if self.fail:
                self.fail = False
                raise pysqlite3.OperationalError("disk I/O error")
        return self._raw.execute(sql, *args)


async def slowed(store: SqliteStore) -> SlowCommit:
    """Slow the store's commits down."""
    async with store.write():
        pass
    assert store._writer is not None
    slow = SlowCommit(store._writer[1])
    store._writer = (store._writer[0], slow)
    return slow


async def write(store: SqliteStore, name: str) -> None:
    """One row."""
    async with store.write() as tx:
        await tx.run(insert(setting), [{"name": name, "value": ""}])


async def test_a_commit_never_holds_the_loop(tmp_path: Path) -> None:
    """While the disk takes its time over a commit, the loop turns and reads are answered, without the unfinished write."""
    async with open_store(at(tmp_path)) as store:
        assert isinstance(store, SqliteStore)
        await store.create()
        slow = await slowed(store)
        task = asyncio.create_task(write(store, "x"))
        while not slow.reached.is_set():
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
            async with store.read() as tx:
                assert await tx.one(setting.select()) is None
        assert not task.done()
        slow.go.set()
        await task
        async with store.read() as tx:
            assert await tx.one(setting.select()) is not None


@pytest.mark.parametrize("fail", [False, True])
async def test_cancelled_during_a_commit_waits_for_its_outcome(tmp_path: Path, fail: bool) -> None:
    """However often it is cancelled, the write ends when the commit has; nobody uses the connection before."""
    async with open_store(at(tmp_path)) as store:
        assert isinstance(store, SqliteStore)
        await store.create()
        slow = await slowed(store)
        slow.fail = fail
        task = asyncio.create_task(write(store, "x"))
        while not slow.reached.is_set():
            await asyncio.sleep(0)
        behind = asyncio.create_task(write(store, "y"))
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.005)
            assert not task.done()
            assert not behind.done()
        slow.go.set()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, pysqlite3.OperationalError if fail else asyncio.CancelledError)
        await behind
        async with store.read() as tx:
            found = [row.name for row in await tx.rows(setting.select().order_by(setting.c.name))]
        assert found == (["y"] if fail else ["x", "y"])
        await write(store, "z")


async def test_a_copy_is_whole_and_leaves_the_database_usable(tmp_path: Path) -> None:
    """A checkpoint is the database as it is; it is not taken inside a write."""
    async with open_store(at(tmp_path)) as store:
        assert isinstance(store, SqliteStore)
        await store.create()
        await write(store, "x")
        await store.copy_to(tmp_path / "copy.db")
        async with store.write():
            with pytest.raises(StoreError, match="pass its transaction on"):
                await store.copy_to(tmp_path / "other.db")
        await write(store, "y")
    async with open_store(StoreSettings(f"sqlite:///{tmp_path / 'copy.db'}")) as copy, copy.read() as tx:
        assert [row.name for row in await tx.rows(setting.select())] == ["x"]


def _open_files(path: Path) -> list[str]:
    """Files of a database that this process holds open."""
    found = [os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return [one for one in found if one.startswith(str(path / "workbadge.db"))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see which files are open")
async def test_nothing_holds_the_file_after_close(tmp_path: Path) -> None:
    """S2: a read that is under way when the store is closed lets go of the file at its end, and whoever comes later is told
    to try again: a world's file can be replaced by a checkpoint. Before, such a connection kept the new file locked for good."""
    store = make_store(at(tmp_path))
    assert isinstance(store, SqliteStore)
    await store.create()
    async with store.read():
        await store.close()
        assert _open_files(tmp_path)
    assert _open_files(tmp_path) == []
    for late in (store.read, store.write):
        with pytest.raises(StoreBusyError):
            async with late():
                pass
    with pytest.raises(StoreBusyError):
        store.memo()
    assert _open_files(tmp_path) == []
    async with open_store(at(tmp_path)) as again, again.read():
        pass


async def test_a_commit_of_another_process_is_seen_in_the_next_turn(tmp_path: Path) -> None:
    """I7: what is kept is dropped by anybody's commit. SQLite is asked once in a turn of the event loop, before which every
    question of that turn was asked; whoever asks after the commit asks in a later turn."""
    async with open_store(at(tmp_path)) as mine, open_store(at(tmp_path)) as theirs:
        assert isinstance(mine, SqliteStore)
        await mine.create()
        asked: list[str] = []
        kept = mine.memo()
        mine._hot_raw().set_trace_callback(asked.append)
        assert mine.memo() is kept and asked == []
        await asyncio.sleep(0)
        assert mine.memo() is kept and mine.memo() is kept and asked == ["PRAGMA data_version"]
        async with theirs.write() as tx:
            await tx.run(insert(setting), [{"name": "a", "value": "1"}])
        assert mine.memo() is not kept
        kept = mine.memo()
        async with mine.write() as tx:
            await tx.run(insert(setting), [{"name": "b", "value": "1"}])
        assert mine.memo() is not kept
