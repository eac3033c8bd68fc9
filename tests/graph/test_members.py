"""People and system users of a business through the API: inviting, joining, roles, removing."""

import re

import pytest

from tests.commands._world import T0, TICK
from workbadge.commands import joining, migration, portfolio
from workbadge.commands.errors import CommandError, Problem
from workbadge.store import audit
from workbadge.terms.ids import make_id
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind

from ._api import Api, error
from .test_sharing import admin, seat

pytestmark = pytest.mark.anyio

OK = {"success": True}


async def newcomer(api: Api, email: str = "nora@home.example") -> int:
    """A personal account that is in no business."""
    async with api.world.services.store.write() as tx:
        return await portfolio.add_person(tx, api.world.services, AccountKind.PERSONAL, "Nora", email, None, T0)


async def invite(api: Api, token: str, **more: str) -> str:
    """The id of an invitation."""
    answer = await api.call(f"/{api.world.business}/business_users", token, "POST", **more)
    assert set(answer.json()) == {"id"}, answer.text
    return str(answer.json()["id"])


async def link_of(api: Api, address: str) -> str:
    """The secret in the last invitation mail to an address."""
    mails = [one for one in await api.world.outbox() if one.kind == "joining" and one.address == address]
    found = re.search(r"/console/join/([0-9A-Za-z]+)\n", mails[-1].body)
    assert found is not None
    return found[1]


async def test_inviting_and_joining(api: Api) -> None:
    """wire §3.6, A4: POST business_users invites; the link joins exactly a login with that address, with that role, once."""
    token, world, nora = await admin(api), api.world, await newcomer(api)
    users = f"/{world.business}/business_users"
    made = await invite(api, token, email="Nora@home.example", role="ADMIN", id="1")
    pending = (await api.get(f"/{world.business}/pending_users", token))["data"]
    assert pending == [{"id": made, "email": "Nora@home.example", "role": "ADMIN", "status": "PENDING"}]
    assert "Nora" not in {one["name"] for one in (await api.get(users, token))["data"]}, "an invitation gives nothing"
    link = await link_of(api, "Nora@home.example")
    assert link not in (await api.call(f"/{world.business}/pending_users", token)).text
    for stranger in (world.people["paul"], world.people["bob"]):
        with pytest.raises(CommandError) as refused:
            await joining.join(world.services, link, stranger, T0)
        assert refused.value.problem is Problem.NOT_FOUND
    assert await joining.join(world.services, link, nora, T0) == world.business
    listed = (await api.get(users, token, fields="name,role", summary="true"))["data"]
    assert {one["name"]: one["role"] for one in listed}["Nora"] == "ADMIN"
    assert (await api.get(f"/{world.business}/pending_users", token))["data"] == []
    with pytest.raises(CommandError):
        await joining.join(world.services, link, nora, T0)
    async with world.services.store.read() as tx:
        found = await audit.list_entries(tx, world.business, 10, ("invitation.add", "membership.add"))
    assert [one.act for one in found if one.actor_id in (nora, world.people["bob"])] != []
    assert sum(one.subject_id == nora for one in found) == 1


async def test_an_invitation_ends(api: Api) -> None:
    """M18: a newer invitation, a withdrawal and the end of its time make a link dead; it holds until just before that."""
    token, world, nora = await admin(api), api.world, await newcomer(api)
    address = "nora@home.example"
    first = await invite(api, token, email=address)
    old = await link_of(api, address)
    second = await invite(api, token, email=address, tasks='["ADMIN"]')
    assert first != second
    listed = (await api.get(f"/{world.business}/pending_users", token, email=address.upper()))["data"]
    assert [(one["id"], one["role"]) for one in listed] == [(second, "ADMIN")]
    assert (await api.get(f"/{world.business}/pending_users", token, email="other@home.example"))["data"] == []
    assert error(await api.call(f"/{first}", token))[1:] == (100, 33)
    shown = await api.get(f"/{second}", token, fields="email,owner,expiration_time,created_time")
    assert shown["owner"] == {"id": str(world.business)} and shown["email"] == address
    new = await link_of(api, address)
    for link, at in ((old, T0), (new, T0 + joining.LINK_LIFE)):
        with pytest.raises(CommandError):
            await joining.join(world.services, link, nora, at)
    async with world.services.store.read() as tx:
        assert (await joining.open_invitation(tx, new, T0 + joining.LINK_LIFE - TICK)).email == address
    assert (await api.call(f"/{second}", token, "DELETE")).json() == OK
    assert error(await api.call(f"/{second}", token, "DELETE"))[1:] == (100, 33)
    with pytest.raises(CommandError):
        await joining.join(world.services, new, nora, T0)


