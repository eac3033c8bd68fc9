"""First answers to writes that carry an idempotency key."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select

from .engine import Tx
from .schema.portfolio import first_answer


async def find_answer(tx: Tx, key: bytes) -> Row[Any] | None:
    """key, digest (of the request), body (sealed), at."""
    return await tx.one(select(first_answer).where(first_answer.c.key == key))


async def add_answer(tx: Tx, key: bytes, digest: bytes, body: bytes, now: datetime) -> None:
    """Insert an answer."""
    await tx.run(insert(first_answer), [{"key": key, "digest": digest, "body": body, "at": now}])


async def forget_answers(tx: Tx, until: datetime) -> None:
    """Delete the answers given up to an instant."""
    await tx.run(delete(first_answer).where(first_answer.c.at <= until))
