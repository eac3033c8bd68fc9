"""The start page, a business's overview, its people, history, and a person's own page."""

import json

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.coverage import business_coverage
from workbadge.commands.errors import CommandError, not_found
from workbadge.commands.grant import remove_app
from workbadge.commands.membership import change_role, list_people, remove_member
from workbadge.commands.outbox import list_outbox
from workbadge.store import audit, grants, overview, records, sessions
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import Role
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, current
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import SAYS, Frame, page, plain_error


async def start(request: Request) -> Response:
    """``GET /console``: businesses of everybody who is signed in here."""
    session = await current(request)
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, "/console"), 303)
    now = now_of(request.scope)
    async with site_of(request.scope).services.store.read() as tx:
        places = await overview.list_places(tx, [one.id for one in session.accounts])
    by_account = {one.id: one for one in session.accounts}
    shown: dict[tuple[int, str], dict[str, object]] = {}
    for row in places:
        if row.starts > now:
            continue
        ended = row.ends is not None and row.ends <= now
        state = "handed_over" if row.handed_over is not None else "ended" if ended else "open"
        if state == "ended" and row.end_cause not in ("deadline",):
            continue
        shown[row.business_id, state] = {
            "id": row.business_id,
            "name": row.business,
            "role": row.role.capitalize(),
            "account": by_account[row.account_id],
            "state": state,
            "ends": row.ends,
        }
    open_ids = {key for key, state in shown if state == "open"}
    rows = [one for (key, state), one in shown.items() if state == "open" or key not in open_ids]
    return render(
        request, "console/start.html", csrf=csrf_token(request, session), accounts=session.accounts, businesses=rows
    )


@page("home")
async def home(frame: Frame) -> Response:
    """The overview: the banner above, numbers, and for admins the state of the migration."""
    async with frame.services.store.read() as tx:
        people = await list_people(tx, frame.business.id, frame.now)
        assets = await overview.list_business_assets(tx, frame.business.id, frame.now)
        access = await overview.list_access(tx, frame.business.id, frame.now)
        coverage = await business_coverage(tx, frame.services.base_url, frame.business.id, frame.now)
    return frame.page(
        "home.html",
        people=[one for one in people if one.handed_over is None and one.kind.value != "system"],
        assets=assets,
        apps=len({row.app_id for row in access}),
        coverage=coverage,
    )


@page("people")
async def people(frame: Frame) -> Response:
    """Everybody with a place here."""
    async with frame.services.store.read() as tx:
        members = await list_people(tx, frame.business.id, frame.now)
    return frame.page("people.html", members=members, roles=[(role.value, role.value.capitalize()) for role in Role])


def _membership_id(frame: Frame) -> int:
    found = parse_id(frame.request.path_params["membership"])
    if found is None:
        raise not_found("person in this business")
    return found


@page("people", admin=True, form=True)
async def set_role(frame: Frame) -> Response:
    """Change a role."""
    form = await frame.request.form()
    wanted = str(form.get("role", ""))
    if wanted not in Role.__members__:
        raise not_found("role")
    await change_role(
        frame.services, frame.business.id, _membership_id(frame), Role(wanted), frame.account.id, frame.now
    )
    return frame.go("/people", "saved")


@page("people", admin=True, form=True)
async def remove_person(frame: Frame) -> Response:
    """Remove somebody."""
    await remove_member(frame.services, frame.business.id, _membership_id(frame), frame.account.id, frame.now)
    return frame.go("/people", "removed")


@page("history", admin=True)
async def history(frame: Frame) -> Response:
    """The last audit entries of the business."""
    async with frame.services.store.read() as tx:
        entries = await audit.list_entries(tx, frame.business.id, 200)
        ids = {row.actor_id for row in entries if row.actor_id} | {row.subject_id for row in entries}
        names = await records.list_accounts(tx, sorted(ids))
    shown = [
        {
            "title": row.act.replace(".", ": ").replace("_", " "),
            "at": row.at,
            "text": _sentence(row, {key: one.name for key, one in names.items()}),
            "icon": "history",
        }
        for row in entries
    ]
    return frame.page("history.html", entries=shown)


def _sentence(row: object, names: dict[int, str]) -> str:
    """Who, whom, and what of it, in words."""
    actor = names.get(getattr(row, "actor_id", 0) or 0, "Workbadge")
    subject = names.get(getattr(row, "subject_id", 0), "")
    detail = json.loads(getattr(row, "detail", "{}"))
    rest = ", ".join(f"{key} {value}" for key, value in detail.items() if key not in ("person", "membership") and value)
    return " · ".join(part for part in (f"by {actor}", subject, rest) if part)


async def account_page(request: Request) -> Response:
    """``GET /console/account``: who is signed in here, their apps and sessions."""
    session = await current(request)
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, "/console/account"), 303)
    people = []
    async with site_of(request.scope).services.store.read() as tx:
        for one in session.accounts:
            found = await grants.list_grants(tx, one.id)
            apps = [(row, await records.find_app(tx, row.app_id)) for row in found]
            people.append({"account": one, "apps": apps, "sessions": await sessions.list_sessions(tx, one.id)})
    return render(
        request,
        "console/account.html",
        csrf=csrf_token(request, session),
        people=people,
        here=session.hash,
        done=SAYS.get(request.query_params.get("done", "")),
    )


async def account_action(request: Request) -> Response:
    """``POST /console/account``: disconnect an app, or end the other sessions of an account."""
    session = await current(request)
    try:
        await check_form(request, session)
        if session is None:
            raise not_found("session")
        return await _account_action(request, session)
    except CommandError as error:
        return plain_error(request, error)


async def _account_action(request: Request, session: BrowserSession) -> Response:
    form = await request.form()
    services, now = site_of(request.scope).services, now_of(request.scope)
    account = session.find(parse_id(str(form.get("account", ""))) or 0)
    if account is None:
        raise not_found("account")
    app_id = parse_id(str(form.get("app", "")))
    async with services.store.write() as tx:
        if form.get("action") == "disconnect" and app_id is not None:
            await remove_app(tx, services, account.id, app_id, now)
            done = "disconnected"
        else:
            for row in await sessions.list_sessions(tx, account.id):
                if bytes(row.hash) != session.hash:
                    await sessions.drop_signed_in(tx, bytes(row.hash), account.id)
            done = "signed-out"
    return RedirectResponse(f"{request.scope.get('root_path', '')}/console/account?done={done}", 303)


async def outbox_page(request: Request) -> Response:
    """``GET /console/outbox``: mails and webhooks, where the site shows them (demo, worlds)."""
    site = site_of(request.scope)
    if not site.show_outbox:
        return plain_error(request, not_found("page"))
    async with site.services.store.read() as tx:
        sent = await list_outbox(tx, site.services, 200)
    return render(request, "console/outbox.html", csrf="", sent=list(reversed(sent)))
