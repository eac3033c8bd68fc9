"""Partners as apps see them: to which businesses an asset is lent or who asks for it, and whom a business lends to or borrows
from. Rows of businesses carry ``id``, ``name``, ``made``."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from workbadge.terms.tasks import NONE, Task

from .engine import Tx
from .fence import Fence, count_rows
from .schema import asset, business, share
from .schema.portfolio import access_request
from .window import Rows, Window, read_window


def _running(now: datetime) -> ColumnElement[bool]:
    """The share runs at ``now``."""
    return and_(share.c.starts <= now, or_(share.c.ends.is_(None), share.c.ends > now))


def _businesses(where: ColumnElement[bool]) -> Select[Any]:
    return select(business.c.id, business.c.name, business.c.created_at.label("made")).where(where)


async def _page(tx: Tx, where: ColumnElement[bool], fence: Fence, window: Window) -> Rows:
    return await read_window(tx, _businesses(where), fence, window, business.c.id, business.c.created_at)


def _has_to_do(asset_id: int) -> Fence:
    """Businesses of which some share of the asset or some request for it tells."""
    lent = exists().where(share.c.partner_business_id == business.c.id, share.c.asset_id == asset_id)
    asked = exists().where(access_request.c.business_id == business.c.id, access_request.c.asset_id == asset_id)
    return Fence.around(or_(lent, asked), True)


def _tied_to(business_id: int) -> Fence:
    """Businesses between which and ``business_id`` some asset is or was lent."""
    lending = and_(asset.c.business_id == business_id, share.c.partner_business_id == business.c.id)
    borrowing = and_(asset.c.business_id == business.c.id, share.c.partner_business_id == business_id)
    return Fence.around(exists().where(share.c.asset_id == asset.c.id, or_(lending, borrowing)), True)


def _of_asset(asset_id: int, asking: bool, only: list[int] | None, now: datetime) -> ColumnElement[bool]:
    lent = exists().where(share.c.asset_id == asset_id, share.c.partner_business_id == business.c.id, _running(now))
    wanted = exists().where(
        access_request.c.asset_id == asset_id,
        access_request.c.business_id == business.c.id,
        access_request.c.closed_at.is_(None),
    )
    where = or_(lent, wanted) if asking else lent
    return where if only is None else and_(where, business.c.id.in_(only))


async def list_agencies(
    tx: Tx, asset_id: int, asking: bool, only: list[int] | None, now: datetime, window: Window
) -> Rows:
    """Businesses that an asset is lent to; ``asking``: also those that ask for it; ``only``: among these."""
    return await _page(tx, _of_asset(asset_id, asking, only, now), _has_to_do(asset_id), window)


async def count_agencies(tx: Tx, asset_id: int, asking: bool, only: list[int] | None, now: datetime) -> int:
    """How many ``list_agencies`` lists."""
    return await count_rows(tx, _businesses(_of_asset(asset_id, asking, only, now)), _has_to_do(asset_id))


async def tasks_of_agencies(tx: Tx, asset_id: int, business_ids: list[int], now: datetime) -> dict[int, Task]:
    """Business to the tasks that it is lent on an asset; those that are lent none are left out."""
    lent: dict[int, Task] = {}
    rows = await tx.rows(
        select(share.c.partner_business_id, share.c.tasks).where(
            share.c.asset_id == asset_id, share.c.partner_business_id.in_(business_ids), _running(now)
        )
    )
    for row in rows:
        lent[row.partner_business_id] = lent.get(row.partner_business_id, NONE) | Task(row.tasks)
    return lent


def _partners(business_id: int, borrows: bool, now: datetime) -> ColumnElement[bool]:
    """Businesses that ``business_id`` lends anything to, or (``borrows``) that lend anything to it."""
    mine, other = business_id, business.c.id
    owner, partner = (other, mine) if borrows else (mine, other)
    return exists().where(
        asset.c.business_id == owner,
        asset.c.removed_at.is_(None),
        share.c.asset_id == asset.c.id,
        share.c.partner_business_id == partner,
        _running(now),
    )


async def list_partners(tx: Tx, business_id: int, borrows: bool, now: datetime, window: Window) -> Rows:
    """Businesses that a business lends to, or (``borrows``) borrows from."""
    return await _page(tx, _partners(business_id, borrows, now), _tied_to(business_id), window)


async def count_partners(tx: Tx, business_id: int, borrows: bool, now: datetime) -> int:
    """How many ``list_partners`` lists."""
    return await count_rows(tx, _businesses(_partners(business_id, borrows, now)), _tied_to(business_id))


async def list_lent_assets(tx: Tx, owner_id: int, partner_id: int, now: datetime) -> list[int]:
    """Ids of the assets that one business lends to another, ascending."""
    rows = await tx.rows(
        select(asset.c.id)
        .join(share, share.c.asset_id == asset.c.id)
        .where(asset.c.business_id == owner_id, share.c.partner_business_id == partner_id, _running(now))
        .distinct()
        .order_by(asset.c.id)
    )
    return [row.id for row in rows]


async def list_partners_of(tx: Tx, asset_id: int, now: datetime) -> list[int]:
    """Ids of the businesses that an asset is lent to, ascending."""
    rows = await tx.rows(
        select(share.c.partner_business_id.label("id"))
        .where(share.c.asset_id == asset_id, _running(now))
        .distinct()
        .order_by(share.c.partner_business_id)
    )
    return [row.id for row in rows]
