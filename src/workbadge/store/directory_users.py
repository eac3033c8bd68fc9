"""People of an organization as its directory sees them: every managed account, with what the directory said of it.

They stand in one order: when the account was made, then by id (``Place``).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, update

from workbadge.terms.kinds import AccountKind

from .engine import Tx
from .schema import account, organization
from .schema.directory import directory_group, directory_member, directory_user

MANY = 500
"""Ids in one statement."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in the order."""

    created_at: datetime
    id: int


async def lock_directory(tx: Tx, organization_id: int) -> None:
    """Hold an organization's directory until the transaction ends: of its changes one is made at a time."""
    mine = select(organization.c.id).where(organization.c.id == organization_id)
    await tx.one(mine.with_for_update(key_share=True))


def _mine(organization_id: int) -> list[ColumnElement[bool]]:
    return [
        account.c.organization_id == organization_id,
        account.c.kind == AccountKind.MANAGED.value,
        account.c.deleted_at.is_(None),
    ]


def _users(organization_id: int) -> Select[Any]:
    return (
        select(
            account.c.id,
            account.c.name,
            account.c.email,
            account.c.created_at,
            account.c.suspended_at,
            directory_user.c.document,
            directory_user.c.version,
            directory_user.c.modified_at,
        )
        .outerjoin(directory_user, directory_user.c.account_id == account.c.id)
        .where(*_mine(organization_id))
    )


async def count_users(tx: Tx, organization_id: int) -> int:
    """How many there are."""
    row = await tx.one(select(func.count().label("total")).select_from(account).where(*_mine(organization_id)))
    return 0 if row is None else int(row.total)


async def slice_users(tx: Tx, organization_id: int, start: int, limit: int) -> list[Row[Any]]:
    """``limit`` of them in order, from the one with number ``start`` (the first is 0)."""
    ordered = _users(organization_id).order_by(account.c.created_at, account.c.id)
    return await tx.rows(ordered.offset(start).limit(limit))


async def users_beside(tx: Tx, organization_id: int, place: Place | None, limit: int, back: bool) -> list[Row[Any]]:
    """``limit`` of them in order, after a place (None: from the start) or, ``back``, just before it."""
    created, own = account.c.created_at, account.c.id
    found = _users(organization_id)
    if place is not None:
        at = and_(created == place.created_at, own < place.id if back else own > place.id)
        found = found.where(or_(created < place.created_at if back else created > place.created_at, at))
    order = (created.desc(), own.desc()) if back else (created, own)
    rows = await tx.rows(found.order_by(*order).limit(limit))
    return rows[::-1] if back else rows


async def find_users(tx: Tx, organization_id: int, ids: list[int]) -> list[Row[Any]]:
    """Those with these ids, in order of ids."""
    rows: list[Row[Any]] = []
    for start in range(0, len(ids), MANY):
        some = sorted(ids)[start : start + MANY]
        rows += await tx.rows(_users(organization_id).where(account.c.id.in_(some)).order_by(account.c.id))
    return rows


async def ids_by_hash(tx: Tx, organization_id: int, column: str, hashed: bytes) -> list[int]:
    """Ids of those of whom the directory said it. ``column``: user_name_hash, external_hash, email_hash."""
    where = (directory_user.c.organization_id == organization_id, directory_user.c[column] == hashed)
    return [row.account_id for row in await tx.rows(select(directory_user.c.account_id).where(*where))]


async def ids_by_address(tx: Tx, organization_id: int, key: str) -> list[int]:
    """Ids of those with that address of whom the directory said nothing yet."""
    known = select(directory_user.c.account_id).where(directory_user.c.account_id == account.c.id).exists()
    where = (*_mine(organization_id), account.c.email_key == key.replace("\0", "\ufffd"), ~known)
    return [row.id for row in await tx.rows(select(account.c.id).where(*where))]


async def put_user(tx: Tx, account_id: int, values: dict[str, Any], known: bool) -> None:
    """Write what the directory said; ``known``: it has said something before. ``document``: plain JSON."""
    row = {**values, "document": json.dumps(values["document"], separators=(",", ":"))}
    if known:
        await tx.run(update(directory_user).where(directory_user.c.account_id == account_id).values(row))
    else:
        await tx.run(insert(directory_user), [{**row, "account_id": account_id}])


async def drop_user(tx: Tx, account_id: int) -> None:
    """Forget what the directory said, groups included."""
    await tx.run(delete(directory_member).where(directory_member.c.account_id == account_id))
    await tx.run(delete(directory_user).where(directory_user.c.account_id == account_id))


async def groups_of(tx: Tx, ids: list[int]) -> list[Row[Any]]:
    """account_id, id and document of the groups that these accounts are in."""
    rows: list[Row[Any]] = []
    for start in range(0, len(ids), MANY):
        joined = select(directory_member.c.account_id, directory_group.c.id, directory_group.c.document).join(
            directory_group, directory_group.c.id == directory_member.c.group_id
        )
        some = directory_member.c.account_id.in_(ids[start : start + MANY])
        rows += await tx.rows(joined.where(some).order_by(directory_group.c.id))
    return rows
