"""Instants and half-open intervals. All instants are aware UTC; the database keeps microseconds.

30 days are 30 × 86 400 s (``attacks.md``, MT-32). An interval is true from ``starts`` and false at ``ends``.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(seconds=86_400)
GRACE_DEFAULT = 30 * DAY
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware instant; exact. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("expected an aware instant, got one without a zone")
    return (at - EPOCH) // _MICROSECOND


@lru_cache(maxsize=65_536)
def from_micros(micros: int) -> datetime:
    """The aware UTC instant ``micros`` microseconds after 1970; exact."""
    return EPOCH + timedelta(microseconds=micros)


def earliest(*instants: datetime | None) -> datetime | None:
    """The earliest of several ends; None means "no end" and never wins over an instant."""
    known = [at for at in instants if at is not None]
    return min(known) if known else None


@dataclass(frozen=True, slots=True)
class Interval:
    """``[starts, ends)``; ``ends`` None means open."""

    starts: datetime
    ends: datetime | None = None

    def covers(self, now: datetime) -> bool:
        """Whether ``now`` lies inside: true at ``starts``, false at ``ends``."""
        return self.starts <= now and (self.ends is None or now < self.ends)


_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})(?:\.(?P<fraction>\d{1,6}))?S)?)?"
)


def parse_duration(text: str) -> timedelta:
    """The ISO 8601 duration ``text`` in weeks, days, hours, minutes, seconds (no months, no years, no sign).

    Raises ValueError saying what was expected.
    """
    match = _DURATION.fullmatch(text) if text.isascii() else None
    if match is None or not any(match.groupdict().values()) or text.endswith("T"):
        raise ValueError(f"expected an ISO 8601 duration such as P29DT23H or PT15M, got {text[:40]!r}")
    part = {name: int(value) for name, value in match.groupdict().items() if value and name != "fraction"}
    fraction = (match["fraction"] or "").ljust(6, "0")
    return timedelta(**part) + timedelta(microseconds=int(fraction or 0))


_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6}\d*)?)?(?:[Zz]|[+-]\d{2}:?\d{2})", re.ASCII
)


def parse_instant(text: str) -> datetime:
    """The RFC 3339 instant ``text`` (a zone is required), as UTC. Raises ValueError saying what was expected.

    Seconds may be left out; more digits than microseconds are cut off. A leap second (``:60``) is refused (MT-32).
    """
    try:
        if _INSTANT.fullmatch(text) is None:
            raise ValueError
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"expected an instant with a zone such as 2026-01-31T12:00:00Z, got {text[:40]!r}") from None


def to_wire(at: datetime) -> str:
    """``2024-05-04T10:00:00Z``, with microseconds only where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
