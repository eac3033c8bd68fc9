"""``resource`` at the authorization and the token endpoint (OA-40).

This server is a resource itself, named by its issuer; a client may have registered others. A token is meant for one: for this
server (a plain token), or for another one, which asks the introspection endpoint about it and which alone takes it.
"""

from urllib.parse import urlsplit

import msgspec

from workbadge.commands.client_terms import load_terms
from workbadge.commands.services import Services
from workbadge.oauth.rfc6749.authorization import Authorization, AuthorizationError
from workbadge.oauth.rfc6749.errors import OAuthError


def read_resource(services: Services, values: list[str], registered: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The resource that ``values`` name, None for this server; and what is wrong with them, None if nothing."""
    if not values:
        return None, None
    if len(set(values)) > 1:
        return None, "A token is meant for one resource; two were named."
    value = values[0]
    try:
        parts = urlsplit(value)
        whole = bool(parts.scheme and parts.netloc) and "#" not in value
    except ValueError:
        whole = False
    if not whole:
        return None, "Expected resource as an absolute address without a fragment."
    if value in (services.base_url, services.base_url + "/"):
        return None, None
    if value not in registered:
        return None, "This resource is not known here for this client."
    return value, None


async def check_resource(asked: Authorization) -> None:
    """``resource`` names one that a token can be meant for (RFC 8707 §2)."""
    values = asked.several.get("resource", [])
    if not values:
        return
    async with asked.services.store.read() as tx:
        terms = await load_terms(tx, asked.client.id)
    found, wrong = read_resource(asked.services, values, terms.resources)
    if wrong is not None:
        raise AuthorizationError("invalid_target", wrong)
    asked.standard = msgspec.structs.replace(asked.standard, resource=found)


def named_resource(services: Services, values: list[str], registered: tuple[str, ...]) -> str | None:
    """The resource that a token request names (RFC 8707 §2.2), None for this server and where none is named. Raises OAuthError
    invalid_target."""
    found, wrong = read_resource(services, values, registered)
    if wrong is not None:
        raise OAuthError("invalid_target", wrong)
    return found
