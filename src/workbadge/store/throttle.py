"""Failed tries per key, shared by every process (OA-57, AC-42)."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from .engine import Tx
from .schema import throttle


async def load_throttle(tx: Tx, key: str, lock: bool = False) -> tuple[int, datetime] | None:
    """Failures in a row and the instant from which the key is free again."""
    statement = select(throttle).where(throttle.c.key == key)
    row = await tx.one(statement.with_for_update() if lock else statement)
    return None if row is None else (row.failures, row.free_at)


async def set_throttle(tx: Tx, key: str, failures: int, free_at: datetime, known: bool) -> None:
    """Write failures and instant of a key."""
    if known:
        await tx.run(update(throttle).where(throttle.c.key == key).values(failures=failures, free_at=free_at))
    else:
        await tx.run(insert(throttle), [{"key": key, "failures": failures, "free_at": free_at}])


async def clear_throttle(tx: Tx, key: str) -> None:
    """Forget a key's failures."""
    await tx.run(delete(throttle).where(throttle.c.key == key))


async def drop_old(tx: Tx, before: datetime) -> None:
    """Forget every key that has been free since before an instant: the table stays small."""
    await tx.run(delete(throttle).where(throttle.c.free_at < before))
