"""The grant type of the token endpoint.

``subject_token``: a person's access token of this client. ``audience``, or ``resource`` as an address below the issuer: the
business. ``fbe_external_business_id``: the client's own id of it, needed where it installed several times.
"""

from typing import Any

from workbadge.commands.client import Client
from workbadge.commands.client_terms import EXCHANGE
from workbadge.commands.errors import CommandError
from workbadge.commands.extension import check_external_id
from workbadge.commands.token_exchange import Exchange, ExchangeError, ExchangeRefusal, exchange_token
from workbadge.oauth.rfc6749.call import Call
from workbadge.oauth.rfc6749.errors import OAuthError, invalid_request, invalid_scope
from workbadge.oauth.rfc6749.scope import read_scope
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind

GRANT_TYPE = EXCHANGE
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_SAYS = {
    ExchangeRefusal.SUBJECT: ("invalid_request", "The subject_token is not a live token of a person for this client."),
    ExchangeRefusal.TARGET: (
        "invalid_target",
        "This client has no installation there that the person administers, or several.",
    ),
    ExchangeRefusal.SCOPE: ("invalid_scope", "The business did not allow all of this to the installation."),
}


async def exchange(call: Call, client: Client) -> dict[str, Any]:
    """The answer (RFC 8693 §2.2.1). Raises OAuthError."""
    if client.public:
        raise OAuthError("unauthorized_client", "A public client cannot exchange tokens.")
    if (await call.agreed()).dpop_bound:
        raise OAuthError("unauthorized_client", "What is exchanged cannot be bound to a key, as this client agreed.")
    for name in ("subject_token_type", "requested_token_type"):
        if call.form.get(name, "" if name == "subject_token_type" else ACCESS_TOKEN) != ACCESS_TOKEN:
            raise invalid_request(f"Expected {name}={ACCESS_TOKEN}.")
    if "actor_token" in call.form or "actor_token_type" in call.form:
        raise invalid_request("There are no actors here: expected no actor_token.")
    scopes = read_scope(call.form.get("scope"))
    if scopes is None:
        raise invalid_scope("Expected scope as names with single blanks between them.")
    wanted = Exchange(call.need("subject_token"), _business(call), _external(call), scopes)
    try:
        issued = await exchange_token(call.services, client.id, wanted, call.now)
    except ExchangeError as error:
        raise OAuthError(*_SAYS[error.refusal]) from error
    answer: dict[str, Any] = {"access_token": issued.text, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer"}
    if issued.lifetime is not None:
        answer["expires_in"] = int(issued.lifetime.total_seconds())
    return answer


def _business(call: Call) -> int:
    """The business that is named, by one parameter. Raises OAuthError."""
    base = call.services.base_url + "/"
    named = [*call.several.get("audience", []), *call.several.get("resource", [])]
    if len(named) != 1:
        raise OAuthError("invalid_target", "Expected one audience or resource: the business.")
    found = parse_id(named[0].removeprefix(base))
    if found is None or kind_of(found) is not NodeKind.BUSINESS:
        raise OAuthError("invalid_target", "Expected the id of a business.")
    return int(found)


def _external(call: Call) -> str | None:
    text = call.form.get("fbe_external_business_id")
    if text is None:
        return None
    try:
        return check_external_id(text)
    except CommandError as error:
        raise invalid_request(error.message) from error
