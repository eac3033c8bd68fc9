"""Two sandbox worlds beside the live platform, as three real processes: nothing of one is anything in another (MT-35)."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from tests._nodes import running_nodes
from tests._sandbox import Sandbox, running_sandbox
from tests.commands._world import T0, World, make_services
from tests.commands.test_delivery import Postbox, mail_server
from tests.console._site import csrf_of
from tests.web._receiver import listening
from workbadge.commands import outbox
from workbadge.commands.outbox import CALLBACK, MAIL, WEBHOOK, Outgoing
from workbadge.commands.webhooks import NewSubscription
from workbadge.sandbox.control import make_control
from workbadge.sandbox.story import build_story, describe
from workbadge.sandbox.world import World as SandboxWorld
from workbadge.store import client_terms
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store
from workbadge.store.upgrade import upgrade
from workbadge.terms.instants import to_wire
from workbadge.web import handshake
from workbadge.web.clock import SettableClock, SystemClock
from workbadge.web.outgoing import Outgoing as Outside
from workbadge.web.state import Site
from workbadge.web.worker import Worker

from .test_control_apps import VERIFY, receiver

pytestmark = pytest.mark.anyio
BACK = "https://app.example/callback"
SCOPES = ["openid", "email", "pages_show_list", "pages_read_engagement"]
DEAD = 190


@pytest.fixture
def anyio_backend() -> str:
    """asyncio only: the drivers know no other."""
    return "asyncio"


@pytest.fixture(scope="module")
def running() -> Iterator[list[Sandbox]]:
    """Two worlds without a seed, started alike."""
    with ExitStack() as stack:
        yield [stack.enter_context(running_sandbox()) for _ in range(2)]


@pytest.fixture
def worlds(running: list[Sandbox]) -> Iterator[list[Sandbox]]:
    """Both as they were before the test: put back afterwards."""
    checkpoints = [one.control("POST", "/checkpoints")["id"] for one in running]
    yield running
    for one, checkpoint in zip(running, checkpoints, strict=True):
        one.control("POST", f"/checkpoints/{checkpoint}/restore")


class Live(Sandbox):
    """The live platform with the same story in it; what a control API would do is done in its database by the test."""

    calls: Any = None

    def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Not over HTTP: live has no such thing."""
        raise NotImplementedError


async def _nothing() -> None:
    """What is due is done by the live process itself."""


@pytest.fixture
async def live(engine_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A real process on each engine, and its story."""
    async with open_store(StoreSettings(engine_url, pool=4)) as store:
        await upgrade(store)
        services, clock = make_services(store), SystemClock()
        story = await build_story(services, (BACK,), clock.now())
        with running_nodes(engine_url, tmp_path, 1) as (node,), httpx.Client(timeout=30, trust_env=False) as client:
            about = describe(story, node.url, node.url, "t", to_wire(clock.now()))
            made = Live(json.loads(json.dumps(about)), client)
            control = make_control(
                cast(SandboxWorld, SimpleNamespace(services=services, clock=clock, settle=_nothing)), "t"
            )
            transport = httpx.ASGITransport(control)
            headers = {"authorization": "Bearer t"}
            async with httpx.AsyncClient(transport=transport, base_url="http://in.test", headers=headers) as calls:
                made.calls = calls
                yield made


async def ask(place: Sandbox, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a person or an operator does there."""
    if isinstance(place, Live):
        answer = await place.calls.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())
    return dict(place.control("POST", path, body))


async def consent(place: Sandbox, result: str) -> dict[str, Any]:
    """What the employee's consent leads to."""
    app, page = place.about["app"], place.asset("page")["id"]
    chosen = {"account": place.personal("employee"), "app": app["id"], "scopes": SCOPES, "assets": [page]}
    return await ask(place, "/consents", {**chosen, "result": result})


async def sign_in(place: Sandbox) -> httpx.Client:
    """The employee's browser."""
    person = place.account("employee")["personal"]
    browser = httpx.Client(base_url=place.base, timeout=30, trust_env=False)
    form = browser.get("/login")
    data = {"email": person["email"], "password": person["password"], "csrf": csrf_of(form.text)}
    assert browser.post("/login", data=data).status_code == 303
    return browser


