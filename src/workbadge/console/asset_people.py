"""One asset: who holds which tasks on it, choosing somebody, giving single tasks, taking them away (M16)."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem, invalid, not_found
from workbadge.commands.membership import assign, take_away
from workbadge.store import members, overview
from workbadge.store.engine import Tx
from workbadge.store.members import Group, Wanted
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import ASSET_KINDS, NodeKind, Role
from workbadge.terms.tasks import NONE, SAYS, TASKS_OF, Task, parse_tasks, task_names

from .frame import Frame, page, read_id
from .paging import SIZE, page_links, place_asked, search_text

_HOLDERS = (Group.PEOPLE, Group.SYSTEM_USERS)


def _asset_id(frame: Frame) -> int:
    return read_id(frame.request.path_params["asset"], "asset", *ASSET_KINDS)


async def _load(frame: Frame, tx: Tx, asset_id: int) -> Any:
    """The asset, if the business owns it or was lent it. Raises NOT_FOUND."""
    found = await overview.find_business_asset(tx, frame.business.id, asset_id, frame.now)
    if found is None:
        raise not_found("asset")
    return found


async def _offered(frame: Frame, tx: Tx, asset: Any) -> Task:
    """The tasks that can be given: those of the asset's kind, of a lent one those it is lent with."""
    tasks = TASKS_OF[NodeKind(asset.kind)]
    if asset.business_id == frame.business.id:
        return tasks
    return tasks & await overview.lent_tasks(tx, asset.id, frame.business.id, frame.now)


def _words(tasks: Task, offered: Task) -> list[str]:
    """Tasks in plain words; all of them in one."""
    return ["Everything"] if tasks == offered else [SAYS[one] for one in Task if one in tasks]


@page("assets")
async def show(frame: Frame) -> Response:
    """One asset: people with their tasks, apps and until when."""
    asset_id, text = _asset_id(frame), search_text(frame)
    wanted = Wanted(text, asset_id)
    async with frame.services.store.read() as tx:
        found = await _load(frame, tx, asset_id)
        offered = await _offered(frame, tx, found)
        access = await overview.list_asset_access(tx, frame.business.id, asset_id, frame.now)
        counts = await members.count_members(tx, frame.business.id, wanted, frame.now)
        shown = await members.slice_of_members(
            tx, frame.business.id, _HOLDERS, wanted, frame.now, place_asked(frame, f"asset {asset_id}"), SIZE
        )
        tasks = await members.list_tasks(tx, [row.id for row in shown.rows], asset_id)
        undo = await _undo(frame, tx, asset_id, offered) if frame.admin else None
    return frame.page(
        "asset.html",
        asset=found,
        access=access,
        people=[(row, _words(tasks.get(row.id, NONE), offered)) for row in shown.rows],
        matches=sum(counts[one] for one in _HOLDERS),
        query=text,
        pages=page_links(frame, f"asset {asset_id}", f"/assets/{asset_id}", shown, q=text),
        searchable=bool(text) or shown.next is not None or shown.previous is not None,
        undo=undo,
    )


async def _undo(frame: Frame, tx: Tx, asset_id: int, offered: Task) -> dict[str, object] | None:
    """What was just taken away (``?undo=membership.tasks``), as long as it can be given back as it was."""
    place, _, number = frame.request.query_params.get("undo", "").partition(".")
    membership_id = parse_id(place)
    if membership_id is None or not number.isascii() or not number.isdecimal() or len(number) > 9:
        return None
    tasks = Task(int(number)) & offered
    person = await members.find_listed(tx, frame.business.id, membership_id, frame.now)
    if person is None or not tasks or await members.list_tasks(tx, [membership_id], asset_id):
        return None
    old = await members.has_old_login(tx, person.account_id, frame.business.id, frame.now)
    return {"person": person, "tasks": task_names(tasks), "old_login": old}


