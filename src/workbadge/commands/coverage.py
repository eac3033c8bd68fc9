"""Coverage per person, app and business: at risk, reconnected, lost (B1-B3). The headline measure comes from here.

A *connection* is one person's use of one app in one business, as far as live user or page tokens of the old login
carry it. It is *reconnected* when the managed account's grant for the same app reached every asset again before the old login ended,
*recovered* when it did so later, *lost* when the old login has ended without it, else *at risk*. A system user of the business
that an install gave the app counts like the managed account, from when the app took a token of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from workbadge.store import connections, coverage, records
from workbadge.store.coverage import Whose
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of
from workbadge.terms.instants import earliest, to_micros
from workbadge.terms.kinds import Act, NodeKind
from workbadge.terms.scopes import scopes_for

from .initiated_login import start_at_app
from .registration import redirect_uris


@dataclass(frozen=True, slots=True)
class MissingAsset:
    """An asset that the app no longer reaches after ``until``, unless it is selected again (None: no end is set yet)."""

    id: int
    name: str
    kind: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AppCoverage:
    """One app of one person. ``covered``: every asset is reached again. ``scopes``: of the old login's grant."""

    app_id: int
    name: str
    assets_total: int
    assets_covered: int
    missing: tuple[MissingAsset, ...]
    last_used_at: datetime | None
    help_url: str | None
    support_email: str | None
    reconnect_url: str
    scopes: tuple[str, ...] = ()

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


@dataclass(frozen=True, slots=True)
class Connection:
    """One person's use of one app in a business. ``ends``: of the old login there; ``covered_at``: when the last asset
    was selected again (None: something is missing)."""

    business_id: int
    personal_id: int
    managed_id: int | None
    app: AppCoverage
    ends: datetime | None
    claimed: bool
    covered_at: datetime | None

    def state(self, now: datetime) -> str:
        """``reconnected`` (before the cut-off), ``recovered`` (only after it), ``lost`` or ``at_risk``."""
        return _state(self.ends, self.covered_at, now)


def _state(ends: datetime | None, covered_at: datetime | None, now: datetime) -> str:
    if covered_at is not None:
        return "reconnected" if ends is None or covered_at < ends else "recovered"
    return "lost" if ends is not None and ends <= now else "at_risk"


def reconnect_url(base_url: str, app: Any, scopes: str) -> str:
    """Where reconnecting starts: the app's own login, which is told ``iss``, else the dialog with the scopes that the old grant had (B1)."""
    if app.login_uri:
        return start_at_app(str(app.login_uri), base_url)
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
    whose = Whose(business_id=business_id, personal_id=personal_id, claimed_only=claimed_only)
    return await connections_in(tx, base_url, whose, now)


@dataclass(frozen=True, slots=True)
class _Old:
    """One asset that an old login carries, and since when the app reaches it without that login (None: it does not)."""

    row: Any
    again: datetime | None


async def connections_in(tx: Tx, base_url: str, whose: Whose, now: datetime) -> list[Connection]:
    """Connections by business, person and app. Four queries, whatever the number of people and assets."""
    groups = await _carried(tx, whose, now)
    apps = await coverage.apps_by_id(tx, sorted({app_id for *_, app_id in groups}))
    return [_connection(list(group.values()), apps[app_id], base_url) for (*_, app_id), group in groups.items()]


async def _carried(tx: Tx, whose: Whose, now: datetime) -> dict[tuple[int, int, int], dict[int, _Old]]:
    """(business, person, app) to what live tokens of the old login carry, by asset.

    What a system user of the business holds for the app since before the hand-over was never at risk (L4, B2); since later, it
    is covered.
    """
    carried = await coverage.carried_until(tx, whose)
    found = await coverage.coverage_rows(tx, whose, now)
    held = await _held_since(tx, found, now)
    groups: dict[tuple[int, int, int], dict[int, _Old]] = {}
    for row in found:
        since = held.get((row.business_id, row.app_id, row.asset_id))
        if since is not None and (row.handed_over is None or since <= row.handed_over):
            continue
        old = _Old(row, earliest(_again_at(row), since))
        if _is_carried(old, carried.get((row.business_id, row.personal_id, row.grant_id), {}), now):
            group = groups.setdefault((row.business_id, row.personal_id, row.app_id), {})
            group[row.asset_id] = old
    return groups


async def _held_since(tx: Tx, rows: list[Any], now: datetime) -> dict[tuple[int, int, int], datetime]:
    """(business, app, asset) to the instant from which the app reaches it as a system user of that business."""
    businesses, apps = sorted({row.business_id for row in rows}), sorted({row.app_id for row in rows})
    since: dict[tuple[int, int, int], datetime] = {}
    for one in await coverage.held_by_system_users(tx, businesses, apps, now) if rows else ():
        kind = kind_of(one.asset_id)
        if kind is not None and _reads(one.scopes, kind.value):
            key, at = (one.business_id, one.app_id, one.asset_id), max(one.swapped_at, one.selected_at)
            since[key] = min(at, since.get(key, at))
    return since


