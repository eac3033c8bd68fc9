"""A business with people, assets, apps and a partner, built by commands alone, and what tests ask of it."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from workbadge.access import Allow, Ask, Deny, decide
from workbadge.commands import (
    claim,
    due,
    grant,
    membership,
    migration,
    portfolio,
    registration,
    token,
)
from workbadge.commands.banner import Banner, load_banner
from workbadge.commands.claim import Claimed, ClaimProof
from workbadge.commands.grant import Consent
from workbadge.commands.migration import NewPerson, Started
from workbadge.commands.outbox import Sent, list_outbox
from workbadge.commands.registration import NewApp
from workbadge.commands.services import Policy, Services
from workbadge.keys import Entropy, Passwords, Sealer, hash_secret
from workbadge.lifecycle.migration import snapshot
from workbadge.store import facts, rights
from workbadge.store.engine import Store
from workbadge.terms.ids import kind_of
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, Act, NodeKind, Role
from workbadge.terms.scopes import scopes_for
from workbadge.terms.tasks import TASKS_OF, Task, tasks_for

T0 = datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)
TICK = timedelta(microseconds=1)
PASSWORD = "correct horse battery"
SCOPES = (
    "pages_show_list",
    "pages_manage_posts",
    "ads_management",
    "catalog_management",
    "business_management",
)
BASE = "https://badge.example"


def make_services(store: Store, policy: Policy | None = None) -> Services:
    """Services on a store, with passwords that are quick to hash."""
    entropy = Entropy()
    return Services(
        store,
        entropy,
        Passwords(memory_kib=8, passes=1),
        Sealer({"k": bytes(32)}, entropy),
        BASE,
        policy or Policy(),
    )


@dataclass
class World:
    """Ids by name. ``people``: personal accounts ada, bob (admins), emil, selma (employees), paul (of the partner)."""

    services: Services
    organization: int = 0
    business: int = 0
    partner: int = 0
    elsewhere: int = 0
    people: dict[str, int] = field(default_factory=dict)
    assets: dict[str, int] = field(default_factory=dict)
    apps: dict[str, int] = field(default_factory=dict)

    def through(self, store: Store) -> "World":
        """The same world through another store."""
        return replace(self, services=make_services(store, self.services.policy))

    async def build(self) -> "World":
        """Make everything at T0."""
        services = self.services
        async with services.store.write() as tx:
            self.organization = await portfolio.add_organization(tx, services, "Group", "work.example", T0)
            self.business = await portfolio.add_business(tx, services, "Harbour", self.organization, T0)
            self.partner = await portfolio.add_business(tx, services, "Agency", None, T0)
            self.elsewhere = await portfolio.add_business(tx, services, "Books", None, T0)
            for name, kind, business in (
                ("page", NodeKind.PAGE, self.business),
                ("page2", NodeKind.PAGE, self.business),
                ("ads", NodeKind.AD_ACCOUNT, self.business),
                ("catalog", NodeKind.PRODUCT_CATALOG, self.business),
                ("pixel", NodeKind.PIXEL, self.business),
                ("other", NodeKind.PAGE, self.elsewhere),
            ):
                self.assets[name] = await portfolio.add_asset(tx, services, kind, name, business, T0)
            for name in ("ada", "bob", "emil", "selma", "paul"):
                self.people[name] = await portfolio.add_person(
                    tx,
                    services,
                    AccountKind.PERSONAL,
                    name.title(),
                    f"{name}@home.example",
                    None,
                    T0,
                )
            for name in ("ada", "bob"):
                await portfolio.add_member(
                    tx,
                    services,
                    self.people[name],
                    self.business,
                    Role.ADMIN,
                    {},
                    None,
                    T0,
                )
            for name in ("emil", "selma"):
                await portfolio.add_member(
                    tx,
                    services,
                    self.people[name],
                    self.business,
                    Role.EMPLOYEE,
                    self.tasks(),
                    None,
                    T0,
                )
                await portfolio.add_member(
                    tx,
                    services,
                    self.people[name],
                    self.elsewhere,
                    Role.ADMIN,
                    {},
                    None,
                    T0,
                )
            await portfolio.share_asset(tx, services, self.assets["page"], self.partner, None, None, T0)
            await portfolio.add_member(
                tx,
                services,
                self.people["paul"],
                self.partner,
                Role.ADMIN,
                {},
                None,
                T0,
            )
            for name in ("both", "tokens", "system"):
                made = await registration.add_app(
                    tx,
                    services,
                    NewApp(
                        f"App {name}",
                        (f"https://{name}.example/back",),
                        user_support_url=f"https://{name}.example/help",
                        user_support_email=f"help@{name}.example",
                        webhook_url=f"https://{name}.example/hook",
                    ),
                    T0,
                )
                self.apps[name] = made.id
        return self

    def tasks(self) -> dict[int, Task]:
        """Every task on every asset of the business."""
        return {
            one: TASKS_OF[kind_of(one)]  # type: ignore[index]
            for name, one in self.assets.items()
            if name != "other"
        }

    async def consent(
        self,
        account_id: int,
        app: str,
        names: tuple[str, ...],
        now: datetime = T0,
        scopes: tuple[str, ...] = SCOPES,
        lifetime: timedelta = 300 * DAY,
    ) -> bytes:
        """A consent of an account and a token under it; the token's hash."""
        targets: dict[int, int | None] = {
            self.assets[name]: self.elsewhere if name == "other" else self.business for name in names
        }
        async with self.services.store.write() as tx:
            granted = await grant.record_consent(
                tx,
                self.services,
                Consent(account_id, self.apps[app], scopes, (), targets),
                now,
            )
            issued = await token.issue_user_token(tx, self.services, granted, now, lifetime=lifetime)
        return hash_secret(issued.text)

    async def system_user(self, app: str, names: tuple[str, ...]) -> bytes:
        """A system user of the business with a token for an app; the token's hash."""
        new = portfolio.NewSystemUser(
            self.business,
            self.apps[app],
            "Robot",
            SCOPES,
            tuple(self.assets[name] for name in names),
        )
        async with self.services.store.write() as tx:
            made = await portfolio.add_system_user(tx, self.services, new, None, T0)
        return hash_secret(made.token.text)

    async def ask(self, token_hash: bytes, name: str, now: datetime, act: Act = Act.READ) -> Allow | Deny:
        """The decision about an asset, as the wire would take it."""
        asset = self.assets[name]
        kind = kind_of(asset)
        assert kind is not None
        loaded = await facts.load(self.services.store, token_hash, asset)
        assert loaded is not None
        return decide(
            loaded.facts,
            Ask(act, scopes=scopes_for(kind, act), tasks=tasks_for(kind, act)),
            now,
        )

    async def may(self, token_hash: bytes, name: str, now: datetime) -> bool:
        """Whether a token reads an asset."""
        return isinstance(await self.ask(token_hash, name, now), Allow)

    async def start(self, *names: str, now: datetime = T0, deadline: datetime | None = None) -> Started:
        """Invite people under their own names at work.example, and send the mails."""
        people = [NewPerson(self.people[name], f"{name}@work.example") for name in names]
        started = await migration.start_migration(self.services, self.business, people, None, now, deadline)
        await due.run(self.services, now)
        return started

    async def claim(self, started: Started, name: str, now: datetime) -> Claimed:
        """Claim by both proofs, and send what follows at once."""
        claimed = await claim.claim_for(self.services, started.migration_id, self.people[name], now)
        await due.run(self.services, now)
        return claimed

    async def confirm(self, link: str, name: str, now: datetime) -> Claimed:
        """Claim by a link, choosing a password."""
        proof = ClaimProof(self.people[name], password=PASSWORD)
        return await claim.confirm_claim(self.services, link, proof, now)

    async def link(self, name: str) -> str:
        """The secret in the last invitation mail of a person."""
        for sent in reversed(await self.outbox()):
            if sent.kind == "invitation" and sent.address == f"{name}@work.example":
                found = re.search(r"/console/claim/([0-9A-Za-z]+)\n", sent.body)
                assert found is not None
                return found[1]
        raise AssertionError("no invitation was sent")

    async def outbox(self) -> list[Sent]:
        """All mails and webhooks, newest last."""
        async with self.services.store.read() as tx:
            return await list_outbox(tx, self.services, 10_000)

    async def kinds(self) -> list[tuple[str, str]]:
        """Kind and address of all mails and webhooks, newest last."""
        return [(sent.kind, sent.address) for sent in await self.outbox()]

    async def banner(self, managed_id: int, now: datetime) -> Banner | None:
        """The banner in the business."""
        async with self.services.store.read() as tx:
            return await load_banner(tx, BASE, managed_id, self.business, now)

    async def people_list(self, now: datetime) -> dict[str, int]:
        """Address (or name) to membership id of everybody with a place in the business."""
        async with self.services.store.read() as tx:
            return {
                one.email or one.name: one.membership_id for one in await membership.list_people(tx, self.business, now)
            }

    async def rights_of(self, name: str) -> list[tuple[int, str, datetime | None, datetime | None]]:
        """Every membership of a personal account as comparable values: business, role and assignments, end, hand-over."""
        async with self.services.store.read() as tx:
            return [
                (one.business_id, snapshot(one), one.ends, one.handed_over)
                for one in await rights.list_memberships(tx, self.people[name])
            ]
