"""The Business Extension in the graph: install state, token swap, configuration, uninstall (``wire.md`` §5; L4, MT-20)."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from tests.commands._world import World
from workbadge.commands import membership, portfolio, webhooks
from workbadge.commands.webhooks import NewSubscription
from workbadge.store import business_login, grants, rights, schema
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, Role, TokenKind
from workbadge.terms.reasons import Reason

from ._api import Api, error
from ._installs import SHOP_SCOPES, install, swap

pytestmark = pytest.mark.anyio

SHOP = "shop-4711"
INSTALLS = "/fbe_business/fbe_installs"
ALL = ("page", "page2", "ads", "catalog", "pixel")
CALLS = (
    ("GET", INSTALLS),
    ("DELETE", INSTALLS),
    ("GET", "/fbe_business"),
    ("POST", "/fbe_business"),
    ("GET", "/fbe_business/fbe_rollout_switches"),
    ("POST", "/commerce_partner_integrations_repair"),
)


async def _person(api: Api, who: str, app: str = "both", names: tuple[str, ...] = (), **more: Any) -> str:
    """A token of somebody who let the app run its extension in the business."""
    business = more.pop("businesses", (api.world.business,))
    return await api.login(api.world.people[who], app, names, more.pop("scopes", SHOP_SCOPES), businesses=business)


async def _minted(api: Api) -> int:
    """How many live system-user tokens exist under any install."""
    total = 0
    async with api.world.services.store.read() as tx:
        for row in await business_login.list_installs(tx, api.world.business):
            grant = await grants.find_grant(tx, row.account_id, row.app_id)
            assert grant is not None
            total += len(await grants.list_live_tokens(tx, grant.id, TokenKind.SYSTEM_USER, api.now))
    return total


async def _swapped(api: Api, token: str, **more: Any) -> str:
    answer = await swap(api, token, **more)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token"}
    return str(answer.json()["access_token"])


async def test_the_state_of_an_install(api: Api) -> None:
    """Wire §5.1: fbe_installs names the business and the assets that were chosen and that the caller reads, by external id."""
    world = api.world
    install_id, own = await install(api, ALL, shop=SHOP)
    bob = await _person(api, "bob", names=("page", "ads"))
    whole = {
        "business_manager_id": str(world.business),
        "commerce_partner_integration_id": str(install_id),
        "pixel_id": str(world.assets["pixel"]),
        "ad_account_id": str(world.assets["ads"]),
        "catalog_id": str(world.assets["catalog"]),
        "pages": sorted(str(world.assets[name]) for name in ("page", "page2")),
        "profiles": [],
        "instagram_profiles": [],
    }
    assert await api.get(INSTALLS, own, fbe_external_business_id=SHOP) == {"data": [whole]}
    few = (await api.get(INSTALLS, bob, fbe_external_business_id=SHOP))["data"][0]
    assert few["pages"] == [str(world.assets["page"])] and "catalog_id" not in few and "pixel_id" not in few
    assert await api.get(INSTALLS, bob, fbe_external_business_id="another") == {"data": []}
    assert error(await api.call(INSTALLS, bob)) == (400, 100, None)
    for wrong in ("x" * 256, "a b", "ü", "\n"):
        assert error(await api.call(INSTALLS, bob, fbe_external_business_id=wrong)) == (400, 100, None), wrong


async def test_the_swap_gives_the_system_user(api: Api) -> None:
    """Wire §5.1, L4: the user token is exchanged for one of ``<App> System User (FBE)``; the install counts as swapped."""
    world = api.world
    await install(api, ALL, shop=SHOP)
    api.now += DAY
    async with world.services.store.read() as tx:
        (waiting,) = await business_login.list_unswapped_installs(tx, world.business)
    assert waiting.system_user == "App both System User (FBE)"
    token = await _swapped(api, await _person(api, "bob"), fbe_external_business_id=SHOP)
    me = await api.get("/me", token, fields="name,client_business_id,install_type")
    assert me["name"] == "App both System User (FBE)"
    assert (me["client_business_id"], me["install_type"]) == (str(world.business), "BUSINESS_EXTENSION")
    about = (await api.get("/debug_token", token, input_token=token))["data"]
    assert (about["type"], about["expires_at"], set(about["scopes"])) == ("SYSTEM_USER", 0, set(SHOP_SCOPES))
    async with world.services.store.read() as tx:
        assert await business_login.list_unswapped_installs(tx, world.business) == []
        (row,) = await business_login.list_installs(tx, world.business)
    assert row.swapped_at == api.now


async def test_a_second_swap_gives_the_same_token(api: Api) -> None:
    """MT-20: a second swap gives the token that is there; other scopes give their own; after a revocation there is a new one."""
    await install(api, ALL, shop=SHOP)
    bob = await _person(api, "bob")
    first = await _swapped(api, bob)
    since = api.now
    api.now += DAY
    assert await _swapped(api, bob) == first
    async with api.world.services.store.read() as tx:
        (one,) = await business_login.list_installs(tx, api.world.business)
    assert one.swapped_at == since
    assert await _swapped(api, bob, scope="ads_management") != first
    assert await _minted(api) == 2
    account = int((await api.get("/me", first))["id"])
    async with api.world.services.store.write() as tx:
        row = await business_login.find_install_of(tx, account)
        assert row is not None
        await grants.revoke_account(tx, row.account_id, Reason.TOKEN_REVOKED, api.now)
    fresh = await _swapped(api, bob)
    assert fresh != first
    assert error(await api.call("/me", first))[1] == 190
    assert (await api.get("/me", fresh))["id"] == str(row.account_id)


async def test_the_connection_survives_the_migration(api: Api) -> None:
    """L4, §5.3, A6: swapped in grace with the old login's token, the connection goes on after the cut-off, the
    user token does not; managing the install is the managed account's from the claim on."""
    world = api.world
    await install(api, ALL, shop=SHOP)
    bob = await _person(api, "bob", names=("page",))
    await world.claim(await world.start("bob"), "bob", api.now)
    api.now += 29 * DAY
    token = await _swapped(api, bob)
    assert error(await api.call(INSTALLS, bob, "DELETE", fbe_external_business_id=SHOP)) == (400, 100, None)
    api.now += 2 * DAY
    page = f"/{world.assets['page']}"
    assert error(await api.call(page, bob))[1] == 100
    assert await api.get(page, token, fields="name,user_access_expire_time") == {
        "name": "page",
        "id": str(world.assets["page"]),
    }
    assert error(await swap(api, bob)) == (400, 100, None)


