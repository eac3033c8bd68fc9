"""Memberships, assignments, shares, links: reading the states that plans work on, and plain inserts."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update

from workbadge.lifecycle.changes import MembershipState
from workbadge.terms.kinds import EndCause, Role
from workbadge.terms.tasks import Task

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import (
    account,
    account_link,
    asset,
    assignment,
    direct_role,
    membership,
    share,
)


async def _states(
    tx: Tx, where: ColumnElement[bool], lock: bool = False, fence: Fence | None = None
) -> list[MembershipState]:
    """Memberships with their assignments, oldest first; ``lock`` holds their rows until the transaction ends."""
    statement = select(membership).where(where).order_by(membership.c.starts, membership.c.id)
    if lock:
        statement = statement.with_for_update()
    found = await tx.rows(statement) if fence is None else await fenced_rows(tx, statement, fence)
    tasks: dict[int, dict[int, Task]] = {row.id: {} for row in found}
    if tasks:
        for row in await tx.rows(select(assignment).where(assignment.c.membership_id.in_(list(tasks)))):
            tasks[row.membership_id][row.asset_id] = Task(row.tasks)
    return [_state(row, tasks[row.id]) for row in found]


def _state(row: Any, tasks: dict[int, Task]) -> MembershipState:
    return MembershipState(
        id=row.id,
        account_id=row.account_id,
        business_id=row.business_id,
        role=Role(row.role),
        starts=row.starts,
        ends=row.ends,
        cause=EndCause(row.end_cause) if row.end_cause else None,
        handed_over=row.handed_over,
        assignments=tasks,
    )


def interval_state(row: Any) -> MembershipState:
    """A membership without assignments from a row with starts, ends, end_cause, handed_over (for computing states)."""
    cause = EndCause(row.end_cause) if row.end_cause else None
    return MembershipState(0, 0, 0, Role.EMPLOYEE, row.starts, row.ends, cause, row.handed_over)


async def find_membership(tx: Tx, membership_id: int, lock: bool = False) -> MembershipState | None:
    """One membership by its id."""
    found = await _states(tx, membership.c.id == membership_id, lock)
    return found[0] if found else None


async def find_member(
    tx: Tx, account_id: int, business_id: int, now: datetime, lock: bool = False
) -> MembershipState | None:
    """The account's open membership in the business; None when there is none."""
    where = and_(
        membership.c.account_id == account_id,
        membership.c.business_id == business_id,
        membership.c.starts <= now,
        or_(membership.c.ends.is_(None), membership.c.ends > now),
    )
    found = await _states(tx, where, lock)
    return found[-1] if found else None


async def list_members(tx: Tx, business_id: int) -> list[MembershipState]:
    """All memberships of a business, ended ones too, oldest first."""
    fence = Fence.around(membership.c.business_id, business_id)
    return await _states(tx, membership.c.business_id == business_id, fence=fence)


async def list_memberships(tx: Tx, account_id: int) -> list[MembershipState]:
    """All memberships of an account, ended ones too, oldest first."""
    fence = Fence.around(membership.c.account_id, account_id)
    return await _states(tx, membership.c.account_id == account_id, fence=fence)


async def list_graces(tx: Tx, managed_id: int, now: datetime, business_id: int | None = None) -> list[MembershipState]:
    """Memberships in grace of the personal accounts linked to a managed one (in one business, or in all)."""
    personal = select(account_link.c.personal_id).where(account_link.c.managed_id == managed_id)
    where = and_(
        membership.c.account_id.in_(personal),
        membership.c.handed_over.is_not(None),
        membership.c.starts <= now,
        membership.c.ends > now,
    )
    if business_id is not None:
        where = and_(where, membership.c.business_id == business_id)
    return await _states(tx, where, lock=True)


async def has_handed_over_at(tx: Tx, account_id: int, now: datetime) -> bool:
    """Whether the account handed a business over in this very instant."""
    where = and_(membership.c.account_id == account_id, membership.c.handed_over == now)
    return await tx.one(select(membership.c.id).where(where)) is not None


async def count_other_admins(tx: Tx, business_id: int, membership_id: int, now: datetime) -> int:
    """Admins of a business besides one membership who can open it at ``now`` (I9). People only.

    Not counted is whose place has an end (a deadline that may be missed): that admin does not remain.
    """
    row = await tx.one(
        select(func.count().label("total")).where(
            membership.c.business_id == business_id,
            membership.c.id != membership_id,
            membership.c.role == Role.ADMIN.value,
            membership.c.handed_over.is_(None),
            membership.c.starts <= now,
            membership.c.ends.is_(None),
            membership.c.account_id.in_(_people()),
        )
    )
    return int(row.total) if row is not None else 0


