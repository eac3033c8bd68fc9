"""The words of a domain's proof: methods, outcomes of a check, states, and the numbers they rest on (O1, O2)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from .instants import DAY

LABEL = "_workbadge-challenge"
"""The TXT record stands at this label below the domain (RFC 8552)."""

FILE = "workbadge-verification.html"
MAILBOXES = ("admin", "administrator", "hostmaster", "postmaster", "webmaster")
"""The mailboxes a code is sent to; whoever reads them speaks for the domain (RFC 2142)."""

ATTEMPT = 14 * DAY
"""A token that nothing was proven with ends after so long."""

RECHECK = DAY
RECHECK_FAILING = timedelta(hours=6)
SUSPEND_AFTER = 7 * DAY
"""From the warning on; then what rests on the domain is suspended."""

MAIL_PROOF = 365 * DAY
"""A proof by e-mail code cannot be looked up again: after so long it counts as lost."""

ANSWER_TIME = 14 * DAY
"""In a dispute the holder proves the domain again within this time."""

CODE_LIFE = DAY
CODE_PAUSE = timedelta(minutes=1)
CODE_TRIES = 5


class Method(StrEnum):
    """How a domain is proven."""

    DNS = "dns"
    FILE = "file"
    MAIL = "mail"


class Outcome(StrEnum):
    """What a look at a proof found. All but ``FOUND`` prove nothing."""

    FOUND = "found"
    MISSING = "missing"  # no such record or file
    WRONG = "wrong"  # there is one, with something else in it
    NO_DOMAIN = "no_domain"  # NXDOMAIN for the domain's record
    ALIAS = "alias"  # a CNAME answers for it: the target's owner would be proven
    WILDCARD = "wildcard"  # any label is answered so: says nothing about who set it
    NO_ANSWER = "no_answer"  # timeout, SERVFAIL, unreachable, broken answer
    TOO_OLD = "too_old"  # a proof by e-mail code has run out


class DomainStatus(StrEnum):
    """How an organization stands to a domain, as of an instant."""

    OPEN = "open"  # claimed, not proven
    EXPIRED = "expired"  # claimed, not proven in time
    VERIFIED = "verified"
    WARNED = "warned"  # the proof is lost; everything still works
    SUSPENDED = "suspended"  # what rests on the domain does not work
    DISPUTED = "disputed"  # another organization proved it too; the holder has to prove it again
    CONTESTED = "contested"  # proven, but another organization holds it


@dataclass(frozen=True, slots=True)
class Found:
    """One look: the outcome, and what was received instead of the expected value (cut, printable)."""

    outcome: Outcome
    received: str = ""


def record_name(domain: str) -> str:
    """Where the TXT record stands."""
    return f"{LABEL}.{domain}"


def proof_value(token: str) -> str:
    """What the TXT record and the file say."""
    return f"workbadge-verification={token}"
