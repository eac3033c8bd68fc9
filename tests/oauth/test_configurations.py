"""Login for Business: configurations, the dialog that installs, the system user's token (``wire.md`` §4)."""

import json
from datetime import timedelta

import httpx
import pytest

from workbadge.commands import membership
from workbadge.commands.configuration import NewConfiguration, add_configuration
from workbadge.commands.errors import CommandError
from workbadge.commands.install import uninstall_app
from workbadge.keys import hash_secret
from workbadge.store import business_login, grants, records, rights
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, Role, TokenKind

from ._configured import SYSTEM, administer_two, configure, dialog, install, subscribe, to_review
from ._site import Answer, Browser, LoginSite

pytestmark = pytest.mark.anyio

SIXTY = 60 * 86_400


async def _signed_in(site: LoginSite, who: str = "ada") -> Browser:
    browser = site.browser()
    await browser.sign_in_as(who)
    return browser


def _refused(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, answer.text
    return Answer(answer.headers["location"]).query


async def test_a_system_user_configuration_gives_a_token_of_the_business(site: LoginSite) -> None:
    """Wire 9.12: a config_id of the system-user kind installs the app; its code, without redirect_uri, gives a BISU token."""
    world = site.world
    config = await configure(site)
    browser = await _signed_in(site)
    page = await browser.get(dialog(site, config))
    assert "be installed in your business" in page.text
    assert "It acts as a system user of the business" in page.text
    assert browser.boxes(page, "scope") == []
    page = await browser.submit(page, action="next")
    assert "Harbour" in page.text
    assert set(browser.boxes(page, "target")) == {str(world.assets[one]) for one in ("page", "page2", "ads", "pixel")}
    assert browser.ticked(page, "target") == []
    page = await browser.submit(page, action="next", target=[world.assets["page"], world.assets["ads"]])
    assert "in <bdi>Harbour</bdi>?" in page.text
    assert "It acts as a system user of Harbour" in page.text
    code = _refused(await browser.submit(page, action="allow"))["code"]
    client = {"client_id": str(world.apps["both"]), "client_secret": await site.secret(), "code": code}
    answer = (await site.token(data=client)).json()
    assert set(answer) == {"access_token", "token_type"}
    token = answer["access_token"]
    me = await site.graph("/me?fields=id,name,client_business_id,install_type", token)
    assert me["name"] == "App both System User"
    assert me["client_business_id"] == str(world.business)
    assert me["install_type"] == "BUSINESS_INTEGRATION"
    assert (await site.graph(f"/{world.assets['ads']}", token))["id"] == f"act_{world.assets['ads']}"
    assert (await site.graph(f"/{world.assets['page2']}", token))["error"]["code"] == 100
    assert (await site.graph("/me?fields=email", token))["error"]["code"] == 100
    about = (await site.graph(f"/debug_token?input_token={token}", token))["data"]
    assert (about["type"], about["expires_at"]) == ("SYSTEM_USER", 0)
    targets = {one["scope"]: one["target_ids"] for one in about["granular_scopes"]}
    assert targets["pages_show_list"] == [str(world.assets["page"])]
    assert targets["business_management"] == [str(world.business)]


async def test_the_install_belongs_to_the_business(site: LoginSite) -> None:
    """Wire §4: the person grants nothing personally; the install says who, when, by which configuration, and that it is swapped."""
    world = site.world
    config = await configure(site)
    code = await install(site, config)
    async with world.services.store.read() as tx:
        assert await grants.find_grant(tx, world.people["ada"], world.apps["both"]) is None
        (unswapped,) = await business_login.list_unswapped_installs(tx, world.business)
        assert (unswapped.app, unswapped.configuration, unswapped.installer) == ("App both", "Sales", "Ada")
        account = await records.find_account(tx, unswapped.account_id)
        member = await rights.find_member(tx, unswapped.account_id, world.business, site.now)
    assert account is not None and account.kind == AccountKind.SYSTEM
    assert member is not None and member.role is Role.EMPLOYEE and set(member.assignments) == {world.assets["page"]}
    site.advance(seconds=30)
    await site.exchange(code)
    async with world.services.store.read() as tx:
        assert await business_login.list_unswapped_installs(tx, world.business) == []
        (found,) = await business_login.list_installs(tx, world.business)
    assert found.swapped_at == site.now


async def test_an_expiring_configuration_gives_sixty_days_and_is_refreshed(site: LoginSite) -> None:
    """Wire §3.2, §4: a token of a 60-day configuration ends after 60 days; fb_exchange_token gives another 60 from then."""
    config = await configure(site, expires=True)
    answer = await site.exchange(await install(site, config))
    assert answer["expires_in"] == SIXTY
    site.advance(days=50)
    client = {"client_id": str(site.world.apps["both"]), "client_secret": await site.secret()}
    data = {**client, "grant_type": "fb_exchange_token", "fb_exchange_token": answer["access_token"]}
    fresh = (await site.token(data=data)).json()
    assert fresh["expires_in"] == SIXTY
    site.advance(days=10)
    assert (await site.graph("/me", answer["access_token"]))["error"]["error_subcode"] == 463
    assert "id" in await site.graph("/me", fresh["access_token"])
    async with site.world.services.store.read() as tx:
        row = await grants.find_token(tx, hash_secret(fresh["access_token"]))
    assert row is not None and row.kind == TokenKind.SYSTEM_USER
    assert row.expires_at == site.now + timedelta(days=50)
    lapsed = await site.token(data=data)
    assert (lapsed.status_code, lapsed.json()["error"]["code"]) == (400, 190)


async def test_an_endless_token_gets_an_end_only_when_asked(site: LoginSite) -> None:
    """Wire §3.2: a refresh gives a system user's endless token an end with set_token_expires_in_60_days, never takes one away."""
    answer = await site.exchange(await install(site, await configure(site)))
    client = {"client_id": str(site.world.apps["both"]), "client_secret": await site.secret()}
    data = {**client, "grant_type": "fb_exchange_token", "fb_exchange_token": answer["access_token"]}
    assert "expires_in" not in (await site.token(data=data)).json()
    ending = (await site.token(data={**data, "set_token_expires_in_60_days": "true"})).json()
    assert ending["expires_in"] == SIXTY
    again = {**data, "fb_exchange_token": ending["access_token"], "set_token_expires_in_60_days": "false"}
    assert (await site.token(data=again)).json()["expires_in"] == SIXTY


async def test_wrong_uses_of_a_configuration_go_back_to_the_app(site: LoginSite) -> None:
    """Wire §4: an unknown or foreign config_id, a wrong response_type, mobile use and a scope beside it are told to the app."""
    config, foreign = await configure(site), await configure(site, "tokens")
    browser = await _signed_in(site)
    for values, word in (
        ({"config_id": foreign}, "config_id"),
        ({"config_id": "442222222222222222"}, "config_id"),
        ({"config_id": str(site.world.business)}, "config_id"),
        ({"config_id": "x" * 500}, "config_id"),
        ({"override_default_response_type": None}, "response_type"),
        ({"override_default_response_type": "false"}, "response_type"),
        ({"response_type": "token"}, "response_type"),
        ({"response_type": "code token"}, "response_type"),
        ({"display": "touch"}, "web only"),
        ({"scope": "email"}, "scope"),
    ):
        back = _refused(await browser.client.get(dialog(site, config, **values)))  # type: ignore[arg-type]
        assert back["error_code"] == "100" and word in back["error_message"], (values, back)
        assert back["state"] == "a state"
    twice = await browser.client.get(dialog(site, config) + "&config_id=1")
    assert (twice.status_code, "sent twice" in twice.text) == (400, True)


async def test_only_an_admin_of_the_business_installs(site: LoginSite) -> None:
    """Wire §4, MT-18: who administers no business gets a page that says so; a forged business or asset is refused, not taken."""
    world = site.world
    config = await configure(site)
    emil = await _signed_in(site, "emil")
    page = await to_review(emil, dialog(site, config), ("other",), world.elsewhere)
    async with world.services.store.read() as tx:
        members = await rights.list_members(tx, world.elsewhere)
    forged = await emil.submit(page, action="allow", business=world.business, target=[world.assets["page"]])
    assert forged.status_code == 403
    assert "Only an admin" in forged.text
    stranger = await emil.submit(page, action="allow", business=world.partner, target=[])
    assert stranger.status_code == 400
    for asset in ("page", "page2", "ads"):
        wrong = await emil.submit(page, action="allow", target=[world.assets[asset]])
        assert (wrong.status_code, "cannot be selected" in wrong.text) == (403, True), asset
    catalog = await emil.submit(page, action="allow", target=[world.assets["catalog"]])
    assert catalog.status_code == 403
    async with world.services.store.read() as tx:
        assert await business_login.list_installs(tx, world.business) == []
        assert await business_login.list_installs(tx, world.elsewhere) == []
        places = await rights.list_members(tx, world.elsewhere)
    assert len(places) == len(members)
    for place in places:
        if place.account_id == world.people["emil"]:
            await membership.change_role(world.services, world.elsewhere, place.id, Role.EMPLOYEE, None, site.now)
    none = await emil.get(dialog(site, config))
    assert (none.status_code, "You administer no business" in none.text) == (403, True)
    assert _refused(await emil.submit(none, action="cancel"))["error"] == "access_denied"


async def test_the_business_has_to_be_chosen(site: LoginSite) -> None:
    """Wire §4: who administers several businesses chooses one: going on without asks again; going back keeps what was chosen;
    what was ticked in one business is not carried into another."""
    world = site.world
    await administer_two(site)
    config = await configure(site)
    browser = await _signed_in(site)
    page = await browser.submit(await browser.get(dialog(site, config)), action="next")
    page = await browser.submit(page, action="next", business=[])
    assert "Choose one business." in page.text
    page = await browser.submit(page, action="next", business=world.business)
    page = await browser.submit(page, action="next", target=[world.assets["page2"]])
    page = await browser.submit(page, action="back")
    assert browser.ticked(page, "target") == [str(world.assets["page2"])]
    page = await browser.submit(page, action="back")
    assert browser.ticked(page, "business") == [str(world.business)]
    other = await browser.submit(page, action="next", business=world.elsewhere)
    assert browser.boxes(other, "target") == [str(world.assets["other"])]
    assert browser.ticked(other, "target") == []
    page = await browser.submit(page, action="back")
    assert "be installed in your business" in page.text


async def test_the_only_business_is_not_asked_for(site: LoginSite) -> None:
    """Wire §4: who administers one business alone goes from the permissions to its assets, and back, and the review names it."""
    browser = await _signed_in(site)
    page = await browser.submit(await browser.get(dialog(site, await configure(site))), action="next")
    page = await browser.submit(page, action="back")
    assert "be installed in your business" in page.text
    page = await browser.submit(page, action="next")
    page = await browser.submit(page, action="next", target=[site.world.assets["page"]])
    assert "in <bdi>Harbour</bdi>?" in page.text
    assert "code" in _refused(await browser.submit(page, action="allow"))


async def test_a_configuration_without_assets_goes_to_the_review(site: LoginSite) -> None:
    """Wire §4: a configuration that is about the business alone asks for no asset; going back leads to the permissions."""
    browser = await _signed_in(site)
    config = await configure(site, scopes=("business_management",))
    page = await browser.submit(await browser.get(dialog(site, config)), action="next")
    assert "in <bdi>Harbour</bdi>?" in page.text
    back = await browser.submit(page, action="back")
    assert "be installed in your business" in back.text
    token = (await site.exchange(_refused(await browser.submit(page, action="allow"))["code"]))["access_token"]
    assert (await site.graph("/me/businesses", token))["data"][0]["id"] == str(site.world.business)


async def test_a_personal_login_cannot_install_in_a_business_it_handed_over(site: LoginSite) -> None:
    """M5, A6: in grace the personal account installs nothing in that business; earlier installs work on, in grace and after."""
    world = site.world
    config = await configure(site)
    token = (await site.exchange(await install(site, config)))["access_token"]
    standing = await _signed_in(site)
    page = await to_review(standing, dialog(site, config), ("page",))
    site.advance(minutes=5)
    made = await site.migrate("ada")
    late = await standing.submit(page, action="allow")
    assert late.status_code == 400
    browser = await _signed_in(site)
    assert "You administer no business" in (await browser.get(dialog(site, config))).text
    work = site.browser()
    await work.sign_in(made.email, "correct horse battery")
    review = await to_review(work, dialog(site, config), ("page", "page2"))
    assert "code" in _refused(await work.submit(review, action="allow"))
    for days in (0, 29, 2, 400):
        site.advance(days=days)
        found = await site.graph(f"/{world.assets['page']}?fields=name,user_access_expire_time", token)
        assert found == {"name": "page", "id": str(world.assets["page"])}


async def test_installing_again_changes_the_selection(site: LoginSite) -> None:
    """Wire §4, §6.5: a second install of an app in a business is the same system user with the new selection; the app is told."""
    world = site.world
    config = await configure(site)
    await subscribe(site)
    first = (await site.exchange(await install(site, config, ("page", "ads"))))["access_token"]
    site.advance(days=1)
    second = (await site.exchange(await install(site, config, ("page2", "ads"), who="bob")))["access_token"]
    assert (await site.graph("/me", first))["id"] == (await site.graph("/me", second))["id"]
    for token in (first, second):
        assert (await site.graph(f"/{world.assets['page']}", token))["error"]["code"] == 100
        assert (await site.graph(f"/{world.assets['page2']}", token))["name"] == "page2"
    async with world.services.store.write() as tx:
        (row,) = await business_login.list_installs(tx, world.business)
        await uninstall_app(tx, world.services, row.id, world.people["bob"], site.now)
    told = [json.loads(one.body) for one in await world.outbox()]
    assert {one["object"] for one in told} == {"application"}
    entries = [one["entry"][0] for one in told]
    assert {one["id"] for one in entries} == {str(world.apps["both"])}
    where = {"business_manager_id": str(world.business)}
    assert [one["changes"][0] for one in entries] == [
        {"field": "business_integration_install", "value": {**where, "tp_config_id": config}},
        {"field": "business_integration_update", "value": where},
        {"field": "business_integration_uninstall", "value": where},
    ]


async def test_what_an_install_had_is_one_click(site: LoginSite) -> None:
    """L2: installing again ticks nothing by itself; one click ticks what the app has in this business, whoever installed it."""
    config = await configure(site)
    await install(site, config, ("page", "ads"))
    bob = await _signed_in(site, "bob")
    page = await bob.submit(await bob.get(dialog(site, config)), action="next")
    assert bob.ticked(page, "target") == [] and "Select the 2 assets this app had before" in page.text
    page = await bob.submit(page, select="before")
    assert set(bob.ticked(page, "target")) == {str(site.world.assets[one]) for one in ("page", "ads")}


async def test_a_code_of_an_install_is_used_once(site: LoginSite) -> None:
    """OA-19: a second use of an install's code is refused and kills the token that the first one led to."""
    code = await install(site, await configure(site))
    token = (await site.exchange(code))["access_token"]
    assert (await site.exchange(code))["error"]["error_subcode"] == 36009
    assert (await site.graph("/me", token))["error"]["code"] == 190


async def test_a_wrong_redirect_address_is_refused_all_the_same(site: LoginSite) -> None:
    """OA-21, 9.9: only a redirect_uri that is left out is forgiven, and only to codes of a configuration."""
    code = await install(site, await configure(site))
    wrong = await site.exchange(code, redirect_uri="https://evil.example/")
    assert wrong["error"]["error_subcode"] == 36008
    plain = await site.code()
    client = {"client_id": str(site.world.apps["both"]), "client_secret": await site.secret(), "code": plain}
    assert (await site.token(data=client)).json()["error"]["error_subcode"] == 36008


async def test_a_user_configuration_takes_the_place_of_scope(site: LoginSite) -> None:
    """Wire §4: a user-token configuration grants all of its permissions or none, offers its kinds of assets, and ignores scope."""
    world = site.world
    scopes = ("pages_show_list", "ads_read", "user_birthday")
    config = await configure(site, token="user", scopes=scopes, kinds=("page",))
    browser = await _signed_in(site, "emil")
    page = await browser.get(site.dialog(config_id=config, scope="catalog_management"))
    assert browser.boxes(page, "scope") == []
    page = await browser.submit(page, action="next", scope=["email"])
    assert set(browser.boxes(page, "target")) == {str(world.assets[one]) for one in ("page", "page2", "other")}
    review = await browser.submit(page, action="next", target=[world.assets["page"]])
    forged = await browser.submit(review, action="allow", target=[world.assets["ads"]])
    assert forged.status_code == 403
    code = _refused(await browser.submit(review, action="allow"))["code"]
    client = {"client_id": str(world.apps["both"]), "client_secret": await site.secret(), "code": code}
    answer = (await site.token(data=client)).json()
    assert answer["expires_in"] == 7200
    held = (await site.graph("/me/permissions", answer["access_token"]))["data"]
    assert {(one["permission"], one["status"]) for one in held} == {
        (name, "granted") for name in ("public_profile", "email", *scopes)
    }
    back = _refused(await browser.client.get(site.dialog(config_id=config)))
    assert "code" in back


async def test_what_was_declined_is_asked_again_by_a_configuration(site: LoginSite) -> None:
    """Wire §4: all or none also where a permission was declined in an ordinary login before; a work account leaves user_* out."""
    world = site.world
    browser = await _signed_in(site, "emil")
    page = await browser.get(site.dialog(scope="pages_show_list,ads_read"))
    page = await browser.submit(page, action="next", scope=["pages_show_list"])
    page = await browser.submit(page, action="next", target=[world.assets["page"]])
    await browser.submit(page, action="allow")
    config = await configure(site, token="user", scopes=("pages_show_list", "ads_read", "user_birthday"))
    page = await browser.get(site.dialog(config_id=config))
    assert "Read your ad accounts" in page.text
    answer = await browser.allow(page, ("page", "ads"))
    held = (await site.graph("/me/permissions", (await site.exchange(answer.query["code"]))["access_token"]))["data"]
    assert {one["permission"] for one in held if one["status"] == "declined"} == set()
    made = await site.migrate("selma")
    work = site.browser()
    await work.sign_in(made.email, "correct horse battery")
    answer = await work.allow(await work.get(site.dialog(config_id=config)), ("page",))
    token = (await site.exchange(answer.query["code"]))["access_token"]
    granted = {one["permission"] for one in (await site.graph("/me/permissions", token))["data"]}
    assert granted == {"public_profile", "email", "pages_show_list", "ads_read"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"token": "page"}, "token"),
        ({"token": ""}, "token"),
        ({"scopes": ("email", "pages_show_list")}, "scopes"),
        ({"scopes": ("user_photos",)}, "scopes"),
        ({"scopes": ("no_such",)}, "scopes"),
        ({"scopes": ()}, "scopes"),
        ({"token": "user", "scopes": ("email", "public_profile")}, "scopes"),
        ({"token": "user", "expires": True}, "expires_in_60_days"),
        ({"kinds": ("product_catalog",)}, "assets"),
        ({"kinds": ("business",)}, "assets"),
        ({"name": " "}, "name"),
    ],
)
async def test_a_configuration_that_makes_no_sense_is_refused(
    site: LoginSite, values: dict[str, object], field: str
) -> None:
    """Wire §4: a configuration names a kind of token, at least one scope beyond the login, and kinds of assets of its scopes."""
    given = {"name": "Sales", "token": "system_user", "scopes": SYSTEM, **values}
    new = NewConfiguration(site.world.apps["both"], **given)  # type: ignore[arg-type]
    async with site.world.services.store.write() as tx:
        with pytest.raises(CommandError) as caught:
            await add_configuration(tx, site.world.services, new, site.now)
    assert caught.value.field == field and caught.value.expected


async def test_an_install_waits_for_nobody(site: LoginSite) -> None:
    """A6, I4: suspending or migrating whoever installed the app changes nothing about the system user's token."""
    world = site.world
    token = (await site.exchange(await install(site, await configure(site))))["access_token"]
    places = await world.people_list(site.now)
    await membership.remove_member(world.services, world.business, places["ada@home.example"], None, site.now)
    site.clock.set(site.now + 100 * DAY)
    assert (await site.graph(f"/{world.assets['page']}", token))["name"] == "page"
