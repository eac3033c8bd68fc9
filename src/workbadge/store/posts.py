"""Posts of pages."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, select

from .engine import Tx
from .fence import Fence, count_rows
from .schema import post
from .window import Rows, Window, read_window


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


def _of_page(page_id: int) -> Select[Any]:
    return select(*post.c, post.c.created_at.label("made")).where(post.c.page_id == page_id)


async def list_posts(tx: Tx, page_id: int, window: Window) -> Rows:
    """Posts of a page, each also with ``made``."""
    fence = Fence.around(post.c.page_id, page_id)
    return await read_window(tx, _of_page(page_id), fence, window, post.c.id, post.c.created_at)


async def count_posts(tx: Tx, page_id: int) -> int:
    """How many posts a page has."""
    return await count_rows(tx, _of_page(page_id), Fence.around(post.c.page_id, page_id))


async def find_post(tx: Tx, post_id: int) -> Row[Any] | None:
    """One post."""
    return await tx.one(select(post).where(post.c.id == post_id))
