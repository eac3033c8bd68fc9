"""Subscribing over the wire: ``/{app}/subscriptions`` with the handshake, ``/{page}/subscribed_apps`` (wire.md 6.2, 6.4, 9.23)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.commands._world import SCOPES, T0
from tests.web._receiver import Hook, listening
from workbadge.commands.registration import NewApp, add_app
from workbadge.store import webhooks as stored
from workbadge.terms.instants import DAY
from workbadge.web.clock import SettableClock
from workbadge.web.outgoing import Outgoing
from workbadge.web.state import Site
from workbadge.web.worker import Worker

from ._api import Api, error

pytestmark = pytest.mark.anyio

PAGE_SCOPES = (*SCOPES, "pages_manage_metadata")


@pytest.fixture
async def open_api(api: Api) -> AsyncIterator[Api]:
    """The graph of a site that may reach this machine."""
    sender = Outgoing(allow_private=True)
    api.site = replace(api.site, outgoing=sender)
    yield api
    await sender.close()


async def rows(api: Api, app: str = "both") -> dict[str, str]:
    """Stored subscriptions of an app: object to address."""
    async with api.world.services.store.read() as tx:
        return {row.object: row.callback_url for row in await stored.list_subscriptions(tx, api.world.apps[app])}


async def subscribe(api: Api, hook: Hook, name: str, **more: str) -> object:
    """A subscription that must succeed."""
    values = {"object": name, "callback_url": hook.url, "verify_token": hook.verify_token, **more}
    token = await api.app_token("both")
    answer = await api.client.post(
        f"/v26.0/{api.world.apps['both']}/subscriptions", data={"access_token": token, **values}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_subscription_begins_with_a_handshake(open_api: Api) -> None:
    """wire 6.2, 6.4: the receiver is asked with hub.mode, a challenge and the app's verify token; its echo stores the
    subscription, which the list then shows."""
    api = open_api
    app, token = api.world.apps["both"], await api.app_token("both")
    async with listening() as hook:
        assert await subscribe(api, hook, "permissions", fields="connected,email") == {"success": True}
        assert await subscribe(api, hook, "user", fields='["fbe_install"]') == {"success": True}
        found = await api.get(f"/{app}/subscriptions", token)
    first, second = hook.got
    assert first.query["hub.mode"] == "subscribe"
    assert first.query["hub.challenge"].isdecimal()
    assert first.query["hub.challenge"] != second.query["hub.challenge"]
    known = {one["object"]: one for one in found["data"]}
    assert set(known) == {"managed_meta_account", "permissions", "user"}
    assert known["permissions"] == {
        "object": "permissions",
        "callback_url": hook.url,
        "active": True,
        "fields": [{"name": "connected", "version": "v26.0"}, {"name": "email", "version": "v26.0"}],
    }


@pytest.mark.parametrize("fault", ["other echo", "no echo", "wrong verify token", "nobody there"])
async def test_a_failed_handshake_stores_nothing(open_api: Api, fault: str) -> None:
    """MT-38: whoever does not answer 200 with exactly the challenge is not subscribed, and the earlier subscription stays."""
    api = open_api
    app, token = api.world.apps["both"], await api.app_token("both")
    before = await rows(api)
    async with listening() as hook:
        hook.echo = {"other echo": b"12345", "no echo": b""}.get(fault)
        values = {
            "object": "managed_meta_account",
            "callback_url": "http://127.0.0.1:9/" if fault == "nobody there" else hook.url,
            "verify_token": "guess" if fault == "wrong verify token" else hook.verify_token,
        }
        answer = await api.call(f"/{app}/subscriptions", token, "POST", **values)
    assert error(answer) == (400, 2200, None)
    assert await rows(api) == before


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"object": "nonsense"}, "object"),
        ({"object": ""}, "object"),
        ({"object": "user", "fields": "shoe_size"}, "shoe_size"),
        ({"object": "user", "callback_url": ""}, "callback_url"),
        ({"object": "user", "callback_url": "ftp://hook.example/"}, "ftp"),
        ({"object": "user", "callback_url": "https://user:pw@hook.example/"}, "cannot be used"),
        ({"object": "user", "callback_url": "https://hook.example/\r\nx: y"}, "cannot be used"),
        ({"object": "user", "verify_token": ""}, "verify_token"),
    ],
)
async def test_bad_subscriptions_say_what_was_expected(open_api: Api, values: dict[str, str], says: str) -> None:
    """wire 3.12, WB-16: an unknown object or field, an unusable address, a missing verify token are errors 100 that name it,
    and nobody is asked."""
    api = open_api
    async with listening() as hook:
        given = {"callback_url": hook.url, "verify_token": hook.verify_token, **values}
        token = await api.app_token("both")
        answer = await api.call(f"/{api.world.apps['both']}/subscriptions", token, "POST", **given)
    assert error(answer) == (400, 100, None)
    assert says in answer.json()["error"]["message"]
    assert hook.got == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "169.254.1.1"]
)
async def test_no_handshake_goes_to_a_private_address(api: Api, host: str) -> None:
    """WB-17, OA-59: a handshake is never sent to this machine or a private network, in whatever spelling."""
    async with listening() as hook:
        url = f"http://{host}:{hook.port}/hook"
        values = {"object": "user", "callback_url": url, "verify_token": hook.verify_token}
        answer = await api.call(
            f"/{api.world.apps['both']}/subscriptions", await api.app_token("both"), "POST", **values
        )
    assert error(answer) == (400, 2200, None)
    assert hook.got == []
    assert "user" not in await rows(api)


@pytest.mark.parametrize("kind", ["large", "redirect"])
async def test_a_handshake_reads_little_and_follows_nothing(open_api: Api, kind: str) -> None:
    """WB-18: an answer of ten megabytes is cut off, a redirect is a failure."""
    api = open_api
    async with listening() as hook:
        hook.echo = b"x" * 10_000_000 if kind == "large" else None
        hook.get_status = 302 if kind == "redirect" else 200
        values = {"object": "user", "callback_url": hook.url, "verify_token": hook.verify_token}
        answer = await api.call(
            f"/{api.world.apps['both']}/subscriptions", await api.app_token("both"), "POST", **values
        )
    assert error(answer) == (400, 2200, None)
    assert len(answer.content) < 2000


async def test_deleting_subscriptions(open_api: Api) -> None:
    """wire 6.4: DELETE takes fields of an object, an object, or all; only the app's own."""
    api = open_api
    app, token = api.world.apps["both"], await api.app_token("both")
    async with listening() as hook:
        await subscribe(api, hook, "permissions", fields="connected,email")
        await subscribe(api, hook, "user")
    answer = await api.call(f"/{app}/subscriptions", token, "DELETE", object="permissions", fields="email")
    assert answer.json() == {"success": True}
    answer = await api.call(f"/{app}/subscriptions", token, "DELETE", object="user")
    assert answer.json() == {"success": True}
    found = {one["object"]: one for one in (await api.get(f"/{app}/subscriptions", token))["data"]}
    assert set(found) == {"managed_meta_account", "permissions"}
    assert [one["name"] for one in found["permissions"]["fields"]] == ["connected"]
    assert error(await api.call(f"/{app}/subscriptions", token, "DELETE", object="user"))[1] == 100
    await api.call(f"/{app}/subscriptions", token, "DELETE")
    assert (await rows(api), len(await rows(api, "tokens"))) == ({}, 1)


