"""Assets by authorization_details, and grants by their id."""

import json
from typing import Any

import httpx
import pytest

from tests.commands._world import BASE
from tests.oauth._site import Answer, LoginSite

from ._app import App, refused

pytestmark = pytest.mark.anyio


def _details(*ids: str, **more: Any) -> str:
    one = {"type": "business_asset", "actions": ["pages_show_list"], **more}
    if ids:
        one["identifiers"] = list(ids)
    return json.dumps([one])


async def test_details_offer_the_named_assets_alone(site: LoginSite, app: App) -> None:
    """RFC 9396 §2, §7: the named assets are offered, nothing ticked (L2), and what was chosen is named in the token answer."""
    page, page2 = (str(site.world.assets[one]) for one in ("page", "page2"))
    browser = site.browser()
    await browser.sign_in_as("emil")
    asked = app.address(scope="openid", authorization_details=_details(page2))
    shown = await browser.submit(await browser.get(asked), action="next")
    assert browser.boxes(shown, "target") == [page2]
    assert browser.ticked(shown, "target") == []
    forged = await browser.submit(shown, action="next", target=[page])
    refused_page = await browser.submit(forged, action="allow")
    assert refused_page.status_code == 403
    shown = await browser.submit(await browser.get(asked), action="next")
    done = await browser.submit(await browser.submit(shown, action="next", target=[page2]), action="allow")
    tokens = (await app.redeem(Answer(done.headers["location"]).query["code"])).json()
    assert tokens["scope"] == "openid pages_show_list"
    assert tokens["authorization_details"] == [
        {
            "type": "business_asset",
            "locations": [BASE],
            "actions": ["pages_show_list"],
            "datatypes": ["page"],
            "identifier": page2,
        }
    ]
    assert "error" not in await site.graph(f"/{page2}", tokens["access_token"])
    assert "error" in await site.graph(f"/{page}", tokens["access_token"])


async def test_an_asset_more_is_asked_for(site: LoginSite, app: App) -> None:
    """OA-50: silent with what was granted, consent_required with an asset more; choosing it leaves the others selected."""
    page, page2 = (str(site.world.assets[one]) for one in ("page", "page2"))
    browser = site.browser()
    await browser.sign_in_as("emil")
    await browser.allow(await browser.get(app.address(scope="pages_show_list")), ("page",))

    async def silent(*ids: str) -> dict[str, str]:
        path = app.address(prompt="none", scope="pages_show_list", authorization_details=_details(*ids))
        return Answer((await browser.client.get(path)).headers["location"]).query

    assert "code" in await silent(page)
    assert (await silent(page, page2))["error"] == "consent_required"
    back = await browser.allow(
        await browser.get(app.address(scope="pages_show_list", authorization_details=_details(page2))), ("page2",)
    )
    tokens = (await app.redeem(back.query["code"])).json()
    assert sorted(one["identifier"] for one in tokens["authorization_details"]) == sorted([page, page2])
    assert "code" in await silent(page, page2)


async def test_wrong_details_are_refused(site: LoginSite, app: App) -> None:
    """RFC 9396 §5: another type, unknown members, wrong members, unknown actions, ids of other things: invalid_authorization_details."""
    page, ads = (str(site.world.assets[one]) for one in ("page", "ads"))
    for text in (
        "",
        "{}",
        "[]",
        "[7]",
        "not json",
        "[" * 5000,
        json.dumps([{"type": "payment_initiation"}]),
        json.dumps([{"actions": ["pages_show_list"]}]),
        json.dumps([json.loads(_details(page))[0]] * 51),
        _details(page, unknown=1),
        _details(page, locations=["https://elsewhere.example"]),
        _details(page, actions=["email"]),
        _details(page, actions=["fly"]),
        _details(page, actions="pages_show_list"),
        _details(page, datatypes=["rocket"]),
        _details(ads, datatypes=["page"]),
        _details("17"),
        _details(str(site.world.people["emil"])),
        _details(app.id),
        _details(*[page] * 1001),
    ):
        answer = await site.browser().client.get(app.address(scope=None, authorization_details=text[:5000]))
        if answer.status_code == 303:
            assert Answer(answer.headers["location"]).query["error"] == "invalid_authorization_details", text[:80]
        else:
            assert answer.status_code == 400
    good = _details(page, locations=[BASE], datatypes=["page"])
    assert (await app.refusal(prompt="none", authorization_details=good))["error"] == "login_required"
    assert (await app.refusal(prompt="none", scope=None, authorization_details=good))["error"] == "login_required"
    bare = json.dumps([{"type": "business_asset", "identifier": page}])
    assert (await app.refusal(scope=None, authorization_details=bare))["error"] == "invalid_authorization_details"


