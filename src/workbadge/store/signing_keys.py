"""Signing keys: rows by algorithm, oldest first. Which of them signs is decided in ``commands``."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from .engine import Tx
from .schema.standards import signing_key


async def list_signing_keys(tx: Tx) -> list[Row[Any]]:
    """All columns of every key, by algorithm and number."""
    return await tx.rows(select(signing_key).order_by(signing_key.c.alg, signing_key.c.number))


async def add_signing_key(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a key. Raises StoreConflictError when its algorithm has one with that number already."""
    await tx.run(insert(signing_key), [values])


async def withdraw_signing_keys(tx: Tx, kids: list[str], now: datetime) -> None:
    """Take keys out of use at once: they neither sign nor verify from now on."""
    await tx.run(update(signing_key).where(signing_key.c.kid.in_(kids)).values(withdrawn_at=now))
