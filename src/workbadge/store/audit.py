"""Reading the audit: an append-only list, never used to compute state (``house.md`` §1). ``apply`` writes it."""

from typing import Any

from sqlalchemy import Row, select

from .engine import Tx
from .schema import audit


async def list_entries(tx: Tx, business_id: int, limit: int, acts: tuple[str, ...] = ()) -> list[Row[Any]]:
    """The last ``limit`` entries of a business, newest first; ``acts``: only of these acts (noun.verb)."""
    statement = (
        select(audit)
        .where(audit.c.business_id == business_id)
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(limit)
    )
    return await tx.rows(statement.where(audit.c.act.in_(acts)) if acts else statement)
