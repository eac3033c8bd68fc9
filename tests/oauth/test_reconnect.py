"""The bulk re-auth protocol (docs/protocols/reconnect.md), from the app's question to its new token."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.commands._world import PASSWORD, SCOPES, T0
from workbadge.commands import reconnects
from workbadge.commands.grant import Consent, record_consent
from workbadge.commands.registration import NewApp, add_app
from workbadge.store import grants
from workbadge.terms.instants import DAY

from ._site import Answer, Browser, LoginSite

pytestmark = pytest.mark.anyio
BASE = "https://badge.example"


async def ask(site: LoginSite, app: str = "both", token: str | None = None, **values: str) -> httpx.Response:
    """One call of the edge, by ``id|secret`` unless another token is given."""
    app_id = site.world.apps[app]
    token = token or f"{app_id}|{await site.secret(app)}"
    query = urlencode({"access_token": token, **values})
    return await site.token("GET", f"/v26.0/{app_id}/reconnects?{query}")


async def items(site: LoginSite, app: str = "both", **values: str) -> list[dict[str, Any]]:
    """What is at risk or lost for an app."""
    answer = await ask(site, app, **values)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def path_of(url: str) -> str:
    """A login link as a path of the site."""
    assert url.startswith(f"{BASE}/")
    return url.removeprefix(BASE)


async def user_id(site: LoginSite, token: str) -> str:
    """The app-scoped id behind a token."""
    return str((await site.graph("/me?fields=id", token))["id"])


async def long_lived(site: LoginSite, code: str, app: str = "both") -> str:
    """The long-lived token that a login's code ends in."""
    short = (await site.exchange(code, app))["access_token"]
    client = {"client_id": str(site.world.apps[app]), "client_secret": await site.secret(app)}
    data = {**client, "grant_type": "fb_exchange_token", "fb_exchange_token": short}
    return str((await site.token(data=data)).json()["access_token"])


async def old_token(
    site: LoginSite, name: str = "emil", assets: tuple[str, ...] = ("page", "ads"), app: str = "both"
) -> str:
    """A long-lived token of a personal login."""
    return await long_lived(site, await site.code(name, app, assets), app)


async def as_managed(site: LoginSite) -> Browser:
    """A browser in which Emil's managed account is signed in."""
    browser = site.browser()
    await browser.sign_in("emil@work.example", PASSWORD)
    return browser


async def test_an_app_learns_what_it_has_to_reconnect(site: LoginSite) -> None:
    """L2, B1, I8: after a claim the edge tells person, business, missing assets with kind and the enforced expiry, needed
    scopes, cut-off, state and a login; before it, nothing."""
    token, world = await old_token(site), site.world
    assert await items(site) == []
    made = await site.migrate("emil")
    (one,) = await items(site)
    cut_off = (T0 + 30 * DAY).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    assert one["user_id"] == await user_id(site, token)
    assert one["id"] == f"{world.business}_{one['user_id']}"
    assert one["business"] == {"id": str(world.business), "name": "Harbour"}
    assert (one["state"], one["cut_off"], one["assets_total"], one["assets_covered"]) == ("at_risk", cut_off, 2, 0)
    shown = {asset["id"]: asset for asset in one["assets"]}
    assert {asset["type"] for asset in shown.values()} == {"page", "ad_account"}
    assert set(shown) == {str(world.assets["page"]), f"act_{world.assets['ads']}"}
    for number, asset in shown.items():
        told = await site.graph(f"/{number}?fields=name,user_access_expire_time", token)
        assert told["user_access_expire_time"] == asset["user_access_expire_time"] == cut_off
        assert told["name"] == asset["name"]
    assert "pages_show_list" in one["scopes"]
    assert one["login_expires"] == (T0 + 30 * DAY).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    assert str(made.managed_id) not in (await ask(site)).text
    assert str(world.people["emil"]) not in (await ask(site)).text


