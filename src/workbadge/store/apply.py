"""Writes plans: one function for each kind of change, audit entry and due row. Nobody else interprets changes."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from workbadge.lifecycle.changes import (
    Audit,
    CancelDue,
    Change,
    DeleteAccount,
    DropAssignment,
    Due,
    EndShares,
    ForgetSelections,
    LinkAccounts,
    OpenAccount,
    OpenMembership,
    Plan,
    PutAssignment,
    PutDirectRole,
    RestoreAccount,
    SetAccountPerson,
    SetAssetOwner,
    SetMembershipEnd,
    SetPersonClaimed,
    SetPersonDeadline,
    SetPersonExcluded,
    SetPersonRolledBack,
    SetRole,
    SuspendAccount,
)
from workbadge.terms.addresses import address_key
from workbadge.terms.ids import NewId
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.reasons import Reason

from .engine import Tx
from .grants import revoke_account
from .schema import (
    account,
    account_link,
    app_grant,
    asset,
    assignment,
    direct_role,
    due,
    grant_target,
    membership,
    migration_person,
    name_key,
    session_account,
    share,
)


async def apply_plan(tx: Tx, plan: Plan, actor_id: int | None, new_id: NewId, now: datetime) -> None:
    """Write everything a plan says, inside ``tx``. ``actor_id`` None: the platform itself."""
    for change in plan.changes:
        await apply_change(tx, change)
    await write_audit(tx, plan.audit, actor_id, new_id, now)
    await write_due(tx, plan.due, new_id)


async def write_audit(
    tx: Tx,
    entries: tuple[Audit, ...],
    actor_id: int | None,
    new_id: NewId,
    now: datetime,
) -> None:
    """Append audit entries (I11); they are chained and written with the commit (``chain``)."""
    tx.entries.extend(
        {
            "id": new_id(NodeKind.RECORD),
            "at": now,
            "actor_id": actor_id,
            "act": entry.act,
            "subject_id": entry.subject,
            "business_id": entry.business_id,
            "organization_id": entry.organization_id,
            "detail": json.dumps(entry.detail, separators=(",", ":")),
        }
        for entry in entries
    )


async def write_due(tx: Tx, rows: tuple[Due, ...], new_id: NewId) -> None:
    """Add due work; rows of one instant are carried out in the order given here."""
    await tx.run(
        insert(due),
        [
            {
                "id": new_id(NodeKind.RECORD),
                "at": row.at,
                "kind": row.kind.value,
                "subject": row.subject,
                "rank": rank,
                "done_at": None,
                "tries": 0,
            }
            for rank, row in enumerate(rows)
        ],
    )


async def apply_change(tx: Tx, change: Change) -> None:
    """Write one change."""
    match change:
        case OpenAccount():
            await _open_account(tx, change)
        case OpenMembership():
            await _open_membership(tx, change)
        case SetMembershipEnd(membership_id, ends, cause, handed_over):
            await tx.run(
                update(membership)
                .where(membership.c.id == membership_id)
                .values(
                    ends=ends,
                    end_cause=cause.value if cause else None,
                    handed_over=handed_over,
                )
            )
        case SetRole(membership_id, role):
            await tx.run(update(membership).where(membership.c.id == membership_id).values(role=role.value))
        case PutAssignment(membership_id, asset_id, tasks):
            await _drop(tx, membership_id, asset_id)
            await tx.run(
                insert(assignment),
                [
                    {
                        "membership_id": membership_id,
                        "asset_id": asset_id,
                        "tasks": int(tasks),
                    }
                ],
            )
        case DropAssignment(membership_id, asset_id):
            await _drop(tx, membership_id, asset_id)
        case LinkAccounts():
            await _link(tx, change)
        case SetPersonClaimed(person_id, at, managed_id, managed_membership_id, before):
            await tx.run(
                update(migration_person)
                .where(migration_person.c.id == person_id)
                .values(
                    claimed_at=at,
                    managed_id=managed_id,
                    managed_membership_id=managed_membership_id,
                    before=before,
                )
            )
        case SetPersonRolledBack(person_id, at):
            await tx.run(update(migration_person).where(migration_person.c.id == person_id).values(rolled_back_at=at))
        case SetPersonDeadline(person_id, deadline):
            await tx.run(update(migration_person).where(migration_person.c.id == person_id).values(deadline=deadline))
        case SetPersonExcluded(person_id, at):
            await tx.run(update(migration_person).where(migration_person.c.id == person_id).values(excluded_at=at))
        case ForgetSelections():
            await _forget(tx, change)
        case SuspendAccount(account_id, at):
            await tx.run(update(account).where(account.c.id == account_id).values(suspended_at=at))
            await tx.run(delete(session_account).where(session_account.c.account_id == account_id))
        case RestoreAccount() | SetAccountPerson() | DeleteAccount():
            await _change_account(tx, change)
        case SetAssetOwner(asset_id, business_id):
            await tx.run(update(asset).where(asset.c.id == asset_id).values(business_id=business_id))
            await tx.run(delete(direct_role).where(direct_role.c.asset_id == asset_id))
            selected = update(grant_target).where(grant_target.c.target_id == asset_id)
            await tx.run(selected.values(business_id=business_id))
        case PutDirectRole(account_id, asset_id, tasks):
            given = {"account_id": account_id, "asset_id": asset_id, "tasks": int(tasks)}
            await tx.run(insert(direct_role), [given])
        case EndShares(asset_id, partner_id, at):
            await tx.run(_end_shares(asset_id, partner_id, at))
        case CancelDue(subject):
            await tx.run(delete(due).where(due.c.subject == subject, due.c.done_at.is_(None)))


async def _change_account(tx: Tx, change: RestoreAccount | SetAccountPerson | DeleteAccount) -> None:
    mine = update(account).where(account.c.id == change.account_id)
    match change:
        case RestoreAccount(account_id, at):
            await tx.run(mine.values(suspended_at=None))
            await revoke_account(tx, account_id, Reason.TOKEN_REVOKED, at)
        case SetAccountPerson(_, name, email):
            person = {"name": name, "name_key": name_key(name), "email": email, "email_key": address_key(email)}
            await tx.run(mine.values(person))
        case DeleteAccount(_, at):
            await tx.run(mine.values(deleted_at=at, email_key=None, password_hash=None))


def _end_shares(asset_id: int, partner_id: int, at: datetime) -> Any:
    mine = update(share).where(share.c.asset_id == asset_id, share.c.partner_business_id == partner_id)
    return mine.where(or_(share.c.ends.is_(None), share.c.ends > at)).values(ends=at)


async def _forget(tx: Tx, change: ForgetSelections) -> None:
    grants = select(app_grant.c.id).where(app_grant.c.account_id == change.account_id)
    other_places = select(membership.c.business_id).where(
        membership.c.account_id == change.account_id,
        membership.c.business_id != change.business_id,
        or_(membership.c.ends.is_(None), membership.c.ends > change.at),
    )
    owned_there = select(asset.c.id).where(asset.c.business_id.in_(other_places))
    lent_there = select(share.c.asset_id).where(
        share.c.partner_business_id.in_(other_places), or_(share.c.ends.is_(None), share.c.ends > change.at)
    )
    await tx.run(
        delete(grant_target).where(
            grant_target.c.business_id == change.business_id,
            grant_target.c.grant_id.in_(grants),
            grant_target.c.target_id.not_in(owned_there),
            grant_target.c.target_id.not_in(lent_there),
        )
    )


async def _open_account(tx: Tx, change: OpenAccount) -> None:
    await tx.run(
        insert(account),
        [
            {
                "id": change.id,
                "kind": AccountKind.MANAGED.value,
                "organization_id": change.organization_id,
                "name": change.name,
                "email": change.email,
                "email_key": address_key(change.email),
                "password_hash": change.password_hash,
                "password_changed_at": change.at,
                "locale": "en_US",
                "created_at": change.at,
            }
        ],
    )


async def _open_membership(tx: Tx, change: OpenMembership) -> None:
    new = change.membership
    await tx.run(
        insert(membership),
        [
            {
                "id": new.id,
                "account_id": new.account_id,
                "business_id": new.business_id,
                "role": new.role.value,
                "starts": new.starts,
                "ends": new.ends,
                "end_cause": new.cause.value if new.cause else None,
                "handed_over": new.handed_over,
            }
        ],
    )
    await tx.run(
        insert(assignment),
        [
            {"membership_id": new.id, "asset_id": asset_id, "tasks": int(tasks)}
            for asset_id, tasks in sorted(new.assignments.items())
        ],
    )


async def _drop(tx: Tx, membership_id: int, asset_id: int) -> None:
    await tx.run(
        delete(assignment).where(
            assignment.c.membership_id == membership_id,
            assignment.c.asset_id == asset_id,
        )
    )


async def _link(tx: Tx, change: LinkAccounts) -> None:
    known = await tx.one(
        select(account_link.c.linked_at).where(
            account_link.c.personal_id == change.personal_id,
            account_link.c.managed_id == change.managed_id,
        )
    )
    if known is None:
        await tx.run(
            insert(account_link),
            [
                {
                    "personal_id": change.personal_id,
                    "managed_id": change.managed_id,
                    "linked_at": change.at,
                }
            ],
        )