async def page_token(api: Api, scopes: tuple[str, ...] = PAGE_SCOPES) -> str:
    """Emil's token for the page."""
    return await api.page_token(await api.login(api.world.people["emil"], "both", ("page",), scopes))


async def test_following_a_page(open_api: Api) -> None:
    """wire 3.6, 6.4: with a page token an app follows fields of the page, sees that, is told of a post, and stops."""
    api = open_api
    page, token = api.world.assets["page"], await page_token(api)
    edge = f"/{page}/subscribed_apps"
    async with listening() as hook:
        await subscribe(api, hook, "page")
        assert await api.get(edge, token) == {"data": []}
        assert (await api.call(edge, token, "POST", subscribed_fields="feed,leadgen")).json() == {"success": True}
        app = {"id": str(api.world.apps["both"]), "name": "App both", "subscribed_fields": ["feed", "leadgen"]}
        assert await api.get(edge, token) == {"data": [app]}
        assert await api.get("/me/subscribed_apps", token) == {"data": [app]}
        made = (await api.call(f"/{page}/feed", token, "POST", message="Hello")).json()
        site = Site(api.world.services, SettableClock(T0))
        while await Worker(lambda: site, allow_private=True).step():
            pass
        assert (await api.call(edge, token, "DELETE")).json() == {"success": True}
        assert await api.get(edge, token) == {"data": []}
    (got,) = hook.posts
    body = json.loads(got.body)
    assert body["object"] == "page"
    assert body["entry"][0]["changes"][0]["value"]["post_id"] == made["id"]


