"""Who may call which route: a table over the whole route table (WB-03, WB-29, M5, house.md 28)."""

import httpx
import pytest
from starlette.routing import Route

from workbadge.commands.membership import remove_member
from workbadge.console.routes import ROUTES
from workbadge.store import rights
from workbadge.terms.organizations import OrganizationAct, OrganizationRole, may, roles_for

from ._site import EMIL_AT_WORK, RUNNING, UNWATCHED, Site, at_work, csrf_of, login

pytestmark = pytest.mark.anyio

OPEN, OWN, CLAIM, MEMBER, ADMIN, MAKER, MAKER_ADMIN = "open", "own", "claim", "member", "admin", "maker", "maker admin"

ORGANIZATION: dict[str, OrganizationAct] = {
    "GET /console/organizations/{organization}": OrganizationAct.VIEW,
    "GET /console/organizations/{organization}/policy": OrganizationAct.SEE_POLICY,
    "POST /console/organizations/{organization}/policy": OrganizationAct.MANAGE_POLICY,
    "GET /console/organizations/{organization}/roles": OrganizationAct.VIEW,
    "POST /console/organizations/{organization}/roles": OrganizationAct.MANAGE_ROLES,
    "GET /console/organizations/{organization}/people": OrganizationAct.SEE_PEOPLE,
    "GET /console/organizations/{organization}/people/import": OrganizationAct.MANAGE_PEOPLE,
    "POST /console/organizations/{organization}/people/import": OrganizationAct.MANAGE_PEOPLE,
    "POST /console/organizations/{organization}/people/import/confirm": OrganizationAct.MANAGE_PEOPLE,
    "GET /console/organizations/{organization}/people/{account}": OrganizationAct.SEE_PEOPLE,
    "POST /console/organizations/{organization}/people/{account}": OrganizationAct.RESET_ACCESS,
    "POST /console/organizations/{organization}/invitations/{person}": OrganizationAct.RESET_ACCESS,
    "GET /console/organizations/{organization}/domains": OrganizationAct.SEE_DOMAINS,
    "POST /console/organizations/{organization}/domains": OrganizationAct.MANAGE_DOMAINS,
    "GET /console/organizations/{organization}/domains/{claim}": OrganizationAct.SEE_DOMAINS,
    "POST /console/organizations/{organization}/domains/{claim}": OrganizationAct.MANAGE_DOMAINS,
    "GET /console/organizations/{organization}/audit": OrganizationAct.SEE_AUDIT,
    "GET /console/organizations/{organization}/audit.csv": OrganizationAct.SEE_AUDIT,
    "GET /console/organizations/{organization}/audit.json": OrganizationAct.SEE_AUDIT,
}
"""What somebody's role in the organization must allow, for each route of the Admin Center."""

