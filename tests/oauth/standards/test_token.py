"""The token endpoint: codes and their ends, refresh tokens and their families, who may call and how."""

import asyncio
import base64
import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pyotp
import pytest
from joserfc import jwk, jwt

from tests.commands._world import BASE, TICK
from tests.oauth._site import LoginSite
from workbadge.commands.factors import add_totp
from workbadge.commands.grant import remove_app
from workbadge.commands.standard_token import OFFLINE
from workbadge.store.schema import metadata

from ._app import SCOPE, VERIFIER, App, basic, challenge, refused

pytestmark = pytest.mark.anyio
PATH = "/oauth/token"


async def _claims(site: LoginSite, token: str) -> dict[str, Any]:
    """The claims of an ID token that one of the published keys signed."""
    keys = jwk.KeySet.import_key_set((await site.token("GET", "/oauth/jwks")).json())
    return dict(jwt.decode(token, keys, algorithms=["ES256", "RS256"]).claims)


async def test_a_login_leads_to_tokens(site: LoginSite, app: App) -> None:
    """RFC 6749 §5.1, OpenID Connect Core §3.1.3.3: access token, refresh token, scope and an ID token that says who signed in."""
    site.advance(seconds=7)
    tokens = await app.tokens()
    expected = {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}
    assert set(tokens) >= expected
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 7200)
    assert sorted(tokens["scope"].split()) == sorted(SCOPE.split())
    assert tokens["access_token"].startswith("EAA")
    assert tokens["refresh_token"].isalnum() and not tokens["refresh_token"].startswith("EAA")
    claims = await _claims(site, tokens["id_token"])
    assert len(claims.pop("sid")) == 43
    now = int(site.now.timestamp())
    me = await site.graph("/me?fields=id", tokens["access_token"])
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims == {
        "iss": BASE,
        "sub": me["id"],
        "aud": app.id,
        "iat": now,
        "exp": now + 3600,
        "auth_time": now,
        "nonce": "a nonce",
        "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        "is_work_account": False,
        "amr": ["pwd"],
    }


async def test_a_second_factor_is_told_by_the_id_token(site: LoginSite, app: App) -> None:
    """O6, RFC 8176, AC-44: the dialog asks for the second step before it goes on; amr and acr tell it, refreshed tokens too."""
    services, emil, key = site.world.services, site.world.people["emil"], "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    await add_totp(services, emil, key, pyotp.TOTP(key).at(site.now), "", site.now)
    site.advance(minutes=1)
    browser = site.browser()
    page = await browser.get(app.address())
    page = await browser.submit(page, email="emil@home.example", password="emil has a password")
    assert "second factor" in page.text
    assert "second factor" not in (await browser.get(app.address())).text
    page = await browser.submit(page, code=pyotp.TOTP(key).at(site.now))
    code = (await browser.allow(page, ("page",))).query["code"]
    tokens = (await app.redeem(code)).json()
    later = (await app.refresh(tokens["refresh_token"])).json()
    for one in (tokens, later):
        claims = await _claims(site, one["id_token"])
        assert (claims["amr"], claims["acr"]) == (["pwd", "otp", "mfa"], "https://refeds.org/profile/mfa")
        assert claims["auth_time"] == int(site.now.timestamp())


async def test_a_work_account_is_told_by_its_id_token(site: LoginSite, app: App) -> None:
    """A3: a managed account walks through the same login; the ID token says what it is, and the private scopes are left out."""
    await site.migrate("emil")
    browser = site.browser()
    await browser.sign_in("emil@work.example", "correct horse battery")
    answer = await browser.allow(await browser.get(app.address(scope="openid user_birthday")))
    tokens = (await app.redeem(answer.query["code"])).json()
    assert tokens["scope"] == "openid"
    assert "refresh_token" not in tokens
    assert (await _claims(site, tokens["id_token"]))["is_work_account"] is True