async def test_a_swap_in_grace_gives_no_more_than_before(api: Api) -> None:
    """Decision 25, I6, M16: the old login's swap gives what the install allowed and no more; who is no admin any more, and who
    has lost the place, swaps nothing through the old login either; installing anew is not its business."""
    world = api.world
    await install(api, ALL, shop=SHOP)
    bob = await _person(api, "bob", names=("page",))
    before = await _swapped(api, bob)
    started = await world.start("bob")
    await world.claim(started, "bob", api.now)
    api.now += DAY
    assert await _swapped(api, bob) == before, "the same token as before the claim"
    assert error(await swap(api, bob, scope="pages_manage_posts")) == (400, 100, None)
    place = (await world.people_list(api.now))["bob@work.example"]
    await membership.change_role(world.services, world.business, place, Role.EMPLOYEE, None, api.now)
    assert error(await swap(api, bob))[1] == 200
    assert (await api.call(f"/{world.assets['page']}", before)).status_code == 200, "what was swapped stands (A6)"
    await membership.change_role(world.services, world.business, place, Role.ADMIN, None, api.now)
    await membership.remove_member(world.services, world.business, place, None, api.now)
    assert error(await swap(api, bob)) == (400, 100, None)


async def test_wrong_swaps_mint_nothing(api: Api) -> None:
    """MT-20: employee, foreign app, foreign business, wrong external id, wider scopes, missing parameters: a 4xx, and no token."""
    world = api.world
    await install(api, ALL, shop=SHOP)
    await install(api, ("page",), app="tokens", shop="theirs")
    bob = await _person(api, "bob")
    before = await _minted(api)
    others = await _person(api, "bob", "tokens")
    emil = await _person(api, "emil")
    few = await api.login(world.people["ada"], scopes=("pages_show_list",), names=("page",))
    late = await _person(api, "selma")
    place = (await world.people_list(api.now))["selma@home.example"]
    await membership.remove_member(world.services, world.business, place, None, api.now)
    refused: list[tuple[str, Any, int]] = [
        ("employee", await swap(api, emil), 200),
        ("left", await swap(api, late), 100),
        ("scope missing", await swap(api, few), 100),
        ("other app", await swap(api, others), 100),
        ("other app's external id", await swap(api, bob, fbe_external_business_id="theirs"), 100),
        ("unknown external id", await swap(api, bob, fbe_external_business_id="nobody"), 100),
        ("other app_id", await swap(api, bob, app_id=str(world.apps["tokens"])), 100),
        ("other business", await swap(api, bob, business=world.partner), 100),
        ("wider", await swap(api, bob, scope="ads_management,business_management"), 100),
        ("personal", await swap(api, bob, scope="email"), 100),
        ("no scope", await swap(api, bob, scope=""), 100),
        ("no app_id", await swap(api, bob, app_id=""), 100),
        ("anonymous", await swap(api, None), 104),
        ("garbage", await swap(api, "EAAgarbage"), 190),
        ("app token", await swap(api, await api.app_token("both")), 100),
        ("page token", await swap(api, await api.page_token(await _person(api, "ada", names=("page",)))), 100),
    ]
    for title, answer, code in refused:
        assert 400 <= answer.status_code < 500, title
        assert error(answer)[1] == code, (title, answer.text)
    assert await _minted(api) == before
    api.now += 301 * DAY
    assert error(await swap(api, bob)) == (400, 190, 463)


