"""Planning, starting and steering a migration (M1, M3, M11, M12)."""

import csv
import io
from datetime import UTC, date, datetime, time

from starlette.datastructures import FormData
from starlette.responses import Response

from workbadge.commands import migration as commands
from workbadge.commands.coverage import list_connections
from workbadge.commands.errors import CommandError, invalid, not_found
from workbadge.commands.migration import MigrationView, NewPerson, PersonView
from workbadge.store import records
from workbadge.terms.ids import parse_id
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import NodeKind

from .frame import Frame, page, read_id, text_of

PAGE = 50
_NO_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def read_day(text: str, field: str) -> datetime | None:
    """The start (UTC) of a day from a date field; None when it is empty. Raises INVALID."""
    if not text.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
    except ValueError:
        raise invalid(field, "This is not a day.", "a day such as 2026-01-31") from None


@page("migration", admin=True)
async def newest(frame: Frame) -> Response:
    """The newest migration, or the way to a first one."""
    async with frame.services.store.read() as tx:
        found = await commands.list_migrations(tx, frame.business.id, frame.now)
    if not found:
        return frame.page("migration_none.html")
    return _progress(frame, found[0], found)


async def _load(frame: Frame) -> MigrationView:
    """The migration in the path, if it is this business's. Raises NOT_FOUND."""
    migration_id = read_id(frame.request.path_params["migration"], "migration")
    async with frame.services.store.read() as tx:
        view = await commands.load_migration(tx, migration_id, frame.now)
    if view.business_id != frame.business.id:
        raise not_found("migration")
    return view


@page("migration", admin=True)
async def progress(frame: Frame) -> Response:
    """One migration, person by person."""
    view = await _load(frame)
    async with frame.services.store.read() as tx:
        found = await commands.list_migrations(tx, frame.business.id, frame.now)
    return _progress(frame, view, found)


def _progress(frame: Frame, view: MigrationView, found: list[MigrationView]) -> Response:
    """Its page: searched by ``q``, ``PAGE`` people from ``after`` on."""
    query = frame.request.query_params.get("q", "").strip()[:100].lower()
    people = [one for one in view.people if query in f"{one.name} {one.personal_email} {one.work_email}".lower()]
    given = frame.request.query_params.get("after", "0")
    first = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
    return frame.page(
        "migration.html",
        view=view,
        people=people[first : first + PAGE],
        found=len(people),
        first=first,
        size=PAGE,
        query=query,
        migrations=found,
        apps=sum(one.apps_at_risk for one in view.people),
        covered=sum(one.apps_covered for one in view.people),
    )


@page("migration", admin=True)
async def export(frame: Frame) -> Response:
    """The same as CSV; a cell never starts like a formula (WB-31)."""
    view = await _load(frame)
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(
        ["name", "personal e-mail", "work e-mail", "state", "deadline", "claimed", "cut-off", "apps", "apps reconnected"]
    )
    for one in view.people:
        instants = [None if at is None else to_wire(at) for at in (one.deadline, one.claimed_at, one.cut_off)]
        cells = [one.name, one.personal_email, one.work_email, one.state.value, *instants]
        writer.writerow([safe_cell(cell or "") for cell in cells] + [one.apps_at_risk, one.apps_covered])
    headers = {"content-disposition": 'attachment; filename="migration.csv"', "cache-control": "no-store"}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + text if text.lstrip(" ").startswith(_NO_FORMULA) else text


@page("migration", admin=True)
async def plan(frame: Frame) -> Response:
    """Who could be invited, and what would break for them."""
    return await _plan(frame, None, {}, 200)


async def _plan(frame: Frame, form: FormData | None, errors: dict[str, str], status: int) -> Response:
    async with frame.services.store.read() as tx:
        proposed = await commands.propose_people(tx, frame.business.id, frame.now)
        connections = await list_connections(
            tx, frame.services.base_url, frame.business.id, frame.now, claimed_only=False
        )
    of: dict[int, list[str]] = {}
    for one in connections:
        of.setdefault(one.personal_id, []).append(one.app.name)
    return frame.page(
        "migration_plan.html",
        status=status,
        people=[one for one in proposed if not one.invited],
        invited=sum(1 for one in proposed if one.invited),
        chosen=None if form is None else {str(one) for one in form.getlist("person")},
        work={} if form is None else {key: str(value) for key, value in form.items() if key.startswith("work-")},
        until={} if form is None else {key: str(value) for key, value in form.items() if key.startswith("until-")},
        deadline="" if form is None else text_of(form, "deadline"),
        errors=errors,
        has_organization=frame.business.organization_id is not None,
        today=frame.now.date().isoformat(),
    )


