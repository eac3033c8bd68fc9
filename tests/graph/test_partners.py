"""Partner sharing: lending an asset, asking for one, giving it back, ending a partnership."""

from typing import Any

import pytest

from tests.commands._world import T0
from workbadge.commands import outbox, portfolio
from workbadge.store import audit, rights
from workbadge.terms.ids import make_id
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind, Role
from workbadge.terms.tasks import TASKS_OF, task_names

from ._api import Api, error
from .test_sharing import admin

pytestmark = pytest.mark.anyio

OK = {"success": True}


async def partner(api: Api, *names: str) -> str:
    """A token of the partner's admin who chose the partner, and assets that were lent by name."""
    assets = tuple(api.world.assets[name] for name in names)
    return await api.login(api.world.people["paul"], "both", (), businesses=(api.world.partner, *assets))


async def agencies(api: Api, token: str, name: str = "page") -> list[dict[str, Any]]:
    """Partners of an asset, with everything that is told of them."""
    fields = "id,name,access_status,permitted_tasks,access_requested_time"
    found = await api.get(f"/{api.world.assets[name]}/agencies", token, fields=fields)
    return list(found["data"])


async def test_lending_and_ending(api: Api) -> None:
    """wire §3.6, MT-22: POST agencies lends with exactly those tasks, DELETE ends it, for partner people and tokens at once."""
    bob, world = await admin(api), api.world
    path = f"/{world.assets['ads']}/agencies"
    more = {"business": str(world.partner), "permitted_tasks": '["ANALYZE","ADVERTISE"]'}
    assert await agencies(api, bob, "ads") == []
    assert (await api.call(path, bob, "POST", **more)).json() == OK
    (one,) = await agencies(api, bob, "ads")
    assert one == {
        "id": str(world.partner),
        "name": "Agency",
        "access_status": "CONFIRMED",
        "permitted_tasks": ["ANALYZE", "ADVERTISE"],
    }
    paul = await partner(api, "ads")
    read = await api.get(f"/{world.assets['ads']}", paul, fields="user_tasks")
    assert read["user_tasks"] == ["ANALYZE", "ADVERTISE"]
    assert (await api.call(path, bob, "POST", **{**more, "permitted_tasks": "ANALYZE"})).json() == OK
    assert (await agencies(api, bob, "ads"))[0]["permitted_tasks"] == ["ANALYZE"]
    api.now = T0 + DAY
    assert (await api.call(path, bob, "DELETE", business=str(world.partner))).json() == OK
    assert (await api.call(path, bob, "DELETE", business=str(world.partner))).json() == OK
    assert error(await api.call(f"/{world.assets['ads']}", paul))[1] == 100
    async with world.services.store.read() as tx:
        found = await audit.list_entries(tx, world.business, 100, ("share.add", "share.end"))
    assert [one.act for one in found if one.subject_id == world.assets["ads"]] == [
        "share.end",
        "share.add",
        "share.add",
    ]


async def test_refusals_of_lending(api: Api) -> None:
    """MT-23: a partner lends nothing on; unfit tasks, unknown businesses and the owner itself are refused."""
    bob, world, paul = await admin(api), api.world, await partner(api, "page")
    path = f"/{world.assets['page']}/agencies"
    assert error(await api.call(path, paul, "POST", business=str(world.elsewhere), permitted_tasks="ANALYZE"))[:2] == (
        403,
        200,
    )
    assert error(await api.call(path, paul, "DELETE", business=str(world.elsewhere)))[:2] == (403, 200)
    for more in (
        {},
        {"business": str(world.partner)},
        {"business": str(world.partner), "permitted_tasks": "EDIT"},
        {"business": str(world.business), "permitted_tasks": "ANALYZE"},
        {"business": str(make_id(NodeKind.BUSINESS, 7)), "permitted_tasks": "ANALYZE"},
        {"business": str(world.assets["ads"]), "permitted_tasks": "ANALYZE"},
    ):
        assert error(await api.call(path, bob, "POST", **more))[:2] == (400, 100), more
    assert [one["permitted_tasks"] for one in await agencies(api, paul)] == [task_names(TASKS_OF[NodeKind.PAGE])]


