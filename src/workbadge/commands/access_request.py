"""Asking another business for an asset, and what is told of that: entries in both histories, mails to both sides' admins.

Nothing is told to the asker about the asset, not even that it exists (MT-01), until its owner has answered."""

from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import records, requests, rights
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import Task

from . import mails
from .errors import conflict
from .outbox import MAIL, Outgoing, enqueue
from .services import Services
from .sharing import tasks_held

APPROVED, DECLINED, WITHDRAWN = "approved", "declined", "withdrawn"
MOST_REQUESTS = 500
"""So many requests of one business may be open at once."""

MOST_MAILED = 50
"""So many admins of a business get one mail."""


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

    Asking again replaces what was asked. The owner's admins get a mail, one a day for each business that asks. Raises
    CONFLICT when the business has all of it, or asks for too much at once.
    """
    held = await tasks_held(tx, business_id, asset_id, now)
    if held and not tasks & ~held:
        raise conflict("The business has these tasks on it already.", "an asset of another business")
    await requests.close_requests(tx, business_id, asset_id, WITHDRAWN, now)
    if await requests.count_pending(tx, business_id) >= MOST_REQUESTS:
        raise conflict(f"{MOST_REQUESTS} requests of this business are open.", "to withdraw some first")
    owner = await _owner(tx, business_id, asset_id)
    known = owner is not None and await requests.was_asked_since(tx, business_id, owner.business_id, now - DAY)
    request_id = services.entropy.new_id(NodeKind.RECORD)
    await requests.add_request(tx, request_id, business_id, asset_id, kind, tasks, actor_id, now)
    await _record(tx, services, "add", business_id, owner, asset_id, tasks, actor_id, now)
    if owner is not None and not known:
        await _tell_owner(tx, services, business_id, owner, tasks, actor_id, now)


async def _owner(tx: Tx, business_id: int, asset_id: int) -> Any:
    """The asset as a row, where another business owns it; None for everything else."""
    asset = await records.find_asset(tx, asset_id)
    owned = asset is not None and asset.business_id is not None and asset.business_id != business_id
    return asset if owned else None


async def close_request(
    tx: Tx,
    services: Services,
    business_id: int,
    asset_id: int,
    outcome: str,
    actor_id: int,
    now: datetime,
    lent: Task | None = None,
) -> bool:
    """Close the open request of a business for an asset; False when none is open. ``lent``: the tasks of one approved.

    An answer is told to the admins of who asked; who answered, only to the owner's own people.
    """
    if not await requests.close_requests(tx, business_id, asset_id, outcome, now):
        return False
    owner = await _owner(tx, business_id, asset_id)
    await _record(tx, services, outcome, business_id, owner, asset_id, lent, actor_id, now)
    if outcome != WITHDRAWN:
        await _tell_asker(tx, services, business_id, owner, asset_id, lent, now)
    return True


async def _record(
    tx: Tx,
    services: Services,
    act: str,
    business_id: int,
    owner: Any,
    asset_id: int,
    tasks: Task | None,
    actor_id: int,
    now: datetime,
) -> None:
    """An entry for who asks, and one for who owns the asset. A share's own entry stands for the owner's approval."""
    detail: dict[str, str | int | None] = {} if tasks is None else {"tasks": int(tasks)}
    answered = act in (APPROVED, DECLINED)
    told = {**detail, "partner": owner.business_id} if act == APPROVED and owner is not None else detail
    asker = Audit(f"access_request.{act}", asset_id, business_id, None, told)
    await write_audit(tx, (asker,), None if answered else actor_id, services.entropy.new_id, now)
    if owner is not None and act != APPROVED:
        entry = Audit(f"access_request.{act}", asset_id, owner.business_id, None, {**detail, "partner": business_id})
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


async def _tell_owner(
    tx: Tx, services: Services, business_id: int, owner: Any, tasks: Task, actor_id: int, now: datetime
) -> None:
    names = await records.list_names(tx, [business_id, owner.business_id, actor_id])
    link = f"{services.base_url}/console/{owner.business_id}/requests"
    subject, body = mails.access_asked(
        names[business_id], names.get(actor_id), names[owner.business_id], owner.name, tasks, link
    )
    await _mail_admins(tx, services, owner.business_id, "access_asked", subject, body, now)


async def _tell_asker(
    tx: Tx, services: Services, business_id: int, owner: Any, asset_id: int, lent: Task | None, now: datetime
) -> None:
    base = f"{services.base_url}/console/{business_id}"
    if lent is None or owner is None:
        name = (await records.list_names(tx, [business_id]))[business_id]
        subject, body = mails.access_declined(name, asset_id, f"{base}/requests?show=answered")
    else:
        names = await records.list_names(tx, [business_id, owner.business_id])
        subject, body = mails.access_given(
            names[business_id], names[owner.business_id], owner.name, lent, f"{base}/assets/{asset_id}"
        )
    await _mail_admins(tx, services, business_id, "access_answered", subject, body, now)


async def _mail_admins(
    tx: Tx, services: Services, business_id: int, kind: str, subject: str, body: str, now: datetime
) -> None:
    admins = await rights.list_admin_addresses(tx, business_id, MOST_MAILED, now)
    sending = [Outgoing(MAIL, kind, one.email, subject, body, business_id, one.account_id) for one in admins]
    await enqueue(tx, services, sending, now)
