"""What apps agreed on for the standards side, and their secrets while one replaces another."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from .engine import Tx
from .schema import app
from .schema.standards import client_terms


async def find_terms(tx: Tx, app_id: int) -> Row[Any] | None:
    """All columns of an app's terms."""
    return await tx.one(select(client_terms).where(client_terms.c.app_id == app_id))


async def set_terms(tx: Tx, app_id: int, values: dict[str, Any], known: bool) -> None:
    """Write an app's terms; ``known``: there is a row already."""
    if known:
        await tx.run(update(client_terms).where(client_terms.c.app_id == app_id).values(**values))
    else:
        await tx.run(insert(client_terms), [{**values, "app_id": app_id}])


async def drop_terms(tx: Tx, app_id: int) -> None:
    """Forget an app's terms."""
    await tx.run(delete(client_terms).where(client_terms.c.app_id == app_id))


async def lock_app(tx: Tx, app_id: int) -> Row[Any] | None:
    """All columns of an app, its row locked until the transaction ends."""
    return await tx.one(select(app).where(app.c.id == app_id).with_for_update())


async def set_app(tx: Tx, app_id: int, values: dict[str, Any]) -> None:
    """Write columns of an app."""
    await tx.run(update(app).where(app.c.id == app_id).values(**values))


async def find_second_secret(tx: Tx, app_id: int, now: datetime) -> bytes | None:
    """The sealed secret before the last rotation, while it is still good."""
    row = await tx.one(
        select(client_terms.c.second_secret).where(
            client_terms.c.app_id == app_id, client_terms.c.second_secret_ends > now
        )
    )
    return None if row is None or row.second_secret is None else bytes(row.second_secret)
