"""Codes, access tokens and refresh tokens that are bound to a key: RFC 9449, OA-41."""

from typing import Any

import httpx
import pytest

from workbadge.keys import hash_secret, read_restricted, read_token
from workbadge.store import grants
from workbadge.web.rfc9449 import current_nonce

from ._app import VERIFIER, App
from ._forge import Key, new_key, seconds
from ._key_app import KeyApp, dpop
from .test_par import short

pytestmark = pytest.mark.anyio

TOKEN = "/oauth/token"


@pytest.fixture
async def client(app: App) -> KeyApp:
    """An app with a key of its own."""
    return await KeyApp(app.site).agree()


async def public_client(app: App) -> KeyApp:
    """An app without any credential."""
    found = KeyApp(app.site)
    await found.register("none")
    return found


async def redeem(client: KeyApp, code: str, proof: str | None, confidential: bool = True) -> httpx.Response:
    """Redeem a code with a proof, or none."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.back, "code_verifier": VERIFIER}
    return await client.call(TOKEN, form, proof, confidential)


async def refresh(client: KeyApp, text: str, proof: str | None, confidential: bool = True) -> httpx.Response:
    """Use a refresh token with a proof, or none."""
    return await client.call(TOKEN, {"grant_type": "refresh_token", "refresh_token": text}, proof, confidential)


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Status and error."""
    return answer.status_code, answer.json().get("error", "")


async def read(client: App, text: str, key: Key | None) -> int:
    """The status of a read of the graph, with a proof or as bearer."""
    path = f"/v26.0/{client.site.world.assets['page']}"
    if key is None:
        headers = {"authorization": f"Bearer {text}"}
    else:
        headers = {"authorization": f"DPoP {text}", "dpop": dpop(client, key, path, "GET", text)}
    return (await client.site.token("GET", path, headers=headers)).status_code


async def test_a_proof_binds_the_token(client: KeyApp) -> None:
    """RFC 9449 §5: with a proof the access token is bound to its key: it reads with a proof of that key, and only so."""
    key = new_key()
    answer = await redeem(client, (await client.log_in()).query["code"], dpop(client, key))
    assert answer.status_code == 200, answer.text
    text = answer.json()["access_token"]
    assert answer.json()["token_type"] == "DPoP"
    assert read_restricted(text) and read_token(text) is None
    assert await read(client, text, key) == 200
    assert await read(client, text, None) == 400
    assert await read(client, text, new_key()) == 401
    async with client.site.world.services.store.read() as tx:
        row = await grants.find_token(tx, hash_secret(text))
    assert row is not None and row.jkt == key.thumbprint()


async def test_without_a_proof_the_token_is_plain(client: KeyApp) -> None:
    """RFC 9449 §5: who proves nothing gets a bearer token, unless the client agreed on bound ones."""
    code = (await client.log_in()).query["code"]
    answer = await redeem(client, code, None)
    assert answer.json()["token_type"] == "Bearer"
    assert await read(client, answer.json()["access_token"], None) == 200


async def test_a_client_that_agreed_must_prove(app: App) -> None:
    """RFC 9449 §5.2: dpop_bound_access_tokens: no proof, no token, for codes, refresh tokens and the client itself."""
    client = await KeyApp(app.site).agree(dpop_bound=True)
    code = (await client.log_in()).query["code"]
    assert outcome(await redeem(client, code, None)) == (400, "invalid_dpop_proof")
    key = new_key()
    answer = await redeem(client, code, dpop(client, key))
    assert answer.json()["token_type"] == "DPoP", "a missing proof does not burn the code"
    assert outcome(await refresh(client, answer.json()["refresh_token"], None)) == (400, "invalid_dpop_proof")
    own = await client.call(TOKEN, {"grant_type": "client_credentials"}, dpop(client, key))
    assert outcome(own) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "changed",
    [
        {"htm": "GET"},
        {"htu": "https://badge.example/oauth/par"},
        {"htu": None},
        {"jti": None},
        {"iat": 61},
        {"iat": -61},
        {"iat": None},
        {"exp": -1},
        {"nbf": 60},
    ],
    ids=str,
)
async def test_a_wrong_proof_is_refused(client: KeyApp, changed: dict[str, Any]) -> None:
    """OA-41: a proof of another method, address or time, or without an id, is invalid_dpop_proof; the code lives on."""
    now, key = seconds(client.site.now), new_key()
    moved = {name: now + value if isinstance(value, int) else value for name, value in changed.items()}
    code = (await client.log_in()).query["code"]
    assert outcome(await redeem(client, code, dpop(client, key, **moved))) == (400, "invalid_dpop_proof")
    assert (await redeem(client, code, dpop(client, key))).status_code == 200


