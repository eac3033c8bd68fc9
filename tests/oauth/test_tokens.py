"""The token endpoint: codes, longer lives, app tokens, and every way that clients call it (wire §3.2, §7)."""

import asyncio
import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from tests.commands._world import TICK
from workbadge.commands import membership, portfolio
from workbadge.commands.grant import remove_app
from workbadge.store.schema import metadata

from ._site import Answer, LoginSite

pytestmark = pytest.mark.anyio
PATH = "/v26.0/oauth/access_token"


def _error(answer: dict[str, Any]) -> tuple[int, int | None]:
    """Code and subcode of an error envelope; the message is there."""
    assert answer["error"]["message"]
    assert answer["error"]["type"] == "OAuthException"
    return answer["error"]["code"], answer["error"].get("error_subcode")


async def _client(site: LoginSite, app: str = "both") -> dict[str, str]:
    return {"client_id": str(site.world.apps[app]), "client_secret": await site.secret(app)}


def _basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def test_every_client_finds_its_way(site: LoginSite) -> None:
    """Wire 9.2, 9.3, 9.10, §7: code exchange by query, form, JSON, Basic, mixed, with and without version and grant_type."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    client, back = await _client(site), site.back()
    basic = _basic(client["client_id"], client["client_secret"])
    kind = {"grant_type": "authorization_code"}
    ways: list[dict[str, Any]] = [
        {"method": "GET", "params": {**client, "redirect_uri": back, "access_token": "stray"}},  # facebook-sdk
        {"method": "GET", "params": {**client, **kind, "redirect_uri": back}},  # django-allauth
        {"data": {**client, **kind, "redirect_uri": back}},  # httpx-oauth, passport-facebook
        {"data": {**kind, "redirect_uri": back}, "headers": basic},  # requests-oauthlib
        {"json": {**client, **kind}, "params": {"redirect_uri": back}},  # Nango
        {"json": {**client, "redirect_uri": back}},  # Mixpost
        {"method": "GET", "json": {**client, "redirect_uri": back}},
        {"params": {**client, "redirect_uri": back}},
        {"files": {key: (None, value) for key, value in {**client, "redirect_uri": back}.items()}},
    ]
    for number, way in enumerate(ways):
        page = await browser.get(site.dialog(scope="email"))
        code = (await browser.allow(page)).query["code"]
        place = next(key for key in ("data", "json", "files", "params") if key in way)
        way[place] = {**way[place], "code": (None, code) if place == "files" else code}
        path = ("/oauth/access_token", PATH, "/v2.8/oauth/access_token/")[number % 3]
        answer = await site.token(path=path, **way)
        assert answer.status_code == 200, (way, answer.text)
        assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
        assert answer.json()["token_type"] == "bearer"
        assert answer.json()["expires_in"] == 7200
        assert "error" not in await site.graph("/me", answer.json()["access_token"])


async def test_answers_are_json_and_never_kept(site: LoginSite) -> None:
    """OA-34, 9.4, 9.5: answers and errors are JSON, not to be stored, with the version; token errors name their reason."""
    code = await site.code()
    good = await site.token(data={**await _client(site), "redirect_uri": site.back(), "code": code})
    bad = await site.token(data={**await _client(site), "redirect_uri": site.back(), "code": code})
    for answer in (good, bad):
        assert answer.headers["content-type"] == "application/json; charset=UTF-8"
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["facebook-api-version"] == "v26.0"
    assert "scope" not in good.json()
    assert bad.status_code == 400
    assert bad.headers["www-authenticate"].startswith('OAuth "Facebook Platform" "invalid_code"')
    newest = (await site.token(path="/v99.0/oauth/access_token")).json()
    assert _error(newest) == (2500, None)


async def test_a_code_works_once_and_its_replay_ends_all_of_it(site: LoginSite) -> None:
    """OA-19, 9.9: a second use is 36009, and every token of that consent is dead: also the one exchanged from it."""
    for wait in (0, 30):
        code = await site.code(scope="email", auth_type="rerequest")
        short = (await site.exchange(code))["access_token"]
        long = await _long(site, short)
        site.advance(seconds=wait)
        other = (await site.exchange(await site.code("selma", scope="email", auth_type="rerequest")))["access_token"]
        assert _error(await site.exchange(code)) == (100, 36009)
        for token in (short, long):
            assert (await site.graph("/me", token))["error"]["code"] == 190
        assert "error" not in await site.graph("/me", other)
        assert _error(await site.exchange(code)) == (100, 36009)
        site.advance(seconds=1)


async def test_a_code_used_at_once_gives_one_token(site: LoginSite) -> None:
    """OA-19: of several exchanges at the same time one wins and is then revoked as replayed, or all others are refused."""
    code = await site.code()
    answers = await asyncio.gather(*(site.exchange(code) for _ in range(4)))
    won = [one for one in answers if "access_token" in one]
    assert len(won) == 1
    assert {_error(one) for one in answers if "error" in one} == {(100, 36009)}


async def test_a_code_lives_for_a_minute(site: LoginSite) -> None:
    """OA-22: a code works until one microsecond before its minute is over, and is 36007 from then on."""
    early, late = await site.code(), await site.code(auth_type="rerequest")
    site.clock.set(site.now + timedelta(seconds=60) - TICK)
    assert "access_token" in await site.exchange(early)
    site.clock.set(site.now + TICK)
    assert _error(await site.exchange(late)) == (100, 36007)


async def test_a_code_is_bound_to_its_redirect_address(site: LoginSite) -> None:
    """OA-21, 9.9: another redirect_uri, however near, or none is 36008, and the code is burned by it."""
    for redirect in ("https://both.example/back/", "https://tokens.example/back", "", None):
        code = await site.code(auth_type="rerequest", scope="email")
        data = {**await _client(site), "code": code, **({} if redirect is None else {"redirect_uri": redirect})}
        assert _error((await site.token(data=data)).json()) == (100, 36008)
        assert _error(await site.exchange(code)) == (100, 36009)


async def test_a_code_of_another_app_is_burned(site: LoginSite) -> None:
    """OA-20: another app's credentials get nothing for a code, and burn it; the first use's token is not touched by strangers."""
    code = await site.code()
    assert _error(await site.exchange(code, "tokens", redirect_uri=site.back())) == (100, None)
    assert _error(await site.exchange(code)) == (100, 36009)
    used = await site.code(auth_type="rerequest")
    token = (await site.exchange(used))["access_token"]
    assert _error(await site.exchange(used, "tokens", redirect_uri=site.back())) == (100, None)
    assert "error" not in await site.graph("/me", token)


async def test_pkce_holds(site: LoginSite) -> None:
    """OA-15 to OA-18: the verifier must be there, of the right form and the right one; a wrong try burns the code."""
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"scope": "email", "code_challenge": challenge, "code_challenge_method": "S256", "auth_type": "rerequest"}
    assert "access_token" in await site.exchange(await site.code(**asked), code_verifier=verifier)
    for wrong in (
        None,
        "",
        challenge,
        verifier[:-1],
        verifier + "v",
        "v" * 42,
        "v" * 129,
        "v" * 63 + "é",
        verifier.upper(),
    ):
        code = await site.code(**asked)
        more = {} if wrong is None else {"code_verifier": wrong}
        assert _error(await site.exchange(code, **more)) == (100, None), wrong
        assert _error(await site.exchange(code, code_verifier=verifier)) == (100, 36009), wrong
    without = await site.code(scope="email", auth_type="rerequest")
    assert _error(await site.exchange(without, code_verifier=verifier)) == (100, None)


async def test_wrong_credentials_are_refused(site: LoginSite) -> None:
    """Wire §3.2, OA-30: a missing or unknown client is 101, a wrong secret 1; the code is not touched by either."""
    code, client = await site.code(), await _client(site)
    rest = {"redirect_uri": site.back(), "code": code}
    right, app_id, other = client["client_secret"], client["client_id"], await site.secret("tokens")
    for values, headers, expected in (
        ({}, {}, 101),
        ({"client_id": "1", "client_secret": right}, {}, 101),
        ({"client_id": "9" * 18, "client_secret": right}, {}, 101),
        ({"client_id": "９" * 18, "client_secret": right}, {}, 101),
        ({"client_id": app_id}, {}, 1),
        ({"client_id": app_id, "client_secret": ""}, {}, 1),
        ({"client_id": app_id, "client_secret": other}, {}, 1),
        ({"client_id": app_id, "client_secret": right.upper()}, {}, 1),
        ({"client_id": app_id, "client_secret": right + "é"}, {}, 1),
        ({}, _basic(app_id, "x"), 1),
        ({}, _basic("x", right), 101),
        ({"client_id": app_id, "client_secret": "x"}, _basic(app_id, right), 1),
        ({"client_id": str(site.world.apps["tokens"])}, _basic(app_id, right), 1),
        ({}, {"authorization": "Basic " + base64.b64encode(b"no colon").decode()}, 101),
        ({}, {"authorization": "Basic !!!"}, 101),
        ({}, {"authorization": f"Bearer {app_id}:{right}"}, 101),
    ):
        answer = await site.token(data={**values, **rest}, headers=headers)
        assert answer.status_code == 400, (values, headers)
        assert _error(answer.json())[0] == expected, (values, headers, answer.text)
        site.advance(seconds=0.5)
        if expected == 1:
            site.advance(seconds=1)
    encoded = _basic(quote(app_id), quote(right))
    assert "access_token" in (await site.token(data=rest, headers=encoded)).json()


async def test_wrong_secrets_are_slowed_down_the_right_one_is_not(site: LoginSite) -> None:
    """OA-57: guessing an app's secret is answered with code 4 after five tries; the app itself goes on working meanwhile."""
    client = await _client(site)
    codes = []
    for _ in range(12):
        answer = await site.token(data={**client, "client_secret": "0" * 32, "grant_type": "client_credentials"})
        codes.append((answer.status_code, answer.json()["error"]["code"]))
        assert "access_token" in (await site.token(data={**client, "grant_type": "client_credentials"})).json()
    assert codes == [(400, 1)] * 5 + [(429, 4)] * 7


