"""Groups of assets in a business, and who works on a page."""

import pytest

from tests.commands._world import T0
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import TASKS_OF, task_names

from ._api import Api, error
from .test_sharing import admin, seat

pytestmark = pytest.mark.anyio

OK = {"success": True}


async def test_a_group_and_what_is_in_it(api: Api) -> None:
    """wire §3.6: groups are made, filled, renamed, emptied and removed; they show only what the caller sees itself (I10)."""
    token, world = await admin(api), api.world
    edge = f"/{world.business}/business_asset_groups"
    group = (await api.call(edge, token, "POST", name="North")).json()["id"]
    page, page2, ads = (str(world.assets[name]) for name in ("page", "page2", "ads"))
    for name, found in (("contained_pages", page), ("contained_pages", page2), ("contained_adaccounts", f"act_{ads}")):
        for _ in range(2):
            assert (await api.call(f"/{group}/{name}", token, "POST", asset_id=found)).json() == OK
    assert await api.names(f"/{group}/contained_pages", token) == {page, page2}
    assert await api.names(f"/{group}/contained_adaccounts", token) == {f"act_{ads}"}
    assert await api.names(f"/{group}/contained_pixels", token) == set()
    shown = await api.get(f"/{group}", token, fields="name,owner_business,contained_pages{id}")
    assert shown["owner_business"] == {"id": str(world.business)}
    assert {one["id"] for one in shown["contained_pages"]["data"]} == {page, page2}
    narrow = await api.login(world.people["ada"], "both", ("page",), businesses=(world.business,))
    assert await api.names(f"/{group}/contained_pages", narrow) == {page}
    assert (await api.call(f"/{group}", token, "POST", name="South")).json() == OK
    assert (await api.get(edge, token))["data"] == [{"id": group, "name": "South"}]
    assert (await api.call(f"/{group}/contained_pages", token, "DELETE", asset_id=page2)).json() == OK
    assert (await api.call(f"/{group}/contained_pages", token, "DELETE", asset_id=page2)).json() == OK
    assert await api.names(f"/{group}/contained_pages", token) == {page}
    assert (await api.call(f"/{world.business}/pages", token, "DELETE", page_id=page)).json() == OK
    assert await api.names(f"/{group}/contained_pages", token) == set(), "what left the business left its groups"
    assert (await api.call(f"/{group}", token, "DELETE")).json() == OK
    assert error(await api.call(f"/{group}", token))[1:] == (100, 33)
    assert (await api.get(edge, token))["data"] == []


async def test_refusals_of_groups(api: Api) -> None:
    """MT-01: no name, a foreign asset, one that the token did not choose; an employee reads and changes nothing."""
    token, world = await admin(api), api.world
    edge = f"/{world.business}/business_asset_groups"
    group = (await api.call(edge, token, "POST", name="North")).json()["id"]
    assert error(await api.call(edge, token, "POST"))[:2] == (400, 100)
    assert error(await api.call(f"/{group}", token, "POST", name="\t"))[:2] == (400, 100)
    foreign = await api.call(f"/{group}/contained_pages", token, "POST", asset_id=str(world.assets["other"]))
    assert error(foreign)[1:] == (100, 33)
    wrong = await api.call(f"/{group}/contained_pages", token, "POST", asset_id=str(world.assets["ads"]))
    assert error(wrong)[:2] == (400, 100)
    employee = await api.login(world.people["emil"], "both", ("page",), businesses=(world.business,))
    assert (await api.get(f"/{group}", employee))["name"] == "North"
    for method in ("POST", "DELETE"):
        assert error(await api.call(f"/{group}", employee, method, name="Mine"))[:2] == (403, 200)
    paul = await api.login(world.people["paul"], "both", (), businesses=(world.partner,))
    assert error(await api.call(f"/{group}", paul))[1:] == (100, 33)


async def test_groups_of_somebody(api: Api) -> None:
    """wire §3.6: assigned_business_asset_groups are those that hold something the person has tasks on; an admin's are all."""
    token, world = await admin(api), api.world
    edge = f"/{world.business}/business_asset_groups"
    first, second = [(await api.call(edge, token, "POST", name=name)).json()["id"] for name in ("North", "South")]
    page = str(world.assets["page"])
    assert (await api.call(f"/{first}/contained_pages", token, "POST", asset_id=page)).json() == OK
    emil, bob = await seat(api, "emil"), await seat(api, "bob")
    assert await api.names(f"/{emil}/assigned_business_asset_groups", token) == {first}
    assert await api.names(f"/{bob}/assigned_business_asset_groups", token) == {first, second}
    assert await api.names("/me/assigned_business_asset_groups", token) == {first, second}
    mine = await api.login(world.people["emil"], "both", ("page",), businesses=(world.business,))
    assert await api.names("/me/assigned_business_asset_groups", mine) == {first}
    assert (await api.call(f"/{page}/assigned_users", token, "DELETE", user=emil)).json() == OK
    assert await api.names("/me/assigned_business_asset_groups", mine) == set()


async def test_who_works_on_a_page(api: Api) -> None:
    """wire §3.6: roles of a page, to who manages it from inside its business, also by its page token and in grace; to a
    partner and to who does not manage it they are refused."""
    world = api.world
    emil = await api.login(world.people["emil"], "both", ("page",))
    path = f"/{world.assets['page']}"
    every = task_names(TASKS_OF[NodeKind.PAGE])
    for token in (await admin(api), emil, await api.page_token(emil)):
        found = (await api.get(f"{path}/roles", token))["data"]
        assert {one["name"]: (one["role"], one["tasks"]) for one in found} == dict.fromkeys(
            ("Emil", "Selma"), ("Manager", every)
        )
    bob = await admin(api)
    user = await seat(api, "emil")
    assert (await api.call(f"{path}/assigned_users", bob, "POST", user=user, tasks="ANALYZE")).json() == OK
    assert error(await api.call(f"{path}/roles", emil))[:2] == (403, 200)
    paul = await api.login(world.people["paul"], "both", (), businesses=(world.partner, world.assets["page"]))
    assert error(await api.call(f"{path}/roles", paul))[:2] == (403, 200)
    selma = await api.login(world.people["selma"], "both", ("page",))
    started = await world.start("selma")
    api.now = T0 + DAY
    await world.claim(started, "selma", api.now)
    roles = {one["name"]: one["role"] for one in (await api.get(f"{path}/roles", selma))["data"]}
    assert roles == {"Emil": "Analyst", "Selma": "Manager"}
