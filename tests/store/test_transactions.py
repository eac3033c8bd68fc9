"""Transactions of both engines: all or nothing, decided when cancelled, alone in a task; what is read cannot be written."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from workbadge.store.engine import HotQuery, Store, StoreError, StoreSettings
from workbadge.store.opening import make_store, open_store
from workbadge.store.schema import setting

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
NAMES = HotQuery(select(setting.c.name).order_by(setting.c.name))


async def add(tx: Any, name: str) -> None:
    """One row."""
    assert await tx.run(insert(setting), [{"name": name, "value": ""}]) in (1, -1)


async def names(store: Store) -> list[str]:
    """All rows."""
    return [str(row[0]) for row in await store.hot(NAMES, {})]


async def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    """Whatever the block wrote is gone when it raises, and the next write goes through."""

    async def fail() -> None:
        async with store.write() as tx:
            await add(tx, "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await names(store) == []
    async with store.write() as tx:
        await add(tx, "b")
    assert await names(store) == ["b"]


async def test_a_failed_statement_leaves_nothing(store: Store) -> None:
    """A statement that the database refuses undoes the whole block."""

    async def twice() -> None:
        async with store.write() as tx:
            await add(tx, "a")
            await add(tx, "a")

    with pytest.raises((DBAPIError, StoreError)):
        await twice()
    assert await names(store) == []
    async with store.write() as tx:
        await add(tx, "a")
    assert await names(store) == ["a"]


async def test_cancelled_in_the_block_leaves_nothing(store: Store) -> None:
    """A request that is given up inside its block has not happened; the next one is not held up."""
    inside = asyncio.Event()

    async def work() -> None:
        async with store.write() as tx:
            await add(tx, "a")
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with store.write() as tx:
        await add(tx, "b")
    assert await names(store) == ["b"]


async def test_cancelled_around_the_commit_is_decided(store: Store) -> None:
    """Given up at any moment, once or repeatedly: afterwards the row is there or not, and stays so; nobody is stuck."""
    for turn in range(60):
        name = f"n{turn:03}"

        async def work(name: str = name) -> None:
            async with store.write() as tx:
                await add(tx, name)

        task = asyncio.create_task(work())
        for _ in range(turn % 12):
            await asyncio.sleep(0)
        if turn % 5 == 0:
            await asyncio.sleep(turn / 30_000)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        done = await asyncio.gather(task, return_exceptions=True)
        first = name in await names(store)
        if done[0] is None:
            assert first
        async with store.write() as tx:
            await add(tx, f"after {turn:03}")
        assert (name in await names(store)) is first


async def test_a_second_transaction_inside_a_write_is_refused(store: Store) -> None:
    """It would wait for itself or not see what was written: the error says what to do; the first one goes on."""
    async with store.write() as tx:
        await add(tx, "a")
        with pytest.raises(StoreError, match="pass its transaction on"):
            async with store.write():
                pass
        with pytest.raises(StoreError, match="pass its transaction on"):
            async with store.read():
                pass
    assert await names(store) == ["a"]


async def test_reading_transactions_cannot_write(store: Store) -> None:
    """A write by way of ``read`` fails, it is not lost silently."""
    with pytest.raises(DBAPIError, match=r"readonly|read-only"):
        async with store.read() as tx:
            await add(tx, "a")
    assert await names(store) == []
    async with store.read() as tx:
        assert await tx.one(select(setting)) is None


async def test_a_read_sees_one_snapshot(store: Store) -> None:
    """What others commit meanwhile does not show in a block that began before."""
    async with store.write() as tx:
        await add(tx, "a")
    counted = select(func.count()).select_from(setting)
    async with store.read() as tx:
        assert [tuple(row) for row in await tx.rows(counted)] == [(1,)]

        async def other() -> None:
            async with store.write() as writing:
                await add(writing, "b")

        await asyncio.create_task(other())
        assert [tuple(row) for row in await tx.rows(counted)] == [(1,)]
    assert await names(store) == ["a", "b"]


async def test_an_empty_list_runs_nothing(store: Store) -> None:
    """No rows, no statement."""
    async with store.write() as tx:
        assert await tx.run(insert(setting), []) == 0
        assert await tx.run(insert(setting), ()) == 0
    assert await names(store) == []


async def test_many_writes_of_one_process_at_once(store: Store) -> None:
    """Tasks that write and read at the same time lose nothing."""

    async def work(number: int) -> None:
        async with store.write() as tx:
            await add(tx, f"{number:03}")
        async with store.read() as tx:
            assert await tx.one(select(setting).where(setting.c.name == f"{number:03}")) is not None

    await asyncio.gather(*(work(number) for number in range(80)))
    assert await names(store) == [f"{number:03}" for number in range(80)]


async def test_hot_reads_survive_a_lost_connection(pg_url: str) -> None:
    """PostgreSQL restarted or dropped us: the next hot read goes through, on a fresh connection."""
    async with open_store(StoreSettings(pg_url, pool=2)) as store:
        await store.create()
        assert await names(store) == []
        async with store.write() as tx:
            await tx.rows(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        assert await names(store) == []
        assert await asyncio.gather(*(names(store) for _ in range(10))) == [[]] * 10


# --- several processes -----------------------------------------------------------------------------------------------

EACH = 40


async def _count_up(url: str, worker: int) -> None:
    """Raise a common number and leave a row, again and again."""
    async with open_store(StoreSettings(url, pool=1)) as store:
        for turn in range(EACH):
            async with store.write() as tx:
                row = await tx.one(select(setting.c.value).where(setting.c.name == "sum").with_for_update())
                assert row is not None
                await tx.run(
                    text("UPDATE setting SET value = :value WHERE name = 'sum'"), {"value": str(int(row[0]) + 1)}
                )
                await add(tx, f"{worker}/{turn}")


async def _acknowledge(url: str) -> None:
    """Commit one row after another and say so after each commit, until killed."""
    async with open_store(StoreSettings(url, pool=1)) as store:
        turn = 0
        while True:
            async with store.write() as tx:
                await add(tx, f"{turn:06}a")
                await add(tx, f"{turn:06}b")
            sys.stdout.write(f"{turn}\n")
            sys.stdout.flush()
            turn += 1


def _start(what: str, url: str, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.store.test_transactions", what, url, *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def made_url(engine_url: str) -> str:
    """A database with all tables that nobody has open."""

    async def make() -> None:
        async with open_store(StoreSettings(engine_url, pool=1)) as store:
            await store.create()

    with asyncio.Runner() as runner:
        runner.run(make())
    return engine_url


def test_several_processes_write_one_database(made_url: str) -> None:
    """Four processes read, decide and write at once: no update is lost, nobody is refused, nobody hangs."""

    async def look(first: bool) -> list[str]:
        async with open_store(StoreSettings(made_url, pool=1)) as store:
            async with store.write() as tx:
                if first:
                    await tx.run(insert(setting), [{"name": "sum", "value": "0"}])
                row = await tx.one(select(setting.c.value).where(setting.c.name == "sum"))
            assert row is not None
            return [row[0], *await names(store)]

    asyncio.run(look(True))
    workers = [_start("count", made_url, str(number)) for number in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.close()
    found = asyncio.run(look(False))
    assert found[0] == str(4 * EACH)
    assert len(found) == 4 * EACH + 2


@pytest.mark.parametrize("delay", [0.02, 0.11, 0.23])
def test_what_was_acknowledged_survives_a_kill(made_url: str, delay: float) -> None:
    """I12: after SIGKILL at any moment, also inside a commit, all that was acknowledged is there, and nothing by half."""
    child = _start("acknowledge", made_url)
    assert child.stdout is not None
    seen = [child.stdout.readline()]

    async def wait() -> None:
        await asyncio.sleep(delay)

    asyncio.run(wait())
    os.kill(child.pid, signal.SIGKILL)
    seen += child.stdout.readlines()
    child.wait(10)
    child.stdout.close()
    last = max(int(line) for line in seen if line.endswith("\n"))

    async def look() -> list[str]:
        async with open_store(StoreSettings(made_url, pool=1)) as store:
            found = await names(store)
            async with store.write() as tx:
                await add(tx, "afterwards")
            return found

    found = asyncio.run(look())
    turns = len(found) // 2
    assert turns in (last + 1, last + 2)
    assert found == [f"{turn:06}{half}" for turn in range(turns) for half in "ab"]


def _unknown() -> None:
    make_store(StoreSettings("mysql://somewhere/else"))


def test_an_unknown_engine_is_refused() -> None:
    """The message says which addresses are understood."""
    with pytest.raises(StoreError, match=r"sqlite:///path or postgresql://"):
        _unknown()


if __name__ == "__main__":
    if sys.argv[1] == "count":
        asyncio.run(_count_up(sys.argv[2], int(sys.argv[3])))
    else:
        asyncio.run(_acknowledge(sys.argv[2]))