async def test_doubled_parameters_are_refused(site: LoginSite) -> None:
    """OA-09, WB-14: a security parameter that comes twice with different values is refused; the code is not touched."""
    code, client = await site.code(), await _client(site)
    data = {**client, "redirect_uri": site.back(), "code": code}
    for name in ("client_id", "client_secret", "code", "redirect_uri", "grant_type"):
        answer = await site.token(data={**data, "grant_type": "authorization_code"}, params={name: "other"})
        assert _error(answer.json()) == (100, None), name
        assert name in answer.json()["error"]["message"]
    assert "access_token" in (await site.token(data=data, params={"code": code})).json()


async def _long(site: LoginSite, token: str, app: str = "both") -> str:
    return str((await _exchange(site, token, app))["access_token"])


async def _exchange(site: LoginSite, token: str, app: str = "both") -> dict[str, Any]:
    data = {**await _client(site, app), "grant_type": "fb_exchange_token", "fb_exchange_token": token}
    answer: dict[str, Any] = (await site.token(data=data)).json()
    return answer


async def test_a_long_token_lives_for_sixty_days(site: LoginSite) -> None:
    """Wire §3.2: fb_exchange_token gives 5 183 944 seconds with the same scopes and assets; the short token goes on too."""
    world = site.world
    short = (await site.exchange(await site.code(assets=("page",))))["access_token"]
    answer = await _exchange(site, short)
    assert answer["expires_in"] == 5_183_944
    assert set(answer) == {"access_token", "token_type", "expires_in"}
    asset = f"/{world.assets['page']}"
    for token in (short, answer["access_token"]):
        assert (await site.graph(asset, token))["id"] == str(world.assets["page"])
        assert (await site.graph(f"/{world.assets['page2']}", token))["error"]["code"] == 100
    site.clock.set(site.now + timedelta(seconds=7200) - TICK)
    assert "error" not in await site.graph(asset, short)
    site.clock.set(site.now + TICK)
    assert _error(await site.graph(asset, short)) == (190, 463)
    assert _error(await _exchange(site, short)) == (190, 463)
    site.clock.set(site.now + timedelta(seconds=5_183_944 - 7200) - TICK)
    assert "error" not in await site.graph(asset, answer["access_token"])
    site.clock.set(site.now + TICK)
    assert _error(await site.graph(asset, answer["access_token"])) == (190, 463)


