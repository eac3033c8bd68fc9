"""Reading the audit: an append-only list, never used to compute state (``house.md`` §1). ``apply`` writes it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, func, or_, select, type_coerce

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import audit, business, name_pattern
from .slices import Place, Slice, read_slice


async def list_entries(tx: Tx, business_id: int, limit: int, acts: tuple[str, ...] = ()) -> list[Row[Any]]:
    """The last ``limit`` entries of a business, newest first; ``acts``: only of these acts (noun.verb)."""
    statement = (
        select(audit)
        .where(audit.c.business_id == business_id)
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(limit)
    )
    wanted = statement.where(audit.c.act.in_(acts)) if acts else statement
    return await fenced_rows(tx, wanted, Fence.around(audit.c.business_id, business_id))


async def slice_of_entries(tx: Tx, business_id: int, place: Place, limit: int) -> Slice:
    """One page of a business's entries, newest first."""
    statement = select(audit).where(audit.c.business_id == business_id)
    order = (type_coerce(audit.c.at, BigInteger), audit.c.id)
    fence = Fence.around(audit.c.business_id, business_id)
    return await read_slice(tx, statement, fence, order, place, limit, descending=True)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries: about or by somebody (one of a person's accounts; None: anybody), of a noun (``membership`` of ``membership.add``), in ``[since, until)``."""

    accounts: tuple[int, ...] | None = None
    noun: str = ""
    since: datetime | None = None
    until: datetime | None = None


def _of_organization(organization_id: int, sought: Sought) -> tuple[Select[Any], Fence]:
    """Entries of an organization and of its businesses."""
    owned = select(business.c.id).where(business.c.organization_id == organization_id)
    where: list[ColumnElement[bool]] = [
        or_(audit.c.organization_id == organization_id, audit.c.business_id.in_(owned)),
    ]
    if sought.accounts is not None:
        where.append(or_(audit.c.actor_id.in_(sought.accounts), audit.c.subject_id.in_(sought.accounts)))
    if sought.noun:
        where.append(audit.c.act.like(name_pattern(f"{sought.noun}.").removeprefix("%"), escape="/"))
    if sought.since is not None:
        where.append(audit.c.at >= sought.since)
    if sought.until is not None:
        where.append(audit.c.at < sought.until)
    whose = func.coalesce(audit.c.organization_id, business.c.organization_id)
    statement = select(audit).outerjoin(business, business.c.id == audit.c.business_id).where(*where)
    return statement, Fence.around(whose, organization_id)


async def slice_of_organization(tx: Tx, organization_id: int, sought: Sought, place: Place, limit: int) -> Slice:
    """One page of the entries of an organization and of its businesses, newest first."""
    statement, fence = _of_organization(organization_id, sought)
    return await read_slice(tx, statement, fence, (audit.c.number,), place, limit, descending=True)


async def part_of_organization(tx: Tx, organization_id: int, sought: Sought, after: int, limit: int) -> list[Row[Any]]:
    """The next entries after the one with that number in the chain, oldest first: for exports."""
    statement, fence = _of_organization(organization_id, sought)
    return await fenced_rows(tx, statement.where(audit.c.number > after).order_by(audit.c.number).limit(limit), fence)
