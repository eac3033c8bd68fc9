"""Joining a business by invitation: an admin names an address, whoever signs in with it accepts (A4, M18).

An invitation gives nothing by itself, and its link opens it for nobody but a login with that address.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.keys import hash_secret
from workbadge.lifecycle.changes import Audit
from workbadge.store import invitations, records, rights
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import address_key
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role

from . import mails
from .errors import CommandError, Problem, conflict
from .outbox import MAIL, Outgoing, enqueue
from .portfolio import add_member, check_address
from .services import Services
from .transaction import in_transaction

LINK_LIFE = 30 * DAY
MOST_OPEN = 500
"""So many invitations of one business may be open at once."""
MOST_A_DAY = 5
"""So many mails a day one address gets from one business."""


async def invite_to_join(
    tx: Tx, services: Services, business_id: int, email: str, role: Role, actor_id: int, now: datetime
) -> int:
    """Invite an address into a business; the invitation's id. An open one for the same address is replaced, its link dead.

    The caller has decided that the actor manages the business. Raises CommandError: INVALID address, CONFLICT when somebody
    with that address is in the business already, or too many are open or were sent.
    """
    address = check_address(email)
    for kind in (AccountKind.PERSONAL, AccountKind.MANAGED):
        known = await records.find_account_by_address(tx, kind, address)
        place = None if known is None else await rights.find_member(tx, known.id, business_id, now)
        if place is not None and place.handed_over is None:
            raise conflict(f"{address} is in the business already.", "an address of somebody who is not")
    if await invitations.count_since(tx, business_id, address, now - DAY) >= MOST_A_DAY:
        raise conflict(f"{address} was invited {MOST_A_DAY} times within a day.", "to try again tomorrow")
    business = await records.find_business(tx, business_id)
    actor = await records.find_account(tx, actor_id)
    assert business is not None and actor is not None
    await invitations.withdraw(tx, business_id, address, now)
    if await invitations.count_pending(tx, business_id, None, now) >= MOST_OPEN:
        raise conflict(f"{MOST_OPEN} invitations of this business are open.", "to withdraw some first")
    invitation_id = services.entropy.new_id(NodeKind.RECORD)
    link = services.entropy.text(43)
    expires = now + LINK_LIFE
    await invitations.add_invitation(
        tx, invitation_id, business_id, address, role, actor_id, hash_secret(link), now, expires
    )
    subject, body = mails.joining(actor.name, business.name, f"{services.base_url}/console/join/{link}", expires)
    await enqueue(tx, services, [Outgoing(MAIL, "joining", address, subject, body, business_id)], now)
    entry = Audit("invitation.add", invitation_id, business_id, None, {"email": address, "role": role.value})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    return invitation_id


async def withdraw_invitation(tx: Tx, services: Services, row: Any, actor_id: int, now: datetime) -> None:
    """Take an open invitation back; its link is dead."""
    await invitations.withdraw(tx, row.business_id, row.email, now)
    entry = Audit("invitation.withdraw", row.id, row.business_id, None, {"email": row.email})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


@dataclass(frozen=True, slots=True)
class JoinView:
    """What the page of an invitation shows. ``inviter`` None: the account is gone."""

    business_id: int
    business: str
    email: str
    role: Role
    inviter: str | None
    expires: datetime


def _unusable() -> CommandError:
    """Used, withdrawn, expired and foreign links all read alike (AC-22)."""
    return CommandError(
        Problem.NOT_FOUND, "This invitation cannot be used (any more).", "an open invitation to one's own address"
    )


async def open_invitation(tx: Tx, link: str, now: datetime) -> JoinView:
    """What a link stands for; looking consumes nothing. Raises NOT_FOUND, neutrally."""
    row = await invitations.find_by_link(tx, hash_secret(link), now)
    if row is None:
        raise _unusable()
    business = await records.find_business(tx, row.business_id)
    inviter = None if row.invited_by is None else await records.find_account(tx, row.invited_by)
    assert business is not None
    name = None if inviter is None else inviter.name
    return JoinView(row.business_id, business.name, row.email, Role(row.role), name, row.expires_at)


async def join(services: Services, link: str, account_id: int, now: datetime) -> int:
    """Accept an invitation with an account that has its address; the business's id. Of two that accept at once one wins.

    Raises CommandError: NOT_FOUND for any link that cannot be used, also by this account; CONFLICT when it is in already,
    or still in grace there with its old login.
    """

    async def work(tx: Tx) -> int:
        row = await invitations.find_by_link(tx, hash_secret(link), now, lock=True)
        account = await records.find_account(tx, account_id)
        if row is None or account is None or account.kind == AccountKind.SYSTEM.value or account.email is None:
            raise _unusable()
        if address_key(account.email) != row.email_key or account.suspended_at or account.deleted_at:
            raise _unusable()
        await add_member(tx, services, account_id, row.business_id, Role(row.role), {}, account_id, now)
        await invitations.accept(tx, row.id, now)
        return int(row.business_id)

    return await in_transaction(services, work)
