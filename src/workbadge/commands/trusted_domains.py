"""Trusted domains (O2): addresses there are allowed without a proof, once a second admin has approved it."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import domains as rows
from workbadge.store import records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY
from workbadge.terms.organizations import OrganizationAct

from . import domain_mails as mails
from .domain_name import read_domain
from .errors import conflict, forbidden, not_found
from .organization import demand
from .services import Services

STANDS = 30 * DAY
"""A request that nobody approved ends after so long."""


async def ask_trust(tx: Tx, services: Services, organization_id: int, text: str, actor_id: int, now: datetime) -> str:
    """Ask that a domain be trusted; its name. Raises CommandError: INVALID as for a claim, CONFLICT for one that is trusted or that
    an organization has proven."""
    await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_DOMAINS)
    name = read_domain(text)
    if await rows.lock_holder(tx, name) is not None:
        raise conflict(f"{name} is proven by an organization.", "a domain that no organization has proven")
    known = await rows.find_trusted(tx, organization_id, name, lock=True)
    if known is not None and (known.approved_at is not None or now < known.asked_at + STANDS):
        raise conflict(f"{name} is trusted or waits for approval already.", "another domain")
    if known is not None:
        await rows.drop_trusted(tx, organization_id, name)
    await rows.add_trusted(
        tx, {"organization_id": organization_id, "name": name, "asked_by": actor_id, "asked_at": now}
    )
    await _note(tx, services, "domain.trust_ask", organization_id, name, actor_id, now)
    person = await records.find_account(tx, actor_id)
    assert person is not None
    text_of_mail = mails.trust_asked(name, person.name)
    await mails.tell_admins(tx, services, organization_id, "domain_trust_asked", text_of_mail, now)
    return name


async def approve_trust(
    tx: Tx, services: Services, organization_id: int, name: str, actor_id: int, now: datetime
) -> None:
    """A second admin approves. Raises CommandError: NOT_FOUND without a request that stands, FORBIDDEN for whoever asked, with
    whichever of the own logins, CONFLICT when an organization has proven the domain meanwhile."""
    await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_DOMAINS)
    held = await rows.lock_holder(tx, name)
    asked = await rows.find_trusted(tx, organization_id, name, lock=True)
    if asked is None or asked.approved_at is not None or now >= asked.asked_at + STANDS:
        raise not_found("request for a trusted domain")
    if asked.asked_by == actor_id or await rows.are_linked(tx, asked.asked_by, actor_id):
        raise forbidden("Whoever asked cannot approve.", "another admin of this organization")
    if held is not None:
        raise conflict(f"{name} is proven by an organization.", "a domain that no organization has proven")
    await rows.set_approved(tx, organization_id, name, actor_id, now)
    await _note(tx, services, "domain.trust", organization_id, name, actor_id, now)


async def drop_trust(tx: Tx, services: Services, organization_id: int, name: str, actor_id: int, now: datetime) -> None:
    """Trust a domain no more, or decline the request. Accounts stay. Raises NOT_FOUND."""
    await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_DOMAINS)
    if await rows.find_trusted(tx, organization_id, name, lock=True) is None:
        raise not_found("trusted domain")
    await rows.drop_trusted(tx, organization_id, name)
    await _note(tx, services, "domain.trust_end", organization_id, name, actor_id, now)


async def _note(
    tx: Tx, services: Services, act: str, organization_id: int, name: str, actor_id: int, now: datetime
) -> None:
    entry = Audit(act, organization_id, None, organization_id, {"domain": name})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