@pytest.mark.parametrize(("registered", "signed"), [(None, "RS256"), ("RS256", "RS256"), ("ES256", "ES256")], ids=str)
async def test_an_app_gets_the_signature_that_it_registered(
    site: LoginSite, app: App, registered: str | None, signed: str
) -> None:
    """OIDF oidcc-idtoken-signature, oidcc-idtoken-rs256: ID tokens are signed with RS256 for an app that named no algorithm, else as
    it registered; their kid is that of a published key."""
    if registered is not None:
        await app.register(None, "web", registered)
    token = (await app.tokens())["id_token"]
    keys = (await site.token("GET", "/oauth/jwks")).json()
    header = jwt.decode(token, jwk.KeySet.import_key_set(keys), algorithms=[signed]).header
    assert {one["kid"]: one["alg"] for one in keys["keys"]}[header["kid"]] == header["alg"] == signed


async def test_without_openid_there_is_no_id_token(app: App) -> None:
    """RFC 6749 §3.3: plain OAuth gives no ID token; scopes that were asked and do not exist are told by their absence (OA-23)."""
    tokens = await app.tokens(scope="pages_show_list no_such_scope")
    assert "id_token" not in tokens
    assert tokens["scope"] == "pages_show_list"


async def test_a_code_is_bound_to_its_verifier(app: App) -> None:
    """OA-15, OA-16, OA-18: a missing or wrong verifier, or the challenge itself, is invalid_grant and burns the code."""
    for verifier in ("-", "", VERIFIER[:-1] + "x", challenge(), VERIFIER[:42], "v" * 129, VERIFIER[:-1] + "é"):
        code = (await app.log_in()).query["code"]
        refused(await app.redeem(code, code_verifier=verifier), "invalid_grant")
        refused(await app.redeem(code), "invalid_grant")


async def test_a_code_without_a_challenge_is_not_taken(site: LoginSite, app: App) -> None:
    """OA-17: a code that was issued without challenge is refused, with a verifier and without."""
    for verifier in (VERIFIER, "-"):
        code = (await app.log_in()).query["code"]
        async with site.world.services.store.write() as tx:
            await tx.run(metadata.tables["code"].update().values(challenge=None))
        refused(await app.redeem(code, code_verifier=verifier), "invalid_grant")


async def test_a_second_use_of_a_code_ends_what_the_first_led_to(site: LoginSite, app: App) -> None:
    """OA-19: at once and after 30 seconds, a second use is invalid_grant; access and refresh tokens are dead, others live."""
    other = await app.tokens("selma")
    for wait in (0, 30):
        code = (await app.log_in()).query["code"]
        tokens = (await app.redeem(code)).json()
        site.advance(seconds=wait)
        bystander = await app.tokens()
        refused(await app.redeem(code), "invalid_grant")
        assert not await app.is_alive(tokens["access_token"])
        refused(await app.refresh(tokens["refresh_token"]), "invalid_grant")
        assert await app.is_alive(bystander["access_token"])
        assert await app.is_alive(other["access_token"])


async def test_a_code_belongs_to_its_client(site: LoginSite, app: App) -> None:
    """OA-20: another client's try is invalid_grant and burns the code; another client's refresh token is invalid_grant."""
    other = App(site, "tokens")
    code = (await app.log_in()).query["code"]
    refused(await other.redeem(code, redirect_uri=app.back), "invalid_grant")
    refused(await app.redeem(code), "invalid_grant")
    tokens = await app.tokens()
    refused(await other.refresh(tokens["refresh_token"]), "invalid_grant")
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200
    public = await App(site, "system").register("none")
    answer = await site.token(
        "POST", PATH, data={"grant_type": "refresh_token", "refresh_token": "WBR", "client_id": public.id}
    )
    refused(answer, "invalid_grant")


async def test_a_code_is_bound_to_its_redirect_address(app: App) -> None:
    """OA-21: another redirect_uri than at the authorization request, or none, is invalid_grant."""
    for uri in ("-", "https://both.example/other", "https://both.example/back/"):
        code = (await app.log_in()).query["code"]
        refused(await app.redeem(code, redirect_uri=uri), "invalid_grant")


