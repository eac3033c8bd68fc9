"""Credentials of organizations' directories: only their hashes (O5)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from .engine import Tx
from .schema.directory import scim_token


async def add_scim_token(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a credential."""
    await tx.run(insert(scim_token), [values])


async def find_scim_token(tx: Tx, hashed: bytes) -> Row[Any] | None:
    """All columns of the credential with that hash."""
    return await tx.one(select(scim_token).where(scim_token.c.hash == hashed))


async def list_scim_tokens(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """Credentials of an organization, oldest first."""
    mine = select(scim_token).where(scim_token.c.organization_id == organization_id)
    return await tx.rows(mine.order_by(scim_token.c.created_at, scim_token.c.id))


async def end_scim_token(tx: Tx, organization_id: int, token_id: int, now: datetime) -> bool:
    """End a credential that has not been ended; False when the organization has no such one."""
    mine = update(scim_token).where(scim_token.c.id == token_id, scim_token.c.organization_id == organization_id)
    return await tx.run(mine.where(scim_token.c.ended_at.is_(None)).values(ended_at=now)) == 1


async def set_last_used(tx: Tx, token_id: int, now: datetime) -> None:
    """When a credential was last used."""
    await tx.run(update(scim_token).where(scim_token.c.id == token_id).values(last_used_at=now))
