"""What is told about a token beside its facts: prepared reads for ``/debug_token`` and introspection, kept like facts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, and_, bindparam, select

from workbadge.terms.instants import from_micros

from .engine import HotQuery
from .facts import Reader
from .losses import ending_targets
from .schema import app, grant_target, scoped_account, token

_hash = bindparam("hash", type_=LargeBinary)
_app = bindparam("app", type_=BigInteger)
_grant = bindparam("grant", type_=BigInteger)
_account = bindparam("account", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class About:
    """A token beside its facts. ``scoped_id``: the id under which its app knows the account, if it has one yet. ``jkt``,
    ``resource``: the key that it is bound to, and what it is meant for (RFC 9449, RFC 8707)."""

    issued_at: datetime
    app_name: str
    scoped_id: int | None
    jkt: str | None = None
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class AppSecret:
    """What an app proves itself with, sealed, since when it is switched off, whether it is native, and what is stopped for it
    (``terms.apps``)."""

    id: int
    sealed: bytes
    disabled_at: datetime | None
    native: bool
    limits: str | None


_ABOUT = HotQuery(
    select(token.c.issued_at, app.c.name, scoped_account.c.id, token.c.jkt, token.c.resource)
    .select_from(
        token.join(app, app.c.id == token.c.app_id).outerjoin(
            scoped_account,
            and_(scoped_account.c.app_id == token.c.app_id, scoped_account.c.account_id == _account),
        )
    )
    .where(token.c.hash == _hash)
)
_TARGETS = HotQuery(select(grant_target.c.target_id).where(grant_target.c.grant_id == _grant).order_by("target_id"))
_ENDING = HotQuery(ending_targets(_grant, _account))
_SECRET = HotQuery(
    select(app.c.id, app.c.secret, app.c.disabled_at, app.c.native, app.c.limits).where(app.c.id == _app)
)


async def find_about(reader: Reader, token_hash: bytes, account_id: int | None) -> About | None:
    """What is told about a stored token of an account; None when no such token is stored."""
    rows = await _kept(reader, _ABOUT, ("about", token_hash), {"hash": token_hash, "account": account_id})
    return About(from_micros(rows[0][0]), *rows[0][1:]) if rows else None


async def list_target_ids(reader: Reader, grant_id: int) -> list[int]:
    """Nodes that a grant selected, by id; whether they are reached is decided for each."""
    return [row[0] for row in await _kept(reader, _TARGETS, ("targets", grant_id), {"grant": grant_id})]


async def list_ending_targets(reader: Reader, grant_id: int, account_id: int) -> list[tuple[int, int | None]]:
    """Some of the nodes that a grant selected and that its account reaches by a way that has an end, with their business."""
    params = {"grant": grant_id, "account": account_id}
    return [(row[0], row[1]) for row in await _kept(reader, _ENDING, ("ending", grant_id, account_id), params)]


async def find_app_secret(reader: Reader, app_id: int) -> AppSecret | None:
    """An app's sealed secret, if there is such an app."""
    rows = await _kept(reader, _SECRET, ("secret", app_id), {"app": app_id})
    if not rows:
        return None
    found, sealed, disabled, native, limits = rows[0]
    off = None if disabled is None else from_micros(disabled)
    return AppSecret(found, bytes(sealed), off, bool(native), limits)


async def _kept(reader: Reader, query: HotQuery, key: Any, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """A prepared read, or what was kept of it since the last commit. Nothing is kept of what was not found."""
    memo = reader.memo()
    if memo is not None and key in memo:
        return memo[key]  # type: ignore[no-any-return]
    rows = await reader.hot(query, params)
    if memo is not None and rows:
        memo[key] = rows
    return rows