async def test_a_code_lives_for_sixty_seconds(site: LoginSite, app: App) -> None:
    """OA-22: one tick before the limit a code works, at it and after it is invalid_grant."""
    for wait, good in ((timedelta(seconds=60) - TICK, True), (timedelta(seconds=60), False), (timedelta(60), False)):
        code = (await app.log_in()).query["code"]
        site.clock.set(site.now + wait)
        answer = await app.redeem(code)
        assert answer.status_code == (200 if good else 400)


async def test_codes_stay_on_their_side(site: LoginSite, app: App) -> None:
    """OA-43: a code of one dialect is not taken by the token endpoint of the other."""
    code = (await app.log_in()).query["code"]
    assert (await site.exchange(code, code_verifier=VERIFIER))["error"]["code"] == 100
    refused(await app.redeem(code), "invalid_grant")
    graph = await site.code()
    refused(await app.redeem(graph), "invalid_grant")


async def test_refreshing_rotates(site: LoginSite, app: App) -> None:
    """OA-24: each use gives a new pair; less scope may be asked, more may not; the original is still to be had."""
    first = await app.tokens()
    refused(await app.refresh(first["refresh_token"], scope=SCOPE + " catalog_management"), "invalid_scope")
    refused(await app.refresh(first["refresh_token"], scope="openid  email"), "invalid_scope")
    second = (await app.refresh(first["refresh_token"], scope="openid pages_show_list")).json()
    assert second["scope"] == "openid pages_show_list"
    assert second["refresh_token"] != first["refresh_token"]
    page = site.world.assets["page"]
    assert "error" not in await site.graph(f"/{page}", second["access_token"])
    assert "email" not in await site.graph("/me?fields=id,email", second["access_token"])
    third = (await app.refresh(second["refresh_token"])).json()
    assert sorted(third["scope"].split()) == sorted(SCOPE.split())
    assert await app.is_alive(first["access_token"])
    claims = await _claims(site, third["id_token"])
    assert "nonce" not in claims
    assert claims["sub"] == (await _claims(site, first["id_token"]))["sub"]
    assert claims["auth_time"] == (await _claims(site, first["id_token"]))["auth_time"]


async def test_a_refresh_token_used_twice_ends_its_family(site: LoginSite, app: App) -> None:
    """OA-25: a rotated token used again is invalid_grant; every token of the family is dead, page tokens too, with an audit entry;
    other logins live on."""
    other = await app.tokens()
    first = await app.tokens()
    second = (await app.refresh(first["refresh_token"])).json()
    pages = await site.graph("/me/accounts?fields=access_token", second["access_token"])
    longer = await site.token(
        data={
            "grant_type": "fb_exchange_token",
            "fb_exchange_token": second["access_token"],
            "client_id": app.id,
            "client_secret": await site.secret(),
        }
    )
    third = (await app.refresh(second["refresh_token"])).json()
    refused(await app.refresh(first["refresh_token"]), "invalid_grant")
    refused(await app.refresh(third["refresh_token"]), "invalid_grant")
    family = [one["access_token"] for one in (first, second, third, longer.json(), *pages["data"])]
    assert len(family) == 5
    for text in family:
        assert not await app.is_alive(text)
    assert await app.is_alive(other["access_token"])
    assert (await app.refresh(other["refresh_token"])).status_code == 200
    async with site.world.services.store.read() as tx:
        audit = metadata.tables["audit"]
        rows = await tx.rows(audit.select().where(audit.c.act == "refresh.replayed"))
    assert len(rows) == 1


async def test_of_equal_refreshes_at_once_one_wins(site: LoginSite, app: App) -> None:
    """OA-26: of thirty uses at the same time one is answered; never do two families live."""
    tokens = await app.tokens()
    answers = await asyncio.gather(*(app.refresh(tokens["refresh_token"]) for _ in range(30)))
    won = [one for one in answers if one.status_code == 200]
    assert len(won) == 1
    for lost in answers:
        if lost is not won[0]:
            refused(lost, "invalid_grant")
    refused(await app.refresh(won[0].json()["refresh_token"]), "invalid_grant")
    assert not await app.is_alive(won[0].json()["access_token"])


