"""Requests for access to assets: what others ask this business for, what it asks of others, and what became of it (MT-01)."""

from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response

from workbadge.commands.access_request import DECLINED, ask_for_asset
from workbadge.commands.errors import CommandError, Problem, invalid, not_found
from workbadge.commands.partnership import accept_request, decline_request, withdraw_request
from workbadge.store import requests, rights
from workbadge.store.engine import Tx
from workbadge.store.requests import Shown
from workbadge.terms.ids import NodeId, kind_of, parse_id
from workbadge.terms.kinds import ASSET_KINDS, NodeKind
from workbadge.terms.tasks import NONE, SAYS, TASKS_OF, Task, parse_tasks, task_names, task_words
from workbadge.web.text import kind_text

from .frame import Frame, page, read_id, text_of
from .paging import SIZE, kept_place, page_links, place_asked

TABS = {Shown.RECEIVED: "Received", Shown.SENT: "Sent", Shown.ANSWERED: "Answered"}
"""What the lists are called."""


def _choices(tasks: Task) -> list[tuple[str, str]]:
    return [(one.name or "", SAYS[one]) for one in Task if one in tasks]


@page("requests", admin=True)
async def show(frame: Frame) -> Response:
    """Requests that wait for an answer here, those that wait elsewhere, and answered ones; newest first."""
    asked = frame.request.query_params.get("show", "")
    shown = Shown(asked) if asked in list(Shown) else Shown.RECEIVED
    business_id, place = frame.business.id, place_asked(frame, f"requests {shown}")
    async with frame.services.store.read() as tx:
        found = await requests.slice_of_requests(tx, business_id, shown, place, SIZE)
        sent = await requests.count_shown(tx, business_id, Shown.SENT)
    counts = {Shown.RECEIVED: frame.requests, Shown.SENT: sent}
    query = "" if shown is Shown.RECEIVED else shown.value
    return frame.page(
        "requests.html",
        rows=[(row, task_words(Task(row.tasks), NodeKind(row.kind))) for row in found.rows],
        shown=shown.value,
        tabs=[_tab(frame, one, counts.get(one)) for one in Shown],
        declined=DECLINED,
        here=kept_place(frame.request.query_params),
        pages=page_links(frame, f"requests {shown}", "/requests", found, show=query),
    )


def _tab(frame: Frame, one: Shown, n: int | None) -> dict[str, object]:
    tail = "" if one is Shown.RECEIVED else f"?show={one}"
    return {"key": one.value, "label": TABS[one], "href": f"{frame.path}/requests{tail}", "count": n}


def _request_id(frame: Frame) -> int:
    return read_id(frame.request.path_params["request"], "request", NodeKind.RECORD)


@page("requests", admin=True)
async def one(frame: Frame) -> Response:
    """One request for an asset of this business, with what can be lent."""
    return await _one(frame, None, "")


async def _one(frame: Frame, ticked: list[str] | None, error: str) -> Response:
    """The form; ``ticked``: what was sent, where it comes back with an error."""
    async with frame.services.store.read() as tx:
        row = await requests.find_shown(tx, frame.business.id, _request_id(frame))
        if row is None or not row.received:
            raise not_found("request")
        held = await rights.lent_tasks(tx, row.asset_id, row.business_id, frame.now)
    asked = Task(row.tasks)
    return frame.page(
        "request.html",
        status=400 if error else 200,
        row=row,
        held=task_words(held, NodeKind(row.kind)) if held else "",
        choices=_choices(asked | held),
        ticked=task_names(asked | held) if ticked is None else ticked,
        open=row.closed_at is None,
        late=row.outcome == DECLINED,
        error=error,
    )


@page("requests", admin=True, form=True)
async def answer(frame: Frame) -> Response:
    """Accept with the ticked tasks, decline, or take an own request back."""
    form = await frame.request.form()
    names = [str(one) for one in form.getlist("task")]
    try:
        async with frame.services.store.write() as tx:
            return await _answer(frame, tx, form, names)
    except CommandError as error:
        if error.problem is not Problem.INVALID:
            raise
        return await _one(frame, names, f"{error.message} Expected: {error.expected}.")


