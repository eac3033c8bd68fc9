"""The login dialog, from outside: opening it, and the form of each step (L1-L3, A3). The steps are in ``steps.py``.

``GET /[vN.N/]dialog/oauth`` checks the request and finds out who is there. Every step is a form to ``/dialog/step`` that
carries the request sealed for this browser's session (OA-56), and everything is checked again on each.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.reconnects import Link, missing_assets
from workbadge.store import records
from workbadge.terms.ids import parse_id
from workbadge.web.csrf import check_form
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn, current
from workbadge.web.signin import login_address, redirect
from workbadge.web.state import now_of, site_of

from .flow import Flow
from .leaving import cancelled, failed
from .request import (
    Asked,
    PageError,
    RedirectError,
    fresh_since,
    mark_fresh,
    open_request,
    read_request,
    seal_request,
)
from .steps import STEPS, choose_account, with_account

SINCE = "wb_since"


def error_page(request: Request, error: PageError, status: int = 400) -> Response:
    """A page for what must not be answered at the redirect address (OA-06)."""
    return render(
        request,
        "web/layout/error.html",
        status=status,
        title=error.title,
        text=error.text,
        detail=f"Error {error.code}",
    )


async def start(request: Request) -> Response:
    """``GET /[vN.N/]dialog/oauth``."""
    query = request.scope["query_string"].decode("latin-1")
    try:
        asked, app = await read_request(request, query)
    except PageError as error:
        return error_page(request, error)
    except RedirectError as error:
        return failed(error)
    session = await current(request)
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    back = f"{path}?{query}"
    services, now = site_of(request.scope).services, now_of(request.scope)
    if "reauthenticate" in asked.auth_types:
        fresh = fresh_accounts(request, session)
        if session is None or not fresh:
            mark = mark_fresh(services.sealer, session, now)
            return redirect(login_address(request, f"{without_mark(back)}&{SINCE}={mark}", another=True))
        only = tuple(one.id for one in fresh if not asked.only or one.id in asked.only)
        asked = msgspec.structs.replace(asked, only=only or (0,))
    if session is None or not session.accounts:
        return redirect(login_address(request, back))
    if asked.link is not None:
        asked = await _limited(request, asked, asked.link)
    asked = msgspec.structs.replace(asked, flow=services.entropy.text(32), back=without_mark(back))
    flow = Flow(request, session, asked, app, seal_request(services.sealer, asked, session))
    if not flow.accounts:
        return flow.page("oauth/other_account.html", None, 403)
    if len(flow.accounts) == 1:
        return await with_account(flow, flow.accounts[0])
    return choose_account(flow)


async def _limited(request: Request, asked: Asked, link: Link) -> Asked:
    """The request of a reconnect link with what is missing now; where nothing is, it is a login like any other."""
    async with site_of(request.scope).services.store.read() as tx:
        missing = await missing_assets(tx, link, asked.app_id, now_of(request.scope))
    if not missing:
        return msgspec.structs.replace(asked, auth_types=())
    return msgspec.structs.replace(asked, offered=missing)


def fresh_accounts(request: Request, session: BrowserSession | None) -> tuple[SignedIn, ...]:
    """The accounts that signed in since this dialog asked for it."""
    if session is None:
        return ()
    sealer, now = site_of(request.scope).services.sealer, now_of(request.scope)
    since = fresh_since(sealer, request.query_params.get(SINCE, ""), session, now)
    return tuple(one for one in session.accounts if since is not None and one.signed_in_at >= since)


def without_mark(path: str) -> str:
    """A path of the dialog as the app asked for it."""
    return path.partition(f"&{SINCE}=")[0]


async def step(request: Request) -> Response:
    """``POST /dialog/step``: one step of the dialog."""
    session = await current(request)
    try:
        await check_form(request, session)
        if session is None:
            raise PageError(100, "You are not signed in any more", "Start again in the app.")
        form = await request.form()
        services = site_of(request.scope).services
        asked = open_request(services.sealer, str(form.get("request", "")), session)
        async with services.store.read() as tx:
            app = await records.find_app(tx, asked.app_id)
        return await _step(Flow(request, session, asked, app, str(form["request"])), form)
    except PageError as error:
        return error_page(request, error)
    except CommandError as error:
        status = 403 if error.problem is Problem.FORBIDDEN else 400
        return error_page(request, PageError(100, "This did not work", error.message), status)


async def _step(flow: Flow, form: Any) -> Response:
    """The step that the form is of. Raises PageError, CommandError."""
    if flow.app is None or flow.app.disabled_at is not None:
        raise PageError(101, "This app is not known here", "It was switched off.")
    if form.get("action") == "cancel":
        return await cancelled(flow.services, flow.asked, now_of(flow.request.scope))
    account = flow.find(parse_id(str(form.get("account", ""))))
    if account is None:
        raise PageError(100, "You are not signed in any more", "Start again in the app.")
    take = STEPS.get(str(form.get("step", "")))
    if take is None:
        raise PageError(100, "This did not work", "The form was not complete. Start again in the app.")
    return await take(flow, account, form)
