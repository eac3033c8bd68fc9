"""``decide``: the one place in which an access is allowed or refused."""

from datetime import datetime

from workbadge.terms.reasons import Reason

from ._checks import CHECKS, HOLDS
from .facts import Allow, Ask, Decision, Deny, Facts


def decide(facts: Facts, ask: Ask, now: datetime) -> Decision:
    """Whether ``ask`` is allowed at ``now``, given ``facts``.

    Returns ``Allow(until, because, reach_until)`` or ``Deny(reason, since)``. No I/O, no clock, no
    randomness; never raises. ``until`` holds while the facts stand; it never replaces a check.
    Source: ``house.md`` §2; rules A2, A5, A6, M5-M10, M15, I1-I8.
    """
    until: datetime | None = None
    reach_until: datetime | None = None
    because = Reason.PERSONAL_DATA
    for check in CHECKS:
        answer = check(facts, ask, now)
        if answer is HOLDS:
            continue
        if isinstance(answer, Deny):
            return answer
        ends = answer.until
        if ends is not None and (until is None or ends < until):
            until = ends
        if answer.because is not None:
            because, reach_until = answer.because, answer.until
    return Allow(until, because, reach_until)
