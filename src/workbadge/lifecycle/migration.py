"""Plans of a migration: start, claim, grace, extension, missed deadline, rollback (M1-M18)."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workbadge.terms.instants import DAY, from_micros, to_micros
from workbadge.terms.kinds import EndCause, PersonState, Role
from workbadge.terms.tasks import Task

from .changes import (
    Audit,
    CancelDue,
    Change,
    Due,
    DueKind,
    ForgetSelections,
    LinkAccounts,
    MembershipState,
    OpenAccount,
    OpenMembership,
    Plan,
    PutAssignment,
    Refusal,
    SetMembershipEnd,
    SetPersonClaimed,
    SetPersonDeadline,
    SetPersonExcluded,
    SetPersonRolledBack,
    refuse,
)

REMIND_BEFORE = (14 * DAY, 7 * DAY, 3 * DAY, 1 * DAY)
"""Distances before a cut-off or a deadline at which mail goes out (B5, M3)."""


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """One person of one migration, as it stands. States are computed (``state_of``), never stored.

    ``prior_ends``/``prior_cause``: the personal membership's end before the migration touched it.
    ``before``: what ``snapshot`` wrote at the claim. ``link_expires``: end of the claim link's life.
    """

    id: int
    migration_id: int
    business_id: int
    organization_id: int
    personal_id: int
    work_email: str
    deadline: datetime | None
    invited: datetime
    link_expires: datetime
    prior_ends: datetime | None = None
    prior_cause: EndCause | None = None
    claimed: datetime | None = None
    managed_id: int | None = None
    managed_membership_id: int | None = None
    before: str | None = None
    rolled_back: datetime | None = None
    excluded: datetime | None = None


def state_of(person: PersonRecord, personal: MembershipState | None, now: datetime) -> PersonState:
    """The person's state at ``now``; ``personal`` is the membership of the personal account in that business."""
    if person.rolled_back is not None:
        return PersonState.ROLLED_BACK
    if person.excluded is not None:
        return PersonState.EXCLUDED
    if personal is None or personal.cause in (EndCause.REMOVED, EndCause.LEAVER):
        return PersonState.LEFT
    if person.claimed is not None:
        return PersonState.IN_GRACE if personal.is_open(now) else PersonState.MIGRATED
    if person.deadline is not None and person.deadline <= now:
        return PersonState.MISSED
    return PersonState.INVITED


def snapshot(membership: MembershipState) -> str:
    """The restorable state of a membership: role and assignments, as canonical JSON (equal states, equal text)."""
    tasks = {str(asset): int(tasks) for asset, tasks in sorted(membership.assignments.items())}
    return json.dumps({"role": membership.role.value, "assignments": tasks}, separators=(",", ":"))


def read_snapshot(text: str) -> tuple[Role, dict[int, Task]]:
    """Role and assignments that ``snapshot`` wrote."""
    data = json.loads(text)
    return Role(data["role"]), {int(asset): Task(tasks) for asset, tasks in data["assignments"].items()}


def _reminders(kind: DueKind, end: datetime, now: datetime, subject: int) -> tuple[Due, ...]:
    """Reminders before ``end`` that still lie ahead."""
    return tuple(Due(end - before, kind, subject) for before in REMIND_BEFORE if end - before > now)


def _deadline_due(person_id: int, deadline: datetime | None, now: datetime) -> tuple[Due, ...]:
    """What a deadline makes due: reminders and the deadline itself."""
    if deadline is None:
        return ()
    return (
        *_reminders(DueKind.REMIND_CLAIM, deadline, now, person_id),
        Due(deadline, DueKind.DEADLINE, person_id),
    )


def _grace_due(person_id: int, ends: datetime, now: datetime) -> tuple[Due, ...]:
    """What a grace makes due: the announcement now, reminders, the cut-off."""
    return (
        Due(now, DueKind.ANNOUNCE, person_id),
        *_reminders(DueKind.REMIND_RECONNECT, ends, now, person_id),
        Due(ends, DueKind.CUT_OFF, person_id),
    )


def plan_invite(person: PersonRecord, personal: MembershipState, now: datetime) -> Plan:
    """Invite one person (M1, M3): the claim mail now, reminders until the deadline, the deadline on the membership.

    Missing it needs no job: the membership ends at the deadline unless a claim moves that end (M9, M10).
    The caller inserts ``person``. Refused: IN_THE_PAST, NOT_A_MEMBER.
    """
    if not personal.is_open(now) or personal.handed_over is not None:
        return refuse(Refusal.NOT_A_MEMBER)
    if person.deadline is not None and person.deadline <= now:
        return refuse(Refusal.IN_THE_PAST, now)
    changes: tuple[Change, ...] = ()
    if person.deadline is not None:
        changes = (SetMembershipEnd(personal.id, person.deadline, EndCause.DEADLINE, None),)
    return Plan(
        changes=changes,
        audit=(_audit("migration.invite", person, {"deadline": _text(person.deadline)}),),
        due=(
            Due(now, DueKind.INVITE, person.id),
            *_deadline_due(person.id, person.deadline, now),
        ),
    )


