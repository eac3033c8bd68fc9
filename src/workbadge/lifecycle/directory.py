"""What a change in a directory means for the account that it is about (A1, A5, O5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from workbadge.terms.kinds import EndCause

from .changes import (
    Audit,
    Change,
    DeleteAccount,
    MembershipState,
    Plan,
    RestoreAccount,
    SetAccountPerson,
    SetMembershipEnd,
)


@dataclass(frozen=True, slots=True)
class Person:
    """What the platform itself holds of somebody whom a directory knows. ``address``: the work address (A1)."""

    name: str
    address: str
    active: bool


def plan_person(account_id: int, organization_id: int, present: Person, wanted: Person, now: datetime) -> Plan:
    """Name, address and the lifting of a suspension as the directory wants them; the same: nothing is written.

    Not planned here: a suspension, which rests on much more (``membership.plan_leaver``).
    """
    changes: list[Change] = []
    audit: list[Audit] = []
    if (present.name, present.address) != (wanted.name, wanted.address):
        changes.append(SetAccountPerson(account_id, wanted.name, wanted.address))
        moved = "account.rename" if present.address == wanted.address else "account.address"
        audit.append(Audit(moved, account_id, None, organization_id))
    if wanted.active and not present.active:
        changes.append(RestoreAccount(account_id, now))
        audit.append(Audit("account.restore", account_id, None, organization_id))
    return Plan(changes=tuple(changes), audit=tuple(audit))


def plan_departure(
    account_id: int, organization_id: int, memberships: tuple[MembershipState, ...], now: datetime
) -> Plan:
    """Delete a suspended account: its places end too, and whoever gets its address later inherits nothing (SC-19)."""
    places = tuple(one for one in memberships if one.ends is None or one.ends > now)
    changes: list[Change] = [SetMembershipEnd(one.id, now, EndCause.LEAVER, one.handed_over) for one in places]
    gone = [Audit("membership.leaver", account_id, one.business_id, None, {"membership": one.id}) for one in places]
    return Plan(
        changes=(*changes, DeleteAccount(account_id, now)),
        audit=(*gone, Audit("account.delete", account_id, None, organization_id)),
    )


class MemberAct(StrEnum):
    """What happens to members of a group."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One act on a group's members; replacing by none clears it."""

    act: MemberAct
    ids: frozenset[int]


def fold_members(present: frozenset[int], changes: Iterable[MemberChange]) -> tuple[frozenset[int], frozenset[int]]:
    """Who joins and who leaves a group when the changes are made in this order: nobody else is touched (SC-11, SC-12)."""
    members = present
    for one in changes:
        match one.act:
            case MemberAct.ADD:
                members = members | one.ids
            case MemberAct.REMOVE:
                members = members - one.ids
            case _:
                members = one.ids
    return members - present, present - members