async def test_a_proof_is_good_once(client: KeyApp) -> None:
    """OA-41: the same proof a second time is refused, with another code too."""
    key = new_key()
    proof = dpop(client, key)
    first, second = (await client.log_in()).query["code"], (await client.log_in()).query["code"]
    assert (await redeem(client, first, proof)).status_code == 200
    assert outcome(await redeem(client, second, proof)) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("way", ["dpop_jkt", "pushed"])
async def test_a_code_that_is_bound_to_a_key(client: KeyApp, way: str) -> None:
    """RFC 9449 §10: a code that was asked for with a key is redeemed with a proof of it; without one, or with another's, it
    is refused and burned."""
    key = new_key()

    async def code() -> str:
        if way == "dpop_jkt":
            return (await client.log_in(dpop_jkt=key.thumbprint())).query["code"]
        answer = await client.call("/oauth/par", client.request(), dpop(client, key, "/oauth/par"))
        return (await client.log_in(**short(client, answer.json()["request_uri"]))).query["code"]

    assert (await redeem(client, await code(), dpop(client, key))).status_code == 200
    for proof in (None, dpop(client, new_key())):
        text = await code()
        assert outcome(await redeem(client, text, proof)) == (400, "invalid_grant")
        assert outcome(await redeem(client, text, dpop(client, key))) == (400, "invalid_grant")


async def test_refresh_tokens_of_public_clients_are_bound(app: App) -> None:
    """RFC 9449 §5: a public client's refresh token is good with the first key only; a wrong key does not use it up."""
    client, key = await public_client(app), new_key()
    code = (await client.log_in()).query["code"]
    answer = await redeem(client, code, dpop(client, key), confidential=False)
    assert answer.status_code == 200, answer.text
    text = answer.json()["refresh_token"]
    for proof in (None, dpop(client, new_key())):
        assert outcome(await refresh(client, text, proof, confidential=False)) == (400, "invalid_grant")
    again = await refresh(client, text, dpop(client, key), confidential=False)
    assert again.json()["token_type"] == "DPoP"
    later = await refresh(client, again.json()["refresh_token"], dpop(client, key), confidential=False)
    assert later.status_code == 200


async def test_refresh_tokens_of_confidential_clients_are_not(client: KeyApp) -> None:
    """RFC 9449 §5: a client that authenticates may take another key at a refresh: the new token is bound to that one."""
    first, second = new_key(), new_key()
    answer = await redeem(client, (await client.log_in()).query["code"], dpop(client, first))
    answer = await refresh(client, answer.json()["refresh_token"], dpop(client, second))
    text = answer.json()["access_token"]
    assert (await read(client, text, second), await read(client, text, first)) == (200, 401)


async def test_a_nonce_where_it_was_agreed(app: App) -> None:
    """RFC 9449 §8: a client that agreed to nonces is told one and asked again; an old or invented one is told the new one."""
    client = await KeyApp(app.site).agree(dpop_nonce=True)
    services, key = app.site.world.services, new_key()
    code = (await client.log_in()).query["code"]
    first = await redeem(client, code, dpop(client, key))
    assert outcome(first) == (400, "use_dpop_nonce")
    nonce = first.headers["dpop-nonce"]
    assert nonce == current_nonce(services.sealer, app.site.now)
    assert outcome(await redeem(client, code, dpop(client, key, nonce="invented"))) == (400, "use_dpop_nonce")
    assert (await redeem(client, code, dpop(client, key, nonce=nonce))).status_code == 200
    app.site.advance(minutes=10)
    code = (await client.log_in()).query["code"]
    old = await redeem(client, code, dpop(client, key, nonce=nonce))
    assert outcome(old) == (400, "use_dpop_nonce") and old.headers["dpop-nonce"] != nonce


async def test_two_proofs_are_one_too_many(client: KeyApp) -> None:
    """RFC 9449 §4.3: two DPoP headers are refused."""
    code, key = (await client.log_in()).query["code"], new_key()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.back, "code_verifier": VERIFIER}
    headers = [("dpop", dpop(client, key)), ("dpop", dpop(client, key))]
    answer = await client.site.token("POST", TOKEN, data={**form, **client.assertion()}, headers=headers)
    assert outcome(answer) == (400, "invalid_request")


