"""The dialog: accounts, permissions, assets from scratch, review, and back to the app."""

import asyncio
from urllib.parse import quote

import httpx
import pytest

from tests.commands._world import BASE, PASSWORD, make_services
from workbadge.commands import portfolio, registration
from workbadge.commands.app_roles import give_role
from workbadge.commands.app_status import restrict, set_mode
from workbadge.commands.registration import NewApp
from workbadge.commands.services import Policy
from workbadge.store import client_terms, grants
from workbadge.terms.apps import AppMode, AppRole, Restriction
from workbadge.terms.kinds import NodeKind

from ._site import ASKED, Answer, Browser, LoginSite

pytestmark = pytest.mark.anyio


async def _targets(site: LoginSite, account_id: int, app: str = "both") -> set[int]:
    async with site.world.services.store.read() as tx:
        grant = await grants.find_grant(tx, account_id, site.world.apps[app])
        return set() if grant is None else {row.target_id for row in await grants.list_targets(tx, grant.id)}


def _words(page: httpx.Response) -> str:
    """A page's text without the places where a line may break."""
    return page.text.replace("<wbr>", "")


async def _assets_page(browser: Browser, dialog: str) -> httpx.Response:
    page = await browser.get(dialog)
    assert "wants to connect" in page.text
    return await browser.submit(page, action="next")


async def test_a_login_from_start_to_end(site: LoginSite) -> None:
    """L1, L2, 9.6: signing in, permissions, assets with nothing ticked, review and Allow give a code for what was chosen."""
    browser, world = site.browser(), site.world
    page = await browser.get(site.dialog())
    assert page.url.path == "/login"
    page = await browser.submit(page, email="emil@home.example", password="emil has a password")
    assert browser.ticked(page, "scope").count("email") == 1
    page = await browser.submit(page, action="next")
    assert browser.ticked(page, "target") == []
    offered = {str(world.assets[name]) for name in ("page", "page2", "ads", "pixel", "other")}
    assert set(browser.boxes(page, "target")) == offered
    assert "moved to your work account" not in page.text
    page = await browser.submit(page, action="next", target=[world.assets["page"], world.assets["ads"]])
    assert "On 2 assets" in page.text
    answer = Answer((await browser.submit(page, action="allow")).headers["location"])
    assert set(answer.query) == {"code", "state"}
    assert answer.fragment == {}
    token = (await site.exchange(answer.query["code"]))["access_token"]
    assert (await site.graph(f"/{world.assets['page']}", token))["id"] == str(world.assets["page"])
    assert (await site.graph(f"/{world.assets['page2']}", token))["error"]["code"] == 100
    held = await _targets(site, world.people["emil"])
    assert held == {world.assets["page"], world.assets["ads"], world.business}


async def test_back_keeps_what_was_chosen(site: LoginSite) -> None:
    """Going back from the review and from the assets keeps ticks; a declined permission stays unticked."""
    browser, world = site.browser(), site.world
    await browser.sign_in_as("emil")
    page = await browser.get(site.dialog())
    page = await browser.submit(page, action="next", scope=["pages_show_list", "pages_read_engagement"])
    assert set(browser.boxes(page, "target")) == {str(world.assets[name]) for name in ("page", "page2", "other")}
    page = await browser.submit(page, action="next", target=[world.assets["page2"]])
    page = await browser.submit(page, action="back")
    assert browser.ticked(page, "target") == [str(world.assets["page2"])]
    page = await browser.submit(page, action="back")
    assert set(browser.ticked(page, "scope")) == {"public_profile", "pages_show_list", "pages_read_engagement"}


