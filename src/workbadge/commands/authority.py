"""Who may do what in a business, as a person (pages). Decided by ``access.decide`` like everything else (M5)."""

from datetime import datetime

from workbadge.access import Allow, Ask, decide
from workbadge.lifecycle.changes import MembershipState
from workbadge.store import facts, rights
from workbadge.store.engine import Tx
from workbadge.terms.kinds import Act, Role

from .errors import forbidden, not_found

_OPEN = Ask(Act.CONSENT)


async def may_open(tx: Tx, account_id: int, business_id: int, now: datetime) -> bool:
    """Whether an account may open a business in the console: a handed-over personal one may not (M5)."""
    loaded = await facts.load_session(tx, account_id, business_id)
    return loaded is not None and isinstance(decide(loaded.facts, _OPEN, now), Allow)


async def require_member(
    tx: Tx, account_id: int, business_id: int, now: datetime, lock: bool = False
) -> MembershipState:
    """The account's open membership. Raises NOT_FOUND, the same for a business that does not exist."""
    if not await may_open(tx, account_id, business_id, now):
        raise not_found("business")
    member = await rights.find_member(tx, account_id, business_id, now, lock=lock)
    if member is None or member.handed_over is not None:
        raise not_found("business")
    return member


async def require_admin(tx: Tx, account_id: int, business_id: int, now: datetime) -> MembershipState:
    """As ``require_member``, and an admin. Raises NOT_FOUND, FORBIDDEN."""
    member = await require_member(tx, account_id, business_id, now)
    if member.role is not Role.ADMIN:
        raise forbidden("Only an admin of this business can do that.", "the role ADMIN")
    return member
