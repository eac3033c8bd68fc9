"""Three server processes on one database: what is taken away is gone on all of them, how soon is measured."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests._nodes import Node, running_nodes
from tests.commands._world import SCOPES, World, make_services
from tests.console._site import csrf_of
from workbadge.commands import claim, grant, partnership, token
from workbadge.commands.grant import Consent
from workbadge.commands.membership import list_people, remove_member, suspend_account
from workbadge.store import records
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store
from workbadge.store.upgrade import upgrade
from workbadge.web.clock import SystemClock

pytestmark = pytest.mark.anyio
NODES = 3
PASSWORD = "a word to pass with"
GIVE_UP_SECONDS = 20.0
_CLOCK = SystemClock()


@dataclass
class Person:
    """Somebody at work: a browser signed in, a token of an app, and what each opens on every node."""

    client: httpx.AsyncClient
    token: str
    node: str
    page: str
    says: str

    async def token_works(self, node: Node) -> bool:
        """Whether the token reads what it is about."""
        answer = await self.client.get(f"{node.url}/v26.0/{self.node}", params={"access_token": self.token})
        assert answer.status_code in (200, 400, 401), answer.text
        return answer.status_code == 200

    async def session_works(self, node: Node) -> bool:
        """Whether the session shows what it is about."""
        answer = await self.client.get(f"{node.url}{self.page}")
        assert answer.status_code in (200, 303, 404), answer.text
        return answer.status_code == 200 and self.says in answer.text


class Stage:
    """The world on the database, the nodes before it."""

    def __init__(self, world: World, nodes: list[Node]) -> None:
        self.world = world
        self.nodes = nodes

    async def login(self, account: int, app: str, names: tuple[str, ...]) -> str:
        """A token of an account."""
        world, now = self.world, _CLOCK.now()
        targets: dict[int, int | None] = {world.assets[name]: world.business for name in names}
        if account == world.people["paul"]:
            targets = dict.fromkeys(targets, world.partner)
        async with world.services.store.write() as tx:
            chosen = Consent(
                account, world.apps[app], ("public_profile", "pages_read_engagement", *SCOPES), (), targets
            )
            granted = await grant.record_consent(tx, world.services, chosen, now)
            return (await token.issue_user_token(tx, world.services, granted, now)).text

    async def person(self, account: int, email: str, names: tuple[str, ...], page: str, says: str) -> Person:
        """A person who has signed in at the first node and logged in to an app."""
        services = self.world.services
        hashed = await services.passwords.hash(PASSWORD)
        async with services.store.write() as tx:
            await records.set_password(tx, account, hashed, _CLOCK.now())
        client = httpx.AsyncClient(timeout=30, trust_env=False)
        form = await client.get(f"{self.nodes[0].url}/login")
        data = {"email": email, "password": PASSWORD, "csrf": csrf_of(form.text)}
        answer = await client.post(f"{self.nodes[0].url}/login", data=data)
        assert answer.status_code == 303, answer.text
        text = await self.login(account, "tokens", names)
        node = str(self.world.assets[names[0]]) if names else "me"
        return Person(client, text, node, page, says)

    async def end_membership(self) -> tuple[Person, Callable[[], Awaitable[Any]]]:
        """Selma is removed from the business."""
        world = self.world
        page = f"/console/{world.business}"
        who = await self.person(world.people["selma"], "selma@home.example", ("page",), page, "Harbour")
        async with world.services.store.read() as tx:
            people = await list_people(tx, world.business, _CLOCK.now())
        place = next(one.membership_id for one in people if one.email == "selma@home.example")
        return who, lambda: remove_member(world.services, world.business, place, None, _CLOCK.now())

    async def take_app_off(self) -> tuple[Person, Callable[[], Awaitable[Any]]]:
        """Bob takes the app off, by way of the first node."""
        who = await self.person(
            self.world.people["bob"], "bob@home.example", (), "/console/account", 'value="disconnect"'
        )

        async def act() -> None:
            url = f"{self.nodes[0].url}/v26.0/me/permissions"
            answer = await who.client.delete(url, params={"access_token": who.token})
            assert answer.json() == {"success": True}

        return who, act

    async def suspend(self) -> tuple[Person, Callable[[], Awaitable[Any]]]:
        """Emil's work account is suspended."""
        world = self.world
        started = await world.start("emil", now=_CLOCK.now())
        made = await claim.claim_for(world.services, started.migration_id, world.people["emil"], _CLOCK.now())
        page = f"/console/{world.business}"
        who = await self.person(made.managed_id, "emil@work.example", ("page",), page, "Harbour")
        return who, lambda: suspend_account(world.services, made.managed_id, None, _CLOCK.now())

    async def withdraw_share(self) -> tuple[Person, Callable[[], Awaitable[Any]]]:
        """The page is no longer lent to Paul's business."""
        world, page = self.world, self.world.assets["page"]
        path = f"/console/{world.partner}/assets/{page}"
        who = await self.person(world.people["paul"], "paul@home.example", ("page",), path, "page")

        async def act() -> None:
            async with world.services.store.write() as tx:
                actor = world.people["ada"]
                await partnership.stop_lending(tx, world.services, page, world.partner, actor, _CLOCK.now(), False)

        return who, act