POLICY = {
    "GET /console": OWN,
    "GET /console/account": OWN,
    "POST /console/account": OWN,
    "GET /console/account/password/{account}": OWN,
    "POST /console/account/password/{account}": OWN,
    "GET /console/account/confirm/{account}": OWN,
    "POST /console/account/confirm/{account}": OWN,
    "GET /console/account/security/{account}": OWN,
    "POST /console/account/security/{account}": OWN,
    "GET /console/account/security/{account}/app": OWN,
    "POST /console/account/security/{account}/app": OWN,
    "GET /console/account/security/{account}/passkey": OWN,
    "POST /console/account/security/{account}/passkey": OWN,
    "GET /console/outbox": OPEN,
    "GET /console/claim/{link}": CLAIM,
    "POST /console/claim/{link}": CLAIM,
    "GET /console/apps": OWN,
    "GET /console/apps/{app}": MAKER,
    "POST /console/apps/{app}": MAKER_ADMIN,
    "GET /console/apps/{app}/settings": MAKER,
    "POST /console/apps/{app}/settings": MAKER,
    "GET /console/apps/{app}/roles": MAKER,
    "POST /console/apps/{app}/roles": MAKER_ADMIN,
    "GET /console/apps/{app}/configurations": MAKER,
    "POST /console/apps/{app}/configurations": MAKER,
    "GET /console/apps/{app}/webhooks": MAKER,
    "POST /console/apps/{app}/webhooks": MAKER,
    "GET /console/join/{link}": CLAIM,
    "POST /console/join/{link}": CLAIM,
    "GET /console/{business}": MEMBER,
    "GET /console/{business}/people": MEMBER,
    "POST /console/{business}/people/{membership}/role": ADMIN,
    "POST /console/{business}/people/{membership}/details": ADMIN,
    "POST /console/{business}/people/{membership}/remove": ADMIN,
    "GET /console/{business}/assets": MEMBER,
    "GET /console/{business}/assets/{asset}": MEMBER,
    "GET /console/{business}/assets/{asset}/people": ADMIN,
    "GET /console/{business}/assets/{asset}/people/{membership}": ADMIN,
    "POST /console/{business}/assets/{asset}/people/{membership}": ADMIN,
    "GET /console/{business}/apps": MEMBER,
    "POST /console/{business}/apps/{grant}/remove": ADMIN,
    "POST /console/{business}/installs/{install}/uninstall": ADMIN,
    "GET /console/{business}/system-users": ADMIN,
    "POST /console/{business}/system-users": ADMIN,
    "GET /console/{business}/partners": ADMIN,
    "POST /console/{business}/partners": ADMIN,
    "GET /console/{business}/requests": ADMIN,
    "GET /console/{business}/requests/new": ADMIN,
    "POST /console/{business}/requests/new": ADMIN,
    "GET /console/{business}/requests/{request}": ADMIN,
    "POST /console/{business}/requests/{request}": ADMIN,
    "GET /console/{business}/history": ADMIN,
    "GET /console/{business}/claimed": MEMBER,
    "GET /console/{business}/claimed/cut-off.ics": MEMBER,
    "GET /console/{business}/migration": ADMIN,
    "GET /console/{business}/migration/plan": ADMIN,
    "POST /console/{business}/migration/plan": ADMIN,
    "GET /console/{business}/migration/{migration}.csv": ADMIN,
    "GET /console/{business}/migration/{migration}": ADMIN,
    "GET /console/{business}/migration/{migration}/{person}": ADMIN,
    "POST /console/{business}/migration/{migration}/{person}": ADMIN,
    **ORGANIZATION,
}
"""Whom each route is for. A new route needs a line here; it is then called as everybody whom it is not for."""

STRANGERS = ("stranger", "ended", "handed_over")


def _key(route: Route) -> str:
    method = "POST" if "POST" in (route.methods or ()) else "GET"
    return f"{method} {route.path}"


def _fill(path: str, site: Site, **other: object) -> str:
    return path.format(**{**site.ids, "link": "notALink", **other})


async def _actors(site: Site) -> dict[str, httpx.AsyncClient]:
    """A browser for each kind of person; made once."""
    if not site.clients:
        who = {
            "anonymous": (),
            "stranger": (login("paul"),),
            "ended": (login("noor"),),
            "handed_over": (login("emil"),),
            "employee": (login("selma"),),
            "managed": (EMIL_AT_WORK,),
            "admin": (login("ada"),),
            "maker": (login("mia"),),
            "developer": (login("dora"),),
            "tester": (login("tina"),),
            **{role: (at_work(name),) for name, role in RUNNING.items()},
        }
        async with site.world.services.store.read() as tx:
            members = await rights.list_members(tx, site.demo.business_id)
        noor = site.ids["person:Noor Third"]
        place = next(one.id for one in members if one.account_id == noor)
        now = site.world.clock.now()
        await remove_member(site.world.services, site.demo.business_id, place, None, now)
        for name, logins in who.items():
            site.clients[name] = await site.browser(*logins)
    return site.clients


async def _call(client: httpx.AsyncClient, method: str, path: str, data: dict[str, str]) -> httpx.Response:
    if method == "GET":
        return await client.get(path)
    page = await client.get("/console/account")
    token = csrf_of(page.text) if page.status_code == 200 else "0" * 40
    return await client.post(path, data={"csrf": token, **data})


def test_every_route_is_in_the_table() -> None:
    """Every route of the console has a line in POLICY, and none is there without a route."""
    assert sorted(map(_key, ROUTES)) == sorted(POLICY)


