"""Reconciling an organization's people with a file: what becomes of every row, before anything is written (A1, O8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workbadge.terms.addresses import address_key, domain_of, parse_address

NAME_LENGTH = 200


class Outcome(StrEnum):
    """What becomes of a row."""

    CREATE = "create"  # a new work account
    RENAME = "rename"  # the account is there under another name
    SAME = "same"  # the account is there as the row says
    SUSPENDED = "suspended"  # the account is there and suspended: an import lets nobody in again
    REFUSED = "refused"  # nothing; ``why`` says what is wrong


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file: its number there, name and address as typed."""

    number: int
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Known:
    """A managed account with an address of the file. ``mine``: of this organization."""

    id: int
    name: str
    suspended: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row and what becomes of it. ``address``: as stored; ``account_id``: of the account that is there."""

    line: Line
    outcome: Outcome
    name: str
    address: str = ""
    account_id: int | None = None
    why: str = ""


def read_address(line: Line) -> str | None:
    """The address of a row as it would be stored; None when it is none."""
    try:
        return parse_address(line.email.strip())
    except ValueError:
        return None


def plan_import(lines: Sequence[Line], known: Mapping[str, Known], domains: frozenset[str]) -> list[Verdict]:
    """What becomes of each row, in the order of the file. ``known``: accounts by ``address_key``; ``domains``: those in which
    accounts may have addresses now (A1, O1).

    Of two rows with one address the first counts. An account of another organization is answered as an address that cannot be
    used, without saying whose it is.
    """
    seen: dict[str, int] = {}
    verdicts = []
    for line in lines:
        verdict = _judge(line, known, domains, seen)
        verdicts.append(verdict)
        if verdict.address:
            seen.setdefault(address_key(verdict.address), line.number)
    return verdicts


def _judge(line: Line, known: Mapping[str, Known], domains: frozenset[str], seen: Mapping[str, int]) -> Verdict:
    name, address = line.name.strip(), read_address(line)
    if address is None:
        return Verdict(line, Outcome.REFUSED, name, why="This is not one e-mail address.")
    if not 1 <= len(name) <= NAME_LENGTH or any(ord(one) < 32 or ord(one) == 127 for one in name):
        return Verdict(
            line, Outcome.REFUSED, name, why=f"A name has 1 to {NAME_LENGTH} characters, no control characters."
        )
    key = address_key(address)
    if key in seen:
        return Verdict(line, Outcome.REFUSED, name, why=f"Row {seen[key]} has the same address.")
    if domain_of(address) not in domains:
        return Verdict(
            line, Outcome.REFUSED, name, why=f"{domain_of(address)} is not a verified domain here, or it is suspended."
        )
    there = known.get(key)
    if there is None:
        return Verdict(line, Outcome.CREATE, name, address)
    if not there.mine:
        return Verdict(line, Outcome.REFUSED, name, why="This address cannot be used.")
    if there.suspended:
        return Verdict(line, Outcome.SUSPENDED, name, address, there.id)
    outcome = Outcome.SAME if there.name == name else Outcome.RENAME
    return Verdict(line, outcome, name, address, there.id)