def _again_at(row: Any) -> datetime | None:
    """When the managed account selected the asset again for an app that may read it now; None: it does not reach it."""
    if row.again_at is None or not _reads(row.new_scopes, row.kind):
        return None
    again: datetime = row.again_at
    return again


@lru_cache(maxsize=4096)
def _reads(scopes: str, kind: str) -> bool:
    """Whether a grant's scopes suffice to read an asset of a kind."""
    return not scopes_for(NodeKind(kind), Act.READ).isdisjoint(scopes.split(","))


def _is_carried(old: _Old, ends: dict[int | None, int], now: datetime) -> bool:
    """Whether live tokens of the old login carry the asset: while its access runs, now; afterwards, up to its end.

    What has been reconnected stays counted even where the app has since thrown the old token away, as long as it was
    alive at the claim: else the measure would forget its successes.
    """
    row = old.row
    at = now if row.ends is None else min(now, row.ends)
    if row.handed_over is not None and old.again is not None:
        at = row.handed_over
    if row.revoked_at is not None and row.revoked_at <= at:
        return False
    last = max(ends.get(None, 0), ends.get(row.asset_id, 0))
    return last > to_micros(at) and _reads(row.scopes, row.kind)


def _connection(found: list[_Old], app: Any, base_url: str) -> Connection:
    rows = [one.row for one in found]
    first = rows[0]
    missing = tuple(
        MissingAsset(one.row.asset_id, one.row.name, one.row.kind, earliest(one.row.ends, one.row.lent_until))
        for one in found
        if one.again is None
    )
    used = [row.last_used_at for row in rows if row.last_used_at is not None]
    shown = AppCoverage(
        app.id,
        app.name,
        len(rows),
        len(rows) - len(missing),
        missing,
        max(used, default=None),
        app.user_support_url,
        app.user_support_email,
        reconnect_url(base_url, app, first.scopes),
        tuple(one for one in first.scopes.split(",") if one),
    )
    return Connection(
        first.business_id,
        first.personal_id,
        first.managed_id,
        shown,
        first.ends,
        first.claimed_at is not None,
        _covered_at(found),
    )


def _covered_at(found: Collection[_Old]) -> datetime | None:
    """When the last of the assets was reached again; None: something is missing."""
    again = [one.again for one in found]
    return None if None in again else max(at for at in again if at is not None)


@dataclass(frozen=True, slots=True)
class Share:
    """The headline: of the connections that the migration would have broken, how many were reconnected before the
    cut-off. ``recovered``: reconnected only after it."""

    at_risk: int
    reconnected: int
    lost: int
    recovered: int = 0

    @property
    def total(self) -> int:
        """All connections that the migration touches."""
        return self.at_risk + self.reconnected + self.lost + self.recovered

    @property
    def percent(self) -> int:
        """Reconnected of all, rounded down; 100 where nothing was ever at risk."""
        return 100 if not self.total else 100 * self.reconnected // self.total


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One connection of a business, for admins (B3)."""

    name: str
    state: str
    connection: Connection


@dataclass(frozen=True, slots=True)
class BusinessCoverage:
    """Connections of a business by person and app, and the headline share."""

    share: Share
    rows: tuple[CoverageRow, ...]


def count_states(states: list[str]) -> Share:
    """How many connections there are of each state."""
    return Share(
        states.count("at_risk"),
        states.count("reconnected"),
        states.count("lost"),
        states.count("recovered"),
    )


async def business_coverage(tx: Tx, base_url: str, business_id: int, now: datetime) -> BusinessCoverage:
    """What admins see (B3), over everybody who was invited, by person's name and app's name."""
    found = await list_connections(tx, base_url, business_id, now, claimed_only=False)
    accounts = await records.list_accounts(tx, sorted({one.personal_id for one in found}))
    rows = [CoverageRow(accounts[one.personal_id].name, one.state(now), one) for one in found]
    rows.sort(key=lambda row: (row.name.lower(), row.connection.app.name.lower()))
    return BusinessCoverage(count_states([row.state for row in rows]), tuple(rows))


async def business_share(tx: Tx, business_id: int, now: datetime) -> Share:
    """The headline share of a business, over everybody who was invited: what ``business_coverage`` counts, without the rows."""
    return await share_of(tx, Whose(business_id=business_id, claimed_only=False), now)


async def share_of(tx: Tx, whose: Whose, now: datetime) -> Share:
    """The headline share of some connections, counted by the database."""
    found = await connections.count_connections(tx, whose, now)
    return Share(found.at_risk, found.reconnected, found.lost, found.recovered)


async def count_coverage(tx: Tx, business_id: int, now: datetime) -> dict[int, tuple[int, int]]:
    """Person to (connections, reconnected ones)."""
    counts: dict[int, tuple[int, int]] = {}
    for one in await list_connections(tx, "", business_id, now, claimed_only=False):
        total, done = counts.get(one.personal_id, (0, 0))
        counts[one.personal_id] = (total + 1, done + (one.covered_at is not None))
    return counts


async def reconnected_apps(tx: Tx, managed_id: int, business_id: int) -> list[int]:
    """Apps in which a managed account has selected something of a business (M12)."""
    return [row.id for row in await coverage.apps_with_selections(tx, managed_id, business_id)]
