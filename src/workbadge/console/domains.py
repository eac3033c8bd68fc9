"""An organization's domains: claimed, proven, disputed, given up, trusted (O1, O2)."""

from typing import Any

from starlette.responses import Response

from workbadge.commands import domains
from workbadge.commands.domain_mails import SAYS
from workbadge.commands.domain_name import shown, suffixes_as_of
from workbadge.commands.errors import CommandError, Problem, not_found
from workbadge.commands.transaction import in_transaction
from workbadge.commands.trusted_domains import STANDS, approve_trust, ask_trust, drop_trust
from workbadge.lifecycle.domain import status_of, suspends_at
from workbadge.store import domains as rows
from workbadge.terms.domains import FILE, MAILBOXES, DomainStatus, Found, Method, Outcome, proof_value, record_name
from workbadge.terms.ids import parse_id
from workbadge.terms.organizations import OrganizationAct
from workbadge.terms.public_mail import AS_OF
from workbadge.web.domain_proofs import check_now

from .admin_center import OrganizationFrame, organization_page
from .frame import text_of

STATES: dict[DomainStatus, tuple[str, str, str]] = {
    DomainStatus.OPEN: ("To be proven", "info", "clock"),
    DomainStatus.EXPIRED: ("Attempt ended", "neutral", "hourglass"),
    DomainStatus.VERIFIED: ("Verified", "ok", "check"),
    DomainStatus.WARNED: ("Proof missing", "warn", "alert-triangle"),
    DomainStatus.SUSPENDED: ("Suspended", "bad", "ban"),
    DomainStatus.DISPUTED: ("Prove it again", "warn", "alert-triangle"),
    DomainStatus.CONTESTED: ("Held by another", "warn", "hourglass"),
}
"""Label, tone, icon of a state."""

METHODS = {Method.DNS: "DNS record", Method.FILE: "file", Method.MAIL: "e-mail code"}


@organization_page("organization-domains", OrganizationAct.SEE_DOMAINS)
async def show(frame: OrganizationFrame) -> Response:
    """Every domain with its state, and the trusted ones."""
    return await _show(frame, {}, 200)


async def _show(frame: OrganizationFrame, errors: dict[str, str], status: int, typed: str = "") -> Response:
    key, now = frame.organization.id, frame.now
    async with frame.services.store.read() as tx:
        claims = await rows.list_claims(tx, key)
        states = [status_of(await domains.load_state(tx, one), now) for one in claims]
        known = {one.name for one in claims}
        given = [one for one in await rows.list_standing(tx, key) if one.name not in known]
        trusted = [
            (one, await domains.gives_addresses(tx, key, one.name, now))
            for one in await rows.list_trusted(tx, key)
            if one.approved_at is not None or now < one.asked_at + STANDS
        ]
    return frame.page(
        "organization_domains.html",
        status,
        claims=[(one, STATES[state]) for one, state in zip(claims, states, strict=True)],
        given=given,
        trusted=trusted,
        shown=shown,
        me=frame.account.id,
        suffixes=suffixes_as_of(),
        providers=AS_OF,
        errors=errors,
        typed=typed,
    )


@organization_page("organization-domains", OrganizationAct.MANAGE_DOMAINS, form=True)
async def act(frame: OrganizationFrame) -> Response:
    """Claim a domain; ask for a trusted one, approve or drop it."""
    form = await frame.request.form()
    services, key, actor, now = frame.services, frame.organization.id, frame.account.id, frame.now
    action, name = text_of(form, "action"), text_of(form, "domain")
    try:
        if action == "claim":
            claim = await in_transaction(services, lambda tx: domains.claim_domain(tx, services, key, name, actor, now))
            return frame.go(f"/domains/{claim}", "domain-claimed")
        if action == "trust":
            await in_transaction(services, lambda tx: ask_trust(tx, services, key, name, actor, now))
            return frame.go("/domains", "trust-asked")
    except CommandError as error:
        if error.problem not in (Problem.INVALID, Problem.CONFLICT):
            raise
        said = f"{error.message} Expected: {error.expected}."
        return await _show(frame, {"trust" if action == "trust" else "domain": said}, 400, name[:253])
    if action == "approve":
        await in_transaction(services, lambda tx: approve_trust(tx, services, key, name, actor, now))
        return frame.go("/domains", "trust-approved")
    if action == "drop":
        await in_transaction(services, lambda tx: drop_trust(tx, services, key, name, actor, now))
        return frame.go("/domains", "trust-dropped")
    raise not_found("action")


