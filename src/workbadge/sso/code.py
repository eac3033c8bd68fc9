"""The code for an identity: the token request, the ID token, userinfo (OpenID Connect Core §3.1.3, §5.3)."""

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from workbadge.commands.connections import SECRET
from workbadge.commands.signing import find_signer
from workbadge.commands.vouched_login import Attempt, Identity
from workbadge.terms.connections import ClientProof
from workbadge.web.openid_provider import Provider, ProviderError, callback_address, json_object
from workbadge.web.outgoing import OutgoingError
from workbadge.web.state import Site

from .id_token import Expected, check_id_token, read_header, read_identity

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE = 120


async def redeem(
    site: Site, connection: Any, provider: Provider, attempt: Attempt, code: str, now: datetime
) -> Identity:
    """Whom the provider vouches for with a code. Raises ProviderError."""
    tokens = await _ask_for_tokens(site, connection, provider, attempt, code, now)
    token = read_header(tokens.get("id_token"))
    kid = token.header.get("kid")
    keys = await site.remote_keys.load(provider.jwks_uri, kid, now)
    access = tokens["access_token"]
    expected = Expected(connection.issuer, connection.client_id, attempt.nonce, provider.algorithms, access)
    claims = check_id_token(token, keys, expected, now)
    if "email" not in claims and provider.userinfo_endpoint is not None:
        claims = {**await _ask_for_claims(site, provider.userinfo_endpoint, access, claims["sub"]), **claims}
    return read_identity(claims)


async def _ask_for_tokens(
    site: Site, connection: Any, provider: Provider, attempt: Attempt, code: str, now: datetime
) -> dict[str, Any]:
    """The token endpoint's answer, with an access token and its type. Raises ProviderError."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback_address(site, connection.id),
        "code_verifier": attempt.verifier,
    }
    more, headers = await _prove(site, connection, provider, now)
    headers |= {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **site.marks}
    try:
        raw = await site.outgoing.post(provider.token_endpoint, urlencode({**form, **more}).encode(), headers)
    except OutgoingError as error:
        raise ProviderError("answer of the token endpoint", "200 with tokens", str(error)) from error
    found = json_object("answer of the token endpoint", raw)
    if "error" in found:
        raise ProviderError("answer of the token endpoint", "tokens", str(found["error"]))
    access, kind = found.get("access_token"), found.get("token_type")
    if not isinstance(access, str) or not access or not access.isascii() or not access.isprintable():
        raise ProviderError("access_token", "a text", repr(access)[:80])
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProviderError("token_type", "Bearer", str(kind))
    return found


async def _prove(
    site: Site, connection: Any, provider: Provider, now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Fields and headers by which this server proves itself."""
    client_id = connection.client_id
    if connection.client_proof == ClientProof.KEY:
        return {
            "client_id": client_id,
            "client_assertion_type": _ASSERTION,
            "client_assertion": await _assertion(site, connection, provider, now),
        }, {}
    secret = site.services.sealer.open(bytes(connection.secret), SECRET)
    if connection.client_proof == ClientProof.SECRET_POST:
        return {"client_id": client_id, "client_secret": secret}, {}
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()
    return {}, {"Authorization": "Basic " + base64.b64encode(pair).decode()}


async def _assertion(site: Site, connection: Any, provider: Provider, now: datetime) -> str:
    """A client assertion (RFC 7523 §2.2), signed by the key that this site publishes at its ``jwks_uri``."""
    at = int(now.timestamp())
    claims = {
        "iss": connection.client_id,
        "sub": connection.client_id,
        "aud": provider.token_endpoint,
        "jti": site.services.entropy.text(43),
        "iat": at,
        "exp": at + _ASSERTION_LIFE,
    }
    return (await find_signer(site.services, "ES256", now)).sign(claims)


async def _ask_for_claims(site: Site, address: str, access: str, subject: str) -> dict[str, Any]:
    """Userinfo, of the same person as the ID token (§5.3.2). Raises ProviderError."""
    headers = {"Authorization": f"Bearer {access}", "Accept": "application/json", **site.marks}
    try:
        found = json_object("userinfo", await site.outgoing.get(address, headers))
    except OutgoingError as error:
        raise ProviderError("userinfo", "200 with claims", str(error)) from error
    if found.get("sub") != subject:
        raise ProviderError("sub of userinfo", subject, str(found.get("sub")))
    return {name: found[name] for name in ("email", "email_verified", "name") if name in found}
