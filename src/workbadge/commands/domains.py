"""Domains of an organization: claimed, proven, looked at again, given back (O1). Whether anything may rest on one: ``is_good``.

Looking a proof up takes time, so it is done outside (``web.domain_proofs``), and what was found is noted here. Whoever changes a
domain locks who holds it first, then the claim, then the dispute.
"""

from datetime import datetime
from typing import Any

from workbadge.keys import hash_secret
from workbadge.lifecycle.changes import Audit
from workbadge.lifecycle.domain import SOON, ClaimState, next_look, plan_missed, status_of, suspends_at
from workbadge.store import domains as rows
from workbadge.store import records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.domains import (
    ATTEMPT,
    CODE_LIFE,
    CODE_PAUSE,
    CODE_TRIES,
    MAILBOXES,
    RECHECK,
    DomainStatus,
    Found,
    Method,
    Outcome,
)
from workbadge.terms.kinds import NodeKind
from workbadge.terms.organizations import OrganizationAct

from . import domain_disputes as disputes
from . import domain_mails as mails
from .domain_name import parents, read_domain
from .errors import CommandError, Problem, conflict, invalid, not_found
from .organization import demand
from .outbox import MAIL, Outgoing, enqueue
from .services import Services

TOKEN_LETTERS = 43
CODE_LETTERS = 22
"""At 5.95 bits each: 256 and 130 bits (AC-01)."""


async def is_good(tx: Tx, organization_id: int | None, name: str, now: datetime) -> bool:
    """Whether sign-in, provisioning, invitations and the like may rest on the domain at ``now``: the organization holds exactly
    this name (a parent gives nothing), and it is not suspended. ``name``: an A-label form, as of an address that was read."""
    row = await rows.find_standing(tx, name)
    return row is not None and row.organization_id == organization_id and _is_good(row, now)


async def list_good(tx: Tx, organization_id: int, now: datetime) -> list[str]:
    """The names for which ``is_good`` holds."""
    return [row.name for row in await rows.list_standing(tx, organization_id) if _is_good(row, now)]


def _is_good(row: Any, now: datetime) -> bool:
    end = suspends_at(row.warned_at, row.answer_by)
    return row.verified_at is not None and (end is None or now < end)


async def gives_addresses(tx: Tx, organization_id: int | None, name: str, now: datetime) -> bool:
    """Whether a managed account of the organization may have an address there (A1): the domain is good, or it is trusted and
    nobody else holds it."""
    if organization_id is None:
        return False
    row = await rows.find_standing(tx, name)
    if row is not None:
        return row.organization_id == organization_id and _is_good(row, now)
    trusted = await rows.find_trusted(tx, organization_id, name)
    return trusted is not None and trusted.approved_at is not None


async def claim_domain(
    tx: Tx, services: Services, organization_id: int, text: str, actor_id: int | None, now: datetime
) -> int:
    """Claim a name, or begin a new attempt at one that is not proven: an earlier token proves nothing any more (AC-01). The claim.

    Says nothing about who else has the name. Raises CommandError: INVALID for names that nobody can own, CONFLICT for one that is
    proven already or that was tried in vain against its holder.
    """
    await _demand(tx, organization_id, actor_id)
    name = read_domain(text)
    holder = await rows.lock_holder(tx, name)
    if holder is not None and holder.organization_id == organization_id:
        raise conflict(f"{name} is a domain of this organization already.", "another domain")
    await disputes.check_not_refused(tx, name, organization_id, now)
    attempt = {**_attempt(services, now), "proved_at": None, "failing_since": None, "method": None}
    known = await rows.find_claim_of(tx, organization_id, name, lock=True)
    if known is not None and known.proved_at is not None:
        raise conflict(f"{name} is proven already.", "the answer to the dispute")
    if known is not None:
        await rows.set_claim(tx, known.id, attempt)
        claim_id = int(known.id)
    else:
        claim_id = services.entropy.new_id(NodeKind.RECORD)
        first = {"id": claim_id, "organization_id": organization_id, "name": name, "created_at": now}
        await rows.add_claim(tx, {**first, **attempt})
    await note(tx, services, "domain.claim", claim_id, organization_id, name, actor_id, now)
    return claim_id


def _attempt(services: Services, now: datetime) -> dict[str, Any]:
    """A token of its own for each attempt; the platform looks for it by itself."""
    code = {"code_hash": None, "code_mailbox": None, "code_sent_at": None, "code_tries": 0}
    seen = {"outcome": None, "received": None, "checked_at": None, "check_at": now + SOON}
    return {"token": services.entropy.text(TOKEN_LETTERS), "expires_at": now + ATTEMPT, **code, **seen}


async def load_claim(tx: Tx, organization_id: int, claim_id: int) -> Any:
    """A claim of the organization. Raises NOT_FOUND."""
    claim = await rows.find_claim(tx, claim_id)
    if claim is None or claim.organization_id != organization_id:
        raise not_found("domain of this organization")
    return claim