async def test_refreshing_ends_with_the_account(site: LoginSite, app: App) -> None:
    """OA-28: a suspended or deleted account, an app taken off, a changed password: codes and refresh tokens are invalid_grant."""
    services = site.world.services

    async def ends(name: str, work: Any) -> None:
        tokens = await app.tokens(name)
        code = (await app.log_in(name)).query["code"]
        await work()
        refused(await app.refresh(tokens["refresh_token"]), "invalid_grant")
        refused(await app.redeem(code), "invalid_grant")

    async def take_off() -> None:
        async with services.store.write() as tx:
            await remove_app(tx, services, site.world.people["emil"], int(app.id), site.now)

    async def mark(column: str, name: str) -> None:
        account = metadata.tables["account"]
        async with services.store.write() as tx:
            await tx.run(account.update().where(account.c.id == site.world.people[name]).values({column: site.now}))

    await ends("emil", take_off)
    await ends("selma", lambda: mark("suspended_at", "selma"))
    await ends("bob", lambda: mark("deleted_at", "bob"))


async def test_a_refresh_token_has_two_limits(site: LoginSite, app: App) -> None:
    """OA-29: unused for sixty days it ends; used again and again it ends a year after the login, and no later."""
    policy, idle = site.world.services.policy, (await app.tokens())["refresh_token"]
    start = site.now
    late = (await app.tokens())["refresh_token"]
    site.clock.set(start + policy.refresh_idle - TICK)
    late = (await app.refresh(late)).json()["refresh_token"]
    site.clock.set(start + policy.refresh_idle)
    refused(await app.refresh(idle), "invalid_grant")
    while site.now + policy.refresh_idle - TICK < start + policy.refresh_life - TICK:
        site.clock.set(site.now + policy.refresh_idle - 2 * TICK)
        late = (await app.refresh(late)).json()["refresh_token"]
    site.clock.set(start + policy.refresh_life - TICK)
    late = (await app.refresh(late)).json()["refresh_token"]
    site.clock.set(start + policy.refresh_life)
    refused(await app.refresh(late), "invalid_grant")


async def test_a_token_ends_when_its_answer_said(site: LoginSite, app: App) -> None:
    """OA-66: expires_in is exact: one tick before it works, at it no more."""
    tokens = await app.tokens()
    site.clock.set(site.now + timedelta(seconds=tokens["expires_in"]) - TICK)
    assert await app.is_alive(tokens["access_token"])
    site.clock.set(site.now + TICK)
    assert not await app.is_alive(tokens["access_token"])


