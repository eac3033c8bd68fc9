"""The people of a business as pages of a list: by name, searched by name or address. Reading only; who may look is decided
before."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select

from workbadge.terms.kinds import AccountKind, Role
from workbadge.terms.tasks import Task

from .engine import Tx
from .fence import Fence
from .schema import account, account_link, assignment, membership, name_pattern
from .slices import Place, Slice, read_slice


class Group(StrEnum):
    """Who stands together in a list of a business's places."""

    PEOPLE = "people"
    OLD_LOGINS = "old"  # handed over, in grace
    SYSTEM_USERS = "system"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which places: with ``text`` in the name or the address, however it is spelled; with ``asset_id``, only those who hold
    tasks on the asset or reach it as admins (``holding``), or only those who hold none and are no admins."""

    text: str = ""
    asset_id: int | None = None
    holding: bool = True


def _open(business_id: int, wanted: Wanted, now: datetime) -> list[ColumnElement[bool]]:
    """Open places of a business that are wanted."""
    where: list[ColumnElement[bool]] = [
        membership.c.business_id == business_id,
        membership.c.starts <= now,
        or_(membership.c.ends.is_(None), membership.c.ends > now),
    ]
    if wanted.text:
        pattern = name_pattern(wanted.text)
        where.append(or_(account.c.name_key.like(pattern, escape="/"), account.c.email_key.like(pattern, escape="/")))
    if wanted.asset_id is not None:
        held = (
            select(assignment.c.asset_id)
            .where(assignment.c.membership_id == membership.c.id, assignment.c.asset_id == wanted.asset_id)
            .exists()
        )
        reaches = or_(membership.c.role == Role.ADMIN.value, held)
        where.append(reaches if wanted.holding else ~reaches)
    return where


def _group(now: datetime) -> ColumnElement[str]:
    handed_over = and_(membership.c.handed_over.is_not(None), membership.c.handed_over <= now)
    return case(
        (account.c.kind == AccountKind.SYSTEM.value, Group.SYSTEM_USERS.value),
        (handed_over, Group.OLD_LOGINS.value),
        else_=Group.PEOPLE.value,
    )


def _listed() -> Select[Any]:
    return select(
        membership.c.id,
        membership.c.account_id,
        account.c.name,
        account.c.email,
        account.c.kind,
        membership.c.role,
        membership.c.starts,
        membership.c.ends,
        membership.c.handed_over,
    ).join(account, account.c.id == membership.c.account_id)


async def slice_of_members(
    tx: Tx, business_id: int, groups: tuple[Group, ...], wanted: Wanted, now: datetime, place: Place, limit: int
) -> Slice:
    """One page of the places of a business, by name.

    Columns: id (membership), account_id, name, email, kind, role, starts, ends, handed_over.
    """
    statement = _listed().where(*_open(business_id, wanted, now), _group(now).in_([one.value for one in groups]))
    fence = Fence.around(membership.c.business_id, business_id)
    return await read_slice(tx, statement, fence, (account.c.name_key, membership.c.id), place, limit)


async def count_members(tx: Tx, business_id: int, wanted: Wanted, now: datetime) -> dict[Group, int]:
    """How many places of each group are open and wanted; every group has a number."""
    group = _group(now).label("shown")
    rows = await tx.rows(
        select(group, func.count().label("total"))
        .select_from(membership.join(account, account.c.id == membership.c.account_id))
        .where(*_open(business_id, wanted, now))
        .group_by("shown")
    )
    return dict.fromkeys(Group, 0) | {Group(row.shown): row.total for row in rows}


async def count_assets(tx: Tx, membership_ids: list[int]) -> dict[int, int]:
    """Membership id to the number of assets assigned to it; those without any are left out."""
    rows = await tx.rows(
        select(assignment.c.membership_id, func.count().label("total"))
        .where(assignment.c.membership_id.in_(membership_ids))
        .group_by(assignment.c.membership_id)
    )
    return {row.membership_id: row.total for row in rows}


async def list_tasks(tx: Tx, membership_ids: list[int], asset_id: int) -> dict[int, Task]:
    """Membership id to its tasks on one asset; those without any are left out."""
    rows = await tx.rows(
        select(assignment.c.membership_id, assignment.c.tasks).where(
            assignment.c.membership_id.in_(membership_ids), assignment.c.asset_id == asset_id
        )
    )
    return {row.membership_id: Task(row.tasks) for row in rows}


async def find_listed(tx: Tx, business_id: int, membership_id: int, now: datetime) -> Row[Any] | None:
    """One open place of a business, with the columns of ``slice_of_members``."""
    return await tx.one(_listed().where(membership.c.id == membership_id, *_open(business_id, Wanted(), now)))


async def has_old_login(tx: Tx, account_id: int, business_id: int, now: datetime) -> bool:
    """Whether the grace of a linked personal login runs in the business."""
    personal = select(account_link.c.personal_id).where(account_link.c.managed_id == account_id)
    found = await tx.one(
        select(membership.c.id).where(
            membership.c.account_id.in_(personal),
            membership.c.business_id == business_id,
            membership.c.handed_over.is_not(None),
            membership.c.starts <= now,
            membership.c.ends > now,
        )
    )
    return found is not None
