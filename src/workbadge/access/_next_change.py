"""How long what was decided about facts stays decided: ``next_change``, and ``stand``, a decision that says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ._decide import decide
from .facts import Ask, Decision, Facts

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """A decision, and when it is that of the same facts and Ask: ``starts <= now < ends``."""

    decision: Decision
    starts: datetime
    ends: datetime


def _instants(facts: Facts) -> Iterator[datetime | None]:
    """Every instant that a check compares with ``now``."""
    token, grant, account = facts.token, facts.grant, facts.account
    if token is not None:
        yield from (token.expires, token.revoked, token.parent_revoked)
    if facts.app is not None:
        yield facts.app.disabled
    if grant is not None:
        yield from (grant.revoked, grant.selected, grant.lapses)
    if account is not None:
        yield from (account.suspended, account.deleted)
    for route in facts.routes:
        yield from (route.handed_over, route.business_suspended)
        for interval in (route.membership, route.share):
            if interval is not None:
                yield from (interval.starts, interval.ends)


def next_change(facts: Facts, now: datetime) -> datetime | None:
    """The first instant after ``now`` at which any decision about ``facts`` can come out otherwise; None: there is none.

    Checks compare ``now`` with the instants of the facts and with nothing else, half-open; so every decision at ``now``, a
    refusal too, is that of each instant before the one returned. An answer may be kept until then as long as the facts stand.
    """
    return min((at for at in _instants(facts) if at is not None and at > now), default=None)


def stand(facts: Facts, ask: Ask, now: datetime) -> Standing:
    """``decide``, with the time for which its answer is the answer at every instant, as long as the facts stand."""
    return Standing(decide(facts, ask, now), now, next_change(facts, now) or _NEVER)
