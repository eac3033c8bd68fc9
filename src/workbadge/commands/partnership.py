"""Partners: lending assets, answering who asks for them, giving them back. The caller has decided who manages which business (MT-22, MT-23)."""

from datetime import datetime
from typing import Any

from workbadge.store import partners, records, requests, rights
from workbadge.store.engine import Tx
from workbadge.terms.tasks import Task

from .access_request import APPROVED, DECLINED, WITHDRAWN, close_request
from .errors import CommandError, conflict, invalid, not_found
from .portfolio import share_asset, stop_sharing
from .services import Services


async def lend(
    tx: Tx, services: Services, asset_id: int, partner_id: int, tasks: Task | None, actor_id: int, now: datetime
) -> None:
    """Lend an asset to a partner, in place of what it was lent before. ``tasks`` None: those that it asked for, beside
    those it has.

    Raises CommandError: NOT_FOUND partner, INVALID tasks where it asked for none, CONFLICT for the owner itself.
    """
    asking = await requests.find_request(tx, partner_id, asset_id)
    if tasks is None and asking is None:
        raise invalid("permitted_tasks", "The parameter permitted_tasks is required.", "tasks of the asset")
    held = await rights.lent_tasks(tx, asset_id, partner_id, now)
    lent = tasks if tasks is not None else held | Task(asking.tasks) if asking is not None else None
    await share_asset(tx, services, asset_id, partner_id, lent, actor_id, now)
    await close_request(tx, services, partner_id, asset_id, APPROVED, actor_id, now, lent)


async def stop_lending(
    tx: Tx, services: Services, asset_id: int, partner_id: int, actor_id: int, now: datetime, asked: bool
) -> None:
    """End what a partner was lent of an asset, or its asking for it. ``asked``: by the partner itself. Idempotent."""
    if await records.find_asset(tx, asset_id) is not None:
        await stop_sharing(tx, services, asset_id, partner_id, actor_id, now)
    outcome = WITHDRAWN if asked else DECLINED
    await close_request(tx, services, partner_id, asset_id, outcome, actor_id, now)


async def stop_partnership(
    tx: Tx, services: Services, owner_id: int, partner_id: int, actor_id: int, now: datetime
) -> None:
    """End everything that one business lends to another: from now on it reaches none of it (MT-22). Idempotent."""
    for asset_id in await partners.list_lent_assets(tx, owner_id, partner_id, now):
        await stop_sharing(tx, services, asset_id, partner_id, actor_id, now)


async def accept_request(
    tx: Tx, services: Services, owner_id: int, request_id: int, tasks: Task, actor_id: int, now: datetime
) -> None:
    """Lend what was asked for with exactly ``tasks``; also after it was declined, as long as nothing newer is asked.

    Raises CommandError: NOT_FOUND for a request that is not for an asset of the owner's, CONFLICT when it was withdrawn,
    replaced or approved meanwhile.
    """
    row = await _received(tx, owner_id, request_id)
    waiting = await requests.find_request(tx, row.business_id, row.asset_id)
    open_now = row.closed_at is None and waiting is not None and waiting.id == request_id
    if not open_now and (waiting is not None or row.outcome != DECLINED):
        raise _answered()
    if waiting is None:
        await requests.reopen_request(tx, request_id)
    await lend(tx, services, row.asset_id, row.business_id, tasks, actor_id, now)


async def decline_request(
    tx: Tx, services: Services, owner_id: int, request_id: int, actor_id: int, now: datetime
) -> None:
    """Decline what was asked; what the partner was lent before, it keeps. Raises as ``accept_request``."""
    row = await _received(tx, owner_id, request_id)
    waiting = await requests.find_request(tx, row.business_id, row.asset_id)
    if waiting is None or waiting.id != request_id:
        raise _answered()
    await close_request(tx, services, row.business_id, row.asset_id, DECLINED, actor_id, now)


async def withdraw_request(
    tx: Tx, services: Services, business_id: int, request_id: int, actor_id: int, now: datetime
) -> None:
    """A business takes its own request back. Raises CommandError: NOT_FOUND, CONFLICT when it was answered meanwhile."""
    row = await requests.find_shown(tx, business_id, request_id)
    if row is None or row.business_id != business_id:
        raise not_found("request")
    waiting = await requests.find_request(tx, business_id, row.asset_id)
    if waiting is None or waiting.id != request_id:
        raise _answered()
    await close_request(tx, services, business_id, row.asset_id, WITHDRAWN, actor_id, now)


async def _received(tx: Tx, owner_id: int, request_id: int) -> Any:
    row = await requests.find_shown(tx, owner_id, request_id)
    if row is None or not row.received:
        raise not_found("request")
    return row


def _answered() -> CommandError:
    return conflict("This request was answered, withdrawn or replaced by a newer one meanwhile.", "an open request")


async def is_lent(tx: Tx, asset_id: int, business_id: int, now: datetime) -> bool:
    """Whether an asset is lent to a business."""
    return bool(await rights.lent_tasks(tx, asset_id, business_id, now))
