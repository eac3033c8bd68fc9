"""A store for one batch: what its reads have found is kept until the batch itself writes, or lets go of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from .engine import HotQuery, Store, Tx


class KeptStore:
    """Another store whose memo holds on both engines: facts are as of the batch's own reading, not of each operation's.

    It must not outlive one request. A write through it empties the memo, so that the next read sees what was written.
    """

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.engine = inner.engine
        self.bound_seconds = inner.bound_seconds
        self._kept: dict[Any, Any] | None = None

    def read(self) -> AbstractAsyncContextManager[Tx]:
        """As of the other store."""
        return self._inner.read()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """As of the other store; nothing that was kept before outlasts it."""
        try:
            async with self._inner.write() as tx:
                yield tx
        finally:
            self.forget()

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """As of the other store."""
        return await self._inner.hot(query, params)

    def memo(self) -> dict[Any, Any]:
        """What was kept since the last ``forget``: begun with the other store's, exact at that instant, if it has one."""
        if self._kept is None:
            found = self._inner.memo()
            self._kept = {} if found is None else found
        return self._kept

    def forget(self) -> None:
        """Read anew from here on."""
        self._kept = None

    async def clock(self) -> datetime | None:
        """As of the other store."""
        return await self._inner.clock()

    async def hearing(self) -> float | None:
        """As of the other store."""
        return await self._inner.hearing()

    async def create(self) -> None:
        """As of the other store."""
        await self._inner.create()

    async def run_sync(self, work: Callable[[Connection], None]) -> None:
        """As of the other store."""
        await self._inner.run_sync(work)

    async def close(self) -> None:
        """As of the other store."""
        await self._inner.close()
