"""Assertions and proofs that were seen once, and requests that were sent ahead."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from .engine import Tx
from .schema.standards import pushed_request, used_proof


async def is_used(tx: Tx, mark: bytes) -> bool:
    """Whether a mark is remembered."""
    return await tx.one(select(used_proof.c.hash).where(used_proof.c.hash == mark)) is not None


async def add_used(tx: Tx, mark: bytes, expires: datetime) -> None:
    """Remember a mark. Equal marks at once: one transaction fails with a conflict."""
    await tx.run(insert(used_proof), [{"hash": mark, "expires_at": expires}])


async def drop_used(tx: Tx, now: datetime) -> None:
    """Forget what is too old to be accepted anyway."""
    await tx.run(delete(used_proof).where(used_proof.c.expires_at <= now))


async def add_pushed(tx: Tx, hashed: bytes, app_id: int, parameters: bytes, expires: datetime) -> None:
    """Keep an authorization request by the hash of its name."""
    row = {"hash": hashed, "app_id": app_id, "parameters": parameters, "expires_at": expires}
    await tx.run(insert(pushed_request), [row])


async def find_pushed(tx: Tx, hashed: bytes) -> Row[Any] | None:
    """All columns of a request that was sent ahead."""
    return await tx.one(select(pushed_request).where(pushed_request.c.hash == hashed))


async def use_pushed(tx: Tx, hashed: bytes, now: datetime) -> bool:
    """Mark a request as used; whether this was the first time."""
    unused = pushed_request.c.hash == hashed, pushed_request.c.used_at.is_(None)
    return await tx.run(update(pushed_request).where(*unused).values(used_at=now)) == 1


async def drop_pushed(tx: Tx, now: datetime) -> None:
    """Forget requests that nobody can use any more."""
    await tx.run(delete(pushed_request).where(pushed_request.c.expires_at <= now))
