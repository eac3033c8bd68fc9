"""What is known of a place in a business besides its role: title, permissions, who opened it (``wire.md`` §3.6)."""

from typing import Any

from sqlalchemy import Row, insert, select, update

from .engine import Tx
from .schema.portfolio import place_profile

COLUMNS = ("title", "finance_permission", "ip_permission", "created_by")


async def find_profiles(tx: Tx, membership_ids: list[int]) -> dict[int, Row[Any]]:
    """Membership to what is known of it; those of which nothing is are missing."""
    rows = await tx.rows(select(place_profile).where(place_profile.c.membership_id.in_(membership_ids)))
    return {row.membership_id: row for row in rows}


async def put_profile(tx: Tx, membership_id: int, values: dict[str, Any]) -> None:
    """Set columns of a place's profile, in place of what they were."""
    changed = update(place_profile).where(place_profile.c.membership_id == membership_id).values(values)
    if await tx.run(changed) == 0:
        await tx.run(insert(place_profile), [{**dict.fromkeys(COLUMNS), "membership_id": membership_id, **values}])


async def copy_profile(tx: Tx, membership_id: int, to_id: int) -> None:
    """Another place gets what is known of one, where something is."""
    found = (await find_profiles(tx, [membership_id])).get(membership_id)
    if found is not None:
        await put_profile(tx, to_id, {name: getattr(found, name) for name in COLUMNS})
