"""The demo: the whole story's data, a page that leads through it, a clock to move, three third-party apps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from workbadge.commands import migration, organization, portfolio, registration
from workbadge.commands.app_roles import give_role
from workbadge.commands.errors import CommandError
from workbadge.commands.grant import Consent, record_consent
from workbadge.commands.migration import NewPerson
from workbadge.commands.portfolio import NewSystemUser
from workbadge.commands.registration import NewApp
from workbadge.commands.services import Services
from workbadge.commands.token import issue_user_token
from workbadge.store.engine import Tx
from workbadge.terms.apps import AppRole
from workbadge.terms.instants import DAY, parse_duration, to_wire
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.organizations import OrganizationRole
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import current

from .demo_apps import Connection, DemoApp, DemoApps
from .requests import wire_id
from .story import DOMAIN, AssetMade, every_task, make_assets
from .world import World

PASSWORD = "harbour-demo-2026"

_PAGES = "pages_show_list,pages_read_engagement,pages_manage_posts,business_management"
_ADS = "ads_read,business_management"

_ASSETS: tuple[tuple[NodeKind, str, dict[str, Any], bool], ...] = (
    (NodeKind.PAGE, "Harbour Coffee", {"category": "Coffee shop"}, True),
    (NodeKind.PAGE, "Harbour Bakery", {"category": "Bakery"}, False),
    (NodeKind.PAGE, "Harbour Events", {"category": "Event"}, False),
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
    ("ada", "Ada Admin", "admin of the business"),
    ("bruno", "Bruno Admin", "second admin"),
    ("emil", "Emil Employee", "employee, uses two apps"),
    ("selma", "Selma Second", "employee, uses one app"),
    ("noor", "Noor Third", "employee"),
    ("paul", "Paul Partner", "works at the partner agency"),
    ("mia", "Mia Maker", "makes the three apps"),
)

_APPS = (
    (
        "postbox",
        "Postbox",
        "Writes posts for your pages. Holds user and page tokens.",
        _PAGES,
    ),
    (
        "adlens",
        "Adlens",
        "Reports on your ads. Holds a user token and a system-user token.",
        _ADS,
    ),
    (
        "stockfeed",
        "Stockfeed",
        "Keeps your catalog fresh. Holds only a system-user token.",
        "",
    ),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What was made. ``people``: (who, e-mail, password) to show."""

    business_id: int
    migration_id: int
    people: list[tuple[str, str, str]]
    apps: list[DemoApp]


async def build_demo(world: World, apps_url: str) -> Demo:
    """Make the story, connect the apps, start the migration. The data are made as of four days ago."""
    services, now = world.services, world.clock.now()
    start = now - 4 * DAY
    hashed = await services.passwords.hash(PASSWORD)
    async with services.store.write() as tx:
        organization_id = await portfolio.add_organization(tx, services, "Harbour Group", DOMAIN, start)
        business_id = await portfolio.add_business(tx, services, "Harbour Coffee Company", organization_id, start)
        partner_id = await portfolio.add_business(tx, services, "Lighthouse Agency", None, start)
        books_id = await portfolio.add_business(tx, services, "Corner Books", None, start)
        assets = await make_assets(tx, services, business_id, _ASSETS, start)
        books = await make_assets(
            tx,
            services,
            books_id,
            ((NodeKind.PAGE, "Corner Books", {"category": "Book shop"}, False),),
            start,
        )
        people = await _people(tx, services, hashed, start)
        for name in ("ada", "bruno", "emil", "selma", "noor"):
            role = Role.ADMIN if name in ("ada", "bruno") else Role.EMPLOYEE
            mine = assets if name != "noor" else assets[:2]
            await portfolio.add_member(
                tx,
                services,
                people[name],
                business_id,
                role,
                every_task(mine),
                None,
                start,
            )
        for name in ("ada", "bruno"):
            await organization.give_role(
                tx, services, organization_id, people[name], OrganizationRole.OWNER, None, start
            )
        for asset in assets:
            if asset.shared:
                await portfolio.share_asset(tx, services, asset.id, partner_id, None, None, start)
        lent = [asset for asset in assets if asset.shared]
        await portfolio.add_member(
            tx,
            services,
            people["paul"],
            partner_id,
            Role.ADMIN,
            every_task(lent),
            None,
            start,
        )
        await portfolio.add_member(
            tx,
            services,
            people["emil"],
            books_id,
            Role.ADMIN,
            every_task(books),
            None,
            start,
        )
        apps = [await _app(tx, services, *row, apps_url, start) for row in _APPS]
        for app in apps:
            await give_role(tx, services, int(app.id), people["mia"], AppRole.ADMINISTRATOR, None, start)
        await _connect(
            tx,
            services,
            apps,
            people,
            business_id,
            partner_id,
            books_id,
            assets,
            books,
            start,
        )
    invited = [NewPerson(people[name], f"{name}@{DOMAIN}") for name in ("emil", "selma", "noor", "bruno")]
    started = await migration.start_migration(services, business_id, invited, people["ada"], now, now + 21 * DAY)
    await world.settle()
    shown = [(f"{name} ({about})", f"{key}@mail.example", PASSWORD) for key, name, about in _PEOPLE]
    return Demo(business_id, started.migration_id, shown, apps)


async def _people(tx: Tx, services: Services, hashed: str, now: datetime) -> dict[str, int]:
    return {
        key: await portfolio.add_person(tx, services, AccountKind.PERSONAL, name, f"{key}@mail.example", hashed, now)
        for key, name, _ in _PEOPLE
    }