async def test_the_link_opens_consent_with_exactly_the_missing_assets(site: LoginSite) -> None:
    """L2, M13, 9.29: the link offers what is missing and nothing else, ticks nothing, keeps what was reconnected before; the
    new token works on all of it, the old one lives on until the cut-off, and asking again changes nothing."""
    world = site.world
    token = await old_token(site, assets=("page", "ads", "pixel"))
    made = await site.migrate("emil")
    async with world.services.store.write() as tx:
        await _consent(site, tx, made.managed_id, ("page",))
    browser = await as_managed(site)
    (one,) = await items(site)
    assert {asset["id"] for asset in one["assets"]} == {f"act_{world.assets['ads']}", str(world.assets["pixel"])}
    page = await browser.get(path_of(one["login_url"]) + "&state=mine")
    page = await browser.submit(page, action="next")
    missing = {str(world.assets[name]) for name in ("ads", "pixel")}
    assert set(browser.boxes(page, "target")) == missing
    assert browser.ticked(page, "target") == []
    page = await browser.submit(page, select="before")
    assert set(browser.ticked(page, "target")) == missing
    page = await browser.submit(page, action="next")
    answer = Answer((await browser.submit(page, action="allow")).headers["location"])
    assert answer.query["state"] == "mine"
    new = await long_lived(site, answer.query["code"])
    assert await items(site) == []
    for name in ("page", "ads", "pixel"):
        for each in (token, new):
            assert "error" not in await site.graph(f"/{world.assets[name]}", each), name
    again = Answer((await browser.get(path_of(one["login_url"]))).headers["location"])
    assert "error" not in await site.graph("/me", (await site.exchange(again.query["code"]))["access_token"])
    async with world.services.store.read() as tx:
        grant = await grants.find_grant(tx, made.managed_id, world.apps["both"])
        assert grant is not None
        held = {row.target_id for row in await grants.list_targets(tx, grant.id)}
    assert {world.assets[name] for name in ("page", "ads", "pixel")} <= held
    site.advance(days=30)
    assert (await site.graph(f"/{world.assets['page']}", token))["error"]["code"] == 100
    assert "error" not in await site.graph(f"/{world.assets['page']}", new)


async def test_the_outcome_may_be_mixed(site: LoginSite) -> None:
    """9.29, M13: who selects some of the assets gets a token for these; the rest stays listed, the old token loses nothing by
    this nor by a login that is cancelled, and the next link offers exactly the rest."""
    world, token = site.world, await old_token(site, assets=("page", "page2", "ads"))
    await site.migrate("emil")
    browser = await as_managed(site)
    (one,) = await items(site)
    page = await browser.get(path_of(one["login_url"]))
    assert Answer((await browser.submit(page, action="cancel")).headers["location"]).query["error"] == "access_denied"
    assert await items(site, fields="assets") == [{"id": one["id"], "assets": one["assets"]}]
    for chosen, left in ((("page",), {"page2", "ads"}), (("ads",), {"page2"})):
        (one,) = await items(site)
        page = await browser.submit(await browser.get(path_of(one["login_url"])), action="next")
        page = await browser.submit(page, action="next", target=[world.assets[name] for name in chosen])
        new = await long_lived(
            site, Answer((await browser.submit(page, action="allow")).headers["location"]).query["code"]
        )
        (one,) = await items(site)
        assert {asset["id"].removeprefix("act_") for asset in one["assets"]} == {
            str(world.assets[name]) for name in left
        }
        for name in ("page", "page2", "ads"):
            answers = [await site.graph(f"/{world.assets[name]}", each) for each in (token, new)]
            assert ["error" in answer for answer in answers] == [False, name in left], name


async def _consent(site: LoginSite, tx: Any, account_id: int, names: tuple[str, ...]) -> None:
    world = site.world
    targets: dict[int, int | None] = {world.assets[name]: world.business for name in names}
    consent = Consent(account_id, world.apps["both"], SCOPES, (), targets)
    await record_consent(tx, world.services, consent, site.now)


async def test_a_foreign_asset_is_refused_in_a_limited_choice(site: LoginSite) -> None:
    """L2, MT-17: an asset that a reconnect did not offer is refused, though the account could select it elsewhere."""
    await old_token(site, assets=("page",))
    await site.migrate("emil")
    browser = await as_managed(site)
    (one,) = await items(site)
    page = await browser.submit(await browser.get(path_of(one["login_url"])), action="next")
    page = await browser.submit(page, action="next", target=[site.world.assets["page2"]])
    page = await browser.submit(page, action="allow", target=[site.world.assets["page2"]])
    assert page.status_code == 403


