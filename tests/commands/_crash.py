"""A process that forks one child for each line it reads; the child runs a command and kills itself at a numbered point.

Line: ``command point migration person micros``. Answer: ``killed`` or ``done``. Points are the statements of writing
transactions, the moment before each commit and the moment after it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from workbadge.commands import claim, due, migration
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import make_store
from workbadge.terms.instants import DAY, from_micros

from ._world import make_services


class Points:
    """Counts down, then kills the process."""

    def __init__(self, left: int) -> None:
        self.left = left

    def pass_one(self) -> None:
        """One point."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class CrashingTx:
    """A transaction with a point before each statement."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def rows(self, *args: Any) -> Any:
        """Pass a point, then read."""
        self._points.pass_one()
        return await self._inner.rows(*args)

    async def one(self, *args: Any) -> Any:
        """Pass a point, then read."""
        self._points.pass_one()
        return await self._inner.one(*args)

    async def run(self, *args: Any) -> Any:
        """Pass a point, then write."""
        self._points.pass_one()
        return await self._inner.run(*args)


class CrashingStore:
    """A store whose writing transactions have points."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[CrashingTx]:
        """A point before the commit and one after it."""
        async with self._inner.write() as tx:
            yield CrashingTx(tx, self._points)
            self._points.pass_one()
        self._points.pass_one()


async def act(url: str, command: str, point: int, migration_id: int, person: int, micros: int) -> None:
    """Run one command on a store that crashes."""
    store = make_store(StoreSettings(url, pool=2))
    now = from_micros(micros)
    crashing: Any = CrashingStore(store, Points(point))
    services = replace(make_services(store), store=crashing)
    if command == "claim":
        await claim.claim_for(services, migration_id, person, now)
    elif command == "extend":
        await migration.extend_grace(services, migration_id, person, now + 60 * DAY, None, now)
    elif command == "roll_back":
        await migration.roll_back(services, migration_id, person, None, now)
    else:
        await due.run(services, now)
    await store.close()


def main() -> None:
    """Read lines, fork, answer."""
    url = sys.argv[1]
    for line in sys.stdin:
        command, *numbers = line.split()
        child = os.fork()
        if child == 0:
            point, migration_id, person, micros = map(int, numbers)
            asyncio.run(act(url, command, point, migration_id, person, micros))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            answer = "killed"
        else:
            answer = "done" if os.WEXITSTATUS(status) == 0 else "failed"
        print(answer, flush=True)


if __name__ == "__main__":
    main()