@organization_page("organization-domains", OrganizationAct.SEE_DOMAINS)
async def one(frame: OrganizationFrame) -> Response:
    """How a domain is proven, and what was seen of it."""
    return await _one(frame, {}, 200)


def _claim_id(frame: OrganizationFrame) -> int:
    found = parse_id(frame.request.path_params["claim"])
    if found is None:
        raise not_found("domain of this organization")
    return found


async def _one(frame: OrganizationFrame, errors: dict[str, str], status: int, said: Found | None = None) -> Response:
    async with frame.services.store.read() as tx:
        claim = await domains.load_claim(tx, frame.organization.id, _claim_id(frame))
        state = await domains.load_state(tx, claim)
    outcome = None if claim.outcome is None else Outcome(claim.outcome)
    standing = status_of(state, frame.now)
    return frame.page(
        "organization_domain.html",
        status,
        claim=claim,
        shown=shown(claim.name),
        standing=standing.value,
        state=STATES[standing],
        until=suspends_at(state.warned_at, state.answer_by) if state.holds else claim.expires_at,
        method=None if claim.method is None else METHODS[Method(claim.method)],
        record=record_name(claim.name),
        value=proof_value(claim.token),
        file=f"https://{claim.name}/{FILE}",
        mailboxes=[(one, f"{one}@{claim.name}") for one in MAILBOXES],
        outcome=None if outcome is None else SAYS[outcome],
        found=outcome is Outcome.FOUND,
        said=None if said is None else (said.outcome is Outcome.FOUND, SAYS[said.outcome], said.received),
        errors=errors,
    )


@organization_page("organization-domains", OrganizationAct.MANAGE_DOMAINS, form=True)
async def act_on_one(frame: OrganizationFrame) -> Response:
    """Look for the proof now, send or enter a code, begin a new attempt, give the domain up."""
    form = await frame.request.form()
    services, key, actor, now = frame.services, frame.organization.id, frame.account.id, frame.now
    claim_id, action = _claim_id(frame), text_of(form, "action")
    here = f"/domains/{claim_id}"
    async with services.store.read() as tx:
        claim: Any = await domains.load_claim(tx, key, claim_id)
    if action in ("check-dns", "check-file"):
        method = Method.DNS if action == "check-dns" else Method.FILE
        found = await check_now(services, frame.site.proofs, claim_id, method, now)
        return await _one(frame, {}, 200, found)
    try:
        if action == "send":
            sending = (key, claim_id, text_of(form, "mailbox"), actor, now)
            await in_transaction(services, lambda tx: domains.send_code(tx, services, *sending))
            return frame.go(here, "domain-code")
        if action == "renew":
            renewing = (key, claim.name, actor, now)
            await in_transaction(services, lambda tx: domains.claim_domain(tx, services, *renewing))
            return frame.go(here, "domain-claimed")
    except CommandError as error:
        if error.problem not in (Problem.INVALID, Problem.CONFLICT, Problem.TOO_MANY):
            raise
        return await _one(frame, {"mailbox": f"{error.message} Expected: {error.expected}."}, 400)
    if action == "enter":
        entering = (key, claim_id, text_of(form, "code"), actor, now)
        outcome = await in_transaction(services, lambda tx: domains.enter_code(tx, services, *entering))
        if outcome is Outcome.FOUND:
            return frame.go(here, "domain-proven")
        wrong = "This is not the code of the last mail." if outcome is Outcome.WRONG else "No code is waiting any more."
        return await _one(
            frame, {"code": f"{wrong} Expected: the 22 letters and digits of the mail, within a day."}, 400
        )
    if action == "release":
        await in_transaction(services, lambda tx: domains.release_domain(tx, services, key, claim_id, actor, now))
        return frame.go("/domains", "domain-released")
    raise not_found("action")
