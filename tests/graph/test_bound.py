"""Tokens that are bound to a key, at the graph: RFC 9449 §7, OA-41."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.oauth.standards._forge import Key, new_key, public, seconds, signed
from workbadge.commands.client_terms import DEFAULT, save_terms
from workbadge.keys import app_secret_proof, hash_secret, make_restricted
from workbadge.store import grants
from workbadge.terms.kinds import TokenKind
from workbadge.web.rfc9449 import current_nonce
from workbadge.web.rfc9449.proof import token_hash

from ._api import BASE, Api, error

pytestmark = pytest.mark.anyio


async def bound(api: Api, key: Key | None, resource: str | None = None) -> str:
    """A restricted token of emil for a page."""
    plain = await api.login(api.world.people["emil"], names=("page",))
    text = make_restricted(api.world.services.entropy)
    async with api.world.services.store.write() as tx:
        row = await grants.find_token(tx, hash_secret(plain))
        assert row is not None
        await grants.add_token(
            tx, hash_secret(text), TokenKind.USER, row.app_id, row.authorized_at, api.now,
            grant_id=row.grant_id, account_id=row.account_id, scopes=row.scopes, expires=row.expires_at,
            jkt=None if key is None else key.thumbprint(), resource=resource,
        )  # fmt: skip
    return text


def prove(api: Api, key: Key, token: str, path: str, **changed: Any) -> str:
    """A proof for a GET of a path."""
    right = {
        "htm": "GET",
        "htu": BASE + path,
        "iat": seconds(api.now),
        "jti": api.world.services.entropy.text(20),
        "ath": token_hash(token),
    }
    claims = {name: value for name, value in {**right, **changed}.items() if value is not None}
    return signed(key, {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(key)}, claims)


async def ask(api: Api, path: str, token: str, *proofs: str, scheme: str = "DPoP") -> httpx.Response:
    """A GET with a token in its scheme and proofs."""
    headers = [("authorization", f"{scheme} {token}"), *(("dpop", one) for one in proofs)]
    return await api.client.get(path, headers=headers)


async def test_a_bound_token_with_its_proof_reads(api: Api) -> None:
    """RFC 9449 §7.1: with the DPoP scheme, in any case, and a proof of its key a bound token reads what a plain one would."""
    key = new_key()
    token = await bound(api, key)
    page = f"/v26.0/{api.world.assets['page']}"
    for scheme in ("DPoP", "dpop"):
        answer = await ask(api, page, token, prove(api, key, token, page), scheme=scheme)
        assert answer.status_code == 200, answer.text
        assert answer.json()["name"] == "page"
    other = f"/{api.world.assets['ads']}"
    assert error(await ask(api, other, token, prove(api, key, token, other)))[0] == 400


async def test_a_bound_token_as_bearer_is_refused(api: Api) -> None:
    """OA-41: a bound token sent as Bearer, as a parameter, or to be exchanged or inspected, is refused at the graph."""
    token = await bound(api, new_key())
    for answer in (
        await ask(api, "/me", token, scheme="Bearer"),
        await ask(api, "/me", token, scheme="OAuth"),
        await api.call("/me", token),
        await api.call("/debug_token", token, input_token=token),
    ):
        assert error(answer)[:2] == (400, 190)


async def test_wrong_proofs_are_refused(api: Api) -> None:
    """OA-41: no proof, two, of another key, for another address, method or token, too old, used twice: 401 and nothing read."""
    key, path = new_key(), "/me"
    token = await bound(api, key)
    good = prove(api, key, token, path)
    assert (await ask(api, path, token, good)).status_code == 200
    for proofs in (
        [],
        [good],
        [prove(api, key, token, path), prove(api, key, token, path)],
        [prove(api, new_key(), token, path)],
        [prove(api, key, token, "/v26.0/me")],
        [prove(api, key, token, path, htm="POST")],
        [prove(api, key, token, path, ath=None)],
        [prove(api, key, token, path, ath=token_hash("another"))],
        [prove(api, key, token, path, iat=seconds(api.now) - 61)],
        [prove(api, key, token, path, nonce="nonsense")],
        ["nonsense"],
    ):
        assert error(await ask(api, path, token, *proofs)) == (401, 190, None)


async def test_nonces_are_asked_of_clients_that_agreed(api: Api) -> None:
    """RFC 9449 §8: of a client that agreed to nonces a proof without the server's nonce is refused."""
    services, key, path = api.world.services, new_key(), "/me"
    token = await bound(api, key)
    async with services.store.write() as tx:
        await save_terms(tx, api.world.apps["both"], replace(DEFAULT, dpop_nonce=True), api.now)
    refused = await ask(api, path, token, prove(api, key, token, path))
    assert error(refused) == (401, 190, None)
    assert 'error="use_dpop_nonce"' in refused.headers["www-authenticate"]
    nonce = refused.headers["dpop-nonce"]
    assert nonce == current_nonce(services.sealer, api.now)
    assert (await ask(api, path, token, prove(api, key, token, path, nonce=nonce))).status_code == 200