@pytest.mark.parametrize("key", sorted(key for key, who in POLICY.items() if who in (MEMBER, ADMIN)))
async def test_a_route_of_a_business_is_closed_to_others(shared: Site, key: str) -> None:
    """Anonymous people are sent to sign in; strangers, former members and handed-over logins learn nothing (M5)."""
    actors = await _actors(shared)
    method, path = key.split(" ")
    before = await shared.dump()
    answer = await _call(actors["anonymous"], method, _fill(path, shared), {})
    assert answer.status_code == 303 and "/login?next=" in answer.headers["location"]
    for name in STRANGERS:
        answer = await _call(actors[name], method, _fill(path, shared), {"action": "remove", "role": "EMPLOYEE"})
        assert answer.status_code == 404, name
        assert "Harbour" not in answer.text
    denied = await _call(actors["employee"], method, _fill(path, shared), {"role": "EMPLOYEE", "action": "exclude"})
    if POLICY[key] == ADMIN:
        assert denied.status_code == 403
        assert (await _call(actors["managed"], method, _fill(path, shared), {})).status_code == 403
    assert await shared.dump() == before


@pytest.mark.parametrize("key", sorted(key for key, who in POLICY.items() if who in (MEMBER, ADMIN) and "GET" in key))
async def test_a_page_of_a_business_opens_for_whom_it_is_meant(shared: Site, key: str) -> None:
    """Admins open every page, members those for members."""
    actors = await _actors(shared)
    path = _fill(key.split(" ")[1], shared)
    expected = 404 if path.endswith(".ics") else 200
    assert (await actors["admin"].get(path)).status_code == expected
    if POLICY[key] == MEMBER:
        assert (await actors["managed"].get(path)).status_code == 200
        assert (await actors["employee"].get(path)).status_code == expected


@pytest.mark.parametrize("key", sorted(key for key, who in POLICY.items() if who in (MAKER, MAKER_ADMIN)))
async def test_a_route_of_an_app_is_closed_to_others(shared: Site, key: str) -> None:
    """Pages of an app open by the role on that app alone: a business's admin, its people, a tester and the makers of another app
    are told the same as of an app that does not exist; a developer is refused what an administrator decides (IDOR)."""
    actors = await _actors(shared)
    method, path = key.split(" ")
    data = {"mode": "development", "role": "testers", "email": "ada@mail.example", "action": "unsubscribe"}
    before = await shared.dump()
    answer = await _call(actors["anonymous"], method, _fill(path, shared), {})
    assert answer.status_code == 303 and "/login?next=" in answer.headers["location"]
    for name in (*STRANGERS, "employee", "managed", "admin", "tester"):
        answer = await _call(actors[name], method, _fill(path, shared), data)
        assert answer.status_code == 404, name
        assert "Postbox" not in answer.text
        ghost = await _call(actors[name], method, _fill(path, shared, app=169999999999999999), data)
        assert (ghost.status_code, ghost.text) == (answer.status_code, answer.text)
    other = _fill(path, shared, app=shared.ids["other_app"])
    assert (await _call(actors["developer"], method, other, data)).status_code == 404
    mine = await _call(
        actors["developer"], method, _fill(path, shared), {"action": "nonsense"} if method == "POST" else {}
    )
    if POLICY[key] == MAKER_ADMIN:
        assert mine.status_code == 403
    elif method == "GET":
        assert mine.status_code == 200
        assert (await actors["maker"].get(other)).status_code == 200
    if method == "GET" or POLICY[key] == MAKER_ADMIN:
        assert await shared.dump() == before


