"""The clock of a process: read at the edge, never backwards."""

from datetime import UTC, datetime, timedelta

import pytest

from workbadge.web import clock
from workbadge.web.clock import MovableClock, SystemClock

T0 = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class Machine(datetime):
    """A machine's clock that tests set."""

    at = T0

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        """What it was set to."""
        return cls.at


@pytest.mark.parametrize("make", [SystemClock, MovableClock])
def test_time_never_runs_backwards_within_a_process(
    monkeypatch: pytest.MonkeyPatch, make: type[SystemClock] | type[MovableClock]
) -> None:
    """MT-33: when the machine's clock is set back five minutes, a process stands where it was until that instant comes again."""
    monkeypatch.setattr(clock, "datetime", Machine)
    process, seen = make(), []
    for minutes in (0, 1, -4, -3.5, 1, 1.5):
        monkeypatch.setattr(Machine, "at", T0 + timedelta(minutes=minutes))
        seen.append((process.now() - T0) / timedelta(minutes=1))
    assert seen == [0, 1, 1, 1, 1, 1.5]