def plan_deadline(
    person: PersonRecord,
    personal: MembershipState,
    deadline: datetime | None,
    now: datetime,
) -> Plan:
    """Move or lift the deadline of somebody who has not claimed. Refused: ALREADY_CLAIMED, IN_THE_PAST, NOT_A_MEMBER."""
    if person.claimed is not None or person.rolled_back is not None or person.excluded is not None:
        return refuse(Refusal.ALREADY_CLAIMED if person.claimed else Refusal.NOT_INVITED)
    if not personal.is_open(now):
        return refuse(Refusal.NOT_A_MEMBER)
    if deadline is not None and deadline <= now:
        return refuse(Refusal.IN_THE_PAST, now)
    end = (
        SetMembershipEnd(personal.id, deadline, EndCause.DEADLINE, None)
        if deadline is not None
        else SetMembershipEnd(personal.id, person.prior_ends, person.prior_cause, None)
    )
    return Plan(
        changes=(end, SetPersonDeadline(person.id, deadline), CancelDue(person.id)),
        audit=(_audit("migration.deadline", person, {"deadline": _text(deadline)}),),
        due=_deadline_due(person.id, deadline, now),
    )


def plan_resend(person: PersonRecord, now: datetime) -> Plan:
    """Send the invitation of somebody who has not claimed again. Refused: ALREADY_CLAIMED, NOT_INVITED."""
    if person.claimed is not None and person.rolled_back is None:
        return refuse(Refusal.ALREADY_CLAIMED)
    if person.rolled_back is not None or person.excluded is not None:
        return refuse(Refusal.NOT_INVITED)
    return Plan(
        audit=(_audit("migration.resend", person, {}),),
        due=(Due(now, DueKind.INVITE, person.id),),
    )


def plan_exclude(person: PersonRecord, personal: MembershipState, now: datetime) -> Plan:
    """Take somebody who has not claimed out of the migration: the invitation dies, the deadline is lifted."""
    if person.claimed is not None:
        return refuse(Refusal.ALREADY_CLAIMED)
    changes: list[Change] = [SetPersonExcluded(person.id, now), CancelDue(person.id)]
    if personal.is_open(now) and personal.cause is EndCause.DEADLINE:
        changes.append(SetMembershipEnd(personal.id, person.prior_ends, person.prior_cause, None))
    return Plan(changes=tuple(changes), audit=(_audit("migration.exclude", person, {}),))


@dataclass(frozen=True, slots=True)
class Claim:
    """The command of M4: both logins proven in one browser.

    ``proven_personal``/``proven_work``: what the browser proved. ``managed_id``: the existing managed account of
    that address, else the id of the one to open with ``name`` and ``password_hash``.
    """

    proven_personal: int
    proven_work: str
    managed_id: int
    membership_id: int
    name: str = ""
    password_hash: str | None = None


def plan_claim(
    person: PersonRecord,
    personal: MembershipState,
    managed: MembershipState | None,
    claim: Claim,
    grace: timedelta,
    now: datetime,
) -> Plan:
    """The employee takes the managed account and hands the business over to it (M4, M5, M7, M10).

    ``personal``: the personal membership in the business. ``managed``: the managed account's open membership
    there, if it already has one (somebody else invited it). Afterwards the managed membership has the same role
    and the same assignments, the personal one ends at ``now + grace`` - or stays ended where the deadline had
    already passed: nothing lost comes back. Writes rows by the number of assignments only (M9).

    Refused, in this order: ALREADY_CLAIMED, NOT_INVITED (rolled back or excluded), LINK_EXPIRED, WRONG_PERSON,
    NOT_A_MEMBER (removed or left).
    """
    if person.claimed is not None and person.rolled_back is None:
        return refuse(Refusal.ALREADY_CLAIMED)
    if person.rolled_back is not None or person.excluded is not None:
        return refuse(Refusal.NOT_INVITED)
    if now >= person.link_expires:
        return refuse(Refusal.LINK_EXPIRED, person.link_expires)
    if claim.proven_personal != person.personal_id or claim.proven_work != person.work_email:
        return refuse(Refusal.WRONG_PERSON)
    late = not personal.is_open(now)
    if late and personal.cause is not EndCause.DEADLINE:
        return refuse(Refusal.NOT_A_MEMBER)

    changes: list[Change] = []
    if claim.password_hash is not None:
        changes.append(
            OpenAccount(
                claim.managed_id,
                person.organization_id,
                claim.name,
                person.work_email,
                claim.password_hash,
                now,
            )
        )
    membership_id = claim.membership_id if managed is None else managed.id
    if managed is None:
        changes.append(OpenMembership(_successor(personal, membership_id, claim.managed_id, now)))
    else:
        changes.extend(
            PutAssignment(managed.id, asset, tasks | managed.assignments.get(asset, Task(0)))
            for asset, tasks in sorted(personal.assignments.items())
        )
    ends = personal.ends if late else now + grace
    if not late:
        changes.append(SetMembershipEnd(personal.id, ends, EndCause.GRACE, now))
    changes.append(LinkAccounts(person.personal_id, claim.managed_id, now))
    changes.append(SetPersonClaimed(person.id, now, claim.managed_id, membership_id, snapshot(personal)))
    changes.append(CancelDue(person.id))
    after = (Due(now, DueKind.CLAIMED, person.id),)
    return Plan(
        changes=tuple(changes),
        audit=(
            _audit(
                "migration.claim",
                person,
                {"managed": claim.managed_id, "cut_off": _text(ends)},
            ),
        ),
        due=after if late or ends is None else (*after, *_grace_due(person.id, ends, now)),
    )


