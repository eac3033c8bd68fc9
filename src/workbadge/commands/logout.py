"""Telling apps that a login has ended: who is told, and the token that says so (OpenID Connect Back-Channel Logout 1.0).

The message waits in the outbox; its token is made when it is sent, since it lives for two minutes only.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from workbadge.store import session_apps, sessions
from workbadge.store.engine import Tx

from .client import find_client
from .grant import scoped_id
from .outbox import Outgoing, Sent, enqueue
from .services import Services
from .signing import find_signer

LOGOUT = "logout"
"""The outbox's channel of these messages."""

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPE = "logout+jwt"
LIFE = timedelta(minutes=2)


async def name_session(tx: Tx, services: Services, session_hash: bytes, app_id: int, account_id: int) -> str:
    """The name (``sid``) of a browser's session towards an app, for one account on it; the same each time."""
    known = await session_apps.find_sid(tx, session_hash, app_id, account_id)
    if known is not None:
        return known
    sid = services.entropy.text(43)
    await session_apps.add_session_app(tx, session_hash, app_id, account_id, sid)
    return sid


async def end_logins(tx: Tx, services: Services, session_hash: bytes, account_id: int | None, now: datetime) -> None:
    """Tell the apps of a session that it has ended, for one account or for all (None), and forget them."""
    waiting = [
        Outgoing(
            LOGOUT,
            "backchannel_logout",
            row.backchannel_logout_uri,
            "",
            json.dumps({"sub": str(await scoped_id(tx, services, row.app_id, row.account_id)), "sid": row.sid}),
            account_id=row.account_id,
            app_id=row.app_id,
        )
        for row in await session_apps.list_session_apps(tx, session_hash, account_id)
    ]
    if waiting:
        await enqueue(tx, services, waiting, now)
    await session_apps.drop_session_apps(tx, session_hash, account_id)


async def end_every_login(tx: Tx, services: Services, account_id: int, keep: bytes | None, now: datetime) -> None:
    """The same for every session on which an account is signed in, but the one with hash ``keep``."""
    for row in await sessions.list_sessions(tx, account_id):
        if bytes(row.hash) != keep:
            await end_logins(tx, services, bytes(row.hash), account_id, now)


async def logout_token(services: Services, sent: Sent, now: datetime) -> str | None:
    """The token of a message that is about to be sent; None when its app is gone."""
    client = await find_client(services.store, str(sent.app_id))
    if client is None:
        return None
    signer = await find_signer(services, client.id_token_alg, now)
    claims: dict[str, Any] = {
        "iss": services.base_url,
        "aud": str(client.id),
        "iat": int(now.timestamp()),
        "exp": int((now + LIFE).timestamp()),
        "jti": f"{sent.id}.{sent.tries}",
        "events": {EVENT: {}},
        **json.loads(sent.body),
    }
    return signer.sign(claims, TYPE)
