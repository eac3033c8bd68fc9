"""People's requests that an app delete what it holds about them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import app, data_deletion, outbox


async def add_deletion(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a request."""
    await tx.run(insert(data_deletion), [values])


async def find_deletion_of(tx: Tx, delivery_id: int) -> Row[Any] | None:
    """The request that a delivery of the outbox is about."""
    return await tx.one(select(data_deletion).where(data_deletion.c.delivery_id == delivery_id))


async def set_answer(tx: Tx, deletion_id: int, status_url: str, code: str, now: datetime) -> None:
    """What the app answered."""
    values = {"status_url": status_url, "confirmation_code": code, "answered_at": now}
    await tx.run(update(data_deletion).where(data_deletion.c.id == deletion_id).values(values))


async def list_deletions(tx: Tx, account_id: int) -> list[Row[Any]]:
    """Requests of an account, newest first, each with the app's name, its help, and how its delivery stands."""
    statement = (
        select(
            data_deletion,
            app.c.name.label("app"),
            app.c.user_support_url,
            app.c.user_support_email,
            outbox.c.next_try_at,
            outbox.c.parked_at,
        )
        .join(app, app.c.id == data_deletion.c.app_id)
        .outerjoin(outbox, outbox.c.id == data_deletion.c.delivery_id)
        .where(data_deletion.c.account_id == account_id)
        .order_by(data_deletion.c.requested_at.desc(), data_deletion.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(data_deletion.c.account_id, account_id))