async def load_state(tx: Tx, claim: Any) -> ClaimState:
    """A claim's row with what it depends on."""
    holder = await records.find_domain(tx, claim.name)
    dispute = await rows.find_dispute(tx, claim.name)
    holds = holder is not None and holder.organization_id == claim.organization_id
    return _state(claim, holds, dispute)


def _state(claim: Any, holds: bool, dispute: Any | None) -> ClaimState:
    method = None if claim.method is None else Method(claim.method)
    answer_by = None if dispute is None or not holds else dispute.answer_by
    times = (claim.proved_at, claim.failing_since, claim.warned_at, claim.suspended_at)
    return ClaimState(claim.expires_at, holds, method, *times, answer_by)


async def note_found(
    tx: Tx, services: Services, claim_id: int, token: str, method: Method, found: Found, now: datetime
) -> DomainStatus:
    """Note what a look for ``token`` found; how the organization stands to the domain then. What was looked up for an earlier
    attempt, or too late, proves nothing (AC-01, AC-05). Raises NOT_FOUND for a claim that was ended meanwhile."""
    seen = await rows.find_claim(tx, claim_id)
    if seen is None:
        raise not_found("domain of this organization")
    holder = await rows.lock_holder(tx, seen.name)
    claim = await rows.find_claim(tx, claim_id, lock=True)
    if claim is None:
        raise not_found("domain of this organization")
    state = _state(
        claim,
        holder is not None and holder.organization_id == claim.organization_id,
        await rows.find_dispute(tx, claim.name, lock=True),
    )
    if claim.token != token:
        return status_of(state, now)
    if found.outcome is not Outcome.FOUND:
        await _note_missed(tx, services, claim, state, found, now)
    elif status_of(state, now) is not DomainStatus.EXPIRED:
        await _note_proven(tx, services, claim, state, holder, method, now)
    after = await rows.find_claim(tx, claim_id)
    return DomainStatus.EXPIRED if after is None else status_of(await load_state(tx, after), now)


async def _note_proven(
    tx: Tx, services: Services, claim: Any, state: ClaimState, holder: Any | None, method: Method, now: datetime
) -> None:
    healed = {"failing_since": None, "warned_at": None, "suspended_at": None, "disputed_at": None}
    seen = {"outcome": Outcome.FOUND.value, "received": None, "checked_at": now, "check_at": next_look(method, now)}
    first = claim.proved_at is None
    await rows.set_claim(tx, claim.id, {**healed, **seen, "method": method.value, "proved_at": now, "code_hash": None})
    if holder is None:
        await records.add_domain(tx, claim.name, claim.organization_id, now, now)
        await note(tx, services, "domain.prove", claim.id, claim.organization_id, claim.name, None, now, method)
        await _tell_parent(tx, services, claim, now)
    elif not state.holds:
        if first:
            await note(tx, services, "domain.prove", claim.id, claim.organization_id, claim.name, None, now, method)
        await disputes.open_dispute(tx, services, claim, holder, now)
    elif state.answer_by is not None:
        await disputes.keep(tx, services, claim, now)
    elif state.warned_at is not None:
        await note(tx, services, "domain.regain", claim.id, claim.organization_id, claim.name, None, now, method)
        await mails.tell_admins(tx, services, claim.organization_id, "domain_regained", mails.regained(claim.name), now)


async def _tell_parent(tx: Tx, services: Services, claim: Any, now: datetime) -> None:
    """Whoever holds a name above is told of one that another organization proved (AC-08)."""
    for name in parents(claim.name):
        above = await records.find_domain(tx, name)
        if above is not None:
            if above.organization_id != claim.organization_id:
                text = mails.proven_below(claim.name, name)
                await mails.tell_admins(tx, services, above.organization_id, "domain_below", text, now)
            return


async def _note_missed(tx: Tx, services: Services, claim: Any, state: ClaimState, found: Found, now: datetime) -> None:
    values: dict[str, Any] = {"outcome": found.outcome.value, "received": found.received[:500], "checked_at": now}
    if not state.holds:
        await _missed_by_other(tx, services, claim, values, now)
        return
    if state.answer_by is not None:
        values["check_at"] = state.answer_by if now < state.answer_by else None
        await rows.set_claim(tx, claim.id, values)
        if now >= state.answer_by:
            await disputes.note_unanswered(tx, services, claim, now)
        return
    plan = plan_missed(state, now)
    values |= {"failing_since": plan.failing_since, "check_at": plan.check_at}
    key = claim.organization_id
    if plan.warn:
        values["warned_at"] = now
        await note(tx, services, "domain.warn", claim.id, key, claim.name, None, now)
        await mails.tell_admins(tx, services, key, "domain_warned", mails.warned(claim.name, found, now), now)
    if plan.suspend:
        values["suspended_at"] = now
        await note(tx, services, "domain.suspend", claim.id, key, claim.name, None, now)
        await mails.tell_admins(tx, services, key, "domain_suspended", mails.suspended(claim.name), now)
    await rows.set_claim(tx, claim.id, values)


