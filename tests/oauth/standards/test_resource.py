"""Resource indicators: RFC 8707, OA-40."""

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.commands._world import BASE
from tests.oauth._site import Answer
from workbadge.keys import hash_secret, read_restricted, read_token
from workbadge.store import grants

from ._app import VERIFIER, App
from ._key_app import KeyApp

pytestmark = pytest.mark.anyio

OWN = "https://api.both.example/"


@pytest.fixture
async def client(app: App) -> KeyApp:
    """An app with a resource server of its own."""
    return await KeyApp(app.site).agree(resources=(OWN,))


async def code(client: App, **values: Any) -> str:
    """The code of a whole login."""
    return (await client.log_in(**values)).query["code"]


async def redeem(client: KeyApp, text: str, *resources: str) -> httpx.Response:
    """Redeem a code, naming resources."""
    form = {"grant_type": "authorization_code", "code": text, "redirect_uri": client.back, "code_verifier": VERIFIER}
    return await post(client, form, *resources)


async def refresh(client: KeyApp, text: str, *resources: str) -> httpx.Response:
    """Use a refresh token, naming resources."""
    return await post(client, {"grant_type": "refresh_token", "refresh_token": text}, *resources)


async def post(client: KeyApp, form: dict[str, str], *resources: str) -> httpx.Response:
    """One call of the token endpoint."""
    pairs = [*{**form, **client.assertion()}.items(), *(("resource", one) for one in resources)]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await client.site.token("POST", "/oauth/token", content=urlencode(pairs), headers=headers)


@pytest.mark.parametrize(
    "resource",
    [
        "relative",
        "/path",
        "//host/path",
        f"{OWN}#part",
        "https://unknown.example/",
        "https://api.both.example",
        "",
        "https://[bad",
    ],
)
async def test_a_wrong_resource_is_invalid_target(client: KeyApp, resource: str) -> None:
    """OA-40: a resource that is relative, has a fragment, or is not the client's: invalid_target, at both endpoints."""
    refused = await client.refusal(resource=resource)
    assert refused["error"] == "invalid_target"
    answer = await redeem(client, await code(client), resource)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


async def test_two_resources_are_one_too_many(client: KeyApp) -> None:
    """OA-40: a token is meant for one resource: two are refused, at both endpoints; the same one twice is one."""
    twice = client.address(resource=OWN) + "&" + urlencode({"resource": BASE})
    answer = await client.site.browser().client.get(twice)
    assert Answer(answer.headers["location"]).query["error"] == "invalid_target"
    refused = await redeem(client, await code(client, resource=OWN), OWN, BASE)
    assert refused.json()["error"] == "invalid_target"
    assert (await redeem(client, await code(client, resource=OWN), OWN, OWN)).status_code == 200


async def test_a_token_for_this_server_is_plain(client: KeyApp) -> None:
    """RFC 8707 §2: the issuer names this server, as no resource does: a plain token that reads here."""
    for resource in (BASE, f"{BASE}/", None):
        more = [] if resource is None else [resource]
        answer = await redeem(client, await code(client, resource=resource), *more)
        text = answer.json()["access_token"]
        assert read_token(text)
        headers = {"authorization": f"Bearer {text}"}
        assert (await client.site.token("GET", "/v26.0/me", headers=headers)).status_code == 200


async def test_a_token_for_another_server_never_reads_here(client: KeyApp) -> None:
    """OA-40: a token for the client's own resource is refused by this server's, and so are its successors."""
    answer = await redeem(client, await code(client, resource=OWN))
    for _ in range(2):
        text = answer.json()["access_token"]
        assert read_restricted(text)
        async with client.site.world.services.store.read() as tx:
            row = await grants.find_token(tx, hash_secret(text))
        assert row is not None and row.resource == OWN
        for scheme in ("Bearer", "DPoP"):
            headers = {"authorization": f"{scheme} {text}"}
            assert (await client.site.token("GET", "/v26.0/me", headers=headers)).json()["error"]["code"] == 190
        answer = await refresh(client, answer.json()["refresh_token"], OWN)


async def test_a_grant_for_one_gives_no_token_for_another(client: KeyApp) -> None:
    """OA-40: a code or refresh token for one resource is not turned into a token for another, in either direction."""
    for granted, wanted in ((OWN, BASE), (None, OWN)):
        answer = await redeem(client, await code(client, resource=granted), wanted)
        assert answer.json()["error"] == "invalid_target"
        answer = await redeem(client, await code(client, resource=granted))
        refused = await refresh(client, answer.json()["refresh_token"], wanted)
        assert refused.json()["error"] == "invalid_target"
        assert (await refresh(client, answer.json()["refresh_token"])).status_code == 200, "it was not used up"


async def test_another_clients_resource_is_unknown(client: KeyApp) -> None:
    """OA-40: what one client registered is no resource of another."""
    other = App(client.site, "tokens")
    assert (await other.refusal(resource=OWN))["error"] == "invalid_target"


async def test_the_resource_asks_what_it_was_sent(client: KeyApp) -> None:
    """RFC 8707 §2.2: introspection tells the audience, so that the other server can refuse what is not meant for it."""
    answer = await redeem(client, await code(client, resource=OWN))
    told = (await client.call("/oauth/introspect", {"token": answer.json()["access_token"]})).json()
    assert (told["active"], told["aud"]) == (True, OWN)
    plain = await redeem(client, await code(client))
    told = (await client.call("/oauth/introspect", {"token": plain.json()["access_token"]})).json()
    assert told["active"] is True and "aud" not in told
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    refused = await client.site.token("GET", "/oauth/userinfo", headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
