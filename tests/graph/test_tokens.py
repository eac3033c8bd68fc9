"""Where a token sits, what proves it, what it says about itself, how it dies, and what a page's token reaches."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.commands._world import T0, TICK
from workbadge.commands import membership, registration
from workbadge.commands.registration import NewApp
from workbadge.keys import Entropy, hash_secret, make_token
from workbadge.keys.proof import app_secret_proof
from workbadge.store import facts, grants, schema
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import TokenKind
from workbadge.terms.reasons import Reason

from ._api import Api, error

pytestmark = pytest.mark.anyio
MINE = ("page", "page2", "ads", "catalog", "pixel")
HOUR = timedelta(hours=1)


async def emil(api: Api, app: str = "both", lifetime: timedelta = 300 * DAY) -> str:
    """A token of an employee who chose every asset and the business."""
    world = api.world
    return await api.login(world.people["emil"], app, MINE, lifetime=lifetime, businesses=(world.business,))


async def test_places_of_a_token(api: Api) -> None:
    """A token is taken from query, form, JSON body, multipart and both headers; a parameter wins (9.2, 9.3, §3.8)."""
    token, client = await emil(api), api.client
    me = await api.get("/me", token)
    boundary = {"content-type": "multipart/form-data; boundary=x"}
    part = f'--x\r\nContent-Disposition: form-data; name="access_token"\r\n\r\n{token}\r\n--x--\r\n'
    override = {"method": "get", "access_token": token}
    header = {"authorization": f"Bearer {token}"}
    for answer in (
        await client.get("/me", headers=header),
        await client.get("/me", headers={"authorization": f"bearer  {token}"}),
        await client.get("/me", headers={"authorization": f"OAuth {token}"}),
        await client.post("/me", data=override),
        await client.post("/me", json=override),
        await client.post("/me", params=override),
        await client.request("GET", "/me", json={"access_token": token}),
        await client.request("GET", "/me", json={}, headers=header),
        await client.request("GET", "/me", data={"access_token": token}),
        await client.request("GET", "/me", content=part, headers=boundary),
        await client.get("/me", params={"access_token": ""}, headers=header),
        await client.get("/me", params={"access_token": token}, headers={"authorization": "Bearer EAAx"}),
    ):
        assert (answer.status_code, answer.json()) == (200, me)
    head = await client.head("/me", headers=header)
    assert head.status_code == 200
    refused = await client.get("/me", params={"access_token": "EAAx"}, headers=header)
    assert error(refused) == (400, 190, None)
    double = await client.get("/me", headers=[("authorization", f"Bearer {token}")] * 2)
    assert error(double) == (400, 100, None)


async def test_two_tokens_are_one_too_many(api: Api) -> None:
    """Two different tokens as parameters are refused wherever they stand; the same one twice is harmless (WB-14)."""
    token, other, client = await emil(api), await emil(api, "tokens"), api.client
    for first, second in ((token, other), (other, token), (token, ""), (token, "EAAx")):
        for answer in (
            await client.get(f"/me?access_token={first}&access_token={second}"),
            await client.post("/me", params={"access_token": first}, data={"access_token": second, "method": "get"}),
            await client.get(f"/debug_token?input_token={token}&access_token={first}&access_token={second}"),
        ):
            assert error(answer) == (400, 100, None)
    twice = await client.get(f"/me?access_token={token}&access_token={token}")
    assert twice.status_code == 200


async def test_no_token(api: Api) -> None:
    """Without a token /me is 2500 and everything else 104; none of it says whether a thing exists (§3.12)."""
    page = api.world.assets["page"]
    for headers in ({}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer"}, {"authorization": "Bearer a b"}):
        assert error(await api.client.get("/me", headers=headers)) == (400, 2500, None)
        assert error(await api.client.get(f"/{page}", headers=headers)) == (400, 104, None)


async def test_a_wrong_checksum_is_no_database_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A malformed token is refused before the database is asked; an unknown one reads differently (9.13)."""
    unknown = make_token(Entropy())
    answer = await api.call("/me", unknown)
    assert (error(answer), answer.json()["error"]["message"]) == (
        (400, 190, None),
        "Invalid OAuth access token data.",
    )
    broken = unknown[:-1] + ("a" if unknown[-1] != "a" else "b")

    async def never(*args: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(facts, "load", never)
    for text in (broken, "EAA", "x", "EAA" + "é" * 100, "1|2", "|", f"{unknown} ", "\x00", "9" * 5000):
        answer = await api.call("/me", text)
        assert error(answer) == (400, 190, None), text
        assert answer.json()["error"]["message"] == "Invalid OAuth access token - Cannot parse access token"


async def test_appsecret_proof(api: Api) -> None:
    """A proof is checked whenever it is there, and demanded of an app that requires it (9.18, MT-13)."""
    world = api.world
    async with world.services.store.write() as tx:
        strict = await registration.add_app(tx, world.services, NewApp("Strict", (), require_proof=True), T0)
    world.apps["strict"] = strict.id
    foreign = await api.secret("tokens")
    at = int(api.now.timestamp())
    for app in ("both", "strict"):
        token, secret = await emil(api, app), await api.secret(app)
        other_token = await emil(api, app)
        right = app_secret_proof(secret, token)
        for wrong in (
            "",
            right.upper(),
            right[:-1],
            right + "0",
            f" {right}",
            app_secret_proof(secret, other_token),
            app_secret_proof(foreign, token),
            app_secret_proof("", token),
            "é",
        ):
            answer = await api.call("/me", token, appsecret_proof=wrong)
            assert error(answer) == (400, 100, None), (app, wrong)
            assert answer.json()["error"]["type"] == "GraphMethodException"
            assert answer.json()["error"]["message"] == "Invalid appsecret_proof provided in the API argument"
        assert (await api.call("/me", token, appsecret_proof=right)).status_code == 200
        twice = [("access_token", token), ("appsecret_proof", "x"), ("appsecret_proof", right)]
        assert error(await api.client.get("/me", params=twice)) == (400, 100, None)
        for seconds, status in ((at, 200), (at - 300, 200), (at + 300, 200), (at - 301, 400), (at + 301, 400)):
            timed = {"appsecret_proof": app_secret_proof(secret, token, seconds), "appsecret_time": str(seconds)}
            assert (await api.call("/me", token, **timed)).status_code == status, seconds
        for text in ("", "x", "-1", "1e9", "9" * 13, "²"):
            timed = {"appsecret_proof": right, "appsecret_time": text}
            assert error(await api.call("/me", token, **timed)) == (400, 100, None), text
    answer = await api.call(f"/{world.assets['page']}", token)
    assert error(answer) == (400, 100, None)
    assert answer.json()["error"]["message"] == "API calls from the server require an appsecret_proof argument"
    assert error(await api.call("/me/feed", token, "POST", message="x")) == (400, 100, None)


async def test_debug_token(api: Api) -> None:
    """A token is described to its own app and to itself, with a string app_id, bad ones as HTTP 200 (9.14, MT-14)."""
    world = api.world
    token, other = await emil(api), await emil(api, "tokens")
    owner, stranger = await api.app_token("both"), await api.app_token("tokens")
    data = (await api.get("/debug_token", owner, input_token=token))["data"]
    me = await api.get("/me", token)
    assert data["app_id"] == str(world.apps["both"])
    assert (data["type"], data["is_valid"], data["user_id"]) == ("USER", True, me["id"])
    assert data["expires_at"] == int((api.now + 300 * DAY).timestamp())
    assert data["issued_at"] == int(api.now.timestamp())
    assert set(data["scopes"]) == {one["scope"] for one in data["granular_scopes"]}
    targets = {one["scope"]: one.get("target_ids") for one in data["granular_scopes"]}
    assert targets["email"] is targets["public_profile"] is None
    assert set(targets["pages_show_list"]) == {str(world.assets[name]) for name in ("page", "page2")}
    assert set(targets["ads_management"]) == {str(world.assets[name]) for name in ("ads", "pixel")}
    assert targets["business_management"] == [str(world.business)]
    assert (await api.get("/debug_token", token, input_token=token, fields="app_id"))["data"] == {
        "app_id": str(world.apps["both"])
    }
    app = (await api.get("/debug_token", owner, input_token=owner))["data"]
    assert (app["type"], app["is_valid"], app["app_id"]) == ("APP", True, str(world.apps["both"]))
    system = await api.system("both", ("page",))
    robot = (await api.get("/debug_token", owner, input_token=system))["data"]
    assert (robot["type"], robot["expires_at"]) == ("SYSTEM_USER", 0)
    page = (await api.get("/debug_token", owner, input_token=await api.page_token(token)))["data"]
    assert (page["type"], page["profile_id"]) == ("PAGE", str(world.assets["page"]))
    assert {one for found in page["granular_scopes"] for one in found.get("target_ids", [])} == {
        str(world.assets["page"])
    }

    refused = [
        await api.call("/debug_token", await emil(api), input_token=token),
        await api.call("/debug_token", other, input_token=token),
        await api.call("/debug_token", owner),
    ]
    assert [error(answer) for answer in refused] == [(400, 100, None)] * 3
    assert error(await api.call("/debug_token", None, input_token=token)) == (400, 104, None)
    for bad in (f"{world.apps['both']}|", f"{world.apps['both']}|{'0' * 32}", f"{'1' * 18}|x", "1|x", "x"):
        assert error(await api.call("/debug_token", bad, input_token=token))[:2] == (400, 190), bad
    for unusable in (other, stranger, "x", make_token(Entropy()), f"{world.apps['both']}|nonsense"):
        found = (await api.get("/debug_token", owner, input_token=unusable))["data"]
        assert set(found) == {"error", "is_valid", "scopes"}, "nothing about another app's token"
        assert (found["is_valid"], found["scopes"]) == (False, [])
        assert {"code", "message"} <= set(found["error"])
    api.now += 300 * DAY
    ended = (await api.get("/debug_token", owner, input_token=token))["data"]
    assert (ended["is_valid"], ended["error"]["code"], ended["error"]["subcode"]) == (False, 190, 463)
    assert "granular_scopes" not in ended


async def test_permissions(api: Api) -> None:
    """Permissions are listed, filtered and taken back one by one, with effect at the next call (§3.5, MT-25)."""
    token, world = await emil(api), api.world
    page = await api.page_token(token)
    listed = (await api.get("/me/permissions", token))["data"]
    assert {one["status"] for one in listed} == {"granted"}
    assert (await api.get("/me/permissions", token, permission="email"))["data"] == [
        {"permission": "email", "status": "granted"}
    ]
    assert (await api.get("/me/permissions", token, status="declined"))["data"] == []
    assert error(await api.call("/me/permissions/nonsense", token, "DELETE")) == (400, 100, None)
    for path, more in (
        ("/me/permissions/email", {}),
        ("/me/permissions", {"permission": "ads_read"}),
        ("/me/permissions/ads_management", {}),
    ):
        answer = await api.call(path, token, "DELETE", **more)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert "email" not in await api.get("/me", token, fields="email")
    assert error(await api.call("/me/adaccounts", token)) == (403, 200, None)
    assert error(await api.call(f"/act_{world.assets['ads']}", token))[:2] == (403, 200)
    assert await api.get("/me/permissions", token, status="declined") == {
        "data": [{"permission": name, "status": "declined"} for name in ("email", "ads_read", "ads_management")]
    }
    assert (await api.call("/me/permissions", page, "DELETE")).status_code == 400
    mine = await api.get("/me", token)
    assert error(await api.call(f"/{mine['id']}/permissions", page, "DELETE")) == (400, 100, 33)
    assert (await api.call("/me", token)).status_code == 200


async def test_taking_the_app_off_kills_every_token(api: Api) -> None:
    """DELETE me/permissions ends all tokens of account and app at once, and no other (§3.5, MT-09)."""
    first, second, elsewhere = await emil(api), await emil(api), await emil(api, "tokens")
    page, far = await api.page_token(first), await api.page_token(elsewhere)
    answer = await api.client.post(
        "/me/permissions", data={"method": "delete"}, headers={"authorization": f"Bearer {second}"}
    )
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    for dead in (first, second, page):
        refused = await api.call("/me", dead)
        assert error(refused) == (400, 190, 458)
        assert refused.json()["error"]["message"].startswith("Error validating access token: ")
    for alive in (elsewhere, far):
        assert (await api.call("/me", alive)).status_code == 200


async def test_page_tokens(api: Api) -> None:
    """A page token is its page on /me and reaches nothing else; reading it again gives the same one (MT-10, MT-12)."""
    token, world = await emil(api), api.world
    page = str(world.assets["page"])
    mine = await api.page_token(token)
    assert {one["id"]: one["access_token"] for one in (await api.get("/me/accounts", token))["data"]}[page] == mine
    assert await api.stored(mine) is TokenKind.PAGE
    assert await api.get("/me", mine) == {"id": page, "name": "page"}
    assert await api.get(f"/{page}", mine, fields="access_token") == {"access_token": mine, "id": page}
    assert await api.get("/me/feed", mine) == {"data": []}
    written = await api.call("/me/feed", mine, "POST", message="by the page")
    assert written.json()["id"].startswith(f"{page}_")
    for path in (
        f"/{world.assets['page2']}",
        f"/{world.assets['page2']}/feed",
        f"/act_{world.assets['ads']}",
        f"/{world.assets['catalog']}",
        f"/{world.business}",
        f"/{world.business}/owned_pages",
    ):
        assert error(await api.call(path, mine)) == (400, 100, 33), path
    scoped = (await api.get("/me", token))["id"]
    for edge in ("accounts", "adaccounts", "businesses", "assigned_pages"):
        assert error(await api.call(f"/me/{edge}", mine))[:2] == (400, 100), edge
        assert error(await api.call(f"/{scoped}/{edge}", mine)) == (400, 100, 33), edge
        assert error(await api.call(f"/{scoped}", mine, fields=edge)) == (400, 100, 33), edge


async def test_a_page_token_lives_as_long_as_a_short_parent(api: Api) -> None:
    """A short-lived parent hands its end down; a long-lived one gives a page token without an end (MT-12)."""
    short, long = await emil(api, lifetime=HOUR), await emil(api, "tokens")
    brief, lasting = await api.page_token(short), await api.page_token(long)
    for at, status in ((T0 + HOUR - TICK, 200), (T0 + HOUR, 400), (T0 + HOUR + TICK, 400)):
        api.now = at
        for token in (short, brief):
            answer = await api.call("/me", token)
            assert answer.status_code == status
            assert status == 200 or error(answer) == (400, 190, 463)
    api.now = T0 + 300 * DAY - TICK
    await emil(api, "tokens")  # what was not used for ninety days must be granted again
    api.now = T0 + 301 * DAY
    assert error(await api.call("/me", long)) == (400, 190, 463)
    assert (await api.call("/me", lasting)).status_code == 200


Blow = Callable[[Api, str], Awaitable[None]]


async def _take_page(api: Api, token: str) -> None:
    world = api.world
    place = (await world.people_list(api.now))["emil@home.example"]
    await membership.take_away(world.services, world.business, place, world.assets["page"], None, api.now)


async def _remove(api: Api, token: str) -> None:
    world = api.world
    place = (await world.people_list(api.now))["emil@home.example"]
    await membership.remove_member(world.services, world.business, place, None, api.now)


async def _password(api: Api, token: str) -> None:
    async with api.world.services.store.write() as tx:
        await grants.revoke_account(tx, api.world.people["emil"], Reason.PASSWORD_CHANGED, api.now)


async def _revoke(api: Api, token: str) -> None:
    async with api.world.services.store.write() as tx:
        await grants.revoke_token(tx, hash_secret(token), Reason.TOKEN_REVOKED, api.now)


async def _app_off(api: Api, token: str) -> None:
    assert (await api.call("/me/permissions", token, "DELETE")).status_code == 200


async def _app_disabled(api: Api, token: str) -> None:
    async with api.world.services.store.write() as tx:
        change = update(schema.app).where(schema.app.c.id == api.world.apps["both"])
        await tx.run(change.values(disabled_at=api.now))


async def _unselect(api: Api, token: str) -> None:
    await api.login(api.world.people["emil"], "both", ("page2",))


async def _no_scope(api: Api, token: str) -> None:
    for name in ("pages_show_list", "pages_read_engagement", "pages_manage_posts"):
        assert (await api.call(f"/me/permissions/{name}", token, "DELETE")).status_code == 200


BLOWS: list[tuple[Blow, tuple[int, int, int | None], tuple[int, int, int | None]]] = [
    (_take_page, (403, 200, None), (403, 200, None)),
    (_remove, (400, 100, None), (400, 100, None)),
    (_password, (400, 190, 460), (400, 190, 460)),
    (_revoke, (400, 190, 466), (400, 190, 466)),
    (_app_off, (400, 190, 458), (400, 190, 458)),
    (_app_disabled, (400, 190, None), (400, 190, None)),
    (_unselect, (400, 100, 33), (400, 100, 33)),
    (_no_scope, (403, 200, None), (403, 200, None)),
]


@pytest.mark.parametrize(("blow", "by_user", "by_page"), BLOWS, ids=[one[0].__name__[1:] for one in BLOWS])
async def test_a_page_token_dies_with_its_reason(
    api: Api, blow: Blow, by_user: tuple[int, int, int | None], by_page: tuple[int, int, int | None]
) -> None:
    """Whatever ends the user's way to a page ends the page token in the same instant, with its code (MT-09, MT-25)."""
    token, page = await emil(api), api.world.assets["page"]
    mine = await api.page_token(token)
    assert (await api.call(f"/{page}/feed", mine)).status_code == 200
    await blow(api, token)
    for path in (f"/{page}", f"/{page}/feed", "/me", "/me/feed"):
        assert error(await api.call(path, mine)) == by_page, path
    assert error(await api.call(f"/{page}", token)) == by_user
    assert error(await api.call("/me/feed", mine, "POST", message="x")) == by_page
    listed = await api.call("/me/accounts", token)
    if listed.status_code == 200:
        assert str(page) not in json.dumps(listed.json())
