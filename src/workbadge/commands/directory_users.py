"""People whom an organization's directory provisions: each is a managed account (A1, A5, O5).

What the directory said is kept as it said it (``document``, a SCIM resource without what the platform adds); what it means
for the account is planned by ``lifecycle.directory``. Every change holds the directory first (``lock_directory``).
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.lifecycle.directory import Person, plan_departure, plan_person
from workbadge.store import directory_users as store
from workbadge.store import records, rights
from workbadge.store.apply import apply_plan, write_audit
from workbadge.store.directory_users import Place
from workbadge.store.engine import Tx
from workbadge.terms.addresses import address_key, parse_address
from workbadge.terms.kinds import AccountKind, NodeKind

from .errors import CommandError, conflict, invalid, not_found
from .membership import suspend_in
from .portfolio import check_work_address
from .refusals import check_plan
from .services import Services

NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """Somebody as the directory reads them. ``groups``: id and name of each group. ``version`` 0: it said nothing yet."""

    id: int
    document: dict[str, Any]
    active: bool
    version: int
    created_at: datetime
    modified_at: datetime
    groups: list[tuple[int, str]] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where it stands in the order."""
        return Place(self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class WantedUser:
    """What a directory wants somebody to be. ``active`` None: as it is. ``work_email``: what it is found by, as written."""

    document: dict[str, Any]
    user_name: str
    external_id: str | None
    work_email: str | None
    address: str | None
    name: str
    active: bool | None


def compared(text: str) -> str:
    """The form in which names and addresses are compared (RFC 7643 §2.2: not by case)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def hash_compared(text: str) -> bytes:
    """What is stored to find a name or an address."""
    return hash_exact(compared(text))


def hash_exact(text: str) -> bytes:
    """What is stored to find an identifier that is compared as it is."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def shown_name(*candidates: str | None) -> str:
    """The first of the candidates that leaves something when what cannot be shown is left out."""
    for text in candidates:
        kept = "".join(letter for letter in text or "" if letter.isprintable()).strip()[:NAME_LENGTH]
        if kept:
            return kept
    return "?"


def find_address(*candidates: str | None) -> str | None:
    """The first of the candidates that is an address."""
    for text in candidates:
        try:
            return parse_address((text or "").strip())
        except ValueError:
            continue
    return None


def as_user(row: Any) -> DirectoryUser:
    """A row as the directory reads it; of whom it said nothing, what the account itself says."""
    if row.document is not None:
        document = json.loads(row.document)
    else:
        document = {"userName": row.email or str(row.id), "displayName": row.name, "active": True}
        if row.email:
            document["emails"] = [{"value": row.email, "type": "work", "primary": True}]
    changed = row.modified_at or row.created_at
    return DirectoryUser(row.id, document, row.suspended_at is None, row.version or 0, row.created_at, changed)


async def with_groups(tx: Tx, users: list[DirectoryUser]) -> list[DirectoryUser]:
    """The same, each with its groups."""
    by_id = {one.id: one for one in users}
    for row in await store.groups_of(tx, list(by_id)):
        by_id[row.account_id].groups.append((row.id, json.loads(row.document)["displayName"]))
    return users


async def find_users(tx: Tx, organization_id: int, ids: Iterable[int]) -> list[DirectoryUser]:
    """Those of these ids that the organization has."""
    return [as_user(row) for row in await store.find_users(tx, organization_id, list(ids))]


async def ids_by_user_name(tx: Tx, organization_id: int, user_name: str) -> list[int]:
    """Who has this user name (one at most)."""
    said = await store.ids_by_hash(tx, organization_id, "user_name_hash", hash_compared(user_name))
    return said or await store.ids_by_address(tx, organization_id, address_key(user_name))


async def ids_by_external_id(tx: Tx, organization_id: int, external_id: str) -> list[int]:
    """Whom the directory calls so (one at most)."""
    return await store.ids_by_hash(tx, organization_id, "external_hash", hash_exact(external_id))


async def ids_by_work_email(tx: Tx, organization_id: int, email: str) -> list[int]:
    """Who has this work address."""
    said = await store.ids_by_hash(tx, organization_id, "email_hash", hash_compared(email))
    return said + await store.ids_by_address(tx, organization_id, address_key(email))


async def add_user(
    tx: Tx, services: Services, organization_id: int, wanted: WantedUser, now: datetime
) -> DirectoryUser:
    """A managed account for somebody whom the directory knows (A1). Raises CommandError: CONFLICT when the user name, the
    directory's identifier or the address is taken, INVALID for an address outside the organization's verified domains."""
    await store.lock_directory(tx, organization_id)
    await _check_free(tx, organization_id, wanted, None)
    address = await _check_address(tx, organization_id, wanted, None, now)
    account_id = services.entropy.new_id(NodeKind.ACCOUNT)
    await records.add_account(
        tx, account_id, AccountKind.MANAGED, wanted.name, now, address, organization_id=organization_id
    )
    await store.put_user(tx, account_id, _values(organization_id, wanted, 1, now), known=False)
    entry = Audit("account.provision", account_id, None, organization_id)
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)
    if wanted.active is False:
        check_plan(await suspend_in(tx, services, account_id, organization_id, None, now))
    return await load_user(tx, organization_id, account_id)


