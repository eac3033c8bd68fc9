"""A person's own page, and the outbox where a site shows it."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.callbacks import ask_deletion
from workbadge.commands.errors import CommandError, not_found
from workbadge.commands.grant import remove_app
from workbadge.commands.outbox import list_outbox
from workbadge.commands.services import Services
from workbadge.store import deletions, grants, records, sessions
from workbadge.terms.ids import parse_id
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, current
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import outer_shell, plain_error, text_of


async def show(request: Request) -> Response:
    """``GET /console/account``: who is signed in here, their apps and sessions."""
    session = await current(request)
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, "/console/account"), 303)
    people = []
    async with site_of(request.scope).services.store.read() as tx:
        for one in session.accounts:
            found = await grants.list_grants(tx, one.id)
            apps = [(row, await records.find_app(tx, row.app_id)) for row in found]
            others = [row for row in await sessions.list_sessions(tx, one.id) if bytes(row.hash) != session.hash]
            left = await grants.list_left_apps(tx, one.id)
            asked = await deletions.list_deletions(tx, one.id)
            pending = {row.app_id for row in asked if row.next_try_at is not None}
            more = {"left": [row for row in left if row.id not in pending], "asked": asked}
            people.append({"account": one, "apps": apps, "others": others, **more})
        shell = await outer_shell(request, tx, session, "account")
    return render(request, "console/account.html", csrf=csrf_token(request, session), shell=shell, people=people)


async def act(request: Request) -> Response:
    """``POST /console/account``: disconnect an app, ask it to delete data, or end the other sessions of an account."""
    session = await current(request)
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, "/console/account"), 303)
    try:
        await check_form(request, session)
        done = await _act(request, session, site_of(request.scope).services, now_of(request.scope))
    except CommandError as error:
        return plain_error(request, error)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/console/account?done={done}", 303)


async def _act(request: Request, session: BrowserSession, services: Services, now: datetime) -> str:
    """Do it; the word of ``SAYS`` for it. Raises CommandError."""
    form = await request.form()
    account = session.find(parse_id(text_of(form, "account")) or 0)
    if account is None:
        raise not_found("account")
    action = text_of(form, "action")
    if action == "disconnect":
        app_id = parse_id(text_of(form, "app"))
        if app_id is None:
            raise not_found("app")
        async with services.store.write() as tx:
            await remove_app(tx, services, account.id, app_id, now)
            if form.get("delete"):
                await ask_deletion(tx, services, account.id, app_id, now)
        return "deletion" if form.get("delete") else "disconnected"
    if action == "ask_deletion":
        async with services.store.write() as tx:
            await ask_deletion(tx, services, account.id, parse_id(text_of(form, "app")) or 0, now)
        return "deletion"
    if action != "end_others":
        raise not_found("action")
    async with services.store.write() as tx:
        for row in await sessions.list_sessions(tx, account.id):
            if bytes(row.hash) != session.hash:
                await sessions.drop_signed_in(tx, bytes(row.hash), account.id)
    return "signed-out"


async def outbox(request: Request) -> Response:
    """``GET /console/outbox``: mails and webhooks, where the site shows them to anybody (demo, worlds)."""
    site = site_of(request.scope)
    if not (site.show_outbox or site.sandbox):
        return plain_error(request, not_found("page"))
    session = await current(request)
    async with site.services.store.read() as tx:
        sent = await list_outbox(tx, site.services, 200)
    return render(
        request,
        "console/outbox.html",
        csrf=csrf_token(request, session),
        sent=[(one, _parts(one.body)) for one in reversed(sent)],
    )


def _parts(body: str) -> list[tuple[bool, str]]:
    """The text of a mail in pieces: (whether it is an address of the web, the piece)."""
    pieces: list[tuple[bool, str]] = []
    for line in body.splitlines():
        before, found, rest = line.partition("http")
        if found and rest.startswith(("://", "s://")):
            link, blank, after = (found + rest).partition(" ")
            pieces += [(False, before), (True, link), (False, blank + after + "\n")]
        else:
            pieces.append((False, line + "\n"))
    return pieces