async def test_a_partner_gives_back(api: Api) -> None:
    """wire §3.6: the partner ends its own share, at the asset's edge or at its business's; the owner keeps the asset."""
    world, paul, bob = api.world, await partner(api, "page"), await admin(api)
    page = str(world.assets["page"])
    api.now = T0 + DAY
    assert (await api.call(f"/{page}/agencies", paul, "DELETE", business=str(world.partner))).json() == OK
    assert error(await api.call(f"/{page}", paul))[1] == 100
    assert await agencies(api, bob) == []
    more = {"business": str(world.partner), "permitted_tasks": "ANALYZE"}
    assert (await api.call(f"/{page}/agencies", bob, "POST", **more)).json() == OK
    assert (await api.call(f"/{world.partner}/pages", paul, "DELETE", page_id=page)).json() == OK
    assert await agencies(api, bob) == []
    assert (await api.get(f"/{page}", bob, fields="business"))["business"]["id"] == str(world.business)


async def test_asking_tells_nothing_and_the_owner_decides(api: Api) -> None:
    """MT-01: asking for an asset answers the same whether it exists; only who manages the owner sees it and can lend it."""
    world, paul, bob = api.world, await partner(api), await admin(api)
    ghost = str(make_id(NodeKind.AD_ACCOUNT, 7))
    edge = f"/{world.partner}/client_ad_accounts"
    asked = f"act_{world.assets['ads']}"
    for one in (asked, f"act_{ghost}", ghost):
        answer = await api.call(edge, paul, "POST", adaccount_id=one, permitted_tasks='["ANALYZE"]')
        assert answer.json() == {**OK, "access_status": "PENDING"}
    pending = await api.get(f"/{world.partner}/pending_client_ad_accounts", paul, fields="ad_account,permitted_tasks")
    assert {one["ad_account"]["id"] for one in pending["data"]} == {asked, f"act_{ghost}"}
    assert all(one["permitted_tasks"] == ["ANALYZE"] for one in pending["data"])
    employee = await api.login(world.people["emil"], "both", ("ads",), businesses=(world.business,))
    assert await agencies(api, employee, "ads") == []
    (waiting,) = await agencies(api, bob, "ads")
    assert waiting["access_status"] == "PENDING" and waiting["permitted_tasks"] == ["ANALYZE"]
    assert waiting["access_requested_time"]
    assert error(await api.call(f"/{world.assets['ads']}", paul))[1:] == (100, 33), "nothing is lent by asking"
    assert (await api.call(f"/{world.assets['ads']}/agencies", bob, "POST", business=str(world.partner))).json() == OK
    (lent,) = await agencies(api, bob, "ads")
    assert lent["access_status"] == "CONFIRMED" and lent["permitted_tasks"] == ["ANALYZE"]
    left = await api.get(f"/{world.partner}/pending_client_ad_accounts", paul, fields="ad_account")
    assert [one["ad_account"]["id"] for one in left["data"]] == [f"act_{ghost}"]
    assert (await api.call(f"/{world.partner}/ad_accounts", paul, "DELETE", adaccount_id=ghost)).json() == OK
    assert (await api.get(f"/{world.partner}/pending_client_ad_accounts", paul))["data"] == []
    own = await api.call(
        f"/{world.business}/client_ad_accounts", bob, "POST", adaccount_id=asked, permitted_tasks="DRAFT"
    )
    assert error(own)[:2] == (400, 100)


async def test_a_declined_request(api: Api) -> None:
    """wire §3.6: DELETE agencies by the owner declines what is asked; asking again is possible."""
    world, paul, bob = api.world, await partner(api), await admin(api)
    page = str(world.assets["page2"])
    for _ in range(2):
        answer = await api.call(f"/{world.partner}/client_pages", paul, "POST", page_id=page, permitted_tasks="ANALYZE")
        assert answer.json()["access_status"] == "PENDING"
        assert len(await agencies(api, bob, "page2")) == 1
        assert (await api.call(f"/{page}/agencies", bob, "DELETE", business=str(world.partner))).json() == OK
        assert await agencies(api, bob, "page2") == []
        assert (await api.get(f"/{world.partner}/pending_client_pages", paul, summary="true"))["summary"] == {
            "total_count": 0
        }
    async with world.services.store.read() as tx:
        acts = ("access_request.declined", "access_request.add")
        found = await audit.list_entries(tx, world.partner, 100, acts)
    assert sorted(one.act for one in found) == sorted(acts * 2)