async def test_following_needs_a_page_token_and_its_permission(open_api: Api) -> None:
    """MT-37: a user token, a page token without pages_manage_metadata, one for another page, and one whose grace is over do not
    subscribe anything."""
    api = open_api
    page = api.world.assets["page"]
    user = await api.login(api.world.people["selma"], "both", ("page",), PAGE_SCOPES)
    plain = await page_token(api, SCOPES)
    other = await api.page_token(
        await api.login(api.world.people["selma"], "both", ("page", "page2"), PAGE_SCOPES), "page2"
    )
    edge = f"/{page}/subscribed_apps"
    for token, expected in ((user, (403, 210)), (plain, (403, 200)), (other, (400, 100))):
        for method in ("GET", "POST", "DELETE"):
            answer = await api.call(edge, token, method, subscribed_fields="feed")
            assert error(answer)[:2] == expected, (method, answer.text)
    good = await page_token(api)
    assert error(await api.call(edge, good, "POST"))[:2] == (400, 100)
    assert error(await api.call(edge, good, "POST", subscribed_fields="shoe_size"))[:2] == (400, 100)
    started = await api.world.start("emil")
    await api.world.claim(started, "emil", T0)
    api.now = T0 + 30 * DAY - timedelta(microseconds=1)
    assert (await api.call(edge, good, "POST", subscribed_fields="feed")).status_code == 200
    api.now = T0 + 30 * DAY
    assert error(await api.call(edge, good, "POST", subscribed_fields="feed"))[:2] == (400, 100)


async def test_another_apps_token_reaches_no_subscription(open_api: Api) -> None:
    """MT-01: an app token of another app gets the answer for an app that never existed; a disabled app gets none."""
    api = open_api
    async with api.world.services.store.write() as tx:
        stranger = await add_app(tx, api.world.services, NewApp("Stranger", ()), T0)
    path = f"/{api.world.apps['both']}/subscriptions"
    for method in ("GET", "POST", "DELETE"):
        answer = await api.call(path, f"{stranger.id}|{stranger.secret}", method, object="user")
        assert error(answer) == (400, 100, 33)
    assert len(await rows(api)) == 1


@pytest.mark.parametrize("private", [True, False])
async def test_trying_a_receiver_needs_the_right_to_subscribe(open_api: Api, private: bool) -> None:
    """MT-44: a handshake, the one call that tries something out, is made for nobody but who may store what it is about: not for
    a person's or page token, another app's token, a wrong secret; and, for who may, through the same guard."""
    api = open_api
    if private:
        api.site = replace(api.site, outgoing=Outgoing(allow_private=False))
    path = f"/{api.world.apps['both']}/subscriptions"
    callers = {
        "person": await api.login(api.world.people["emil"], "both", ("page",), PAGE_SCOPES),
        "page": await page_token(api),
        "other app": await api.app_token("tokens"),
        "wrong secret": f"{api.world.apps['both']}|{'0' * 32}",
        "nobody": None,
    }
    async with listening() as hook:
        values = {"object": "user", "callback_url": hook.url, "verify_token": hook.verify_token, "fields": "{{7*7}}"}
        for name, token in callers.items():
            answer = await api.call(path, token, "POST", **values)
            assert answer.status_code in (400, 403), name
        own = await api.call(path, await api.app_token("both"), "POST", **{**values, "fields": "fbe_install"})
        assert len(hook.got) == (0 if private else 1)
    assert own.status_code == (400 if private else 200)
    assert ("user" in await rows(api)) is not private
