"""Refresh tokens and their families. Ending a family, with its access tokens, is ``grants.revoke_descendants``."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from .engine import Tx
from .schema.standards import refresh_family, refresh_token


async def add_family(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a family; ``values``: its columns but those of an end."""
    await tx.run(insert(refresh_family), [values])


async def add_refresh_token(tx: Tx, hashed: bytes, code_hash: bytes, now: datetime, expires: datetime) -> None:
    """Insert a refresh token by its hash."""
    row = {"hash": hashed, "code_hash": code_hash, "issued_at": now, "expires_at": expires}
    await tx.run(insert(refresh_token), [row])


async def find_refresh_token(tx: Tx, hashed: bytes, lock: bool = True) -> Row[Any] | None:
    """A refresh token with its family, whose row is locked until the transaction ends: of equal uses at once one is first."""
    statement = (
        select(refresh_token.c.expires_at, refresh_token.c.issued_at, refresh_token.c.used_at, *refresh_family.c)
        .join(refresh_family, refresh_family.c.code_hash == refresh_token.c.code_hash)
        .where(refresh_token.c.hash == hashed)
    )
    return await tx.one(statement.with_for_update() if lock else statement)


async def use_refresh_token(tx: Tx, hashed: bytes, now: datetime) -> None:
    """Mark a refresh token used."""
    await tx.run(update(refresh_token).where(refresh_token.c.hash == hashed).values(used_at=now))