async def test_several_shops_need_a_name(api: Api) -> None:
    """Wire §5: two shops of one maker in one business are two installs with a system user each; the swap has to name one."""
    world = api.world
    await install(api, ("page",), shop="one")
    await install(api, ("page2",), shop="two")
    bob = await _person(api, "bob")
    assert error(await swap(api, bob)) == (400, 100, None)
    for shop, name, other in (("one", "page", "page2"), ("two", "page2", "page")):
        token = await _swapped(api, bob, fbe_external_business_id=shop)
        assert (await api.get(f"/{world.assets[name]}", token))["name"] == name
        assert error(await api.call(f"/{world.assets[other]}", token)) == (400, 100, 33)


async def test_a_partner_acts_on_behalf(api: Api) -> None:
    """Wire §5.1, MT-20: a partner's admin system user swaps as long as something is lent to the partner, no other does."""
    world = api.world
    await install(api, ALL, shop=SHOP)

    async def robot(business: int, role: Role, app: str = "both") -> str:
        new = portfolio.NewSystemUser(business, world.apps[app], "Robot", SHOP_SCOPES, (), role)
        async with world.services.store.write() as tx:
            return (await portfolio.add_system_user(tx, world.services, new, None, api.now)).token.text

    agency = await robot(world.partner, Role.ADMIN)
    assert (await api.get("/me", await _swapped(api, agency)))["name"] == "App both System User (FBE)"
    before = await _minted(api)
    for title, token in (
        ("employee", await robot(world.partner, Role.EMPLOYEE)),
        ("no relation", await robot(world.elsewhere, Role.ADMIN)),
        ("other app", await robot(world.partner, Role.ADMIN, "tokens")),
    ):
        assert error(await swap(api, token))[1] == 100, title
    async with world.services.store.write() as tx:
        await rights.end_shares(tx, world.assets["page"], world.partner, api.now)
    assert error(await swap(api, agency)) == (400, 100, 33)
    assert await _minted(api) == before