async def test_a_token_for_another_resource_never_reads(api: Api) -> None:
    """OA-40: a token that was asked for another resource is refused here, as Bearer and with a proof."""
    key = new_key()
    unbound = await bound(api, None, "https://api.example/")
    both = await bound(api, key, "https://api.example/")
    assert error(await ask(api, "/me", unbound, scheme="Bearer"))[:2] == (400, 190)
    assert error(await ask(api, "/me", unbound, prove(api, key, unbound, "/me"))) == (401, 190, None)
    assert error(await ask(api, "/me", both, prove(api, key, both, "/me"))) == (401, 190, None)


async def test_a_plain_token_is_not_taken_by_the_dpop_scheme(api: Api) -> None:
    """RFC 9449 §7.1: a token that is not bound is no token of the DPoP scheme."""
    key = new_key()
    token = await api.login(api.world.people["emil"], names=("page",))
    assert error(await ask(api, "/me", token, prove(api, key, token, "/me"))) == (401, 190, None)


async def test_a_bound_token_gives_no_page_tokens(api: Api) -> None:
    """RFC 9449 §2: from a bound token no token is derived that could be used without the key."""
    key = new_key()
    token = await bound(api, key)
    page = f"/{api.world.assets['page']}"
    answer = await ask(api, f"{page}?fields=name,access_token", token, prove(api, key, token, page))
    assert answer.json() == {"name": "page", "id": str(api.world.assets["page"])}
    answer = await ask(api, "/me/accounts?fields=access_token", token, prove(api, key, token, "/me/accounts"))
    assert [one.keys() for one in answer.json()["data"]] == [{"id"}]


async def test_a_batch_with_a_bound_token(api: Api) -> None:
    """RFC 9449 §7: the proof of a batch stands for the operations that use the batch's token; another's token needs its own."""
    key = new_key()
    token, other = await bound(api, key), await bound(api, new_key())
    operations = [{"relative_url": "me?fields=name"}, {"relative_url": f"me?access_token={other}"}]
    proof = prove(api, key, token, "/", htm="POST")
    headers = {"authorization": f"DPoP {token}", "dpop": proof}
    answer = await api.client.post("/", data={"batch": json.dumps(operations)}, headers=headers)
    assert [one["code"] for one in answer.json()] == [200, 400]
    again = await api.client.post("/", data={"batch": json.dumps(operations)}, headers=headers)
    assert error(again) == (401, 190, None)


async def test_a_bound_token_makes_no_tokens(api: Api) -> None:
    """RFC 9449 §2: neither the swap of an extension nor a system user's token is given for a bound token, proven or not."""
    key = new_key()
    token = await bound(api, key)
    swap_path = f"/{api.world.business}/access_token"
    narrow_path = f"/{api.world.business}/system_user_access_tokens"
    values = {
        "app_id": str(api.world.apps["both"]),
        "scope": "ads_management",
        "appsecret_proof": app_secret_proof(await api.secret("both"), token),
    }
    for path in (swap_path, narrow_path):
        headers = {"authorization": f"DPoP {token}", "dpop": prove(api, key, token, path, htm="POST")}
        answer = await api.client.post(path, data=values, headers=headers)
        assert error(answer) == (400, 100, None)
        assert "bound to a key" in answer.json()["error"]["message"]
