"""Invented people, apps and assets for the gallery."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Missing:
    """An asset that an app would lose."""

    name: str


@dataclass(frozen=True)
class App:
    """One app in a banner."""

    name: str
    assets_total: int
    assets_covered: int
    missing: tuple[Missing, ...]
    last_used_at: datetime | None
    help_url: str | None
    support_email: str | None
    reconnect_url: str = "https://app.example/connect"

    @property
    def covered(self) -> bool:
        """Nothing is missing."""
        return not self.missing


@dataclass(frozen=True)
class Grace:
    """A running grace."""

    business_name: str
    cut_off: datetime
    apps: tuple[App, ...]


def _missing(*names: str) -> tuple[Missing, ...]:
    return tuple(Missing(one) for one in names)


_PLANNER = App(
    "Tidewater Planner",
    5,
    2,
    _missing("Harbour Bakery", "Harbour Events", "Harbour Ads Europe"),
    _NOW - timedelta(hours=3),
    "https://planner.example/help",
    "support@planner.example",
)
_REPORTS = App(
    "Brightline Reports",
    7,
    0,
    _missing(
        "Harbour Coffee",
        "Harbour Bakery",
        "Harbour Events",
        "Harbour Ads Europe",
        "Spring catalog",
        "Shop pixel",
        "Outlet",
    ),
    _NOW - timedelta(days=9),
    None,
    "hello@brightline.example",
)
_INBOX = App(
    "Quay Inbox",
    2,
    2,
    (),
    _NOW - timedelta(minutes=12),
    "https://quay.example/help",
    None,
)

BANNER = Grace(
    "Harbour Coffee Group",
    _NOW + timedelta(days=22, hours=4),
    (_PLANNER, _REPORTS, _INBOX),
)
URGENT_BANNER = Grace("Harbour Coffee Group", _NOW + timedelta(days=1, hours=20), (_PLANNER,))
DONE_BANNER = Grace("Lighthouse Roasters International", _NOW + timedelta(days=11), (_INBOX,))

CONSENT: list[dict[str, Any]] = [
    {
        "name": "Harbour Coffee Group",
        "detail": "Admin",
        "groups": [
            {
                "kind": "page",
                "items": [
                    {
                        "id": "101",
                        "name": "Harbour Coffee",
                        "detail": "Coffee shop",
                        "before": True,
                    },
                    {
                        "id": "102",
                        "name": "Harbour Bakery",
                        "detail": "Bakery",
                        "before": True,
                    },
                    {"id": "103", "name": "Harbour Events", "detail": "Event"},
                ],
            },
            {
                "kind": "ad_account",
                "items": [
                    {
                        "id": "201",
                        "name": "Harbour Ads Europe",
                        "detail": "EUR · 4481 0093",
                        "before": True,
                    },
                    {
                        "id": "202",
                        "name": "Harbour Ads Overseas",
                        "detail": "USD · 4481 0094",
                    },
                ],
            },
            {
                "kind": "product_catalog",
                "items": [
                    {
                        "id": "301",
                        "name": "Spring catalog",
                        "detail": "214 products",
                        "before": True,
                    }
                ],
            },
        ],
    },
    {
        "name": "Lighthouse Roasters International",
        "detail": "Employee",
        "groups": [
            {
                "kind": "page",
                "items": [
                    {
                        "id": "111",
                        "name": "Lighthouse Roasters",
                        "detail": "Food and drink",
                    }
                ],
            }
        ],
    },
]


def _person(name: str, state: str, tone: str, covered: int, total: int, cut_off: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "email": name.lower().replace(" ", ".").replace("á", "a") + "@harbour.example",
        "state": state,
        "tone": tone,
        "covered": covered,
        "total": total,
        "cut_off": None if cut_off is None else _NOW + timedelta(days=cut_off),
    }


PEOPLE = [
    _person("Ada Marlow", "In grace", "info", 1, 3, 22),
    _person("Noor Haddad", "In grace", "info", 2, 2, 40),
    _person("Tomás Quell", "Invited", "neutral", 0, 4, None),
    _person("Bartholomew Featherstonehaugh", "In grace", "warn", 0, 5, 2),
    _person("Ines Okafor", "Moved", "ok", 3, 3, -6),
]

EVENTS = [
    {
        "title": "Ada Marlow reconnected Quay Inbox",
        "at": _NOW - timedelta(minutes=12),
        "icon": "plug-connected",
        "tone": "ok",
        "text": "2 of 2 assets",
    },
    {
        "title": "Ada Marlow claimed a managed account",
        "at": _NOW - timedelta(days=7),
        "icon": "id-badge-2",
        "tone": "accent",
    },
    {
        "title": "Brightline Reports was warned",
        "at": _NOW - timedelta(days=7),
        "icon": "webhook",
        "tone": "info",
    },
    {"title": "5 people invited", "at": _NOW - timedelta(days=9), "icon": "send"},
]