async def test_the_configuration_is_kept(api: Api) -> None:
    """Wire §5.1: GET and POST fbe_business keep a business_config; parts that are not named stay; employees only read it."""
    _, own = await install(api, ALL, shop=SHOP)
    given = {"fbe_external_business_id": SHOP}
    config = {"business": {"name": "Shop"}, "ig_cta": {"enabled": True}}
    assert await api.get("/fbe_business", own, **given) == config
    sent = json.dumps({"ig_cta": {"enabled": False}, "messenger": {"enabled": True, "domains": ["https://a.example"]}})
    answer = await api.call("/fbe_business", own, "POST", business_config=sent, **given)
    assert answer.json() == {"success": True}
    emil = await _person(api, "emil")
    assert await api.get("/fbe_business", emil, **given) == {**config, **json.loads(sent)}
    assert error(await api.call("/fbe_business", emil, "POST", business_config=sent, **given))[1] == 100
    for wrong in (
        "",
        "[]",
        "x",
        '"a"',
        "{" * 5000,
        '{"business": {}}',
        '{"business": {"name": ""}}',
        '{"business": 1}',
    ):
        refused = await api.call("/fbe_business", own, "POST", business_config=wrong, **given)
        assert error(refused) == (400, 100, None), wrong
    assert await api.get("/fbe_business", own, **given) == {**config, **json.loads(sent)}


async def test_switches_and_repair(api: Api) -> None:
    """Wire §5.1: fbe_rollout_switches answers an empty list; a repair says whether the install stands and gives nothing back."""
    world = api.world
    install_id, own = await install(api, ALL, shop=SHOP)
    given = {"fbe_external_business_id": SHOP}
    assert await api.get("/fbe_business/fbe_rollout_switches", own, **given) == {"data": []}
    async with world.services.store.read() as tx:
        member = await rights.find_member(tx, int((await api.get("/me", own))["id"]), world.business, api.now)
    assert member is not None
    await membership.take_away(world.services, world.business, member.id, world.assets["page"], None, api.now)
    answer = await api.call("/commerce_partner_integrations_repair", own, "POST", **given)
    assert answer.json() == {"success": True, "id": str(install_id)}
    assert (await api.call(f"/{world.assets['page']}", own)).status_code == 403


async def test_an_admin_has_an_install_put_right(api: Api) -> None:
    """Wire §5.1: a repair with an admin's token gives the system user back what was chosen at the install and taken since, as far
    as that token itself manages it; an employee's, a system user's and an old login's from its claim on give nothing back."""
    world = api.world
    install_id, own = await install(api, ("page", "page2", "ads"), shop=SHOP)
    given = {"fbe_external_business_id": SHOP}
    async with world.services.store.read() as tx:
        member = await rights.find_member(tx, int((await api.get("/me", own))["id"]), world.business, api.now)
    assert member is not None
    for name in ("page", "page2"):
        await membership.take_away(world.services, world.business, member.id, world.assets[name], None, api.now)

    async def repaired(token: str) -> list[int]:
        answer = await api.call("/commerce_partner_integrations_repair", token, "POST", **given)
        assert answer.json() == {"success": True, "id": str(install_id)}, answer.text
        return [(await api.call(f"/{world.assets[name]}", own)).status_code for name in ("page", "page2", "ads")]

    for who, names in (("emil", ("page", "page2")), ("bob", ())):
        assert await repaired(await _person(api, who, names=names)) == [403, 403, 200]
    assert await repaired(own) == [403, 403, 200]
    admin = await _person(api, "bob", names=("page",))
    assert await repaired(admin) == [200, 403, 200]
    assert await repaired(admin) == [200, 403, 200]
    async with world.services.store.read() as tx:
        repairs = select(schema.audit.c.actor_id).where(schema.audit.c.act == "install.repair")
        assert [row.actor_id for row in await tx.rows(repairs)] == [world.people["bob"]]
    wide = await _person(api, "bob", names=("page", "page2"))
    assert await repaired(wide) == [200, 200, 200]
    await membership.take_away(world.services, world.business, member.id, world.assets["page"], None, api.now)
    await world.claim(await world.start("bob"), "bob", api.now)
    assert await repaired(wide) == [403, 200, 200]