async def test_answering_a_request_takes_nothing_away(api: Api) -> None:
    """wire §3.6: lending what a partner asks for, without naming tasks, leaves what it was lent before; both admins get mails."""
    world, paul, bob = api.world, await partner(api, "page"), await admin(api)
    page = f"/{world.assets['ads']}/agencies"
    more = {"business": str(world.partner), "permitted_tasks": "ANALYZE"}
    assert (await api.call(page, bob, "POST", **more)).json() == OK
    asked = {"adaccount_id": str(world.assets["ads"]), "permitted_tasks": "DRAFT"}
    assert (await api.call(f"/{world.partner}/client_ad_accounts", paul, "POST", **asked)).status_code == 200
    assert (await api.call(page, bob, "POST", business=str(world.partner))).json() == OK
    assert (await agencies(api, bob, "ads"))[0]["permitted_tasks"] == ["ANALYZE", "DRAFT"]
    async with world.services.store.read() as tx:
        sent = [one.kind for one in await outbox.list_outbox(tx, world.services) if one.kind.startswith("access_")]
    assert set(sent) == {"access_asked", "access_answered"}


async def test_partners_of_a_business(api: Api) -> None:
    """wire §3.6, MT-22: agencies and clients list partners from both sides; either side ends everything at once."""
    world, paul, bob = api.world, await partner(api, "page"), await admin(api)
    for name in ("page2", "ads"):
        more = {"business": str(world.partner), "permitted_tasks": "ANALYZE"}
        assert (await api.call(f"/{world.assets[name]}/agencies", bob, "POST", **more)).json() == OK
    assert await api.names(f"/{world.business}/agencies", bob) == {str(world.partner)}
    assert await api.names(f"/{world.partner}/clients", paul) == {str(world.business)}
    assert (
        await api.names(f"/{world.business}/clients", bob)
        == await api.names(f"/{world.partner}/agencies", paul)
        == set()
    )
    api.now = T0 + DAY
    assert (await api.call(f"/{world.business}/agencies", bob, "DELETE", business=str(world.partner))).json() == OK
    for name in ("page", "page2", "ads"):
        assert await agencies(api, bob, name) == []
    assert error(await api.call(f"/{world.assets['page']}", paul))[1] == 100
    assert await api.names(f"/{world.business}/agencies", bob) == set()
    more = {"business": str(world.partner), "permitted_tasks": "ANALYZE"}
    assert (await api.call(f"/{world.assets['page']}/agencies", bob, "POST", **more)).json() == OK
    assert (await api.call(f"/{world.partner}/clients", paul, "DELETE", business=str(world.business))).json() == OK
    assert await agencies(api, bob) == []
    assert error(await api.call(f"/{world.business}/clients", paul, "DELETE", business=str(world.partner)))[1:] == (
        100,
        33,
    )


async def own_page(api: Api, *people: str) -> int:
    """A page of nobody's business on which people hold direct roles."""
    world = api.world
    async with world.services.store.write() as tx:
        made = await portfolio.add_asset(tx, world.services, NodeKind.PAGE, "Mine", None, T0)
        for name in people:
            await rights.add_direct_role(tx, world.people[name], made, TASKS_OF[NodeKind.PAGE])
    world.assets["mine"] = made
    return made


async def login_with(api: Api, name: str, page: int, *more: int) -> str:
    """A token of a person who chose a page of one's own, the business, and more."""
    return await api.login(api.world.people[name], "both", (), businesses=(api.world.business, page, *more))


