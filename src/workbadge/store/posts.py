"""Posts of pages."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select

from .engine import Tx
from .schema import post


async def add_post(
    tx: Tx,
    post_id: int,
    page_id: int,
    account_id: int,
    app_id: int,
    message: str,
    now: datetime,
) -> None:
    """Insert a post."""
    row = {
        "id": post_id,
        "page_id": page_id,
        "account_id": account_id,
        "app_id": app_id,
        "message": message,
        "created_at": now,
    }
    await tx.run(insert(post), [row])


async def list_posts(
    tx: Tx,
    page_id: int,
    limit: int,
    after: tuple[datetime, int] | None = None,
    before: tuple[datetime, int] | None = None,
) -> list[Row[Any]]:
    """Posts of a page, newest first, ``limit`` + 1 at most; ``after``/``before``: (created_at, id) of a neighbour."""
    statement = select(post).where(post.c.page_id == page_id)
    if after is not None:
        at, last = after
        statement = statement.where(or_(post.c.created_at < at, and_(post.c.created_at == at, post.c.id < last)))
    if before is not None:
        at, first = before
        statement = statement.where(or_(post.c.created_at > at, and_(post.c.created_at == at, post.c.id > first)))
        newest_last = statement.order_by(post.c.created_at, post.c.id).limit(limit + 1)
        return list(reversed(await tx.rows(newest_last)))
    return await tx.rows(statement.order_by(post.c.created_at.desc(), post.c.id.desc()).limit(limit + 1))


async def count_posts(tx: Tx, page_id: int) -> int:
    """How many posts a page has."""
    row = await tx.one(select(func.count().label("total")).where(post.c.page_id == page_id))
    return 0 if row is None else int(row.total)


async def find_post(tx: Tx, post_id: int) -> Row[Any] | None:
    """One post."""
    return await tx.one(select(post).where(post.c.id == post_id))
