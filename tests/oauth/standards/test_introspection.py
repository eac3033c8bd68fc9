"""What is told about a token, who may ask, and what giving one up does."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.commands._world import BASE, TICK
from tests.oauth._site import LoginSite
from workbadge.terms.instants import to_wire

from ._app import SCOPE, App, basic, refused

pytestmark = pytest.mark.anyio
PATH = "/oauth/introspect"
DEAD = b'{"active":false}'


async def _ask(app: App, token: str, **more: str) -> httpx.Response:
    answer = await app.post(PATH, {"token": token, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    return answer


async def test_a_live_token_is_told_with_its_assets(site: LoginSite, app: App) -> None:
    """RFC 7662 §2.2, RFC 9396 §9.2: scope, client, subject, times, and each asset with what may be done on it."""
    tokens = await app.tokens(assets=("page", "ads"))
    told = (await _ask(app, tokens["access_token"])).json()
    now, me = int(site.now.timestamp()), await site.graph("/me?fields=id", tokens["access_token"])
    details = {one.pop("identifier"): one for one in told.pop("authorization_details")}
    scope = told.pop("scope")
    assert sorted(scope.split()) == sorted(SCOPE.split())
    assert told == {
        "active": True,
        "client_id": app.id,
        "token_type": "Bearer",
        "iss": BASE,
        "sub": me["id"],
        "iat": now,
        "exp": now + 7200,
    }
    page, ads = str(site.world.assets["page"]), f"act_{site.world.assets['ads']}"
    common = {"type": "business_asset", "locations": [BASE]}
    assert details == {
        page: {**common, "actions": ["pages_show_list"], "datatypes": ["page"]},
        ads: {**common, "actions": ["ads_read"], "datatypes": ["ad_account"]},
    }
    refresh = (await _ask(app, tokens["refresh_token"])).json()
    assert (refresh["active"], refresh["sub"]) == (True, me["id"])
    assert refresh["exp"] == now + 60 * 86_400
    assert "token_type" not in refresh


async def test_everything_else_is_exactly_inactive(site: LoginSite, app: App) -> None:
    """OA-36: unknown, malformed, expired, revoked, used, foreign tokens and other texts are ``{"active": false}`` and nothing more;
    a wrong or unknown hint changes nothing."""
    other = App(site, "tokens")
    foreign, tokens = await other.tokens("selma"), await app.tokens()
    used = tokens["refresh_token"]
    fresh = (await app.refresh(used)).json()
    code = (await app.log_in()).query["code"]
    gone = await app.tokens("bob")
    await app.post("/oauth/revoke_token", {"token": gone["access_token"]})
    dead = [
        "x",
        "EAA" + "a" * 100,
        tokens["access_token"][:-1] + ("x" if tokens["access_token"][-1] != "x" else "y"),
        foreign["access_token"],
        foreign["refresh_token"],
        f"{app.id}|{tokens['access_token']}",
        f"{app.id}|{await site.secret()}",
        used,
        code,
        fresh["id_token"],
        gone["access_token"],
        "é" * 40,
        "a" * 100_000,
    ]
    for text in dead:
        assert (await _ask(app, text)).content == DEAD, text[:40]
    for hint in ("refresh_token", "access_token", "nonsense"):
        assert (await _ask(app, fresh["access_token"], token_type_hint=hint)).json()["active"] is True
        assert (await _ask(app, fresh["refresh_token"], token_type_hint=hint)).json()["active"] is True
    site.clock.set(site.now + timedelta(seconds=7200) - TICK)
    assert (await _ask(app, fresh["access_token"])).json()["active"] is True
    site.clock.set(site.now + TICK)
    assert (await _ask(app, fresh["access_token"])).content == DEAD


async def test_introspection_needs_a_secret(site: LoginSite, app: App) -> None:
    """OA-36, RFC 7662 §2.1: without authentication, with a wrong secret, and as a public client it is 401; without token 400."""
    form = {"token": "x"}
    refused(await site.token("POST", PATH, data=form), "invalid_client", 401)
    refused(await site.token("POST", PATH, data=form, headers=basic(app.id, "wrong")), "invalid_client", 401)
    refused(await app.post(PATH, {}), "invalid_request")
    refused(await site.token("GET", PATH, params=form, headers=await app.credentials()), "invalid_request", 405)
    await app.register("none")
    refused(await site.token("POST", PATH, data={**form, "client_id": app.id}), "invalid_client", 401)


async def test_app_tokens_are_told_as_the_app(app: App) -> None:
    """RFC 7662 §2.2: an app token stands for its client and has no end; without its id in front it is not one."""
    text = (await app.post("/oauth/token", {"grant_type": "client_credentials"})).json()["access_token"]
    told = (await _ask(app, text)).json()
    assert (told["active"], told["sub"], told["client_id"], told["scope"]) == (True, app.id, app.id, "")
    assert "exp" not in told
    assert (await _ask(app, text.partition("|")[2])).content == DEAD
    await app.post("/oauth/revoke_token", {"token": text})
    assert (await _ask(app, text)).content == DEAD


async def test_an_asset_in_grace_shows_the_end_that_is_enforced(site: LoginSite, app: App) -> None:
    """I8, I10, M8, issue 7: in grace each asset shows its expiry, equal to user_access_expire_time; one tick before it the asset is
    there and read, at it it is in neither, and the token is still active."""
    tokens = await app.tokens(assets=("page", "other"))
    made = await site.migrate("emil")
    assert made.cut_off is not None
    page, other = str(site.world.assets["page"]), str(site.world.assets["other"])
    longer = await site.token(
        data={
            "grant_type": "fb_exchange_token",
            "fb_exchange_token": tokens["access_token"],
            "client_id": app.id,
            "client_secret": await site.secret(),
        }
    )
    token = longer.json()["access_token"]

    async def details() -> dict[str, Any]:
        told = (await _ask(app, token)).json()
        assert told["active"] is True
        return {one["identifier"]: one.get("expires_at") for one in told.get("authorization_details", [])}

    assert await details() == {page: to_wire(made.cut_off), other: None}
    shown = await site.graph(f"/{page}?fields=user_access_expire_time", token)
    assert shown["user_access_expire_time"][:19] == to_wire(made.cut_off)[:19]
    site.clock.set(made.cut_off - TICK)
    assert await details() == {page: to_wire(made.cut_off), other: None}
    assert "error" not in await site.graph(f"/{page}", token)
    site.clock.set(made.cut_off)
    assert await details() == {other: None}
    assert (await site.graph(f"/{page}", token))["error"]["code"] == 100


async def test_a_token_that_is_given_up_is_dead(site: LoginSite, app: App) -> None:
    """OA-37: an access token dies alone, with a refresh token everything from the same code; unknown texts and foreign tokens
    are answered 200 and nothing happens."""
    path, other = "/oauth/revoke_token", App(site, "tokens")
    tokens, foreign = await app.tokens(), await other.tokens("selma")
    for text, hint in (
        ("nonsense", "access_token"),
        ("EAA" + "a" * 100, "refresh_token"),
        (foreign["access_token"], "access_token"),
        (foreign["refresh_token"], "nonsense"),
    ):
        answer = await app.post(path, {"token": text, "token_type_hint": hint})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["cache-control"] == "no-store"
    assert await app.is_alive(foreign["access_token"])
    assert (await other.refresh(foreign["refresh_token"])).status_code == 200
    page = (await site.graph("/me/accounts?fields=access_token", tokens["access_token"]))["data"][0]["access_token"]
    await app.post(path, {"token": tokens["access_token"], "token_type_hint": "refresh_token"})
    assert not await app.is_alive(tokens["access_token"])
    assert not await app.is_alive(page)
    second = (await app.refresh(tokens["refresh_token"])).json()
    bystander = await app.tokens()
    await app.post(path, {"token": second["refresh_token"], "token_type_hint": "access_token"})
    refused(await app.refresh(second["refresh_token"]), "invalid_grant")
    assert not await app.is_alive(second["access_token"])
    assert await app.is_alive(bystander["access_token"])
    refused(await app.post(path, {}), "invalid_request")
    refused(await site.token("POST", path, data={"token": "x"}), "invalid_client", 401)
