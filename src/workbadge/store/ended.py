"""What ended long ago and is of no more use: codes, refresh tokens and sessions, a part at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, exists, or_, select

from .engine import Tx
from .schema import code, session, session_account, session_app, token
from .schema.standards import refresh_family, refresh_token


async def _hashes(tx: Tx, column: ColumnElement[Any], where: ColumnElement[bool], limit: int) -> list[bytes]:
    rows = await tx.rows(select(column.label("hash")).where(where).limit(limit).with_for_update(skip_locked=True))
    return [bytes(row.hash) for row in rows]


async def _drop(tx: Tx, places: Sequence[tuple[Table, ColumnElement[Any]]], hashes: list[bytes]) -> int:
    """Delete rows, those that refer to others first."""
    if hashes:
        for table, column in places:
            await tx.run(delete(table).where(column.in_(hashes)))
    return len(hashes)


async def drop_refresh_tokens(tx: Tx, before: datetime, limit: int) -> int:
    """Families whose absolute end came before an instant, with their tokens; how many of them."""
    found = await _hashes(tx, refresh_family.c.code_hash, refresh_family.c.ends < before, limit)
    places = ((refresh_token, refresh_token.c.code_hash), (refresh_family, refresh_family.c.code_hash))
    return await _drop(tx, places, found)


async def drop_codes(tx: Tx, before: datetime, limit: int) -> int:
    """Codes that ended before an instant, unless a token that descends from one is still good (a second use of the code revokes
    it, and its login's nonce is asked for), or refresh tokens stand on it."""
    good = and_(
        or_(token.c.expires_at.is_(None), token.c.expires_at >= before),
        or_(token.c.revoked_at.is_(None), token.c.revoked_at >= before),
    )
    useful = or_(
        exists().where(token.c.grant_id == code.c.grant_id, token.c.code_hash == code.c.hash, good),
        exists().where(refresh_family.c.code_hash == code.c.hash),
    )
    found = await _hashes(tx, code.c.hash, and_(code.c.expires_at < before, ~useful), limit)
    return await _drop(tx, ((code, code.c.hash),), found)


async def drop_sessions(tx: Tx, before: datetime, limit: int) -> int:
    """Browser sessions that ended before an instant, with who was signed in on them."""
    found = await _hashes(tx, session.c.hash, session.c.ends < before, limit)
    places = (
        (session_app, session_app.c.session_hash),
        (session_account, session_account.c.session_hash),
        (session, session.c.hash),
    )
    return await _drop(tx, places, found)
