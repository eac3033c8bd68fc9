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
from workbadge.main import make_application
from workbadge.store.engine import HotQuery
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


def test_an_operator_rotates_keys(tmp_path: Path) -> None:
    """SE-17: the command publishes a key for each algorithm in use; at once, it signs now."""
    env = {"WORKBADGE_DATABASE": f"sqlite:///{tmp_path / 'live.db'}", "WORKBADGE_KEY_FILE": str(tmp_path / "key")}
    assert CliRunner().invoke(main, ["upgrade"], env=env).exit_code == 0
    planned = CliRunner().invoke(main, ["rotate-keys"], env=env)
    assert (planned.exit_code, planned.output[:11]) == (0, "Published: ")
    urgent = CliRunner().invoke(main, ["rotate-keys", "--at-once"], env=env)
    assert (urgent.exit_code, urgent.output[:13]) == (0, "Signing now: ")
