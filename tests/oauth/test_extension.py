"""The dialog of the Business Extension: ``extras``, one business, the person's token and the install (``wire.md`` §5.1)."""

import json

import pytest

from workbadge.store import business_login, grants

from ._configured import administer_two
from ._site import Answer, Browser, LoginSite

pytestmark = pytest.mark.anyio

SCOPES = "manage_business_extension,ads_management,catalog_management,pages_read_engagement"
SETUP = {
    "external_business_id": "shop-1",
    "timezone": "America/Los_Angeles",
    "currency": "USD",
    "business_vertical": "ECOMMERCE",
}


def _extras(**setup: object) -> str:
    wanted = {key: value for key, value in {**SETUP, **setup}.items() if value is not None}
    return json.dumps({"setup": wanted, "business_config": {"business": {"name": "Shop"}}, "repeat": False})


def _dialog(site: LoginSite, extras: str | None = None, **values: str | None) -> str:
    asked: dict[str, str | None] = {"scope": SCOPES, "extras": extras or _extras(), "display": "page", **values}
    return site.dialog(version="", **asked)


async def _signed_in(site: LoginSite, who: str = "ada") -> Browser:
    browser = site.browser()
    await browser.sign_in_as(who)
    return browser


async def _set_up(browser: Browser, address: str, assets: tuple[str, ...], business: int | None = None) -> Answer:
    world = browser.site.world
    page = await browser.get(address)
    page = await browser.submit(page, action="next", scope=SCOPES.split(","))
    if "Where is" in page.text:
        page = await browser.submit(page, action="next", business=business or world.business)
    page = await browser.submit(page, action="next", target=[world.assets[one] for one in assets])
    answer = await browser.submit(page, action="allow")
    assert answer.status_code == 303, answer.text
    return Answer(answer.headers["location"])


async def test_a_shop_is_set_up_and_swaps(site: LoginSite) -> None:
    """Wire §5.1, L4: dialog, code, user token, install state, swap: as a shop's plugin does it, unversioned."""
    world = site.world
    browser = await _signed_in(site)
    page = await browser.get(_dialog(site))
    assert "be set up in your business" in page.text
    assert set(browser.boxes(page, "scope")) == {"ads_management", "catalog_management", "pages_read_engagement"}
    back = await _set_up(browser, _dialog(site), ("page", "ads", "catalog", "pixel"))
    answer = await site.exchange(back.query["code"])
    assert answer["expires_in"] == 7200
    token = answer["access_token"]
    found = (await site.graph("/fbe_business/fbe_installs?fbe_external_business_id=shop-1", token))["data"][0]
    assert found["business_manager_id"] == str(world.business)
    assert found["pages"] == [str(world.assets["page"])]
    assert found["catalog_id"] == str(world.assets["catalog"])
    data = {"app_id": str(world.apps["both"]), "scope": SCOPES, "access_token": token}
    path = f"/{world.business}/access_token"
    swapped = (await site.token("POST", path, data={**data, "fbe_external_business_id": "shop-1"})).json()
    assert (await site.graph("/me", swapped["access_token"]))["name"] == "App both System User (FBE)"
    assert (await site.graph(f"/{world.assets['page']}", swapped["access_token"]))["name"] == "page"


async def test_the_token_may_come_at_once(site: LoginSite) -> None:
    """Wire §5.1: with response_type=token the person's token comes in the fragment; the install is made all the same."""
    browser = await _signed_in(site)
    back = await _set_up(browser, _dialog(site, response_type="token"), ("page",))
    assert back.query == {}
    token = back.fragment["access_token"]
    assert (await site.graph("/fbe_business?fbe_external_business_id=shop-1", token)) == {"business": {"name": "Shop"}}


async def test_what_is_declined_is_declined_for_both(site: LoginSite) -> None:
    """Wire §5.1: permissions besides manage_business_extension can be declined, for the person and for the system user."""
    world = site.world
    browser = await _signed_in(site)
    page = await browser.submit(await browser.get(_dialog(site)), action="next", scope=["pages_read_engagement"])
    page = await browser.submit(page, action="next", target=[world.assets["page"]])
    back = Answer((await browser.submit(page, action="allow")).headers["location"])
    held = (await site.graph("/me/permissions", (await site.exchange(back.query["code"]))["access_token"]))["data"]
    assert {one["permission"] for one in held if one["status"] == "granted"} == {
        "public_profile",
        "manage_business_extension",
        "pages_read_engagement",
    }
    async with world.services.store.read() as tx:
        (row,) = await business_login.list_installs(tx, world.business)
        grant = await grants.find_grant(tx, row.account_id, world.apps["both"])
    assert grant is not None
    assert set(grant.scopes.split(",")) == {"manage_business_extension", "pages_read_engagement"}


