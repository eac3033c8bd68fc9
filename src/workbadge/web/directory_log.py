"""What directories asked and were answered: noted in memory after the answer, written in batches (O5).

No request waits for its entry, and an entry that cannot be written costs nobody a change: the audit is written with the
change, this log beside it.
"""

import logging
from datetime import datetime, timedelta

from workbadge.commands.services import Services
from workbadge.store import scim_requests
from workbadge.store.engine import StoreError
from workbadge.store.scim_requests import LoggedRequest

PAUSE = timedelta(seconds=2)
NO_PAUSE = timedelta(0)
MOST_WAITING = 200
"""Entries that wait; the request that brings one more writes them all."""

_LOG = logging.getLogger(__name__)


class DirectoryLog:
    """Requests that are not written yet."""

    def __init__(self) -> None:
        self._waiting: list[LoggedRequest] = []
        self._flushed: datetime | None = None

    def note(self, entry: LoggedRequest) -> bool:
        """Keep an entry; whether so many wait that they should be written now."""
        self._waiting.append(entry)
        return len(self._waiting) >= MOST_WAITING

    async def flush(self, services: Services, now: datetime, pause: timedelta = PAUSE) -> int:
        """Write what is waiting, once in ``pause`` at most; how many entries that were. What cannot be written is dropped, and
        said in the process's own log."""
        if not self._waiting or (self._flushed is not None and timedelta(0) <= now - self._flushed < pause):
            return 0
        self._flushed = now
        waiting, self._waiting = self._waiting, []
        try:
            async with services.store.write() as tx:
                await scim_requests.add_requests(tx, waiting, services.entropy.new_id)
        except StoreError as error:
            _LOG.warning("%d entries of directories' requests were not written: %s", len(waiting), error)
        return len(waiting)
