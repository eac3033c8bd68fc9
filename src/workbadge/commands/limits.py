"""Slowing down guessing: per account (or client) and per address, with a delay that grows and stays bounded (OA-57).

The right secret works again as soon as the delay is over; it never locks anybody out for good.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from workbadge.store.engine import Tx
from workbadge.store.throttle import clear_throttle, drop_old, load_throttle, set_throttle

from .errors import CommandError, Problem
from .services import Services
from .transaction import in_transaction

FREE_PER_KEY = 5
FREE_PER_ADDRESS = 50
LONGEST = timedelta(minutes=5)
FORGET = timedelta(hours=1)
_SWEEP = 16
"""Keys that are free for long are dropped at every sixteenth failure of one."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """Failed tries for a key (an account, a client) and for the address they come from."""

    services: Services
    key: str
    address: str

    def _keys(self) -> tuple[tuple[str, int], ...]:
        keys = [(self.key[:160], FREE_PER_KEY)]
        if self.address:
            keys.append((f"address:{self.address}"[:160], FREE_PER_ADDRESS))
        return tuple(keys)

    async def check(self, now: datetime) -> None:
        """Raises TOO_MANY, with the instant from which it goes on, while a delay runs."""
        async with self.services.store.read() as tx:
            for key, _ in self._keys():
                known = await load_throttle(tx, key)
                if known is not None and now < known[1]:
                    raise CommandError(
                        Problem.TOO_MANY,
                        "Too many failed tries.",
                        "to try again in a few minutes",
                        at=known[1],
                    )

    async def failed(self, now: datetime) -> None:
        """Count a failed try; from the free ones on, the next must wait 1, 2, 4 … seconds, five minutes at most."""

        async def work(tx: Tx) -> None:
            for key, free in self._keys():
                known = await load_throttle(tx, key, lock=True)
                failures = 1 if known is None or now - known[1] > FORGET else known[0] + 1
                over = failures - free
                wait = timedelta(0) if over < 0 else min(timedelta(seconds=2 ** min(over, 10)), LONGEST)
                await set_throttle(tx, key, failures, now + wait, known is not None)
                if failures % _SWEEP == 1:
                    await drop_old(tx, now - FORGET)

        await in_transaction(self.services, work)

    async def succeeded(self) -> None:
        """Forget the key's failures, if there are any; those of the address stay."""
        key = self.key[:160]
        async with self.services.store.read() as tx:
            known = await load_throttle(tx, key)
        if known is None:
            return
        async with self.services.store.write() as tx:
            await clear_throttle(tx, key)
