"""Signing in and out: one page for both kinds of account (L1)."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.connections import find_route
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.factors import add_totp, check_since, prove_code
from workbadge.commands.passkeys import prove_passkey, request_options
from workbadge.commands.sign_in_policy import Step, find_steps
from workbadge.terms.addresses import domain_of, parse_address
from workbadge.terms.ids import parse_id
from workbadge.terms.methods import Method
from workbadge.web.csrf import check_form, check_login_form, csrf_token, keep_login_mark, login_token
from workbadge.web.pages import render
from workbadge.web.passkeys import make_challenge, open_challenge, seal_challenge
from workbadge.web.sessions import check_password, client_address, current, sign_in, sign_out
from workbadge.web.signin import redirect, safe_next
from workbadge.web.state import now_of, site_of

from .oidc_core.prompt import hinted_address
from .second_step import Waiting, app_ahead, ask_second, open_waiting, passkey_place, show_codes


async def login_page(request: Request) -> Response:
    """``GET /login``: e-mail and password; who is signed in already is shown (unless ``another`` is asked for)."""
    leads_to = safe_next(request.query_params.get("next"))
    return await _page(request, leads_to, email=hinted_address(leads_to))


async def _page(
    request: Request, leads_to: str, error: str | None = None, email: str = "", status: int = 200
) -> Response:
    session = await current(request)
    app = await app_ahead(request, leads_to)
    challenge = make_challenge(request)
    another = "another" in request.query_params or error is not None
    response = render(
        request,
        "oauth/login.html",
        status=status,
        csrf=login_token(request),
        form_action=() if app is None else (app[1],),
        app=None if app is None else app[0],
        accounts=session.accounts if session is not None and not another else (),
        leads_to=leads_to,
        error=error,
        email=email[:254],
        options=request_options(site_of(request.scope).services, [], challenge),
        challenge=seal_challenge(request, challenge, passkey_place(request)),
    )
    keep_login_mark(request, response)
    return response


async def log_in(request: Request) -> Response:
    """``POST /login``."""
    form = await request.form(max_fields=20, max_files=0)
    leads_to = safe_next(str(form.get("next") or ""))
    email = str(form.get("email") or "")
    try:
        await check_login_form(request)
    except CommandError:
        return await _page(request, leads_to, "This form was out of date. Please try again.", email, 403)
    if form.get("via") == "sso":
        return await _by_organization(request, leads_to, email)
    try:
        proven = await check_password(request, email, str(form.get("password") or ""))
    except CommandError as error:
        if error.problem is Problem.TOO_MANY and error.at is not None:
            wait = int((error.at - now_of(request.scope)).total_seconds()) + 1
            return await _page(request, leads_to, f"Too many tries. Please wait {wait} seconds.", email, 429)
        if error.problem is Problem.FORBIDDEN:
            return await _page(request, leads_to, f"{error.message} Use single sign-on.", email, 403)
        return await _page(request, leads_to, error.message, email, 401)
    now = now_of(request.scope)
    steps = await find_steps(site_of(request.scope).services, proven.ids, now)
    waiting = tuple(one for one in proven.ids if steps[one] is not Step.NONE)
    free = tuple(one for one in proven.ids if one not in waiting)
    if waiting:
        response = await ask_second(request, leads_to, Waiting(waiting, now))
    else:
        response = redirect(request.scope.get("root_path", "") + leads_to)
    if free:
        await sign_in(request, response, *free)
    return response


async def second_step(request: Request) -> Response:
    """``POST /login/second``: the second step of an account; only then is it signed in (AC-44)."""
    form = await request.form(max_fields=20, max_files=0)
    leads_to = safe_next(str(form.get("next") or ""))
    services, now = site_of(request.scope).services, now_of(request.scope)
    try:
        await check_login_form(request)
        waiting = open_waiting(request, str(form.get("waiting") or ""))
        account_id = waiting.accounts[0]
        await check_since(services, account_id, waiting.since)
    except CommandError:
        return await _page(request, leads_to, "This sign-in has ended. Please start again.", status=403)
    rest = Waiting(waiting.accounts[1:], waiting.since)
    if form.get("action") == "skip" and rest.accounts:
        return await ask_second(request, leads_to, rest)
    try:
        if waiting.key is not None:
            return await _enrol(request, leads_to, account_id, waiting.key)
        if form.get("credential"):
            await _prove_passkey(request, account_id)
            method = Method.PASSWORD_PASSKEY
        else:
            method = await prove_code(services, account_id, str(form.get("code") or ""), client_address(request), now)
    except CommandError as error:
        return await ask_second(request, leads_to, waiting, error)
    if rest.accounts:
        response = await ask_second(request, leads_to, rest)
    else:
        response = redirect(request.scope.get("root_path", "") + leads_to)
    await sign_in(request, response, account_id, method=method)
    return response


async def _enrol(request: Request, leads_to: str, account_id: int, key: str) -> Response:
    """The account has its first factor, and with that both steps. Raises CommandError."""
    code = str((await request.form()).get("code") or "")
    services, now = site_of(request.scope).services, now_of(request.scope)
    codes = await add_totp(services, account_id, key, code, "", now, only_first=True)
    response = show_codes(request, leads_to, codes)
    await sign_in(request, response, account_id, method=Method.PASSWORD_TOTP)
    return response


async def _prove_passkey(request: Request, account_id: int | None = None) -> int:
    """Whose passkey the form carries. Raises CommandError."""
    form = await request.form()
    challenge = open_challenge(request, str(form.get("challenge") or ""), passkey_place(request))
    services, now = site_of(request.scope).services, now_of(request.scope)
    return await prove_passkey(services, str(form.get("credential") or ""), challenge, now, account_id)


async def passkey_login(request: Request) -> Response:
    """``POST /login/passkey``: a passkey alone signs in; it says whose it is, and is two factors in one."""
    form = await request.form(max_fields=20, max_files=0)
    leads_to = safe_next(str(form.get("next") or ""))
    try:
        await check_login_form(request)
        account_id = await _prove_passkey(request)
    except CommandError as error:
        status = 401 if error.problem is Problem.UNAUTHENTICATED else 403
        return await _page(request, leads_to, error.message, status=status)
    response = redirect(request.scope.get("root_path", "") + leads_to)
    await sign_in(request, response, account_id, method=Method.PASSKEY)
    return response


async def _by_organization(request: Request, leads_to: str, email: str) -> Response:
    """On to the connection that the address's domain is routed to (O3)."""
    try:
        domain = domain_of(parse_address(email.strip()))
    except ValueError:
        return await _page(request, leads_to, "Type your work address first.", email, 400)
    async with site_of(request.scope).services.store.read() as tx:
        route = await find_route(tx, domain, now_of(request.scope))
    if route is None:
        error = f"Nobody of {domain} signs in through an organization here. Use your password."
        return await _page(request, leads_to, error, email, 404)
    query = urlencode({"next": leads_to, "hint": email.strip()})
    return redirect(f"{request.scope.get('root_path', '')}/sso/{route.connection_id}/login?{query}")


async def log_out(request: Request) -> Response:
    """``POST /logout``: one account (``account``), or everybody in this browser."""
    session = await current(request)
    root = request.scope.get("root_path", "")
    try:
        await check_form(request, session)
    except CommandError as error:
        return render(request, "web/layout/error.html", status=403, title="You are still signed in", text=error.message)
    given = (await request.form()).get("account")
    account_id = parse_id(str(given)) if given else None
    leaves_somebody = session is not None and account_id is not None and len(session.accounts) > 1
    response = redirect(root + ("/console" if leaves_somebody else "/login"))
    await sign_out(request, response, account_id)
    return response


async def choose_page(request: Request) -> Response:
    """``GET /logout``: who is signed in in this browser, to sign out one by one or all."""
    session = await current(request)
    if session is None or not session.accounts:
        return redirect(request.scope.get("root_path", "") + "/login")
    return render(request, "oauth/signed_in.html", csrf=csrf_token(request, session), accounts=session.accounts)