async def test_refusals_of_inviting(api: Api) -> None:
    """wire §3.12: no address, an odd one, a role that does not exist, somebody who is in already; and who does not manage."""
    token, world = await admin(api), api.world
    users = f"/{world.business}/business_users"
    for more in (
        {},
        {"email": "nobody"},
        {"email": "a@b.example\r\nBcc: c@d.example"},
        {"email": "x@home.example", "role": "KING"},
        {"email": "x@home.example", "tasks": '["ADMIN","EMPLOYEE"]'},
        {"email": "EMIL@home.example"},
    ):
        assert error(await api.call(users, token, "POST", **more))[:2] == (400, 100), more
    employee = await api.login(world.people["emil"], "both", ("page",), businesses=(world.business,))
    for path in ("business_users", "system_users"):
        refused = await api.call(f"/{world.business}/{path}", employee, "POST", email="x@home.example", name="X")
        assert error(refused)[:2] == (403, 200)
    assert not [one for one in await world.outbox() if one.kind == "joining"]


async def test_nobody_is_mailed_without_end(api: Api) -> None:
    """A business mails one address five times a day at most, however often it is asked to; a day later it may again."""
    token, address = await admin(api), "nora@home.example"
    for _ in range(joining.MOST_A_DAY):
        await invite(api, token, email=address)
    again = {"email": address.upper()}
    users = f"/{api.world.business}/business_users"
    assert error(await api.call(users, token, "POST", **again))[:2] == (400, 100)
    assert len([one for one in await api.world.outbox() if one.kind == "joining"]) == joining.MOST_A_DAY
    await invite(api, token, email="other@home.example")
    api.now = T0 + DAY
    await invite(api, token, **again)


async def test_a_role_and_a_removal(api: Api) -> None:
    """wire §3.6, I9: POST and DELETE on a BusinessUser; the last admin stays, foreign ones are as if they did not exist."""
    token, world = await admin(api), api.world
    ada, bob, emil = [await seat(api, name) for name in ("ada", "bob", "emil")]
    assert error(await api.call(f"/{emil}", token, "POST"))[:2] == (400, 100)
    assert (await api.call(f"/{emil}", token, "POST", role="ADMIN")).json() == OK
    assert (await api.call(f"/{emil}", token, "POST", role="ADMIN")).json() == OK
    assert (await api.get(f"/{emil}", token, fields="role"))["role"] == "ADMIN"
    assert (await api.call(f"/{emil}", token, "POST", role="EMPLOYEE")).json() == OK
    reader = await api.login(world.people["emil"], "both", ("page",), businesses=(world.business,))
    assert error(await api.call(f"/{ada}", reader, "DELETE"))[:2] == (403, 200)
    assert (await api.call(f"/{emil}", token, "DELETE")).json() == OK
    assert error(await api.call(f"/{emil}", token, "DELETE"))[1:] == (100, 33)
    assert error(await api.call(f"/{world.assets['page']}", reader))[1] == 100
    assert (await api.call(f"/{ada}", token, "POST", role="EMPLOYEE")).json() == OK
    for method in ("POST", "DELETE"):
        assert error(await api.call(f"/{bob}", token, method, role="EMPLOYEE"))[:2] == (400, 100), "the last admin"
    elsewhere = await api.login(world.people["selma"], "tokens", (), businesses=(world.elsewhere,))
    assert error(await api.call(f"/{ada}", elsewhere, "DELETE"))[1:] == (100, 33)
    assert error(await api.call(f"/{make_id(NodeKind.MEMBERSHIP, 3)}", token, "DELETE"))[1:] == (100, 33)


async def test_removing_in_grace(api: Api) -> None:
    """M16: who is removed after the claim loses the old login's grace in the same instant; the old login removes nobody."""
    token, world = await admin(api), api.world
    old = await api.login(world.people["emil"], "both", ("page",))
    boss = await admin(api, "ada")
    started = await world.start("emil", "ada")
    api.now = T0 + DAY
    await world.claim(started, "emil", api.now)
    await world.claim(started, "ada", api.now)
    places = await world.people_list(api.now)
    managed = str(places["emil@work.example"])
    assert error(await api.call(f"/{managed}", boss, "DELETE"))[:2] == (403, 200)
    assert error(await api.call(f"/{world.business}/business_users", boss, "POST", email="x@y.example"))[:2] == (
        403,
        200,
    )
    former = str(places["emil@home.example"])
    assert error(await api.call(f"/{former}", token, "DELETE"))[1:] == (100, 33), "handed-over places are not listed"
    assert (await api.call(f"/{world.assets['page']}", old)).status_code == 200
    assert (await api.call(f"/{managed}", token, "DELETE")).json() == OK
    assert error(await api.call(f"/{world.assets['page']}", old))[1] == 100