async def test_exchanging_in_grace_gains_nothing(site: LoginSite) -> None:
    """M6, M8: a token of before the claim may be exchanged in grace; the longer one loses the business at the same cut-off."""
    world = site.world
    short = (await site.exchange(await site.code(assets=("page", "other"))))["access_token"]
    site.advance(minutes=1)
    made = await site.migrate("emil")
    site.advance(minutes=1)
    long = await _long(site, short)
    asset, other = f"/{world.assets['page']}", f"/{world.assets['other']}"
    assert made.cut_off is not None
    shown = await site.graph(asset + "?fields=user_access_expire_time", long)
    assert shown["user_access_expire_time"] == made.cut_off.replace(microsecond=0).isoformat()
    site.clock.set(made.cut_off - TICK)
    assert "error" not in await site.graph(asset, long)
    again = await _long(site, long)
    site.clock.set(made.cut_off)
    for token in (long, again):
        assert (await site.graph(asset, token))["error"]["code"] == 100
        assert "error" not in await site.graph(other, token)
    assert (await site.graph(asset, await _long(site, again)))["error"]["code"] == 100


async def test_only_ones_own_live_user_tokens_are_exchanged(site: LoginSite) -> None:
    """OA-20, OA-43, 9.13: another app's token, a page token, an app token, a code, garbage and dead tokens are refused as 190."""
    world = site.world
    code = await site.code(assets=("page",))
    token = (await site.exchange(code))["access_token"]
    page = (await site.graph(f"/{world.assets['page']}?fields=access_token", token))["access_token"]
    app = (await site.token(data={**await _client(site), "grant_type": "client_credentials"})).json()["access_token"]
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (page, app, code, flipped, token[:-1], token + "A", "", "x", "é" * 103):
        assert _error(await _exchange(site, wrong))[0] == 190, wrong[:20]
    assert _error(await _exchange(site, token, "tokens"))[0] == 190
    assert "access_token" in await _exchange(site, token)
    async with world.services.store.write() as tx:
        await remove_app(tx, world.services, world.people["emil"], world.apps["both"], site.now)
    assert _error(await _exchange(site, token)) == (190, 458)


