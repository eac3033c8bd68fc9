"""Two organizations that prove one domain (O1, AC-07, AC-12): the earlier one keeps it until it is decided, in the open.

The holder is told and proves it again with a new token within ``ANSWER_TIME``; then the dispute ends, and it keeps the domain.
Otherwise what rests on the domain is suspended, and an operator decides. Accounts never move.
"""

from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import domains as rows
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.domains import ANSWER_TIME, ATTEMPT
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind

from . import domain_mails as mails
from .errors import conflict, not_found
from .services import Services

REST = 90 * DAY
"""After a dispute that the holder won, the claimant cannot open another one for so long."""

TOKEN_LETTERS = 43


async def check_not_refused(tx: Tx, name: str, organization_id: int, now: datetime) -> None:
    """Raises CONFLICT while the organization's last dispute about the name rests."""
    last = await rows.find_last_dispute(tx, name, organization_id)
    if last is not None and last.outcome == "kept" and now < last.ended_at + REST:
        raise conflict(
            f"{name} was disputed, and its holder proved it again.", "the decision of the platform's operator", at=now
        )


async def open_dispute(tx: Tx, services: Services, claim: Any, holder: Any, now: datetime) -> None:
    """A claimant proved a domain that another organization holds. Nothing changes for the holder before ``answer_by``, but that a
    new token is to be published: a record that was forgotten in the DNS is no answer (AC-05)."""
    if await rows.find_dispute(tx, claim.name, lock=True) is not None:
        return
    answer_by = now + ANSWER_TIME
    dispute_id = services.entropy.new_id(NodeKind.RECORD)
    sides = {"holder_id": holder.organization_id, "claimant_id": claim.organization_id}
    await rows.add_dispute(
        tx, {"id": dispute_id, "name": claim.name, **sides, "opened_at": now, "answer_by": answer_by}
    )
    afresh = {
        "token": services.entropy.text(TOKEN_LETTERS),
        "disputed_at": now,
        "check_at": answer_by,
        "code_hash": None,
    }
    held = await rows.find_claim_of(tx, holder.organization_id, claim.name, lock=True)
    if held is None:
        held_id = services.entropy.new_id(NodeKind.RECORD)
        first = {"id": held_id, "organization_id": holder.organization_id, "name": claim.name, "created_at": now}
        await rows.add_claim(tx, {**first, "expires_at": now + ATTEMPT, "proved_at": holder.verified_at, **afresh})
    else:
        await rows.set_claim(tx, held.id, {**afresh, "failing_since": None})
    await _note(tx, services, "domain.dispute", dispute_id, sides.values(), claim.name, now)
    text = mails.disputed(claim.name, answer_by)
    await mails.tell_admins(tx, services, holder.organization_id, "domain_disputed", text, now)
    text = mails.contested(claim.name, answer_by)
    await mails.tell_admins(tx, services, claim.organization_id, "domain_contested", text, now)


async def keep(tx: Tx, services: Services, held: Any, now: datetime) -> None:
    """The holder proved it again: it keeps the domain, and the claimant's claim is ended."""
    dispute = await _end(tx, services, held.name, "kept", now)
    other = await rows.find_claim_of(tx, dispute.claimant_id, held.name, lock=True)
    if other is not None:
        await rows.set_claim(tx, other.id, {"ended_at": now, "check_at": None})
    for side, text in ((dispute.holder_id, mails.kept(held.name)), (dispute.claimant_id, mails.lost(held.name))):
        await mails.tell_admins(tx, services, side, "domain_dispute_ended", text, now)


async def withdraw(tx: Tx, services: Services, claim: Any, now: datetime) -> None:
    """The claimant's proof is gone, or the claim was given up: a dispute that it opened ends, the holder's proof is looked at again
    as on any day."""
    dispute = await rows.find_dispute(tx, claim.name, lock=True)
    if dispute is None or dispute.claimant_id != claim.organization_id:
        return
    await _end(tx, services, claim.name, "withdrawn", now)
    held = await rows.find_claim_of(tx, dispute.holder_id, claim.name, lock=True)
    if held is not None:
        await rows.set_claim(tx, held.id, {"disputed_at": None, "check_at": now + DAY})
    text = mails.withdrawn(claim.name)
    await mails.tell_admins(tx, services, dispute.holder_id, "domain_dispute_ended", text, now)


async def hand_on(tx: Tx, services: Services, name: str, outcome: str, now: datetime) -> None:
    """Nobody holds the domain any more: a claimant's proof is looked at again at once, and gives it the domain if it still stands."""
    dispute = await rows.find_dispute(tx, name, lock=True)
    if dispute is None:
        return
    await _end(tx, services, name, outcome, now)
    claim = await rows.find_claim_of(tx, dispute.claimant_id, name, lock=True)
    if claim is not None:
        await rows.set_claim(tx, claim.id, {"check_at": now})


async def note_unanswered(tx: Tx, services: Services, held: Any, now: datetime) -> None:
    """The time to answer is over: both sides are told, once. That nothing rests on the domain any more follows from the time."""
    dispute = await rows.find_dispute(tx, held.name, lock=True)
    if dispute is None or dispute.holder_id != held.organization_id or dispute.told_at is not None:
        return
    await rows.set_dispute(tx, dispute.id, {"told_at": now})
    await _note(tx, services, "domain.suspend", dispute.id, (dispute.holder_id,), held.name, now)
    text = mails.unanswered(held.name)
    for side in (dispute.holder_id, dispute.claimant_id):
        await mails.tell_admins(tx, services, side, "domain_unanswered", text, now)


async def decide(tx: Tx, services: Services, name: str, for_claimant: bool, now: datetime) -> None:
    """An operator's decision. For the claimant: the holder's claim ends, and the claimant's proof is looked at again at once.
    Raises NOT_FOUND without an open dispute."""
    await rows.lock_holder(tx, name)
    dispute = await rows.find_dispute(tx, name, lock=True)
    if dispute is None:
        raise not_found("open dispute about this domain")
    held = await rows.find_claim_of(tx, dispute.holder_id, name, lock=True)
    assert held is not None
    if not for_claimant:
        healed = {"warned_at": None, "failing_since": None, "suspended_at": None, "disputed_at": None}
        await rows.set_claim(tx, held.id, {**healed, "check_at": now + DAY})
        await keep(tx, services, held, now)
        return
    await rows.set_claim(tx, held.id, {"ended_at": now, "check_at": None})
    await rows.drop_holder(tx, name)
    await hand_on(tx, services, name, "moved", now)
    text = mails.moved(name)
    await mails.tell_admins(tx, services, dispute.holder_id, "domain_dispute_ended", text, now)


async def _end(tx: Tx, services: Services, name: str, outcome: str, now: datetime) -> Any:
    dispute = await rows.find_dispute(tx, name, lock=True)
    assert dispute is not None
    await rows.set_dispute(tx, dispute.id, {"ended_at": now, "outcome": outcome})
    sides = (dispute.holder_id, dispute.claimant_id)
    await _note(tx, services, "domain.dispute_end", dispute.id, sides, name, now, outcome)
    return dispute


async def _note(
    tx: Tx, services: Services, act: str, subject: int, sides: Any, name: str, now: datetime, outcome: str | None = None
) -> None:
    """An entry in the audit of each organization concerned."""
    detail: dict[str, str | int | None] = {"domain": name} if outcome is None else {"domain": name, "outcome": outcome}
    entries = tuple(Audit(act, subject, None, side, detail) for side in sides)
    await write_audit(tx, entries, None, services.entropy.new_id, now)