async def test_clients_authenticate_in_one_way(site: LoginSite, app: App) -> None:
    """OA-30: two ways at once, differing ids, wrong, empty and unreadable credentials, other schemes, a public client with a
    secret: invalid_client 401 with a challenge; correctly encoded credentials pass in either place."""
    secret = await site.secret()
    form = {"grant_type": "client_credentials"}
    both = {"client_id": app.id, "client_secret": secret}
    wrong: list[tuple[dict[str, str], dict[str, str]]] = [
        (basic(app.id, secret), {"client_secret": secret}),
        (basic(app.id, secret), both),
        (basic(app.id, secret), {"client_id": str(site.world.apps["tokens"])}),
        (basic(app.id, ""), {}),
        (basic(app.id, secret + "x"), {}),
        (basic("", secret), {}),
        (basic("nobody", secret), {}),
        ({"authorization": "Basic " + base64.b64encode(app.id.encode()).decode()}, {}),
        ({"authorization": "Basic ???"}, {}),
        ({"authorization": "Basic"}, {}),
        ({"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, {}),
        ({"authorization": basic(app.id, secret)["authorization"].replace("Basic", "Bearer")}, {}),
        (
            {"authorization": basic(app.id, secret)["authorization"].replace("Basic", "Digest")},
            both | {"client_secret": "x"},
        ),
        ({}, {}),
        ({}, {"client_id": app.id}),
        ({}, {"client_id": app.id, "client_secret": ""}),
        ({}, {"client_id": app.id, "client_secret": secret[:-1]}),
        ({}, {"client_secret": secret}),
    ]
    for headers, more in wrong:
        answer = await site.token("POST", PATH, data={**form, **more}, headers=headers)
        refused(answer, "invalid_client", 401)
    encoded = {"authorization": basic(app.id, quote(secret, safe="").replace("a", "%61"))["authorization"]}
    lower = {"authorization": basic(app.id, secret)["authorization"].replace("Basic", "bAsIc")}
    for headers, more in ((basic(app.id, secret), {}), (encoded, {}), (lower, {"client_id": app.id}), ({}, both)):
        assert (await site.token("POST", PATH, data={**form, **more}, headers=headers)).status_code == 200
    await app.register("none")
    for headers, more in ((basic(app.id, secret), {}), ({}, both)):
        refused(await site.token("POST", PATH, data={**form, **more}, headers=headers), "invalid_client", 401)
    await app.register("client_secret_post")
    refused(await site.token("POST", PATH, data=form, headers=basic(app.id, secret)), "invalid_client", 401)


async def test_public_clients_redeem_with_their_verifier_alone(site: LoginSite, app: App) -> None:
    """OA-30, RFC 8252 §8.5: a public client says who it is and proves it by the verifier; it cannot act for itself."""
    await app.register("none", "native", uri="http://127.0.0.1/cb")
    app.back = "http://127.0.0.1:4567/cb"
    code = (await app.log_in()).query["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.back,
        "code_verifier": VERIFIER,
        "client_id": app.id,
    }
    answer = await site.token("POST", PATH, data=form)
    assert answer.status_code == 200, answer.text
    again = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"], "client_id": app.id}
    assert (await site.token("POST", PATH, data=again)).status_code == 200
    alone = {"grant_type": "client_credentials", "client_id": app.id}
    refused(await site.token("POST", PATH, data=alone), "unauthorized_client")


async def test_only_forms_are_read(site: LoginSite, app: App) -> None:
    """OA-33, OA-09, OA-12: GET is 405; a query, JSON, plain text and parameters that come twice are invalid_request; the grants
    that do not exist are unsupported_grant_type."""
    who, form = await app.credentials(), {"grant_type": "client_credentials"}
    get = await site.token("GET", PATH, params=form, headers=who)
    refused(get, "invalid_request", 405)
    assert get.headers["allow"] == "POST"
    refused(await site.token("POST", PATH, params=form, headers=who), "invalid_request")
    refused(await site.token("POST", PATH, json=form, headers=who), "invalid_request")
    plain = {"content-type": "text/plain", **who}
    refused(await site.token("POST", PATH, content="grant_type=client_credentials", headers=plain), "invalid_request")
    typed = {"content-type": "application/x-www-form-urlencoded", **who}
    for body in (
        "grant_type=client_credentials&" * 2,
        "grant_type=client_credentials&scope=&scope=",
        "grant_type",
        b"\xff=1",
    ):
        refused(await site.token("POST", PATH, content=body, headers=typed), "invalid_request")
    for kind in (
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "fb_exchange_token",
        "x" * 9000,
    ):
        refused(await site.token("POST", PATH, data={"grant_type": kind}, headers=who), "unsupported_grant_type")
    refused(await site.token("POST", PATH, content="a" * 1_100_000, headers=typed), "invalid_request", 413)
    twice = [*typed.items(), *(await App(site, "tokens").credentials()).items()]
    refused(await site.token("POST", PATH, content="grant_type=client_credentials", headers=twice), "invalid_request")


async def test_app_tokens_stand_for_the_app(site: LoginSite, app: App) -> None:
    """RFC 6749 §4.4, OA-23: client credentials give an app token, which carries no scope of a person."""
    answer = await app.post(PATH, {"grant_type": "client_credentials"})
    token = answer.json()["access_token"]
    assert answer.headers["cache-control"] == "no-store"
    assert token.startswith(f"{app.id}|EAA")
    assert (await site.graph(f"/{app.id}", token))["id"] == app.id
    for scope in ("email", "pages_show_list", OFFLINE, "openid", "nothing"):
        refused(await app.post(PATH, {"grant_type": "client_credentials", "scope": scope}), "invalid_scope")


async def test_secrets_are_slowed_down_and_never_locked(site: LoginSite, app: App) -> None:
    """OA-57: after many wrong secrets the next wrong one waits; the right one works at once."""
    form = {"grant_type": "client_credentials"}
    answers = [await site.token("POST", PATH, data=form, headers=basic(app.id, f"{n:032}")) for n in range(12)]
    assert {one.status_code for one in answers} == {401, 429}
    assert (await app.post(PATH, form)).status_code == 200


async def test_tokens_of_a_claimed_login_end_at_the_cut_off(site: LoginSite, app: App) -> None:
    """M6, M8: in grace a refresh gives a token that reaches what the old login reached, and not beyond the cut-off; after it the
    refresh token still works, for what is left."""
    tokens = await app.tokens(assets=("page", "other"))
    made = await site.migrate("emil")
    assert made.cut_off is not None
    page, other = site.world.assets["page"], site.world.assets["other"]
    second = (await app.refresh(tokens["refresh_token"])).json()
    assert "error" not in await site.graph(f"/{page}", second["access_token"])
    site.clock.set(made.cut_off - timedelta(hours=1))
    third = (await app.refresh(second["refresh_token"])).json()
    assert "error" not in await site.graph(f"/{page}", third["access_token"])
    site.clock.set(made.cut_off)
    assert (await site.graph(f"/{page}", third["access_token"]))["error"]["code"] == 100
    fourth = (await app.refresh(third["refresh_token"])).json()
    assert (await site.graph(f"/{page}", fourth["access_token"]))["error"]["code"] == 100
    assert "error" not in await site.graph(f"/{other}", fourth["access_token"])


async def test_a_login_in_grace_reaches_nothing_that_moved(site: LoginSite, app: App) -> None:
    """M5: after the claim a new login with the old account gives a token that does not reach the business's assets."""
    await app.tokens()
    await site.migrate("emil")
    browser = site.browser()
    await browser.sign_in_as("emil")
    silent = await browser.client.get(app.address(prompt="none"))
    code = silent.headers["location"].partition("code=")[2].partition("&")[0]
    token = (await app.redeem(code)).json()["access_token"]
    assert (await site.graph(f"/{site.world.assets['page']}", token))["error"]["code"] == 100


async def test_the_graph_dialect_gives_the_same_id_token(site: LoginSite, app: App) -> None:
    """Wire §3.2: a code of the Graph dialog with openid leads to an ID token too, with the nonce of the login; without openid to none."""
    code = await site.code(scope="openid,email", nonce="of the login")
    answer = await site.exchange(code)
    claims = await _claims(site, answer["id_token"])
    half = hashlib.sha256(answer["access_token"].encode()).digest()[:16]
    assert claims["nonce"] == "of the login"
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")
    assert (claims["iss"], claims["aud"]) == (BASE, app.id)
    assert claims["sub"] == (await site.graph("/me?fields=id", answer["access_token"]))["id"]
    assert "auth_time" not in claims
    assert "id_token" not in await site.exchange(await site.code("selma", scope="email"))


async def test_refreshing_is_use(site: LoginSite, app: App) -> None:
    """wire 6.8: each refresh gives ninety days more; without one, and without a call, a token of that age would reach nothing."""
    tokens = await app.tokens()
    page = f"/{site.world.assets['page']}"
    for _ in range(3):
        site.advance(days=59)
        tokens = (await app.refresh(tokens["refresh_token"])).json()
    assert "id" in await site.graph(page, tokens["access_token"])


async def test_a_login_without_a_question_is_use(site: LoginSite, app: App) -> None:
    """wire 6.8: who logs in again within ninety days is asked nothing; after ninety days without any use, everything."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    await browser.allow(await browser.get(app.address()), ("page",))
    for days in (60, 60, 89):
        site.advance(days=days)
        await browser.sign_in_as("emil")
        assert (await browser.get(app.address())).status_code in (302, 303)
    site.advance(days=90)
    await browser.sign_in_as("emil")
    assert (await browser.get(app.address())).status_code == 200
