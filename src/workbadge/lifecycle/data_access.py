"""How long an app may go without using a grant (``wire.md`` §3.2, §6.8)."""

from datetime import datetime

from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind

UNUSED = 90 * DAY
"""So long after its last use a grant gives no access until the person grants it again."""


def lapses_at(kind: AccountKind, consented: datetime, last_used: datetime | None) -> datetime | None:
    """The first instant at which a grant that is not used any more gives no access; None: never (system users: A6, §4).

    Consent counts as use, whatever was noted earlier.
    """
    if kind is AccountKind.SYSTEM:
        return None
    return max(consented, last_used or consented) + UNUSED
