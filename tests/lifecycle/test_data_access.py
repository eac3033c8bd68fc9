"""How long an app may go without using a grant: the edges of ninety days."""

from tests.access.worlds import DAY, T0, TICK
from workbadge.lifecycle.data_access import UNUSED, lapses_at
from workbadge.terms.kinds import AccountKind


def test_ninety_days_after_the_last_use_a_grant_lapses() -> None:
    """wire 6.8: the ninety days run from the last use, and from the consent where that came later or nothing was used."""
    assert UNUSED == 90 * DAY
    for kind in (AccountKind.PERSONAL, AccountKind.MANAGED):
        assert lapses_at(kind, T0, None) == T0 + UNUSED
        assert lapses_at(kind, T0, T0 + TICK) == T0 + TICK + UNUSED
        assert lapses_at(kind, T0 + DAY, T0) == T0 + DAY + UNUSED


def test_what_a_system_user_grants_never_lapses() -> None:
    """A6, wire 4: system users' tokens live without an end, used or not."""
    assert lapses_at(AccountKind.SYSTEM, T0, None) is None
    assert lapses_at(AccountKind.SYSTEM, T0, T0 + DAY) is None
