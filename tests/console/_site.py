"""The demo's story behind an HTTP client that keeps cookies like a browser."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert, select
from starlette.types import Receive, Scope, Send

from workbadge.commands import claim, domains, migration, organization, outbox
from workbadge.commands.access_request import ask_for_asset
from workbadge.commands.app_roles import give_role
from workbadge.commands.install import NewInstall, install_app
from workbadge.commands.portfolio import add_person
from workbadge.config import Config
from workbadge.keys import SeededEntropy
from workbadge.main import make_application
from workbadge.sandbox.demo import PASSWORD, Demo, build_demo
from workbadge.sandbox.world import World
from workbadge.store import overview, records, requests, rights
from workbadge.store.engine import Store, StoreSettings
from workbadge.store.opening import make_store
from workbadge.store.schema import account, membership, metadata, migration_person
from workbadge.store.schema import migration as migration_table
from workbadge.terms.apps import AppRole
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.organizations import OrganizationRole
from workbadge.terms.tasks import Task
from workbadge.web.clock import SettableClock

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BASE = "http://console.test"
WORK = "claimed-work-login-1"
UNWATCHED = frozenset({"session", "session_account", "throttle"})
"""Tables that looking and signing in may change."""


def make_client(world: World, root: str = "") -> httpx.AsyncClient:
    """A browser of its own."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if root:
            scope = {**scope, "root_path": root, "path": root + scope["path"].removeprefix(root)}
        await world(scope, receive, send)

    transport = httpx.ASGITransport(application)
    return httpx.AsyncClient(transport=transport, base_url=BASE + root, follow_redirects=False)


def csrf_of(html: str) -> str:
    """The token in the first form of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', html)
    assert found, html[:400]
    return found[1]


@dataclass
class Site:
    """The demo with Emil's claim made, and browsers by name."""

    world: World
    demo: Demo
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    @property
    def business(self) -> str:
        """Path of the business."""
        return f"/console/{self.demo.business_id}"

    async def browser(self, *logins: tuple[str, str]) -> httpx.AsyncClient:
        """A browser in which these people (e-mail, password) have signed in."""
        client = make_client(self.world)
        for email, password in logins:
            page = await client.get("/login")
            data = {"email": email, "password": password, "csrf": csrf_of(page.text)}
            answer = await client.post("/login", data=data)
            assert answer.status_code == 303, answer.text[:500]
        return client

    async def dump(self) -> dict[str, list[Any]]:
        """Everything that is stored, but sessions and throttles."""
        found: dict[str, list[Any]] = {}
        async with self.world.services.store.read() as tx:
            for table in metadata.sorted_tables:
                if table.name not in UNWATCHED:
                    found[table.name] = sorted(map(repr, await tx.rows(select(table))))
        return found

    async def links(self) -> dict[str, str]:
        """Claim links by the address they were sent to."""
        async with self.world.services.store.read() as tx:
            sent = await outbox.list_outbox(tx, self.world.services)
        found = [(one.address, re.search(r"/console/claim/(\w+)", one.body)) for one in sent]
        return {address: match[1] for address, match in found if match}

    async def names(self) -> None:
        """Ids that paths are filled with: of places that none of the actors holds."""
        business = self.demo.business_id
        async with self.world.services.store.read() as tx:
            assets = await overview.list_business_assets(tx, business, self.world.clock.now())
            access = await overview.list_access(tx, business, self.world.clock.now())
            members = await rights.list_members(tx, business)
            view = await migration.load_migration(tx, self.demo.migration_id, self.world.clock.now())
        by_name = {one.name: one for one in view.people}
        bruno = by_name["Bruno Admin"].personal_id
        self.ids |= {
            "business": business,
            "membership": next(one.id for one in members if one.account_id == bruno),
            "asset": next(row.id for row in assets if row.name == "Harbour Bakery"),
            "grant": next(row.grant_id for row in access if row.name == "Selma Second"),
            "migration": view.id,
            "person": bruno,
            "account": bruno,
            "app": int(self.demo.apps[0].id),
            "other_app": int(self.demo.apps[1].id),
            **{f"person:{name}": one.personal_id for name, one in by_name.items()},
        }

    async def install(self) -> None:
        """An app that somebody who is none of the actors installed as a shop's extension; it was not swapped."""
        async with self.world.services.store.write() as tx:
            access = await overview.list_access(tx, self.demo.business_id, self.world.clock.now())
            app = next(row.app_id for row in access if row.app == "Postbox")
            scopes = ("manage_business_extension", "pages_show_list")
            new = NewInstall(
                app, self.demo.business_id, self.ids["person"], scopes, (self.ids["asset"],), None, "shop-1", "{}"
            )
            self.ids["install"] = (await install_app(tx, self.world.services, new, self.world.clock.now())).id

    async def ask(self, asset: str = "Harbour Bakery", tasks: Task = Task.ANALYZE | Task.ADVERTISE) -> int:
        """The partner agency asks for an asset; the request's id."""
        services, now = self.world.services, self.world.clock.now()
        async with services.store.write() as tx:
            found = await overview.list_business_assets(tx, self.demo.business_id, now)
            wanted = next(row for row in found if row.name == asset)
            paul = await records.find_account_by_address(tx, AccountKind.PERSONAL, login("paul")[0])
            assert paul is not None
            agency = (await rights.list_memberships(tx, paul.id))[0].business_id
            kind = NodeKind(wanted.kind)
            await ask_for_asset(tx, services, agency, wanted.id, kind, tasks, paul.id, now)
            asking = await requests.find_request(tx, agency, wanted.id)
            assert asking is not None
            self.ids |= {"agency": agency, "request": asking.id}
        return int(asking.id)


