"""Clients that authenticate by an assertion or one of two secrets, over HTTP: RFC 7523, OA-31, OA-32."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey

from workbadge.oauth.rfc7523 import ASSERTION_TYPE
from workbadge.web.remote_keys import RemoteKeys

from ._app import App, basic
from ._forge import jwks, new_key, raw, seconds, signed
from ._key_app import KeyApp, rotate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(app: App) -> KeyApp:
    """An app with a key."""
    return await KeyApp(app.site).agree()


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Status and error of a refusal; every one of them is a challenge that is stored nowhere."""
    assert answer.headers["cache-control"] == "no-store"
    if answer.status_code == 401:
        assert "www-authenticate" in answer.headers
    return answer.status_code, answer.json()["error"]


async def ask(client: App, **form: str) -> tuple[int, str]:
    """What comes of pushing a right request with these parameters."""
    data = {**client.request(), **form}
    answer = await client.site.token("POST", "/oauth/par", data={name: value for name, value in data.items() if value})
    if answer.status_code == 201:
        return KNOWN
    return outcome(answer)


KNOWN, UNKNOWN = (201, ""), (401, "invalid_client")


async def test_a_client_by_its_key(client: KeyApp) -> None:
    """RFC 7523 §2.2: with an assertion, with or without client_id, a client is known."""
    for more in ({"client_id": ""}, {}):
        assert await ask(client, **client.assertion(), **more) == KNOWN


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"exp": -300},
        {"nbf": 61},
        {"jti": None},
        {"iss": "140000000000000000"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": "https://badge.example/oauth/token"},
        {"aud": "https://badge.example/oauth/par"},
        {"sub": None},
        {"sub": "140000000000000000"},
    ],
    ids=str,
)
async def test_a_wrong_assertion_is_invalid_client(client: KeyApp, changed: dict[str, Any]) -> None:
    """OA-32: no exp, an old one, nbf a minute ahead, no jti, wrong iss, sub or aud: 401 invalid_client each time."""
    now = seconds(client.site.now)
    moved = {name: now + value if isinstance(value, int) else value for name, value in changed.items()}
    claims = {name: value for name, value in {**client.claims(), **moved}.items() if value is not None}
    text = signed(client.key, {"alg": "ES256"}, claims)
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
    assert await ask(client, **form) == UNKNOWN


async def test_a_clock_eight_seconds_ahead(client: KeyApp) -> None:
    """OA-32: an assertion with an nbf eight seconds ahead is taken."""
    assert await ask(client, **client.assertion(nbf=seconds(client.site.now) + 8)) == KNOWN


async def test_an_assertion_is_good_once(client: KeyApp) -> None:
    """OA-32: the same jti a second time is refused, also in another assertion, until the first has expired."""
    first = client.assertion(jti="one")
    assert await ask(client, **first) == KNOWN
    assert await ask(client, **first) == UNKNOWN
    assert await ask(client, **client.assertion(jti="one", exp=seconds(client.site.now) + 90)) == UNKNOWN
    client.site.advance(seconds=61)
    assert await ask(client, **client.assertion(jti="one")) == KNOWN


async def test_signatures_that_do_not_count(client: KeyApp) -> None:
    """OA-32: alg none, HS256 with the secret or the public key, RS256 where not registered, another client's key: refused."""
    other = await KeyApp(client.site, "tokens").agree()
    secret = (await client.site.secret()).encode()
    rsa = new_key("RS256")
    oct_keys = [OctKey.import_key(secret), OctKey.import_key(jwks(client.key))]
    texts = [
        raw('{"alg":"none"}', json.dumps(client.claims())),
        raw('{"alg":"none"}', json.dumps(client.claims()), b"x"),
        raw("null", json.dumps(client.claims()), b"x"),
        *(signed(key, {"alg": "HS256"}, client.claims()) for key in oct_keys),
        signed(rsa, {"alg": "RS256"}, client.claims()),
        signed(other.key, {"alg": "ES256"}, client.claims()),
        signed(client.key, {"alg": "ES256"}, other.claims()),
        "",
        "x",
        "x" * 20_000,
    ]
    for text in texts:
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
        assert await ask(client, **form) == UNKNOWN, text[:60]
    wrong = {**client.assertion(), "client_assertion_type": "urn:other"}
    assert await ask(client, **wrong) == UNKNOWN
    assert await ask(client, client_assertion=client.assertion()["client_assertion"]) == UNKNOWN


