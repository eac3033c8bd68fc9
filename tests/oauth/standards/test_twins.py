"""Two sites that share every secret, as worlds of one seed do: what is signed for one address is nothing at the other."""

from dataclasses import replace

import pytest

from tests.commands._world import BASE
from tests.oauth._site import LoginSite
from workbadge.oauth.rfc7523 import ASSERTION_TYPE

from ._app import App
from ._forge import new_key, signed
from ._key_app import KeyApp, dpop

pytestmark = pytest.mark.anyio
TWIN = "https://twin.example"


def twin_of(site: LoginSite) -> LoginSite:
    """The same database, keys and clock at another address."""
    world = replace(site.world, services=replace(site.world.services, base_url=TWIN))
    return LoginSite(world, False, site.clock)


async def _pushed(app: KeyApp, site: LoginSite, audience: str) -> tuple[int, str | None]:
    """What a site answers to a request pushed with an assertion for an address."""
    text = signed(app.key, {"alg": "ES256"}, app.claims(aud=audience))
    form = {**app.request(), "client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
    answer = await site.token("POST", "/oauth/par", data=form)
    return answer.status_code, answer.json().get("error")


async def test_an_assertion_is_for_one_address(app: App) -> None:
    """MT-35: a client assertion made for one world is refused in another that knows the client and its key, and by live."""
    client = await KeyApp(app.site).agree()
    here, there = client.site, twin_of(client.site)
    assert [await _pushed(client, here, one) for one in (BASE, TWIN)] == [(201, None), (401, "invalid_client")]
    assert [await _pushed(client, there, one) for one in (TWIN, BASE)] == [(201, None), (401, "invalid_client")]


async def test_a_proof_of_possession_is_for_one_address(app: App) -> None:
    """MT-35: a proof made for a request to one world is refused by another at the same path, though the token is known there."""
    client = await KeyApp(app.site).agree()
    key, path = new_key(), f"/v26.0/{client.site.world.assets['page']}"
    code = (await client.log_in()).query["code"]
    text = (await client.redeem_by_key(code, dpop(client, key))).json()["access_token"]
    found = []
    for site in (client.site, twin_of(client.site)):
        for address in (BASE, TWIN):
            proof = dpop(client, key, path, "GET", text, htu=address + path)
            headers = {"authorization": f"DPoP {text}", "dpop": proof}
            found.append((await site.token("GET", path, headers=headers)).status_code)
    assert found == [200, 401, 401, 200]


async def test_an_id_token_is_a_hint_where_it_was_made(app: App) -> None:
    """MT-35: an ID token of one world is no hint in another, though the same key signed it."""
    await app.register()
    hint = (await app.tokens())["id_token"]
    there = App(twin_of(app.site))
    found = []
    for one in (app, there):
        answer = await one.site.browser().client.get(one.address(id_token_hint=hint, prompt="none"))
        found.append(answer.headers["location"])
    assert "error=login_required" in found[0]
    assert "error=invalid_request" in found[1]
