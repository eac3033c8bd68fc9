"""``/ready`` and ``/metrics``: whether this process may be given requests, and what it measured about that (I7, MT-33).

The clock of a node decides what it answers; the database's clock is what all nodes are held to. A node that is further from
it than ``Site.clock_skew`` is not ready, and its worker rests (decision record 23).
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from workbadge.store.due import count_parked
from workbadge.store.engine import Store

from .clock import Clock
from .state import Site

SEGMENTS = frozenset({"ready", "metrics"})
"""First segments of paths that ``main`` hands over."""

KEPT_SECONDS = 1.0
"""Whoever asks more often gets the last answer: nobody outside makes the database work."""

PATIENCE_SECONDS = 5.0

_NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found. ``reasons``: why the node is not ready, in words; empty when it is. ``skew``: how far its clock is ahead of the
    database's (behind: negative), as far as that is certain. ``bound``, ``heard``: in seconds, for so long at most and so
    long just now a change by another node goes unseen here. ``parked``: rows of due work that were given up."""

    reasons: tuple[str, ...]
    skew: timedelta | None = None
    bound: float | None = None
    heard: float | None = None
    parked: int | None = None

    @property
    def ready(self) -> bool:
        """Whether the node may be given requests."""
        return not self.reasons


async def measure_skew(store: Store, clock: Clock) -> timedelta | None:
    """How far the clock is ahead of the database's, as far as that is certain: what may be the time of the question itself counts
    as nothing. None where the database has no clock."""
    before = clock.now()
    theirs: datetime | None = await store.clock()
    after = clock.now()
    if theirs is None:
        return None
    return before - theirs if before > theirs else after - theirs if after < theirs else timedelta(0)


def say_skew(skew: timedelta | None, limit: timedelta) -> str | None:
    """Why a node whose clock is off so much is not ready; None when it is not off by more than the limit."""
    if skew is None or abs(skew) <= limit:
        return None
    way = "ahead of" if skew > timedelta(0) else "behind"
    return (
        f"the clock is {abs(skew).total_seconds():.3f} s {way} the database's, expected {limit.total_seconds():g} s "
        "(clock_skew_seconds) at most: set this machine's time, then start this process anew"
    )


@dataclass
class Watch:
    """Looks at one site, once a second at most, whoever asks."""

    site: Site
    _last: Readiness | None = None
    _at: float = 0.0
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> Readiness:
        """What was found within the last second."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if self._last is None or now - self._at >= KEPT_SECONDS:
                self._last = await self._look()
                self._at = asyncio.get_running_loop().time()
            return self._last

    async def _look(self) -> Readiness:
        store = self.site.services.store
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                skew = await measure_skew(store, self.site.clock)
                heard = await store.hearing()
                async with store.read() as tx:
                    parked = await count_parked(tx)
        except Exception as error:
            return Readiness((f"the database cannot be read: {type(error).__name__}",), bound=store.bound_seconds)
        said = say_skew(skew, self.site.clock_skew)
        return Readiness(() if said is None else (said,), skew, store.bound_seconds, heard, parked)


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


def _metrics(found: Readiness, limit: timedelta) -> bytes:
    """The findings as Prometheus reads them; what was not measured is left out."""
    registry = CollectorRegistry()
    for name, says, value in (
        ("ready", "1: this process may be given requests.", float(found.ready)),
        ("clock_skew_seconds", "How far this process's clock is ahead of the database's.", _seconds(found.skew)),
        ("clock_skew_limit_seconds", "How far it may be off.", limit.total_seconds()),
        ("revocation_bound_seconds", "For so long at most a change of rights goes unseen here.", found.bound),
        ("revocation_seconds", "For so long one would have gone unseen just now.", found.heard),
        ("due_parked", "Due work that was given up: workbadge due parked lists it.", found.parked),
    ):
        if value is not None:
            Gauge(f"workbadge_{name}", says, registry=registry).set(value)
    return generate_latest(registry)


def make_readiness(site: Site) -> Router:
    """Both addresses of one site."""
    watch = Watch(site)

    async def ready(request: Request) -> Response:
        """Whether this process may be given requests: 200, else 503 with the reasons."""
        found = await watch.look()
        body = {
            "ready": found.ready,
            "reasons": found.reasons,
            "clock_skew_seconds": _seconds(found.skew),
            "clock_skew_limit_seconds": site.clock_skew.total_seconds(),
            "revocation_bound_seconds": found.bound,
            "revocation_seconds": found.heard,
        }
        status = 200 if found.ready else 503
        return Response(msgspec.json.encode(body), status, _NO_STORE, media_type="application/json")

    async def metrics(request: Request) -> Response:
        """The same as numbers, for Prometheus."""
        body = _metrics(await watch.look(), site.clock_skew)
        return Response(body, 200, {**_NO_STORE, "content-type": CONTENT_TYPE_LATEST})

    return Router([Route("/ready", ready), Route("/metrics", metrics)])