class PostgresWorld(World):
    """A world on a database with the whole schema, for what needs no checkpoint."""

    def __init__(self, url: str, *given: Any) -> None:
        self._url = url
        super().__init__(*given)

    def _open_store(self) -> Store:
        return make_store(StoreSettings(self._url, durable=False))

    async def create(self) -> None:
        """The schema is there."""


async def _add_makers(site: Site) -> None:
    """Dora develops the first app, Tina tests it; Mia of the demo administers all."""
    services = site.world.services
    hashed = await services.passwords.hash(PASSWORD)
    async with services.store.write() as tx:
        for name, role in (("dora", AppRole.DEVELOPER), ("tina", AppRole.TESTER)):
            address = f"{name}@mail.example"
            person = await add_person(tx, services, AccountKind.PERSONAL, name.title(), address, hashed, START)
            await give_role(tx, services, int(site.demo.apps[0].id), person, role, None, START)


RUNNING = {
    "itta": OrganizationRole.IT_MANAGER,
    "milo": OrganizationRole.MIGRATION_MANAGER,
    "olga": OrganizationRole.SUPPORT,
    "axel": OrganizationRole.AUDITOR,
}
"""Work accounts with a role in the organization; Ada and Bruno own it."""


async def _add_running(site: Site) -> None:
    """The organization's other roles."""
    services = site.world.services
    hashed = await services.passwords.hash(WORK)
    async with services.store.write() as tx:
        business = await records.find_business(tx, site.demo.business_id)
        assert business is not None
        site.ids["organization"] = key = business.organization_id
        for name, role in RUNNING.items():
            person = await add_person(
                tx, services, AccountKind.MANAGED, name.title(), f"{name}@example.com", hashed, START, key
            )
            await organization.give_role(tx, services, key, person, role, None, START)
            site.ids[f"at work:{name}"] = person
        site.ids["claim"] = await domains.claim_domain(tx, services, key, "harbour-goods.com", None, START)


async def build_site(folder: Path, base: str = BASE, postgres: str = "") -> Site:
    """The demo as of ``START``; Emil has claimed with the password ``WORK``. ``postgres``: address of its database."""
    given = (folder, base, SettableClock(START), make_application, SeededEntropy("console"), Config().policy())
    world = PostgresWorld(postgres, *given) if postgres else World(*given)
    await world.create()
    site = Site(world, await build_demo(world, "https://apps.example"))
    await _add_makers(site)
    await _add_running(site)
    link = (await site.links())["emil@example.com"]
    async with world.services.store.read() as tx:
        view = await claim.open_claim(tx, world.services, link, START)
    proof = claim.ClaimProof(view.personal_id, password=WORK)
    await claim.confirm_claim(world.services, link, proof, START)
    await world.settle()
    await site.names()
    await site.install()
    await site.ask()
    await world.settle()
    return site


async def add_crowd(site: Site, people: int, migrating: bool = False) -> None:
    """So many more employees, ``Crowd 00000`` on, put in at once; ``migrating``: invited in the demo's migration too."""
    start, ids = START - DAY, site.world.services.entropy.new_id
    accounts = [
        {
            **{"id": ids(NodeKind.ACCOUNT), "kind": "personal", "name": f"Crowd {n:05}", "locale": "en_US"},
            **{"email": f"crowd{n:05}@home.example", "email_key": f"crowd{n:05}@home.example", "created_at": start},
        }
        for n in range(people)
    ]
    places = [
        {
            **{"id": ids(NodeKind.MEMBERSHIP), "account_id": one["id"], "business_id": site.demo.business_id},
            **{"role": "EMPLOYEE", "starts": start},
        }
        for one in accounts
    ]
    async with site.world.services.store.write() as tx:
        await tx.run(insert(account), accounts)
        await tx.run(insert(membership), places)
        if not migrating:
            return
        whole = await tx.one(select(migration_table).where(migration_table.c.id == site.demo.migration_id))
        assert whole is not None
        invited = [
            {
                **{"id": ids(NodeKind.RECORD), "migration_id": whole.id, "business_id": whole.business_id},
                **{"organization_id": whole.organization_id, "personal_id": place["account_id"]},
                **{"personal_membership_id": place["id"], "work_email": f"crowd{n:05}@example.com"},
                **{"invited_at": START, "link_hash": n.to_bytes(32, "big"), "link_expires_at": START + 60 * DAY},
            }
            for n, place in enumerate(places)
        ]
        await tx.run(insert(migration_person), invited)


def login(name: str) -> tuple[str, str]:
    """Somebody's personal login."""
    return f"{name}@mail.example", PASSWORD


EMIL_AT_WORK = ("emil@example.com", WORK)


def at_work(name: str) -> tuple[str, str]:
    """The work login of somebody of ``RUNNING``."""
    return f"{name}@example.com", WORK