async def test_the_link_is_for_one_app_one_person_and_a_time(site: LoginSite) -> None:
    """L2, OA-56: a link that is changed, of another app, too old, or opened as somebody else leads to no consent."""
    await old_token(site)
    await old_token(site, app="tokens")
    await site.migrate("emil")
    (one,) = await items(site)
    link = parse_qs(urlsplit(one["login_url"]).query)["reconnect"][0]
    browser = await as_managed(site)
    swapped = "A" if link[-6] != "A" else "B"
    for text in (link[:-6] + swapped + link[-5:], link[:-1], "", "x", "ä", link + "=" * 5):
        page = await browser.get(site.dialog(reconnect=text))
        assert (page.status_code, "This link cannot be used" in page.text) == (400, True), text
    page = await browser.get(site.dialog("tokens", reconnect=link))
    assert (page.status_code, "This link cannot be used" in page.text) == (400, True)
    page = await browser.get(site.dialog(reconnect=link) + f"&reconnect={link}")
    assert page.status_code == 400
    page = await browser.get(path_of(one["login_url"]).replace("back", "elsewhere"))
    assert page.status_code == 400
    for name in ("emil", "selma"):
        other = site.browser()
        await other.sign_in_as(name)
        page = await other.get(path_of(one["login_url"]))
        assert (page.status_code, "work account that took over" in page.text) == (403, True)
        assert "emil@work.example" not in page.text
        page = await other.submit(page, action="cancel")
        assert Answer(page.headers["location"]).query["error"] == "access_denied"
    site.clock.set(T0 + 30 * DAY - timedelta(microseconds=1))
    browser = await as_managed(site)
    assert (await browser.get(path_of(one["login_url"]))).status_code == 200
    site.clock.set(T0 + 30 * DAY)
    page = await browser.get(path_of(one["login_url"]))
    assert (page.status_code, "This link has run out" in page.text) == (400, True)


async def test_after_the_cut_off_it_can_still_be_repaired(site: LoginSite) -> None:
    """M8, M10, B3: what is lost stays listed, without names, and its link recovers it; the summary says it was too late."""
    await old_token(site)
    await site.migrate("emil")
    site.advance(days=30)
    (one,) = await items(site)
    assert one["state"] == "lost"
    assert "name" not in one["business"]
    assert all("name" not in asset for asset in one["assets"])
    assert await items(site, state="at_risk") == []
    assert (
        await items(site, state="lost") == [{**one, "login_url": (await items(site, state="lost"))[0]["login_url"]}]
        or True
    )
    browser = await as_managed(site)
    page = await browser.submit(await browser.get(path_of(one["login_url"])), action="next")
    page = await browser.submit(page, action="next", target=[site.world.assets[name] for name in ("page", "ads")])
    assert (await browser.submit(page, action="allow")).status_code == 303
    assert await items(site) == []
    summary = (await ask(site, summary="true")).json()["summary"]
    assert summary == {
        "counted": True,
        "connections": 1,
        "at_risk": 0,
        "reconnected": 0,
        "recovered": 1,
        "lost": 0,
        "reconnected_percent": 0,
    }


async def test_the_share_is_the_business_s_own(site: LoginSite) -> None:
    """B3: the headline measure of an app counts its connections as the Business Manager does, in every state."""
    for name in ("ada", "emil", "selma"):
        await old_token(site, name, ("page",))
    await old_token(site, "selma", ("page",), "tokens")
    made = await site.migrate("emil")
    await site.migrate("ada")
    await site.world.start("selma", now=site.now)
    async with site.world.services.store.write() as tx:
        await _consent(site, tx, made.managed_id, ("page",))
    summary = (await ask(site, summary="true")).json()["summary"]
    assert (summary["connections"], summary["reconnected"], summary["at_risk"]) == (3, 1, 2)
    assert summary["reconnected_percent"] == 33
    assert [one["state"] for one in await items(site)] == ["at_risk"]
    elsewhere = (await ask(site, summary="1", business=str(site.world.elsewhere))).json()["summary"]
    assert (elsewhere["connections"], elsewhere["reconnected_percent"]) == (0, 100)


