"""``POST /oauth/token`` (RFC 6749 §3.2). ``GRANTS`` is the table of grant types; folders of other RFCs add theirs."""

from collections.abc import Awaitable, Callable
from typing import Any

from workbadge.commands.client import Client
from workbadge.commands.id_token import make_id_token
from workbadge.commands.inspection import inspect_token, list_reached
from workbadge.commands.standard_token import OPENID, Tokens, Wish, redeem_code, refresh
from workbadge.commands.token import TokenError, TokenRefusal, app_token
from workbadge.keys import hash_secret
from workbadge.oauth.rfc8693.exchange import GRANT_TYPE, exchange
from workbadge.oauth.rfc8707.resource import named_resource
from workbadge.oauth.rfc9396 import describe
from workbadge.oauth.rfc9449.binding import bound_key

from .call import Answer, Call
from .client import authenticate
from .errors import OAuthError, invalid_grant, invalid_scope
from .scope import read_scope, write_scope

_SAYS = {
    TokenRefusal.CODE_UNKNOWN: "The code is not known, or was issued to another client.",
    TokenRefusal.CODE_USED: "The code was used before. What it led to is revoked.",
    TokenRefusal.CODE_EXPIRED: "The code has expired.",
    TokenRefusal.REDIRECT_DIFFERS: "The redirect_uri is not that of the authorization request.",
    TokenRefusal.VERIFIER: "The code_verifier is missing or does not belong to the code_challenge.",
    TokenRefusal.REFRESH_UNKNOWN: "The refresh token is not known, or was issued to another client.",
    TokenRefusal.REFRESH_USED: "The refresh token was used before. What came from it is revoked.",
    TokenRefusal.REFRESH_ENDED: "The refresh token has expired, or the person took it back.",
    TokenRefusal.KEY: "It is bound to a key: expected a DPoP proof of that key.",
    TokenRefusal.TOKEN: "The account behind it is not active.",
}


def refusal(error: TokenError) -> OAuthError:
    """A refusal of the command in this dialect (§5.2)."""
    if error.refusal is TokenRefusal.SCOPE:
        return invalid_scope("More is asked than was granted.")
    if error.refusal is TokenRefusal.TARGET:
        return OAuthError("invalid_target", "Another resource was granted.")
    return invalid_grant(_SAYS[error.refusal])


def asked_scope(call: Call) -> tuple[str, ...]:
    """The ``scope`` parameter. Raises OAuthError."""
    names = read_scope(call.form.get("scope"))
    if names is None:
        raise invalid_scope("Expected scope as names with single blanks between them.")
    return names


async def answer_with(call: Call, client: Client, tokens: Tokens) -> dict[str, Any]:
    """The answer with a user's tokens (§5.1; OpenID Connect Core §3.1.3.3)."""
    answer: dict[str, Any] = {
        "access_token": tokens.access,
        "token_type": "Bearer" if tokens.jkt is None else "DPoP",
    }
    if tokens.lifetime is not None:
        answer["expires_in"] = int(tokens.lifetime.total_seconds())
    if tokens.refresh is not None:
        answer["refresh_token"] = tokens.refresh
    answer["scope"] = write_scope(tokens.scopes)
    answer["grant_id"] = str(tokens.grant_id)
    if tokens.details:
        answer["authorization_details"] = await _details(call, tokens)
    if OPENID in tokens.scopes:
        answer["id_token"] = await make_id_token(call.services, client, tokens.access, tokens.login, call.now)
    return answer


async def _details(call: Call, tokens: Tokens) -> list[dict[str, Any]]:
    """The assets that the new token reaches (RFC 9396 §7)."""
    hashed = hash_secret(tokens.access)
    found = await inspect_token(call.services.store, hashed, call.now)
    if found is None:
        return []
    reached = await list_reached(call.services.store, hashed, found.loaded, call.now)
    return describe(call.services.base_url, reached, found.scopes)


async def _wish(call: Call, client: Client) -> Wish:
    """What the request says beside its credential. Raises OAuthError."""
    terms, values = await call.agreed(), call.several.get("resource", [])
    resource = named_resource(call.services, values, terms.resources)
    key = await bound_key(call)
    return Wish(key, bool(values), resource, client.public, "refresh_token" in terms.grant_types)


async def _code(call: Call, client: Client) -> dict[str, Any]:
    """``authorization_code`` (§4.1.3)."""
    code, form = call.need("code"), call.form
    try:
        tokens = await redeem_code(
            call.services,
            client.id,
            code,
            form.get("redirect_uri"),
            form.get("code_verifier"),
            call.now,
            await _wish(call, client),
        )
    except TokenError as error:
        raise refusal(error) from error
    return await answer_with(call, client, tokens)


async def _refresh(call: Call, client: Client) -> dict[str, Any]:
    """``refresh_token`` (§6)."""
    text, asked = call.need("refresh_token"), asked_scope(call)
    try:
        tokens = await refresh(call.services, client.id, text, asked, call.now, await _wish(call, client))
    except TokenError as error:
        raise refusal(error) from error
    return await answer_with(call, client, tokens)


async def _client_credentials(call: Call, client: Client) -> dict[str, Any]:
    """``client_credentials`` (§4.4): a token that stands for the app and for nobody."""
    if client.public:
        raise OAuthError("unauthorized_client", "A public client cannot act for itself.")
    if (await call.agreed()).dpop_bound:
        raise OAuthError("unauthorized_client", "An app token cannot be bound to a key, as this client agreed.")
    asked = asked_scope(call)
    if not APP_SCOPES.issuperset(asked):
        raise invalid_scope(f"An app token can have {' '.join(sorted(APP_SCOPES)) or 'no scopes'}.")
    answer: dict[str, Any] = {
        "access_token": await app_token(call.services, client.id, call.now, asked),
        "token_type": "Bearer",
    }
    if asked:
        answer["scope"] = write_scope(asked)
    return answer


APP_SCOPES = {"grant_management_query", "grant_management_revoke"}
"""Scopes that an app token can have."""

Grant = Callable[[Call, Client], Awaitable[dict[str, Any]]]

GRANTS: dict[str, Grant] = {
    "authorization_code": _code,
    "refresh_token": _refresh,
    "client_credentials": _client_credentials,
    GRANT_TYPE: exchange,
}


async def token(call: Call) -> Answer:
    """Tokens for a code, a refresh token, or the client itself."""
    client = await authenticate(call)
    kind = call.need("grant_type")
    grant = GRANTS.get(kind)
    if grant is None:
        raise OAuthError("unsupported_grant_type", f"Expected grant_type as one of {', '.join(GRANTS)}.")
    if kind not in (await call.agreed()).grant_types:
        raise OAuthError("unauthorized_client", f"This client did not register {kind}.")
    return Answer(await grant(call, client))