async def test_cancel_tells_the_app(site: LoginSite) -> None:
    """Wire 9.8: Cancel on any page goes back with the error triple and the state, and nothing is granted."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    first = await browser.get(site.dialog())
    second = await browser.submit(first, action="next")
    third = await browser.submit(second, action="next", target=[])
    for page in (first, second, third):
        answer = Answer((await browser.submit(page, action="cancel")).headers["location"])
        assert answer.query == {
            "error": "access_denied",
            "error_reason": "user_denied",
            "error_description": "Permissions error.",
            "state": "a state",
        }
    assert await _targets(site, site.world.people["emil"]) == set()


async def test_what_was_declined_is_not_asked_again(site: LoginSite) -> None:
    """Wire §3.1, 9.8: a declined permission is offered again only by rerequest; return_scopes tells what was granted."""
    browser, world = site.browser(), site.world
    await browser.sign_in_as("emil")
    page = await browser.get(site.dialog(return_scopes="true"))
    kept = [one for one in browser.boxes(page, "scope") if one not in ("ads_read", "email")]
    page = await browser.submit(page, action="next", scope=kept)
    page = await browser.submit(page, action="next", target=[world.assets["page"]])
    said = Answer((await browser.submit(page, action="allow")).headers["location"]).query
    assert set(said["denied_scopes"].split(",")) == {"ads_read", "email"}
    assert set(said["granted_scopes"].split(",")) == {"public_profile", *kept}
    again = Answer((await browser.get(site.dialog(return_scopes="true"))).headers["location"]).query
    assert again["granted_scopes"] == said["granted_scopes"]
    assert again["denied_scopes"] == said["denied_scopes"]
    page = await browser.get(site.dialog(scope=ASKED + ",catalog_management"))
    assert set(browser.boxes(page, "scope")) == {*kept, "catalog_management"}
    await browser.allow(await browser.get(site.dialog(scope="catalog_management")), ("catalog",))
    later = Answer((await browser.get(site.dialog(return_scopes="true"))).headers["location"]).query
    assert later["denied_scopes"] == said["denied_scopes"]
    page = await browser.get(site.dialog(auth_type="rerequest"))
    assert set(browser.boxes(page, "scope")) == set(ASKED.split(","))
    answer = await browser.allow(page, ("ads",))
    token = (await site.exchange(answer.query["code"]))["access_token"]
    permissions = (await site.graph("/me/permissions", token))["data"]
    assert {one["permission"] for one in permissions if one["status"] == "declined"} == set()


async def test_a_standing_consent_goes_straight_back(site: LoginSite) -> None:
    """Wire §3.1: who allowed all that is asked bounces straight back with the earlier selection; rerequest reopens it."""
    browser, world = site.browser(), site.world
    await browser.log_in("emil", site.dialog(), ("page",))
    bounced = await browser.get(site.dialog(state="two"))
    assert Answer(bounced.headers["location"]).query["state"] == "two"
    assert await _targets(site, world.people["emil"]) == {world.assets["page"], world.business}
    for auth_type in ("rerequest", "reauthorize", "rerequest,reauthorize"):
        page = await _assets_page(browser, site.dialog(auth_type=auth_type))
        assert browser.ticked(page, "target") == []
    page = await browser.submit(page, action="next", target=[world.assets["ads"]])
    await browser.submit(page, action="allow")
    assert await _targets(site, world.people["emil"]) == {world.assets["ads"], world.business}


async def test_the_token_comes_in_the_fragment(site: LoginSite) -> None:
    """Wire §3.1: response_type token puts all into the fragment, token with its life; code token both; granted_scopes alone no secret."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    seen = {}
    for response in ("token", "code token", "token,granted_scopes", "granted_scopes"):
        page = await browser.get(site.dialog(scope="email", response_type=response, auth_type="rerequest"))
        answer = await browser.allow(page)
        seen[response] = (set(answer.query), set(answer.fragment))
        if "access_token" in answer.fragment:
            assert answer.fragment["expires_in"] == "7200"
            assert "error" not in await site.graph("/me", answer.fragment["access_token"])
    scopes = {"granted_scopes", "denied_scopes"}
    assert seen == {
        "token": (set(), {"access_token", "expires_in", "state"}),
        "code token": (set(), {"code", "access_token", "expires_in", "state"}),
        "token,granted_scopes": (set(), {"access_token", "expires_in", "state"} | scopes),
        "granted_scopes": ({"state"} | scopes, set()),
    }


async def test_the_account_is_chosen_when_several_are_signed_in(site: LoginSite) -> None:
    """L1: with several accounts signed in the dialog asks which; it answers for the chosen one, and only a signed-in one."""
    browser, world = site.browser(), site.world
    await browser.sign_in_as("emil")
    await browser.sign_in_as("selma")
    chooser = await browser.get(site.dialog(scope="email"))
    assert "Choose an account" in chooser.text
    for name in ("selma", "emil"):
        page = await browser.submit(chooser, account=world.people[name])
        assert f"{name}@home.example" in _words(page)
        assert "wants to connect" in page.text
    page = await browser.submit(chooser, account=world.people["ada"])
    assert page.status_code == 400
    answer = await browser.allow(await browser.submit(chooser, account=world.people["selma"]))
    token = (await site.exchange(answer.query["code"]))["access_token"]
    assert (await site.graph("/me", token))["name"] == "Selma"


