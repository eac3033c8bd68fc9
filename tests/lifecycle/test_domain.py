"""How a domain stands, from its timestamps alone."""

from datetime import timedelta

from tests.access.worlds import DAY, T0, TICK
from workbadge.lifecycle.domain import SOON, ClaimState, next_look, plan_missed, status_of, suspends_at
from workbadge.terms.domains import (
    MAIL_PROOF,
    RECHECK,
    RECHECK_FAILING,
    SUSPEND_AFTER,
    DomainStatus,
    Method,
    proof_value,
    record_name,
)
from workbadge.terms.public_mail import AS_OF, PUBLIC_MAIL


def test_a_claim_is_open_until_it_expires_and_contested_once_proven() -> None:
    """O1: an attempt ends at its instant; what is proven while another holds it is contested."""
    claim = ClaimState(T0 + DAY, False)
    assert status_of(claim, T0 + DAY - TICK) is DomainStatus.OPEN
    assert status_of(claim, T0 + DAY) is DomainStatus.EXPIRED
    assert status_of(ClaimState(T0, False, proved_at=T0), T0 + DAY) is DomainStatus.CONTESTED


def test_a_held_domain_is_warned_disputed_and_suspended_in_time() -> None:
    """O1, AC-07: a warning or an open dispute ends in a suspension at the earlier of their instants, not before."""
    assert status_of(ClaimState(T0, True), T0) is DomainStatus.VERIFIED
    warned = ClaimState(T0, True, warned_at=T0)
    assert status_of(warned, T0 + SUSPEND_AFTER - TICK) is DomainStatus.WARNED
    assert status_of(warned, T0 + SUSPEND_AFTER) is DomainStatus.SUSPENDED
    disputed = ClaimState(T0, True, answer_by=T0 + DAY)
    assert status_of(disputed, T0) is DomainStatus.DISPUTED
    assert status_of(disputed, T0 + DAY) is DomainStatus.SUSPENDED
    assert suspends_at(None, None) is None
    assert suspends_at(T0, T0 + DAY) == T0 + DAY


def test_one_miss_is_no_loss() -> None:
    """AC-04, AC-06: the first miss is looked at again soon, the second an hour later warns, a week later it is suspended, once."""
    first = plan_missed(ClaimState(T0, True), T0)
    assert (first.failing_since, first.check_at, first.warn, first.suspend) == (T0, T0 + SOON, False, False)
    second = plan_missed(ClaimState(T0, True, failing_since=T0), T0 + SOON)
    assert second.warn and not second.suspend and second.check_at == T0 + SOON + RECHECK_FAILING
    warned = ClaimState(T0, True, failing_since=T0, warned_at=T0)
    later = plan_missed(warned, T0 + SUSPEND_AFTER - timedelta(hours=1))
    assert not later.suspend and later.check_at == T0 + SUSPEND_AFTER
    assert plan_missed(warned, T0 + SUSPEND_AFTER).suspend
    gone = ClaimState(T0, True, failing_since=T0, warned_at=T0, suspended_at=T0)
    assert not plan_missed(gone, T0 + SUSPEND_AFTER).suspend


def test_proofs_are_looked_at_again() -> None:
    """O1: records and files daily, a code by mail after a year; what is to be set says whose challenge it is."""
    assert next_look(Method.DNS, T0) == next_look(Method.FILE, T0) == T0 + RECHECK
    assert next_look(Method.MAIL, T0) == T0 + MAIL_PROOF
    assert record_name("a.example") == "_workbadge-challenge.a.example"
    assert proof_value("x") == "workbadge-verification=x"


def test_mail_providers_have_a_date() -> None:
    """AC-09: the list of mail providers says as of when it is, and holds names in their normal form."""
    assert AS_OF.year >= 2026
    assert len(PUBLIC_MAIL) > 100 and all(one == one.lower() and "." in one for one in PUBLIC_MAIL)
