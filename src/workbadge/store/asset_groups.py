"""Groups of assets in a business: a name and what is in them. Being in a group gives nobody anything."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, insert, or_, select, update

from workbadge.terms.kinds import Role

from .engine import Tx
from .fence import Fence, count_rows
from .schema import assignment, membership
from .schema.portfolio import asset_group, asset_group_member
from .window import Rows, Window, read_window


async def add_group(tx: Tx, group_id: int, business_id: int, name: str, created_by: int, now: datetime) -> None:
    """Insert an empty group."""
    row = {"id": group_id, "business_id": business_id, "name": name, "created_by": created_by, "created_at": now}
    await tx.run(insert(asset_group), [row])


def _groups(where: ColumnElement[bool]) -> Select[Any]:
    there = asset_group.c.removed_at.is_(None)
    return select(*asset_group.c, asset_group.c.created_at.label("made")).where(there, where)


async def find_group(tx: Tx, group_id: int) -> Row[Any] | None:
    """A group that was not removed, also with ``made``."""
    return await tx.one(_groups(asset_group.c.id == group_id))


async def list_groups(tx: Tx, business_id: int, window: Window) -> Rows:
    """Groups of a business."""
    statement = _groups(asset_group.c.business_id == business_id)
    fence = Fence.around(asset_group.c.business_id, business_id)
    return await read_window(tx, statement, fence, window, asset_group.c.id, asset_group.c.created_at)


async def count_groups(tx: Tx, business_id: int) -> int:
    """How many groups a business has."""
    fence = Fence.around(asset_group.c.business_id, business_id)
    return await count_rows(tx, _groups(asset_group.c.business_id == business_id), fence)


def _assigned(account_id: int, business_ids: list[int], now: datetime) -> ColumnElement[bool]:
    """Groups that hold an asset on which an open place of the account has tasks; an admin's place has them on all."""
    inside = exists().where(
        asset_group_member.c.group_id == asset_group.c.id,
        assignment.c.asset_id == asset_group_member.c.asset_id,
        assignment.c.membership_id == membership.c.id,
    )
    place = (
        exists()
        .where(
            membership.c.account_id == account_id,
            membership.c.business_id == asset_group.c.business_id,
            membership.c.starts <= now,
            or_(membership.c.ends.is_(None), membership.c.ends > now),
            or_(membership.c.role == Role.ADMIN.value, inside.correlate(membership, asset_group)),
        )
        .correlate(asset_group)
    )
    return and_(asset_group.c.business_id.in_(business_ids), place)


async def list_assigned_groups(tx: Tx, account_id: int, business_ids: list[int], now: datetime, window: Window) -> Rows:
    """Groups in some businesses that hold something which an account is assigned there."""
    statement = _groups(_assigned(account_id, business_ids, now))
    fence = Fence.among(asset_group.c.business_id, business_ids)
    return await read_window(tx, statement, fence, window, asset_group.c.id, asset_group.c.created_at)


async def count_assigned_groups(tx: Tx, account_id: int, business_ids: list[int], now: datetime) -> int:
    """How many ``list_assigned_groups`` lists."""
    fence = Fence.among(asset_group.c.business_id, business_ids)
    return await count_rows(tx, _groups(_assigned(account_id, business_ids, now)), fence)


async def rename_group(tx: Tx, group_id: int, name: str) -> None:
    """Give a group another name."""
    await tx.run(update(asset_group).where(asset_group.c.id == group_id).values(name=name))


async def remove_group(tx: Tx, group_id: int, now: datetime) -> None:
    """Remove a group; what was in it stays where it is."""
    await tx.run(update(asset_group).where(asset_group.c.id == group_id).values(removed_at=now))


async def put_in(tx: Tx, group_id: int, asset_id: int) -> None:
    """Put an asset into a group, once."""
    await take_out(tx, group_id, asset_id)
    await tx.run(insert(asset_group_member), [{"group_id": group_id, "asset_id": asset_id}])


async def take_out(tx: Tx, group_id: int, asset_id: int) -> int:
    """Take an asset out of a group; how many that were."""
    mine = and_(asset_group_member.c.group_id == group_id, asset_group_member.c.asset_id == asset_id)
    return await tx.run(delete(asset_group_member).where(mine))