async def test_a_managed_account_gives_no_private_life(site: LoginSite) -> None:
    """A3, 9.11: user_* permissions are left out silently for a work account; the flow succeeds and asks for the rest."""
    made = await site.migrate("emil")
    browser, asked = site.browser(), "email,user_birthday,user_friends,pages_show_list"
    await browser.sign_in(made.email, PASSWORD)
    page = await browser.get(site.dialog(scope=asked, return_scopes="true"))
    assert "Work account of Group" in page.text
    assert set(browser.boxes(page, "scope")) == {"email", "pages_show_list"}
    said = (await browser.allow(page, ("page",))).query
    assert set(said["granted_scopes"].split(",")) == {"public_profile", "email", "pages_show_list"}
    assert said["denied_scopes"] == ""
    personal = site.browser()
    await personal.sign_in_as("selma")
    assert set(personal.boxes(await personal.get(site.dialog(scope=asked)), "scope")) == set(asked.split(","))


async def test_a_migrated_person_selects_afresh(site: LoginSite) -> None:
    """L2, 9.28: after a claim the work account selects from scratch; one button ticks what the app had through the old login."""
    browser, world = site.browser(), site.world
    await site.browser().log_in("emil", site.dialog(), ("page", "ads", "other"))
    made = await site.migrate("emil")
    await browser.sign_in(made.email, PASSWORD)
    page = await _assets_page(browser, site.dialog())
    business = {str(world.assets[name]) for name in ("page", "page2", "ads", "pixel")}
    assert set(browser.boxes(page, "target")) == business
    assert browser.ticked(page, "target") == []
    assert "Select the 2 assets this app had before" in page.text
    page = await browser.submit(page, select="before")
    assert set(browser.ticked(page, "target")) == {str(world.assets["page"]), str(world.assets["ads"])}
    page = await browser.submit(page, action="next")
    await browser.submit(page, action="allow")
    assert await _targets(site, made.managed_id) == {world.assets["page"], world.assets["ads"], world.business}
    assert (await browser.get(site.dialog())).status_code == 303


async def test_the_old_login_cannot_select_after_a_claim(site: LoginSite) -> None:
    """M5: from the claim on the personal account is offered nothing of that business, is told why, and keeps the others."""
    world = site.world
    before = (await site.exchange(await site.code("emil", assets=("page", "other"))))["access_token"]
    await site.migrate("emil")
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await _assets_page(browser, site.dialog(auth_type="rerequest"))
    assert browser.boxes(page, "target") == [str(world.assets["other"])]
    assert "Harbour moved to your work account" in page.text
    forged = await browser.submit(page, action="next", target=[world.assets["page"]])
    refused = await browser.submit(forged, action="allow")
    assert refused.status_code == 403
    page = await browser.submit(page, action="next", target=[world.assets["other"]])
    answer = Answer((await browser.submit(page, action="allow")).headers["location"])
    after = (await site.exchange(answer.query["code"]))["access_token"]
    asset = f"/{world.assets['page']}"
    assert (await site.graph(asset, before))["id"] == str(world.assets["page"])
    assert (await site.graph(asset, after))["error"]["code"] == 100


async def test_a_bounce_in_grace_gains_nothing(site: LoginSite) -> None:
    """M5: going straight back with a standing consent, in the very instant of the claim too, gives no access to the business."""
    world, browser = site.world, site.browser()
    await browser.log_in("emil", site.dialog(), ("page", "other"))
    await site.migrate("emil")
    for wait in (0, 1):
        site.advance(seconds=wait)
        code = Answer((await browser.get(site.dialog())).headers["location"]).query["code"]
        token = (await site.exchange(code))["access_token"]
        assert (await site.graph(f"/{world.assets['page']}", token))["error"]["code"] == 100
        assert "error" not in await site.graph(f"/{world.assets['other']}", token)


async def test_forged_choices_are_refused(site: LoginSite) -> None:
    """MT-17, OA-47: ids that this account may not select, of other kinds, or that are none are refused; nothing is granted."""
    browser, world = site.browser(), site.world
    await browser.sign_in_as("paul")
    page = await _assets_page(browser, site.dialog())
    assert browser.boxes(page, "target") == [str(world.assets["page"])]
    for forged in (world.assets["page2"], world.business, world.people["emil"], world.apps["both"], 10**17):
        review = await browser.submit(page, action="next", target=[world.assets["page"], forged])
        answer = await browser.submit(review, action="allow")
        assert answer.status_code in (400, 403), forged
    assert await _targets(site, world.people["paul"]) == set()
    review = await browser.submit(page, action="next", target=["x", "", "1" * 5000, world.assets["page"]])
    assert (await browser.submit(review, action="allow")).status_code == 303


