"""Reading the audit: an append-only list, never used to compute state (``house.md`` §1). ``apply`` writes it."""

from typing import Any

from sqlalchemy import BigInteger, Row, select, type_coerce

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import audit
from .slices import Place, Slice, read_slice


async def list_entries(tx: Tx, business_id: int, limit: int, acts: tuple[str, ...] = ()) -> list[Row[Any]]:
    """The last ``limit`` entries of a business, newest first; ``acts``: only of these acts (noun.verb)."""
    statement = (
        select(audit)
        .where(audit.c.business_id == business_id)
        .order_by(audit.c.at.desc(), audit.c.id.desc())
        .limit(limit)
    )
    wanted = statement.where(audit.c.act.in_(acts)) if acts else statement
    return await fenced_rows(tx, wanted, Fence.around(audit.c.business_id, business_id))


async def slice_of_entries(tx: Tx, business_id: int, place: Place, limit: int) -> Slice:
    """One page of a business's entries, newest first."""
    statement = select(audit).where(audit.c.business_id == business_id)
    order = (type_coerce(audit.c.at, BigInteger), audit.c.id)
    fence = Fence.around(audit.c.business_id, business_id)
    return await read_slice(tx, statement, fence, order, place, limit, descending=True)