async def list_admin_addresses(tx: Tx, business_id: int, limit: int, now: datetime) -> list[Row[Any]]:
    """``account_id`` and ``email`` of the admins who can open a business at ``now``, longest there first; people only."""
    return await tx.rows(
        select(membership.c.account_id, account.c.email)
        .join(account, account.c.id == membership.c.account_id)
        .where(
            membership.c.business_id == business_id,
            membership.c.role == Role.ADMIN.value,
            membership.c.handed_over.is_(None),
            membership.c.starts <= now,
            or_(membership.c.ends.is_(None), membership.c.ends > now),
            account.c.email.is_not(None),
            membership.c.account_id.in_(_people()),
        )
        .order_by(membership.c.starts, membership.c.id)
        .limit(limit)
    )


def _people() -> Any:
    """Ids of accounts that are persons and active."""
    return select(account.c.id).where(
        account.c.kind != "system",
        account.c.suspended_at.is_(None),
        account.c.deleted_at.is_(None),
    )


async def add_share(
    tx: Tx,
    share_id: int,
    asset_id: int,
    partner_business_id: int,
    tasks: Task,
    starts: datetime,
    ends: datetime | None,
) -> None:
    """Insert a share."""
    await tx.run(
        insert(share),
        [
            {
                "id": share_id,
                "asset_id": asset_id,
                "partner_business_id": partner_business_id,
                "tasks": int(tasks),
                "starts": starts,
                "ends": ends,
            }
        ],
    )


async def end_shares(tx: Tx, asset_id: int, partner_business_id: int, now: datetime) -> int:
    """End every open share of an asset with a partner; how many there were."""
    return await tx.run(
        update(share)
        .where(
            share.c.asset_id == asset_id,
            share.c.partner_business_id == partner_business_id,
            or_(share.c.ends.is_(None), share.c.ends > now),
        )
        .values(ends=now)
    )


async def add_direct_role(tx: Tx, account_id: int, asset_id: int, tasks: Task) -> None:
    """Insert a role that a personal account holds on an asset of no business (A2)."""
    await tx.run(
        insert(direct_role),
        [{"account_id": account_id, "asset_id": asset_id, "tasks": int(tasks)}],
    )


async def list_direct_roles(tx: Tx, asset_id: int) -> dict[int, Task]:
    """Account to tasks of everybody with a role on an asset of no business."""
    rows = await tx.rows(select(direct_role).where(direct_role.c.asset_id == asset_id))
    return {row.account_id: Task(row.tasks) for row in rows}


async def list_assigned(tx: Tx, asset_id: int) -> list[MembershipState]:
    """Every membership that holds tasks on an asset, ended ones too, locked."""
    holding = select(assignment.c.membership_id).where(assignment.c.asset_id == asset_id)
    return await _states(tx, membership.c.id.in_(holding), lock=True)


async def list_lent(tx: Tx, asset_ids: list[int], business_ids: list[int], now: datetime) -> dict[int, int]:
    """Asset id to one of ``business_ids`` to which it is lent at ``now``."""
    rows = await tx.rows(
        select(share.c.asset_id, share.c.partner_business_id)
        .where(
            share.c.asset_id.in_(asset_ids),
            share.c.partner_business_id.in_(business_ids),
        )
        .where(share.c.starts <= now, or_(share.c.ends.is_(None), share.c.ends > now))
        .order_by(share.c.partner_business_id)
    )
    return {row.asset_id: row.partner_business_id for row in rows}


async def lends(tx: Tx, business_id: int, partner_business_id: int, now: datetime) -> bool:
    """Whether a business lends any asset of its own to a partner at ``now``."""
    statement = (
        select(share.c.id)
        .join(asset, asset.c.id == share.c.asset_id)
        .where(
            asset.c.business_id == business_id,
            asset.c.removed_at.is_(None),
            share.c.partner_business_id == partner_business_id,
            share.c.starts <= now,
            or_(share.c.ends.is_(None), share.c.ends > now),
        )
    )
    return await tx.one(statement.limit(1)) is not None


async def lent_tasks(tx: Tx, asset_id: int, business_id: int, now: datetime) -> Task:
    """The tasks that are lent to a business on an asset at ``now``."""
    rows = await tx.rows(
        select(share.c.tasks).where(
            share.c.asset_id == asset_id,
            share.c.partner_business_id == business_id,
            share.c.starts <= now,
            or_(share.c.ends.is_(None), share.c.ends > now),
        )
    )
    lent = Task(0)
    for row in rows:
        lent |= Task(row.tasks)
    return lent


async def list_owned(tx: Tx, business_id: int) -> list[int]:
    """Ids of the assets a business owns, ascending."""
    where = and_(asset.c.business_id == business_id, asset.c.removed_at.is_(None))
    return [row.id for row in await tx.rows(select(asset.c.id).where(where).order_by(asset.c.id))]


async def lock_admins(tx: Tx, business_id: int) -> None:
    """Hold the places of a business's admins until the transaction ends, so that the last one cannot be lost in a race."""
    await tx.rows(
        select(membership.c.id)
        .where(
            membership.c.business_id == business_id,
            membership.c.role == Role.ADMIN.value,
        )
        .order_by(membership.c.id)
        .with_for_update()
    )
