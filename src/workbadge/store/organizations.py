"""Organizations as those see them who run them: roles (O8), counts for the overview."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from workbadge.terms.kinds import AccountKind

from .engine import Tx
from .fence import Fence, count_rows, fenced_rows
from .schema import account, business, domain, organization, organization_role


async def find_role(tx: Tx, organization_id: int, account_id: int) -> Row[Any] | None:
    """role, break_glass of an account in an organization, while the account may sign in."""
    return await tx.one(
        select(organization_role.c.role, organization_role.c.break_glass)
        .join(account, account.c.id == organization_role.c.account_id)
        .where(
            organization_role.c.organization_id == organization_id,
            organization_role.c.account_id == account_id,
            account.c.suspended_at.is_(None),
            account.c.deleted_at.is_(None),
        )
    )


async def list_roles(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """account_id, role, break_glass, created_at, name, email, kind, suspended_at of everybody with a role, by name."""
    statement = (
        select(organization_role, account.c.name, account.c.email, account.c.kind, account.c.suspended_at)
        .join(account, account.c.id == organization_role.c.account_id)
        .where(organization_role.c.organization_id == organization_id, account.c.deleted_at.is_(None))
        .order_by(account.c.name_key, account.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(organization_role.c.organization_id, organization_id))


async def lock_roles(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """account_id, role, break_glass of everybody with a role, locked in one order: what the last owner hangs on (O7)."""
    statement = select(organization_role).where(organization_role.c.organization_id == organization_id)
    return await tx.rows(statement.order_by(organization_role.c.account_id).with_for_update())


async def list_with_way_in(tx: Tx, account_ids: list[int]) -> set[int]:
    """Which of the accounts can sign in here with a password: not suspended, not deleted, one is set (O7)."""
    rows = await tx.rows(
        select(account.c.id).where(
            account.c.id.in_(account_ids),
            account.c.suspended_at.is_(None),
            account.c.deleted_at.is_(None),
            account.c.password_hash.is_not(None),
        )
    )
    return {row.id for row in rows}


async def put_role(tx: Tx, organization_id: int, account_id: int, role: str, known: bool, now: datetime) -> None:
    """Give an account a role, or (``known``) another one."""
    if known:
        where = (organization_role.c.organization_id == organization_id, organization_role.c.account_id == account_id)
        await tx.run(update(organization_role).where(*where).values(role=role))
        return
    row = {"organization_id": organization_id, "account_id": account_id, "role": role, "break_glass": 0}
    await tx.run(insert(organization_role), [{**row, "created_at": now}])


async def drop_role(tx: Tx, organization_id: int, account_id: int) -> None:
    """Take an account's role away."""
    where = (organization_role.c.organization_id == organization_id, organization_role.c.account_id == account_id)
    await tx.run(delete(organization_role).where(*where))


async def move_role(tx: Tx, organization_id: int, from_id: int, to_id: int) -> None:
    """A role goes from one account of a person to another that has none."""
    where = (organization_role.c.organization_id == organization_id, organization_role.c.account_id == from_id)
    await tx.run(update(organization_role).where(*where).values(account_id=to_id))


async def list_organizations_of(tx: Tx, account_ids: list[int]) -> list[Row[Any]]:
    """organization_id, name, account_id, role where one of the accounts has a role, by name."""
    statement = (
        select(
            organization_role.c.organization_id,
            organization.c.name,
            organization_role.c.account_id,
            organization_role.c.role,
        )
        .join(organization, organization.c.id == organization_role.c.organization_id)
        .where(organization_role.c.account_id.in_(account_ids))
        .order_by(organization.c.name, organization.c.id, organization_role.c.account_id)
    )
    return await fenced_rows(tx, statement, Fence.among(organization_role.c.account_id, account_ids))


async def list_businesses(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """id, name of an organization's businesses, by name."""
    statement = (
        select(business.c.id, business.c.name)
        .where(business.c.organization_id == organization_id)
        .order_by(business.c.name_key, business.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(business.c.organization_id, organization_id))


async def count_people(tx: Tx, organization_id: int) -> int:
    """How many managed accounts an organization has."""
    mine = (account.c.organization_id == organization_id, account.c.kind == AccountKind.MANAGED.value)
    statement = select(account.c.id).where(*mine, account.c.deleted_at.is_(None))
    return await count_rows(tx, statement, Fence.around(account.c.organization_id, organization_id))


async def list_verified_domains(tx: Tx, organization_id: int) -> list[str]:
    """Names of an organization's verified domains."""
    mine = (domain.c.organization_id == organization_id, domain.c.verified_at.is_not(None))
    statement = select(domain.c.name).where(*mine).order_by(domain.c.name)
    fence = Fence.around(domain.c.organization_id, organization_id)
    return [row.name for row in await fenced_rows(tx, statement, fence)]