class Kit:
    """Everything that somebody can hold of a place."""

    def __init__(self, place: Sandbox) -> None:
        self.place = place
        self.app = place.about["app"]
        self.app_token = f"{self.app['id']}|{self.app['secret']}"
        self.tokens: dict[str, str] = {}
        self.refresh = self.code = ""
        self.browser = httpx.Client()

    @staticmethod
    async def of(place: Sandbox) -> "Kit":
        """Made anew, each thing seen working at home where that does not use it up."""
        kit = Kit(place)
        refresh = await consent(place, "refresh")
        robot = {"business": place.about["business"]["id"], "app": kit.app["id"], "name": "Robot"}
        robot |= {"scopes": ["pages_read_engagement"], "assets": [place.asset("page")["id"]]}
        user = str((await consent(place, "token"))["access_token"])
        page = place.graph(f"/{place.asset('page')['id']}", user, fields="access_token")
        kit.tokens = {
            "user": user,
            "oauth": refresh["access_token"],
            "page": page["access_token"],
            "system user": (await ask(place, "/system_users", robot))["access_token"],
        }
        kit.refresh, kit.code = refresh["refresh_token"], (await consent(place, "code"))["code"]
        kit.browser = await sign_in(place)
        for text in kit.tokens.values():
            assert place.graph("/me", text)["id"]
        assert place.graph(f"/{kit.app['id']}", kit.app_token)["id"] == kit.app["id"]
        assert kit.browser.get("/console/account").status_code == 200
        return kit

    def redeem(self, code: str, client: dict[str, Any]) -> dict[str, Any]:
        """A code at this place's endpoint, by a client."""
        more = {"client_id": client["id"], "client_secret": client["secret"], "redirect_uri": BACK}
        return self.place.graph("/oauth/access_token", code=code, **more)

    def renew(self, text: str, client: dict[str, Any]) -> dict[str, Any]:
        """A refresh token at this place's endpoint, by a client."""
        form = {"grant_type": "refresh_token", "refresh_token": text}
        auth = (client["id"], client["secret"])
        answer = self.place.client.post(f"{self.place.base}/oauth/token", data=form, auth=auth)
        return dict(answer.json())

    def inspect(self, text: str) -> dict[str, Any]:
        """What the introspection says to this place's app."""
        auth = (self.app["id"], self.app["secret"])
        answer = self.place.client.post(f"{self.place.base}/oauth/introspect", data={"token": text}, auth=auth)
        return dict(answer.json())

    async def refuses(self, other: "Kit") -> None:
        """Nothing of the other place is anything here."""
        here, base = self.place, self.place.base
        for name, text in other.tokens.items():
            assert here.graph("/me", text)["error"]["code"] == DEAD, name
            assert not here.graph("/debug_token", self.app_token, input_token=text)["data"]["is_valid"], name
            assert self.inspect(text) == {"active": False}, name
            bearer = {"authorization": f"Bearer {text}"}
            assert here.client.get(f"{base}/oauth/userinfo", headers=bearer).status_code == 401, name
        assert "error" in here.graph(f"/{other.app['id']}", other.app_token)
        assert here.graph("/debug_token", other.app_token, input_token=self.tokens["user"])["error"]
        for client in (self.app, other.app):
            assert "error" in self.redeem(other.code, client)
            mine = client is self.app
            assert self.renew(other.refresh, client)["error"] == ("invalid_grant" if mine else "invalid_client")
        browser = httpx.Client(base_url=base, cookies=other.browser.cookies, timeout=30, trust_env=False)
        answer = browser.get("/console/account")
        assert answer.status_code == 303 and "/login" in answer.headers["location"]

    def works(self) -> None:
        """At home what is good once is good, after all those tries elsewhere."""
        assert self.redeem(self.code, self.app)["access_token"]
        assert self.renew(self.refresh, self.app)["access_token"]
        assert self.browser.get("/console/account").status_code == 200


async def test_nothing_of_one_world_is_good_in_another_or_live(worlds: list[Sandbox], live: Live) -> None:
    """MT-35: tokens of every kind, app secrets, codes, refresh tokens and sessions of a world are refused in another world and live,
    and those of live in a world; at home they go on."""
    kits = [await Kit.of(place) for place in (*worlds, live)]
    for here in kits:
        for other in kits:
            if here is not other:
                await here.refuses(other)
    for kit in kits:
        kit.works()


async def test_a_world_is_steered_and_claimed_in_by_its_own_secrets(worlds: list[Sandbox], live: Live) -> None:
    """MT-35: the control token of one world steers no other and nothing live; a claim link of one opens nothing elsewhere."""
    one, other = worlds
    token = {"authorization": f"Bearer {one.about['control_token']}"}
    answer = other.client.post(f"{other.about['control_url']}/clock", json={"advance": "P1D"}, headers=token)
    assert answer.status_code == 401
    for path in ("/control/clock", "/control/outbox"):
        assert live.client.get(live.base + path, headers=token).status_code in (400, 404)
    body = {"business": one.about["business"]["id"], "accounts": [one.personal("second_employee")]}
    one.control("POST", "/migrations", body)
    mails = one.control("GET", "/outbox")["data"]
    found = re.search(r"/console/claim/\w+", next(sent["body"] for sent in mails if sent["kind"] == "invitation"))
    assert found is not None
    assert [place.client.get(place.base + found[0]).status_code for place in (one, other, live)] == [200, 404, 404]


