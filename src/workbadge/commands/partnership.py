"""Partners: lending assets, asking for them, giving them back. The caller has decided who manages which business (MT-22, MT-23)."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import partners, records, requests, rights
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import Task

from .errors import conflict, invalid
from .portfolio import share_asset, stop_sharing
from .services import Services
from .sharing import tasks_held

APPROVED, DECLINED, WITHDRAWN = "approved", "declined", "withdrawn"
MOST_REQUESTS = 500
"""So many requests of one business may be open at once."""


async def lend(
    tx: Tx, services: Services, asset_id: int, partner_id: int, tasks: Task | None, actor_id: int, now: datetime
) -> None:
    """Lend an asset to a partner, in place of what it was lent before. ``tasks`` None: those that it asked for.

    Raises CommandError: NOT_FOUND partner, INVALID tasks where it asked for none, CONFLICT for the owner itself.
    """
    asking = await requests.find_request(tx, partner_id, asset_id)
    if tasks is None and asking is None:
        raise invalid("permitted_tasks", "The parameter permitted_tasks is required.", "tasks of the asset")
    lent = tasks if tasks is not None else Task(asking.tasks) if asking is not None else None
    await share_asset(tx, services, asset_id, partner_id, lent, actor_id, now)
    await requests.close_requests(tx, partner_id, asset_id, APPROVED, now)


async def stop_lending(
    tx: Tx, services: Services, asset_id: int, partner_id: int, actor_id: int, now: datetime, asked: bool
) -> None:
    """End what a partner was lent of an asset, or its asking for it. ``asked``: by the partner itself. Idempotent."""
    if await records.find_asset(tx, asset_id) is not None:
        await stop_sharing(tx, services, asset_id, partner_id, actor_id, now)
    outcome = WITHDRAWN if asked else DECLINED
    if await requests.close_requests(tx, partner_id, asset_id, outcome, now):
        entry = Audit(f"access_request.{outcome}", asset_id, partner_id)
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


async def stop_partnership(
    tx: Tx, services: Services, owner_id: int, partner_id: int, actor_id: int, now: datetime
) -> None:
    """End everything that one business lends to another: from now on it reaches none of it (MT-22). Idempotent."""
    for asset_id in await partners.list_lent_assets(tx, owner_id, partner_id, now):
        await stop_sharing(tx, services, asset_id, partner_id, actor_id, now)


async def ask_for_asset(
    tx: Tx,
    services: Services,
    business_id: int,
    asset_id: int,
    kind: NodeKind,
    tasks: Task,
    actor_id: int,
    now: datetime,
) -> None:
    """A business asks for tasks on another's asset; its owner sees that and lends it or does not.

    Nothing is told about the asset, not even that it exists (MT-01). Asking again replaces what was asked. Raises CONFLICT
    when the business has all of it, or asks for too much at once.
    """
    held = await tasks_held(tx, business_id, asset_id, now)
    if held and not tasks & ~held:
        raise conflict("The business has these tasks on it already.", "an asset of another business")
    await requests.close_requests(tx, business_id, asset_id, WITHDRAWN, now)
    if await requests.count_pending(tx, business_id) >= MOST_REQUESTS:
        raise conflict(f"{MOST_REQUESTS} requests of this business are open.", "to withdraw some first")
    await requests.add_request(
        tx, services.entropy.new_id(NodeKind.RECORD), business_id, asset_id, kind, tasks, actor_id, now
    )
    entry = Audit("access_request.add", asset_id, business_id, None, {"tasks": int(tasks)})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


async def is_lent(tx: Tx, asset_id: int, business_id: int, now: datetime) -> bool:
    """Whether an asset is lent to a business."""
    return bool(await rights.lent_tasks(tx, asset_id, business_id, now))
