"""Counting over a rolling hour, in memory: one slot for each minute in which there was something to count."""

from collections import deque

WINDOW = 60
"""Minutes for which a call counts: its own and the 59 after it."""

WORK_PER_CALL = 25
"""Nodes that may be shown in lists for each call of a limit: a page of the default size."""

NO_LIMIT = 1 << 62


class Meter:
    """Calls, and nodes shown in lists, against a limit of calls. Attributes are read on the hot path, written here alone.

    ``used``, ``worked``: percent of the limit; ``full``: nothing more may be called; ``text``: how the wire shows it, kept
    by whoever shows it until it changes.
    """

    __slots__ = ("_slot", "_slots", "_until", "calls", "full", "limit", "minute", "text", "used", "work", "worked")

    def __init__(self, limit: int, minute: int) -> None:
        self.limit = limit
        self.minute = minute
        self.calls = self.work = 0
        self._slot = [minute, 0, 0]
        self._slots = deque((self._slot,))
        self._weigh()

    def _weigh(self) -> None:
        """Work out percents, and the number of calls at which they change."""
        budget = self.limit * WORK_PER_CALL
        self.used = self.calls * 100 // self.limit
        self.worked = self.work * 100 // budget
        self.full = self.calls >= self.limit or self.work >= budget
        self._until = -(-(self.used + 1) * self.limit // 100)
        self.text: bytes | None = None

    def turn(self, minute: int) -> None:
        """Go on to a later minute: what is an hour old no longer counts. An earlier one changes nothing."""
        if minute <= self.minute:
            return
        self.minute = minute
        while self._slots and self._slots[0][0] <= minute - WINDOW:
            _, calls, work = self._slots.popleft()
            self.calls -= calls
            self.work -= work
        self._slot = [minute, 0, 0]
        self._slots.append(self._slot)
        self._weigh()

    def count(self) -> None:
        """One call more."""
        self.calls += 1
        self._slot[1] += 1
        if self.calls >= self._until:
            self._weigh()

    def admit(self) -> bool:
        """One call more, if there is room for it."""
        if self.full:
            return False
        self.calls += 1
        self._slot[1] += 1
        if self.calls >= self._until:
            self._weigh()
        return True

    def add_work(self, nodes: int) -> None:
        """So many nodes were shown in a list."""
        self.work += nodes
        self._slot[2] += nodes
        self._weigh()

    def widen(self, limit: int) -> None:
        """Another limit from now on."""
        if limit != self.limit:
            self.limit = limit
            self._weigh()

    def wait(self) -> int:
        """Whole minutes until something may be called again; 0: now."""
        calls, work, budget = self.calls, self.work, self.limit * WORK_PER_CALL
        for minute, some, shown in self._slots if self.full else ():
            calls -= some
            work -= shown
            if calls < self.limit and work < budget:
                return int(minute) + WINDOW - self.minute
        return 0


class Meters:
    """Meters by key. Those not asked for in one to two hours are forgotten: they would stand at nothing."""

    __slots__ = ("_old", "_young")

    def __init__(self) -> None:
        self._young: dict[object, Meter] = {}
        self._old: dict[object, Meter] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, key: object, minute: int) -> Meter | None:
        """The meter of a key that was asked for in this hour, turned to that minute."""
        found = self._young.get(key)
        if found is not None and found.minute != minute:
            found.turn(minute)
        return found

    def open(self, key: object, limit: int, minute: int) -> Meter:
        """The meter of a key, an old or a new one."""
        found = self._old.pop(key, None) or Meter(limit, minute)
        found.turn(minute)
        self._young[key] = found
        return found

    def age(self, hours: int) -> None:
        """So many hours have begun since the last."""
        self._old = self._young if hours == 1 else {}
        self._young = {}