async def test_a_second_shop_leaves_the_first(site: LoginSite) -> None:
    """Wire §5.1: setting another shop up in another business takes nothing from the first, nor from the person's token."""
    world = site.world
    await administer_two(site)
    ada = await _signed_in(site)
    first = (await site.exchange((await _set_up(ada, _dialog(site), ("page",))).query["code"]))["access_token"]
    second = _dialog(site, _extras(external_business_id="shop-2"))
    await _set_up(ada, second, ("other",), world.elsewhere)
    for shop, business, name in (("shop-1", world.business, "page"), ("shop-2", world.elsewhere, "other")):
        listed = await site.graph(f"/fbe_business/fbe_installs?fbe_external_business_id={shop}", first)
        assert listed["data"][0]["business_manager_id"] == str(business)
        assert listed["data"][0]["pages"] == [str(world.assets[name])]
    await _set_up(ada, _dialog(site), ("page2",))
    listed = await site.graph("/fbe_business/fbe_installs?fbe_external_business_id=shop-1", first)
    assert listed["data"][0]["pages"] == [str(world.assets["page2"])]
    assert (await site.graph(f"/{world.assets['page']}", first))["error"]["code"] == 100


async def test_unfit_extras_go_back_to_the_app(site: LoginSite) -> None:
    """Wire §5.1, WB-12, WB-13: extras that cannot be read or lack what is required are told, naming the field at fault."""
    browser = await _signed_in(site)
    for extras, word in (
        ("{", "extras"),
        ("[]", "extras"),
        ("1", "extras"),
        ("null", "extras"),
        ("{}", "setup"),
        ('{"setup": 1}', "setup"),
        ('{"setup": {}}', "external_business_id"),
        (_extras(external_business_id=None), "external_business_id"),
        (_extras(external_business_id=""), "external_business_id"),
        (_extras(external_business_id="x" * 256), "external_business_id"),
        (_extras(external_business_id=7), "external_business_id"),
        (_extras(external_business_id="a\u202eb"), "external_business_id"),
        (_extras(timezone=None), "timezone"),
        (_extras(timezone="<b>"), "timezone"),
        (_extras(currency="euro"), "currency"),
        (_extras(currency=None), "currency"),
        (_extras(business_vertical="shop"), "business_vertical"),
        (_extras(channel="NOWHERE"), "channel"),
        (_extras(domain="x" * 2001), "domain"),
        (json.dumps({"setup": SETUP, "business_config": 3}), "business_config"),
        (json.dumps({"setup": SETUP, "business_config": {"business": {}}}), "business_config.business"),
        (json.dumps({"setup": SETUP, "repeat": "no"}), "repeat"),
        (json.dumps({"setup": SETUP, "business_config": {"a": "x" * 16_384}}), "16384"),
        ("[" * 5_000, "extras"),
    ):
        answer = await browser.client.get(_dialog(site, extras))
        assert answer.status_code == 303, extras[:80]
        back = Answer(answer.headers["location"]).query
        assert back["error_code"] == "100" and word in back["error_message"], (extras[:80], back)
        assert back["state"] == "a state"
    for channel in ("DEFAULT", "COMMERCE", "COMMERCE_OFFSITE", "FEED", "SIGNALS"):
        extras = _extras(channel=channel, domain="https://shop.example/ü")
        assert (await browser.client.get(_dialog(site, extras))).status_code == 200


async def test_extras_and_scope_belong_together(site: LoginSite) -> None:
    """Wire §3.1, §5.1: a setup without the scope is refused; extras of other products and the bare scope are ordinary logins."""
    browser = await _signed_in(site)
    back = Answer((await browser.client.get(_dialog(site, scope="email"))).headers["location"]).query
    assert "manage_business_extension" in back["error_message"]
    other = await browser.client.get(_dialog(site, '{"feature": "something"}', scope="pages_show_list"))
    assert (other.status_code, "wants to connect" in other.text) == (200, True)
    bare = await browser.client.get(_dialog(site, "", scope="manage_business_extension"))
    assert bare.status_code in (200, 303)


async def test_only_admins_set_up(site: LoginSite) -> None:
    """MT-18, M5: a handed-over login and an employee set nothing up in the business."""
    world = site.world
    await site.migrate("ada")
    for who in ("ada", "paul"):
        browser = await _signed_in(site, who)
        page = await browser.get(_dialog(site))
        if who == "ada":
            assert (page.status_code, "You administer no business" in page.text) == (403, True)
            continue
        page = await browser.submit(page, action="next", scope=SCOPES.split(","))
        forged = await browser.submit(page, action="next", target=[])
        refused = await browser.submit(forged, action="allow", business=world.business)
        assert refused.status_code in (400, 403)
    async with world.services.store.read() as tx:
        assert await business_login.list_installs(tx, world.business) == []