async def _app(
    tx: Tx,
    services: Services,
    slug: str,
    name: str,
    about: str,
    scopes: str,
    apps_url: str,
    now: datetime,
) -> DemoApp:
    new = NewApp(
        name,
        (f"{apps_url}/{slug}/callback",),
        login_uri=f"{apps_url}/{slug}/connect",
        user_support_url=f"https://{slug}.example/help",
        user_support_email=f"support@{slug}.example",
    )
    made = await registration.add_app(tx, services, new, now)
    return DemoApp(slug, name, about, str(made.id), made.secret, scopes)


async def _connect(
    tx: Tx,
    services: Services,
    apps: list[DemoApp],
    people: dict[str, int],
    business_id: int,
    partner_id: int,
    books_id: int,
    assets: list[AssetMade],
    books: list[AssetMade],
    now: datetime,
) -> None:
    """What the people and the admin had connected before the migration."""
    postbox, adlens, stockfeed = apps
    pages = [asset for asset in assets if asset.kind is NodeKind.PAGE]
    ads = [asset for asset in assets if asset.kind in (NodeKind.AD_ACCOUNT, NodeKind.PIXEL)]
    catalogs = [asset for asset in assets if asset.kind is NodeKind.PRODUCT_CATALOG]
    here = dict.fromkeys([asset.id for asset in pages], business_id)
    await _consent(
        tx,
        services,
        postbox,
        people["emil"],
        "Emil",
        here | {books[0].id: books_id},
        [*pages, *books],
        now,
    )
    await _consent(tx, services, postbox, people["selma"], "Selma", here, [], now)
    await _consent(
        tx,
        services,
        adlens,
        people["emil"],
        "Emil",
        dict.fromkeys([asset.id for asset in ads], business_id),
        ads,
        now,
    )
    await _consent(
        tx,
        services,
        postbox,
        people["paul"],
        "Paul",
        {pages[0].id: partner_id},
        [],
        now,
    )
    for app, mine, scopes in (
        (adlens, ads[:1], ("ads_read",)),
        (stockfeed, catalogs, ("catalog_management",)),
    ):
        new = NewSystemUser(
            business_id,
            int(app.id),
            f"{app.name} system user",
            scopes,
            tuple(asset.id for asset in mine),
        )
        made = await portfolio.add_system_user(tx, services, new, people["ada"], now)
        for asset in mine:
            key = f"system:{asset.id}"
            app.vault[key] = Connection(
                wire_id(asset.kind, asset.id),
                asset.name,
                made.token.text,
                "system user",
            )


async def _consent(
    tx: Tx,
    services: Services,
    app: DemoApp,
    account_id: int,
    whose: str,
    targets: dict[int, int],
    keep: list[AssetMade],
    now: datetime,
) -> None:
    """One person's login to one app before the migration; ``keep``: assets whose token goes into the app's vault."""
    consent = Consent(account_id, int(app.id), tuple(app.scopes.split(",")), (), dict(targets))
    granted = await record_consent(tx, services, consent, now)
    issued = await issue_user_token(tx, services, granted, now, lifetime=services.policy.long_token)
    for asset in keep:
        app.vault[str(asset.id)] = Connection(
            wire_id(asset.kind, asset.id),
            asset.name,
            issued.text,
            f"{whose}, personal account",
        )


class DemoServer:
    """``/demo`` leads through the story; everything else is the world. ``apps`` is a server of its own."""

    def __init__(self, world: World, demo: Demo, apps_url: str) -> None:
        self._world = world
        self._demo = demo
        self._apps_url = apps_url
        self.apps: ASGIApp = DemoApps(demo.apps, world.services.base_url, apps_url).application()
        self._pages = Starlette(
            routes=[
                Route("/demo", self._home, methods=["GET"]),
                Route("/demo/clock", self._move, methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and (scope["path"] == "/demo" or scope["path"].startswith("/demo/")):
            scope["workbadge.site"] = self._world.site
            scope["workbadge.now"] = self._world.clock.now()
            await self._pages(scope, receive, send)
        else:
            await self._world(scope, receive, send)

    async def _home(self, request: Request) -> Response:
        now = self._world.clock.now()
        async with self._world.services.store.read() as tx:
            view = await migration.load_migration(tx, self._demo.migration_id, now)
        return render(
            request,
            "sandbox/demo.html",
            demo=self._demo,
            view=view,
            apps_url=self._apps_url,
            csrf=csrf_token(request, await current(request)),
            next_cut_off=min(
                (one.cut_off for one in view.people if one.cut_off and one.cut_off > now),
                default=None,
            ),
            moved=request.query_params.get("moved"),
        )

    async def _move(self, request: Request) -> Response:
        form = await request.form()
        now = self._world.clock.now()
        try:
            await check_form(request, await current(request))
        except CommandError:
            return RedirectResponse("/demo", 303)
        wanted = str(form.get("advance", ""))
        try:
            if wanted == "cut-off":
                async with self._world.services.store.read() as tx:
                    view = await migration.load_migration(tx, self._demo.migration_id, now)
                ends = [one.cut_off for one in view.people if one.cut_off is not None and one.cut_off > now]
                to = min(ends, default=now)
            else:
                to = now + parse_duration(wanted)
            await self._world.advance(max(to, self._world.clock.now()))
        except (ValueError, CommandError):
            return RedirectResponse("/demo", 303)
        return RedirectResponse(f"/demo?moved={to_wire(to)}", 303)