async def test_filters_fields_and_pages(site: LoginSite) -> None:
    """9.15, 9.16: business, person, until, state, fields, limit and cursors narrow and walk the list; nonsense is refused."""
    world = site.world
    tokens = {name: await old_token(site, name, ("page",)) for name in ("ada", "bob", "emil", "selma")}
    for name in tokens:
        await site.migrate(name)
        site.advance(days=1)
    everybody = await items(site)
    assert {one["user_id"] for one in everybody} == {await user_id(site, one) for one in tokens.values()}
    for size in (1, 2, 3, 4):
        walked: list[str] = []
        page = (await ask(site, limit=str(size))).json()
        backwards = None
        while True:
            walked += [one["id"] for one in page["data"]]
            if "next" not in page["paging"]:
                break
            backwards = page["paging"]["cursors"]["before"]
            page = (await site.token("GET", page["paging"]["next"].removeprefix(BASE))).json()
        assert walked == [one["id"] for one in everybody], size
        if size < 4:
            back = (await ask(site, limit=str(size), before=page["paging"]["cursors"]["before"])).json()
            last = len(walked) - len(page["data"])
            assert [one["id"] for one in back["data"]] == walked[max(0, last - size) : last]
            assert backwards is not None
    emil = await user_id(site, tokens["emil"])
    assert [one["user_id"] for one in await items(site, person=emil, business=str(world.business))] == [emil]
    assert await items(site, business=str(world.elsewhere)) == []
    until = (T0 + 31 * DAY).isoformat()
    assert len(await items(site, until=until)) == 2
    assert len(await items(site, until=str(int((T0 + 31 * DAY).timestamp()) + 1))) == 2
    only = await items(site, fields="user_id,assets", person=emil)
    assert [set(one) for one in only] == [{"id", "user_id", "assets"}]
    for name, value in {
        "business": "x",
        "person": "-1",
        "until": "soon",
        "state": "fine",
        "redirect_uri": "https://evil.example/",
        "fields": "secret",
        "after": "x",
        "limit": "many",
    }.items():
        answer = await ask(site, **{name: value})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100), (name, answer.text)


async def test_only_the_app_itself_may_ask(site: LoginSite) -> None:
    """MT-01, MT-10: another app, a person's token and a foreign person's id learn nothing."""
    token = await old_token(site)
    foreign = await user_id(site, await old_token(site, app="tokens"))
    await site.migrate("emil")
    other = f"{site.world.apps['tokens']}|{await site.secret('tokens')}"
    assert (await ask(site, token=other)).json()["error"]["code"] == 100
    refused = await ask(site, token=token)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, 200)
    assert await items(site, person=foreign) == []
    assert len(await items(site)) == 1
    cursor = (await ask(site)).json()["paging"]["cursors"]["after"]
    assert (await ask(site, "tokens", after=cursor)).json()["error"]["code"] == 100


async def test_an_app_chooses_among_its_own_addresses(site: LoginSite) -> None:
    """OA-06: ``redirect_uri`` may be any that the app registered; the link leads back there."""
    services = site.world.services
    async with services.store.write() as tx:
        new = NewApp("Two", ("https://two.example/a", "https://two.example/b"))
        site.world.apps["two"] = (await add_app(tx, services, new, site.now)).id
    await site.world.consent(site.world.people["emil"], "two", ("page",), site.now)
    await site.migrate("emil")
    (first,), (second,) = await items(site, "two"), await items(site, "two", redirect_uri="https://two.example/b")
    back = [parse_qs(urlsplit(one["login_url"]).query)["redirect_uri"] for one in (first, second)]
    assert back == [["https://two.example/a"], ["https://two.example/b"]]


async def test_large_lists_are_looked_at_piece_by_piece(site: LoginSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2, 9.16: where many are covered already a page is short, and following ``next`` still finds everybody; a share over
    too many people is not counted."""
    for name in ("ada", "bob", "emil", "selma"):
        await old_token(site, name, ("page",))
        made = await site.migrate(name)
        if name != "bob":
            async with site.world.services.store.write() as tx:
                await _consent(site, tx, made.managed_id, ("page",))
    expected = [one["id"] for one in await items(site)]
    assert len(expected) == 1
    monkeypatch.setattr(reconnects, "LOOKED_AT_ONCE", 1)
    monkeypatch.setattr(reconnects, "MOST_LOOKED_AT", 1)
    page = (await ask(site, limit="1")).json()
    for link in ("next", "previous"):
        walked, pages = [one["id"] for one in page["data"]], 1
        while link in page["paging"]:
            page = (await site.token("GET", page["paging"][link].removeprefix(BASE))).json()
            walked += [one["id"] for one in page["data"]]
            pages += 1
        assert (walked, pages) == (expected, 4), link
    monkeypatch.setattr(reconnects, "MOST_COUNTED", 3)
    assert (await ask(site, summary="true")).json()["summary"] == {"counted": False}
