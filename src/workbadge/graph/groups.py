"""Groups of assets in a business: as lists, as nodes, and what is in them (``wire.md`` §3.6)."""

from dataclasses import dataclass
from typing import Any

from workbadge.commands import asset_group
from workbadge.store import asset_groups, visible
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.store.visible import Filter
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import NodeKind
from workbadge.web.wire import WireError

from .context import Call, Item, is_page_token
from .errors import missing
from .lists import Asked, Edge, list_nodes, list_rows
from .nodes import TYPES, NodeType
from .params import read_id, read_text
from .people import Seat
from .writes import DONE, Answer, InnerWork, actor_of

_MOST_BUSINESSES = 1000
"""Among so many of its businesses a caller's groups are listed."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it is shown."""

    id: int
    business_id: int
    name: str


def group_of(row: Any) -> Group:
    """A row of ``store.asset_groups``."""
    return Group(row.id, row.business_id, row.name)


GROUP = NodeType(
    "BusinessAssetGroup",
    {
        "id": lambda call, group: str(group.id),
        "name": lambda call, group: group.name,
        "owner_business": lambda call, group: {"id": str(group.business_id)},
    },
)


async def business_asset_groups(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
    """The groups of a business."""

    async def read(tx: Tx, window: Window) -> Rows:
        return await asset_groups.list_groups(tx, item.id, window)

    async def count(tx: Tx) -> int:
        return await asset_groups.count_groups(tx, item.id)

    return await list_rows(call, asked, GROUP, read, count, group_of)


async def _assigned(call: Call, asked: Asked, account_id: int, businesses: list[int]) -> dict[str, Any]:
    async def read(tx: Tx, window: Window) -> Rows:
        return await asset_groups.list_assigned_groups(tx, account_id, businesses, call.now, window)

    async def count(tx: Tx) -> int:
        return await asset_groups.count_assigned_groups(tx, account_id, businesses, call.now)

    return await list_rows(call, asked, GROUP, read, count, group_of)


async def own_groups(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/assigned_business_asset_groups``: those that hold something which the caller is assigned."""
    if is_page_token(loaded):
        raise missing("me")
    call.demand(loaded, NodeKind.BUSINESS)
    async with call.services.store.read() as tx:
        wanted = Filter(frozenset({NodeKind.BUSINESS}))
        mine = (await visible.page(tx, call.viewer(loaded), wanted, call.now, _MOST_BUSINESSES)).ids
    return await _assigned(call, asked, actor_of(loaded), mine)


async def groups_of_seat(call: Call, seat: Seat, asked: Asked) -> dict[str, Any]:
    """``assigned_business_asset_groups`` of a BusinessUser or SystemUser, in its business."""
    return await _assigned(call, asked, seat.account_id, [seat.business_id])


def contained(kind: NodeKind) -> Edge:
    """``contained_*``: what of a kind is in a group and still the business's, of what the caller may see."""

    async def edge(call: Call, group: Group, asked: Asked) -> dict[str, Any]:
        loaded = await call.alive()
        call.demand(loaded, kind)
        wanted = Filter(frozenset({kind}), held_by=group.business_id, in_group=group.id)
        return await list_nodes(call, loaded, wanted, TYPES[kind], asked)

    return edge


async def add_group(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {business}/business_asset_groups``: an empty group of ``name``."""
    name = read_text(call, "name")
    made = await asset_group.create_group(tx, call.services, item.id, name, actor_of(item.loaded), call.now)
    return {"id": str(made)}


async def change_group(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``POST {group}``: another ``name``."""
    name = read_text(call, "name")
    await asset_group.rename_group(tx, call.services, row.id, item.id, name, actor_of(item.loaded), call.now)
    return DONE


async def remove_group(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``DELETE {group}``: what was in it stays where it is."""
    await asset_group.remove_group(tx, call.services, row.id, item.id, actor_of(item.loaded), call.now)
    return DONE


def put(kind: NodeKind) -> InnerWork:
    """``POST {group}/contained_*``: put ``asset_id``, which the caller reaches, into the group."""

    async def work(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
        found = read_id(call, "asset_id", kind)
        await call.reach(read_text(call, "asset_id"), node_id=found, reader=tx)
        actor = actor_of(item.loaded)
        await asset_group.put_in_group(tx, call.services, row.id, item.id, found, actor, call.now)
        return DONE

    return work


def take_out(kind: NodeKind) -> InnerWork:
    """``DELETE {group}/contained_*``: take ``asset_id`` out of the group."""

    async def work(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
        found = read_id(call, "asset_id", kind)
        actor = actor_of(item.loaded)
        await asset_group.take_out_of_group(tx, call.services, row.id, item.id, found, actor, call.now)
        return DONE

    return work


CONTAINED = {
    "contained_pages": NodeKind.PAGE,
    "contained_adaccounts": NodeKind.AD_ACCOUNT,
    "contained_productcatalogs": NodeKind.PRODUCT_CATALOG,
    "contained_pixels": NodeKind.PIXEL,
}
"""What is in a group, by kind."""
GROUP_EDGES: dict[str, Edge] = {name: contained(kind) for name, kind in CONTAINED.items()}


async def find_open_group(tx: Tx, now: Any, found: int) -> Any:
    """The group that an id names."""
    return await asset_groups.find_group(tx, found)


async def reach_group(call: Call, text: str, found: int) -> Group:
    """A group, if the call may read its business; the same ones as in the list (I10). Raises WireError."""
    await call.alive()
    async with call.services.store.read() as tx:
        row = await asset_groups.find_group(tx, found)
    if row is None:
        raise missing(text)
    try:
        business = await call.reach(text, node_id=row.business_id)
    except WireError as error:
        raise missing(text) from error
    call.used(business.loaded)
    return group_of(row)
