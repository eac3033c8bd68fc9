"""Data for the bench: a business in grace, and any number of filler grants. Written through the store's own tables."""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from workbadge.commands import claim, migration, portfolio, registration
from workbadge.commands.grant import Consent, record_consent
from workbadge.commands.registration import NewApp
from workbadge.commands.services import Services
from workbadge.commands.token import issue_code, issue_user_token
from workbadge.config import load_config
from workbadge.keys import hash_secret, make_token
from workbadge.main import make_site
from workbadge.store import schema, sessions
from workbadge.store.upgrade import upgrade
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import TASKS_OF

CALLBACK = "https://app.example/callback"
ROTATING = 3000
CODES = 12_000
CHUNK = 20_000


@dataclass(frozen=True)
class Base:
    business: int
    app: int
    pages: list[int]


async def fill(services: Services, base: Base, count: int, now: Any) -> list[tuple[str, int]]:
    """``count`` people with a grant, a selected page and a token each; texts of the first ones, with their pages."""
    kept: list[tuple[str, int]] = []
    tasks = int(TASKS_OF[NodeKind.PAGE])
    new = services.entropy.new_id
    for start in range(0, count, CHUNK):
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("a", "m", "s", "g", "t", "k")}
        for number in range(start, min(start + CHUNK, count)):
            account, member, grant = new(NodeKind.ACCOUNT), new(NodeKind.MEMBERSHIP), new(NodeKind.RECORD)
            page = base.pages[number % len(base.pages)]
            if number < ROTATING:
                text = make_token(services.entropy)
                kept.append((text, page))
                hashed = hash_secret(text)
            else:
                hashed = services.entropy.bytes(32)
            mail = f"p{number}@mail.example"
            rows["a"].append(
                {
                    "id": account,
                    "kind": "personal",
                    "name": "Filler",
                    "email": mail,
                    "email_key": mail,
                    "locale": "en_US",
                    "created_at": now,
                }
            )
            rows["m"].append(
                {
                    "id": member,
                    "account_id": account,
                    "business_id": base.business,
                    "role": "EMPLOYEE",
                    "starts": now - DAY,
                    "ends": now + 30 * DAY,
                    "end_cause": "grace",
                    "handed_over": now,
                }
            )
            rows["s"].append({"membership_id": member, "asset_id": page, "tasks": tasks})
            rows["g"].append(
                {
                    "id": grant,
                    "account_id": account,
                    "app_id": base.app,
                    "scopes": "pages_show_list",
                    "declined": "",
                    "created_at": now - DAY,
                    "consented_at": now - DAY,
                }
            )
            rows["t"].append(
                {"grant_id": grant, "target_id": page, "business_id": base.business, "selected_at": now - DAY}
            )
            rows["k"].append(
                {
                    "hash": hashed,
                    "kind": "user",
                    "app_id": base.app,
                    "grant_id": grant,
                    "account_id": account,
                    "scopes": "pages_show_list",
                    "authorized_at": now - DAY,
                    "issued_at": now - DAY,
                    "expires_at": now + 60 * DAY,
                }
            )
        tables = (
            schema.account,
            schema.membership,
            schema.assignment,
            schema.app_grant,
            schema.grant_target,
            schema.token,
        )
        async with services.store.write() as tx:
            for table, key in zip(tables, rows, strict=True):
                await tx.run(insert(table), rows[key])
    return kept


async def seed(count: int) -> dict[str, Any]:
    """Make everything; what the load needs to know."""
    site = make_site(load_config(None))
    services, now = site.services, site.clock.now()
    await upgrade(services.store)
    hashed = await services.passwords.hash("a password for the bench")
    async with services.store.write() as tx:
        organization = await portfolio.add_organization(tx, services, "Bench", "bench.example", now)
        business = await portfolio.add_business(tx, services, "Bench", organization, now)
        pages = [await portfolio.add_asset(tx, services, NodeKind.PAGE, f"Page {n}", business, now) for n in range(100)]
        person = await portfolio.add_person(tx, services, AccountKind.PERSONAL, "Bench", "b@mail.example", hashed, now)
        tasks = dict.fromkeys(pages[:50], TASKS_OF[NodeKind.PAGE])
        await portfolio.add_member(tx, services, person, business, Role.EMPLOYEE, tasks, None, now)
        app = await registration.add_app(tx, services, NewApp("Bench", (CALLBACK,)), now)
        consent = Consent(
            person, app.id, ("public_profile", "pages_show_list"), (), dict.fromkeys(pages[:50], business)
        )
        granted = await record_consent(tx, services, consent, now)
        token = await issue_user_token(tx, services, granted, now, lifetime=60 * DAY)
    started = await migration.start_migration(
        services, business, [migration.NewPerson(person, "b@bench.example")], None, now
    )
    await claim.claim_for(services, started.migration_id, person, now)
    kept = await fill(services, Base(business, app.id, [int(page) for page in pages]), count, now)
    codes = []
    cookie = services.entropy.text(43)
    async with services.store.write() as tx:
        other = await portfolio.add_person(tx, services, AccountKind.PERSONAL, "Code", "c@mail.example", hashed, now)
        given = await record_consent(tx, services, Consent(other, app.id, ("public_profile",), (), {}), now)
        later = now + timedelta(hours=1)
        for _ in range(CODES):
            codes.append(await issue_code(tx, services, given, CALLBACK, later))
        await sessions.add_session(tx, hash_secret(cookie), now, now + DAY)
        await sessions.add_signed_in(tx, hash_secret(cookie), other, "password", now)
    await services.store.close()
    return {
        "token": token.text,
        "page": str(pages[0]),
        "pages": [str(page) for page in pages[:50]],
        "app": str(app.id),
        "secret": app.secret,
        "rotating": [(text, str(page)) for text, page in kept],
        "codes": codes,
        "cookie": cookie,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(seed(int(sys.argv[1])))))