async def load_user(tx: Tx, organization_id: int, account_id: int) -> DirectoryUser:
    """One person with its groups. Raises NOT_FOUND, the same for another organization's (SC-22)."""
    found = await find_users(tx, organization_id, [account_id])
    if not found:
        raise not_found("user")
    return (await with_groups(tx, found))[0]


async def replace_user(
    tx: Tx, services: Services, organization_id: int, present: DirectoryUser, wanted: WantedUser, now: datetime
) -> DirectoryUser:
    """Make somebody what the directory wants, suspension and its end included (A5), in this transaction. Raises CommandError:
    as ``add_user``; LAST_ADMIN when it would leave nobody to administer (I9, O7)."""
    await _check_free(tx, organization_id, wanted, present.id)
    account = await records.find_account(tx, present.id)
    if account is None:
        raise not_found("user")
    address = await _check_address(tx, organization_id, wanted, account.email, now)
    before = Person(account.name, account.email or "", present.active)
    after = Person(wanted.name, address, present.active if wanted.active is None else wanted.active)
    plan = plan_person(present.id, organization_id, before, after, now)
    await apply_plan(tx, plan, None, services.entropy.new_id, now)
    if before.active and not after.active:
        check_plan(await suspend_in(tx, services, present.id, organization_id, None, now))
    values = _values(organization_id, wanted, present.version + 1, now)
    await store.put_user(tx, present.id, values, known=present.version > 0)
    return await load_user(tx, organization_id, present.id)


async def remove_user(tx: Tx, services: Services, organization_id: int, present: DirectoryUser, now: datetime) -> None:
    """Deprovision somebody (A5): the account ends with all its places, and its address is free. Raises LAST_ADMIN."""
    if present.active:
        check_plan(await suspend_in(tx, services, present.id, organization_id, None, now))
    places = await rights.list_memberships(tx, present.id)
    plan = plan_departure(present.id, organization_id, tuple(places), now)
    await apply_plan(tx, plan, None, services.entropy.new_id, now)
    await store.drop_user(tx, present.id)


def _values(organization_id: int, wanted: WantedUser, version: int, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "user_name_hash": hash_compared(wanted.user_name),
        "external_hash": None if wanted.external_id is None else hash_exact(wanted.external_id),
        "email_hash": None if wanted.work_email is None else hash_compared(wanted.work_email),
        "document": wanted.document,
        "version": version,
        "modified_at": now,
    }


async def _check_free(tx: Tx, organization_id: int, wanted: WantedUser, own_id: int | None) -> None:
    if any(one != own_id for one in await ids_by_user_name(tx, organization_id, wanted.user_name)):
        raise _taken("userName", wanted.user_name)
    if wanted.external_id is None:
        return
    if any(one != own_id for one in await ids_by_external_id(tx, organization_id, wanted.external_id)):
        raise _taken("externalId", wanted.external_id)


def _taken(attribute: str, value: str) -> CommandError:
    error = conflict(f"There is a user with the {attribute} {value[:80]!r} already.", "a value that nobody has")
    error.field = attribute
    return error


async def _check_address(tx: Tx, organization_id: int, wanted: WantedUser, present: str | None, now: datetime) -> str:
    """The work address: in a good domain and nobody else's, unless it is the present one (A1)."""
    if wanted.address is None:
        raise invalid(
            "emails",
            "There is no work address.",
            "a primary or work e-mail, or a userName, that is an address in a verified domain of the organization",
        )
    if present is not None and address_key(present) == address_key(wanted.address):
        return wanted.address
    await check_work_address(tx, wanted.address, organization_id, now)
    if await records.find_account_by_address(tx, AccountKind.MANAGED, wanted.address) is not None:
        raise _taken("address", wanted.address)
    return wanted.address
