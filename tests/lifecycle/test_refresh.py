"""Refresh tokens, one rule at a time: good once, two limits, a second use ends the family."""

from dataclasses import replace

from tests.access.worlds import DAY, T0, TICK
from workbadge.lifecycle.refresh import RefreshOutcome, RefreshState, expiry_of_next, judge_refresh

FRESH = RefreshState(T0 + 60 * DAY, None, T0 + 365 * DAY, None)


def test_a_fresh_token_is_good_before_both_limits() -> None:
    """OA-29: good one tick before the idle limit and the absolute one, and no more at either."""
    assert judge_refresh(FRESH, T0) is RefreshOutcome.ROTATE
    assert judge_refresh(FRESH, FRESH.expires - TICK) is RefreshOutcome.ROTATE
    assert judge_refresh(FRESH, FRESH.expires) is RefreshOutcome.ENDED
    late = replace(FRESH, expires=FRESH.ends + DAY)
    assert judge_refresh(late, FRESH.ends - TICK) is RefreshOutcome.ROTATE
    assert judge_refresh(late, FRESH.ends) is RefreshOutcome.ENDED


def test_a_used_token_ends_its_family_however_old_it_is() -> None:
    """OA-25: a second use is a replay, at once and after any limit; of a family that ended it changes nothing."""
    used = replace(FRESH, used=T0)
    for now in (T0, T0 + DAY, FRESH.expires, FRESH.ends + DAY):
        assert judge_refresh(used, now) is RefreshOutcome.REPLAYED
        assert judge_refresh(replace(used, revoked=T0), now) is RefreshOutcome.ENDED
    assert judge_refresh(replace(FRESH, revoked=T0), T0) is RefreshOutcome.ENDED


def test_sliding_never_passes_the_absolute_limit() -> None:
    """OA-29: each token gets the idle time anew, cut off at the family's end."""
    assert expiry_of_next(FRESH.ends, 60 * DAY, T0) == T0 + 60 * DAY
    assert expiry_of_next(FRESH.ends, 60 * DAY, FRESH.ends - DAY) == FRESH.ends
