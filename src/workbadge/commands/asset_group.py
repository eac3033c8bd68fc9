"""Groups of assets. They order a business's assets and give nobody anything. The caller has decided who manages it."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import asset_groups
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import NodeKind

from .errors import conflict, not_found
from .registration import check_name
from .services import Services
from .sharing import tasks_held

MOST = 1000
"""So many groups one business may have."""


async def create_group(tx: Tx, services: Services, business_id: int, name: str, actor_id: int, now: datetime) -> int:
    """An empty group; its id. Raises CommandError: INVALID name, CONFLICT too many."""
    if await asset_groups.count_groups(tx, business_id) >= MOST:
        raise conflict(f"The business has {MOST} groups of assets.", "to remove some first")
    group_id: int = services.entropy.new_id(NodeKind.ASSET_GROUP)
    await asset_groups.add_group(tx, group_id, business_id, check_name(name), actor_id, now)
    await _note(tx, services, "asset_group.add", group_id, business_id, None, actor_id, now)
    return group_id


async def put_in_group(
    tx: Tx, services: Services, group_id: int, business_id: int, asset_id: int, actor_id: int, now: datetime
) -> None:
    """Put an asset that the business owns or was lent into a group. Repeating is harmless. Raises NOT_FOUND."""
    if not await tasks_held(tx, business_id, asset_id, now):
        raise not_found("asset of this business")
    await asset_groups.put_in(tx, group_id, asset_id)
    await _note(tx, services, "asset_group.put", group_id, business_id, asset_id, actor_id, now)


async def take_out_of_group(
    tx: Tx, services: Services, group_id: int, business_id: int, asset_id: int, actor_id: int, now: datetime
) -> None:
    """Take an asset out of a group. Repeating is harmless."""
    if await asset_groups.take_out(tx, group_id, asset_id):
        await _note(tx, services, "asset_group.take_out", group_id, business_id, asset_id, actor_id, now)


async def rename_group(
    tx: Tx, services: Services, group_id: int, business_id: int, name: str, actor_id: int, now: datetime
) -> None:
    """Give a group another name. Raises INVALID."""
    await asset_groups.rename_group(tx, group_id, check_name(name))
    await _note(tx, services, "asset_group.rename", group_id, business_id, None, actor_id, now)


async def remove_group(
    tx: Tx, services: Services, group_id: int, business_id: int, actor_id: int, now: datetime
) -> None:
    """Remove a group; what was in it stays where it is."""
    await asset_groups.remove_group(tx, group_id, now)
    await _note(tx, services, "asset_group.remove", group_id, business_id, None, actor_id, now)


async def _note(
    tx: Tx,
    services: Services,
    act: str,
    group_id: int,
    business_id: int,
    asset_id: int | None,
    actor_id: int,
    now: datetime,
) -> None:
    detail: dict[str, str | int | None] = {} if asset_id is None else {"asset": asset_id}
    entry = Audit(act, group_id, business_id, None, detail)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