async def _answer(frame: Frame, tx: Tx, form: FormData, names: list[str]) -> Response:
    given = (tx, frame.services, frame.business.id, request_id := _request_id(frame))
    row = await requests.find_shown(tx, frame.business.id, request_id)
    action = text_of(form, "action")
    if row is None or (action != "withdraw" and not row.received):
        raise not_found("request")
    if action == "withdraw":
        await withdraw_request(*given, frame.account.id, frame.now)
        return frame.go("/requests", "withdrawn", **kept_place(form))
    if action == "decline":
        await decline_request(*given, frame.account.id, frame.now)
        return frame.go(f"/requests/{request_id}")
    if action != "accept":
        raise not_found("request")
    tasks = await _lent(frame, tx, row, names)
    await accept_request(*given, tasks, frame.account.id, frame.now)
    return frame.go("/requests", "lent")


async def _lent(frame: Frame, tx: Tx, row: Any, names: list[str]) -> Task:
    """The ticked tasks. Raises INVALID for none, and for one that is neither asked for nor held."""
    tasks = _read(names, NodeKind(row.kind))
    held = await rights.lent_tasks(tx, row.asset_id, row.business_id, frame.now)
    if tasks & ~(Task(row.tasks) | held):
        raise invalid("task", "This task was not asked for.", "some of the tasks below")
    return tasks


def _read(names: list[str], kind: NodeKind) -> Task:
    """The ticked tasks. Raises INVALID for none, and for one that the kind of asset does not have."""
    try:
        tasks = parse_tasks(names, kind)
    except ValueError as error:
        raise invalid("task", "This task does not fit the asset.", "some of the tasks below") from error
    if tasks == NONE:
        raise invalid("task", "No task is ticked.", "one task at least")
    return tasks


@page("requests", admin=True)
async def new(frame: Frame) -> Response:
    """Asking for an asset by its id, with the tasks that an asset of its kind has."""
    text = frame.request.query_params.get("asset", "").strip()[:40]
    asset_id = _asset_id(text)
    error = "This is not the id of an asset." if text and asset_id is None else ""
    return _form(frame, text, asset_id, [], error)


def _asset_id(text: str) -> NodeId | None:
    found = parse_id(text.removeprefix("act_"))
    return found if found is not None and kind_of(found) in ASSET_KINDS else None


def _form(frame: Frame, text: str, asset_id: NodeId | None, ticked: list[str], error: str) -> Response:
    kind = None if asset_id is None else kind_of(asset_id)
    return frame.page(
        "request_new.html",
        status=400 if error else 200,
        typed=text,
        asset_id=asset_id,
        kind="" if kind is None else kind_text(kind.value),
        choices=[] if kind is None else _choices(TASKS_OF[kind]),
        ticked=ticked,
        error=error,
    )


@page("requests", admin=True, form=True)
async def send(frame: Frame) -> Response:
    """Ask for the ticked tasks on an asset of another business."""
    form = await frame.request.form()
    asset_id = read_id(form.get("asset"), "asset", *ASSET_KINDS)
    kind = NodeKind(str(kind_of(asset_id)))
    names = [str(one) for one in form.getlist("task")]
    try:
        tasks = _read(names, kind)
        async with frame.services.store.write() as tx:
            await ask_for_asset(
                tx, frame.services, frame.business.id, asset_id, kind, tasks, frame.account.id, frame.now
            )
    except CommandError as error:
        if error.problem not in (Problem.INVALID, Problem.CONFLICT):
            raise
        return _form(frame, str(asset_id), asset_id, names, f"{error.message} Expected: {error.expected}.")
    return frame.go("/requests", "asked", show=Shown.SENT.value)
