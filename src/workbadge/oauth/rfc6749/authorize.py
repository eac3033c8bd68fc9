"""``/oauth/authorize`` (RFC 6749 §4.1.1; OpenID Connect Core §3.1.2): read, checked, and handed to the dialog.

``CHECKS`` is the table of rules, in order; a folder for each RFC adds its own. What fails before the redirect address is
known to be the client's is answered by a page (OA-06), everything else at that address.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.client import find_client
from workbadge.commands.services import Services
from workbadge.oauth.dialog import error_page
from workbadge.oauth.grant_management import check_grant_action
from workbadge.oauth.leaving import refused
from workbadge.oauth.oidc_core.prompt import begin, check_prompt
from workbadge.oauth.request import PageError, Standard
from workbadge.oauth.rfc7636 import check_challenge
from workbadge.oauth.rfc8252 import asks_again, is_registered
from workbadge.oauth.rfc8707.resource import check_resource
from workbadge.oauth.rfc9126.pushed import OPENED, PREFIX, Pulled, pull
from workbadge.oauth.rfc9126.rule import check_pushed
from workbadge.oauth.rfc9396 import check_details
from workbadge.oauth.rfc9449.authorization import check_jkt
from workbadge.store import records
from workbadge.terms.scopes import DEFAULT_SCOPES, SCOPES
from workbadge.web.state import now_of, site_of

from .authorization import LONGEST_NONCE, LONGEST_STATE, Authorization, AuthorizationError, invalid
from .call import FORM, REPEATABLE
from .scope import read_scope

PATH = "/oauth/authorize"
_LONGEST_QUERY = 7000
"""What the sign-in page can lead back to; a longer request is to be pushed (RFC 9126)."""

Check = Callable[[Authorization], Awaitable[None] | None]


def check_doubled(asked: Authorization) -> None:
    """No parameter comes twice (§3.1; OA-09)."""
    if asked.doubled:
        raise invalid(f"The parameter {min(asked.doubled)[:60]} was sent twice.")


def check_request_object(asked: Authorization) -> None:
    """Request objects are not understood, and never left out silently (RFC 9101; OA-67)."""
    for name in ("request", "request_uri"):
        if name in asked.values:
            raise AuthorizationError(f"{name}_not_supported", f"The parameter {name} is not supported.")


def check_response(asked: Authorization) -> None:
    """``response_type=code`` in the query, nothing else (RFC 9700 §2.1.2; OA-12)."""
    kind = asked.values.get("response_type")
    if not kind:
        raise invalid("The parameter response_type is missing: expected code.")
    if kind != "code":
        raise AuthorizationError("unsupported_response_type", "Expected response_type=code.")
    if asked.values.get("response_mode", "query") != "query":
        raise invalid("Expected response_mode=query, or none.")


def check_lengths(asked: Authorization) -> None:
    """State and nonce come back whole or not at all (OA-13)."""
    if len(asked.values.get("state", "")) > LONGEST_STATE:
        raise invalid(f"The state is longer than {LONGEST_STATE} characters.")
    if len(asked.values.get("nonce", "")) > LONGEST_NONCE:
        raise invalid(f"The nonce is longer than {LONGEST_NONCE} characters.")


def check_scope(asked: Authorization) -> None:
    """Scopes that exist, in order (§3.3; OA-23). Unknown ones are left out, and the token answer says what is granted."""
    text = asked.values.get("scope")
    names = read_scope(text)
    if names is None:
        raise AuthorizationError("invalid_scope", "Expected scope as names with single blanks between them.")
    asked.scopes = tuple(dict.fromkeys(one for one in names if one in SCOPES)) if names else DEFAULT_SCOPES
    if not asked.scopes:
        raise AuthorizationError("invalid_scope", "None of these scopes exists here.")


def check_native(asked: Authorization) -> None:
    """A program that anybody could stand in for is confirmed each time (RFC 8252 §8.6; OA-49)."""
    asked.again = asked.again or asks_again(asked.client, asked.redirect_uri)


CHECKS: tuple[Check, ...] = (
    check_doubled,
    check_request_object,
    check_response,
    check_challenge,
    check_lengths,
    check_scope,
    check_details,
    check_prompt,
    check_grant_action,
    check_native,
    check_pushed,
    check_jkt,
    check_resource,
)


async def check_all(asked: Authorization) -> None:
    """Every rule of the table. Raises AuthorizationError."""
    for check in CHECKS:
        waiting = check(asked)
        if waiting is not None:
            await waiting


async def authorize(request: Request) -> Response:
    """``GET`` or ``POST /oauth/authorize``."""
    services = site_of(request.scope).services
    try:
        asked, query = await _read(request)
    except PageError as error:
        return error_page(request, error)
    try:
        await check_all(asked)
        async with services.store.read() as tx:
            app = await records.find_app(tx, asked.client.id)
        return await begin(request, asked.asked(), app, f"{PATH}?{query}")
    except AuthorizationError as error:
        return refused(services, asked.bare(), error.error, error.description)
    except PageError as error:
        return error_page(request, error)


async def _read(request: Request) -> tuple[Authorization, str]:
    """The request, and the query that asks it again. Raises PageError."""
    query: str = request.scope["query_string"].decode("latin-1")
    text = query
    if request.method == "POST":
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise PageError(100, "This login cannot be opened", "Its parameters are not a form.")
        body = (await request.body()).decode("utf-8", "replace")
        text = "&".join(part for part in (query, body) if part)
    asked = await read_authorization(site_of(request.scope).services, now_of(request.scope), text)
    if asked.pulled is not None:
        named = {"client_id": str(asked.client.id), "request_uri": asked.pulled.uri, OPENED: asked.pulled.mark}
        return asked, urlencode(named)
    if request.method == "POST":
        query = urlencode([(key, value) for key, value in asked.values.items() if key not in REPEATABLE])
        query += "".join("&" + urlencode({key: value}) for key, values in asked.several.items() for value in values)
    if len(query) > _LONGEST_QUERY:
        raise PageError(100, "This login cannot be opened", "The request is too long.")
    return asked, query


async def read_authorization(services: Services, now: datetime, text: str) -> Authorization:
    """The request in an urlencoded text, or the pushed one that it names, its client and redirect address checked. Raises
    PageError (OA-06, OA-08)."""
    values, doubled, several = _take_apart(text)
    if doubled & {"client_id", "redirect_uri", "request_uri"}:
        raise PageError(100, "This login cannot be opened", "It names the app or its address twice.")
    pulled: Pulled | None = None
    if values.get("request_uri", "").startswith(PREFIX):
        pulled = await pull(services, values, now)
        values, doubled, several = _take_apart(pulled.text)
    client = await find_client(services.store, values.get("client_id"))
    if client is None:
        raise PageError(101, "This app is not known here", "Its id is missing or wrong, or the app was switched off.")
    redirect_uri = values.get("redirect_uri", "")
    if not is_registered(client, redirect_uri):
        raise PageError(
            191,
            "This login cannot be opened",
            "The address that the app wants you to come back to is not one that it registered.",
        )
    standard = Standard(pushed="" if pulled is None else pulled.name)
    return Authorization(
        services, now, client, redirect_uri, values, doubled, several, standard=standard, pulled=pulled
    )


def _take_apart(text: str) -> tuple[dict[str, str], frozenset[str], dict[str, list[str]]]:
    """Values, names that came twice, and all values of parameters that may. Raises PageError."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=200, encoding="utf-8", errors="strict")
    except ValueError as error:
        raise PageError(100, "This login cannot be opened", "Its parameters are not readable.") from error
    values: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    doubled: set[str] = set()
    for key, value in pairs:
        if key in REPEATABLE:
            several.setdefault(key, []).append(value)
        elif key in values:
            doubled.add(key)
        values[key] = value
    return values, frozenset(doubled), several


async def leads_to_client(request: Request, path: str) -> tuple[Any, str] | None:
    """The app's row and its redirect address, when ``path`` asks for an authorization: the sign-in form may lead there."""
    parts = urlsplit(path)
    if parts.path != PATH:
        return None
    try:
        asked = await read_authorization(site_of(request.scope).services, now_of(request.scope), parts.query)
    except PageError:
        return None
    return asked.client.row, asked.redirect_uri
