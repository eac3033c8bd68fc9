"""A world: one database file, one clock, one application. Checkpoints are copies of the file (``house.md`` §3)."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from workbadge.commands import due
from workbadge.commands.due import Ran
from workbadge.commands.errors import conflict, invalid, not_found
from workbadge.commands.services import Policy, Services
from workbadge.keys import Entropy, Passwords, Sealer
from workbadge.store.engine import Store, StoreSettings
from workbadge.store.opening import make_store
from workbadge.store.sqlite import SqliteStore
from workbadge.terms.instants import DAY, to_wire
from workbadge.web.clock import WorldClock
from workbadge.web.limits import Limits, Rates
from workbadge.web.outgoing import Outgoing
from workbadge.web.state import Site
from workbadge.web.usage import NO_PAUSE, Usage

LONGEST_STEP = 3660 * DAY
"""One advance moves the clock by ten years at most."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A copy of the database and the instant it was made at."""

    id: str
    at: datetime
    file: Path


class Gate:
    """Requests pass together; whoever needs the world for itself waits until none is under way."""

    def __init__(self) -> None:
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """One request among others; waits while somebody is alone."""
        async with self._alone:
            self._under_way += 1
            self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Nobody else; requests that come meanwhile wait."""
        async with self._alone:
            await self._idle.wait()
            yield


class World:
    """A running world. It is itself the ASGI application of its site."""

    def __init__(
        self,
        folder: Path,
        base_url: str,
        clock: WorldClock,
        make_application: Callable[[Site], ASGIApp],
        entropy: Entropy,
        policy: Policy,
        title: str = "Workbadge sandbox",
        hosts: frozenset[str] = frozenset(),
        rates: Rates | None = None,
    ) -> None:
        """``folder`` must exist and be the world's alone. ``base_url``: public, without a trailing slash. ``hosts``: further
        names under which it is reached (zero-setting mode)."""
        self.folder = folder
        self.clock = clock
        self._make_application = make_application
        self._gate = Gate()
        self._moving = asyncio.Lock()
        self._checkpoints: dict[str, Checkpoint] = {}
        self._key = entropy.bytes(32)
        services = Services(
            store=self._open_store(),
            entropy=entropy,
            passwords=Passwords(),
            sealer=Sealer({"world": self._key}, entropy),
            base_url=base_url,
            policy=policy,
        )
        self.site = Site(
            services,
            clock,
            title=title,
            sandbox=True,
            show_outbox=True,
            hosts=hosts,
            outgoing=Outgoing(True),
            limits=Limits(rates),
        )
        self._application = make_application(self.site)

    @property
    def file(self) -> Path:
        """The database file."""
        return self.folder / "world.db"

    @property
    def services(self) -> Services:
        """The services as they are now (a restore replaces the store)."""
        return self.site.services

    def _open_store(self) -> Store:
        return make_store(StoreSettings(f"sqlite:///{self.file}", durable=False))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to the world."""
        if scope["type"] != "http":
            return
        async with self._gate.together():
            await self._application(scope, receive, send)

    async def create(self) -> None:
        """Create the empty database."""
        await self.services.store.create()

    async def settle(self) -> list[Ran]:
        """Run what is due at the present instant."""
        return list(await due.run(self.services, self.clock.now()))

    async def advance(self, to: datetime) -> list[Ran]:
        """Move the clock to ``to``; everything due in between happens in order, each at its own instant (S2).

        Raises CommandError: CONFLICT for the past, INVALID for more than ten years at once.
        """
        async with self._moving:
            now = self.clock.now()
            if to < now:
                raise conflict(
                    "The clock of a world never runs backwards.",
                    f"an instant not before {to_wire(now)}",
                )
            if to - now > LONGEST_STEP:
                raise invalid(
                    "to",
                    "This is more than ten years ahead.",
                    f"at most {to_wire(now + LONGEST_STEP)}",
                )
            await self.site.usage.flush(self.services.store, now, NO_PAUSE)
            ran = list(await due.run(self.services, to))
            self.clock.set(max(to, self.clock.now()))
            return ran

    async def checkpoint(self) -> Checkpoint:
        """Copy the world as it is."""
        async with self._moving, self._gate.alone():
            name = self.services.entropy.bytes(8).hex()
            file = self.folder / f"checkpoint-{name}.db"
            store = self.services.store
            assert isinstance(store, SqliteStore)
            await self.site.usage.flush(store, self.clock.now(), NO_PAUSE)
            await self.site.directory_log.flush(self.services, self.clock.now(), NO_PAUSE)
            await store.copy_to(file)
            made = Checkpoint(name, self.clock.now(), file)
            self._checkpoints[name] = made
            return made

    async def restore(self, checkpoint_id: str) -> Checkpoint:
        """Put the world back exactly: its data, its clock. Raises NOT_FOUND."""
        made = self._checkpoints.get(checkpoint_id)
        if made is None:
            raise not_found("checkpoint")
        async with self._moving, self._gate.alone():
            await self.services.store.close()
            for suffix in ("-wal", "-shm"):
                Path(f"{self.file}{suffix}").unlink(missing_ok=True)
            shutil.copyfile(made.file, self.file)
            services = replace(self.services, store=self._open_store())
            self.site = replace(self.site, services=services, limits=self.site.limits.anew(), usage=Usage())
            self.clock.restore(made.at)
            self._application = self._make_application(self.site)
            return made

    async def close(self) -> None:
        """Close the database."""
        await self.site.outgoing.close()
        await self.services.store.close()
