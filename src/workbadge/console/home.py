"""The start page, a business's overview, its people and history."""

import json

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.coverage import business_coverage
from workbadge.commands.errors import not_found
from workbadge.commands.membership import change_role, list_people, remove_member
from workbadge.commands.migration import list_migrations
from workbadge.store import audit, overview, records
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import PersonState, Role
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import current
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import Frame, page, text_of


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
        coverage, migrations = None, []
        if frame.admin:
            coverage = await business_coverage(tx, frame.services.base_url, frame.business.id, frame.now)
            migrations = await list_migrations(tx, frame.business.id, frame.now)
    return frame.page(
        "home.html",
        people=[one for one in people if one.handed_over is None and one.kind.value != "system"],
        assets=assets,
        apps=len({row.app_id for row in access}),
        coverage=coverage,
        migrations=migrations,
        states=PersonState,
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
    wanted = text_of(form, "role")
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
