"""Groups of an organization's directory and who is in them. They stand in one order: when they were made, then by id."""

import json
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, update

from workbadge.terms.kinds import AccountKind

from .directory_users import MANY, Place
from .engine import Tx
from .schema import account
from .schema.directory import directory_group, directory_member


async def count_groups(tx: Tx, organization_id: int) -> int:
    """How many there are."""
    mine = directory_group.c.organization_id == organization_id
    row = await tx.one(select(func.count().label("total")).select_from(directory_group).where(mine))
    return 0 if row is None else int(row.total)


async def slice_groups(tx: Tx, organization_id: int, start: int, limit: int) -> list[Row[Any]]:
    """``limit`` of them in order, from the one with number ``start`` (the first is 0)."""
    mine = select(directory_group).where(directory_group.c.organization_id == organization_id)
    ordered = mine.order_by(directory_group.c.created_at, directory_group.c.id)
    return await tx.rows(ordered.offset(start).limit(limit))


async def groups_beside(tx: Tx, organization_id: int, place: Place | None, limit: int, back: bool) -> list[Row[Any]]:
    """``limit`` of them in order, after a place (None: from the start) or, ``back``, just before it."""
    created, own = directory_group.c.created_at, directory_group.c.id
    found = select(directory_group).where(directory_group.c.organization_id == organization_id)
    if place is not None:
        at = and_(created == place.created_at, own < place.id if back else own > place.id)
        found = found.where(or_(created < place.created_at if back else created > place.created_at, at))
    order = (created.desc(), own.desc()) if back else (created, own)
    rows = await tx.rows(found.order_by(*order).limit(limit))
    return rows[::-1] if back else rows


async def find_groups(tx: Tx, organization_id: int, ids: list[int]) -> list[Row[Any]]:
    """Those with these ids, in order of ids."""
    mine = select(directory_group).where(directory_group.c.organization_id == organization_id)
    rows: list[Row[Any]] = []
    for start in range(0, len(ids), MANY):
        some = directory_group.c.id.in_(sorted(ids)[start : start + MANY])
        rows += await tx.rows(mine.where(some).order_by(directory_group.c.id))
    return rows


async def ids_by_hash(tx: Tx, organization_id: int, column: str, hashed: bytes) -> list[int]:
    """Ids of those of which the directory said it. ``column``: name_hash, external_hash."""
    where = (directory_group.c.organization_id == organization_id, directory_group.c[column] == hashed)
    return [row.id for row in await tx.rows(select(directory_group.c.id).where(*where))]


async def add_group(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a group. ``document``: plain JSON."""
    await tx.run(insert(directory_group), [_row(values)])


async def set_group(tx: Tx, group_id: int, values: dict[str, Any]) -> None:
    """Write columns of a group. ``document``: plain JSON."""
    await tx.run(update(directory_group).where(directory_group.c.id == group_id).values(_row(values)))


def _row(values: dict[str, Any]) -> dict[str, Any]:
    if "document" not in values:
        return values
    return {**values, "document": json.dumps(values["document"], separators=(",", ":"))}


async def drop_group(tx: Tx, group_id: int) -> None:
    """Delete a group; nobody is in it any more."""
    await tx.run(delete(directory_member).where(directory_member.c.group_id == group_id))
    await tx.run(delete(directory_group).where(directory_group.c.id == group_id))


async def members_of(tx: Tx, group_ids: list[int]) -> dict[int, list[int]]:
    """Accounts in each group, in order of ids."""
    members: dict[int, list[int]] = {one: [] for one in group_ids}
    for start in range(0, len(group_ids), MANY):
        some = directory_member.c.group_id.in_(group_ids[start : start + MANY])
        listed = (
            select(directory_member).where(some).order_by(directory_member.c.group_id, directory_member.c.account_id)
        )
        for row in await tx.rows(listed):
            members[row.group_id].append(row.account_id)
    return members


async def known_people(tx: Tx, organization_id: int, ids: list[int]) -> set[int]:
    """Those of these ids that are managed accounts of the organization."""
    known: set[int] = set()
    for start in range(0, len(ids), MANY):
        mine = select(account.c.id).where(
            account.c.id.in_(ids[start : start + MANY]),
            account.c.organization_id == organization_id,
            account.c.kind == AccountKind.MANAGED.value,
            account.c.deleted_at.is_(None),
        )
        known.update(row.id for row in await tx.rows(mine))
    return known


async def add_members(tx: Tx, group_id: int, ids: list[int]) -> None:
    """Put accounts that are not in a group into it."""
    await tx.run(insert(directory_member), [{"group_id": group_id, "account_id": one} for one in ids])


async def drop_members(tx: Tx, group_id: int, ids: list[int]) -> None:
    """Take accounts out of a group."""
    for start in range(0, len(ids), MANY):
        some = directory_member.c.account_id.in_(ids[start : start + MANY])
        await tx.run(delete(directory_member).where(directory_member.c.group_id == group_id, some))
