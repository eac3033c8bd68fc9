"""Mails about domains (O1, O2), and to whom they go: the organization's owners and IT set-up managers."""

from datetime import datetime

from workbadge.store import organizations
from workbadge.store.engine import Tx
from workbadge.terms.domains import ANSWER_TIME, SUSPEND_AFTER, Found, Outcome
from workbadge.terms.instants import DAY
from workbadge.terms.organizations import OrganizationAct, OrganizationRole, may

from .mails import day, length, one_line
from .outbox import MAIL, Outgoing, enqueue
from .services import Services

SAYS: dict[Outcome, str] = {
    Outcome.FOUND: "the expected value was found",
    Outcome.MISSING: "there is no such record or file",
    Outcome.WRONG: "there is another value",
    Outcome.NO_DOMAIN: "the name does not exist in the DNS",
    Outcome.ALIAS: "the name is an alias (CNAME) of another one",
    Outcome.WILDCARD: "every name below the domain is answered with this value",
    Outcome.NO_ANSWER: "no usable answer came",
    Outcome.TOO_OLD: "the proof by e-mail code has run out",
}
"""What a look found, as part of a sentence."""


async def tell_admins(
    tx: Tx, services: Services, organization_id: int, kind: str, text: tuple[str, str], now: datetime
) -> None:
    """Mail everybody whose role manages domains."""
    subject, body = text
    link = f"{services.base_url}/console/organizations/{organization_id}/domains"
    told = [
        Outgoing(
            MAIL, kind, row.email, subject, f"Hello {one_line(row.name)},\n\n{body}\n\n{link}\n", None, row.account_id
        )
        for row in await organizations.list_roles(tx, organization_id)
        if may(OrganizationRole(row.role), OrganizationAct.MANAGE_DOMAINS) and row.email and row.suspended_at is None
    ]
    await enqueue(tx, services, told, now)


def code(name: str, organization: str, secret: str, expires: datetime) -> tuple[str, str]:
    """To a mailbox of the domain that is to be proven."""
    return one_line(f"Confirm {name} for {organization}"), (
        f"Hello,\n\nsomebody at {one_line(organization)} says that {name} is their domain. If that is right, give them this code:\n\n"
        f"{secret}\n\nIt works once, until {day(expires)}. If it is not right, do nothing: nothing happens without the code.\n"
    )


def warned(name: str, found: Found, now: datetime) -> tuple[str, str]:
    """The proof is lost."""
    return f"The proof of {name} is gone", (
        f"the proof that {name} is yours was looked for and not found: {SAYS[found.outcome]}. Everything still works. Put the record "
        f"or file back before {day(now + SUSPEND_AFTER)}: after that, sign-in through your identity provider, provisioning and "
        "invitations are suspended for this domain. Accounts are not touched."
    )


def suspended(name: str) -> tuple[str, str]:
    """What rests on the domain is suspended."""
    return f"{name} is suspended", (
        f"the proof of {name} was missing for {length(SUSPEND_AFTER)}. Sign-in through your identity provider, provisioning and "
        "invitations are suspended for this domain until it is proven again. Accounts are not touched."
    )


def regained(name: str) -> tuple[str, str]:
    """The proof is back."""
    return f"{name} is proven again", f"the proof of {name} was found again. Everything works as before."


def proven_below(name: str, parent: str) -> tuple[str, str]:
    """Another organization proved a name below one's own."""
    return f"{name} was proven by another organization", (
        f"you hold {parent}. Another organization has now proven that {name} is theirs. A domain does not include the names below it: "
        f"your own accounts do not change. If {name} should be yours, claim it."
    )


def disputed(name: str, answer_by: datetime) -> tuple[str, str]:
    """To the holder."""
    return f"Another organization proved {name}: prove it again", (
        f"another organization has proven that {name} is theirs. You keep the domain, and nothing changes yet. Please prove it again, "
        f"with the new value on the page, before {day(answer_by)} ({length(ANSWER_TIME)}). Otherwise what rests on the domain is suspended, "
        "and the platform's operator decides."
    )


def contested(name: str, answer_by: datetime) -> tuple[str, str]:
    """To the claimant."""
    return f"{name} is held by another organization", (
        f"your proof of {name} was found, but another organization proved the same domain earlier. It was asked to prove it again before "
        f"{day(answer_by)}. Leave your proof in place; you will be told how it ends."
    )


def kept(name: str) -> tuple[str, str]:
    """To the holder, who proved it again."""
    return f"You keep {name}", f"the dispute about {name} has ended: you proved it again and keep it."


def lost(name: str) -> tuple[str, str]:
    """To the claimant."""
    return f"{name} stays with its holder", (
        f"the dispute about {name} has ended: the other organization proved it again. Your claim was closed. If you believe that this is "
        "wrong, turn to the platform's operator."
    )


def withdrawn(name: str) -> tuple[str, str]:
    """To the holder: the other side's proof is gone."""
    return f"The dispute about {name} has ended", (
        f"the other organization's claim of {name} is no longer there. You keep the domain; its proof is looked at daily as before."
    )


def unanswered(name: str) -> tuple[str, str]:
    """To both sides, when the time to answer is over."""
    return f"{name} is suspended until the dispute is decided", (
        f"{name} was not proven again in time. What rests on the domain is suspended, accounts are not touched, and the platform's "
        "operator decides. The holder can still end the dispute by proving the domain again."
    )


def moved(name: str) -> tuple[str, str]:
    """To the former holder, after an operator's decision."""
    return f"{name} is no longer yours", (
        f"the platform's operator decided the dispute about {name} for the other organization. Your accounts stay yours; new ones need an "
        "address in another domain."
    )


def trust_asked(name: str, person: str) -> tuple[str, str]:
    """To the other admins (O2)."""
    return one_line(f"Approve the trusted domain {name}?"), (
        f"{one_line(person)} wants addresses at {name} to be allowed for your organization's accounts, without a proof that the domain is "
        f"yours. A second admin has to approve it. It can be withdrawn at any time; the request stands for {length(30 * DAY)}."
    )