async def test_a_suspended_account_gets_no_token(site: LoginSite) -> None:
    """A5: codes and tokens of a work account that was suspended meanwhile are refused, 190/464."""
    made = await site.migrate("emil")
    codes = []
    for _ in range(2):
        browser = site.browser()
        await browser.sign_in(made.email, "correct horse battery")
        page = await browser.get(site.dialog(scope="email", auth_type="rerequest"))
        codes.append((await browser.allow(page)).query["code"])
    token = (await site.exchange(codes[0]))["access_token"]
    await membership.suspend_account(site.world.services, made.managed_id, None, site.now)
    assert _error(await site.exchange(codes[1])) == (190, 464)
    assert _error(await _exchange(site, token)) == (190, 464)


async def test_a_code_dies_with_its_consent(site: LoginSite) -> None:
    """Wire §3.5: a code whose person took the app off before the exchange gives no token."""
    code = await site.code()
    async with site.world.services.store.write() as tx:
        await remove_app(tx, site.world.services, site.world.people["emil"], site.world.apps["both"], site.now)
    assert _error(await site.exchange(code)) == (100, None)


async def test_an_app_token(site: LoginSite) -> None:
    """Wire §3.2, 9.10: client_credentials gives ``<app id>|…`` without an end; debug_token takes it, and the literal id|secret."""
    client = await _client(site)
    answer = (await site.token("GET", params={**client, "grant_type": "client_credentials"})).json()
    assert set(answer) == {"access_token", "token_type"}
    head, _, rest = answer["access_token"].partition("|")
    assert head == client["client_id"]
    assert rest.startswith("EAA")
    user = (await site.exchange(await site.code()))["access_token"]
    site.advance(days=3650)
    for caller in (answer["access_token"], f"{client['client_id']}|{client['client_secret']}"):
        seen = (await site.token("GET", "/debug_token", params={"input_token": user, "access_token": caller})).json()
        assert seen["data"]["app_id"] == client["client_id"]
    assert (await site.graph("/me", answer["access_token"]))["error"]["code"] in (190, 2500)


async def test_unknown_grants_are_refused(site: LoginSite) -> None:
    """OA-12: there is no password grant, no refresh grant and nothing unknown; nothing is taken for a code by mistake."""
    client = await _client(site)
    for kind in ("password", "refresh_token", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "x" * 5000):
        answer = await site.token(data={**client, "grant_type": kind, "username": "emil@home.example", "code": "x"})
        assert (answer.status_code, _error(answer.json())) == (400, (100, None))
    assert _error((await site.token(data=client)).json()) == (100, None)
    assert (await site.token("PUT", data=client)).status_code == 405
    assert _error((await site.token(path="/v26.0/oauth/nothing")).json()) == (2500, None)


