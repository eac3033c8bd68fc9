"""The token of a call, and whether it is alive."""

import re
from dataclasses import dataclass

from workbadge.access import Deny
from workbadge.commands.client import find_client
from workbadge.commands.inspection import Inspected, inspect_token, scopes_in_force
from workbadge.keys import hash_secret, read_token
from workbadge.oauth.rfc6749.call import Call
from workbadge.oauth.rfc6749.errors import OAuthError, bearer_error, bearer_needed
from workbadge.terms.kinds import TokenKind
from workbadge.web.restricted import Presented, RestrictedError, admit, challenge

_DPOP = re.compile(r"[Dd][Pp][Oo][Pp] {1,8}([A-Za-z0-9]{1,200}) *")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] {1,8}([A-Za-z0-9._~+/|-]+=*) *")


@dataclass(frozen=True, slots=True)
class Caller:
    """A live token that a call was made with. ``scopes``: those that count at present."""

    hash: bytes
    found: Inspected
    scopes: tuple[str, ...]


def _text(call: Call) -> str:
    """The token's text. Raises OAuthError: none, two, or not readable."""
    header, form = call.header(b"authorization"), call.form.get("access_token")
    if header is not None and form is not None:
        raise bearer_error("invalid_request", "The token was sent in the header and in the form.", 400)
    if header is None:
        if not form:
            raise bearer_needed()
        return form
    match = _BEARER.fullmatch(header) if len(header) <= 4096 else None
    if match is None:
        raise bearer_error("invalid_request", "Expected Authorization: Bearer and one token.", 400)
    return match[1]


async def call_with_token(call: Call, scope: str) -> Caller:
    """Who calls. ``scope``: what the token must have, as it is stored. Raises OAuthError (§3.1)."""
    hashed = await _hash(call)
    found = None if hashed is None else await inspect_token(call.reader, hashed, call.now)
    if hashed is None or found is None or isinstance(found.decision, Deny):
        raise _refused()
    token = found.loaded.facts.token
    if token is None or token.kind is TokenKind.PAGE:
        raise _refused()  # it speaks for its page, not for the person behind it (MT-10)
    call.client = await find_client(call.reader, str(found.loaded.app_id))
    scopes = await scopes_in_force(call.services.store, found)
    if scopes is None:
        raise bearer_error("invalid_token", "The operator stopped what this app calls.", 401)
    if scope not in scopes:
        raise bearer_error("insufficient_scope", f"The scope {scope} is needed.", 403, scope)
    return Caller(hashed, found, scopes)


async def _hash(call: Call) -> bytes | None:
    """The hash of the call's token; of one that is bound to a key, once the call has proven that key (RFC 9449 §7). None
    for a text that is no token. Raises OAuthError."""
    bound = _DPOP.fullmatch(call.header(b"authorization") or "")
    if bound is None:
        text = read_token(_text(call))
        return None if text is None else hash_secret(text)
    if "access_token" in call.form:
        raise bearer_error("invalid_request", "The token was sent in the header and in the form.", 400)
    presented = Presented(call.method, call.path, call.header(b"dpop"))
    try:
        return await admit(call.services, presented, bound[1], call.now)
    except RestrictedError as error:
        nonce = () if error.nonce is None else ((b"dpop-nonce", error.nonce.encode()),)
        raise OAuthError(error.error, error.message, 401, challenge(error), nonce) from error


async def call_as_app(call: Call, scope: str) -> int:
    """The id of the app whose token, from ``client_credentials``, the call was made with. Raises OAuthError (§3.1)."""
    head, _, rest = _text(call).partition("|")
    text = read_token(rest)
    found = None if text is None else await inspect_token(call.reader, hash_secret(text), call.now)
    token = None if found is None else found.loaded.facts.token
    client = await find_client(call.reader, head)
    if found is None or token is None or client is None or found.loaded.app_id != client.id:
        raise _refused()
    if token.kind is not TokenKind.APP or (token.revoked is not None and token.revoked <= call.now):
        raise _refused()
    if scope not in token.scopes:
        raise bearer_error("insufficient_scope", f"The scope {scope} is needed.", 403, scope)
    return client.id


def _refused() -> OAuthError:
    return bearer_error("invalid_token", "The access token is not known here, has expired or was revoked.", 401)
