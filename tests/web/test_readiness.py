"""Which node may be given requests: the one whose clock is that of the database, as far as that has one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert
from structlog.testing import capture_logs

from tests.commands._world import World, make_services
from workbadge.commands import outbox
from workbadge.commands.outbox import WEBHOOK, Outgoing
from workbadge.config import ConfigError, load_config
from workbadge.main import make_application
from workbadge.store import schema
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store
from workbadge.terms.instants import from_micros, to_micros
from workbadge.terms.kinds import NodeKind
from workbadge.web import readiness
from workbadge.web.clock import SystemClock
from workbadge.web.state import Site
from workbadge.web.worker import Worker

from ._receiver import listening

pytestmark = pytest.mark.anyio
FIVE = timedelta(minutes=5)


class OffClock:
    """A machine whose clock is off."""

    def __init__(self, by: timedelta) -> None:
        self._right = SystemClock()
        self.by = by

    def now(self) -> datetime:
        """What it shows."""
        return self._right.now() + self.by


class Node:
    """One node: its own store and clock on the common database."""

    def __init__(self, site: Site) -> None:
        self.site = site
        transport = httpx.ASGITransport(make_application(site))
        self.client = httpx.AsyncClient(transport=transport, base_url="https://badge.example")

    async def ready(self) -> tuple[int, Any]:
        """What its readiness endpoint answers."""
        answer = await self.client.get("/ready")
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.json()

    async def metrics(self) -> dict[str, float]:
        """What it tells Prometheus."""
        text = (await self.client.get("/metrics")).text
        return {one.name: one.samples[0].value for one in text_string_to_metric_families(text)}


@pytest.fixture
async def nodes(database: str) -> AsyncIterator[list[Node]]:
    """Nodes whose clocks are five minutes behind, right, and five minutes ahead."""
    async with (
        open_store(StoreSettings(database)) as behind,
        open_store(StoreSettings(database)) as right,
        open_store(StoreSettings(database)) as ahead,
    ):
        stores = ((behind, -FIVE), (right, timedelta(0)), (ahead, FIVE))
        yield [Node(Site(make_services(store), OffClock(by))) for store, by in stores]


async def test_a_node_whose_clock_is_off_is_not_ready(nodes: list[Node]) -> None:
    """MT-33: the database's time is the authority: a node five minutes off it is not ready and says so, the one in time is; SQLite has
    no clock of its own, and one machine's clock is that of all who open the file."""
    answers = [await one.ready() for one in nodes]
    if nodes[0].site.services.store.engine == "sqlite":
        assert [status for status, _ in answers] == [200, 200, 200]
        assert [body["clock_skew_seconds"] for _, body in answers] == [None, None, None]
        return
    assert [status for status, _ in answers] == [503, 200, 503]
    behind, right, ahead = (body for _, body in answers)
    assert abs(behind["clock_skew_seconds"] + 300) < 5 and abs(ahead["clock_skew_seconds"] - 300) < 5
    assert right == {**right, "ready": True, "reasons": [], "clock_skew_seconds": 0, "clock_skew_limit_seconds": 1}
    for body, way in ((behind, "behind"), (ahead, "ahead of")):
        (reason,) = body["reasons"]
        assert not body["ready"] and way in reason and "clock_skew_seconds" in reason
    assert [(await one.metrics())["workbadge_ready"] for one in nodes] == [0, 1, 0]
    assert (await nodes[2].metrics())["workbadge_clock_skew_seconds"] > 290


async def test_the_limit_is_what_was_set(nodes: list[Node]) -> None:
    """MT-33: up to the limit that was set a node is ready, beyond it no longer."""
    node = nodes[2]
    for limit, status in ((FIVE + timedelta(minutes=1), 200), (FIVE - timedelta(minutes=1), 503)):
        if node.site.services.store.engine == "postgresql":
            assert (await Node(replace(node.site, clock_skew=limit)).ready())[0] == status
    config = load_config(None, {"WORKBADGE_CLOCK_SKEW_SECONDS": "0.25"})
    assert config.clock_skew() == timedelta(milliseconds=250)
    for wrong in ("0", "-1", "61", "nan", "soon"):
        with pytest.raises(ConfigError, match="clock_skew_seconds"):
            load_config(None, {"WORKBADGE_CLOCK_SKEW_SECONDS": wrong})


