"""How fast one organization's directory may ask: counted in this process, never stored (SC-38).

Each organization has a bucket of its own, so that one that hurries makes nobody else wait.
"""

from collections import OrderedDict
from datetime import datetime
from math import ceil

from workbadge.terms.instants import to_micros

MINUTE = 60_000_000
MOST_KEPT = 10_000
"""Organizations whose counts are kept; who asked longest ago starts anew."""


class DirectoryPace:
    """``a_minute``: requests of one organization, at once or spread; 0: no limit."""

    def __init__(self, a_minute: int = 3_000) -> None:
        self._most = a_minute
        self._spent: OrderedDict[int, tuple[float, int]] = OrderedDict()

    def admit(self, organization_id: int, now: datetime) -> int:
        """Count a request; 0 when there is room for it, else whole seconds until there is (and it is not counted)."""
        if not self._most:
            return 0
        at = to_micros(now)
        spent, last = self._spent.pop(organization_id, (0.0, at))
        spent = max(0.0, spent - max(0, at - last) * self._most / MINUTE)
        wait = (
            0 if spent + 1 <= self._most else max(1, ceil((spent + 1 - self._most) * MINUTE / self._most / 1_000_000))
        )
        self._spent[organization_id] = (spent if wait else spent + 1, max(at, last))
        if len(self._spent) > MOST_KEPT:
            self._spent.popitem(last=False)
        return wait
