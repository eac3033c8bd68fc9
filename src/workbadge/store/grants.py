"""Grants, selections, tokens, codes: reading and writing. Whether they suffice is decided elsewhere."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, func, insert, or_, select, update

from workbadge.terms.ids import RANDOM_SPAN, make_id
from workbadge.terms.kinds import NodeKind, TokenKind
from workbadge.terms.reasons import Reason

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import app, app_grant, code, grant_target, token
from .schema.standards import refresh_family


async def find_grant(tx: Tx, account_id: int, app_id: int, lock: bool = False) -> Row[Any] | None:
    """The live grant between an account and an app."""
    statement = select(app_grant).where(
        app_grant.c.account_id == account_id,
        app_grant.c.app_id == app_id,
        app_grant.c.revoked_at.is_(None),
    )
    return await tx.one(statement.with_for_update() if lock else statement)


async def find_grant_by_id(tx: Tx, grant_id: int) -> Row[Any] | None:
    """A grant by its id, revoked ones too."""
    return await tx.one(select(app_grant).where(app_grant.c.id == grant_id))


async def list_grants(tx: Tx, account_id: int) -> list[Row[Any]]:
    """Live grants of an account, oldest first."""
    statement = (
        select(app_grant)
        .where(app_grant.c.account_id == account_id, app_grant.c.revoked_at.is_(None))
        .order_by(app_grant.c.created_at, app_grant.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(app_grant.c.account_id, account_id))


async def list_left_apps(tx: Tx, account_id: int) -> list[Row[Any]]:
    """id, name, revoked_at of apps that an account took off and has not let in again, by name."""
    again = app_grant.alias("again")
    return await tx.rows(
        select(app.c.id, app.c.name, func.max(app_grant.c.revoked_at).label("revoked_at"))
        .join(app_grant, app_grant.c.app_id == app.c.id)
        .where(
            app_grant.c.account_id == account_id,
            app_grant.c.revoked_at.is_not(None),
            ~exists().where(again.c.app_id == app.c.id, again.c.account_id == account_id, again.c.revoked_at.is_(None)),
        )
        .group_by(app.c.id, app.c.name)
        .order_by(app.c.name, app.c.id)
    )


async def add_grant(
    tx: Tx,
    grant_id: int,
    account_id: int,
    app_id: int,
    scopes: str,
    declined: str,
    now: datetime,
) -> None:
    """Insert a live grant."""
    await tx.run(
        insert(app_grant),
        [
            {
                "id": grant_id,
                "account_id": account_id,
                "app_id": app_id,
                "scopes": scopes,
                "declined": declined,
                "created_at": now,
                "consented_at": now,
            }
        ],
    )


async def set_grant_scopes(tx: Tx, grant_id: int, scopes: str, declined: str, now: datetime) -> None:
    """Replace what a grant grants and declines."""
    await tx.run(
        update(app_grant).where(app_grant.c.id == grant_id).values(scopes=scopes, declined=declined, consented_at=now)
    )


async def revoke_grant(tx: Tx, grant_id: int, now: datetime) -> None:
    """End a grant: every token under it is dead from now on."""
    await tx.run(update(app_grant).where(app_grant.c.id == grant_id).values(revoked_at=now))


async def touch_grants(tx: Tx, used: dict[int, datetime]) -> None:
    """Note when grants were last used; what was noted later already stays."""
    earlier = or_(app_grant.c.last_used_at.is_(None), app_grant.c.last_used_at < bindparam("at"))
    await tx.run(
        update(app_grant).where(app_grant.c.id == bindparam("used"), earlier).values(last_used_at=bindparam("at")),
        [{"used": grant_id, "at": at} for grant_id, at in sorted(used.items())],
    )


async def list_targets(tx: Tx, grant_id: int) -> list[Row[Any]]:
    """target_id, business_id, selected_at of a grant's selections, by id."""
    statement = select(grant_target).where(grant_target.c.grant_id == grant_id).order_by(grant_target.c.target_id)
    return await fenced_rows(tx, statement, Fence.around(grant_target.c.grant_id, grant_id))


async def add_targets(tx: Tx, grant_id: int, targets: dict[int, int | None], now: datetime) -> None:
    """Select nodes; ``targets`` maps a node to the business in whose name it was selected."""
    await tx.run(
        insert(grant_target),
        [
            {
                "grant_id": grant_id,
                "target_id": target_id,
                "business_id": business_id,
                "selected_at": now,
            }
            for target_id, business_id in sorted(targets.items())
        ],
    )


async def list_app_targets(
    tx: Tx,
    app_id: int,
    kind: NodeKind,
    limit: int,
    after: int | None = None,
    before: int | None = None,
    business_id: int | None = None,
) -> list[int]:
    """Nodes of a kind that live grants of an app selected, ascending, or, with ``before``, descending from there."""
    lowest = make_id(kind, 0)
    where = [
        app_grant.c.app_id == app_id,
        app_grant.c.revoked_at.is_(None),
        grant_target.c.target_id > (lowest - 1 if after is None else after),
        grant_target.c.target_id < (lowest + RANDOM_SPAN if before is None else before),
    ]
    if business_id is not None:
        where.append(grant_target.c.business_id == business_id)
    order = grant_target.c.target_id if before is None else grant_target.c.target_id.desc()
    rows = await tx.rows(
        select(grant_target.c.target_id)
        .join(app_grant, app_grant.c.id == grant_target.c.grant_id)
        .where(*where)
        .distinct()
        .order_by(order)
        .limit(limit)
    )
    return [row.target_id for row in rows]