async def test_system_users(api: Api) -> None:
    """wire §3.6, MT-18: POST system_users makes one without anything; its name and role change; others' are not found."""
    token, world = await admin(api), api.world
    edge = f"/{world.business}/system_users"
    answer = await api.call(edge, token, "POST", name="Sync", role="EMPLOYEE")
    robot = answer.json()["id"]
    assert set(answer.json()) == {"id"}
    shown = await api.get(
        f"/{robot}", token, fields="id,name,role,created_time,created_by,finance_permission,ip_permission"
    )
    assert (shown["name"], shown["role"]) == ("Sync", "EMPLOYEE")
    assert shown["created_by"] == {"id": await seat(api, "bob"), "name": "Bob"}
    assert (await api.call(edge, token, "POST", system_user_id=robot, role="ADMIN")).json() == {"id": robot}
    assert (await api.call(f"/{robot}", token, "POST", name="Sync 2")).json() == OK
    assert (await api.get(f"/{robot}", token, fields="name,role")) == {"name": "Sync 2", "role": "ADMIN", "id": robot}
    for more in ({}, {"name": ""}, {"name": "x" * 201}, {"name": "X", "role": "FINANCE"}):
        assert error(await api.call(edge, token, "POST", **more))[:2] == (400, 100), more
    assert error(await api.call(f"/{robot}", token, "POST"))[:2] == (400, 100)
    assert error(await api.call(edge, token, "POST", system_user_id=str(make_id(NodeKind.ACCOUNT, 3)), name="X"))[
        1:
    ] == (100, 33)
    elsewhere = await api.login(world.people["selma"], "tokens", (), businesses=(world.elsewhere,))
    refused = await api.call(f"/{world.elsewhere}/system_users", elsewhere, "POST", system_user_id=robot, name="Mine")
    assert error(refused)[1:] == (100, 33)
    assert error(await api.call(f"/{robot}", elsewhere, "POST", name="Mine"))[1:] == (100, 33)


PROFILE = "title,finance_permission,ip_permission,two_fac_status,marked_for_removal,pending_email"


async def test_title_and_permissions(api: Api) -> None:
    """wire §3.6, I11: an admin sets title and permissions of a BusinessUser, who may read it is told them; empty means none."""
    token, world = await admin(api), api.world
    emil = f"/{await seat(api, 'emil')}"
    bare = {"two_fac_status": "disabled", "marked_for_removal": False, "id": emil[1:]}
    assert await api.get(emil, token, fields=PROFILE) == bare
    first = {"title": "Käpt’n", "finance_permission": "EDITOR", "ip_permission": "REVIEWER"}
    assert (await api.call(emil, token, "POST", **first)).json() == OK
    assert (await api.call(emil, token, "POST", **first)).json() == OK
    assert await api.get(emil, token, fields=PROFILE) == {**bare, **first}
    listed = (await api.get(f"/{world.business}/business_users", token, fields="title"))["data"]
    assert [one["title"] for one in listed if "title" in one] == ["Käpt’n"]
    assert (await api.call(emil, token, "POST", finance_permission="", title="Mate")).json() == OK
    assert await api.get(emil, token, fields=PROFILE) == {**bare, "title": "Mate", "ip_permission": "REVIEWER"}
    for wrong in (
        {"title": "x" * 101},
        {"title": "a\nb"},
        {"finance_permission": "OWNER"},
        {"ip_permission": "EDITOR"},
        {},
    ):
        assert error(await api.call(emil, token, "POST", **wrong))[:2] == (400, 100), wrong
    employee = await api.login(world.people["emil"], "both", ("page",), businesses=(world.business,))
    assert (await api.get(emil, employee, fields="title"))["title"] == "Mate"
    assert error(await api.call(emil, employee, "POST", title="Boss"))[:2] == (403, 200)
    async with world.services.store.read() as tx:
        entries = await audit.list_entries(tx, world.business, 10, ("membership.profile",))
    assert len(entries) == 2 and {one.actor_id for one in entries} == {world.people["bob"]}


