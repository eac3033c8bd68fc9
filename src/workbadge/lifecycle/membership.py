"""Plans of memberships: taking away, changing roles, removing, leaving (A5, M16, I9)."""

from datetime import datetime

from workbadge.terms.kinds import EndCause, Role
from workbadge.terms.tasks import NONE, Task

from .changes import (
    Audit,
    CancelDue,
    Change,
    DropAssignment,
    MembershipState,
    Plan,
    PutAssignment,
    Refusal,
    SetMembershipEnd,
    SetRole,
    SuspendAccount,
    refuse,
)


def plan_assign(
    membership: MembershipState,
    graces: tuple[MembershipState, ...],
    asset_id: int,
    tasks: Task,
    now: datetime,
) -> Plan:
    """Set a member's tasks on an asset. The old login in grace gains nothing by it and loses what is taken (M5, M16).

    ``graces``: memberships of linked personal accounts in the same business; those whose end has passed stay as
    they are. No tasks: taken away. Refused: NOT_A_MEMBER (also for the personal membership itself, once handed over).
    """
    if not membership.is_open(now) or membership.handed_over is not None:
        return refuse(Refusal.NOT_A_MEMBER)
    if not tasks:
        return plan_take_away(membership, graces, asset_id, now)
    detail = {"asset": asset_id, "tasks": int(tasks)}
    changes: list[Change] = [PutAssignment(membership.id, asset_id, tasks)]
    audit = [_audit("assignment.put", membership, {**detail})]
    for grace in _running(graces, now):
        held = grace.assignments.get(asset_id, NONE)
        if held & ~tasks:
            left = held & tasks
            changes.append(PutAssignment(grace.id, asset_id, left) if left else DropAssignment(grace.id, asset_id))
            audit.append(_audit("assignment.put", grace, {"asset": asset_id, "tasks": int(left)}))
    return Plan(changes=tuple(changes), audit=tuple(audit))


def _running(graces: tuple[MembershipState, ...], now: datetime) -> tuple[MembershipState, ...]:
    """Those graces that still run: nothing is written about what is over (I11)."""
    return tuple(grace for grace in graces if grace.is_open(now))


def plan_take_away(
    membership: MembershipState,
    graces: tuple[MembershipState, ...],
    asset_id: int,
    now: datetime,
) -> Plan:
    """Take an asset from a member; the linked personal membership in grace loses it too (M16).

    Nobody has it: nothing is written. Refused: NOT_A_MEMBER (also for the personal membership itself, once handed
    over: the managed one would keep the asset, and a rollback would bring it back; AC-37).
    """
    if not membership.is_open(now) or membership.handed_over is not None:
        return refuse(Refusal.NOT_A_MEMBER)
    affected = [one for one in (membership, *_running(graces, now)) if asset_id in one.assignments]
    return Plan(
        changes=tuple(DropAssignment(one.id, asset_id) for one in affected),
        audit=tuple(_audit("assignment.take_away", one, {"asset": asset_id}) for one in affected),
    )


def plan_role(
    membership: MembershipState,
    graces: tuple[MembershipState, ...],
    role: Role,
    other_admins: int,
    now: datetime,
) -> Plan:
    """Change a role. A demotion holds for the personal membership in grace too (M16). Refused: LAST_ADMIN, NOT_A_MEMBER."""
    if not membership.is_open(now) or membership.handed_over is not None:
        return refuse(Refusal.NOT_A_MEMBER)
    if membership.role is role:
        return refuse(Refusal.NOTHING_TO_DO)
    if membership.role is Role.ADMIN and other_admins < 1:
        return refuse(Refusal.LAST_ADMIN)
    affected = (membership, *_running(graces, now)) if role is not Role.ADMIN else (membership,)
    changing = [one for one in affected if one.role is not role]
    return Plan(
        changes=tuple(SetRole(one.id, role) for one in changing),
        audit=tuple(_audit("membership.role", one, {"role": role.value}) for one in changing),
    )


def plan_remove(
    membership: MembershipState,
    graces: tuple[MembershipState, ...],
    other_admins: int,
    now: datetime,
) -> Plan:
    """Remove a member now, and with a managed one the grace of its personal accounts (M16, I7). Refused: LAST_ADMIN, NOT_A_MEMBER."""
    if not membership.is_open(now):
        return refuse(Refusal.NOT_A_MEMBER)
    if membership.role is Role.ADMIN and membership.handed_over is None and other_admins < 1:
        return refuse(Refusal.LAST_ADMIN)
    affected = (membership, *_running(graces, now))
    return Plan(
        changes=tuple(SetMembershipEnd(one.id, now, EndCause.REMOVED, one.handed_over) for one in affected),
        audit=tuple(_audit("membership.remove", one, {}) for one in affected),
    )


def plan_leaver(
    account_id: int,
    organization_id: int,
    graces: tuple[MembershipState, ...],
    persons: tuple[int, ...],
    last_admin: bool,
    now: datetime,
) -> Plan:
    """Suspend a managed account (A5): sessions and reach end now, and so does every grace of its linked personal
    accounts in this organization's businesses (``graces``; ``persons``: their rows in migrations, whose due work stops).

    ``last_admin``: it is the only admin of some business, or of the organization. Refused: LAST_ADMIN (I9, O7).
    """
    if last_admin:
        return refuse(Refusal.LAST_ADMIN)
    graces = _running(graces, now)
    changes: list[Change] = [SuspendAccount(account_id, now)]
    changes.extend(SetMembershipEnd(one.id, now, EndCause.LEAVER, one.handed_over) for one in graces)
    changes.extend(CancelDue(person) for person in persons)
    return Plan(
        changes=tuple(changes),
        audit=(
            Audit("account.suspend", account_id, None, organization_id),
            *(_audit("membership.leaver", one, {}) for one in graces),
        ),
    )


def _audit(act: str, membership: MembershipState, detail: dict[str, str | int | None]) -> Audit:
    """The entry for one membership."""
    return Audit(
        act,
        membership.account_id,
        membership.business_id,
        None,
        {"membership": membership.id, **detail},
    )
