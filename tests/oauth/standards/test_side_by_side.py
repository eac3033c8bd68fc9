"""The OAuth side beside the rest: base paths, the same dialog, the same reach, the number of reads."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tests.commands._world import TICK
from tests.oauth._site import Answer, LoginSite
from workbadge.cli import main
from workbadge.commands import app_status
from workbadge.main import make_application
from workbadge.store import client_terms
from workbadge.store.engine import HotQuery
from workbadge.terms.apps import AppMode, Restriction
from workbadge.web.state import Site

from ._app import VERIFIER, App, refused

pytestmark = pytest.mark.anyio


async def test_an_issuer_with_a_path_is_found_in_both_ways(site: LoginSite, app: App) -> None:
    """OA-38, RFC 8414 §3.1: below the issuer, and with the well-known part before the issuer's path; the whole login works there."""
    services = replace(site.world.services, base_url="https://badge.example/eu/one")
    application = make_application(Site(services, site.clock))
    transport = httpx.ASGITransport(application, root_path="/eu/one")
    async with httpx.AsyncClient(transport=transport, base_url="http://badge.example") as client:
        documents = []
        for path in (
            "/eu/one/.well-known/openid-configuration",
            "/eu/one/.well-known/oauth-authorization-server",
            "/.well-known/oauth-authorization-server/eu/one",
            "/.well-known/openid-configuration/eu/one",
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            documents.append(answer.json())
        assert all(one == documents[0] for one in documents)
        assert documents[0]["issuer"] == "https://badge.example/eu/one"
        assert documents[0]["token_endpoint"] == "https://badge.example/eu/one/oauth/token"
        assert (await client.get("/.well-known/oauth-authorization-server/eu/two")).status_code == 404
        assert (await client.get("/eu/one/oauth/jwks")).status_code == 200
        silent = await client.get("/eu/one" + app.address(prompt="none"))
        back = Answer(silent.headers["location"]).query
        assert (back["error"], back["iss"]) == ("login_required", "https://badge.example/eu/one")
        page = await client.get("/eu/one" + app.address())
        assert page.headers["location"].startswith("/eu/one/login?next=%2Foauth%2Fauthorize")


async def test_a_form_that_is_sent_twice_gives_one_code(site: LoginSite, app: App) -> None:
    """OA-47, OA-56: a double submit gives the same code, not a second one; after its use the form is dead; another browser's
    session cannot send it."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await browser.submit(await browser.get(app.address()), action="next")
    review = await browser.submit(page, action="next", target=[site.world.assets["page"]])
    first = Answer((await browser.submit(review, action="allow")).headers["location"]).query["code"]
    second = Answer((await browser.submit(review, action="allow")).headers["location"]).query["code"]
    assert first == second
    other = site.browser()
    await other.sign_in_as("selma")
    stolen = await other.post("/dialog/step", browser.fields(review, action="allow"))
    assert (stolen.status_code, "location" in stolen.headers) == (403, False)
    assert (await app.redeem(first)).status_code == 200
    late = await browser.submit(review, action="allow")
    assert (late.status_code, "location" in late.headers) == (400, False)


async def test_a_stolen_code_is_worth_nothing_elsewhere(site: LoginSite, app: App) -> None:
    """OA-18: a victim's code, put into an attacker's own started login of the same client, fails by its verifier."""
    code = (await app.log_in("emil")).query["code"]
    refused(await app.redeem(code, code_verifier="a-verifier-of-the-attackers-own-login-0123456789"), "invalid_grant")
    refused(await app.redeem(code, code_verifier=VERIFIER), "invalid_grant")


async def test_what_is_told_is_what_is_read(site: LoginSite, app: App) -> None:
    """I8, I10, house 29: at every edge of a migration, for an employee, an admin and a partner, introspection names exactly the
    assets that a single read gives, with the expiry that a read shows."""
    world = site.world
    tokens = {
        "emil": (await app.tokens("emil", ("page", "page2", "ads", "other"), browser=None))["access_token"],
        "ada": (await app.tokens("ada", ("page", "ads")))["access_token"],
        "paul": (await app.tokens("paul", ("page",)))["access_token"],
    }
    client = {"client_id": app.id, "client_secret": await site.secret()}
    for name, text in list(tokens.items()):
        form = {"grant_type": "fb_exchange_token", "fb_exchange_token": text, **client}
        tokens[name] = (await site.token(data=form)).json()["access_token"]
    made = await site.migrate("emil")
    assert made.cut_off is not None
    for now in (site.now, made.cut_off - TICK, made.cut_off, made.cut_off + TICK):
        site.clock.set(now)
        for name, text in tokens.items():
            told = (await app.post("/oauth/introspect", {"token": text})).json()
            details = {one["identifier"]: one.get("expires_at") for one in told.get("authorization_details", [])}
            for asset in world.assets.values():
                wire = f"act_{asset}" if asset == world.assets["ads"] else str(asset)
                read = await site.graph(f"/{wire}?fields=user_access_expire_time", text)
                assert ("error" not in read) == (wire in details), (name, now, wire)
                shown = read.get("user_access_expire_time")
                if shown is not None or details.get(wire) is not None:
                    assert str(details[wire])[:19] == str(shown)[:19]


class _Counting:
    """A store that counts its prepared reads."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Count and pass on."""
        self.reads += 1
        return await self._store.hot(query, params)  # type: ignore[no-any-return]


async def test_introspection_asks_five_prepared_reads_at_most(site: LoginSite, app: App) -> None:
    """House 33: client, facts, what is told beside, selections, facts of all selected assets: five reads when nothing is kept, none
    while nothing is committed."""
    text = (await app.tokens(assets=("page", "page2", "ads")))["access_token"]
    counting = _Counting(site.world.services.store)
    services = replace(site.world.services, store=counting)
    other = LoginSite(replace(site.world, services=services), clock=site.clock)
    form, who = {"token": text}, await app.credentials()
    counting.reads = 0
    first = await other.token("POST", "/oauth/introspect", data=form, headers=who)
    assert len(first.json()["authorization_details"]) == 3
    assert counting.reads <= 5
    if counting.memo() is not None:
        counting.reads = 0
        again = await other.token("POST", "/oauth/introspect", data=form, headers=who)
        assert again.content == first.content
        assert counting.reads == 0


async def test_error_pages_carry_nothing_of_the_request(site: LoginSite, app: App) -> None:
    """OA-62, OA-48: markup in parameters comes back neither in pages nor in redirects unescaped; error pages cannot be framed."""
    evil = '"><script>alert(1)</script>'
    page = await site.browser().client.get(app.address(redirect_uri=f"https://evil.example/{evil}", scope=evil))
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    back = await site.browser().client.get(app.address(state=evil, prompt=evil))
    assert back.status_code == 303
    assert "<" not in back.headers["location"]
    assert Answer(back.headers["location"]).query["state"] == evil


async def test_a_native_app_is_a_public_client(site: LoginSite, app: App) -> None:
    """RFC 8252 §8.5: an app whose maker calls it native is taken by its verifier alone; its secret proves nothing here either."""
    await site.set_redirects("both", "http://127.0.0.1/cb")
    async with site.world.services.store.write() as tx:
        await client_terms.set_app(tx, int(app.id), {"native": 1})
    app.back = "http://127.0.0.1:7777/cb"
    code = (await app.log_in()).query["code"]
    refused(await app.redeem(code), "invalid_client", 401)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.back, "code_verifier": VERIFIER}
    answer = await site.token("POST", "/oauth/token", data={**form, "client_id": app.id})
    assert answer.status_code == 200, answer.text


