"""The people of an organization: its managed accounts by name, and who is invited to become one."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select

from workbadge.terms.kinds import AccountKind
from workbadge.terms.organizations import OrganizationRole

from .engine import Tx
from .fence import Fence, count_rows
from .schema import account, account_link, business, migration_person, name_pattern, organization_role
from .slices import Place, Slice, read_slice


class Standing(StrEnum):
    """Who stands together in the list of people."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    INVITED = "invited"  # has not claimed the work account yet


def _accounts(organization_id: int, standing: Standing, text: str) -> Select[Any]:
    suspended = account.c.suspended_at.is_not(None)
    where: list[ColumnElement[bool]] = [
        account.c.organization_id == organization_id,
        account.c.kind == AccountKind.MANAGED.value,
        account.c.deleted_at.is_(None),
        suspended if standing is Standing.SUSPENDED else ~suspended,
    ]
    if text:
        pattern = name_pattern(text)
        where.append(or_(account.c.name_key.like(pattern, escape="/"), account.c.email_key.like(pattern, escape="/")))
    held = (organization_role.c.account_id == account.c.id) & (organization_role.c.organization_id == organization_id)
    return (
        select(
            account.c.id,
            account.c.name,
            account.c.email,
            account.c.created_at,
            account.c.suspended_at,
            organization_role.c.role,
        )
        .outerjoin(organization_role, held)
        .where(*where)
    )


def _invited(organization_id: int, text: str) -> Select[Any]:
    where: list[ColumnElement[bool]] = [
        migration_person.c.organization_id == organization_id,
        migration_person.c.claimed_at.is_(None),
        migration_person.c.excluded_at.is_(None),
    ]
    if text:
        where.append(or_(account.c.name_key.like(name_pattern(text), escape="/"), _address_has(text)))
    return (
        select(
            migration_person.c.id,
            migration_person.c.migration_id,
            migration_person.c.personal_id,
            account.c.name,
            migration_person.c.work_email.label("email"),
            migration_person.c.invited_at.label("created_at"),
            migration_person.c.deadline,
            business.c.name.label("business"),
        )
        .join(account, account.c.id == migration_person.c.personal_id)
        .join(business, business.c.id == migration_person.c.business_id)
        .where(*where)
    )


def _address_has(text: str) -> ColumnElement[bool]:
    return migration_person.c.work_email.like(name_pattern(text), escape="/")


def _list_of(organization_id: int, standing: Standing, text: str) -> tuple[Select[Any], Fence, ColumnElement[int]]:
    if standing is Standing.INVITED:
        key = migration_person.c.organization_id
        return _invited(organization_id, text), Fence.around(key, organization_id), migration_person.c.id
    key = account.c.organization_id
    return _accounts(organization_id, standing, text), Fence.around(key, organization_id), account.c.id


async def slice_of_people(
    tx: Tx, organization_id: int, standing: Standing, text: str, place: Place, limit: int
) -> Slice:
    """One page of an organization's people, by name, with ``text`` in the name or the work address.

    Columns: id, name, email, created_at; of accounts suspended_at and role (None: none), of invited people migration_id,
    personal_id, deadline, business.
    """
    statement, fence, key = _list_of(organization_id, standing, text)
    return await read_slice(tx, statement, fence, (account.c.name_key, key), place, limit)


async def count_standing(tx: Tx, organization_id: int, text: str) -> dict[Standing, int]:
    """How many people of each standing match."""
    found = {}
    for standing in Standing:
        statement, fence, _ = _list_of(organization_id, standing, text)
        found[standing] = await count_rows(tx, statement, fence)
    return found


async def find_invited(tx: Tx, organization_id: int, person_id: int) -> Row[Any] | None:
    """One open invitation of the organization's migrations, with the columns of ``slice_of_people``."""
    return await tx.one(_invited(organization_id, "").where(migration_person.c.id == person_id))


async def find_role(tx: Tx, organization_id: int, account_id: int) -> OrganizationRole | None:
    """The role that an account holds in the organization, suspended or not."""
    row = await tx.one(
        select(organization_role.c.role).where(
            organization_role.c.organization_id == organization_id, organization_role.c.account_id == account_id
        )
    )
    return None if row is None else OrganizationRole(row.role)


async def list_linked(tx: Tx, managed_id: int) -> list[int]:
    """The personal accounts from which a person claimed a managed one."""
    rows = await tx.rows(select(account_link.c.personal_id).where(account_link.c.managed_id == managed_id))
    return [row.personal_id for row in rows]
