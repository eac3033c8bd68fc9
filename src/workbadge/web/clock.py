"""The clock: read once per request or job, at the edge, and passed down (``house.md`` §3). Nothing else reads it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where ``now`` comes from."""

    def now(self) -> datetime:
        """The present instant, aware UTC; never earlier than one it gave before."""
        ...


class SystemClock:
    """The machine's clock; within one process it never runs backwards."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The present instant."""
        now = datetime.now(UTC)
        if now < self._last:
            return self._last
        self._last = now
        return now


class SettableClock:
    """A world's clock: it stands until it is set, and only forward (S2)."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._at

    def set(self, at: datetime) -> None:
        """Move forward to ``at``. Raises ValueError when that lies in the past."""
        if at < self._at:
            raise ValueError(f"expected an instant not before {self._at.isoformat()}, got {at.isoformat()}")
        self._at = at

    def restore(self, at: datetime) -> None:
        """Set to the instant of a restored checkpoint; only beside restoring its database."""
        self._at = at


class MovableClock:
    """A clock that runs with the machine's and can be set forward: the demo's."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The machine's instant, moved ahead by what was set."""
        return self._system.now() + self._ahead

    def set(self, at: datetime) -> None:
        """Move forward to ``at``. Raises ValueError when that lies in the past."""
        now = self.now()
        if at < now:
            raise ValueError(f"expected an instant not before {now.isoformat()}, got {at.isoformat()}")
        self._ahead += at - now

    def restore(self, at: datetime) -> None:
        """Set to the instant of a restored checkpoint; only beside restoring its database."""
        self._ahead += at - self.now()


class WorldClock(Clock, Protocol):
    """A clock that can be moved: of a world (S1, S2)."""

    def set(self, at: datetime) -> None:
        """Move forward. Raises ValueError for the past."""
        ...

    def restore(self, at: datetime) -> None:
        """Set to the instant of a restored checkpoint."""
        ...