async def test_taking_an_asset(api: Api) -> None:
    """wire §3.6, A2: an admin's own page becomes the business's; who had a role on it keeps it there, tokens go on working."""
    page = await own_page(api, "bob", "emil")
    bob, emil = await login_with(api, "bob", page), await login_with(api, "emil", page)
    held = (await api.get(f"/{page}", emil, fields="tasks"))["tasks"]
    edge = f"/{api.world.business}/owned_pages"
    assert error(await api.call(edge, emil, "POST", page_id=str(page)))[:2] == (403, 200)
    answer = await api.call(edge, bob, "POST", page_id=str(page))
    assert answer.json() == {**OK, "access_status": "CONFIRMED"}
    assert (await api.get(f"/{page}", emil, fields="tasks,business")) == {
        "tasks": held,
        "business": {"id": str(api.world.business), "name": "Harbour"},
        "id": str(page),
    }
    assert str(page) in await api.names(edge, bob)
    assert error(await api.call(edge, bob, "POST", page_id=str(page)))[:2] == (400, 100)
    assert error(await api.call(edge, bob, "POST", page_id=str(api.world.assets["other"])))[1:] == (100, 33)
    assert (await api.get(f"/{api.world.business}/pending_owned_pages", bob))["data"] == []


async def test_nobody_loses_an_asset_by_its_being_taken(api: Api) -> None:
    """A2: a page on which somebody outside the business has a role cannot be taken; nothing is changed."""
    page = await own_page(api, "bob", "paul")
    bob = await login_with(api, "bob", page)
    paul = await api.login(api.world.people["paul"], "both", (), businesses=(page,))
    assert error(await api.call(f"/{api.world.business}/owned_pages", bob, "POST", page_id=str(page)))[:2] == (400, 100)
    assert "business" not in await api.get(f"/{page}", paul, fields="business")


async def test_letting_an_asset_go(api: Api) -> None:
    """MT-24: an asset that leaves goes to the personal account that asks; everybody else, partners and old logins lose it."""
    world, page = api.world, str(api.world.assets["page"])
    bob, selma, paul = (
        await admin(api),
        await api.login(world.people["selma"], "both", ("page",)),
        await partner(api, "page"),
    )
    emil = await api.login(world.people["emil"], "both", ("page",))
    started = await world.start("emil", "ada")
    api.now = T0 + DAY
    await world.claim(started, "emil", api.now)
    managed = (await world.claim(started, "ada", api.now)).managed_id
    for token in (selma, paul, emil):
        assert (await api.call(f"/{page}", token)).status_code == 200
    ada = await api.login(managed, "both", ("page",), businesses=(world.business,))
    refused = await api.call(f"/{world.business}/pages", ada, "DELETE", page_id=page)
    assert error(refused)[:2] == (400, 100), "a managed account cannot hold it (A2)"
    assert (await api.call(f"/{world.business}/pages", bob, "DELETE", page_id=page)).json() == OK
    for token in (selma, paul, emil, ada):
        assert error(await api.call(f"/{page}", token))[1] == 100
    assert (await api.get(f"/{page}", bob, fields="tasks"))["tasks"] == task_names(TASKS_OF[NodeKind.PAGE])
    assert (await api.call(f"/{world.business}/owned_pages", bob, "POST", page_id=page)).json()["access_status"]
    for token in (selma, paul, emil):
        assert error(await api.call(f"/{page}", token))[1] in (100, 200), "coming back brings nobody back"
    async with world.services.store.read() as tx:
        assert (await rights.find_member(tx, world.people["bob"], world.business, api.now)).role is Role.ADMIN  # type: ignore[union-attr]


async def test_leaving_what_is_not_there(api: Api) -> None:
    """MT-01: DELETE pages names no foreign asset: an own business's only, the same for one that never existed."""
    bob, world = await admin(api), api.world
    edge = f"/{world.business}/pages"
    for one in (world.assets["other"], make_id(NodeKind.PAGE, 7)):
        assert error(await api.call(edge, bob, "DELETE", page_id=str(one)))[1:] == (100, 33)
    assert error(await api.call(edge, bob, "DELETE", page_id=str(world.assets["ads"])))[:2] == (400, 100)
    narrow = await api.login(world.people["ada"], "both", ("page2",), businesses=(world.business,))
    refused = await api.call(edge, narrow, "DELETE", page_id=str(world.assets["page"]))
    assert error(refused)[1:] == (100, 33), "an asset that the token did not choose"
