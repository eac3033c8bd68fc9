"""Refresh tokens: what happens to one that is presented (RFC 9700 §4.14.2; OA-25, OA-26, OA-29).

Each is good once. A second use means that two hold it, and nobody can tell which of them is the thief: the whole family
ends. There is no window in which a second use is forgiven.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class RefreshOutcome(StrEnum):
    """What is to be done."""

    ROTATE = "rotate"
    """It is good: mark it used, issue its successor."""

    REPLAYED = "replayed"
    """It was used before: end the family, with every access token that came from it."""

    ENDED = "ended"
    """It is past a limit, or the family has ended: nothing changes."""


@dataclass(frozen=True, slots=True)
class RefreshState:
    """One refresh token (``expires``: its idle limit) and its family (``ends``: the absolute limit)."""

    expires: datetime
    used: datetime | None
    ends: datetime
    revoked: datetime | None


def judge_refresh(state: RefreshState, now: datetime) -> RefreshOutcome:
    """What a presented refresh token leads to at ``now``. A used one ends its family however old it is."""
    if state.revoked is not None:
        return RefreshOutcome.ENDED
    if state.used is not None:
        return RefreshOutcome.REPLAYED
    return RefreshOutcome.ROTATE if now < min(state.expires, state.ends) else RefreshOutcome.ENDED


def expiry_of_next(ends: datetime, idle: timedelta, now: datetime) -> datetime:
    """The idle limit of a token that is issued now; sliding never passes the absolute limit."""
    return min(now + idle, ends)