async def test_broken_bodies_are_errors_of_the_caller(site: LoginSite) -> None:
    """WB-14: JSON that is none, deep, or no object, broken UTF-8 and huge bodies are 4xx in the envelope."""
    for content, kind in (
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b"[" * 50_000 + b"]" * 50_000, "application/json"),
        (b'{"client_id": ' + b"9" * 5000 + b"}", "application/json"),
        (b'{"client_id": {"a": null}}', "application/json"),
        (b"client_id=\xff\xfe%ff", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 2_000_000, "application/x-www-form-urlencoded"),
        (b"a&" * 100_000, "application/x-www-form-urlencoded"),
        (b"x", "multipart/form-data"),
        (b"client_id=%00", "application/x-www-form-urlencoded"),
    ):
        answer = await site.token(content=content, headers={"content-type": kind})
        assert 400 <= answer.status_code < 500, (content[:30], answer.status_code)
        assert json.loads(answer.text)["error"]["message"]


async def test_token_info(site: LoginSite) -> None:
    """Wire §3.2: access_token_info tells the life of a token to its own app id only."""
    token = (await site.exchange(await site.code()))["access_token"]
    site.advance(seconds=100)
    own = {"client_id": str(site.world.apps["both"]), "access_token": token}
    answer = (await site.token("GET", "/oauth/access_token_info", params=own)).json()
    assert answer == {"access_token": token, "token_type": "bearer", "expires_in": 7100}
    for wrong in (
        {**own, "client_id": str(site.world.apps["tokens"])},
        {**own, "access_token": "x"},
        {"access_token": token},
    ):
        assert _error((await site.token("GET", "/oauth/access_token_info", params=wrong)).json())[0] == 190


async def test_revoking_a_system_user_token(site: LoginSite) -> None:
    """Wire §3.2: /oauth/revoke ends a system user's token of the app, again harmlessly; never a person's, nor another app's."""
    world = site.world
    new = portfolio.NewSystemUser(
        world.business, world.apps["both"], "Robot", ("pages_show_list",), (world.assets["page"],)
    )
    async with world.services.store.write() as tx:
        robot = (await portfolio.add_system_user(tx, world.services, new, None, site.now)).token.text
    person = (await site.exchange(await site.code()))["access_token"]
    asset = f"/{world.assets['page']}"
    assert _error((await site.token(path="/oauth/revoke", data={"revoke_token": robot})).json())[0] == 101
    strange = await site.token(path="/oauth/revoke", data={**await _client(site, "tokens"), "revoke_token": robot})
    assert strange.json() == {"success": True}
    assert "error" not in await site.graph(asset, robot)
    client = await _client(site)
    assert _error((await site.token(path="/oauth/revoke", data={**client, "revoke_token": person})).json())[0] == 190
    for _ in range(2):
        assert (await site.token("GET", "/oauth/revoke", params={**client, "revoke_token": robot})).json() == {
            "success": True
        }
        assert (await site.graph(asset, robot))["error"]["code"] == 190
    assert "error" not in await site.graph(asset, person)


async def test_a_system_user_token_is_exchanged_for_one_without_an_end(site: LoginSite) -> None:
    """Wire §3.2: a system user's token is exchanged for another one of its kind, which never expires."""
    world = site.world
    new = portfolio.NewSystemUser(
        world.business, world.apps["both"], "Robot", ("pages_show_list",), (world.assets["page"],)
    )
    async with world.services.store.write() as tx:
        robot = (await portfolio.add_system_user(tx, world.services, new, None, site.now)).token.text
    answer = await _exchange(site, robot)
    assert set(answer) == {"access_token", "token_type"}
    site.advance(days=3000)
    assert "error" not in await site.graph(f"/{world.assets['page']}", answer["access_token"])


async def test_a_token_is_alike_and_stored_only_hashed(site: LoginSite) -> None:
    """Wire 9.13: tokens are EAA and letters and digits, each different; neither they nor codes or secrets stand in the database."""
    world = site.world
    answer = Answer((await site.browser().log_in("emil", site.dialog(), ("page",))).address)
    token = (await site.exchange(answer.query["code"]))["access_token"]
    long = await _long(site, token)
    assert token.startswith("EAA")
    assert token.isalnum()
    assert len({token, long}) == 2
    secrets = [token, long, answer.query["code"], await site.secret(), "emil has a password"]
    async with world.services.store.read() as tx:
        for table in metadata.sorted_tables:
            for row in await tx.rows(select(table)):
                text = "|".join(str(value) for value in row)
                assert not any(secret in text for secret in secrets), table.name
