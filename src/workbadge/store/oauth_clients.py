"""What apps are on the OAuth side: one prepared read, since every call of a client starts with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import BigInteger, bindparam, delete, insert, select

from .engine import HotQuery, Tx
from .schema import app
from .schema.standards import client_terms, oauth_client


class Reader(Protocol):
    """A store or an open transaction."""

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a prepared read; raw tuples."""
        ...

    def memo(self) -> dict[Any, Any] | None:
        """Where rows may be kept as long as nothing is committed; None: nowhere."""
        ...


@dataclass(frozen=True, slots=True)
class ClientRow:
    """An app with what it registered for the OAuth side. ``secret``: sealed; ``redirect_uris``: JSON; ``native``: its maker says so;
    ``auth_method``, ``application_type``, ``id_token_alg``: None without a registration."""

    id: int
    name: str
    secret: bytes
    redirect_uris: str
    disabled: bool
    native: bool
    auth_method: str | None
    application_type: str | None
    id_token_alg: str | None


_BY_ID = HotQuery(
    select(
        app.c.id,
        app.c.name,
        app.c.secret,
        app.c.redirect_uris,
        app.c.disabled_at,
        app.c.native,
        oauth_client.c.auth_method,
        oauth_client.c.application_type,
        oauth_client.c.id_token_alg,
    )
    .select_from(app.outerjoin(oauth_client, oauth_client.c.app_id == app.c.id))
    .where(app.c.id == bindparam("app", type_=BigInteger))
)


async def find_client(reader: Reader, app_id: int) -> ClientRow | None:
    """An app as a client; one query, or none while nothing was committed since the last (SQLite)."""
    memo = reader.memo()
    if memo is not None and ("client", app_id) in memo:
        return memo["client", app_id]  # type: ignore[no-any-return]
    rows = await reader.hot(_BY_ID, {"app": app_id})
    if not rows:
        return None
    (found, name, secret, uris, disabled, native, *registered) = rows[0]
    client = ClientRow(found, name, bytes(secret), uris, disabled is not None, bool(native), *registered)
    if memo is not None:
        memo["client", app_id] = client
    return client


async def set_client(tx: Tx, app_id: int, values: dict[str, Any]) -> None:
    """Register an app on the OAuth side, or register it anew; ``values``: the other columns."""
    await tx.run(delete(oauth_client).where(oauth_client.c.app_id == app_id))
    await tx.run(insert(oauth_client), [{"app_id": app_id, **values}])


async def is_origin_known(tx: Tx, origin: str) -> bool:
    """Whether an app that is switched on has a redirect address at ``origin`` (scheme://host[:port]), or registered it."""
    text = origin.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = app.c.redirect_uris.like(f'%"{text}/%', escape="\\") | app.c.redirect_uris.like(f'%"{text}"%', escape="\\")
    found |= client_terms.c.frontends.like(f'%"{text}"%', escape="\\")
    source = app.outerjoin(client_terms, client_terms.c.app_id == app.c.id)
    row = await tx.one(select(app.c.id).select_from(source).where(found, app.c.disabled_at.is_(None)).limit(1))
    return row is not None