async def _missed_by_other(tx: Tx, services: Services, claim: Any, values: dict[str, Any], now: datetime) -> None:
    """A look at a name that the organization does not hold: one not proven yet is looked for again, one that was proven against
    a holder and is gone for a day is withdrawn."""
    if claim.proved_at is None:
        again = now + SOON
        await rows.set_claim(tx, claim.id, {**values, "check_at": again if again < claim.expires_at else None})
        return
    since = claim.failing_since or now
    values |= {"failing_since": since, "check_at": now + SOON}
    if now - since >= RECHECK:
        values |= {"proved_at": None, "failing_since": None, "expires_at": now, "check_at": None}
        await disputes.withdraw(tx, services, claim, now)
    await rows.set_claim(tx, claim.id, values)


async def send_code(
    tx: Tx, services: Services, organization_id: int, claim_id: int, mailbox: str, actor_id: int, now: datetime
) -> str:
    """Mail a code to one of the fixed mailboxes of a claimed domain; the address. An earlier code is dead.

    Raises CommandError: NOT_FOUND, INVALID for another mailbox, CONFLICT when the attempt has ended, TOO_MANY.
    """
    await _demand(tx, organization_id, actor_id)
    claim = await load_claim(tx, organization_id, claim_id)
    if mailbox not in MAILBOXES:
        raise invalid("mailbox", "Codes go to fixed mailboxes only.", ", ".join(MAILBOXES))
    if status_of(await load_state(tx, claim), now) is DomainStatus.EXPIRED:
        raise conflict("This attempt has ended.", "a new attempt")
    if claim.code_sent_at is not None and now < claim.code_sent_at + CODE_PAUSE:
        at = claim.code_sent_at + CODE_PAUSE
        raise CommandError(Problem.TOO_MANY, "A code was sent a moment ago.", "one code a minute", at=at)
    code, address = services.entropy.text(CODE_LETTERS), f"{mailbox}@{claim.name}"
    sent = {"code_hash": hash_secret(code), "code_mailbox": mailbox, "code_sent_at": now, "code_tries": 0}
    await rows.set_claim(tx, claim_id, sent)
    organization = await records.find_organization(tx, organization_id)
    assert organization is not None
    subject, body = mails.code(claim.name, organization.name, code, now + CODE_LIFE)
    await enqueue(tx, services, [Outgoing(MAIL, "domain_code", address, subject, body)], now)
    await note(tx, services, "domain.code", claim_id, organization_id, claim.name, actor_id, now)
    return address


async def enter_code(
    tx: Tx, services: Services, organization_id: int, claim_id: int, code: str, actor_id: int, now: datetime
) -> Outcome:
    """Prove a domain by the code that was mailed. ``FOUND``: it is proven; ``WRONG``: one of few tries is used; ``TOO_OLD``: there
    is no code, or no more (it works once, for a day, and dies with the fifth wrong try)."""
    await _demand(tx, organization_id, actor_id)
    name = (await load_claim(tx, organization_id, claim_id)).name
    await rows.lock_holder(tx, name)
    claim = await rows.find_claim(tx, claim_id, lock=True)
    if claim is None or claim.code_hash is None or now >= claim.code_sent_at + CODE_LIFE:
        return Outcome.TOO_OLD
    if hash_secret(code.strip()) != bytes(claim.code_hash):
        tries = claim.code_tries + 1
        dead = {"code_hash": None} if tries >= CODE_TRIES else {}
        await rows.set_claim(tx, claim_id, {"code_tries": tries, **dead})
        return Outcome.WRONG
    await note_found(tx, services, claim_id, claim.token, Method.MAIL, Found(Outcome.FOUND), now)
    return Outcome.FOUND


async def release_domain(
    tx: Tx, services: Services, organization_id: int, claim_id: int, actor_id: int | None, now: datetime
) -> None:
    """Give a domain or a claim up. Accounts stay where they are. A claimant who proved it is looked at again and then holds it
    (AC-12); what was published for this claim proves nothing any more (AC-05)."""
    await _demand(tx, organization_id, actor_id)
    claim = await load_claim(tx, organization_id, claim_id)
    holder = await rows.lock_holder(tx, claim.name)
    await rows.set_claim(tx, claim_id, {"ended_at": now, "check_at": None})
    await note(tx, services, "domain.release", claim_id, organization_id, claim.name, actor_id, now)
    if holder is not None and holder.organization_id == organization_id:
        await rows.drop_holder(tx, claim.name)
        await disputes.hand_on(tx, services, claim.name, "released", now)
    else:
        await disputes.withdraw(tx, services, claim, now)


async def _demand(tx: Tx, organization_id: int, actor_id: int | None) -> None:
    if actor_id is not None:
        await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_DOMAINS)
    elif await records.find_organization(tx, organization_id) is None:
        raise not_found("organization")


async def note(
    tx: Tx,
    services: Services,
    act: str,
    subject: int,
    organization_id: int,
    name: str,
    actor_id: int | None,
    now: datetime,
    method: Method | None = None,
) -> None:
    """One audit entry about a domain (I11)."""
    detail: dict[str, str | int | None] = (
        {"domain": name} if method is None else {"domain": name, "method": method.value}
    )
    await write_audit(tx, (Audit(act, subject, None, organization_id, detail),), actor_id, services.entropy.new_id, now)