async def test_permissions_cannot_be_added(site: LoginSite) -> None:
    """OA-23: a permission that the app did not ask for is not granted, whatever the form says; nor the login itself declined."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await browser.get(site.dialog(scope="email", return_scopes="true"))
    answer = await browser.submit(page, action="next", scope=["ads_management", "no_such"])
    said = Answer(answer.headers["location"]).query
    assert (said["granted_scopes"], said["denied_scopes"]) == ("public_profile", "email")


async def test_a_form_sent_twice_gives_one_code(site: LoginSite) -> None:
    """OA-47: sending the last form twice, also at once, gives one and the same code; once it is used the form is dead."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await browser.get(site.dialog(scope="email"))
    pairs = browser.fields(page, action="next")
    both = await asyncio.gather(*(browser.post("/dialog/step", pairs) for _ in range(2)))
    codes = {Answer(one.headers["location"]).query["code"] for one in both}
    assert len(codes) == 1
    assert "access_token" in await site.exchange(codes.pop())
    late = await browser.post("/dialog/step", pairs)
    assert (late.status_code, "location" in late.headers) == (400, False)
    assert "answered already" in late.text


async def test_a_form_sent_twice_with_another_choice_is_refused(site: LoginSite) -> None:
    """OA-47: going back after Allow and sending other permissions is refused, for codes and for tokens in the fragment."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    for response in ("code", "token"):
        page = await browser.get(site.dialog(scope="email", auth_type="rerequest", response_type=response))
        assert (await browser.submit(page, action="next")).status_code == 303
        changed = await browser.submit(page, action="next", scope=[])
        assert (changed.status_code, "location" in changed.headers) == (400, False)


async def test_a_login_belongs_to_the_browser_that_began_it(site: LoginSite) -> None:
    """OA-56: the sealed request of one browser is worth nothing in another, nor changed, nor after signing in again."""
    attacker, victim = site.browser(), site.browser()
    await attacker.sign_in_as("paul")
    await victim.sign_in_as("emil")
    stolen = dict(attacker.fields(await attacker.get(site.dialog(scope="email"))))["request"]
    page = await victim.get(site.dialog(scope="email"))
    own = dict(victim.fields(page))["request"]
    flipped = own[:-2] + ("AA" if own[-2:] != "AA" else "BB")
    for request in (stolen, flipped, own[:-3], own + "A", "", "x", "é" * 99, "A" * 100_000):
        answer = await victim.submit(page, action="next", request=request)
        assert (answer.status_code, "location" in answer.headers) == (400, False), request[:40]
    await victim.sign_in_as("selma")
    fresh = dict(victim.fields(await victim.get("/logout")))["csrf"]
    old = await victim.submit(page, action="next", csrf=fresh)
    assert (old.status_code, "location" in old.headers) == (400, False)
    assert "started in another browser" in old.text


async def test_a_managed_account_does_not_log_in_to_mobile_apps(site: LoginSite) -> None:
    """L3: display=touch with a work account gets a page that leads to the web (with ``iss``), and no consent; a personal account goes
    on."""
    made = await site.migrate("emil")
    browser = site.browser()
    await browser.sign_in(made.email, PASSWORD)
    for display in ("touch", "page", "popup"):
        answer = await browser.get(site.dialog(scope="email", display=display))
        assert answer.status_code == (403 if display == "touch" else 200), display
        assert ("Please continue on the web" in answer.text) == (display == "touch")
    async with site.world.services.store.write() as tx:
        await client_terms.set_app(tx, site.world.apps["both"], {"login_uri": "https://both.example/in"})
    page = await browser.get(site.dialog(scope="email", display="touch"))
    assert f"https://both.example/in?iss={quote(BASE, safe='')}" in page.text
    personal = site.browser()
    await personal.sign_in_as("selma")
    assert (await personal.get(site.dialog(scope="email", display="touch"))).status_code == 200


async def test_an_operator_may_allow_mobile_logins_with_pkce(site: LoginSite) -> None:
    """L3: where the operator allows it, a work account logs in to a mobile app only with PKCE."""
    site.world.services = make_services(site.world.services.store, Policy(mobile_managed_login=True))
    allowed = LoginSite(site.world)
    made = await allowed.migrate("emil")
    browser = allowed.browser()
    await browser.sign_in(made.email, PASSWORD)
    pkce = {"code_challenge": "a" * 43, "code_challenge_method": "S256"}
    assert (await browser.get(allowed.dialog(scope="email", display="touch"))).status_code == 403
    assert (await browser.get(allowed.dialog(scope="email", display="touch", **pkce))).status_code == 200


async def test_reauthentication_asks_for_the_password(site: LoginSite) -> None:
    """Wire §3.1: auth_type=reauthenticate lets nobody through who has not signed in since; the nonce is told afterwards."""
    browser = site.browser()
    await browser.log_in("emil", site.dialog(scope="email"))
    site.advance(minutes=5)
    asked = site.dialog(scope="email", auth_type="reauthenticate", auth_nonce="n-1")
    page = await browser.get(asked)
    assert page.url.path == "/login"
    again = str(page.url)
    assert (await browser.get(asked + "&wb_since=x")).url.path == "/login"
    leads_to = dict(browser.fields(page))["next"]
    assert (await browser.get(leads_to)).url.path == "/login"
    answer = await browser.sign_in("emil@home.example", "emil has a password", again)
    code = Answer(answer.headers["location"]).query["code"]
    token = (await site.exchange(code))["access_token"]
    client = {"client_id": str(site.world.apps["both"]), "access_token": token}
    info = (await site.token("GET", "/v26.0/oauth/access_token_info", params=client)).json()
    assert info["auth_nonce"] == "n-1"
    site.advance(minutes=5)
    other = site.browser()
    await other.sign_in_as("selma")
    site.advance(minutes=1)
    page = await other.get(asked)
    page = await other.sign_in("emil@home.example", "emil has a password", str(page.url))
    assert page.status_code == 303  # Emil allowed this app already; Selma, signed in before, is not asked


async def test_names_of_apps_cannot_write_the_page(site: LoginSite) -> None:
    """OA-51, WB-15: an app's name is shown as text, isolated from the writing direction around it."""
    async with site.world.services.store.write() as tx:
        name = "<script>x</script>\u202eevil"
        made = await registration.add_app(
            tx, site.world.services, NewApp(name, ("https://odd.example/back",)), site.now
        )
    site.world.apps["odd"] = made.id
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await browser.get(site.dialog("odd"))
    assert "<script>x" not in page.text
    assert "<bdi>&lt;script&gt;x&lt;/script&gt;\u202eevil</bdi>" in page.text


