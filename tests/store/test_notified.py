"""What nodes keep on PostgreSQL, and when they drop it."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import insert, select

from workbadge.store import notified
from workbadge.store.engine import HotQuery, Store, StoreSettings
from workbadge.store.opening import open_store
from workbadge.store.schema import setting

pytestmark = pytest.mark.anyio
COUNT = HotQuery(select(setting.c.name))


@pytest.fixture
def anyio_backend() -> str:
    """asyncio only: the drivers know no other."""
    return "asyncio"


@pytest.fixture
async def nodes(pg_url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two nodes on one database, both listening."""
    async with open_store(StoreSettings(pg_url)) as one, open_store(StoreSettings(pg_url)) as other:
        await one.create()
        for node in (one, other):
            await _until(lambda node=node: node.memo() is not None)  # type: ignore[misc]
        yield one, other


async def _until(holds) -> None:  # type: ignore[no-untyped-def]
    """Wait for what the database is about to tell; fails after ten seconds."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def _write(store: Store, name: str) -> None:
    async with store.write() as tx:
        await tx.run(insert(setting), [{"name": name, "value": ""}])


async def test_a_commit_is_heard_by_every_node(nodes: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """I7: the node that commits keeps nothing from before at once, the others as soon as they hear of it."""
    monkeypatch.setattr(notified, "LONGEST_SECONDS", 3600.0)
    one, other = nodes
    mine, theirs = one.memo(), other.memo()
    assert mine is not None and theirs is not None
    assert one.memo() is mine and other.memo() is theirs

    await _write(one, "first")

    assert one.memo() is not mine
    await _until(lambda: other.memo() is not theirs)


async def test_reading_drops_nothing(nodes: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that wrote nothing is not told to the other nodes."""
    monkeypatch.setattr(notified, "LONGEST_SECONDS", 3600.0)
    one, other = nodes
    kept = other.memo()
    async with one.read() as tx:
        await tx.rows(select(setting))
    async with one.write() as tx:
        await tx.rows(select(setting))
    await _write(one, "marker")
    await _until(lambda: other.memo() is not kept)
    kept = other.memo()

    async with one.write() as tx:
        await tx.rows(select(setting))
    await one.hot(COUNT, {})

    await other.hot(COUNT, {})
    assert other.memo() is kept


async def test_measuring_drops_nothing(nodes: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """I7: how long a commit takes to be heard is measured by way of the database, and costs no node what it keeps."""
    monkeypatch.setattr(notified, "LONGEST_SECONDS", 3600.0)
    one, other = nodes
    mine, theirs = one.memo(), other.memo()

    took = [await one.hearing() for _ in range(3)]

    assert all(each is not None and 0 < each < one.bound_seconds for each in took)
    assert one.memo() is mine and other.memo() is theirs


async def test_what_is_kept_is_never_older_than_a_second(nodes: tuple[Store, Store]) -> None:
    """house §7: a notification that is lost costs at most a second."""
    one, _ = nodes
    loop = asyncio.get_running_loop()
    begun = loop.time() + 10 * notified.LONGEST_SECONDS
    seen = []
    real = loop.time
    try:
        for passed in (0.0, 0.999, 1.0):
            loop.time = lambda passed=passed: begun + passed * notified.LONGEST_SECONDS  # type: ignore[method-assign,misc]
            seen.append(one.memo())
    finally:
        loop.time = real  # type: ignore[method-assign]

    assert seen[0] is not None and seen[1] is seen[0]
    assert seen[2] is not None and seen[2] is not seen[0]


async def test_without_a_listener_nothing_is_kept(nodes: tuple[Store, Store], pg_url: str) -> None:
    """I7: when the listening connection ends, nothing is kept until there is one again."""
    one, _ = nodes
    kept = one.memo()
    admin = await asyncpg.connect(pg_url)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    await admin.close()

    await _until(lambda: one.memo() is None)
    await _until(lambda: one.memo() is not None)
    assert one.memo() is not kept


async def test_a_read_that_was_overtaken_is_not_kept(nodes: tuple[Store, Store]) -> None:
    """I7: what was read before a commit and arrives after it goes into a dictionary that nobody looks into any more."""
    one, _ = nodes
    before = one.memo()
    assert before is not None
    await _write(one, "meanwhile")
    before["late"] = True

    after = one.memo()
    assert after is not None and "late" not in after
