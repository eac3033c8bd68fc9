"""The gallery's application: one page per address, mounted at a base path as a sandbox world is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from workbadge.web.pages import Pages, static_files
from workbadge.web.shell import Flash, Link, NavGroup, NavItem, Place, Shell, Viewer

from .data import BANNER, CONSENT, DONE_BANNER, EVENTS, PEOPLE, URGENT_BANNER

NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
BASE = "/w/gallery"
pages = Pages({"gallery": Path(__file__).parent / "templates"})

_NAV = (
    NavGroup(
        "",
        (
            NavItem("home", "Overview", "/console", "layout-dashboard"),
            NavItem("people", "People", "/console/people", "users", "12"),
            NavItem("assets", "Assets", "/console/assets", "folder"),
            NavItem("apps", "Apps", "/console/apps", "apps", "2"),
            NavItem("system", "System users", "/console/system-users", "robot"),
            NavItem("partners", "Partners", "/console/partners", "heart-handshake"),
        ),
    ),
    NavGroup(
        "Migration",
        (
            NavItem("readiness", "Readiness", "/console/readiness", "checklist"),
            NavItem("migration", "Progress", "/console/migration", "transform"),
        ),
    ),
    NavGroup(
        "Organization",
        (
            NavItem("domains", "Domains", "/console/domains", "world"),
            NavItem("sso", "Single sign-on", "/console/sso", "key"),
            NavItem("audit", "Audit log", "/console/audit", "history"),
        ),
    ),
)


def shell(active: str, banners: tuple[Any, ...] = (), flashes: tuple[Flash, ...] = ()) -> Shell:
    """The frame that the sample pages share."""
    return Shell(
        viewer=Viewer("Ada Marlow", "ada.marlow@harbour.example", managed=True, role="Admin"),
        nav=_NAV,
        active=active,
        places=(
            Place("Harbour Coffee Group", "/console?b=1", True, "Admin"),
            Place("Lighthouse Roasters International", "/console?b=2", detail="Employee"),
        ),
        account_links=(
            Link("Security", "/account/security", "shield-lock"),
            Link("Connected apps", "/account/apps", "plug-connected"),
        ),
        banners=banners,
        flashes=flashes,
        sandbox=True,
    )


PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "/sign-in": ("gallery/sign_in.html", {"errors": {}}),
    "/sign-in-failed": (
        "gallery/sign_in.html",
        {"errors": {"password": "That e-mail and password do not belong together."}},
    ),
    "/consent": ("gallery/consent.html", {"businesses": CONSENT, "before": 4}),
    "/home": (
        "gallery/home.html",
        {"shell": shell("home", (BANNER,)), "people": PEOPLE, "events": EVENTS},
    ),
    "/home-urgent": (
        "gallery/home.html",
        {
            "shell": shell("home", (URGENT_BANNER, DONE_BANNER)),
            "people": PEOPLE,
            "events": EVENTS,
        },
    ),
    "/migration": (
        "gallery/migration.html",
        {
            "shell": shell(
                "migration",
                (),
                (Flash("The grace of Noor Haddad now ends on 3 Jan 2027."),),
            ),
            "people": PEOPLE,
            "crumbs": [
                {"label": "Migrations", "href": "/console/migrations"},
                {"label": "Autumn move"},
            ],
        },
    ),
    "/components": (
        "gallery/components.html",
        {"shell": shell("apps"), "people": PEOPLE, "events": EVENTS},
    ),
    "/error": (
        "web/layout/error.html",
        {
            "title": "This link was used already",
            "text": "A claim link works once. Ask the person who runs the migration for a new one.",
            "action_href": "/login",
            "action_label": "Sign in",
            "detail": "claim_used · request 7f31",
        },
    ),
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """GET of a page below ``BASE``; ``/rows`` is the fragment that the search of the migration page swaps in."""
    if scope["type"] != "http":
        return
    path = scope["path"].removeprefix(BASE)
    scope = {**scope, "root_path": BASE, "workbadge.now": NOW}
    if path.startswith("/static/"):
        await static_files(scope, receive, send)
        return
    request = Request(scope)
    answer: Response
    if path == "/console/people":
        words = request.query_params.get("q", "").lower()
        found = [one for one in PEOPLE if words in one["name"].lower()]
        answer = pages.render_fragment(request, "gallery/migration.html", "rows", people=found, csrf="t0k3n")
    elif path in PAGES:
        template, context = PAGES[path]
        answer = pages.render(request, template, csrf="t0k3n", **context)
    else:
        answer = PlainTextResponse("Not found", 404)
    await answer(scope, receive, send)
