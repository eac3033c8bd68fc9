"""The history of a business: who changed which right of whom, on what (I11)."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from workbadge.store import audit, records
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of
from workbadge.terms.tasks import SAYS, TASKS_OF, Task
from workbadge.web.text import moment_text

from .frame import Frame, page
from .paging import SIZE, page_links, place_asked

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
    "membership.profile": "Title or permissions changed",
    "assignment.put": "Asset assigned",
    "assignment.take_away": "Asset taken away",
    "share.add": "Asset shared with a partner",
    "share.end": "Sharing stopped",
    "access_request.add": "Access to an asset asked for",
    "access_request.approved": "Access was given",
    "access_request.declined": "Request for access declined",
    "access_request.withdrawn": "Request for access withdrawn",
    "grant.cut": "App taken off this business",
    "grant.install": "App installed on a system user",
    "install.add": "App installed",
    "install.end": "App uninstalled",
    "install.repair": "Installed app repaired",
    "assignment.set": "Assets of a system user chosen",
    "token.mint": "Token made for a system user",
    "token.revoke": "Token withdrawn",
    "invitation.add": "Invited to this business",
    "invitation.withdraw": "Invitation withdrawn",
    "asset.take": "Asset taken into this business",
    "asset.let_go": "Asset let go",
    "business.change": "Business described anew",
    "account.rename": "Renamed",
    "app.take": "App taken into this business",
    "organization.role": "Role in the organization given",
    "organization.role_end": "Role in the organization taken away",
    "account.import": "Work account made from a file",
    "account.suspend": "Account suspended",
    "account.restore": "Suspension lifted",
    "account.sign_out": "Signed out everywhere",
}
"""Entries of the audit in words; others are shown as they are spelled."""

_NAMED = ("asset", "partner", "app")
_TOLD = ("role", "deadline", "cut_off", "to", "email", "work_email")


@page("history", admin=True)
async def show(frame: Frame) -> Response:
    """The audit entries of the business, newest first."""
    async with frame.services.store.read() as tx:
        found = await audit.slice_of_entries(tx, frame.business.id, place_asked(frame, "history"), SIZE)
        shown = await in_words(tx, found.rows)
    return frame.page("history.html", entries=shown, pages=page_links(frame, "history", "/history", found))


async def in_words(tx: Tx, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Entries of the audit for ``ui.timeline``."""
    details = [json.loads(row.detail) for row in rows]
    named = [one[key] for one in details for key in _NAMED if isinstance(one.get(key), int)]
    ids = {*named, *(row.subject_id for row in rows), *(row.actor_id for row in rows if row.actor_id)}
    names = await records.list_names(tx, sorted(ids))
    return [
        {"title": title_of(row.act), "at": row.at, "text": sentence(row, detail, names), "icon": "history"}
        for row, detail in zip(rows, details, strict=True)
    ]


def title_of(act: str) -> str:
    """An act in words."""
    return ACTS.get(act, act.replace(".", ": ").replace("_", " ").capitalize())


def sentence(row: Any, detail: dict[str, Any], names: dict[int, str]) -> str:
    """Whom and what it is about, by whom, and the instants and addresses of it.

    An asset that the business only asked for is told by its id, and who of its owner's people answered is not (MT-01).
    """
    asking = row.act.startswith("access_request.")
    foreign = asking and "partner" not in detail
    subject = str(row.subject_id) if foreign else names.get(row.subject_id, "")
    actor = subject if asking and row.actor_id is None else names.get(row.actor_id or 0, "Workbadge")
    named = [names.get(detail.get(key, 0), "") for key in _NAMED if isinstance(detail.get(key), int)]
    told = [f"{key.replace('_', ' ')} {_shown(key, str(detail[key]))}" for key in _TOLD if detail.get(key)]
    parts = (subject, *named, _tasks(row, detail), f"by {actor}" if actor != subject else "", *told)
    return " · ".join(part for part in parts if part)


def _tasks(row: Any, detail: dict[str, Any]) -> str:
    """The tasks of an assignment or a share in plain words."""
    number = detail.get("tasks")
    if not isinstance(number, int):
        return ""
    tasks, kind = Task(number), kind_of(detail.get("asset", row.subject_id))
    if kind is not None and tasks == TASKS_OF.get(kind):
        return "everything"
    return ", ".join(SAYS[one].lower() for one in Task if one in tasks) or "no task is left"


def _shown(key: str, value: str) -> str:
    """A detail as people write it: instants as in the rest of the pages, roles in small letters."""
    if key == "role":
        return value.lower()
    try:
        return moment_text(datetime.fromisoformat(value))
    except ValueError:
        return value
