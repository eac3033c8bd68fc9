"""What the monitor found, and when it looks again (rule P2)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from regrant.edge import spread
from regrant.errors import GraphError, Reason
from regrant.rows import Asset, State

DAILY, HOURLY, NEAR = timedelta(days=1), timedelta(hours=1), timedelta(days=3)
LEASE = timedelta(minutes=15)
"""How long a token is left to whoever took it: a monitor that dies with it lets another take it then."""
LOGIN_ENDS = timedelta(days=7)
"""How long before its end a token that is not renewed counts as expiring."""
DEAD = frozenset({Reason.LOGIN_ENDED, Reason.APP_REMOVED})
LOST = frozenset({Reason.LOST_REACH, Reason.GONE, Reason.PERMISSION_MISSING, Reason.ROLE_LOST})
OUTAGE = frozenset({Reason.FAULT, Reason.UNREACHABLE, Reason.GARBLED})
LATER = frozenset({Reason.LIMIT, Reason.FAULT, Reason.UNREACHABLE, Reason.GARBLED, Reason.REFUSED})


@dataclass(frozen=True, slots=True)
class Change:
    """An asset's state before and after. It is stored already, and in the asset's history."""

    before: Asset
    after: Asset


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the monitor. ``wait_until``: the server's allowance is full until then; tokens left over are due again then."""

    tokens: int
    changes: tuple[Change, ...]
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """How an asset stands."""

    state: State
    reason: str | None = None
    until: datetime | None = None


def found(ends: datetime | GraphError | None, login_ends: datetime | None, now: datetime) -> Finding | None:
    """How an asset stands, from the answer about it and the end of its token. None: nothing was found out."""
    if isinstance(ends, GraphError):
        return Finding(State.LOST, ends.reason.value) if ends.reason in LOST | DEAD else None
    if login_ends is not None and login_ends - now <= LOGIN_ENDS and (ends is None or login_ends < ends):
        return Finding(State.EXPIRING, "login", login_ends)
    return Finding(State.OK) if ends is None else Finding(State.EXPIRING, "migration", ends)


def next_look(rows: list[Asset], now: datetime) -> datetime:
    """When to look again: daily; hourly in the last three days before something ends; spread, so that not all come at once.

    An end that lies within the hour is looked at right at it; one that should be over, and is not, within the hour again: the
    clocks here and there may differ.
    """
    soonest = min((row.until for row in rows if row.state is State.EXPIRING and row.until is not None), default=None)
    if soonest is None:
        return now + timedelta(seconds=spread(DAILY.total_seconds()))
    if timedelta() < soonest - now <= HOURLY:
        return soonest
    if soonest - now <= NEAR:
        return now + timedelta(seconds=spread(HOURLY.total_seconds()))
    return min(soonest - NEAR, now + timedelta(seconds=spread(DAILY.total_seconds())))
