"""The people of an organization, one person's page, and what is done there (A5, O8)."""

from urllib.parse import urlencode

from starlette.responses import Response

from workbadge.commands.errors import not_found
from workbadge.commands.migration import resend_invitation
from workbadge.commands.person import restore_person, sign_out_person, suspend_person
from workbadge.store import audit, grants, people, records, rights, sessions
from workbadge.store.audit import Sought
from workbadge.store.people import Standing
from workbadge.store.slices import FIRST
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.organizations import CALLED, OrganizationAct, OrganizationRole, may_act_on

from .admin_center import OrganizationFrame, organization_page
from .frame import read_id, text_of
from .history import in_words
from .paging import SIZE, kept_place, page_links, place_asked, search_text

TABS = {Standing.ACTIVE: "Active", Standing.SUSPENDED: "Suspended", Standing.INVITED: "Invited"}
"""What the lists are called."""

SHOWN = 20
_ACTS = {
    "suspend": (suspend_person, "suspended"),
    "restore": (restore_person, "restored"),
    "sign_out": (sign_out_person, "signed-out-everywhere"),
}


@organization_page("organization-people", OrganizationAct.SEE_PEOPLE)
async def show(frame: OrganizationFrame) -> Response:
    """Work accounts, active or suspended, and people who are invited; by name, searched by name or address."""
    text, asked = search_text(frame), frame.request.query_params.get("show", "")
    standing = Standing(asked) if asked in list(Standing) else Standing.ACTIVE
    name = f"organization people {standing}"
    async with frame.services.store.read() as tx:
        counts = await people.count_standing(tx, frame.owner_id, text)
        found = await people.slice_of_people(tx, frame.owner_id, standing, text, place_asked(frame, name), SIZE)
    query = "" if standing is Standing.ACTIVE else standing.value
    return frame.page(
        "organization_people.html",
        people=found.rows,
        standing=standing.value,
        called={role.value: CALLED[role] for role in OrganizationRole},
        tabs=[_tab(frame, one, counts[one], text) for one in Standing],
        matches=counts[standing],
        query=text,
        keep={"show": query} if query else {},
        here=kept_place(frame.request.query_params),
        pages=page_links(frame, name, "/people", found, q=text, show=query),
    )


def _tab(frame: OrganizationFrame, standing: Standing, n: int, text: str) -> dict[str, object]:
    query = {"show": "" if standing is Standing.ACTIVE else standing.value, "q": text}
    tail = urlencode({key: value for key, value in query.items() if value})
    href = f"{frame.path}/people" + (f"?{tail}" if tail else "")
    return {"key": standing.value, "label": TABS[standing], "href": href, "count": n}


@organization_page("organization-people", OrganizationAct.SEE_PEOPLE)
async def person(frame: OrganizationFrame) -> Response:
    """One person: sessions, places in businesses, apps, and what happened."""
    account_id, now = _account_id(frame), frame.now
    async with frame.services.store.read() as tx:
        account = await records.find_account(tx, account_id)
        mine = account is not None and account.kind == AccountKind.MANAGED.value and account.deleted_at is None
        if account is None or not mine or account.organization_id != frame.owner_id:
            raise not_found("person in this organization")
        places = [one for one in await rights.list_memberships(tx, account_id) if one.is_open(now)]
        held = await grants.list_grants(tx, account_id)
        apps = [(row, await records.find_app(tx, row.app_id)) for row in held]
        logins = (account_id, *await people.list_linked(tx, account_id))
        rows = await audit.slice_of_organization(tx, frame.owner_id, Sought(logins), FIRST, SHOWN)
        role = await people.find_role(tx, frame.owner_id, account_id)
        open_sessions = [] if account.suspended_at else await sessions.list_sessions(tx, account_id)
        return frame.page(
            "organization_person.html",
            person=account,
            role="" if role is None else CALLED[role],
            places=places,
            businesses=await records.business_names(tx, [one.business_id for one in places]),
            sessions=[row for row in open_sessions if row.ends > now],
            apps=apps,
            entries=await in_words(tx, rows.rows),
            within=may_act_on(frame.role, role),
            own=account_id == frame.account.id,
        )


def _account_id(frame: OrganizationFrame) -> int:
    return read_id(frame.request.path_params["account"], "person in this organization", NodeKind.ACCOUNT)


@organization_page("organization-people", OrganizationAct.RESET_ACCESS, form=True)
async def act(frame: OrganizationFrame) -> Response:
    """Suspend, let in again, or sign out everywhere; each asks for its own right."""
    account_id = _account_id(frame)
    form = await frame.request.form()
    wanted = _ACTS.get(text_of(form, "action"))
    if wanted is None:
        raise not_found("action")
    command, done = wanted
    await command(frame.services, frame.owner_id, account_id, frame.account.id, frame.now)
    return frame.go(f"/people/{account_id}", done)


@organization_page("organization-people", OrganizationAct.RESET_ACCESS, form=True)
async def resend(frame: OrganizationFrame) -> Response:
    """Send somebody's invitation to the work account again; the old link is dead at once."""
    person_id = read_id(frame.request.path_params["person"], "invitation", NodeKind.RECORD)
    form = await frame.request.form()
    async with frame.services.store.read() as tx:
        row = await people.find_invited(tx, frame.owner_id, person_id)
    if row is None:
        raise not_found("invitation")
    await resend_invitation(frame.services, row.migration_id, row.personal_id, frame.account.id, frame.now)
    return frame.go("/people", "resent", **{**kept_place(form), "show": Standing.INVITED.value})