async def test_a_bound_token_is_not_exchanged_for_a_plain_one(client: KeyApp) -> None:
    """OA-41: a bound token is not taken where it would be exchanged, inspected or told about as a bearer token."""
    key, site = new_key(), client.site
    answer = await redeem(client, (await client.log_in()).query["code"], dpop(client, key))
    text = answer.json()["access_token"]
    own = {"client_id": client.id, "client_secret": await site.secret()}
    for path, form in (
        ("/v26.0/oauth/access_token", {**own, "grant_type": "fb_exchange_token", "fb_exchange_token": text}),
        ("/v26.0/oauth/access_token_info", {"client_id": client.id, "access_token": text}),
        ("/v26.0/debug_token", {"input_token": text, "access_token": text}),
        ("/v26.0/me", {"access_token": text}),
    ):
        refused = await site.token("GET", path, params=form)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, 190), path


async def bound_token(client: KeyApp, key: Key) -> str:
    """A bound access token of a whole login."""
    answer = await redeem(client, (await client.log_in()).query["code"], dpop(client, key))
    return str(answer.json()["access_token"])


async def userinfo(client: App, authorization: str, *proofs: str, **more: Any) -> httpx.Response:
    """One call of the userinfo endpoint."""
    headers = [("authorization", authorization), *(("dpop", one) for one in proofs)]
    return await client.site.token("GET", USERINFO, headers=headers, **more)


USERINFO = "/oauth/userinfo"


async def test_userinfo_with_a_proof(client: KeyApp) -> None:
    """OA-41: userinfo takes a bound token with its proof; as Bearer, without a proof, with a wrong or used one it is 401."""
    key = new_key()
    text = await bound_token(client, key)
    good = dpop(client, key, USERINFO, "GET", text)
    answer = await userinfo(client, f"DPoP {text}", good)
    assert answer.status_code == 200 and answer.json()["sub"]
    assert outcome(await userinfo(client, f"Bearer {text}", dpop(client, key, USERINFO, "GET", text))) == (
        401,
        "invalid_token",
    )
    for proofs in ([], [good], [dpop(client, key, USERINFO, "GET")], [dpop(client, key, USERINFO, "POST", text)]):
        refused = await userinfo(client, f"DPoP {text}", *proofs)
        assert outcome(refused) == (401, "invalid_dpop_proof")
        assert refused.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')
    other = await userinfo(client, f"DPoP {text}", dpop(client, new_key(), USERINFO, "GET", text))
    assert outcome(other) == (401, "invalid_token")


async def test_a_plain_token_is_not_of_that_scheme(client: KeyApp) -> None:
    """RFC 9449 §7.1: a bearer token sent by the DPoP scheme is refused, with any proof."""
    answer = await redeem(client, (await client.log_in()).query["code"], None)
    text = answer.json()["access_token"]
    refused = await userinfo(client, f"DPoP {text}", dpop(client, new_key(), USERINFO, "GET", text))
    assert outcome(refused) == (401, "invalid_token")


async def test_introspection_names_the_key(client: KeyApp) -> None:
    """RFC 9449 §6.2: introspection of a bound token says which key, and that it is of type DPoP; it opens nothing by itself."""
    key = new_key()
    text = await bound_token(client, key)
    told = (await client.call("/oauth/introspect", {"token": text})).json()
    assert told["active"] is True and told["token_type"] == "DPoP"
    assert told["cnf"] == {"jkt": key.thumbprint()}
    headers = {"authorization": f"Bearer {text}"}
    refused = await client.site.token("POST", "/oauth/introspect", data={"token": text}, headers=headers)
    assert outcome(refused) == (401, "invalid_client")


async def test_a_bound_token_is_revoked_like_any(client: KeyApp) -> None:
    """RFC 7009 §2.1: a bound token is revoked by its client: it reads no more, with any proof."""
    key = new_key()
    text = await bound_token(client, key)
    assert (await client.call("/oauth/revoke_token", {"token": text})).status_code == 200
    assert await read(client, text, key) == 400
    assert (await client.call("/oauth/introspect", {"token": text})).json() == {"active": False}


async def test_a_bound_token_ends(client: KeyApp) -> None:
    """OA-66: a bound token is refused from its last second on."""
    key = new_key()
    text = await bound_token(client, key)
    client.site.advance(hours=1, minutes=59, seconds=59)
    assert await read(client, text, key) == 200
    client.site.advance(seconds=1)
    assert await read(client, text, key) == 400
