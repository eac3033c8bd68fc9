"""What the server says about itself: metadata and keys."""

import json
from datetime import timedelta

import pytest
from joserfc import jwk, jwt

from tests.commands._world import BASE
from tests.oauth._site import LoginSite
from workbadge.commands import signing
from workbadge.commands.services import Services
from workbadge.keys import read_jwt
from workbadge.store.signing_keys import list_signing_keys

from ._app import App

pytestmark = pytest.mark.anyio
ADDRESSES = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


async def test_metadata_names_the_issuer_whatever_the_request_says(site: LoginSite) -> None:
    """OA-63, OA-38: both documents are the same, name base_url as issuer, and no header changes that."""
    documents = []
    for path in ADDRESSES:
        headers = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"}
        answer = await site.token("GET", path, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        documents.append(answer.json())
    assert documents[0] == documents[1]
    document = documents[0]
    assert document["issuer"] == BASE
    assert "evil" not in json.dumps(document)
    for name, value in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith(BASE + "/"), name
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert {"openid", "profile", "email", "offline_access", "pages_show_list"} <= set(document["scopes_supported"])
    assert "public_profile" not in document["scopes_supported"]


async def test_wrong_methods_are_told_the_right_one(site: LoginSite) -> None:
    """OA-33: another method than the endpoint's is answered 405 with the ones that are allowed."""
    answer = await site.token("DELETE", "/oauth/jwks")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["error"] == "invalid_request"


async def _published(site: LoginSite, alg: str | None = None) -> dict[str, dict[str, str]]:
    """The published keys by kid; with ``alg`` those of one algorithm."""
    answer = await site.token("GET", "/oauth/jwks")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    return {one["kid"]: one for one in answer.json()["keys"] if alg in (None, one["alg"])}


async def test_published_keys_have_no_private_part(site: LoginSite) -> None:
    """SE-18: the published set holds public members only, of a key for each algorithm, before any has signed."""
    keys = await _published(site)
    assert sorted(one["alg"] for one in keys.values()) == ["ES256", "RS256"]
    for one in keys.values():
        assert set(one) <= {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}
        assert one["use"] == "sig"


async def test_a_key_is_published_before_it_signs_and_stays_until_its_last_token_ended(site: LoginSite) -> None:
    """OA-65, SE-17: over a year every token verifies with a set that a verifier fetched up to an hour before, and until it ends."""
    services, tokens, sets = site.world.services, [], []
    seen: set[str] = set()
    for _ in range(365 * 4):
        site.advance(hours=6)
        signer = await signing.find_signer(services, "ES256", site.now)
        tokens.append((site.now, signer.kid, signer.sign({"at": str(site.now)})))
        sets.append((site.now, {one["kid"]: one for one in await signing.published_keys(services, site.now)}))
        seen.add(signer.kid)
    assert len(seen) == 5
    assert len(sets[-1][1]) <= 4
    for (now, kid, token), (_, before) in zip(tokens[1:], sets[:-1], strict=True):
        assert read_jwt(token, list(before.values())) == {"at": str(now)}, "fetched six hours before"
        assert kid in before
    changes = [n for n in range(1, len(tokens)) if tokens[n][1] != tokens[n - 1][1]]
    for n in changes:
        edge = tokens[n][0]
        last = tokens[n - 1][1]
        assert last not in {one["kid"] for one in await signing.published_keys(services, edge + timedelta(days=1))}


async def _successor(services: Services, made: list[str]) -> str:
    """Of the keys that a rotation made, one for each algorithm: that for ES256."""
    async with services.store.read() as tx:
        rows = [row for row in await list_signing_keys(tx) if row.kid in made]
    assert sorted(row.alg for row in rows) == ["ES256", "RS256"]
    return str(rows[0].kid)


async def test_an_old_key_is_published_for_the_life_of_an_id_token(site: LoginSite) -> None:
    """OA-65: after a rotation the old key is in the set until exactly the end of the last token made with it."""
    services = site.world.services
    old = (await signing.find_signer(services, "ES256", site.now)).kid
    new = await _successor(services, await signing.rotate_keys(services, site.now))
    assert set(await _published(site, "ES256")) == {old, new}
    assert (
        await signing.find_signer(services, "ES256", site.now + signing.LEAD - timedelta(microseconds=1))
    ).kid == old
    site.clock.set(site.now + signing.LEAD)
    assert (await signing.find_signer(services, "ES256", site.now)).kid == new
    site.clock.set(site.now + signing.ID_TOKEN_LIFE - timedelta(microseconds=1))
    assert set(await _published(site, "ES256")) == {old, new}
    site.clock.set(site.now + timedelta(microseconds=1))
    assert set(await _published(site, "ES256")) == {new}


async def test_a_key_that_became_known_is_taken_out_at_once(site: LoginSite) -> None:
    """SE-17: an emergency rotation withdraws every older key: it signs and verifies nothing from that instant."""
    services = site.world.services
    signer = await signing.find_signer(services, "ES256", site.now)
    token = signer.sign({"sub": "1"})
    assert await signing.read_own_jwt(services, token, site.now) == {"sub": "1"}
    new = await _successor(services, await signing.rotate_keys(services, site.now, at_once=True))
    assert set(await _published(site, "ES256")) == {new}
    assert (await signing.find_signer(services, "ES256", site.now)).kid == new
    assert await signing.read_own_jwt(services, token, site.now) is None


async def test_own_tokens_are_read_with_our_keys_and_algorithms_only(site: LoginSite, app: App) -> None:
    """OA-42: a token that names no algorithm, a symmetric one, its own key, or another type is not one of ours."""
    services = site.world.services
    signer = await signing.find_signer(services, "ES256", site.now)
    public = next(one for one in await signing.published_keys(services, site.now) if one["alg"] == "ES256")
    own = jwk.ECKey.generate_key("P-256")
    claims = {"sub": "1"}
    good = signer.sign(claims)
    header, payload, _signature = good.split(".")
    plain = jwt.encode({"alg": "HS256", "kid": signer.kid}, claims, jwk.OctKey.import_key(json.dumps(public)))
    forged = [
        jwt.encode({"alg": "ES256", "kid": signer.kid}, claims, own),
        jwt.encode({"alg": "ES256", "kid": "another"}, claims, own),
        jwt.encode({"alg": "ES256", "jwk": own.as_dict(private=False)}, claims, own),
        plain,
        f"{header}.{payload}.",
        f"{header}.{payload}",
        "eyJhbGciOiJub25lIn0." + payload + ".",
        good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
        signer.sign(claims, "logout+jwt"),
        "",
        "a.b.c",
        good + "=" * 20_000,
    ]
    for text in forged:
        assert await signing.read_own_jwt(services, text, site.now) is None, text[:80]
    assert await signing.read_own_jwt(services, good, site.now) == claims
