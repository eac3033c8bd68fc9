"""The start page, a business's overview, its people."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.coverage import business_share
from workbadge.commands.errors import not_found
from workbadge.commands.membership import change_role, remove_member
from workbadge.commands.place_profile import (
    FINANCE_PERMISSIONS,
    IP_PERMISSIONS,
    TITLE_LENGTH,
    PlaceChange,
    change_profile,
)
from workbadge.commands.progress import list_summaries, load_people
from workbadge.commands.transaction import in_transaction
from workbadge.store import apps, members, organizations, overview, place_profiles
from workbadge.store.engine import Tx
from workbadge.store.members import Group, Wanted
from workbadge.store.slices import FIRST
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import PersonState, Role
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import current
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .frame import Frame, page, text_of
from .paging import SIZE, kept_place, page_links, place_asked, search_text

GROUPS = {Group.PEOPLE: "People", Group.OLD_LOGINS: "Old logins", Group.SYSTEM_USERS: "System users"}
"""What the lists of people are called."""

SHOWN_AT_HOME = 5


async def start(request: Request) -> Response:
    """``GET /console``: businesses of everybody who is signed in here."""
    session = await current(request)
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, "/console"), 303)
    now = now_of(request.scope)
    async with site_of(request.scope).services.store.read() as tx:
        ids = [one.id for one in session.accounts]
        places = await overview.list_places(tx, ids)
        makes = bool(await apps.list_apps_of(tx, ids))
        ran = await organizations.list_organizations_of(tx, ids)
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
        request,
        "console/start.html",
        csrf=csrf_token(request, session),
        accounts=session.accounts,
        businesses=rows,
        organizations={row.organization_id: row.name for row in ran},
        makes=makes,
    )


@page("home")
async def home(frame: Frame) -> Response:
    """The overview: the banner above, numbers, and for admins the state of the migration."""
    async with frame.services.store.read() as tx:
        seats = await members.count_members(tx, frame.business.id, Wanted(), frame.now)
        some = await members.slice_of_members(
            tx, frame.business.id, (Group.PEOPLE,), Wanted(), frame.now, FIRST, SHOWN_AT_HOME
        )
        assets = await overview.list_business_assets(tx, frame.business.id, frame.now)
        access = await overview.list_access(tx, frame.business.id, frame.now)
        migrations = await list_summaries(tx, frame.business.id, frame.now) if frame.admin else []
        share, at_risk = None, None
        if migrations:
            at_risk = await load_people(
                *(tx, frame.services.base_url, migrations[0], "", PersonState.IN_GRACE, frame.now, FIRST, SHOWN_AT_HOME)
            )
            share = await business_share(tx, frame.business.id, frame.now)
    return frame.page(
        "home.html",
        people=seats[Group.PEOPLE],
        some=some.rows,
        assets=assets,
        apps=len({row.app_id for row in access}),
        share=share,
        requests=frame.requests,
        connections=() if at_risk is None else at_risk.connections,
        migrations=migrations,
        states=PersonState,
    )


@page("people")
async def people(frame: Frame) -> Response:
    """People, old logins in grace, or system users, by name, searched by name or e-mail."""
    text = search_text(frame)
    asked = frame.request.query_params.get("show", "")
    group = Group(asked) if asked in list(Group) else Group.PEOPLE
    async with frame.services.store.read() as tx:
        counts = await members.count_members(tx, frame.business.id, Wanted(text), frame.now)
        found = await members.slice_of_members(
            tx, frame.business.id, (group,), Wanted(text), frame.now, place_asked(frame, f"people {group}"), SIZE
        )
        assets = await members.count_assets(tx, [row.id for row in found.rows])
        profiles = await place_profiles.find_profiles(tx, [row.id for row in found.rows])
    show = "" if group is Group.PEOPLE else group.value
    return frame.page(
        "people.html",
        members=found.rows,
        assets=assets,
        profiles=profiles,
        group=group.value,
        tabs=[_tab(frame, one, counts[one], text) for one in Group],
        matches=counts[group],
        query=text,
        keep={"show": show} if show else {},
        here=kept_place(frame.request.query_params),
        pages=page_links(frame, f"people {group}", "/people", found, q=text, show=show),
        roles=[(role.value, role.value.capitalize()) for role in Role],
        finance=_choices(FINANCE_PERMISSIONS),
        ip=_choices(IP_PERMISSIONS),
        title_length=TITLE_LENGTH,
    )


def _choices(permissions: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("", "None"), *((one, one.capitalize()) for one in permissions)]


def _tab(frame: Frame, group: Group, n: int, text: str) -> dict[str, object]:
    """A group's line above the list; a search goes along."""
    query = {"show": "" if group is Group.PEOPLE else group.value, "q": text}
    tail = urlencode({key: value for key, value in query.items() if value})
    href = f"{frame.path}/people" + (f"?{tail}" if tail else "")
    return {"key": group.value, "label": GROUPS[group], "href": href, "count": n}


def _membership_id(frame: Frame) -> int:
    found = parse_id(frame.request.path_params["membership"])
    if found is None:
        raise not_found("person in this business")
    return found


@page("people", admin=True, form=True)
async def set_role(frame: Frame) -> Response:
    """Change a role."""
    await frame.require_proof("/people")
    form = await frame.request.form()
    wanted = text_of(form, "role")
    if wanted not in Role.__members__:
        raise not_found("role")
    await change_role(
        frame.services, frame.business.id, _membership_id(frame), Role(wanted), frame.account.id, frame.now
    )
    return frame.go("/people", "saved", **kept_place(form))


@page("people", admin=True, form=True)
async def set_details(frame: Frame) -> Response:
    """Change title and permissions of a person or a system user."""
    form = await frame.request.form()
    given = {name: text_of(form, name) for name in ("title", "finance_permission", "ip_permission") if name in form}
    change = PlaceChange(**given)

    async def work(tx: Tx) -> None:
        place = _membership_id(frame)
        await change_profile(tx, frame.services, frame.business.id, place, change, frame.account.id, frame.now)

    await in_transaction(frame.services, work)
    return frame.go("/people", "saved", **kept_place(form))


@page("people", admin=True, form=True)
async def remove_person(frame: Frame) -> Response:
    """Remove somebody."""
    form = await frame.request.form()
    await remove_member(frame.services, frame.business.id, _membership_id(frame), frame.account.id, frame.now)
    return frame.go("/people", "removed", **kept_place(form))
