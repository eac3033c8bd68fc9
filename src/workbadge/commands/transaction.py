"""One transaction that is tried again from the start when it met another one's writes (FT-15, FT-16)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from workbadge.store.engine import StoreConflictError, Tx

from .services import Services

T = TypeVar("T")
TRIES = 5
_PAUSE_MS = 20


async def in_transaction(services: Services, work: Callable[[Tx], Awaitable[T]]) -> T:
    """What ``work`` returns, committed. Each try loads and decides anew; effects outside ``tx`` belong after it.

    Raises StoreConflictError after five tries, else whatever ``work`` raises.
    """
    for tried in range(TRIES):
        try:
            async with services.store.write() as tx:
                return await work(tx)
        except StoreConflictError:
            if tried == TRIES - 1:
                raise
            pause = _PAUSE_MS * 2**tried + services.entropy.below(_PAUSE_MS)
            await asyncio.sleep(pause / 1000)
    raise AssertionError("unreachable")