async def test_restrictions_hold_on_this_side_too(site: LoginSite, app: App) -> None:
    """M17, wire §6.8: an app in development answers nobody without a role, silently neither; with its calls stopped its tokens are
    inactive and refused; a permission that was taken away does not count; all comes back with the end of it."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    tokens = await app.tokens(browser=browser)
    asked = {"token": tokens["access_token"]}
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}

    async def silent() -> dict[str, str]:
        return Answer((await browser.client.get(app.address(prompt="none"))).headers["location"]).query

    services, app_id = site.world.services, int(app.id)

    async def stopped(kind: Restriction, *scopes: str) -> int:
        async with services.store.write() as tx:
            return await app_status.restrict(tx, services, app_id, kind, "A test", scopes, None, site.now)

    async def lifted(made: int) -> None:
        async with services.store.write() as tx:
            await app_status.lift(tx, services, app_id, made, None, site.now)

    async def mode(wanted: AppMode) -> None:
        async with services.store.write() as tx:
            await app_status.set_mode(tx, services, app_id, wanted, None, site.now)

    assert "code" in await silent()
    await mode(AppMode.DEVELOPMENT)
    assert (await silent())["error"] == "access_denied"
    assert (await browser.get(app.address())).status_code == 403
    await mode(AppMode.LIVE)
    made = await stopped(Restriction.LOGIN)
    assert (await silent())["error"] == "access_denied"
    assert (await app.post("/oauth/introspect", asked)).json()["active"] is True
    await lifted(made)
    made = await stopped(Restriction.PERMISSION, "email", "pages_show_list")
    told = (await app.post("/oauth/introspect", asked)).json()
    assert not {"email", "pages_show_list"} & set(told["scope"].split())
    assert not told.get("authorization_details")
    assert "email" not in (await site.token("GET", "/oauth/userinfo", headers=bearer)).json()
    await lifted(made)
    made = await stopped(Restriction.API)
    assert (await app.post("/oauth/introspect", asked)).content == b'{"active":false}'
    refused(await site.token("GET", "/oauth/userinfo", headers=bearer), "invalid_token", 401)
    await lifted(made)
    assert (await app.post("/oauth/introspect", asked)).json()["active"] is True
    assert (await site.token("GET", "/oauth/userinfo", headers=bearer)).json()["email"] == "emil@home.example"


def test_an_operator_rotates_keys(tmp_path: Path) -> None:
    """SE-17: the command publishes a key for each algorithm in use; at once, it signs now."""
    env = {"WORKBADGE_DATABASE": f"sqlite:///{tmp_path / 'live.db'}", "WORKBADGE_KEY_FILE": str(tmp_path / "key")}
    assert CliRunner().invoke(main, ["upgrade"], env=env).exit_code == 0
    planned = CliRunner().invoke(main, ["rotate-keys"], env=env)
    assert (planned.exit_code, planned.output[:11]) == (0, "Published: ")
    urgent = CliRunner().invoke(main, ["rotate-keys", "--at-once"], env=env)
    assert (urgent.exit_code, urgent.output[:13]) == (0, "Signing now: ")
