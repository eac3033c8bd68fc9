"""Migrations and their people."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, insert, or_, select, update

from workbadge.lifecycle.migration import PersonRecord
from workbadge.terms.kinds import EndCause, PersonState

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import (
    account,
    account_link,
    business,
    membership,
    migration,
    migration_person,
    name_pattern,
)
from .slices import Place, Slice, read_slice


async def add_migration(
    tx: Tx,
    migration_id: int,
    business_id: int,
    organization_id: int,
    started_by: int | None,
    deadline: datetime | None,
    now: datetime,
) -> None:
    """Insert a migration."""
    row = {
        "id": migration_id,
        "business_id": business_id,
        "organization_id": organization_id,
        "started_by": started_by,
        "started_at": now,
        "deadline": deadline,
    }
    await tx.run(insert(migration), [row])


async def find_migration(tx: Tx, migration_id: int) -> Row[Any] | None:
    """id, business_id, organization_id, started_by, started_at, deadline."""
    return await tx.one(select(migration).where(migration.c.id == migration_id))


async def list_migrations(tx: Tx, business_id: int) -> list[Row[Any]]:
    """Migrations of a business, newest first."""
    statement = (
        select(migration)
        .where(migration.c.business_id == business_id)
        .order_by(migration.c.started_at.desc(), migration.c.id.desc())
    )
    return await fenced_rows(tx, statement, Fence.around(migration.c.business_id, business_id))


async def add_person(tx: Tx, person: PersonRecord, personal_membership_id: int, link_hash: bytes) -> None:
    """Insert an invited person; ``link_hash``: of the claim link's secret."""
    row = {
        "id": person.id,
        "migration_id": person.migration_id,
        "business_id": person.business_id,
        "organization_id": person.organization_id,
        "personal_id": person.personal_id,
        "personal_membership_id": personal_membership_id,
        "work_email": person.work_email,
        "deadline": person.deadline,
        "invited_at": person.invited,
        "link_hash": link_hash,
        "link_expires_at": person.link_expires,
        "prior_ends": person.prior_ends,
        "prior_cause": person.prior_cause.value if person.prior_cause else None,
    }
    await tx.run(insert(migration_person), [row])


def as_record(row: Any) -> PersonRecord:
    """A person's row as the plans take it."""
    return PersonRecord(
        id=row.id,
        migration_id=row.migration_id,
        business_id=row.business_id,
        organization_id=row.organization_id,
        personal_id=row.personal_id,
        work_email=row.work_email,
        deadline=row.deadline,
        invited=row.invited_at,
        link_expires=row.link_expires_at,
        prior_ends=row.prior_ends,
        prior_cause=EndCause(row.prior_cause) if row.prior_cause else None,
        claimed=row.claimed_at,
        managed_id=row.managed_id,
        managed_membership_id=row.managed_membership_id,
        before=row.before,
        rolled_back=row.rolled_back_at,
        excluded=row.excluded_at,
    )


async def find_person(tx: Tx, person_id: int, lock: bool = False) -> Row[Any] | None:
    """A person's row by its id."""
    statement = select(migration_person).where(migration_person.c.id == person_id)
    return await tx.one(statement.with_for_update() if lock else statement)


async def find_person_of(tx: Tx, migration_id: int, personal_id: int, lock: bool = False) -> Row[Any] | None:
    """A person's latest row in one migration."""
    statement = (
        select(migration_person)
        .where(
            migration_person.c.migration_id == migration_id,
            migration_person.c.personal_id == personal_id,
        )
        .order_by(migration_person.c.invited_at.desc(), migration_person.c.id.desc())
    )
    return await tx.one(statement.with_for_update() if lock else statement)


async def find_person_by_link(tx: Tx, link_hash: bytes, lock: bool = False) -> Row[Any] | None:
    """The person whose claim link has that hash."""
    statement = select(migration_person).where(migration_person.c.link_hash == link_hash)
    return await tx.one(statement.with_for_update() if lock else statement)


def _people(migration_id: int) -> Select[Any]:
    """People of a migration with names, addresses and the personal membership's interval."""
    return (
        select(
            migration_person,
            account.c.name,
            account.c.email,
            account.c.locale,
            membership.c.ends,
            membership.c.end_cause,
            membership.c.starts,
            membership.c.handed_over,
        )
        .join(account, account.c.id == migration_person.c.personal_id)
        .join(membership, membership.c.id == migration_person.c.personal_membership_id)
        .where(migration_person.c.migration_id == migration_id)
    )


async def list_people(tx: Tx, migration_id: int) -> list[Row[Any]]:
    """People of a migration with names, addresses and the personal membership's end, by name."""
    fence = Fence.around(migration_person.c.migration_id, migration_id)
    return await fenced_rows(tx, _people(migration_id).order_by(account.c.name, migration_person.c.id), fence)


async def find_listed(tx: Tx, migration_id: int, personal_id: int) -> Row[Any] | None:
    """One person's latest row, as ``list_people`` gives it."""
    mine = _people(migration_id).where(migration_person.c.personal_id == personal_id)
    return await tx.one(mine.order_by(migration_person.c.invited_at.desc(), migration_person.c.id.desc()))


async def slice_of_people(
    tx: Tx, migration_id: int, text: str, state: PersonState | None, now: datetime, place: Place, limit: int
) -> Slice:
    """One page of ``list_people``, by name: of those in ``state`` (None: in any) with ``text`` in the name or an address."""
    statement = _people(migration_id).where(*_matching(text))
    if state is not None:
        statement = statement.where(_state(now) == state.value)
    fence = Fence.around(migration_person.c.migration_id, migration_id)
    return await read_slice(tx, statement, fence, (account.c.name_key, migration_person.c.id), place, limit)


