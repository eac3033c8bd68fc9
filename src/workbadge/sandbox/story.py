"""The data that a fresh world starts with: an organization with a business, people, assets, a partner, an app."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.commands import portfolio, registration
from workbadge.commands.directory_tokens import make_scim_token
from workbadge.commands.organization import give_role
from workbadge.commands.registration import NewApp
from workbadge.commands.services import Services
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.organizations import OrganizationRole
from workbadge.terms.tasks import TASKS_OF, Task

from .requests import wire_id

DOMAIN = "example.com"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a personal login; ``work_email`` is where the managed account will be."""

    role: str
    id: int
    name: str
    email: str
    password: str
    work_email: str


@dataclass(frozen=True, slots=True)
class AssetMade:
    """An asset of the story."""

    id: int
    kind: NodeKind
    name: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that was made. ``elsewhere``: a second business in which ``employee`` works, not part of any migration."""

    organization_id: int
    business_id: int
    business_name: str
    partner_id: int
    partner_name: str
    elsewhere_id: int
    elsewhere_name: str
    elsewhere_assets: tuple[AssetMade, ...]
    assets: tuple[AssetMade, ...]
    people: tuple[Person, ...]
    app_id: int
    app_secret: str
    redirect_uris: tuple[str, ...]
    scim_token: str


_ASSETS: tuple[tuple[NodeKind, str, dict[str, Any], bool], ...] = (
    (NodeKind.PAGE, "Harbour Coffee", {"category": "Coffee shop"}, True),
    (NodeKind.PAGE, "Harbour Bakery", {"category": "Bakery"}, False),
    (
        NodeKind.AD_ACCOUNT,
        "Harbour Ads Europe",
        {"currency": "EUR", "timezone_name": "Europe/Berlin"},
        False,
    ),
    (
        NodeKind.AD_ACCOUNT,
        "Harbour Ads America",
        {"currency": "USD", "timezone_name": "America/New_York"},
        False,
    ),
    (NodeKind.PRODUCT_CATALOG, "Harbour Beans", {}, False),
    (NodeKind.PIXEL, "harbour.example", {}, False),
)

_PEOPLE = (
    ("admin", "Ada Admin", "ada.admin@mail.example", "ada.admin"),
    ("employee", "Emil Employee", "emil.employee@mail.example", "emil.employee"),
    ("second_employee", "Selma Second", "selma.second@mail.example", "selma.second"),
    ("partner_employee", "Paul Partner", "paul.partner@mail.example", "paul.partner"),
)


async def build_story(services: Services, redirect_uris: tuple[str, ...], now: datetime) -> Story:
    """Make the story's data in one transaction (passwords are hashed before it)."""
    passwords = [services.entropy.text(14) for _ in _PEOPLE]
    hashes = [await services.passwords.hash(password) for password in passwords]
    async with services.store.write() as tx:
        organization_id = await portfolio.add_organization(tx, services, "Harbour Group", DOMAIN, now)
        business_id = await portfolio.add_business(tx, services, "Harbour Coffee Company", organization_id, now)
        partner_id = await portfolio.add_business(tx, services, "Lighthouse Agency", None, now)
        elsewhere_id = await portfolio.add_business(tx, services, "Corner Books", None, now)
        assets = await make_assets(tx, services, business_id, _ASSETS, now)
        other = await make_assets(
            tx,
            services,
            elsewhere_id,
            ((NodeKind.PAGE, "Corner Books", {"category": "Book shop"}, False),),
            now,
        )
        people: list[Person] = []
        for (role, name, email, local), password, hashed in zip(_PEOPLE, passwords, hashes, strict=True):
            account_id = await portfolio.add_person(tx, services, AccountKind.PERSONAL, name, email, hashed, now)
            people.append(Person(role, account_id, name, email, password, f"{local}@{DOMAIN}"))
        await _seat(
            tx,
            services,
            people,
            (business_id, partner_id, elsewhere_id),
            assets,
            other,
            now,
        )
        owner = next(person.id for person in people if person.role == "admin")
        await give_role(tx, services, organization_id, owner, OrganizationRole.OWNER, None, now)
        app = await registration.add_app(
            tx,
            services,
            NewApp(
                "Sandbox app",
                redirect_uris,
                user_support_url="https://app.example/help",
                user_support_email="support@app.example",
            ),
            now,
        )
        _, scim_token = await make_scim_token(tx, services, organization_id, "Sandbox directory", None, now)
    return Story(
        organization_id,
        business_id,
        "Harbour Coffee Company",
        partner_id,
        "Lighthouse Agency",
        elsewhere_id,
        "Corner Books",
        tuple(other),
        tuple(assets),
        tuple(people),
        app.id,
        app.secret,
        redirect_uris,
        scim_token,
    )


