"""The migration's pages: plan, start, follow, extend, roll back (M1, M3, M11, M12, B3)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from workbadge.commands import migration
from workbadge.commands.coverage import CoverageRow, business_share
from workbadge.commands.domains import list_good
from workbadge.commands.errors import CommandError, invalid, not_found
from workbadge.commands.migration import NewPerson, PersonView
from workbadge.commands.progress import Summary, list_summaries, load_people, load_person, load_summary
from workbadge.store import overview, records
from workbadge.store.engine import Tx
from workbadge.terms.instants import parse_instant, to_wire
from workbadge.terms.kinds import NodeKind, PersonState
from workbadge.web.pages import security_headers

from .frame import Frame, page, read_id, text_of
from .paging import SIZE, page_links, place_asked, search_text
from .sheets import csv_lines

TONES = {
    PersonState.INVITED: ("Invited", "info"),
    PersonState.IN_GRACE: ("In grace", "accent"),
    PersonState.MIGRATED: ("Migrated", "ok"),
    PersonState.MISSED: ("Missed the deadline", "bad"),
    PersonState.ROLLED_BACK: ("Rolled back", "neutral"),
    PersonState.EXCLUDED: ("Excluded", "neutral"),
    PersonState.LEFT: ("Left", "neutral"),
    PersonState.PLANNED: ("Planned", "neutral"),
}
"""A state in words, with its tone."""


@page("migration", admin=True)
async def overview_page(frame: Frame) -> Response:
    """Migrations of the business, newest first."""
    async with frame.services.store.read() as tx:
        found = await list_summaries(tx, frame.business.id, frame.now)
        share = await business_share(tx, frame.business.id, frame.now)
    return frame.page("migrations.html", migrations=found, share=share, states=PersonState)


@page("migration", admin=True)
async def plan(frame: Frame) -> Response:
    """Who moves, to which address, until when."""
    return await _plan(frame, {}, {}, {}, "")


async def _plan(
    frame: Frame, chosen: dict[int, str], until: dict[int, str], errors: dict[str, str], deadline: str
) -> Response:
    async with frame.services.store.read() as tx:
        proposed = await migration.propose_people(tx, frame.business.id, frame.now)
        access = await overview.list_access(tx, frame.business.id, frame.now)
        domains = await list_good(tx, frame.business.organization_id or 0, frame.now)
    return frame.page(
        "plan.html",
        status=400 if errors else 200,
        proposed=proposed,
        chosen=chosen,
        until=until,
        errors=errors,
        deadline=deadline,
        breaking=[row for row in access if row.kind == "personal"],
        safe=[row for row in access if row.kind == "system"],
        domains=domains,
        earliest=(frame.now + timedelta(days=1)).strftime("%Y-%m-%d"),
    )


def _end_of_day(text: str, field: str) -> datetime:
    """The last instant of a date from a date field, UTC. Raises INVALID."""
    try:
        return parse_instant(f"{text}T23:59:59Z")
    except ValueError as error:
        raise invalid(field, "This is not a date.", "a date such as 2026-12-31") from error


@page("migration", admin=True, form=True)
async def start(frame: Frame) -> Response:
    """The plan's two steps: look at it once more, then start."""
    await frame.require_proof("/migration/plan")
    form = await frame.request.form(max_fields=12_000)
    chosen: dict[int, str] = {}
    until: dict[int, str] = {}
    for one in form.getlist("person"):
        personal_id = read_id(one, "account", NodeKind.ACCOUNT)
        chosen[personal_id] = text_of(form, f"work_{personal_id}").strip()
        until[personal_id] = text_of(form, f"until_{personal_id}").strip()
    deadline_text = text_of(form, "deadline").strip()
    try:
        if not chosen:
            raise invalid("people", "Choose at least one person.")
        deadline = _end_of_day(deadline_text, "deadline") if deadline_text else None
        people = [
            NewPerson(one, work, _end_of_day(until[one], "people") if until[one] else None)
            for one, work in chosen.items()
        ]
        if form.get("action") != "start":
            return await _review(frame, people, deadline, deadline_text, until)
        started = await migration.start_migration(
            frame.services, frame.business.id, people, frame.account.id, frame.now, deadline
        )
    except CommandError as error:
        expected = f" Expected: {error.expected}." if error.expected else ""
        return await _plan(frame, chosen, until, {error.field or "people": error.message + expected}, deadline_text)
    return frame.go(f"/migration/{started.migration_id}", "invited")


async def _review(
    frame: Frame, people: list[NewPerson], deadline: datetime | None, deadline_text: str, until: dict[int, str]
) -> Response:
    """The plan once more, with what it touches. Raises NOT_FOUND for somebody who is not a member."""
    async with frame.services.store.read() as tx:
        proposed = {one.personal_id: one for one in await migration.propose_people(tx, frame.business.id, frame.now)}
        access = await overview.list_access(tx, frame.business.id, frame.now)
    chosen = {one.personal_id for one in people}
    if not chosen <= set(proposed):
        raise not_found("member with a personal login")
    return frame.page(
        "plan_review.html",
        people=[(proposed[one.personal_id], one) for one in people],
        deadline=deadline,
        deadline_text=deadline_text,
        until=until,
        breaking=[row for row in access if row.kind == "personal" and row.account_id in chosen],
        grace_days=frame.services.policy.grace.days,
    )


def _migration_id(frame: Frame) -> int:
    return read_id(frame.request.path_params["migration"], "migration", NodeKind.RECORD)


