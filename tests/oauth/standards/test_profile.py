"""Whole flows as strict profiles want them: FAPI 2.0 Security Profile, OpenID Connect Basic OP."""

from typing import Any

import pytest

from tests.commands._world import BASE
from workbadge.commands.signing import read_own_jwt
from workbadge.web.remote_keys import RemoteKeys

from ._app import VERIFIER, App
from ._forge import jwks, new_key
from ._key_app import KeyApp, dpop
from .test_par import short

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(app: App) -> KeyApp:
    """A client as the profile wants it: by key, pushed requests only, bound tokens only."""
    return await KeyApp(app.site).agree(require_pushed=True, dpop_bound=True)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"state": None},
        {"nonce": None},
        {"nonce": "n" * 64},
        {"nonce": "n" * 500},
        {"state": "s" * 4_000},
        {"scope": "ads_read pages_show_list offline_access email profile openid"},
    ],
    ids=str,
)
async def test_the_strict_flow(client: KeyApp, values: dict[str, str | None]) -> None:
    """FAPI 2.0 Security Profile §5: pushed by key, code with iss, token bound to a key, refresh, read: with and without state and nonce, long ones,
    scopes in any order."""
    site, key = client.site, new_key()
    answer = await client.call("/oauth/par", client.request(**values), dpop(client, key, "/oauth/par"))
    found = (await client.log_in(**short(client, answer.json()["request_uri"]))).query
    assert found["iss"] == BASE and found.get("state") == {"state": "a state", **values}["state"]
    tokens = (await client.redeem_by_key(found["code"], dpop(client, key))).json()
    assert tokens["token_type"] == "DPoP"
    claims = await read_own_jwt(site.world.services, tokens["id_token"], site.now)
    assert claims is not None and claims.get("nonce") == {"nonce": "a nonce", **values}["nonce"]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    text = (await client.call("/oauth/token", form, dpop(client, key))).json()["access_token"]
    for scheme in ("DPoP", "dpop", "DPOP"):
        headers = {"authorization": f"{scheme} {text}", "dpop": dpop(client, key, "/oauth/userinfo", "GET", text)}
        assert (await site.token("GET", "/oauth/userinfo", headers=headers)).json()["sub"] == claims["sub"]


async def test_two_strict_clients_do_not_mix(client: KeyApp) -> None:
    """FAPI 2.0 Security Profile §5: another strict client redeems neither the code nor the refresh token of the first."""
    other, key = await KeyApp(client.site, "tokens").agree(require_pushed=True, dpop_bound=True), new_key()

    async def code() -> str:
        answer = await client.call("/oauth/par", client.request())
        return (await client.log_in(**short(client, answer.json()["request_uri"]))).query["code"]

    stolen = {"grant_type": "authorization_code", "code": await code(), "redirect_uri": client.back}
    answer = await other.call("/oauth/token", {**stolen, "code_verifier": VERIFIER}, dpop(other, key))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    tokens = (await client.redeem_by_key(await code(), dpop(client, key))).json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = await other.call("/oauth/token", form, dpop(other, key))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_the_plain_flow_with_the_secret_in_the_body(app: App) -> None:
    """OIDF oidcc-server-client-secret-post: a client that registered it redeems with its secret in the form."""
    await app.register("client_secret_post")
    code = (await app.log_in()).query["code"]
    form: dict[str, Any] = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.back}
    own = {"client_id": app.id, "client_secret": await app.site.secret()}
    answer = await app.site.token("POST", "/oauth/token", data={**form, "code_verifier": VERIFIER, **own})
    assert answer.status_code == 200 and answer.json()["id_token"]


async def test_a_client_rotates_its_key_between_refreshes(app: App) -> None:
    """OIDF oidcc-refresh-token-rp-key-rotation: a refresh token goes on with a key that the client published meanwhile."""
    client = await KeyApp(app.site).agree()
    published = {"keys": jwks(client.key)}

    async def fetch(url: str) -> bytes:
        return published["keys"].encode()

    object.__setattr__(client.site.site, "remote_keys", RemoteKeys(fetch))
    await client.set_terms(jwks_uri="https://both.example/keys")
    tokens = (await client.redeem_by_key((await client.log_in()).query["code"])).json()
    client.key = new_key()
    published["keys"] = jwks(client.key)
    client.site.advance(minutes=10)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await client.call("/oauth/token", form)).status_code == 200


async def test_a_login_that_was_begun_afresh_and_left_changes_nothing(app: App) -> None:
    """OA-46: prompt=login leads to the sign-in page; leaving it, or another person's wrong password there, leaves the session
    and its account as they were; another person who signs in gets a new session."""
    browser = app.site.browser()
    await browser.sign_in_as("emil")
    before = [one.value for one in browser.client.cookies.jar if one.name == "wb"]
    page = await browser.get(app.address(prompt="login"))
    assert page.status_code == 200 and "password" in page.text
    wrong = await browser.submit(page, email="selma@home.example", password="wrong")
    assert wrong.status_code == 401
    assert [one.value for one in browser.client.cookies.jar if one.name == "wb"] == before
    shown = await browser.client.get("/logout")
    assert "emil@home.example" in shown.text and "selma@home.example" not in shown.text
    await browser.submit(page, email="selma@home.example", password="selma has a password")
    after = [one.value for one in browser.client.cookies.jar if one.name == "wb"]
    assert after != before
    old = await app.site.token("GET", "/logout", headers={"cookie": f"wb={before[0]}"})
    assert old.status_code == 303, "the old session's name is nobody's"


async def test_forms_with_credentials_are_left_by_303(app: App) -> None:
    """OA-52: after a form that carried a password or a consent the browser is sent on with GET: 303, never 307 or 308."""
    browser = app.site.browser()
    page = await browser.client.get("/login?next=%2Flogout")
    fields = browser.fields(page, email="emil@home.example", password="emil has a password")
    assert (await browser.post("/login", fields)).status_code == 303
    answer = await app.log_in(browser=browser)
    assert answer.query["code"]
    assert (await browser.submit(await browser.client.get("/logout"), number=-1)).status_code == 200
    wrong = await browser.post("/logout", [("csrf", "x")])
    assert wrong.status_code not in (301, 302, 307, 308)


async def test_a_login_hint_picks_one_of_several(app: App) -> None:
    """OIDF oidcc-login-hint: of two people in one browser the hinted one is asked at once; an unknown hint changes nothing."""
    browser = app.site.browser()
    await browser.sign_in_as("emil")
    await browser.sign_in_as("selma")
    page = await browser.get(app.address(login_hint="selma@home.example"))
    people = app.site.world.people
    assert dict(browser.fields(page))["account"] == str(people["selma"]), page.text
    assert dict(browser.fields(page))["step"] == "permissions"
    chooser = await browser.get(app.address(login_hint="nobody@home.example"))
    assert str(people["emil"]) in chooser.text and str(people["selma"]) in chooser.text
    assert dict(browser.fields(chooser))["step"] == "choose"
