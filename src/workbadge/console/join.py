"""Joining a business by invitation: who invites, with which login it can be accepted. Opening a link consumes nothing."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.joining import join, open_invitation
from workbadge.terms.addresses import address_key
from workbadge.terms.kinds import NodeKind
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, current
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import dead_end, read_id, text_of


def _unusable(request: Request) -> Response:
    """One neutral page for used, withdrawn, expired and foreign links (AC-22)."""
    return dead_end(
        request,
        404,
        "This invitation cannot be used",
        "It was accepted, has expired, or was taken back. An admin of the business can invite you again.",
    )


def _out_of_date(request: Request) -> Response:
    """A form without its token, whatever its link: nothing is told about that."""
    return dead_end(
        request,
        403,
        "This form was out of date",
        "Please open the link of your invitation again.",
    )


async def show(request: Request) -> Response:
    """``GET /console/join/{link}``: the invitation, and the signed-in logins that can accept it."""
    return await _page(request, await current(request), None, 200)


async def _page(request: Request, session: BrowserSession | None, error: str | None, status: int) -> Response:
    services, now = site_of(request.scope).services, now_of(request.scope)
    link = request.path_params["link"]
    try:
        async with services.store.read() as tx:
            view = await open_invitation(tx, link, now)
    except CommandError:
        return _unusable(request)
    accounts = session.accounts if session is not None else ()
    invited = address_key(view.email)
    here = f"/console/join/{link}"
    return render(
        request,
        "console/join.html",
        status=status,
        csrf=csrf_token(request, session),
        view=view,
        link=link,
        fitting=[one for one in accounts if address_key(one.email) == invited],
        present=[one for one in accounts if address_key(one.email) != invited],
        error=error,
        sign_in_href=login_address(request, here, another=True).removeprefix(request.scope.get("root_path", "")),
    )


async def accept(request: Request) -> Response:
    """``POST /console/join/{link}``: join with one of the logins of this browser."""
    session = await current(request)
    services, now = site_of(request.scope).services, now_of(request.scope)
    try:
        await check_form(request, session)
        form = await request.form(max_fields=10)
        chosen = (
            session.find(read_id(text_of(form, "account"), "login", NodeKind.ACCOUNT)) if session is not None else None
        )
        if chosen is None:
            return await _page(request, session, "Sign in with the invited address first.", 401)
        business_id = await join(services, request.path_params["link"], chosen.id, now)
    except CommandError as error:
        if error.problem is Problem.FORBIDDEN:
            return _out_of_date(request)
        if error.problem is Problem.CONFLICT:
            return await _page(request, session, "This login is in the business already.", 409)
        return _unusable(request)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/console/{business_id}", 303)
