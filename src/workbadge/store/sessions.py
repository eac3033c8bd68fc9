"""Browser sessions: one cookie, several signed-in accounts."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import account, factor_deadline, organization, session, session_account, sign_in_policy


async def add_session(tx: Tx, hashed: bytes, now: datetime, ends: datetime, device: str | None = None) -> None:
    """Insert a session; ``device``: what its browser calls itself, in words."""
    await tx.run(
        insert(session),
        [{"hash": hashed, "created_at": now, "seen_at": now, "ends": ends, "device": device}],
    )


async def find_session(tx: Tx, hashed: bytes) -> Row[Any] | None:
    """hash, created_at, seen_at, ends."""
    return await tx.one(select(session).where(session.c.hash == hashed))


async def touch_session(tx: Tx, hashed: bytes, now: datetime) -> None:
    """Note that a session was used."""
    await tx.run(update(session).where(session.c.hash == hashed).values(seen_at=now))


async def end_session(tx: Tx, hashed: bytes) -> None:
    """Delete a session with everybody signed in on it."""
    await tx.run(delete(session_account).where(session_account.c.session_hash == hashed))
    await tx.run(delete(session).where(session.c.hash == hashed))


async def add_signed_in(
    tx: Tx, hashed: bytes, account_id: int, method: str, now: datetime, proven_at: datetime | None = None
) -> None:
    """An account is signed in on a session; signing in again renews it. ``proven_at``: when it last gave the strongest proof
    that it has."""
    await tx.run(
        delete(session_account).where(
            session_account.c.session_hash == hashed,
            session_account.c.account_id == account_id,
        )
    )
    row = {
        "session_hash": hashed,
        "account_id": account_id,
        "signed_in_at": now,
        "method": method,
        "proven_at": proven_at,
    }
    await tx.run(insert(session_account), [row])


async def drop_signed_in(tx: Tx, hashed: bytes, account_id: int) -> None:
    """Sign one account out of a session."""
    await tx.run(
        delete(session_account).where(
            session_account.c.session_hash == hashed,
            session_account.c.account_id == account_id,
        )
    )


async def list_signed_in(tx: Tx, hashed: bytes) -> list[Row[Any]]:
    """Active accounts signed in on a session, oldest sign-in first, with their organization's name and policy."""
    statement = (
        select(
            account.c.id,
            account.c.kind,
            account.c.name,
            account.c.email,
            session_account.c.signed_in_at,
            session_account.c.method,
            session_account.c.proven_at,
            organization.c.name.label("organization"),
            account.c.created_at,
            sign_in_policy.c.second_factor_since,
            sign_in_policy.c.grace_seconds,
            sign_in_policy.c.session_seconds,
            sign_in_policy.c.idle_seconds,
            factor_deadline.c.ends.label("deadline"),
        )
        .join(session_account, session_account.c.account_id == account.c.id)
        .outerjoin(organization, organization.c.id == account.c.organization_id)
        .outerjoin(sign_in_policy, sign_in_policy.c.organization_id == account.c.organization_id)
        .outerjoin(factor_deadline, factor_deadline.c.account_id == account.c.id)
        .where(
            session_account.c.session_hash == hashed,
            account.c.suspended_at.is_(None),
            account.c.deleted_at.is_(None),
        )
        .order_by(session_account.c.signed_in_at, account.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(session_account.c.session_hash, hashed))


async def list_sessions(tx: Tx, account_id: int) -> list[Row[Any]]:
    """Sessions on which an account is signed in, latest use first, with when and how it did."""
    statement = (
        select(session, session_account.c.signed_in_at, session_account.c.method)
        .join(session_account, session_account.c.session_hash == session.c.hash)
        .where(session_account.c.account_id == account_id)
        .order_by(session.c.seen_at.desc())
    )
    return await fenced_rows(tx, statement, Fence.around(session_account.c.account_id, account_id))


async def drop_everywhere(tx: Tx, account_id: int, but: bytes | None) -> None:
    """Sign an account out of all sessions, except of the one with hash ``but``."""
    gone = delete(session_account).where(session_account.c.account_id == account_id)
    await tx.run(gone if but is None else gone.where(session_account.c.session_hash != but))