@page("assets", admin=True)
async def choose(frame: Frame) -> Response:
    """Somebody to give tasks to: who holds none on the asset yet, searched by name or e-mail."""
    asset_id, text = _asset_id(frame), search_text(frame)
    wanted = Wanted(text, asset_id, holding=False)
    async with frame.services.store.read() as tx:
        found = await _load(frame, tx, asset_id)
        counts = await members.count_members(tx, frame.business.id, wanted, frame.now)
        shown = await members.slice_of_members(
            tx, frame.business.id, _HOLDERS, wanted, frame.now, place_asked(frame, f"choose {asset_id}"), SIZE
        )
    return frame.page(
        "asset_choose.html",
        asset=found,
        people=shown.rows,
        matches=sum(counts[one] for one in _HOLDERS),
        query=text,
        pages=page_links(frame, f"choose {asset_id}", f"/assets/{asset_id}/people", shown, q=text),
    )


@page("assets", admin=True)
async def person(frame: Frame) -> Response:
    """One person's tasks on the asset, to tick."""
    return await _person(frame, None, "")


async def _person(frame: Frame, ticked: Iterable[str] | None, error: str) -> Response:
    """The form; ``ticked``: what was sent, where it comes back with an error."""
    asset_id, membership_id = _asset_id(frame), _membership_id(frame)
    async with frame.services.store.read() as tx:
        found = await _load(frame, tx, asset_id)
        offered = await _offered(frame, tx, found)
        who = await members.find_listed(tx, frame.business.id, membership_id, frame.now)
        if who is None or who.handed_over is not None:
            raise not_found("person in this business")
        held = (await members.list_tasks(tx, [membership_id], asset_id)).get(membership_id, NONE)
        old_login = await members.has_old_login(tx, who.account_id, frame.business.id, frame.now)
    return frame.page(
        "asset_person.html",
        status=400 if error else 200,
        asset=found,
        person=who,
        choices=[(one.name, SAYS[one]) for one in Task if one in offered],
        ticked=task_names(held) if ticked is None else list(ticked),
        holds=bool(held),
        old_login=old_login,
        is_admin=who.role == Role.ADMIN.value,
        error=error,
    )


def _membership_id(frame: Frame) -> int:
    return read_id(frame.request.path_params["membership"], "person in this business", NodeKind.MEMBERSHIP)


@page("assets", admin=True, form=True)
async def change(frame: Frame) -> Response:
    """Give the ticked tasks or every one, or take the asset away."""
    asset_id, membership_id = _asset_id(frame), _membership_id(frame)
    form = await frame.request.form()
    actor, here = frame.account.id, f"/assets/{asset_id}"
    async with frame.services.store.read() as tx:
        found = await _load(frame, tx, asset_id)
        offered = await _offered(frame, tx, found)
        held = (await members.list_tasks(tx, [membership_id], asset_id)).get(membership_id, NONE)
    if form.get("action") == "take_away":
        await take_away(frame.services, frame.business.id, membership_id, asset_id, actor, frame.now)
        return frame.go(here, undo=f"{membership_id}.{int(held)}") if held else frame.go(here, "removed")
    names = [str(one) for one in form.getlist("task")]
    try:
        tasks = offered if form.get("action") == "everything" else _read(names, found, offered)
    except CommandError as error:
        if error.problem is not Problem.INVALID:
            raise
        return await _person(frame, names, f"{error.message} Expected: {error.expected}.")
    await assign(frame.services, frame.business.id, membership_id, asset_id, tasks, actor, frame.now)
    return frame.go(here, "saved")


def _read(names: list[str], asset: Any, offered: Task) -> Task:
    """The ticked tasks. Raises INVALID for none, and for one that the asset does not have here."""
    try:
        tasks = parse_tasks(names, NodeKind(asset.kind))
    except ValueError as error:
        raise invalid("task", "This task does not fit the asset.", "one of the tasks below") from error
    if not tasks:
        raise invalid("task", "No task is ticked.", "one task at least, or the asset taken away")
    if tasks & ~offered:
        raise invalid("task", "The asset was not lent with this task.", "one of the tasks below")
    return tasks
