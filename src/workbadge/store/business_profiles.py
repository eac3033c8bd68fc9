"""What is known of a business beyond its name: parent, vertical, time zone, primary page, who made and changed it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from .engine import Tx
from .schema import asset, business, name_key
from .schema.portfolio import business_profile


async def find_profile(tx: Tx, business_id: int) -> Row[Any] | None:
    """Everything of a business: id, name, created_at, parent_id, primary_page_id, primary_page, vertical, timezone_id,
    created_by, updated_by, updated_at; what is not known is None."""
    return await tx.one(
        select(
            business.c.id,
            business.c.name,
            business.c.created_at,
            business_profile.c.parent_id,
            business_profile.c.primary_page_id,
            asset.c.name.label("primary_page"),
            business_profile.c.vertical,
            business_profile.c.timezone_id,
            business_profile.c.created_by,
            business_profile.c.updated_by,
            business_profile.c.updated_at,
        )
        .outerjoin(business_profile, business_profile.c.business_id == business.c.id)
        .outerjoin(asset, asset.c.id == business_profile.c.primary_page_id)
        .where(business.c.id == business_id)
    )


async def put_profile(tx: Tx, business_id: int, values: dict[str, Any]) -> None:
    """Set columns of a business's profile, in place of what they were."""
    changed = update(business_profile).where(business_profile.c.business_id == business_id).values(values)
    if await tx.run(changed) == 0:
        await tx.run(insert(business_profile), [{"business_id": business_id, **values}])


async def rename_business(tx: Tx, business_id: int, name: str) -> None:
    """Give a business another name."""
    statement = update(business).where(business.c.id == business_id)
    await tx.run(statement.values(name=name, name_key=name_key(name)))


async def count_ancestors(tx: Tx, business_id: int, most: int) -> int:
    """How many businesses stand above one, counted up to ``most``."""
    found, here = 0, business_id
    while found < most:
        row = await tx.one(select(business_profile.c.parent_id).where(business_profile.c.business_id == here))
        if row is None or row.parent_id is None:
            break
        found, here = found + 1, row.parent_id
    return found


async def touch(tx: Tx, business_id: int, account_id: int, now: datetime) -> None:
    """Note who changed a business, and when."""
    await put_profile(tx, business_id, {"updated_by": account_id, "updated_at": now})
