"""ID tokens (OpenID Connect Core §2, §3.1.3.6): who signed in, for one client, signed with the key of the moment."""

import base64
import hashlib
from datetime import datetime
from typing import Any

from workbadge.terms.kinds import AccountKind

from .client import Client
from .services import Services
from .signing import ID_TOKEN_LIFE, find_signer
from .token import Login


async def make_id_token(services: Services, client: Client, access: str, login: Login, now: datetime) -> str:
    """The ID token of a login, beside the access token that it led to. ``sub`` is the id by which this app knows the account;
    ``is_work_account`` tells a managed account from a personal one."""
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": services.base_url,
        "sub": str(login.subject),
        "aud": str(client.id),
        "exp": issued + int(ID_TOKEN_LIFE.total_seconds()),
        "iat": issued,
        "at_hash": at_hash(access),
        "is_work_account": login.kind is AccountKind.MANAGED,
    }
    if login.signed_in_at is not None:
        claims["auth_time"] = int(login.signed_in_at.timestamp())
    if login.method is not None and login.method.amr:
        claims["amr"] = list(login.method.amr)
        if login.method.acr is not None:
            claims["acr"] = login.method.acr
    if login.sid is not None:
        claims["sid"] = login.sid
    if login.nonce is not None:
        claims["nonce"] = login.nonce
    signer = await find_signer(services, client.id_token_alg, now)
    return signer.sign(claims)


def at_hash(token: str) -> str:
    """The left half of the token's SHA-256 (§3.1.3.6): both algorithms that sign here have that hash."""
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).decode().rstrip("=")
