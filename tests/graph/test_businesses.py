"""A business as it shows itself, businesses below it, its apps, the caller's own places and ids."""

import pytest

from tests.commands._world import T0
from workbadge.commands import app_roles, portfolio
from workbadge.commands.business_profile import DEEPEST, VERTICALS
from workbadge.store import rights
from workbadge.terms.apps import AppRole
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import TASKS_OF

from ._api import Api, error
from .test_sharing import admin, seat

pytestmark = pytest.mark.anyio

OK = {"success": True}
FIELDS = (
    "id,name,link,created_by,created_time,updated_by,updated_time,primary_page,timezone_id,two_factor_type,"
    "verification_status,vertical,vertical_id,user_access_expire_time,is_hidden,profile_picture_uri"
)


async def test_what_a_business_says_of_itself(api: Api) -> None:
    """wire §3.6: every field of the table is known; what nobody ever said is left out, what was said is told (9.15)."""
    token, world = await admin(api), api.world
    node = f"/{world.business}"
    fresh = await api.get(node, token, fields=FIELDS)
    known = {"id", "name", "link", "created_time", "verification_status", "is_hidden"}
    assert set(fresh) == known | {"two_factor_type", "profile_picture_uri"}
    assert fresh["two_factor_type"] == "none" and fresh["profile_picture_uri"].endswith("/static/avatar.svg")
    api.now = T0 + DAY
    more = {"name": "Harbour 2", "vertical": "TRAVEL", "timezone_id": "1", "primary_page": str(world.assets["page"])}
    assert (await api.call(node, token, "POST", **more)).json() == {"id": str(world.business)}
    told = await api.get(node, token, fields=FIELDS)
    assert (told["name"], told["vertical"], told["timezone_id"]) == ("Harbour 2", "TRAVEL", 1)
    assert told["vertical_id"] == VERTICALS.index("TRAVEL")
    assert told["primary_page"] == {"id": str(world.assets["page"]), "name": "page"}
    assert told["updated_by"] == {"id": await seat(api, "bob"), "name": "Bob"}
    assert told["updated_time"] == (T0 + DAY).strftime("%Y-%m-%dT%H:%M:%S+0000")
    for wrong in (
        {},
        {"vertical": "SPELLS"},
        {"timezone_id": "x"},
        {"timezone_id": "1000"},
        {"name": "\n"},
        {"primary_page": str(world.assets["other"])},
        {"primary_page": "7"},
    ):
        assert error(await api.call(node, token, "POST", **wrong))[:2] == (400, 100), wrong
    assert (await api.get(node, token, fields=FIELDS)) == told
    employee = await api.login(world.people["emil"], "both", ("page",), businesses=(world.business,))
    assert error(await api.call(node, employee, "POST", name="Mine"))[:2] == (403, 200)


async def test_a_business_below(api: Api) -> None:
    """wire §3.6, I9: POST owned_businesses makes one with the caller as its admin; it is listed to who reads it, only."""
    token, world = await admin(api), api.world
    edge = f"/{world.business}/owned_businesses"
    made = (await api.call(edge, token, "POST", name="Pier", vertical="RETAIL")).json()["id"]
    assert await api.names(edge, token) == {made}
    shown = await api.get(f"/{made}", token, fields="name,vertical,created_by,business_users{name,role}")
    assert (shown["name"], shown["vertical"]) == ("Pier", "RETAIL")
    assert [(one["name"], one["role"]) for one in shown["business_users"]["data"]] == [("Bob", "ADMIN")]
    assert shown["created_by"]["name"] == "Bob"
    other = await admin(api, "ada")
    assert (await api.get(edge, other))["data"] == []
    above = made
    for number in range(DEEPEST - 1):
        answer = await api.call(f"/{above}/owned_businesses", token, "POST", name=f"Pier {number}")
        above = answer.json()["id"]
    assert error(await api.call(f"/{above}/owned_businesses", token, "POST", name="Too deep"))[:2] == (400, 100)
    assert error(await api.call(edge, token, "POST"))[:2] == (400, 100)


async def test_apps_of_a_business(api: Api) -> None:
    """wire §1.8, §3.6: a business takes an app that the caller administers, once; others that act for it are client apps."""
    token, world = await admin(api), api.world
    app, bob = world.apps["tokens"], world.people["bob"]
    owned, client = f"/{world.business}/owned_apps", f"/{world.business}/client_apps"
    assert error(await api.call(owned, token, "POST", app_id=str(app)))[:2] == (400, 100)
    async with world.services.store.write() as tx:
        await app_roles.give_role(tx, world.services, app, bob, AppRole.ADMINISTRATOR, None, T0)
        await app_roles.give_role(tx, world.services, app, world.people["paul"], AppRole.ADMINISTRATOR, None, T0)
    assert (await api.call(owned, token, "POST", app_id=str(app))).json() == OK
    assert (await api.get(owned, token))["data"] == [{"id": str(app), "name": "App tokens"}]
    paul = await api.login(world.people["paul"], "both", (), businesses=(world.partner,))
    assert error(await api.call(f"/{world.partner}/owned_apps", paul, "POST", app_id=str(app)))[:2] == (400, 100)
    await api.system("both", ())
    assert await api.names(client, token) == {str(world.apps["both"])}
    assert await api.names("/me/assigned_applications", token) == {str(app)}


