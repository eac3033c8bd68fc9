"""Forged tokens, tokens in each other's place, and tokens that are too large: OA-42, OA-43, OA-44, RFC 8725."""

import base64
import hashlib
import hmac
import json
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk

from tests.oauth._site import LoginSite
from workbadge.commands.logout import LOGOUT, logout_token
from workbadge.commands.signing import find_signer
from workbadge.oauth.rfc7523 import ASSERTION_TYPE

from ._app import App
from ._forge import new_key, public, raw, seconds, signed
from ._key_app import KeyApp, dpop

pytestmark = pytest.mark.anyio

BYE = "https://both.example/bye"
Try = Callable[[str], Awaitable[bool]]
"""Whether a text is taken in some place."""


class Places:
    """Every place that takes a token, each by itself: whether it takes a text."""

    def __init__(self, client: KeyApp) -> None:
        self.client = client
        self.site = client.site

    async def graph(self, text: str) -> bool:
        """As bearer at the graph."""
        return (await self._get("/v26.0/me", text)).status_code == 200

    async def userinfo(self, text: str) -> bool:
        """As bearer at userinfo."""
        return (await self._get("/oauth/userinfo", text)).status_code == 200

    async def refresh(self, text: str) -> bool:
        """As a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": text}
        return (await self.client.call("/oauth/token", form)).status_code == 200

    async def code(self, text: str) -> bool:
        """As a code."""
        return (await self.client.redeem_by_key(text)).status_code == 200

    async def exchange(self, text: str) -> bool:
        """As a token to be made longer-lived."""
        form = {"grant_type": "fb_exchange_token", "fb_exchange_token": text}
        own = {"client_id": self.client.id, "client_secret": await self.site.secret()}
        return (await self.site.token("POST", "/v26.0/oauth/access_token", data={**form, **own})).status_code == 200

    async def login_hint(self, text: str) -> bool:
        """As the hint of an authorization request."""
        address = self.client.address(id_token_hint=text, prompt="none")
        answer = await self.site.browser().client.get(address)
        return "login_required" in answer.headers.get("location", "")

    async def logout_hint(self, text: str) -> bool:
        """As the hint of a logout."""
        query = urlencode({"id_token_hint": text, "post_logout_redirect_uri": BYE})
        return (await self.site.browser().client.get(f"/oauth/end_session?{query}")).status_code == 303

    async def assertion(self, text: str) -> bool:
        """As a client's assertion."""
        form = {**self.client.request(), "client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
        return (await self.site.token("POST", "/oauth/par", data=form)).status_code == 201

    async def proof(self, text: str) -> bool:
        """As a proof of a key."""
        return (await self.client.call("/oauth/par", self.client.request(), text)).status_code == 201

    async def registration(self, text: str) -> bool:
        """As the token of a registration."""
        return (await self._get(f"/oauth/register/{self.client.id}", text)).status_code == 200

    async def secret(self, text: str) -> bool:
        """As the app's secret in an app token."""
        return (await self._get(f"/v26.0/{self.client.id}", f"{self.client.id}|{text}")).status_code == 200

    async def cookie(self, text: str) -> bool:
        """As a browser's session."""
        answer = await self.site.token("GET", "/logout", headers={"cookie": f"wb={text[:3000]}"})
        return answer.status_code == 200

    async def _get(self, path: str, text: str) -> Any:
        return await self.site.token("GET", path, headers={"authorization": f"Bearer {text}"})

    def all(self) -> dict[str, Try]:
        """By name."""
        names = ("graph", "userinfo", "refresh", "code", "exchange", "login_hint", "logout_hint", "assertion")
        more = ("proof", "registration", "secret", "cookie")
        return {name: getattr(self, name) for name in (*names, *more)}


MAY = {
    "access": {"graph", "userinfo", "exchange"},
    "bound": set(),
    "page": {"graph"},
    "app": {"secret"},
    "refresh": {"refresh"},
    "code": {"code"},
    "id_token": {"login_hint", "logout_hint"},
    "logout_token": set(),
    "assertion": {"assertion"},
    "proof": {"proof"},
    "registration": {"registration"},
    "secret": {"secret"},
    "request_uri": set(),
    "session": {"cookie"},
    "garbage": set(),
}
"""Where each kind of token is taken; everywhere else it is refused."""


@pytest.fixture
async def client(app: App) -> KeyApp:
    """An app with a key, a way out and a place to be told."""
    return await KeyApp(app.site).agree(
        post_logout_redirect_uris=(BYE,), backchannel_logout_uri="https://both.example/out"
    )


async def make(client: KeyApp, kind: str) -> str:
    """A fresh, good token of a kind."""
    site = client.site
    if kind in ("access", "refresh", "id_token", "page"):
        tokens = (await client.redeem_by_key((await client.log_in()).query["code"])).json()
        if kind == "page":
            page = site.world.assets["page"]
            return str((await site.graph(f"/{page}?fields=access_token", tokens["access_token"]))["access_token"])
        return str(tokens[{"access": "access_token", "refresh": "refresh_token"}.get(kind, kind)])
    if kind == "bound":
        code = (await client.log_in()).query["code"]
        return str((await client.redeem_by_key(code, dpop(client, new_key()))).json()["access_token"])
    if kind == "app":
        answer = await client.call("/oauth/token", {"grant_type": "client_credentials"})
        return str(answer.json()["access_token"]).partition("|")[2]
    if kind == "request_uri":
        return str((await client.call("/oauth/par", client.request())).json()["request_uri"])
    return await make_other(client, kind)


async def make_other(client: KeyApp, kind: str) -> str:
    """The kinds that come from no endpoint."""
    site = client.site
    if kind == "code":
        return (await client.log_in()).query["code"]
    if kind == "assertion":
        return client.assertion()["client_assertion"]
    if kind == "proof":
        return dpop(client, new_key(), "/oauth/par")
    if kind == "registration":
        return await client.registration_token()
    if kind == "secret":
        return await site.secret()
    if kind in ("session", "logout_token"):
        browser = site.browser()
        await client.log_in(browser=browser)
        if kind == "session":
            return next(one.value or "" for one in browser.client.cookies.jar if one.name == "wb")
        await browser.submit(await browser.client.get("/logout"), number=-1)
        told = [one for one in await site.world.outbox() if one.channel == LOGOUT]
        return await logout_token(site.world.services, told[-1], site.now) or ""
    return "garbage"


@pytest.mark.parametrize("kind", sorted(MAY))
async def test_each_token_is_good_in_its_own_place_only(client: KeyApp, kind: str) -> None:
    """OA-43: every kind of token in every kind's place: taken where it belongs, refused everywhere else, never a 500."""
    taken = set()
    for name, attempt in Places(client).all().items():
        if await attempt(await make(client, kind)):
            taken.add(name)
    assert taken == MAY[kind]


def _hmac(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """A JWT with an HMAC under any key, empty ones too."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in (header, claims)]
    mark = hmac.new(key, ".".join(parts).encode(), hashlib.sha256).digest()
    return raw(json.dumps(header), json.dumps(claims), mark)


def forgeries(claims: dict[str, Any], key: Any, header: dict[str, Any]) -> list[str]:
    """Tokens that say what they like. ``key``: the public key that the reader knows; ``header``: of a good one."""
    mine, rsa = new_key(), new_key("RS256")
    pem = key.as_pem(private=False)
    der = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = json.dumps(claims)
    made = [
        raw(json.dumps({**header, "alg": alg}), text, mark)
        for alg in ("none", "None", "nOnE", "NONE", "", header["alg"])
        for mark in (b"", b"x", b"\0" * 64)
    ]
    secrets = (pem, pem.strip(), der, json.dumps(public(key)).encode(), b"\n" + pem, b"", b"\0")
    made += [_hmac({**header, "alg": "HS256"}, claims, secret) for secret in secrets]
    named = {"jwk": public(mine), "jku": "https://evil.example/k", "x5u": "https://evil.example/c", "x5c": ["AAAA"]}
    made += [signed(mine, {**header, name: value}, claims) for name, value in named.items()]
    made += [signed(mine, header, claims), signed(mine, {**header, "crit": ["exp"]}, claims)]
    made += [signed(mine, {**header, "b64": False, "crit": ["b64"]}, claims)]
    made += [signed(rsa, {**header, "alg": alg}, claims) for alg in ("RS256", "PS256")]
    made += [signed(new_key("ES384"), {**header, "alg": "ES384"}, claims)]
    return made


async def test_forged_tokens_are_refused_in_every_place(client: KeyApp) -> None:
    """OA-42: alg none in every spelling, HMAC keyed with public keys and with nothing, swapped algorithms, keys and
    extensions in the header: refused by each reader of JWTs; what was forged is taken when it is signed right."""
    site, places = client.site, Places(client)
    good = await make(client, "id_token")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in good.split(".")[:2])
    keys = (await site.token("GET", "/oauth/jwks")).json()["keys"]
    own = jwk.import_key(next(one for one in keys if one["kid"] == header["kid"]))
    assert await places.login_hint(good) and await places.logout_hint(good)
    for text in forgeries(claims, own, header):
        assert not await places.login_hint(text), text[:120]
        assert not await places.logout_hint(text), text[:120]
    for text in forgeries(client.claims(), jwk.import_key(public(client.key)), {"alg": "ES256"}):
        assert not await places.assertion(text), text[:120]
    assert await places.assertion(client.assertion()["client_assertion"])
    key = new_key()
    proof = {"htm": "POST", "htu": "https://badge.example/oauth/par", "iat": seconds(site.now), "jti": "x"}
    for text in forgeries(proof, jwk.import_key(public(key)), {"alg": "ES256", "typ": "dpop+jwt", "jwk": public(key)}):
        own_key = json.loads(base64.urlsafe_b64decode(text.split(".")[0] + "=="))["jwk"] != public(key)
        assert own_key or not await places.proof(text), text[:120]


async def test_a_key_of_another_algorithm_signs_nothing(client: KeyApp) -> None:
    """OA-42: a hint signed by our RSA key is no token of a key that is named for ES256, and the other way round."""
    site, places = client.site, Places(client)
    good = await make(client, "id_token")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in good.split(".")[:2])
    rsa = await find_signer(site.world.services, "RS256", site.now)
    assert await places.login_hint(rsa.sign(claims))
    assert not await places.login_hint(replace(rsa, kid=header["kid"]).sign(claims))


def _bomb() -> str:
    """A compressed JWE: small on the wire, large when unpacked."""
    head = base64.urlsafe_b64encode(b'{"alg":"dir","enc":"A256GCM","zip":"DEF"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(zlib.compress(b"\0" * 50_000_000)[2:-4]).decode().rstrip("=")
    return f"{head}..AAAAAAAAAAAAAAAA.{body}.AAAAAAAAAAAAAAAAAAAAAA"


async def test_what_is_too_large_is_refused_at_once(client: KeyApp) -> None:
    """OA-44: a token of a megabyte, a header of 64 kB, a compressed JWE, ten thousand audiences: refused, quickly, in little
    memory."""
    claims = client.claims()
    texts = [
        "x" * 1_000_000,
        "EAA" + "0" * 1_000_000,
        signed(client.key, {"alg": "ES256", "pad": "x" * 64_000}, claims),
        signed(client.key, {"alg": "ES256"}, {**claims, "pad": "x" * 900_000}),
        signed(client.key, {"alg": "ES256"}, {**claims, "aud": [f"https://{n}.example" for n in range(10_000)]}),
        raw('{"alg":"ES256"}', "[" * 100_000, b"x"),
        _bomb(),
    ]
    places = Places(client)
    for text in texts:
        for attempt in (places.assertion, places.refresh, places.code, places.exchange):
            tracemalloc.start()
            before = time.process_time()
            assert not await attempt(text)
            spent, peak = time.process_time() - before, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert spent < 2 and peak < 60_000_000, (attempt.__name__, len(text), spent, peak)
    for text in (one for one in texts if len(one) < 200_000):
        for attempt in (places.graph, places.userinfo, places.proof, places.registration):
            assert not await attempt(text)


async def test_a_link_of_an_invitation_is_no_token(client: KeyApp) -> None:
    """OA-43: the secret of a claim link opens nothing but its page."""
    site: LoginSite = client.site
    await site.world.start("emil", now=site.now)
    link = await site.world.link("emil")
    for name, attempt in Places(client).all().items():
        assert not await attempt(link), name