async def count_states(tx: Tx, business_id: int, now: datetime, text: str = "") -> dict[int, dict[PersonState, int]]:
    """Migration of the business to state to the number of people with ``text`` in the name or an address."""
    state = _state(now).label("state")
    rows = await tx.rows(
        select(migration_person.c.migration_id, state, func.count().label("total"))
        .join(account, account.c.id == migration_person.c.personal_id)
        .join(membership, membership.c.id == migration_person.c.personal_membership_id)
        .where(migration_person.c.business_id == business_id, *_matching(text))
        .group_by(migration_person.c.migration_id, "state")
    )
    found: dict[int, dict[PersonState, int]] = {}
    for row in rows:
        found.setdefault(row.migration_id, {})[PersonState(row.state)] = row.total
    return found


def _matching(text: str) -> list[ColumnElement[bool]]:
    if not text:
        return []
    pattern = name_pattern(text)
    return [
        or_(
            account.c.name_key.like(pattern, escape="/"),
            account.c.email_key.like(pattern, escape="/"),
            func.lower(migration_person.c.work_email).like(pattern, escape="/"),
        )
    ]


def _state(now: datetime) -> ColumnElement[str]:
    """``lifecycle.migration.state_of`` as an expression, for finding and counting; a test holds both together."""
    person = migration_person.c
    open_now = and_(membership.c.starts <= now, or_(membership.c.ends.is_(None), membership.c.ends > now))
    gone = membership.c.end_cause.in_((EndCause.REMOVED.value, EndCause.LEAVER.value))
    return case(
        (person.rolled_back_at.is_not(None), PersonState.ROLLED_BACK.value),
        (person.excluded_at.is_not(None), PersonState.EXCLUDED.value),
        (gone, PersonState.LEFT.value),
        (and_(person.claimed_at.is_not(None), open_now), PersonState.IN_GRACE.value),
        (person.claimed_at.is_not(None), PersonState.MIGRATED.value),
        (open_now, PersonState.INVITED.value),
        else_=PersonState.MISSED.value,
    )


def _standing() -> ColumnElement[bool]:
    """Neither rolled back nor excluded."""
    return and_(
        migration_person.c.rolled_back_at.is_(None),
        migration_person.c.excluded_at.is_(None),
    )


async def list_open_invitations(tx: Tx, business_id: int, personal_id: int) -> list[Row[Any]]:
    """The person's rows in migrations of the business that were neither rolled back nor excluded, locked."""
    return await tx.rows(
        select(migration_person)
        .where(
            migration_person.c.business_id == business_id,
            migration_person.c.personal_id == personal_id,
            _standing(),
        )
        .order_by(migration_person.c.id)
        .with_for_update()
    )


async def list_invited_memberships(tx: Tx, business_id: int) -> set[int]:
    """Personal memberships of a business that somebody was invited to hand over (or has handed over)."""
    rows = await tx.rows(
        select(migration_person.c.personal_membership_id).where(
            migration_person.c.business_id == business_id, _standing()
        )
    )
    return {row.personal_membership_id for row in rows}


async def list_addresses(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """work_email, personal_id of everybody who was invited in an organization's businesses."""
    return await tx.rows(
        select(migration_person.c.work_email, migration_person.c.personal_id).where(
            migration_person.c.organization_id == organization_id, _standing()
        )
    )


async def list_in_grace(tx: Tx, managed_id: int, business_id: int | None, now: datetime) -> list[Row[Any]]:
    """Claimed people of a managed account whose grace runs, with the personal membership's end."""
    where = [
        migration_person.c.managed_id == managed_id,
        migration_person.c.rolled_back_at.is_(None),
        membership.c.handed_over.is_not(None),
        membership.c.ends > now,
    ]
    if business_id is not None:
        where.append(migration_person.c.business_id == business_id)
    return await tx.rows(
        select(migration_person, membership.c.ends, business.c.name.label("business_name"))
        .join(membership, membership.c.id == migration_person.c.personal_membership_id)
        .join(business, business.c.id == migration_person.c.business_id)
        .where(and_(*where))
        .order_by(membership.c.ends, migration_person.c.id)
    )


async def replace_link(tx: Tx, person_id: int, link_hash: bytes, expires: datetime) -> None:
    """Give a person a new claim link; the old one is dead."""
    await tx.run(
        update(migration_person)
        .where(migration_person.c.id == person_id)
        .values(link_hash=link_hash, link_expires_at=expires)
    )


async def list_person_ids_of(tx: Tx, managed_id: int) -> list[int]:
    """Rows of migrations in which a managed account was claimed."""
    rows = await tx.rows(select(migration_person.c.id).where(migration_person.c.managed_id == managed_id))
    return [row.id for row in rows]


async def list_claimed_of(tx: Tx, membership_ids: list[int]) -> list[int]:
    """People who handed over these personal memberships and were not rolled back, ascending."""
    rows = await tx.rows(
        select(migration_person.c.id)
        .where(
            migration_person.c.personal_membership_id.in_(membership_ids),
            migration_person.c.claimed_at.is_not(None),
            migration_person.c.rolled_back_at.is_(None),
        )
        .order_by(migration_person.c.id)
    )
    return [row.id for row in rows]


async def list_linked(tx: Tx, account_id: int) -> list[Row[Any]]:
    """personal_id, managed_id of links in which the account stands on either side."""
    return await tx.rows(
        select(account_link).where(
            or_(
                account_link.c.personal_id == account_id,
                account_link.c.managed_id == account_id,
            )
        )
    )
