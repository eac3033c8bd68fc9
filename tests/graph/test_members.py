"""People and system users of a business through the API: inviting, joining, roles, removing."""

import re

import pytest

from tests.commands._world import T0, TICK
from workbadge.commands import joining, portfolio
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