async def _own(app: App, scope: str) -> dict[str, str]:
    answer = await app.post("/oauth/token", {"grant_type": "client_credentials", "scope": scope})
    assert answer.json()["scope"] == scope
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def _told(app: App, grant_id: str) -> httpx.Response:
    return await app.site.token("GET", f"/oauth/grants/{grant_id}", headers=await _own(app, "grant_management_query"))


async def test_a_grant_is_told_and_given_back(site: LoginSite, app: App) -> None:
    """Grant Management §6: the app reads what a grant holds and ends it, with every token under it; another app's grant, and one
    that ended, is 404; each needs its scope."""
    tokens = await app.tokens(assets=("page", "ads"))
    path = f"/oauth/grants/{tokens['grant_id']}"
    told = (await _told(app, tokens["grant_id"])).json()
    assert set(told["scopes"][0]["scope"].split()) == set(tokens["scope"].split())
    assert {one["identifier"] for one in told["authorization_details"]} == {
        str(site.world.assets["page"]),
        f"act_{site.world.assets['ads']}",
    }
    other, query, revoke = App(site, "tokens"), "grant_management_query", "grant_management_revoke"
    foreign = await site.token("GET", path, headers=await _own(other, query))
    assert foreign.status_code == 404
    assert (await site.token("DELETE", path, headers=await _own(other, revoke))).status_code == 404
    for method, scope in (("GET", revoke), ("DELETE", query)):
        answer = await site.token(method, path, headers=await _own(app, scope))
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    for headers in ({}, {"authorization": f"Bearer {tokens['access_token']}"}, {"authorization": f"Bearer {app.id}|x"}):
        assert (await site.token("GET", path, headers=headers)).status_code == 401
    for wrong in ("", "17", "x" * 500, tokens["grant_id"] + "/", "44" + "0" * 16):
        assert (await _told(app, wrong)).status_code == 404
    assert (await site.token("POST", path, headers=await _own(app, query))).status_code == 405
    gone = await site.token("DELETE", path, headers=await _own(app, revoke))
    assert (gone.status_code, gone.content) == (204, b"")
    assert not await app.is_alive(tokens["access_token"])
    refused(await app.refresh(tokens["refresh_token"]), "invalid_grant")
    assert (await _told(app, tokens["grant_id"])).status_code == 404


async def test_merging_adds_and_replacing_replaces(site: LoginSite, app: App) -> None:
    """Grant Management §5: merge keeps scopes and assets and adds; replace leaves only what is asked now; both keep the id."""
    page, ads, catalog = (str(site.world.assets[one]) for one in ("page", "ads", "catalog"))
    browser = site.browser()
    await browser.sign_in_as("emil")
    first = await app.tokens(browser=browser, scope="openid pages_show_list ads_read", assets=("page", "ads"))
    grant_id = first["grant_id"]

    async def ask(action: str, scope: str, *assets: str) -> dict[str, Any]:
        asked: dict[str, Any] = {"grant_management_action": action, "scope": scope}
        if action != "create":
            asked["grant_id"] = grant_id
        tokens = await app.tokens(browser=browser, assets=assets, **asked)
        assert tokens["grant_id"] == grant_id
        told: dict[str, Any] = (await _told(app, grant_id)).json()
        return {
            "scopes": set(told["scopes"][0]["scope"].split()),
            "assets": {one["identifier"] for one in told["authorization_details"]},
        }

    merged = await ask("merge", "catalog_management", "catalog")
    assert merged == {
        "scopes": {"openid", "pages_show_list", "ads_read", "catalog_management"},
        "assets": {page, f"act_{ads}", catalog},
    }
    replaced = await ask("replace", "openid pages_show_list", "page")
    assert replaced == {"scopes": {"openid", "pages_show_list"}, "assets": {page}}
    assert (await site.graph(f"/act_{ads}", first["access_token"]))["error"]["code"] in (100, 200, 10)
    created = await ask("create", "openid ads_read", "ads")
    assert created["assets"] == {f"act_{ads}"}


