"""Coverage per person, app and business: at risk, reconnected, lost (B1-B3). The headline measure comes from here.

A *connection* is one person's use of one app in one business, as far as live user or page tokens of the old login
carry it. It is *reconnected* when the managed account's grant for the same app reaches every asset again, *lost* when
the old login has ended before that, else *at risk*.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from workbadge.store import coverage
from workbadge.store.engine import Tx

from .registration import redirect_uris


@dataclass(frozen=True, slots=True)
class MissingAsset:
    """An asset that the app no longer reaches after the cut-off, unless it is selected again."""

    id: int
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class AppCoverage:
    """One app of one person. ``covered``: every asset is reached again."""

    app_id: int
    name: str
    assets_total: int
    assets_covered: int
    missing: tuple[MissingAsset, ...]
    last_used_at: datetime | None
    help_url: str | None
    support_email: str | None
    reconnect_url: str

    @property
    def covered(self) -> bool:
        """Nothing is missing any more."""
        return not self.missing

    @property
    def user_help(self) -> str:
        """The maker's help address and support e-mail, in words."""
        parts = [
            f"Help: {self.help_url}" if self.help_url else "",
            self.support_email or "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(slots=True)
class _Group:
    """Rows of one (person, app)."""

    rows: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Connection:
    """One person's use of one app in a business."""

    personal_id: int
    managed_id: int | None
    app: AppCoverage
    ends: datetime | None
    claimed: bool

    def state(self, now: datetime) -> str:
        """``reconnected``, ``lost`` or ``at_risk``."""
        if self.app.covered and self.claimed:
            return "reconnected"
        return "lost" if self.ends is not None and self.ends <= now else "at_risk"


def reconnect_url(base_url: str, app: Any, scopes: str) -> str:
    """Where reconnecting starts: the app's own login, else the dialog with the scopes that the old grant had (B1)."""
    if app.login_uri:
        return str(app.login_uri)
    uris = redirect_uris(app)
    query = {
        "client_id": str(app.id),
        "redirect_uri": uris[0] if uris else "",
        "scope": scopes,
        "auth_type": "rerequest",
    }
    return f"{base_url}/dialog/oauth?{urlencode(query, quote_via=quote)}"


async def list_connections(
    tx: Tx,
    base_url: str,
    business_id: int,
    now: datetime,
    personal_id: int | None = None,
    claimed_only: bool = True,
) -> list[Connection]:
    """Connections of a business (or of one person in it), by person and app."""
    groups: dict[tuple[int, int], _Group] = {}
    for row in await coverage.coverage_rows(
        tx, business_id, now, personal_id, claimed_only
    ):
        groups.setdefault((row.personal_id, row.app_id), _Group()).rows.append(row)
    apps = await coverage.apps_by_id(tx, sorted({app_id for _, app_id in groups}))
    return [
        _connection(group.rows, apps[app_id], base_url)
        for (_, app_id), group in groups.items()
    ]


def _connection(rows: list[Any], app: Any, base_url: str) -> Connection:
    first = rows[0]
    missing = tuple(
        MissingAsset(row.asset_id, row.name, row.kind)
        for row in rows
        if not row.covered
    )
    shown = AppCoverage(
        app.id,
        app.name,
        len(rows),
        len(rows) - len(missing),
        missing,
        first.last_used_at,
        app.user_support_url,
        app.user_support_email,
        reconnect_url(base_url, app, first.scopes),
    )
    return Connection(
        first.personal_id,
        first.managed_id,
        shown,
        first.ends,
        first.claimed_at is not None,
    )


@dataclass(frozen=True, slots=True)
class Share:
    """The headline: of the connections that the migration would have broken, how many were reconnected."""

    at_risk: int
    reconnected: int
    lost: int

    @property
    def total(self) -> int:
        """All connections that the migration touches."""
        return self.at_risk + self.reconnected + self.lost

    @property
    def percent(self) -> int:
        """Reconnected of all, rounded down; 100 where nothing was ever at risk."""
        return 100 if not self.total else 100 * self.reconnected // self.total


async def business_share(
    tx: Tx, base_url: str, business_id: int, now: datetime
) -> Share:
    """The share of a business, over everybody who was invited."""
    states = [
        one.state(now)
        for one in await list_connections(
            tx, base_url, business_id, now, claimed_only=False
        )
    ]
    return Share(
        states.count("at_risk"), states.count("reconnected"), states.count("lost")
    )


async def count_coverage(
    tx: Tx, business_id: int, now: datetime
) -> dict[int, tuple[int, int]]:
    """Person to (connections, reconnected ones)."""
    counts: dict[int, tuple[int, int]] = {}
    for one in await list_connections(tx, "", business_id, now, claimed_only=False):
        total, done = counts.get(one.personal_id, (0, 0))
        counts[one.personal_id] = (total + 1, done + (one.state(now) == "reconnected"))
    return counts


async def reconnected_apps(tx: Tx, managed_id: int, business_id: int) -> list[int]:
    """Apps in which a managed account has selected something of a business (M12)."""
    return [
        row.id
        for row in await coverage.apps_with_selections(tx, managed_id, business_id)
    ]