async def test_only_the_world_that_travels_sees_the_new_time(worlds: list[Sandbox], live: Live) -> None:
    """MT-35: a world goes 31 days ahead, past its cut-off: there the old login's token has lost the page; in the other world and live
    graces, sessions and clocks are where they were."""
    tokens, browsers = [], []
    for place in (*worlds, live):
        tokens.append((await consent(place, "token"))["access_token"])
        browsers.append(await sign_in(place))
        person, business = place.personal("employee"), place.about["business"]["id"]
        made = await _migrate(place, business, person)
        assert made["cut_off"]
    travels, stays = worlds
    clocks = [place.control("GET", "/clock")["now"] for place in worlds]
    travels.control("POST", "/clock", {"advance": "P31D"})
    moved = datetime.fromisoformat(travels.control("GET", "/clock")["now"])
    assert moved - datetime.fromisoformat(clocks[0]) == timedelta(days=31)
    assert stays.control("GET", "/clock")["now"] == clocks[1]

    for place, token, browser in zip((*worlds, live), tokens, browsers, strict=True):
        page, gone = place.asset("page")["id"], place is travels
        assert ("error" in place.graph(f"/{page}", token)) == gone
        assert place.graph("/me", token)["id"], "the token itself lives for sixty days"
        assert browser.get("/console/account").status_code == (303 if gone else 200)
    ready = live.client.get(f"{live.base}/ready").json()
    assert ready["ready"] and not ready["clock_skew_seconds"]


async def _migrate(place: Sandbox, business: str, person: str) -> dict[str, Any]:
    """The person is invited and claims."""
    body = {"business": business, "accounts": [person]}
    migration = (await ask(place, "/migrations", body))["id"]
    return await ask(place, f"/migrations/{migration}/claims", {"account": person})


def test_what_a_world_sends_is_marked(worlds: list[Sandbox]) -> None:
    """MT-35: webhooks of a real world carry X-Workbadge-Sandbox."""
    world = worlds[1]
    with receiver() as hook:
        body = {"object": "permissions", "callback_url": hook.url, "verify_token": VERIFY}
        world.control("POST", f"/apps/{world.about['app']['id']}/webhooks", body)
        chosen = {
            "account": world.personal("admin"),
            "app": world.about["app"]["id"],
            "scopes": ["email"],
            "assets": [],
        }
        token = world.control("POST", "/consents", {**chosen, "result": "token"})["access_token"]
        world.graph("/me/permissions", token, "DELETE")
        headers, _ = hook.wait(1)[0]
    assert headers["x-workbadge-sandbox"] == "true"


@asynccontextmanager
async def _mail_server(postbox: Postbox) -> AsyncIterator[str]:
    """A real mail server."""
    with mail_server(postbox) as smtp:
        yield smtp


@pytest.mark.parametrize("sandbox", [True, False], ids=["world", "live"])
async def test_mails_and_calls_of_a_world_are_marked(sandbox: bool, tmp_path: Path) -> None:
    """MT-35: each mail, handshake, webhook and callback of a world carries X-Workbadge-Sandbox, and none of the live platform."""
    async with open_store(StoreSettings(f"sqlite:///{tmp_path / 'marks.db'}", durable=False)) as store:
        await store.create()
        world = await World(make_services(store)).build()
        site = Site(world.services, SettableClock(T0), sandbox=sandbox, outgoing=Outside(True))
        app, postbox = world.apps["both"], Postbox()
        async with listening() as hook, _mail_server(postbox) as smtp:
            wanted = NewSubscription("permissions", hook.url, None, True)
            await handshake.subscribe(site, app, wanted, hook.verify_token, T0)
            async with store.write() as tx:
                await client_terms.set_app(tx, app, {"deauth_callback_url": hook.url})
                rows = [
                    Outgoing(MAIL, "test", "emil@work.example", "Hello", "text"),
                    Outgoing(WEBHOOK, "test", hook.url, "s", "{}", app_id=app),
                    Outgoing(CALLBACK, "deauthorize", hook.url, "s", '{"user_id": "1"}', app_id=app),
                ]
                await outbox.enqueue(tx, world.services, rows, T0)
            worker = Worker(lambda: site, smtp=smtp, allow_private=True, run_due=False)
            while await worker.step():
                pass
        headers: list[Message | dict[str, str]] = [*postbox.got, *(one.headers for one in hook.got)]
        await site.outgoing.close()
    found = [one.get("X-Workbadge-Sandbox") or one.get("x-workbadge-sandbox") for one in headers]
    assert found == ["true" if sandbox else None] * 4
