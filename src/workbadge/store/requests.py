"""Requests of businesses for other businesses' assets. What is asked for need not exist: asking tells nothing about it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, and_, case, insert, or_, select, type_coerce, update

from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import Task

from .engine import Tx
from .fence import Fence, count_rows
from .schema import account, asset, business
from .schema.portfolio import access_request
from .slices import Place, Slice, read_slice
from .window import Rows, Window, read_window


async def add_request(
    tx: Tx, request_id: int, business_id: int, asset_id: int, kind: NodeKind, tasks: Task, asked_by: int, now: datetime
) -> None:
    """Insert an open request."""
    row = {
        "id": request_id,
        "business_id": business_id,
        "asset_id": asset_id,
        "kind": kind.value,
        "tasks": int(tasks),
        "asked_by": asked_by,
        "created_at": now,
    }
    await tx.run(insert(access_request), [row])


async def find_request(tx: Tx, business_id: int, asset_id: int) -> Row[Any] | None:
    """The open request of a business for an asset, its row locked until the transaction ends."""
    return await tx.one(select(access_request).where(_open(business_id, asset_id)).with_for_update())


def _open(business_id: int, asset_id: int) -> ColumnElement[bool]:
    return and_(
        access_request.c.business_id == business_id,
        access_request.c.asset_id == asset_id,
        access_request.c.closed_at.is_(None),
    )


async def close_requests(tx: Tx, business_id: int, asset_id: int, outcome: str, now: datetime) -> int:
    """Close the open requests of a business for an asset; how many there were."""
    statement = update(access_request).where(_open(business_id, asset_id))
    return await tx.run(statement.values(closed_at=now, outcome=outcome))


async def reopen_request(tx: Tx, request_id: int) -> None:
    """A request that was answered waits again. The caller sees to it that no other for the same asset does."""
    statement = update(access_request).where(access_request.c.id == request_id)
    await tx.run(statement.values(closed_at=None, outcome=None))


def _pending(business_id: int, kind: NodeKind | None) -> Select[Any]:
    mine = select(*access_request.c, access_request.c.created_at.label("made")).where(
        access_request.c.business_id == business_id, access_request.c.closed_at.is_(None)
    )
    return mine if kind is None else mine.where(access_request.c.kind == kind.value)


async def list_pending(tx: Tx, business_id: int, kind: NodeKind, window: Window) -> Rows:
    """Open requests of a business for assets of a kind, each also with ``made``."""
    statement, fence = _pending(business_id, kind), Fence.around(access_request.c.business_id, business_id)
    return await read_window(tx, statement, fence, window, access_request.c.id, access_request.c.created_at)


async def count_pending(tx: Tx, business_id: int, kind: NodeKind | None = None) -> int:
    """How many requests of a business are open."""
    return await count_rows(tx, _pending(business_id, kind), Fence.around(access_request.c.business_id, business_id))


async def list_asking(tx: Tx, asset_id: int, business_ids: list[int]) -> dict[int, Row[Any]]:
    """Business to its open request for an asset."""
    rows = await tx.rows(
        select(access_request).where(
            access_request.c.asset_id == asset_id,
            access_request.c.business_id.in_(business_ids),
            access_request.c.closed_at.is_(None),
        )
    )
    return {row.business_id: row for row in rows}


class Shown(StrEnum):
    """Which requests a page shows: of others for a business's assets, its own, or those of either kind that were closed."""

    RECEIVED = "received"
    SENT = "sent"
    ANSWERED = "answered"


def _listed(business_id: int) -> Select[Any]:
    """Requests as ``business_id`` may see them: with ``partner`` and ``person`` who ask, and, of its own assets alone, also
    ``asset``, the name (MT-01). ``received``: of another business, for an asset of this one."""
    owned = and_(
        asset.c.id == access_request.c.asset_id,
        asset.c.business_id == business_id,
        asset.c.removed_at.is_(None),
        access_request.c.business_id != business_id,
    )
    own = ("id", "business_id", "asset_id", "kind", "tasks", "created_at", "closed_at", "outcome")
    names = (business.c.name.label("partner"), account.c.name.label("person"), asset.c.name.label("asset"))
    return (
        select(*(access_request.c[name] for name in own), *names, asset.c.id.is_not(None).label("received"))
        .join(business, business.c.id == access_request.c.business_id)
        .outerjoin(account, account.c.id == access_request.c.asked_by)
        .outerjoin(asset, owned)
        .where(or_(asset.c.id.is_not(None), access_request.c.business_id == business_id))
    )


def _shown(business_id: int, shown: Shown) -> Select[Any]:
    listed = _listed(business_id)
    if shown is Shown.ANSWERED:
        return listed.where(access_request.c.closed_at.is_not(None))
    received = asset.c.id.is_not(None) if shown is Shown.RECEIVED else asset.c.id.is_(None)
    return listed.where(access_request.c.closed_at.is_(None), received)


def _whose(business_id: int) -> Fence:
    """Requests for assets of the business, or of its own."""
    owner = case((asset.c.id.is_not(None), asset.c.business_id), else_=access_request.c.business_id)
    return Fence.around(owner, business_id)


async def slice_of_requests(tx: Tx, business_id: int, shown: Shown, place: Place, limit: int) -> Slice:
    """One page of a business's requests, newest first (of answered ones: answered last)."""
    at = access_request.c.closed_at if shown is Shown.ANSWERED else access_request.c.created_at
    order = (type_coerce(at, BigInteger), access_request.c.id)
    return await read_slice(tx, _shown(business_id, shown), _whose(business_id), order, place, limit, descending=True)


async def count_shown(tx: Tx, business_id: int, shown: Shown) -> int:
    """How many requests ``slice_of_requests`` leads through."""
    return await count_rows(tx, _shown(business_id, shown), _whose(business_id))


async def count_received(tx: Tx, business_id: int) -> int:
    """How many requests wait for an answer of a business."""
    return await count_shown(tx, business_id, Shown.RECEIVED)


async def find_shown(tx: Tx, business_id: int, request_id: int) -> Row[Any] | None:
    """One request as ``slice_of_requests`` tells it to a business."""
    return await tx.one(_listed(business_id).where(access_request.c.id == request_id))


async def was_asked_since(tx: Tx, business_id: int, owner_id: int, since: datetime) -> bool:
    """Whether a business asked for any asset that ``owner_id`` owns at ``since`` or later."""
    statement = (
        select(access_request.c.id)
        .join(asset, asset.c.id == access_request.c.asset_id)
        .where(
            access_request.c.business_id == business_id,
            access_request.c.created_at >= since,
            asset.c.business_id == owner_id,
        )
        .limit(1)
    )
    return await tx.one(statement) is not None
