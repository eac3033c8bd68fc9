"""When grants were last used: noted in memory per request, written in batches (B1, "last use"). Never a write per request."""

from datetime import datetime, timedelta

from workbadge.store import grants
from workbadge.store.engine import Store

COARSE = timedelta(minutes=1)
PAUSE = timedelta(seconds=5)
NO_PAUSE = timedelta(0)


class Usage:
    """Last uses not yet written, and when each grant was last written."""

    def __init__(self) -> None:
        self._waiting: dict[int, datetime] = {}
        self._written: dict[int, datetime] = {}
        self._flushed: datetime | None = None

    def note(self, grant_id: int, now: datetime) -> None:
        """A grant was used now; kept unless its last written use is less than a minute old."""
        last = self._written.get(grant_id)
        if last is None or now - last >= COARSE:
            self._waiting[grant_id] = now

    async def flush(self, store: Store, now: datetime, pause: timedelta = PAUSE) -> int:
        """Write what is waiting, once in ``pause`` at most; how many grants that were."""
        if not self._waiting or (self._flushed is not None and now - self._flushed < pause):
            return 0
        self._flushed = now
        waiting, self._waiting = self._waiting, {}
        async with store.write() as tx:
            await grants.touch_grants(tx, waiting)
        if len(self._written) > 100_000:
            self._written.clear()
        self._written.update(waiting)
        return len(waiting)