@asynccontextmanager
async def staged(database: str, folder: Path) -> AsyncIterator[Stage]:
    """The world and its nodes; this process is one more writer on the database."""
    async with open_store(StoreSettings(database, pool=4)) as store:
        await upgrade(store)
        world = await World(make_services(store)).build()
        with running_nodes(database, folder, NODES) as nodes:
            yield Stage(world, nodes)


async def _published(node: Node) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        found: dict[str, Any] = (await client.get(f"{node.url}/ready")).json()
        metrics = (await client.get(f"{node.url}/metrics")).text
    numbers = {one.name: one.samples[0].value for one in text_string_to_metric_families(metrics)}
    assert numbers["workbadge_revocation_bound_seconds"] == found["revocation_bound_seconds"]
    return found


async def _until_lost(works: Callable[[Node], Awaitable[bool]], node: Node, since: float) -> float | None:
    """Seconds after ``since`` at which the last request that was still answered set out; None: not one was."""
    loop = asyncio.get_running_loop()
    last = None
    while (begun := loop.time()) - since < GIVE_UP_SECONDS:
        if not await works(node):
            return last
        last = begun - since
    raise AssertionError(f"{node.url} still answered after {GIVE_UP_SECONDS} s")


async def _measure(stage: Stage, who: Person, act: Callable[[], Awaitable[Any]]) -> dict[str, list[float | None]]:
    """Everything works on every node and is kept there; then it is taken away: how long it still worked on each."""
    ways = {"token": who.token_works, "session": who.session_works}
    for _ in range(3):
        for node in stage.nodes:
            for name, works in ways.items():
                assert await works(node), (name, node.url)
    await act()
    since = asyncio.get_running_loop().time()
    waits = [_until_lost(works, node, since) for works in ways.values() for node in stage.nodes]
    found = await asyncio.gather(*waits)
    await who.client.aclose()
    return {name: list(found[place * NODES : (place + 1) * NODES]) for place, name in enumerate(ways)}


async def test_what_is_taken_away_is_gone_on_every_node(engine_url: str, tmp_path: Path) -> None:
    """MT-26, I7: a membership ended, an app taken off, an account suspended, a share withdrawn: token and session are refused on
    each of three processes at the next request on SQLite, and on PostgreSQL within the bound that each of them publishes."""
    async with staged(engine_url, tmp_path) as stage:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            while any(
                one["revocation_seconds"] is None and one["revocation_bound_seconds"]
                for one in [await _published(node) for node in stage.nodes]
            ):
                await asyncio.sleep(0.05)
        published = [await _published(node) for node in stage.nodes]
        bound = 0.0 if engine_url.startswith("sqlite") else 1.0
        assert [one["revocation_bound_seconds"] for one in published] == [bound] * NODES
        if bound:
            assert all(one["revocation_seconds"] >= 0 for one in published)

        for prepare in (stage.end_membership, stage.take_app_off, stage.suspend, stage.withdraw_share):
            who, act = await prepare()
            for name, lasted in (await _measure(stage, who, act)).items():
                says = (prepare.__name__, name, lasted)
                if not bound:
                    assert lasted == [None] * NODES, says
                assert all(one is None or one <= bound for one in lasted), says
                if prepare == stage.take_app_off:
                    assert lasted[0] is None, "where it was changed, the next request knows"