def _chosen(form: FormData) -> list[NewPerson]:
    """The people ticked in the plan. Raises CommandError."""
    people = []
    for given in form.getlist("person"):
        personal_id = read_id(given, "person", NodeKind.ACCOUNT)
        deadline = read_day(text_of(form, f"until-{personal_id}"), "deadline")
        people.append(NewPerson(personal_id, text_of(form, f"work-{personal_id}").strip(), deadline))
    return people


@page("migration", admin=True, form=True)
async def start(frame: Frame) -> Response:
    """Review what was chosen; on confirmation start it: the invitations go out."""
    form = await frame.request.form()
    try:
        people = _chosen(form)
        deadline = read_day(text_of(form, "deadline"), "deadline")
        if not people:
            raise invalid("people", "Nobody was chosen.", "at least one person")
        if form.get("action") != "start":
            return await _review(frame, people, deadline)
        made = await commands.start_migration(
            frame.services, frame.business.id, people, frame.account.id, frame.now, deadline
        )
    except CommandError as error:
        expected = f" Expected: {error.expected}." if error.expected else ""
        return await _plan(frame, form, {error.field or "people": error.message + expected}, 400)
    return frame.go(f"/migration/{made.migration_id}", "invited")


async def _review(frame: Frame, people: list[NewPerson], deadline: datetime | None) -> Response:
    async with frame.services.store.read() as tx:
        names = await records.list_accounts(tx, [one.personal_id for one in people])
    rows = [(one, names[one.personal_id].name) for one in people if one.personal_id in names]
    return frame.page("migration_review.html", rows=rows, deadline=deadline, grace=frame.services.policy.grace.days)


async def _person(frame: Frame) -> tuple[MigrationView, PersonView]:
    """The person in the path. Raises NOT_FOUND."""
    view = await _load(frame)
    person_id = parse_id(frame.request.path_params["person"])
    found = next((one for one in view.people if one.person_id == person_id), None)
    if found is None:
        raise not_found("person in this migration")
    return view, found


@page("migration", admin=True)
async def person(frame: Frame) -> Response:
    """One person: apps, and what can be done."""
    view, one = await _person(frame)
    async with frame.services.store.read() as tx:
        apps = await list_connections(
            tx, frame.services.base_url, frame.business.id, frame.now, one.personal_id, claimed_only=False
        )
        given = frame.request.query_params.get("apps", "").split(",")[:50]
        had = [await records.find_app(tx, found) for found in map(parse_id, given) if found is not None]
    limit = None if one.claimed_at is None else one.claimed_at + frame.services.policy.extension_limit
    return frame.page(
        "migration_person.html",
        view=view,
        person=one,
        apps=apps,
        limit=limit,
        had=[row.name for row in had if row is not None],
    )


@page("migration", admin=True, form=True)
async def steer(frame: Frame) -> Response:
    """Extend, roll back, exclude, send again, move the deadline."""
    view, one = await _person(frame)
    form = await frame.request.form()
    act = str(form.get("action", ""))
    here = f"/migration/{view.id}/people/{one.person_id}"
    services, actor, now = frame.services, frame.account.id, frame.now
    if act == "extend":
        to = read_day(text_of(form, "to"), "to")
        if to is None:
            raise invalid("to", "No day was given.", "the first day without access")
        await commands.extend_grace(services, view.id, one.personal_id, to, actor, now)
        return frame.go(here, "extended")
    if act == "roll_back":
        undone = await commands.roll_back(services, view.id, one.personal_id, actor, now)
        return frame.go(here, "rolled-back", apps=",".join(str(app) for app in undone.reconnected_apps))
    if act == "exclude":
        await commands.exclude_person(services, view.id, one.personal_id, actor, now)
        return frame.go(here, "excluded")
    if act == "resend":
        await commands.resend_invitation(services, view.id, one.personal_id, actor, now)
        return frame.go(here, "resent")
    if act == "deadline":
        await commands.set_deadline(
            services, view.id, one.personal_id, read_day(text_of(form, "deadline"), "deadline"), actor, now
        )
        return frame.go(here, "deadline")
    raise not_found("action")