def _successor(personal: MembershipState, membership_id: int, managed_id: int, now: datetime) -> MembershipState:
    """The managed membership that takes over: same role, same assignments, open."""
    return replace(
        personal,
        id=membership_id,
        account_id=managed_id,
        starts=now,
        ends=None,
        cause=None,
        handed_over=None,
        assignments=dict(personal.assignments),
    )


def plan_extension(
    person: PersonRecord,
    personal: MembershipState,
    to: datetime,
    limit: timedelta,
    now: datetime,
) -> Plan:
    """Move a running grace to a later end (M11); ``limit`` counts from the claim.

    Refused: NOT_CLAIMED, AFTER_CUT_OFF, NOT_LATER (than the present end), BEYOND_LIMIT.
    """
    if person.claimed is None or person.rolled_back is not None or personal.cause is not EndCause.GRACE:
        return refuse(Refusal.NOT_CLAIMED)
    if personal.ends is None or not personal.is_open(now):
        return refuse(Refusal.AFTER_CUT_OFF, personal.ends)
    if to <= personal.ends:
        return refuse(Refusal.NOT_LATER, personal.ends)
    if to > person.claimed + limit:
        return refuse(Refusal.BEYOND_LIMIT, person.claimed + limit)
    return Plan(
        changes=(
            SetMembershipEnd(personal.id, to, EndCause.GRACE, personal.handed_over),
            CancelDue(person.id),
        ),
        audit=(
            _audit(
                "migration.extend",
                person,
                {"from": _text(personal.ends), "to": _text(to)},
            ),
        ),
        due=_grace_due(person.id, to, now),
    )


def plan_rollback(
    person: PersonRecord,
    personal: MembershipState,
    managed: MembershipState,
    now: datetime,
) -> Plan:
    """Back to the state before the claim, inside grace (M12, I5).

    Assignments of the personal membership become what the claim's snapshot says, less what an admin took from
    the managed one meanwhile (M16); its end becomes what it was before the migration; the managed membership
    ends now and its selections of this business are forgotten.

    Refused: NOT_CLAIMED, AFTER_CUT_OFF.
    """
    if person.claimed is None or person.before is None or person.rolled_back is not None:
        return refuse(Refusal.NOT_CLAIMED)
    if personal.cause is not EndCause.GRACE or not personal.is_open(now):
        return refuse(Refusal.AFTER_CUT_OFF, personal.ends)
    _, assignments = read_snapshot(person.before)
    kept = {asset: tasks & managed.assignments.get(asset, Task(0)) for asset, tasks in assignments.items()}
    changes: list[Change] = [
        PutAssignment(personal.id, asset, tasks)
        for asset, tasks in sorted(kept.items())
        if tasks and personal.assignments.get(asset) != tasks
    ]
    changes.append(SetMembershipEnd(personal.id, person.prior_ends, person.prior_cause, None))
    changes.append(SetMembershipEnd(managed.id, now, EndCause.ROLLED_BACK, None))
    changes.append(ForgetSelections(managed.account_id, person.business_id))
    changes.append(SetPersonRolledBack(person.id, now))
    changes.append(CancelDue(person.id))
    return Plan(
        changes=tuple(changes),
        audit=(_audit("migration.roll_back", person, {}),),
        due=(Due(now, DueKind.ANNOUNCE, person.id),),
    )


def plan_missed_deadline(person: PersonRecord, personal: MembershipState, now: datetime) -> Plan:
    """What happens when a deadline comes: an audit entry. Access has ended by itself (M9, M10)."""
    if person.claimed is not None or person.excluded is not None or personal.is_open(now):
        return refuse(Refusal.NOTHING_TO_DO)
    return Plan(
        audit=(
            _audit(
                "migration.deadline_missed",
                person,
                {"deadline": _text(person.deadline)},
            ),
        )
    )


def _audit(act: str, person: PersonRecord, detail: dict[str, str | int | None]) -> Audit:
    """The entry for one person of a migration."""
    return Audit(
        act,
        person.personal_id,
        person.business_id,
        person.organization_id,
        {"person": person.id, **detail},
    )


def _text(at: datetime | None) -> str | None:
    """An instant for the audit."""
    return None if at is None else from_micros(to_micros(at)).isoformat()