async def test_two_thousand_assets_stay_usable_without_scripts(site: LoginSite) -> None:
    """L2: among 2 000 assets a search finds some, a button ticks all of a kind that it found, and other ticks are kept."""
    world, services = site.world, site.world.services
    async with services.store.write() as tx:
        for number in range(2000):
            kind = NodeKind.AD_ACCOUNT if number % 2 else NodeKind.PAGE
            await portfolio.add_asset(tx, services, kind, f"Branch {number:04}", world.elsewhere, site.now)
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await _assets_page(browser, site.dialog())
    assert len(browser.boxes(page, "target")) == 2005
    page = await browser.submit(page, action="search", q="branch 01", target=[world.assets["ads"]])
    found = [number for number in range(2000) if "01" in f"{number:04}"]
    assert len(browser.boxes(page, "target")) == len(found)
    pages = sum(number % 2 == 0 for number in found)
    page = await browser.submit(page, select="page")
    assert len(browser.ticked(page, "target")) == pages + 1
    page = await browser.submit(page, action="search", q="")
    assert len(browser.ticked(page, "target")) == pages + 1
    page = await browser.submit(page, select="page")
    assert len(browser.ticked(page, "target")) == 1004
    page = await browser.submit(page, action="next")
    assert "On 1\u202f004 assets" in page.text
    assert (await browser.submit(page, action="allow")).status_code == 303
    assert len(await _targets(site, world.people["emil"])) == 1004 + 2


async def test_an_app_in_development_says_so(site: LoginSite) -> None:
    """wire 6.8: somebody without a role gets a page that names the reason and leads to another account or back, and no
    consent; a tester goes on; a restricted app shows the operator's reason."""
    services, app = site.world.services, site.world.apps["both"]
    async with services.store.write() as tx:
        await set_mode(tx, services, app, AppMode.DEVELOPMENT, None, site.now)
        await give_role(tx, services, app, site.world.people["selma"], AppRole.TESTER, None, site.now)
    stranger, tester = site.browser(), site.browser()
    await stranger.sign_in_as("emil")
    await tester.sign_in_as("selma")
    page = await stranger.get(site.dialog())
    assert page.status_code == 403
    assert "App both is still in development" in page.text
    assert "Use another account" in page.text
    assert (await tester.get(site.dialog())).status_code == 200
    async with services.store.write() as tx:
        await set_mode(tx, services, app, AppMode.LIVE, None, site.now)
        await restrict(tx, services, app, Restriction.LOGIN, "Sent spam.", (), None, site.now)
    for browser in (stranger, tester):
        page = await browser.get(site.dialog())
        assert page.status_code == 403
        assert "takes no logins at present: Sent spam." in page.text
