"""The start page, a business's overview, its people and history."""

import json
from datetime import datetime
from typing import Any

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
from workbadge.web.text import moment_text

from .frame import Frame, page, text_of

ACTS = {
    "migration.invite": "Invited to a work account",
    "migration.claim": "Claimed the work account",
    "migration.claim_refused": "Somebody else tried to claim",
    "migration.extend": "Grace extended",
    "migration.roll_back": "Rolled back",
    "migration.exclude": "Taken out of the migration",
    "migration.deadline": "Deadline moved",
    "migration.deadline_missed": "Deadline missed",
    "migration.resend": "Invitation sent again",
    "membership.add": "Became a member",
    "membership.remove": "Removed",
    "membership.leaver": "Left: the account was suspended",
    "membership.role": "Role changed",
    "assignment.put": "Asset assigned",
    "assignment.take_away": "Asset taken away",
    "share.add": "Asset shared with a partner",
    "share.end": "Sharing stopped",
    "grant.cut": "App taken off this business",
}
"""Entries of the audit in words; others are shown as they are spelled."""

_TOLD = ("role", "deadline", "cut_off", "to", "email", "work_email")


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
            "title": ACTS.get(row.act, row.act.replace(".", ": ").replace("_", " ").capitalize()),
            "at": row.at,
            "text": _sentence(row, {key: one.name for key, one in names.items()}),
            "icon": "history",
        }
        for row in entries
    ]
    return frame.page("history.html", entries=shown)


def _shown(key: str, value: str) -> str:
    """A detail as people write it: instants as in the rest of the pages, roles in small letters."""
    if key == "role":
        return value.lower()
    try:
        return moment_text(datetime.fromisoformat(value))
    except ValueError:
        return value


def _sentence(row: Any, names: dict[int, str]) -> str:
    """By whom, about whom, and the instants and addresses of it."""
    detail = json.loads(row.detail)
    told = [f"{key.replace('_', ' ')} {_shown(key, str(detail[key]))}" for key in _TOLD if detail.get(key)]
    subject = names.get(row.subject_id, "")
    actor = names.get(row.actor_id or 0, "Workbadge")
    return " · ".join(part for part in (subject, f"by {actor}" if actor != subject else "", *told) if part)