async def test_a_node_that_is_set_right_is_ready_again(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-33: what counts is the clock as it is now: once it is right again, so is the node."""
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    node = nodes[2]
    clock = node.site.clock
    assert isinstance(clock, OffClock)
    before = (await node.ready())[0]
    clock.by = timedelta(0)
    assert before == (503 if node.site.services.store.engine == "postgresql" else 200)
    assert (await node.ready())[0] == 200


async def _sent(world: World) -> int:
    """How many deliveries are over."""
    return sum(one.sent_at is not None for one in await world.outbox())


async def test_a_worker_whose_clock_is_off_rests(nodes: list[Node]) -> None:
    """MT-33: the worker of a node that is ahead does nothing before its time, of one in time goes on; SQLite knows no such node."""
    engine = nodes[0].site.services.store.engine
    _, right, ahead = nodes
    world = await World(right.site.services).build()
    later = from_micros(to_micros(SystemClock().now())) + FIVE / 2
    async with listening() as hook:
        for due in (later, SystemClock().now()):
            async with world.services.store.write() as tx:
                one = Outgoing(WEBHOOK, "test", hook.url, "s", "{}", app_id=world.apps["both"])
                await outbox.enqueue(tx, world.services, [one], due)
        workers = [Worker(lambda site=one.site: site, allow_private=True, watch_clock=True) for one in (ahead, right)]
        with capture_logs() as said:
            async with workers[0].running(), asyncio.timeout(10):
                while not said and await _sent(world) < 2:
                    await asyncio.sleep(0.01)
            if engine == "postgresql":
                assert [one["event"] for one in said] == ["clock_off"] and not hook.posts
            async with workers[1].running(), asyncio.timeout(10):
                while not await _sent(world):
                    await asyncio.sleep(0.01)
    assert (await _sent(world), len(hook.posts)) == ((1, 1) if engine == "postgresql" else (2, 2))


async def test_what_a_change_takes_to_be_heard_is_measured(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """I7: each node tells for how long a change may go unseen there, and how long one took just now; without a database it is not
    ready."""
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    node = nodes[1]
    if node.site.services.store.engine == "sqlite":
        _, body = await node.ready()
        assert (body["revocation_bound_seconds"], body["revocation_seconds"]) == (0, None)
        return
    async with asyncio.timeout(10):
        while (body := (await node.ready())[1])["revocation_seconds"] is None:
            await asyncio.sleep(0.01)
    status, body = await node.ready()
    assert status == 200 and body["revocation_bound_seconds"] == 1.0
    assert 0 < body["revocation_seconds"] < 1.0
    numbers = await node.metrics()
    assert numbers["workbadge_revocation_bound_seconds"] == 1.0 and 0 < numbers["workbadge_revocation_seconds"] < 1.0


async def test_whoever_asks_often_gets_the_last_answer(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-33: asking without pause makes the database work once a second at most; what cannot be read is not ready."""
    node = nodes[1]
    store: Any = node.site.services.store
    asked = []

    async def clock() -> None:
        asked.append(1)
        raise OSError("gone")

    monkeypatch.setattr(store, "clock", clock)
    answers = [await node.ready() for _ in range(20)]
    assert {status for status, _ in answers} == {503} and len(asked) == 1
    assert answers[0][1]["reasons"] == ["the database cannot be read: OSError"]
    assert (await node.client.get("/ready/more")).status_code == 404
    assert (await node.client.post("/ready")).status_code == 405


async def test_what_was_given_up_is_counted(nodes: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """FT-26: ``workbadge_due_parked`` counts the due work that failed five times, so that an alarm can be raised for it."""
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    node = nodes[1]
    assert (await node.metrics())["workbadge_due_parked"] == 0
    services, now = node.site.services, node.site.clock.now()
    async with services.store.write() as tx:
        row = {"at": now, "kind": "invite", "subject": 7, "rank": 1, "tries": 5, "last_error": "ValueError"}
        for parked in (now, now, None):
            made = {**row, "id": services.entropy.new_id(NodeKind.RECORD), "parked_at": parked}
            await tx.run(insert(schema.due), [made])
    assert (await node.metrics())["workbadge_due_parked"] == 2
