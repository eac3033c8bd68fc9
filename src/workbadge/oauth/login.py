"""Signing in and out: one page for both kinds of account (L1)."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.errors import CommandError, Problem
from workbadge.terms.ids import parse_id
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import check_password, current, sign_in, sign_out
from workbadge.web.signin import safe_next
from workbadge.web.state import now_of


async def login_page(request: Request) -> Response:
    """``GET /login``: e-mail and password; who is signed in already is shown."""
    return await _page(request, safe_next(request.query_params.get("next")), None, "", 200)


async def _page(request: Request, leads_to: str, error: str | None, email: str, status: int) -> Response:
    session = await current(request)
    return render(
        request,
        "oauth/login.html",
        status=status,
        csrf=csrf_token(request, session),
        accounts=session.accounts if session is not None else (),
        leads_to=leads_to,
        error=error,
        email=email[:254],
    )


async def log_in(request: Request) -> Response:
    """``POST /login``."""
    form = await request.form(max_fields=20, max_files=0)
    leads_to = safe_next(str(form.get("next") or ""))
    email, password = str(form.get("email") or ""), str(form.get("password") or "")
    try:
        await check_form(request, await current(request))
        account_id = await check_password(request, email, password)
    except CommandError as error:
        if error.problem is Problem.FORBIDDEN:
            return await _page(
                request,
                leads_to,
                "This form was out of date. Please try again.",
                email,
                403,
            )
        text = error.message
        status = 401
        if error.problem is Problem.TOO_MANY and error.at is not None:
            wait = max(1, int((error.at - now_of(request.scope)).total_seconds()) + 1)
            text, status = f"Too many tries. Please wait {wait} seconds.", 429
        return await _page(request, leads_to, text, email, status)
    response = RedirectResponse(request.scope.get("root_path", "") + leads_to, 303)
    await sign_in(request, response, account_id)
    return response


async def log_out(request: Request) -> Response:
    """``POST /logout``: one account (``account``), or everybody in this browser."""
    session = await current(request)
    response = RedirectResponse(request.scope.get("root_path", "") + "/login", 303)
    try:
        await check_form(request, session)
    except CommandError:
        return response
    form = await request.form(max_fields=20, max_files=0)
    given = form.get("account")
    await sign_out(request, response, parse_id(str(given)) if given else None)
    return response