async def test_rs256_only_where_it_was_registered(client: KeyApp) -> None:
    """OA-32: a client that registered RS256 signs with that, and with nothing else any more."""
    rsa = new_key("RS256")
    await client.set_terms(jwks=jwks(rsa, client.key), auth_alg="RS256")
    text = signed(rsa, {"alg": "RS256"}, client.claims())
    assert await ask(client, client_assertion_type=ASSERTION_TYPE, client_assertion=text) == KNOWN
    assert await ask(client, **client.assertion()) == UNKNOWN


async def test_one_way_at_a_time_and_the_registered_one(client: KeyApp) -> None:
    """OA-30: an assertion beside a secret is refused; its secret, or its name alone, is no way for a client with a key,
    and an assertion is none for a client with a secret."""
    secret = await client.site.secret()
    assert await ask(client, **client.assertion(), client_secret=secret) == UNKNOWN
    data = {**client.request(), **client.assertion()}
    with_basic = await client.site.token("POST", "/oauth/par", data=data, headers=basic(client.id, secret))
    assert outcome(with_basic) == UNKNOWN
    assert await ask(client, client_secret=secret) == UNKNOWN
    assert await ask(client) == UNKNOWN
    mixed = await ask(client, **client.assertion(), client_id=str(client.site.world.apps["tokens"]))
    assert mixed == UNKNOWN
    await client.register("client_secret_post")
    assert await ask(client, **client.assertion()) == UNKNOWN


async def test_published_keys_are_rotated_without_a_word(client: KeyApp) -> None:
    """RFC 7591 §2: behind jwks_uri a client replaces its key when it likes; the new one is taken at once, the old one no more."""
    keys = {"text": jwks(client.key)}

    async def fetch(url: str) -> bytes:
        assert url == "https://both.example/keys"
        return keys["text"].encode()

    object.__setattr__(client.site.site, "remote_keys", RemoteKeys(fetch))
    await client.set_terms(jwks_uri="https://both.example/keys")
    assert await ask(client, **client.assertion()) == KNOWN
    new = new_key()
    new = new.import_key({**new.as_dict(private=True), "kid": "new"})
    keys["text"] = jwks(new)
    client.site.advance(minutes=2)
    text = signed(new, {"alg": "ES256", "kid": "new"}, client.claims())
    assert await ask(client, client_assertion_type=ASSERTION_TYPE, client_assertion=text) == KNOWN
    assert await ask(client, **client.assertion()) == UNKNOWN


async def test_two_secrets_during_a_rotation(app: App) -> None:
    """OA-31: old and new secret authenticate until the overlap ends; from then on only the new one."""
    old = await app.site.secret()
    new = await rotate(app.site.world.services, int(app.id), app.site.now, timedelta(hours=1))
    for secret in (old, new):
        assert await ask(app, client_secret=secret) == KNOWN
    app.site.advance(minutes=59, seconds=59)
    assert await ask(app, client_secret=old) == KNOWN
    app.site.advance(seconds=1)
    assert await ask(app, client_secret=old) == UNKNOWN
    assert await ask(app, client_secret=new) == KNOWN


async def test_pages_of_registered_origins_may_call(client: KeyApp) -> None:
    """OA-61: an origin that the client registered for its pages is reflected, without credentials; another one, a look-alike,
    and the same one for another client are not."""
    await client.set_terms(jwks=jwks(client.key), frontends=("https://pages.example",))
    other = await KeyApp(client.site, "tokens").agree()

    async def allowed(origin: str, app: KeyApp) -> str | None:
        form = {"grant_type": "refresh_token", "refresh_token": "x", **app.assertion()}
        answer = await client.site.token("POST", "/oauth/token", data=form, headers={"origin": origin})
        assert "access-control-allow-credentials" not in answer.headers
        found: str | None = answer.headers.get("access-control-allow-origin")
        return found

    assert await allowed("https://pages.example", client) == "https://pages.example"
    for origin in ("https://pages.example.evil.example", "https://evil.example", "null", "http://pages.example"):
        assert await allowed(origin, client) is None
        headers = {"origin": origin, "access-control-request-method": "POST"}
        preflight = await client.site.token("OPTIONS", "/oauth/token", headers=headers)
        assert "access-control-allow-origin" not in preflight.headers
    assert await allowed("https://pages.example", other) is None
    headers = {"origin": "https://pages.example", "access-control-request-method": "POST"}
    preflight = await client.site.token("OPTIONS", "/oauth/token", headers=headers)
    assert preflight.headers["access-control-allow-origin"] == "https://pages.example"
