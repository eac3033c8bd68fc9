"""What the dialog offers: businesses and assets that an account may select, and what the app had before (L2, M5)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.store import grants, migrations, records, rights, visible
from workbadge.store.engine import Tx
from workbadge.store.facts import scope_list
from workbadge.store.visible import Filter, Viewer
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.scopes import grantable, target_kinds

from .app_status import withheld
from .grant import Granted, authorized_at, has_lapsed

MOST_OFFERED = 5_000


@dataclass(frozen=True, slots=True)
class OfferedAsset:
    """One node that may be selected; ``before``: this app had it, through this account or the person's other one."""

    id: int
    name: str
    kind: NodeKind
    before: bool


@dataclass(frozen=True, slots=True)
class OfferedBusiness:
    """A business in whose name its assets are selected; ``id`` None: assets of no business."""

    id: int | None
    name: str
    assets: tuple[OfferedAsset, ...]


async def offer(
    tx: Tx,
    account_id: int,
    kind: AccountKind,
    app_id: int,
    scopes: tuple[str, ...],
    now: datetime,
) -> list[OfferedBusiness]:
    """Businesses with what may be selected for the scopes, by name. At most 5 000 assets are offered."""
    viewer = Viewer(account_id, kind)
    kinds = target_kinds(scopes) - {NodeKind.BUSINESS}
    places = [
        one for one in await rights.list_memberships(tx, account_id) if one.is_open(now) and one.handed_over is None
    ]
    mine = sorted({one.business_id for one in places})
    names = {business_id: await records.find_business(tx, business_id) for business_id in mine}
    before = await had_before(tx, account_id, app_id)
    found: list[int] = []
    if kinds:
        found = (await visible.page(tx, viewer, Filter(frozenset(kinds)), now, MOST_OFFERED)).ids
    assets = await records.list_assets(tx, found)
    lent = await rights.list_lent(tx, found, mine, now)
    groups: dict[int | None, list[OfferedAsset]] = {}
    if not kinds and "business_management" in scopes:
        groups = {one: [OfferedAsset(one, _name(names[one]), NodeKind.BUSINESS, one in before)] for one in mine}
    for asset_id in found:
        asset = assets.get(asset_id)
        if asset is not None:
            home = asset.business_id if asset.business_id in mine else lent.get(asset_id)
            one = OfferedAsset(asset_id, asset.name, NodeKind(asset.kind), asset_id in before)
            groups.setdefault(home, []).append(one)
    offered = [
        OfferedBusiness(
            home,
            "Your own" if home is None else _name(names.get(home)),
            tuple(sorted(items, key=lambda one: (one.kind.value, one.name.lower(), one.id))),
        )
        for home, items in groups.items()
    ]
    return sorted(offered, key=lambda one: (one.id is None, one.name.lower()))


def _name(row: Any) -> str:
    return "" if row is None else str(row.name)


async def had_before(tx: Tx, account_id: int, app_id: int) -> set[int]:
    """Nodes that an app has or had through this account or through the person's other accounts (L2)."""
    people = {account_id}
    for row in await migrations.list_linked(tx, account_id):
        people |= {row.personal_id, row.managed_id}
    had: set[int] = set()
    for person in people:
        grant = await grants.find_grant(tx, person, app_id)
        if grant is not None:
            had |= {row.target_id for row in await grants.list_targets(tx, grant.id)}
    return had


def contexts(offered: list[OfferedBusiness], chosen: list[int]) -> dict[int, int | None]:
    """The business in whose name each chosen node is selected; nodes that were not offered are kept with None, so that
    recording the consent refuses them by name."""
    homes = {asset.id: business.id for business in offered for asset in business.assets}
    return {one: one if kind_of(one) is NodeKind.BUSINESS else homes.get(one) for one in chosen}


@dataclass(frozen=True, slots=True)
class Question:
    """What a dialog has to ask. ``scopes``: to be offered, in the order asked; ``refused``: declined earlier, and not
    offered again without a rerequest; ``standing``: the consent that already covers it all, else None."""

    scopes: tuple[str, ...]
    refused: tuple[str, ...]
    standing: Granted | None


async def question(
    tx: Tx,
    account_id: int,
    kind: AccountKind,
    app_id: int,
    asked: tuple[str, ...],
    rerequest: bool,
    now: datetime,
    whole: bool = False,
    only: tuple[int, ...] = (),
) -> Question:
    """What to ask this account for an app (``wire.md`` §3.1). Somebody whose selection is still empty (a migrated person)
    is asked for one, and so is somebody who has not selected all of the nodes that the app names (``only``). ``whole``: all
    is granted or nothing, so that what was declined earlier is asked again (``wire.md`` §4). What was not used for 90 days
    is asked again too (``wire.md`` §6.8); a login for which nothing is asked counts as use."""
    closed = await withheld(tx, app_id, account_id)
    scopes = tuple(one for one in grantable(asked, kind) if one not in closed)
    grant = await grants.find_grant(tx, account_id, app_id)
    if grant is None or rerequest:
        return Question(scopes, (), None)
    held, declined = scope_list(grant.scopes), scope_list(grant.declined)
    refused = tuple(one for one in scopes if one in declined and one not in held and not whole)
    scopes = tuple(one for one in scopes if one not in refused)
    covered = all(one in held for one in scopes) and not has_lapsed(grant, kind, now)
    if covered and target_kinds(scopes):
        selected = {row.target_id for row in await grants.list_targets(tx, grant.id)}
        covered = bool(selected) and selected.issuperset(only)
    if not covered:
        return Question(scopes, refused, None)
    at = await authorized_at(tx, account_id, now)
    return Question(scopes, refused, Granted(at, grant.id, account_id, app_id, scopes, refused))


async def moved_businesses(tx: Tx, account_id: int, now: datetime) -> tuple[str, ...]:
    """Names of the businesses whose assets this account can no longer select, because a work account took over (M5)."""
    places = await rights.list_memberships(tx, account_id)
    moved = {one.business_id for one in places if one.is_open(now) and one.handed_over is not None}
    rows = [await records.find_business(tx, one) for one in sorted(moved)]
    return tuple(sorted(_name(row) for row in rows))
