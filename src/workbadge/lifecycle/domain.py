"""How a domain stands, from its timestamps alone (O1): what holds at ``now``, and when it is looked at again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from workbadge.terms.domains import (
    MAIL_PROOF,
    RECHECK,
    RECHECK_FAILING,
    SUSPEND_AFTER,
    DomainStatus,
    Method,
)

SOON = timedelta(hours=1)
"""A second look after a first failure, and between looks for a proof that was never there: one miss is no loss (AC-04)."""


@dataclass(frozen=True, slots=True)
class ClaimState:
    """A claim as it stands. ``holds``: the organization is the one that has the domain. ``answer_by``: of an open dispute."""

    expires_at: datetime
    holds: bool
    method: Method | None = None
    proved_at: datetime | None = None
    failing_since: datetime | None = None
    warned_at: datetime | None = None
    suspended_at: datetime | None = None
    answer_by: datetime | None = None


def suspends_at(warned_at: datetime | None, answer_by: datetime | None) -> datetime | None:
    """From when on nothing rests on a held domain; None: no such instant is set."""
    ends = [one for one in (None if warned_at is None else warned_at + SUSPEND_AFTER, answer_by) if one is not None]
    return min(ends) if ends else None


def status_of(claim: ClaimState, now: datetime) -> DomainStatus:
    """How the organization stands to the domain at ``now`` (half-open)."""
    if not claim.holds:
        if claim.proved_at is not None:
            return DomainStatus.CONTESTED
        return DomainStatus.OPEN if now < claim.expires_at else DomainStatus.EXPIRED
    end = suspends_at(claim.warned_at, claim.answer_by)
    if end is not None and end <= now:
        return DomainStatus.SUSPENDED
    if claim.answer_by is not None:
        return DomainStatus.DISPUTED
    return DomainStatus.VERIFIED if claim.warned_at is None else DomainStatus.WARNED


@dataclass(frozen=True, slots=True)
class Missed:
    """What a look that found nothing does to a held domain. ``warn`` and ``suspend``: this is the instant of that step."""

    failing_since: datetime
    check_at: datetime
    warn: bool = False
    suspend: bool = False


def plan_missed(claim: ClaimState, now: datetime) -> Missed:
    """A look at a held domain found no proof. The first one is looked at again soon; a second one an hour later warns; after
    ``SUSPEND_AFTER`` what rests on the domain is suspended. A proof that comes back heals all of it."""
    since = claim.failing_since or now
    if claim.warned_at is None:
        if now - since < SOON:
            return Missed(since, since + SOON)
        return Missed(since, now + RECHECK_FAILING, warn=True)
    end = claim.warned_at + SUSPEND_AFTER
    if now < end:
        return Missed(since, min(now + RECHECK_FAILING, end))
    return Missed(since, now + RECHECK_FAILING, suspend=claim.suspended_at is None)


def next_look(method: Method, now: datetime) -> datetime:
    """When a proof that was just seen is looked at again."""
    return now + (MAIL_PROOF if method is Method.MAIL else RECHECK)
