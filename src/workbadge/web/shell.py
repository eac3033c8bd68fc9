"""What surrounds a console page: navigation, who is signed in, which business, banners. Plain values, no requests.

A room builds one ``Shell`` per request and passes it to ``render(..., shell=shell)`` for templates that extend
``web/layout/app.html``. Every ``href`` is a path of this site without the base path; the layout adds that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Tone = Literal["neutral", "accent", "ok", "warn", "bad", "info"]


@dataclass(frozen=True, slots=True)
class NavItem:
    """One line of the sidebar. ``key`` is compared with ``Shell.active``; ``note`` is a short count or word."""

    key: str
    label: str
    href: str
    icon: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Lines of the sidebar under a heading; an empty ``label`` shows none."""

    label: str
    items: Sequence[NavItem]


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the account menu, or a breadcrumb. An empty ``href`` makes plain text."""

    label: str
    href: str = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A business (or organization) in the switcher. ``detail`` is a second, small line."""

    name: str
    href: str
    current: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in. ``managed`` marks a managed account; ``role`` is shown beside the business."""

    name: str
    email: str
    managed: bool = False
    role: str = ""


@dataclass(frozen=True, slots=True)
class Flash:
    """A message about what was just done, shown once above the page."""

    text: str
    tone: Tone = "ok"


class MissingShape(Protocol):
    """An asset that an app would lose."""

    @property
    def name(self) -> str: ...


class BannerAppShape(Protocol):
    """One app in the banner; ``commands.coverage.AppCoverage`` fits."""

    @property
    def name(self) -> str: ...
    @property
    def assets_total(self) -> int: ...
    @property
    def assets_covered(self) -> int: ...
    @property
    def missing(self) -> Sequence[MissingShape]: ...
    @property
    def last_used_at(self) -> datetime | None: ...
    @property
    def help_url(self) -> str | None: ...
    @property
    def support_email(self) -> str | None: ...
    @property
    def reconnect_url(self) -> str: ...
    @property
    def covered(self) -> bool: ...


class BannerShape(Protocol):
    """A running grace (B1); ``commands.banner.Banner`` fits."""

    @property
    def business_name(self) -> str: ...
    @property
    def cut_off(self) -> datetime: ...
    @property
    def apps(self) -> Sequence[BannerAppShape]: ...


@dataclass(frozen=True, slots=True)
class Shell:
    """The frame of a console page. ``banners`` cannot be dismissed and stand above everything else (B1)."""

    viewer: Viewer
    nav: Sequence[NavGroup]
    active: str = ""
    places: Sequence[Place] = ()
    place_word: str = "Business"
    account_links: Sequence[Link] = ()
    sign_out: str = "/logout"
    banners: Sequence[BannerShape] = ()
    flashes: Sequence[Flash] = ()
    sandbox: bool = False
    home: str = "/console"

    @property
    def place(self) -> Place | None:
        """The current business, if any is."""
        return next((one for one in self.places if one.current), None)
