"""Changing the password of a login that is signed in in this browser (``wire.md`` §3.12, OA-55, OA-57)."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.account import change_password
from workbadge.commands.errors import CommandError, Problem, invalid, not_found
from workbadge.store import grants, records, sessions
from workbadge.terms.ids import parse_id
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn, client_address, current, rotate
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import outer_shell, plain_error, text_of

_STATUS = {Problem.INVALID: 400, Problem.UNAUTHENTICATED: 400, Problem.TOO_MANY: 429}
"""Refusals that are shown in the form, with their statuses; others are pages of their own."""


def _mine(request: Request, session: BrowserSession) -> SignedIn:
    """The login in the path, if it is signed in here. Raises NOT_FOUND."""
    found = session.find(parse_id(request.path_params["account"]) or 0)
    if found is None:
        raise not_found("login in this browser")
    return found


def _sign_in_first(request: Request) -> Response:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return RedirectResponse(login_address(request, path), 303)


async def show(request: Request) -> Response:
    """``GET /console/account/password/{account}``: the form, and what a new password ends."""
    session = await current(request)
    if session is None or not session.accounts:
        return _sign_in_first(request)
    try:
        return await _page(request, session, _mine(request, session), {}, 200)
    except CommandError as error:
        return plain_error(request, error)


async def _page(
    request: Request, session: BrowserSession, account: SignedIn, errors: dict[str, str], status: int
) -> Response:
    """The form again; nothing that was typed comes back."""
    async with site_of(request.scope).services.store.read() as tx:
        known = await records.find_account(tx, account.id)
        found = await grants.list_grants(tx, account.id)
        apps = [app.name for row in found if (app := await records.find_app(tx, row.app_id)) is not None]
        others = [row for row in await sessions.list_sessions(tx, account.id) if bytes(row.hash) != session.hash]
        shell = await outer_shell(request, tx, session, "account", account)
    return render(
        request,
        "console/password.html",
        status=status,
        csrf=csrf_token(request, session),
        shell=shell,
        account=account,
        has_password=known is not None and known.password_hash is not None,
        apps=apps,
        others=len(others),
        errors=errors,
    )


async def change(request: Request) -> Response:
    """``POST /console/account/password/{account}``: the new password; this browser gets a new session."""
    session = await current(request)
    if session is None or not session.accounts:
        return _sign_in_first(request)
    services, now = site_of(request.scope).services, now_of(request.scope)
    try:
        await check_form(request, session)
        account = _mine(request, session)
    except CommandError as error:
        return plain_error(request, error)
    form = await request.form()
    present, new = text_of(form, "present"), text_of(form, "new")
    try:
        if new != text_of(form, "again"):
            raise invalid("again", "The two new passwords are not the same.")
        if new == present:
            raise invalid("new", "This is the present password.", "another one")
        await change_password(services, account.id, present, new, session.hash, client_address(request), now)
    except CommandError as error:
        if error.problem not in _STATUS:
            return plain_error(request, error)
        return await _page(request, session, account, _said(error, request), _STATUS[error.problem])
    response = RedirectResponse(f"{request.scope.get('root_path', '')}/console/account?done=password", 303)
    await rotate(request, response)
    return response


def _said(error: CommandError, request: Request) -> dict[str, str]:
    """A refusal beside the field it is about."""
    if error.problem is Problem.TOO_MANY and error.at is not None:
        wait = int((error.at - now_of(request.scope)).total_seconds()) + 1
        return {"present": f"Too many wrong tries. Please wait {wait} seconds; nothing was changed."}
    tells = error.problem is Problem.INVALID and error.expected
    expected = f" {error.expected[:1].upper()}{error.expected[1:]}." if tells else ""
    return {error.field: f"{error.message}{expected}"}
