"""``POST /oauth/par`` (RFC 9126 §2): the client authenticates, the request is checked by the table of the authorization endpoint."""

from urllib.parse import urlencode

from workbadge.oauth.request import PageError
from workbadge.oauth.rfc6749.authorization import AuthorizationError
from workbadge.oauth.rfc6749.authorize import check_all, read_authorization
from workbadge.oauth.rfc6749.call import Answer, Call
from workbadge.oauth.rfc6749.client import authenticate
from workbadge.oauth.rfc6749.errors import OAuthError, invalid_request
from workbadge.oauth.rfc9449.binding import proven_key

from .pushed import LIFE, keep

_OWN = frozenset({"client_secret", "client_assertion", "client_assertion_type"})
"""What authenticates the client is no part of its request."""


async def push(call: Call) -> Answer:
    """Keep a request; its name and how long that is good."""
    client = await authenticate(call)
    if "request_uri" in call.form:
        raise invalid_request("A pushed request cannot stand for another one: request_uri must not be sent.")
    pairs = [(key, value) for key, value in call.form.items() if key not in _OWN and key not in call.several]
    pairs += [(key, value) for key, values in call.several.items() for value in values]
    if call.form.get("client_id") is None:
        pairs.append(("client_id", str(client.id)))
    key = await proven_key(call)
    if key is not None:
        if call.form.get("dpop_jkt", key) != key:
            raise OAuthError("invalid_dpop_proof", "The DPoP proof is of another key than dpop_jkt.")
        pairs = [*((name, value) for name, value in pairs if name != "dpop_jkt"), ("dpop_jkt", key)]
    try:
        asked = await read_authorization(call.services, call.now, urlencode(pairs))
        asked.pushing = True
        if asked.client.id != client.id:
            raise invalid_request("The client_id is not that of the client that authenticated.")
        await check_all(asked)
    except PageError as error:
        raise invalid_request(f"{error.title}: {error.text}") from error
    except AuthorizationError as error:
        raise OAuthError(error.error, error.description) from error
    uri = await keep(call.services, client.id, pairs, call.now)
    return Answer({"request_uri": uri, "expires_in": int(LIFE.total_seconds())}, 201)