async def test_merging_takes_only_what_was_offered(site: LoginSite, app: App) -> None:
    """RFC 9396 §2, MT-17: merging with named assets, a forged form cannot add another asset; the named one is added to what stands."""
    page, page2, other = (str(site.world.assets[one]) for one in ("page", "page2", "other"))
    browser = site.browser()
    await browser.sign_in_as("emil")
    first = await app.tokens(browser=browser, scope="pages_show_list")
    merge = {"grant_management_action": "merge", "grant_id": first["grant_id"], "scope": None}
    asked = app.address(**merge, authorization_details=_details(page2))
    shown = await browser.submit(await browser.get(asked), action="next")
    forged = await browser.submit(await browser.submit(shown, action="next", target=[other]), action="allow")
    assert (forged.status_code, "location" in forged.headers) == (403, False)
    shown = await browser.submit(await browser.get(asked), action="next")
    done = await browser.submit(await browser.submit(shown, action="next", target=[page2]), action="allow")
    tokens = (await app.redeem(Answer(done.headers["location"]).query["code"])).json()
    assert {one["identifier"] for one in tokens["authorization_details"]} == {page, page2}


async def test_wrong_grant_actions_are_refused(site: LoginSite, app: App) -> None:
    """Grant Management §5.2: unknown actions, ids without action or the other way round, and grants of others are refused; only the
    grant's account may answer."""
    tokens, other = await app.tokens(), await App(site, "tokens").tokens("selma")
    for values, error in (
        ({"grant_management_action": "steal"}, "invalid_request"),
        ({"grant_id": tokens["grant_id"]}, "invalid_request"),
        ({"grant_management_action": "merge"}, "invalid_request"),
        ({"grant_management_action": "create", "grant_id": tokens["grant_id"]}, "invalid_request"),
        ({"grant_management_action": "merge", "grant_id": other["grant_id"]}, "invalid_grant_id"),
        ({"grant_management_action": "replace", "grant_id": "17"}, "invalid_grant_id"),
    ):
        assert (await app.refusal(**values))["error"] == error, values
    browser = site.browser()
    await browser.sign_in_as("selma")
    mine = {"grant_management_action": "merge", "grant_id": tokens["grant_id"]}
    silent = await browser.client.get(app.address(prompt="none", **mine))
    assert Answer(silent.headers["location"]).query["error"] == "login_required"
    assert (await browser.get(app.address(**mine))).url.path == "/login"


async def test_a_hint_picks_the_person(site: LoginSite, app: App) -> None:
    """OA-45, OA-43: with an ID token as hint only its person answers silently; another person is login_required; an access token,
    another client's ID token and a changed one are no hints."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    tokens = await app.tokens(browser=browser)
    foreign = await App(site, "tokens").tokens("selma")
    await browser.sign_in_as("selma")
    site.advance(hours=1, minutes=30)

    async def silent(hint: str) -> dict[str, str]:
        answer = await browser.client.get(app.address(prompt="none", id_token_hint=hint))
        return Answer(answer.headers["location"]).query

    assert "code" in await silent(tokens["id_token"])
    for text in (tokens["access_token"], foreign["id_token"], tokens["id_token"][:-3] + "AAA"):
        assert (await silent(text))["error"] == "invalid_request"
    alone = site.browser()
    await alone.sign_in_as("selma")
    answer = await alone.client.get(app.address(prompt="none", id_token_hint=tokens["id_token"]))
    assert Answer(answer.headers["location"]).query["error"] == "login_required"