async def test_uninstalling(api: Api) -> None:
    """Wire §5.1: DELETE fbe_installs kills the system user's tokens, for an admin or itself, not for an employee."""
    world = api.world
    given = {"fbe_external_business_id": SHOP}
    for who in ("admin", "itself"):
        _, own = await install(api, ALL, shop=SHOP)
        bob, emil = await _person(api, "bob"), await _person(api, "emil")
        assert error(await api.call(INSTALLS, emil, "DELETE", **given)) == (400, 100, None)
        assert (await api.get("/me", own))["id"]
        answer = await api.call(INSTALLS, bob if who == "admin" else own, "DELETE", **given)
        assert answer.json() == {"success": True}
        assert error(await api.call("/me", own)) == (400, 190, 458)
        assert await api.get(INSTALLS, bob, **given) == {"data": []}
        assert error(await api.call(INSTALLS, bob, "DELETE", **given)) == (400, 100, None)
    async with world.services.store.read() as tx:
        assert await business_login.list_installs(tx, world.business) == []


async def test_the_app_is_told(api: Api) -> None:
    """Wire §5.2: fbe_install comes with the swap's token and the assets; an uninstall has neither; nobody subscribed: no token."""
    world = api.world
    await install(api, ("page",), app="tokens", shop="quiet")
    assert await world.outbox() == []
    before = await _minted(api)
    async with world.services.store.write() as tx:
        new = NewSubscription("user", "https://both.example/hook", ("fbe_install",))
        await webhooks.subscribe(tx, world.services, world.apps["both"], new, True, api.now)
    await install(api, ("page", "catalog"), shop=SHOP)
    (told,) = [json.loads(one.body) for one in await world.outbox()]
    assert told["object"] == "user"
    entry = told["entry"][0]
    bob = await _person(api, "bob")
    assert entry["uid"] == (await api.get("/me", bob))["id"]
    value = entry["changes"][0]["value"]
    assert entry["changes"][0]["field"] == "fbe_install"
    assert (value["business_id"], value["business_manager_id"]) == (SHOP, str(world.business))
    assert (value["pages"], value["catalog_id"]) == ([str(world.assets["page"])], str(world.assets["catalog"]))
    assert value["install_time"] == int(api.now.timestamp())
    assert value["access_token"] == await _swapped(api, bob)
    assert await _minted(api) == before + 2
    await api.call(INSTALLS, bob, "DELETE", fbe_external_business_id=SHOP)
    last = json.loads((await world.outbox())[-1].body)["entry"][0]["changes"][0]["value"]
    assert last == {"business_id": SHOP, "business_manager_id": str(world.business)}


async def _strangers(api: Api, world: World) -> dict[str, str]:
    """Callers to whom nothing of the install may be known."""
    async with world.services.store.write() as tx:
        nora = await portfolio.add_person(
            tx, world.services, AccountKind.PERSONAL, "Nora", "nora@home.example", None, api.now
        )
    world.people["nora"] = nora
    return {
        "stranger": await _person(api, "nora", businesses=()),
        "partner": await _person(api, "paul", businesses=(world.partner,)),
        "same person, other app": await _person(api, "bob", "tokens"),
        "business not selected": await api.login(world.people["ada"], names=("page",), scopes=SHOP_SCOPES),
        "without the scope": await api.login(world.people["ada"], "system", ("page",), ("pages_show_list",)),
    }


async def test_nobody_else_learns_of_an_install(api: Api) -> None:
    """MT-01, MT-20: to whom the business is not open an install with its id is as one that never was, on every path."""
    world = api.world
    install_id, own = await install(api, ALL, shop=SHOP)
    for title, token in (await _strangers(api, world)).items():
        for method, path in CALLS:
            values = {"business_config": "{}"}
            known = await api.call(path, token, method, fbe_external_business_id=SHOP, **values)
            ghost = await api.call(path, token, method, fbe_external_business_id="never", **values)
            assert known.status_code == ghost.status_code, (title, method, path)
            plain = [one.json() for one in (known, ghost)]
            for one in plain:
                one.get("error", {}).pop("fbtrace_id", None)
            assert plain[0] == plain[1], (title, method, path)
    for method, path in CALLS:
        assert error(await api.call(path, None, method))[1] == 104
        assert error(await api.call(path, await api.app_token("both"), method))[1] == 803
        assert error(await api.call(path + "/x", own, method))[1] == 803
    assert (await api.get(INSTALLS, own, fbe_external_business_id=SHOP))["data"][0][
        "commerce_partner_integration_id"
    ] == str(install_id)
