"""Which apps were logged in to from which browser session: who is told when it ends."""

from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from .engine import Tx
from .schema.standards import client_terms, session_app


async def find_sid(tx: Tx, session_hash: bytes, app_id: int, account_id: int) -> str | None:
    """The name of a session towards an app, for an account on it."""
    row = await tx.one(
        select(session_app.c.sid).where(
            session_app.c.session_hash == session_hash,
            session_app.c.app_id == app_id,
            session_app.c.account_id == account_id,
        )
    )
    return None if row is None else str(row.sid)


async def add_session_app(tx: Tx, session_hash: bytes, app_id: int, account_id: int, sid: str) -> None:
    """An app was logged in to."""
    row = {"session_hash": session_hash, "app_id": app_id, "account_id": account_id, "sid": sid}
    await tx.run(insert(session_app), [row])


async def move_session_apps(tx: Tx, old: bytes, new: bytes) -> None:
    """A session got a new cookie: its apps go along."""
    await tx.run(update(session_app).where(session_app.c.session_hash == old).values(session_hash=new))


async def list_session_apps(tx: Tx, session_hash: bytes, account_id: int | None) -> list[Row[Any]]:
    """app_id, account_id, sid, backchannel_logout_uri of a session's apps (of one account) that want to be told."""
    statement = (
        select(session_app.c.app_id, session_app.c.account_id, session_app.c.sid, client_terms.c.backchannel_logout_uri)
        .join(client_terms, client_terms.c.app_id == session_app.c.app_id)
        .where(session_app.c.session_hash == session_hash, client_terms.c.backchannel_logout_uri.is_not(None))
        .order_by(session_app.c.app_id, session_app.c.account_id)
    )
    if account_id is not None:
        statement = statement.where(session_app.c.account_id == account_id)
    return await tx.rows(statement)


async def find_by_sid(tx: Tx, sid: str, app_id: int) -> Row[Any] | None:
    """session_hash, account_id of a session by its name towards an app."""
    return await tx.one(select(session_app).where(session_app.c.sid == sid, session_app.c.app_id == app_id))


async def drop_session_apps(tx: Tx, session_hash: bytes, account_id: int | None) -> None:
    """Forget the apps of a session, or of one account on it."""
    mine = delete(session_app).where(session_app.c.session_hash == session_hash)
    await tx.run(mine if account_id is None else mine.where(session_app.c.account_id == account_id))
