"""Key sets that apps publish themselves (``jwks_uri``): fetched through ``web.outgoing``, kept, fetched again for a new key.

A set is kept for ten minutes. An unknown key makes it be fetched again, so that a key rotation is seen at once; when that does
not bring the key, not again for a minute, so that nobody can make this server fetch without end. While an address does not answer, the last set counts for an hour.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from workbadge.keys.foreign import ForeignError, PublicKey, read_keys

from .outgoing import OutgoingError

FRESH = timedelta(minutes=10)
AGAIN = timedelta(minutes=1)
STALE = timedelta(hours=1)
MOST = 10_000

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]


@dataclass(slots=True)
class _Kept:
    keys: tuple[PublicKey, ...]
    fetched: datetime
    tried: datetime


class RemoteKeys:
    """Key sets by address. ``fetch``: the body behind an address; raises OutgoingError."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._kept: dict[str, _Kept] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def load(self, url: str, kid: str | None, now: datetime) -> tuple[PublicKey, ...]:
        """The keys behind ``url``; fetched anew when old or when none is named ``kid`` (a new key without a name is
        seen when the set is old). Empty when there are none to be had."""
        kept = self._kept.get(url)
        if kept is None or self._is_due(kept, kid, now):
            async with self._locks.setdefault(url, asyncio.Lock()):
                kept = self._kept.get(url)
                if kept is None or self._is_due(kept, kid, now):
                    kept = await self._load_again(url, kept, kid, now)
            self._locks.pop(url, None)
        return kept.keys if now < kept.fetched + STALE else ()

    def _is_due(self, kept: _Kept, kid: str | None, now: datetime) -> bool:
        if now < kept.tried + AGAIN:
            return False
        return not any(one.kid == kid for one in kept.keys) or now >= kept.fetched + FRESH

    async def _load_again(self, url: str, kept: _Kept | None, kid: str | None, now: datetime) -> _Kept:
        try:
            keys = read_keys(await self._fetch(url))
            found = _Kept(keys, now, now - AGAIN if any(one.kid == kid for one in keys) else now)
        except (OutgoingError, ForeignError):
            found = _Kept((), now, now) if kept is None else _Kept(kept.keys, kept.fetched, now)
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[url] = found
        return found
