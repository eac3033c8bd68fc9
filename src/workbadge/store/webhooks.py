"""Subscriptions of apps to webhooks, and of pages to apps."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import page_subscription, webhook_subscription


async def find_subscription(tx: Tx, app_id: int, object_name: str, lock: bool = False) -> Row[Any] | None:
    """All columns of an app's subscription of one object."""
    statement = select(webhook_subscription).where(
        webhook_subscription.c.app_id == app_id, webhook_subscription.c.object == object_name
    )
    return await tx.one(statement.with_for_update() if lock else statement)


async def find_subscription_by_id(tx: Tx, subscription_id: int) -> Row[Any] | None:
    """All columns of one subscription."""
    return await tx.one(select(webhook_subscription).where(webhook_subscription.c.id == subscription_id))


async def list_subscriptions(tx: Tx, app_id: int) -> list[Row[Any]]:
    """Subscriptions of an app, by object."""
    statement = (
        select(webhook_subscription)
        .where(webhook_subscription.c.app_id == app_id)
        .order_by(webhook_subscription.c.object)
    )
    return await fenced_rows(tx, statement, Fence.around(webhook_subscription.c.app_id, app_id))


async def add_subscription(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a subscription; ``values``: every column that has one."""
    await tx.run(insert(webhook_subscription), [values])


async def set_subscription(tx: Tx, subscription_id: int, values: dict[str, Any]) -> None:
    """Change columns of a subscription."""
    await tx.run(update(webhook_subscription).where(webhook_subscription.c.id == subscription_id).values(values))


async def drop_subscription(tx: Tx, subscription_id: int) -> None:
    """Delete a subscription; what was written for it stays in the outbox."""
    await tx.run(delete(webhook_subscription).where(webhook_subscription.c.id == subscription_id))


async def find_page_subscription(tx: Tx, app_id: int, page_id: int, lock: bool = False) -> Row[Any] | None:
    """What of a page an app follows, and the hash of the page token under which it asked."""
    statement = select(page_subscription).where(
        page_subscription.c.app_id == app_id, page_subscription.c.page_id == page_id
    )
    return await tx.one(statement.with_for_update() if lock else statement)


async def list_page_subscriptions(tx: Tx, page_id: int) -> list[Row[Any]]:
    """Every app that follows a page, by app."""
    return await tx.rows(
        select(page_subscription).where(page_subscription.c.page_id == page_id).order_by(page_subscription.c.app_id)
    )


async def put_page_subscription(
    tx: Tx, app_id: int, page_id: int, fields: str, token_hash: bytes, now: datetime, known: bool
) -> None:
    """Follow a page, or (``known``) other fields of it."""
    if known:
        await tx.run(
            update(page_subscription)
            .where(page_subscription.c.app_id == app_id, page_subscription.c.page_id == page_id)
            .values(fields=fields, token_hash=token_hash)
        )
        return
    row = {"app_id": app_id, "page_id": page_id, "fields": fields, "token_hash": token_hash, "created_at": now}
    await tx.run(insert(page_subscription), [row])


async def drop_page_subscription(tx: Tx, app_id: int, page_id: int) -> None:
    """Follow a page no longer."""
    await tx.run(
        delete(page_subscription).where(page_subscription.c.app_id == app_id, page_subscription.c.page_id == page_id)
    )
