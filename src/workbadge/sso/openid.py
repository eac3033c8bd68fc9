"""Signing in through an OpenID Connect connection: out to the provider, and back with its answer (O3, O4)."""

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands import connections, vouched_login
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.transaction import in_transaction
from workbadge.commands.vouched_login import Attempt, Identity
from workbadge.store import identity_providers
from workbadge.store.engine import Tx
from workbadge.terms.connections import ConnectionState, Purpose
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind
from workbadge.terms.methods import Method
from workbadge.web.openid_provider import Provider, ProviderError, browser_mark, leave_for, read_provider
from workbadge.web.pages import render
from workbadge.web.sessions import sign_in
from workbadge.web.signin import redirect, safe_next
from workbadge.web.state import now_of, site_of

from .code import redeem

LONGEST = 8_000


async def begin(request: Request) -> Response:
    """``GET /sso/{connection}/login``: to the provider. ``next``: where it leads afterwards; ``hint``: an address."""
    connection = await _connection(request)
    if connection is None or connection.state != ConnectionState.ON.value or connection.client_id is None:
        return _unusable(request)
    leads_to = safe_next(request.query_params.get("next"))
    return await leave_for(request, connection, Purpose.SIGN_IN, leads_to, request.query_params.get("hint", "")[:254])


async def come_back(request: Request) -> Response:
    """``GET /sso/{connection}/callback``: the provider's answer."""
    connection, now = await _connection(request), now_of(request.scope)
    attempt = None if connection is None else await _attempt(request, connection.id, now)
    if connection is None or attempt is None:
        return _stale(request)
    usable = attempt.purpose is Purpose.TEST or connection.state == ConnectionState.ON.value
    if not usable or connection.client_id is None:
        return _unusable(request)
    provider = read_provider(connection.provider)
    try:
        code = _code(request, provider)
        identity = await redeem(site_of(request.scope), connection, provider, attempt, code, now)
    except ProviderError as error:
        return await _failed(request, connection, attempt, error)
    if attempt.purpose is Purpose.TEST:
        return await _tested(request, connection, attempt, identity)
    return await _sign_in(request, connection, attempt, identity, now)


async def _connection(request: Request) -> Any:
    """The connection in the path; None when there is none."""
    connection_id = parse_id(request.path_params["connection"])
    if connection_id is None or kind_of(connection_id) is not NodeKind.RECORD:
        return None
    async with site_of(request.scope).services.store.read() as tx:
        return await identity_providers.find_connection(tx, connection_id)


async def _attempt(request: Request, connection_id: int, now: datetime) -> Attempt | None:
    """The login that comes back to the browser it went out from; None when there is none (RP-11)."""
    services, mark = site_of(request.scope).services, browser_mark(request)
    states = request.query_params.getlist("state")
    if mark is None or len(states) != 1 or len(states[0]) != 43:
        return None
    try:
        return await in_transaction(
            services, lambda tx: vouched_login.take_attempt(tx, services, connection_id, states[0], mark, now)
        )
    except CommandError:
        return None


def _code(request: Request, provider: Provider) -> str:
    """The code of the answer, if this provider gave it (RFC 9207). Raises ProviderError."""
    query = request.query_params
    issuers = query.getlist("iss")
    if (provider.names_itself or issuers) and issuers != [provider.issuer]:
        raise ProviderError("iss of the answer", provider.issuer, ", ".join(issuers) or "none")
    if "error" in query:
        raise ProviderError(
            "answer of the provider", "a code", f"{query['error']} {query.get('error_description', '')}"
        )
    codes = query.getlist("code")
    if len(codes) != 1 or not 1 <= len(codes[0]) <= LONGEST:
        raise ProviderError("answer of the provider", "one code", f"{len(codes)} codes")
    return codes[0]


async def _sign_in(request: Request, connection: Any, attempt: Attempt, identity: Identity, now: datetime) -> Response:
    services = site_of(request.scope).services
    try:
        account_id = await in_transaction(
            services, lambda tx: vouched_login.find_account(tx, services, connection.id, identity, now)
        )
    except CommandError as error:
        if error.problem is Problem.NOT_FOUND:
            return _unusable(request)
        return _refused(request, error.message, f"Expected: {error.expected}.")
    response = redirect(request.scope.get("root_path", "") + attempt.leads_to)
    session = await sign_in(request, response, account_id, method=Method.SSO)

    async def keep(tx: Tx) -> None:
        await vouched_login.keep_vouched(tx, session.hash, account_id, connection.id, identity)

    await in_transaction(services, keep)
    return response


async def _failed(request: Request, connection: Any, attempt: Attempt, error: ProviderError) -> Response:
    """The provider's answer is not taken: a page, or the outcome of the live test."""
    if attempt.purpose is Purpose.TEST:
        shown = [{"what": error.what, "expected": error.expected, "received": error.received, "right": False}]
        return await _note(request, connection, attempt, False, shown)
    return _refused(
        request,
        f"{connection.name} did not answer as it must, so nobody was signed in. Try again, or ask your administrator.",
        f"{error.what}: expected {error.expected}, got {error.received}",
    )


async def _tested(request: Request, connection: Any, attempt: Attempt, identity: Identity) -> Response:
    """A live test came back: what was expected beside what came. Nobody is signed in."""
    services = site_of(request.scope).services
    shown = [
        {"what": "Issuer", "expected": connection.issuer, "received": connection.issuer, "right": True},
        {"what": "Subject", "expected": "a stable identifier", "received": identity.subject, "right": True},
    ]
    async with services.store.read() as tx:
        routes = [row.name for row in await identity_providers.list_routes(tx, connection.id)]
        try:
            await vouched_login.check_address(tx, connection, identity.email, now_of(request.scope))
            right = True
        except CommandError:
            right = False
    expected = "a verified address in " + (", ".join(routes) or "a domain of this connection")
    received = identity.email or "none that the provider says is verified"
    shown.append({"what": "E-mail", "expected": expected, "received": received, "right": right})
    return await _note(request, connection, attempt, right, shown)


async def _note(
    request: Request, connection: Any, attempt: Attempt, passed: bool, shown: list[dict[str, Any]]
) -> Response:
    services, now = site_of(request.scope).services, now_of(request.scope)
    await in_transaction(services, lambda tx: connections.note_test(tx, services, connection, passed, shown, now))
    return redirect(request.scope.get("root_path", "") + attempt.leads_to)


def _unusable(request: Request) -> Response:
    """A connection that is not there, not on, or switched off meanwhile (RP-23)."""
    return _refused(request, "This sign-in cannot be used. Ask your administrator how you sign in.", None, 404)


def _stale(request: Request) -> Response:
    """An answer that no login of this browser waits for."""
    return _refused(
        request, "This sign-in was finished, took too long, or began in another browser. Begin again.", None
    )


def _refused(request: Request, text: str, detail: str | None, status: int = 400) -> Response:
    return render(
        request,
        "web/layout/error.html",
        status=status,
        title="You are not signed in",
        text=text,
        detail=detail,
        action_href="/login",
        action_label="To the sign-in page",
    )