async def make_assets(
    tx: Tx,
    services: Services,
    business_id: int,
    wanted: tuple[tuple[NodeKind, str, dict[str, Any], bool], ...],
    now: datetime,
) -> list[AssetMade]:
    """Make assets of a business: (kind, name, details, shared or not)."""
    made = []
    for kind, name, details, shared in wanted:
        asset_id = await portfolio.add_asset(tx, services, kind, name, business_id, now, details)
        made.append(AssetMade(asset_id, kind, name, shared))
    return made


def every_task(assets: list[AssetMade]) -> dict[int, Task]:
    """Every task on every asset."""
    return {asset.id: TASKS_OF[asset.kind] for asset in assets}


async def _seat(
    tx: Tx,
    services: Services,
    people: list[Person],
    businesses: tuple[int, int, int],
    assets: list[AssetMade],
    other: list[AssetMade],
    now: datetime,
) -> None:
    """Put the people into their businesses and lend what is shared."""
    business_id, partner_id, elsewhere_id = businesses
    lent = [asset for asset in assets if asset.shared]
    by_role = {person.role: person.id for person in people}
    for role in ("admin", "employee", "second_employee"):
        place = Role.ADMIN if role == "admin" else Role.EMPLOYEE
        await portfolio.add_member(
            tx,
            services,
            by_role[role],
            business_id,
            place,
            every_task(assets),
            None,
            now,
        )
    for asset in lent:
        await portfolio.share_asset(tx, services, asset.id, partner_id, None, None, now)
    await portfolio.add_member(
        tx,
        services,
        by_role["partner_employee"],
        partner_id,
        Role.ADMIN,
        every_task(lent),
        None,
        now,
    )
    for role in ("employee", "second_employee"):
        await portfolio.add_member(
            tx,
            services,
            by_role[role],
            elsewhere_id,
            Role.ADMIN,
            every_task(other),
            None,
            now,
        )


def describe(story: Story, base_url: str, control_url: str, control_token: str, now: str) -> dict[str, Any]:
    """The line that ``workbadge sandbox --json`` prints."""

    def asset(one: AssetMade) -> dict[str, Any]:
        return {
            "id": wire_id(one.kind.value, one.id),
            "type": one.kind.value,
            "name": one.name,
            "shared_with_partner": one.shared,
        }

    return {
        "base_url": base_url,
        "oidc_issuer": base_url,
        "console_url": f"{base_url}/console",
        "openapi_url": f"{base_url}/openapi.json",
        "control_url": control_url,
        "control_token": control_token,
        "now": now,
        "organization": {"id": str(story.organization_id), "domain": DOMAIN},
        "scim": {"base_url": f"{base_url}/scim/{story.organization_id}/v2", "token": story.scim_token},
        "business": {"id": str(story.business_id), "name": story.business_name},
        "partner_business": {"id": str(story.partner_id), "name": story.partner_name},
        "assets": [asset(one) for one in story.assets],
        "app": {
            "id": str(story.app_id),
            "secret": story.app_secret,
            "redirect_uris": list(story.redirect_uris),
        },
        "accounts": [
            {
                "role": person.role,
                "personal": {
                    "id": str(person.id),
                    "email": person.email,
                    "password": person.password,
                },
                "work_email": person.work_email,
            }
            for person in story.people
        ],
        "elsewhere": {
            "business": {"id": str(story.elsewhere_id), "name": story.elsewhere_name},
            "assets": [asset(one) for one in story.elsewhere_assets],
        },
    }
