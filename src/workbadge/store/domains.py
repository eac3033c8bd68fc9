"""Domains: claims with their proofs, who holds which, disputes, trusted domains (O1, O2)."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, insert, or_, select, update

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import account_link, domain, domain_claim, domain_dispute, organization, trusted_domain

_LIVE = domain_claim.c.ended_at.is_(None)
_OPEN = domain_dispute.c.ended_at.is_(None)


def _of_holder() -> ColumnElement[bool]:
    return and_(domain_claim.c.name == domain.c.name, domain_claim.c.organization_id == domain.c.organization_id, _LIVE)


def _standing() -> Select[Any]:
    """Every held domain with what decides whether it is good."""
    return (
        select(
            domain.c.name,
            domain.c.organization_id,
            domain.c.verified_at,
            domain_claim.c.warned_at,
            domain_dispute.c.answer_by,
        )
        .outerjoin(domain_claim, _of_holder())
        .outerjoin(domain_dispute, and_(domain_dispute.c.name == domain.c.name, _OPEN))
    )


async def find_standing(tx: Tx, name: str) -> Row[Any] | None:
    """name, organization_id, verified_at, warned_at, answer_by of a domain that somebody holds."""
    return await tx.one(_standing().where(domain.c.name == name))


async def list_standing(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """The same for every domain of an organization, by name."""
    return await tx.rows(_standing().where(domain.c.organization_id == organization_id).order_by(domain.c.name))


async def lock_holder(tx: Tx, name: str) -> Row[Any] | None:
    """Who holds a domain, locked: organization_id, verified_at."""
    return await tx.one(select(domain).where(domain.c.name == name).with_for_update())


async def drop_holder(tx: Tx, name: str) -> None:
    """Nobody holds the domain any more."""
    await tx.run(delete(domain).where(domain.c.name == name))


async def add_claim(tx: Tx, row: dict[str, Any]) -> None:
    """Insert a claim."""
    await tx.run(insert(domain_claim), [{"code_tries": 0, **row}])


async def find_claim(tx: Tx, claim_id: int, lock: bool = False) -> Row[Any] | None:
    """All columns of a claim that was not ended."""
    statement = select(domain_claim).where(domain_claim.c.id == claim_id, _LIVE)
    return await tx.one(statement.with_for_update() if lock else statement)


async def find_claim_of(tx: Tx, organization_id: int, name: str, lock: bool = False) -> Row[Any] | None:
    """An organization's claim of a name."""
    mine = and_(domain_claim.c.organization_id == organization_id, domain_claim.c.name == name, _LIVE)
    statement = select(domain_claim).where(mine)
    return await tx.one(statement.with_for_update() if lock else statement)


async def list_claims(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """An organization's claims that were not ended, by name."""
    mine = and_(domain_claim.c.organization_id == organization_id, _LIVE)
    statement = select(domain_claim).where(mine).order_by(domain_claim.c.name)
    return await fenced_rows(tx, statement, Fence.around(domain_claim.c.organization_id, organization_id))


async def list_all_claims(tx: Tx, limit: int) -> list[Row[Any]]:
    """Claims of everybody with the organization's name as ``organization``, by name."""
    return await tx.rows(
        select(domain_claim, organization.c.name.label("organization"))
        .join(organization, organization.c.id == domain_claim.c.organization_id)
        .where(_LIVE)
        .order_by(domain_claim.c.name, domain_claim.c.created_at)
        .limit(limit)
    )


async def set_claim(tx: Tx, claim_id: int, values: dict[str, Any]) -> None:
    """Set columns of a claim."""
    await tx.run(update(domain_claim).where(domain_claim.c.id == claim_id).values(values))


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(_LIVE, domain_claim.c.check_at <= now)


async def has_check(tx: Tx, now: datetime) -> bool:
    """Whether some claim is to be looked at."""
    return await tx.one(select(domain_claim.c.id).where(_due(now)).limit(1)) is not None


async def take_check(tx: Tx, now: datetime, until: datetime) -> Row[Any] | None:
    """The claim to be looked at first; its next look is put off to ``until``, so that a crash only delays it."""
    row = await tx.one(
        select(domain_claim)
        .where(_due(now))
        .order_by(domain_claim.c.check_at, domain_claim.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is not None:
        await set_claim(tx, row.id, {"check_at": until})
    return row


async def add_dispute(tx: Tx, row: dict[str, Any]) -> None:
    """Insert a dispute."""
    await tx.run(insert(domain_dispute), [row])


async def find_dispute(tx: Tx, name: str, lock: bool = False) -> Row[Any] | None:
    """The open dispute about a name."""
    statement = select(domain_dispute).where(domain_dispute.c.name == name, _OPEN)
    return await tx.one(statement.with_for_update() if lock else statement)


async def find_last_dispute(tx: Tx, name: str, claimant_id: int) -> Row[Any] | None:
    """The last dispute of a claimant about a name that was ended."""
    mine = (domain_dispute.c.name == name, domain_dispute.c.claimant_id == claimant_id)
    ended = domain_dispute.c.ended_at.is_not(None)
    return await tx.one(select(domain_dispute).where(*mine, ended).order_by(domain_dispute.c.ended_at.desc()).limit(1))


async def list_disputes(tx: Tx, organization_id: int | None = None) -> list[Row[Any]]:
    """Open disputes (of an organization, on either side), earliest first."""
    statement = select(domain_dispute).where(_OPEN).order_by(domain_dispute.c.opened_at, domain_dispute.c.id)
    if organization_id is not None:
        sides = (domain_dispute.c.holder_id, domain_dispute.c.claimant_id)
        statement = statement.where(or_(*(side == organization_id for side in sides)))
    return await tx.rows(statement)


async def set_dispute(tx: Tx, dispute_id: int, values: dict[str, Any]) -> None:
    """Set columns of a dispute."""
    await tx.run(update(domain_dispute).where(domain_dispute.c.id == dispute_id).values(values))


def _trust(organization_id: int, name: str) -> ColumnElement[bool]:
    return and_(trusted_domain.c.organization_id == organization_id, trusted_domain.c.name == name)


async def find_trusted(tx: Tx, organization_id: int, name: str, lock: bool = False) -> Row[Any] | None:
    """asked_by, asked_at, approved_by, approved_at of a trusted domain."""
    statement = select(trusted_domain).where(_trust(organization_id, name))
    return await tx.one(statement.with_for_update() if lock else statement)


async def list_trusted(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """An organization's trusted domains, approved or asked for, by name."""
    mine = trusted_domain.c.organization_id == organization_id
    return await tx.rows(select(trusted_domain).where(mine).order_by(trusted_domain.c.name))


async def add_trusted(tx: Tx, row: dict[str, Any]) -> None:
    """Insert a domain that is to be trusted."""
    await tx.run(insert(trusted_domain), [row])


async def set_approved(tx: Tx, organization_id: int, name: str, approved_by: int, now: datetime) -> None:
    """A second admin approved it."""
    values = {"approved_by": approved_by, "approved_at": now}
    await tx.run(update(trusted_domain).where(_trust(organization_id, name)).values(values))


async def drop_trusted(tx: Tx, organization_id: int, name: str) -> None:
    """The domain is trusted no more."""
    await tx.run(delete(trusted_domain).where(_trust(organization_id, name)))


async def are_linked(tx: Tx, one: int, other: int) -> bool:
    """Whether two accounts are known to be one person's."""
    pairs = ((one, other), (other, one))
    either = or_(
        *(and_(account_link.c.personal_id == left, account_link.c.managed_id == right) for left, right in pairs)
    )
    return await tx.one(select(account_link.c.personal_id).where(either)) is not None
