"""Requests of businesses for other businesses' assets. What is asked for need not exist: asking tells nothing about it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, insert, select, update

from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import Task

from .engine import Tx
from .schema.portfolio import access_request
from .window import Rows, Window, count_rows, read_window


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


def _pending(business_id: int, kind: NodeKind | None) -> Select[Any]:
    mine = select(*access_request.c, access_request.c.created_at.label("made")).where(
        access_request.c.business_id == business_id, access_request.c.closed_at.is_(None)
    )
    return mine if kind is None else mine.where(access_request.c.kind == kind.value)


async def list_pending(tx: Tx, business_id: int, kind: NodeKind, window: Window) -> Rows:
    """Open requests of a business for assets of a kind, each also with ``made``."""
    return await read_window(tx, _pending(business_id, kind), window, access_request.c.id, access_request.c.created_at)


async def count_pending(tx: Tx, business_id: int, kind: NodeKind | None = None) -> int:
    """How many requests of a business are open."""
    return await count_rows(tx, _pending(business_id, kind))


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