async def test_a_place_keeps_its_profile_in_the_migration(api: Api) -> None:
    """M4, M12: the managed account's place is known for the same title and permissions; rolled back, the old one's stand."""
    token, world = await admin(api), api.world
    emil = f"/{await seat(api, 'emil')}"
    await api.call(emil, token, "POST", title="Mate", finance_permission="ANALYST")
    started = await world.start("emil")
    assert (await api.get(emil, token, fields="marked_for_removal"))["marked_for_removal"] is False
    await world.claim(started, "emil", api.now)
    managed = f"/{(await world.people_list(api.now))['emil@work.example']}"
    fields = "title,finance_permission"
    told = {"title": "Mate", "finance_permission": "ANALYST"}
    assert await api.get(managed, token, fields=fields) == {**told, "id": managed[1:]}
    await api.call(managed, token, "POST", title="Captain")
    await migration.roll_back(world.services, started.migration_id, world.people["emil"], None, api.now)
    assert await api.get(emil, token, fields=fields) == {**told, "id": emil[1:]}


async def test_permissions_of_a_system_user(api: Api) -> None:
    """wire §3.6: a SystemUser has them too, and tells its own of itself; whoever made it is told while still there."""
    token, world = await admin(api), api.world
    robot = (await api.call(f"/{world.business}/system_users", token, "POST", name="Sync")).json()["id"]
    fields = "created_by,finance_permission,ip_permission,role"
    assert (await api.call(f"/{robot}", token, "POST", finance_permission="ANALYST")).json() == OK
    told = await api.get(f"/{robot}", token, fields=fields)
    bob = {"id": await seat(api, "bob"), "name": "Bob"}
    assert told == {"created_by": bob, "finance_permission": "ANALYST", "role": "EMPLOYEE", "id": robot}
    own = await api.system("both", ("page",))
    me = await api.get("/me", own, fields=fields)
    assert me["role"] == "EMPLOYEE" and "finance_permission" not in me
    await api.call(f"/{me['id']}", token, "POST", ip_permission="REVIEWER")
    assert (await api.get("/me", own, fields=fields))["ip_permission"] == "REVIEWER"


async def test_the_role_in_a_business(api: Api) -> None:
    """wire §3.6: me/businesses tells the caller's role there as ``permitted_roles``."""
    world = api.world
    for who, role in (("bob", "ADMIN"), ("emil", "EMPLOYEE")):
        token = await api.login(world.people[who], "both", ("page",), businesses=(world.business,))
        (found,) = (await api.get("/me/businesses", token, fields="permitted_roles,verification_status"))["data"]
        assert found["permitted_roles"] == [role] and found["verification_status"] == "not_verified"


async def test_what_somebody_is_assigned(api: Api) -> None:
    """wire §3.6: assigned_* of a BusinessUser and a SystemUser are what that place has, of what the caller may see (I10)."""
    token, world = await admin(api), api.world
    emil, bob = await seat(api, "emil"), await seat(api, "bob")
    await api.system("both", ("page",))
    (robot,) = (await api.get(f"/{world.business}/system_users", token))["data"]
    page, page2 = str(world.assets["page"]), str(world.assets["page2"])
    assert await api.names(f"/{emil}/assigned_pages", token) == {page, page2}
    assert await api.names(f"/{robot['id']}/assigned_pages", token) == {page}
    assert await api.names(f"/{bob}/assigned_pages", token) == {page, page2}, "an admin has all"
    assert await api.names(f"/{robot['id']}/assigned_ad_accounts", token) == set()
    assert (await api.call(f"/{page}/assigned_users", token, "DELETE", user=emil)).json() == OK
    assert await api.names(f"/{emil}/assigned_pages", token) == {page2}
    narrow = await api.login(world.people["ada"], "both", ("page",), businesses=(world.business,))
    assert await api.names(f"/{emil}/assigned_pages", narrow) == set()
    inner = await api.get(f"/{world.business}", token, fields="business_users{name,assigned_pages{id}}")
    found = {
        one["name"]: {page["id"] for page in one["assigned_pages"]["data"]} for one in inner["business_users"]["data"]
    }
    assert found == {"Ada": {page, page2}, "Bob": {page, page2}, "Emil": {page2}, "Selma": {page, page2}}
    assert error(await api.call(f"/{emil}/accounts", token))[:2] == (400, 100)
    stranger = await api.login(world.people["paul"], "both", (), businesses=(world.partner,))
    assert error(await api.call(f"/{emil}/assigned_pages", stranger))[1:] == (100, 33)