@pytest.mark.parametrize("key", sorted(ORGANIZATION))
async def test_a_route_of_an_organization_opens_by_the_role_there(shared: Site, key: str) -> None:
    """O8: to everybody without a role an organization is one that never existed; a role that may not is told which may; one that
    may opens the page."""
    actors = await _actors(shared)
    method, path = key.split(" ")
    before = await shared.dump()
    answer = await _call(actors["anonymous"], method, _fill(path, shared, account=shared.ids["at work:olga"]), {})
    assert answer.status_code == 303 and "/login?next=" in answer.headers["location"]
    for name in (*STRANGERS, "employee", "managed", "maker", "tester"):
        answer = await _call(
            actors[name], method, _fill(path, shared, account=shared.ids["at work:olga"]), {"action": "remove"}
        )
        assert answer.status_code == 404, name
        assert "Harbour" not in answer.text
        ghost = await _call(
            actors[name],
            method,
            _fill(path, shared, account=shared.ids["at work:olga"], organization=149999999999999999),
            {"action": "x"},
        )
        assert (ghost.status_code, ghost.text) == (answer.status_code, answer.text)
    for role in OrganizationRole:
        actor = actors["admin" if role is OrganizationRole.OWNER else role]
        able = may(role, ORGANIZATION[key])
        if not able:
            answer = await _call(
                actor, method, _fill(path, shared, account=shared.ids["at work:olga"]), {"action": "remove"}
            )
            assert answer.status_code == 403, role
            assert roles_for(ORGANIZATION[key]) in answer.text
        elif method == "GET":
            assert (await actor.get(_fill(path, shared, account=shared.ids["at work:olga"]))).status_code == 200, role
    assert await shared.dump() == before


@pytest.mark.parametrize("key", sorted(key for key in POLICY if key.count("{") > 1))
async def test_ids_of_another_business_are_not_found(shared: Site, key: str) -> None:
    """An admin of one business reaches nothing of another by putting its ids behind the own business's (IDOR)."""
    actors = await _actors(shared)
    async with shared.world.services.store.read() as tx:
        found = await rights.list_memberships(tx, shared.ids["person:Emil Employee"])
    books = next(one.business_id for one in found if one.business_id != shared.demo.business_id)
    method, path = key.split(" ")
    before = await shared.dump()
    data = {"action": "resend", "role": "ADMIN", "membership": str(shared.ids["membership"])}
    assert (await actors["handed_over"].get(f"/console/{books}")).status_code == 200
    answer = await _call(actors["handed_over"], method, _fill(path, shared, business=books), data)
    assert answer.status_code == 404
    assert await shared.dump() == before


@pytest.mark.parametrize("key", sorted(key for key in POLICY if key.startswith("POST")))
async def test_a_form_without_its_token_is_refused(shared: Site, key: str) -> None:
    """No token, another session's token, another content type, another site: 403, and nothing changes (WB-03)."""
    actors = await _actors(shared)
    admin = actors["admin"]
    path = _fill(key.split(" ")[1], shared, link=(await shared.links())["selma@example.com"])
    before = await shared.dump()
    mine = csrf_of((await admin.get("/console/account")).text)
    foreign = csrf_of((await actors["employee"].get("/console/account")).text)
    data = {"action": "exclude", "role": "EMPLOYEE"}
    assert (await admin.post(path, data=data)).status_code == 403
    assert (await admin.post(path, data={**data, "csrf": foreign})).status_code == 403
    assert (await admin.post(path, json={**data, "csrf": mine})).status_code == 403
    crossing = {"sec-fetch-site": "cross-site"}
    assert (await admin.post(path, data={**data, "csrf": mine}, headers=crossing)).status_code == 403
    elsewhere = {"origin": "https://elsewhere.example"}
    assert (await admin.post(path, data={**data, "csrf": mine}, headers=elsewhere)).status_code == 403
    assert await shared.dump() == before


async def test_looking_changes_nothing(shared: Site) -> None:
    """Opening and heading every page as an admin writes nothing but when the session was seen (WB-29, AC-23)."""
    actors = await _actors(shared)
    links = list((await shared.links()).values())
    before = await shared.dump()
    for route in ROUTES:
        if "GET" in (route.methods or ()):
            for client in actors.values():
                path = _fill(route.path, shared, link=links[0])
                await client.get(path)
                await client.head(path)
    assert await shared.dump() == before
    assert {"session", "session_account", "throttle"} == UNWATCHED


@pytest.mark.parametrize("key", sorted(key for key in POLICY if key.startswith("GET")))
async def test_every_page_carries_the_security_headers(shared: Site, key: str) -> None:
    """A page cannot be framed, sniffed, stored or named to others, and runs only its own scripts (WB-01, WB-05, AC-29)."""
    actors = await _actors(shared)
    answer = await actors["admin"].get(_fill(key.split(" ")[1], shared))
    if answer.headers["content-type"].startswith("text/html"):
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in answer.headers["cache-control"]