async def test_the_callers_places(api: Api) -> None:
    """wire §3.6: me/business_users are the caller's places in the businesses that the token chose, and no others."""
    world = api.world
    token = await api.login(world.people["emil"], "both", ("page",), businesses=(world.business,))
    both = await api.login(world.people["emil"], "tokens", ("page",), businesses=(world.business, world.elsewhere))
    one = await api.get("/me/business_users", token, fields="id,role,business", summary="true")
    assert one["summary"] == {"total_count": 1}
    assert one["data"] == [
        {
            "id": await seat(api, "emil"),
            "role": "EMPLOYEE",
            "business": {"id": str(world.business), "name": "Harbour"},
        }
    ]
    found = (await api.get("/me", both, fields="business_users{business}"))["business_users"]["data"]
    assert {each["business"]["name"] for each in found} == {"Harbour", "Books"}
    without = await api.login(world.people["selma"], "both", ("page",), ("pages_show_list",))
    assert error(await api.call("/me/business_users", without))[:2] == (403, 200)


async def test_the_callers_ids_and_own_ad_accounts(api: Api) -> None:
    """wire §3.4, §3.6: ids for the apps of one owner; ad accounts of nobody's business; a picture; no page-scoped ids."""
    world = api.world
    async with world.services.store.write() as tx:
        own = await portfolio.add_asset(tx, world.services, NodeKind.AD_ACCOUNT, "Own", None, T0)
        await rights.add_direct_role(tx, world.people["bob"], own, TASKS_OF[NodeKind.AD_ACCOUNT])
        for name in ("both", "tokens"):
            await app_roles.give_role(
                tx, world.services, world.apps[name], world.people["bob"], AppRole.ADMINISTRATOR, None, T0
            )
    token = await api.login(world.people["bob"], "both", ("ads",), businesses=(world.business, own))
    me = (await api.get("/me", token))["id"]
    alone = [{"id": me, "app": {"id": str(world.apps["both"]), "name": "App both"}}]
    assert (await api.get("/me/ids_for_business", token))["data"] == alone
    other = await api.login(world.people["bob"], "tokens", ("ads",))
    for name in ("both", "tokens"):
        taken = await api.call(f"/{world.business}/owned_apps", token, "POST", app_id=str(world.apps[name]))
        assert taken.json() == OK
    found = {one["app"]["name"]: one["id"] for one in (await api.get("/me/ids_for_apps", token))["data"]}
    assert found == {"App both": me, "App tokens": (await api.get("/me", other))["id"]}
    assert await api.names("/me/personal_ad_accounts", token) == {f"act_{own}"}
    assert await api.names("/me/adaccounts", token) == {f"act_{own}", f"act_{world.assets['ads']}"}
    assert (await api.get("/me/picture", token))["data"]["is_silhouette"] is True
    assert (await api.get("/me/ids_for_pages", token)) == {"data": []}


async def test_names_that_apps_may_share(api: Api) -> None:
    """wire §3.4: third_party_id is one name of a person for one app; token_for_business one for all apps of one business, and an app
    of no business has none. Neither tells an id."""
    world, names = api.world, "third_party_id,token_for_business"
    token, emil = await admin(api), world.people["emil"]
    async with world.services.store.write() as tx:
        for app in ("tokens", "both"):
            await app_roles.give_role(
                tx, world.services, world.apps[app], world.people["bob"], AppRole.ADMINISTRATOR, None, T0
            )
    logins = {app: await api.login(emil, app, ("page",)) for app in ("tokens", "both")}
    before = {app: await api.get("/me", one, fields=names) for app, one in logins.items()}
    assert all("token_for_business" not in one and len(one["third_party_id"]) == 32 for one in before.values())
    assert before["tokens"]["third_party_id"] != before["both"]["third_party_id"]
    for app in logins:
        edge = f"/{world.business}/owned_apps"
        assert (await api.call(edge, token, "POST", app_id=str(world.apps[app]))).json() == OK
    after = {app: await api.get("/me", one, fields=names) for app, one in logins.items()}
    assert {one["third_party_id"] for one in after.values()} == {one["third_party_id"] for one in before.values()}
    (shared,) = {one["token_for_business"] for one in after.values()}
    other = await api.get("/me", await api.login(world.people["selma"], "both", ("page",)), fields=names)
    assert other["token_for_business"] not in (shared, None) and len(shared) == 32
