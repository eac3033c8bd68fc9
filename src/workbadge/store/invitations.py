"""Invitations to join a business, by address. A row is open until it is accepted, withdrawn, or its time is over."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, insert, select, update

from workbadge.terms.addresses import address_key
from workbadge.terms.kinds import Role

from .engine import Tx
from .fence import Fence, count_rows
from .schema import business
from .schema.portfolio import invitation
from .window import Rows, Window, read_window


async def add_invitation(
    tx: Tx,
    invitation_id: int,
    business_id: int,
    email: str,
    role: Role,
    invited_by: int | None,
    link_hash: bytes,
    now: datetime,
    expires: datetime,
) -> None:
    """Insert an open invitation. ``email`` comes from ``parse_address``."""
    row = {
        "id": invitation_id,
        "business_id": business_id,
        "email": email,
        "email_key": address_key(email),
        "role": role.value,
        "invited_by": invited_by,
        "link_hash": link_hash,
        "created_at": now,
        "expires_at": expires,
    }
    await tx.run(insert(invitation), [row])


def _open(now: datetime) -> ColumnElement[bool]:
    return and_(invitation.c.accepted_at.is_(None), invitation.c.withdrawn_at.is_(None), invitation.c.expires_at > now)


def _invitations(where: ColumnElement[bool]) -> Select[Any]:
    return select(*invitation.c, invitation.c.created_at.label("made")).where(where)


async def find_invitation(tx: Tx, invitation_id: int, now: datetime) -> Row[Any] | None:
    """An open invitation, also with ``made``."""
    return await tx.one(_invitations(and_(invitation.c.id == invitation_id, _open(now))))


async def find_by_link(tx: Tx, link_hash: bytes, now: datetime, lock: bool = False) -> Row[Any] | None:
    """The open invitation that a link stands for."""
    statement = _invitations(and_(invitation.c.link_hash == link_hash, _open(now)))
    return await tx.one(statement.with_for_update() if lock else statement)


def _pending(business_id: int, email: str | None, now: datetime) -> Select[Any]:
    where = and_(invitation.c.business_id == business_id, _open(now))
    return _invitations(where if email is None else and_(where, invitation.c.email_key == address_key(email)))


async def list_pending(tx: Tx, business_id: int, email: str | None, now: datetime, window: Window) -> Rows:
    """Open invitations of a business, for one address or all."""
    statement, fence = _pending(business_id, email, now), Fence.around(invitation.c.business_id, business_id)
    return await read_window(tx, statement, fence, window, invitation.c.id, invitation.c.created_at)


async def count_pending(tx: Tx, business_id: int, email: str | None, now: datetime) -> int:
    """How many ``list_pending`` lists."""
    fence = Fence.around(invitation.c.business_id, business_id)
    return await count_rows(tx, _pending(business_id, email, now), fence)


async def count_since(tx: Tx, business_id: int, email: str, since: datetime) -> int:
    """How often a business has invited an address after an instant, whatever became of it."""
    mine = and_(invitation.c.business_id == business_id, invitation.c.email_key == address_key(email))
    fence = Fence.around(invitation.c.business_id, business_id)
    return await count_rows(tx, _invitations(and_(mine, invitation.c.created_at > since)), fence)


async def withdraw(tx: Tx, business_id: int, email: str, now: datetime) -> int:
    """Withdraw the open invitations of a business for an address; how many there were."""
    where = and_(invitation.c.business_id == business_id, invitation.c.email_key == address_key(email), _open(now))
    return await tx.run(update(invitation).where(where).values(withdrawn_at=now))


async def accept(tx: Tx, invitation_id: int, now: datetime) -> None:
    """Mark an invitation accepted."""
    await tx.run(update(invitation).where(invitation.c.id == invitation_id).values(accepted_at=now))


async def withdraw_of(tx: Tx, organization_id: int, email: str, now: datetime) -> int:
    """Withdraw the open invitations of all businesses of an organization for an address; how many there were."""
    owned = select(business.c.id).where(business.c.organization_id == organization_id)
    where = and_(invitation.c.business_id.in_(owned), invitation.c.email_key == address_key(email), _open(now))
    return await tx.run(update(invitation).where(where).values(withdrawn_at=now))