async def list_newest_tokens(tx: Tx, app_id: int, target_id: int, limit: int) -> list[bytes]:
    """For up to ``limit`` live grants of an app that selected a node: the hash of the newest token under each."""
    newest = (
        select(token.c.hash)
        .where(
            token.c.grant_id == app_grant.c.id,
            token.c.kind.in_((TokenKind.USER.value, TokenKind.SYSTEM_USER.value)),
            token.c.revoked_at.is_(None),
        )
        .order_by(token.c.issued_at.desc(), token.c.hash)
        .limit(1)
        .correlate(app_grant)
        .scalar_subquery()
    )
    rows = await tx.rows(
        select(newest.label("hash"))
        .select_from(app_grant.join(grant_target, grant_target.c.grant_id == app_grant.c.id))
        .where(app_grant.c.app_id == app_id, app_grant.c.revoked_at.is_(None), grant_target.c.target_id == target_id)
        .order_by(app_grant.c.id)
        .limit(limit)
    )
    return [bytes(row.hash) for row in rows if row.hash is not None]


async def drop_targets(tx: Tx, grant_id: int, target_ids: list[int]) -> None:
    """Unselect nodes."""
    for start in range(0, len(target_ids), 500):
        part = target_ids[start : start + 500]
        await tx.run(
            delete(grant_target).where(grant_target.c.grant_id == grant_id, grant_target.c.target_id.in_(part))
        )


async def add_token(
    tx: Tx,
    hashed: bytes,
    kind: TokenKind,
    app_id: int,
    authorized: datetime,
    now: datetime,
    grant_id: int | None = None,
    account_id: int | None = None,
    scopes: str = "",
    expires: datetime | None = None,
    page_id: int | None = None,
    parent: bytes | None = None,
    jkt: str | None = None,
    resource: str | None = None,
    code_hash: bytes | None = None,
) -> None:
    """Insert a token by its hash. ``jkt``: the thumbprint of the key that it is bound to; ``resource``: what it is meant for,
    None: this server; ``code_hash``: the code that it descends from."""
    await tx.run(
        insert(token),
        [
            {
                "hash": hashed,
                "kind": kind.value,
                "app_id": app_id,
                "grant_id": grant_id,
                "account_id": account_id,
                "page_id": page_id,
                "parent_hash": parent,
                "scopes": scopes,
                "authorized_at": authorized,
                "issued_at": now,
                "expires_at": expires,
                "jkt": jkt,
                "resource": resource,
                "code_hash": code_hash,
            }
        ],
    )


async def find_token(tx: Tx, hashed: bytes) -> Row[Any] | None:
    """All columns of a token."""
    return await tx.one(select(token).where(token.c.hash == hashed))


async def list_live_tokens(tx: Tx, grant_id: int, kind: TokenKind, now: datetime) -> list[Row[Any]]:
    """Tokens of a kind under a grant that were not revoked and have not expired, newest first."""
    return await tx.rows(
        select(token)
        .where(
            token.c.grant_id == grant_id,
            token.c.kind == kind.value,
            token.c.revoked_at.is_(None),
            or_(token.c.expires_at.is_(None), token.c.expires_at > now),
        )
        .order_by(token.c.issued_at.desc(), token.c.hash)
    )


async def list_known_tokens(tx: Tx, hashes: list[bytes]) -> set[bytes]:
    """Which of the hashes are stored."""
    rows = await tx.rows(select(token.c.hash).where(token.c.hash.in_(hashes)))
    return {bytes(row.hash) for row in rows}


async def revoke_token(tx: Tx, hashed: bytes, because: Reason, now: datetime) -> None:
    """Revoke one token; page tokens derived from it die with it."""
    await tx.run(
        update(token)
        .where(token.c.hash == hashed, token.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=because.value)
    )


async def revoke_descendants(tx: Tx, grant_id: int, code_hash: bytes, because: Reason, now: datetime) -> None:
    """Revoke every token, access and refresh, that descends from one code; page tokens derived from them die with them."""
    await tx.run(
        update(token)
        .where(token.c.grant_id == grant_id, token.c.code_hash == code_hash, token.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=because.value)
    )
    await tx.run(
        update(refresh_family)
        .where(refresh_family.c.code_hash == code_hash, refresh_family.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=because.value)
    )


async def revoke_account(tx: Tx, account_id: int, because: Reason, now: datetime) -> None:
    """Revoke every token of an account, access and refresh; page tokens derived from them die with them."""
    mine = select(app_grant.c.id).where(app_grant.c.account_id == account_id)
    for table in (token, refresh_family):
        await tx.run(
            update(table)
            .where(table.c.grant_id.in_(mine), table.c.revoked_at.is_(None))
            .values(revoked_at=now, revoked_because=because.value)
        )


async def find_nonce(tx: Tx, token_hash: bytes) -> str | None:
    """The nonce of the login whose code was exchanged for a token."""
    row = await tx.one(select(code.c.nonce).where(code.c.token_hash == token_hash))
    return None if row is None else row.nonce


async def add_code(tx: Tx, values: dict[str, Any]) -> None:
    """Insert an authorization code by its hash."""
    await tx.run(insert(code), [values])


async def find_code(tx: Tx, hashed: bytes) -> Row[Any] | None:
    """All columns of a code, its row locked until the transaction ends."""
    return await tx.one(select(code).where(code.c.hash == hashed).with_for_update())


async def use_code(tx: Tx, hashed: bytes, token_hash: bytes | None, now: datetime) -> None:
    """Mark a code used, by which token."""
    await tx.run(update(code).where(code.c.hash == hashed).values(used_at=now, token_hash=token_hash))