async def _summary(frame: Frame, tx: Tx) -> Summary:
    """The migration in the path, of this business. Raises NOT_FOUND."""
    return await load_summary(tx, frame.business.id, _migration_id(frame), frame.now)


@page("migration", admin=True)
async def progress(frame: Frame) -> Response:
    """People by state, searched by name or e-mail, each with what became of their connections."""
    text, asked = search_text(frame), frame.request.query_params.get("show", "")
    state = PersonState(asked) if asked in list(PersonState) else None
    async with frame.services.store.read() as tx:
        view = await _summary(frame, tx)
        name = f"migration {view.id} {asked if state else ''}"
        place = place_asked(frame, name)
        shown = await load_people(tx, frame.services.base_url, view, text, state, frame.now, place, SIZE)
        share = await business_share(tx, frame.business.id, frame.now)
    kept = {"q": text, "show": state.value if state else ""}
    here = f"/migration/{view.id}"
    return frame.page(
        "progress.html",
        view=view,
        share=share,
        people=shown.people,
        connections=shown.connections,
        tabs=_tabs(frame.path + here, view, shown.counts, text),
        active=kept["show"] or "all",
        matches=shown.counts.get(state, 0) if state else sum(shown.counts.values()),
        query=text,
        keep={"show": kept["show"]} if state else {},
        pages=page_links(frame, name, here, shown.found, **kept),
        tones=TONES,
        states=PersonState,
    )


def _tabs(here: str, view: Summary, counts: Mapping[PersonState, int], text: str) -> list[dict[str, object]]:
    """Everybody, and each state that somebody is in; a search goes along."""

    def tab(key: str, label: str, n: int) -> dict[str, object]:
        query = {"show": "" if key == "all" else key, "q": text}
        tail = urlencode({word: value for word, value in query.items() if value})
        return {"key": key, "label": label, "href": f"{here}?{tail}" if tail else here, "count": n}

    states = [one for one in TONES if view.count(one)]
    return [
        tab("all", "Everybody", sum(counts.values())),
        *(tab(one.value, TONES[one][0], counts.get(one, 0)) for one in states),
    ]


@page("migration", admin=True)
async def export(frame: Frame) -> Response:
    """Progress as CSV; cells that a spreadsheet would run are neutralised (WB-31)."""
    async with frame.services.store.read() as tx:
        await _summary(frame, tx)
        view = await migration.load_migration(tx, _migration_id(frame), frame.now)
    rows: list[list[Any]] = [
        ["name", "personal e-mail", "work e-mail", "state", "deadline", "claimed", "cut-off", "apps", "reconnected"]
    ]
    for one in view.people:
        cells: list[Any] = [one.name, one.personal_email, one.work_email, one.state.value]
        cells += ["" if at is None else to_wire(at) for at in (one.deadline, one.claimed_at, one.cut_off)]
        rows.append([*cells, one.apps_at_risk, one.apps_covered])
    headers = {**security_headers(), "Content-Disposition": f'attachment; filename="migration-{view.id}.csv"'}
    return Response(csv_lines(rows), media_type="text/csv; charset=utf-8", headers=headers)


async def _person(frame: Frame) -> tuple[Summary, PersonView, list[CoverageRow]]:
    """The person in the path with their connections. Raises NOT_FOUND."""
    personal_id = read_id(frame.request.path_params["person"], "person in this migration", NodeKind.ACCOUNT)
    async with frame.services.store.read() as tx:
        view = await _summary(frame, tx)
        found, rows = await load_person(tx, frame.services.base_url, view, personal_id, frame.now)
    return view, found, rows


@page("migration", admin=True)
async def person(frame: Frame) -> Response:
    """One person: state, apps, and what can be done."""
    return await _person_page(frame, None)


async def _person_page(frame: Frame, reconnected: list[str] | None) -> Response:
    view, found, rows = await _person(frame)
    latest = None if found.claimed_at is None else found.claimed_at + frame.services.policy.extension_limit
    return frame.page(
        "person.html",
        view=view,
        person=found,
        rows=rows,
        tones=TONES,
        states=PersonState,
        latest=latest,
        reconnected=reconnected,
    )


@page("migration", admin=True, form=True)
async def act(frame: Frame) -> Response:
    """Extend, roll back, exclude, resend, move the deadline of one person."""
    view, found, _ = await _person(frame)
    form = await frame.request.form()
    action = form.get("action")
    services, actor, now = frame.services, frame.account.id, frame.now
    here = f"/migration/{view.id}/{found.personal_id}"
    if action == "extend":
        to = _end_of_day(text_of(form, "to"), "to")
        await migration.extend_grace(services, view.id, found.personal_id, to, actor, now)
        return frame.go(here, "extended")
    if action == "roll_back":
        done = await migration.roll_back(services, view.id, found.personal_id, actor, now)
        async with services.store.read() as tx:
            apps = [await records.find_app(tx, one) for one in done.reconnected_apps]
        return await _person_page(frame, [app.name for app in apps if app is not None])
    if action == "exclude":
        await migration.exclude_person(services, view.id, found.personal_id, actor, now)
        return frame.go(here, "excluded")
    if action == "resend":
        await migration.resend_invitation(services, view.id, found.personal_id, actor, now)
        return frame.go(here, "resent")
    if action == "deadline":
        text = text_of(form, "to").strip()
        end = _end_of_day(text, "to") if text else None
        await migration.set_deadline(services, view.id, found.personal_id, end, actor, now)
        return frame.go(here, "deadline")
    raise invalid("action", "Unknown action.", "one of the page's buttons")
