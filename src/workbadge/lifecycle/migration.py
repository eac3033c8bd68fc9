"""Plans of a migration: start, claim, grace, extension, missed deadline, rollback (M1-M18)."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from workbadge.terms.addresses import address_key
from workbadge.terms.instants import DAY, earliest, from_micros, to_micros
from workbadge.terms.kinds import EndCause, PersonState, Role
from workbadge.terms.tasks import NONE, Task

from .changes import (
    Audit,
    CancelDue,
    Change,
    DropAssignment,
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
    SetRole,
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
    """The person's state at ``now``; ``personal`` is the membership of the personal account in that business.

    Told from the membership's own end, so that it is what is enforced (I8).
    """
    if person.rolled_back is not None:
        return PersonState.ROLLED_BACK
    if person.excluded is not None:
        return PersonState.EXCLUDED
    if personal is None or personal.cause in (EndCause.REMOVED, EndCause.LEAVER):
        return PersonState.LEFT
    if person.claimed is not None:
        return PersonState.IN_GRACE if personal.is_open(now) else PersonState.MIGRATED
    return PersonState.INVITED if personal.is_open(now) else PersonState.MISSED


def snapshot(membership: MembershipState) -> str:
    """The restorable state of a membership: role and assignments, as canonical JSON (equal states, equal text)."""
    return _json(_plain(membership))


def read_snapshot(text: str) -> tuple[Role, dict[int, Task]]:
    """Role and assignments that ``snapshot`` wrote; of a claim's ``before``: the personal membership's."""
    return _read(json.loads(text))


def _before(personal: MembershipState, managed: MembershipState | None) -> str:
    """What a rollback needs: the personal membership, and the managed one where it was there before the claim."""
    if managed is None:
        return snapshot(personal)
    return _json({**_plain(personal), "managed": _plain(managed)})


def _managed_before(text: str) -> tuple[Role, dict[int, Task]] | None:
    """The managed membership's own role and assignments before the claim; None: the claim opened it."""
    data = json.loads(text).get("managed")
    return None if data is None else _read(data)


def _plain(membership: MembershipState) -> dict[str, Any]:
    tasks = {str(asset): int(tasks) for asset, tasks in sorted(membership.assignments.items())}
    return {"role": membership.role.value, "assignments": tasks}


def _read(data: dict[str, Any]) -> tuple[Role, dict[int, Task]]:
    return Role(data["role"]), {int(asset): Task(tasks) for asset, tasks in data["assignments"].items()}


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


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


def plan_invite(person: PersonRecord, personal: MembershipState, other_admins: int, now: datetime) -> Plan:
    """Invite one person (M1, M3): the claim mail now, reminders until the deadline, the deadline on the membership.

    Missing it needs no job: the membership ends at the deadline unless a claim moves that end (M9, M10). The last
    admin (``other_admins`` of this business whose place has no end: 0) keeps the place until the claim (I9).
    The caller inserts ``person``. Refused: IN_THE_PAST, NOT_A_MEMBER.
    """
    if not personal.is_open(now) or personal.handed_over is not None:
        return refuse(Refusal.NOT_A_MEMBER)
    if person.deadline is not None and person.deadline <= now:
        return refuse(Refusal.IN_THE_PAST, now)
    end = _end_at(person, personal, person.deadline, other_admins)
    return Plan(
        changes=() if person.deadline is None else (end,),
        audit=(_audit("migration.invite", person, {"deadline": _text(person.deadline)}),),
        due=(Due(now, DueKind.INVITE, person.id), *_deadline_due(person.id, person.deadline, now)),
    )


def _end_at(
    person: PersonRecord, personal: MembershipState, deadline: datetime | None, other_admins: int
) -> SetMembershipEnd:
    """The end that a deadline gives to the personal membership: never later than the end it had anyway (I6)."""
    last = personal.role is Role.ADMIN and other_admins < 1
    if deadline is None or last or (person.prior_ends is not None and person.prior_ends <= deadline):
        return SetMembershipEnd(personal.id, person.prior_ends, person.prior_cause, None)
    return SetMembershipEnd(personal.id, deadline, EndCause.DEADLINE, None)


def plan_deadline(
    person: PersonRecord, personal: MembershipState, deadline: datetime | None, other_admins: int, now: datetime
) -> Plan:
    """Move or lift the deadline of somebody who has not claimed; ``other_admins`` as for ``plan_invite``.

    A deadline that has passed cannot be moved: what is lost does not come back by itself (M10).
    Refused: ALREADY_CLAIMED, NOT_INVITED, NOT_A_MEMBER, IN_THE_PAST.
    """
    refusal = _not_open(person, personal)
    if refusal is not None:
        return refuse(refusal)
    if not personal.is_open(now):
        return refuse(Refusal.NOT_A_MEMBER)
    if deadline is not None and deadline <= now:
        return refuse(Refusal.IN_THE_PAST, now)
    end = _end_at(person, personal, deadline, other_admins)
    return Plan(
        changes=(end, SetPersonDeadline(person.id, deadline), CancelDue(person.id)),
        audit=(_audit("migration.deadline", person, {"deadline": _text(deadline)}),),
        due=_deadline_due(person.id, deadline, now),
    )


def _not_open(person: PersonRecord, personal: MembershipState | None = None) -> Refusal | None:
    """Why an invitation is no longer open, if it is not. One membership is handed over once, whoever was invited twice."""
    if person.rolled_back is not None or person.excluded is not None:
        return Refusal.NOT_INVITED
    handed_over = personal is not None and personal.handed_over is not None
    return Refusal.ALREADY_CLAIMED if person.claimed is not None or handed_over else None


def plan_resend(person: PersonRecord, now: datetime) -> Plan:
    """Send the invitation of somebody who has not claimed again. Refused: ALREADY_CLAIMED, NOT_INVITED."""
    refusal = _not_open(person)
    if refusal is not None:
        return refuse(refusal)
    return Plan(
        audit=(_audit("migration.resend", person, {}),),
        due=(Due(now, DueKind.INVITE, person.id),),
    )


def plan_exclude(person: PersonRecord, personal: MembershipState, now: datetime) -> Plan:
    """Take somebody who has not claimed out of the migration: the invitation dies, the deadline is lifted.

    A deadline that has passed stays passed (M10). Refused: ALREADY_CLAIMED, NOTHING_TO_DO (excluded before).
    """
    if person.claimed is not None:
        return refuse(Refusal.ALREADY_CLAIMED)
    if person.excluded is not None:
        return refuse(Refusal.NOTHING_TO_DO)
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
    and the same assignments (beside its own earlier ones), the personal one ends at ``now + grace`` - or stays
    ended where the deadline had already passed: nothing lost comes back. An end that the personal membership had
    anyway holds for both (I6). Writes rows by the number of assignments only (M9).

    Refused, in this order: NOT_INVITED (rolled back or excluded), ALREADY_CLAIMED, LINK_EXPIRED, WRONG_PERSON,
    NOT_A_MEMBER (removed or left).
    """
    refusal = _not_open(person, personal)
    if refusal is not None:
        return refuse(refusal)
    if now >= person.link_expires:
        return refuse(Refusal.LINK_EXPIRED, person.link_expires)
    same_work = address_key(claim.proven_work) == address_key(person.work_email)
    if claim.proven_personal != person.personal_id or not same_work:
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
        changes.append(OpenMembership(_successor(person, personal, membership_id, claim.managed_id, now)))
    else:
        changes.extend(_merged(personal, managed))
    ends = personal.ends if late else earliest(now + grace, person.prior_ends)
    if not late:
        changes.append(SetMembershipEnd(personal.id, ends, EndCause.GRACE, now))
    changes.append(LinkAccounts(person.personal_id, claim.managed_id, now))
    changes.append(SetPersonClaimed(person.id, now, claim.managed_id, membership_id, _before(personal, managed)))
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


def _successor(
    person: PersonRecord, personal: MembershipState, membership_id: int, managed_id: int, now: datetime
) -> MembershipState:
    """The managed membership that takes over: same role, same assignments, the end that there was anyway."""
    return replace(
        personal,
        id=membership_id,
        account_id=managed_id,
        starts=now,
        ends=person.prior_ends,
        cause=person.prior_cause,
        handed_over=None,
        assignments=dict(personal.assignments),
    )


def _merged(personal: MembershipState, managed: MembershipState) -> list[Change]:
    """What a managed membership that was there before gains: at least the role and every task of the personal one."""
    changes: list[Change] = []
    if personal.role is Role.ADMIN and managed.role is not Role.ADMIN:
        changes.append(SetRole(managed.id, Role.ADMIN))
    for asset, tasks in sorted(personal.assignments.items()):
        own = managed.assignments.get(asset, NONE)
        if tasks & ~own:
            changes.append(PutAssignment(managed.id, asset, own | tasks))
    return changes


def plan_extension(
    person: PersonRecord,
    personal: MembershipState,
    to: datetime,
    limit: timedelta,
    now: datetime,
) -> Plan:
    """Move a running grace to a later end (M11); ``limit`` counts from the claim.

    Refused: NOT_CLAIMED, AFTER_CUT_OFF (also after a late claim, which has no grace), NOT_LATER (than the present
    end), BEYOND_LIMIT.
    """
    if person.claimed is None or person.rolled_back is not None:
        return refuse(Refusal.NOT_CLAIMED)
    if personal.ends is None or personal.cause is not EndCause.GRACE or not personal.is_open(now):
        return refuse(Refusal.AFTER_CUT_OFF, personal.ends)
    if to <= personal.ends:
        return refuse(Refusal.NOT_LATER, personal.ends)
    latest = min(person.claimed + limit, person.prior_ends or person.claimed + limit)
    if to > latest:
        return refuse(Refusal.BEYOND_LIMIT, latest)
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
    other_admins: int,
    now: datetime,
) -> Plan:
    """Back to the state before the claim, inside grace (M12, I5).

    Role and assignments of the personal membership become what the claim's snapshot says, less what an admin took
    from the managed one meanwhile (M16); its end becomes what it was before the migration, whose invitation is
    over. A managed membership that the claim opened ends now, and its selections of this business are forgotten;
    one that was there before loses what the claim added and keeps the rest.

    Refused: NOT_CLAIMED, AFTER_CUT_OFF, LAST_ADMIN (``other_admins`` beside both is 0 and nobody would be one; I9).
    """
    if person.claimed is None or person.before is None or person.rolled_back is not None:
        return refuse(Refusal.NOT_CLAIMED)
    if personal.cause is not EndCause.GRACE or not personal.is_open(now):
        return refuse(Refusal.AFTER_CUT_OFF, personal.ends)
    role, assignments = read_snapshot(person.before)
    own = _managed_before(person.before)
    again = Role.ADMIN if Role.ADMIN is role is managed.role else Role.EMPLOYEE
    stays = _without(managed, role, own) if own is not None else Role.EMPLOYEE
    if managed.role is Role.ADMIN and other_admins < 1 and Role.ADMIN not in (again, stays):
        return refuse(Refusal.LAST_ADMIN)

    changes: list[Change] = []
    if again is not personal.role:
        changes.append(SetRole(personal.id, again))
    for asset, tasks in sorted(assignments.items()):
        kept = tasks & managed.assignments.get(asset, NONE)
        if kept and personal.assignments.get(asset) != kept:
            changes.append(PutAssignment(personal.id, asset, kept))
    changes.append(SetMembershipEnd(personal.id, person.prior_ends, person.prior_cause, None))
    if own is None:
        changes.append(SetMembershipEnd(managed.id, now, EndCause.ROLLED_BACK, None))
        changes.append(ForgetSelections(managed.account_id, person.business_id, now))
    else:
        changes.extend(_given_back(managed, assignments, own[1]))
        if stays is not managed.role:
            changes.append(SetRole(managed.id, stays))
    changes.append(SetPersonRolledBack(person.id, now))
    changes.append(CancelDue(person.id))
    return Plan(
        changes=tuple(changes),
        audit=(_audit("migration.roll_back", person, {}),),
        due=(Due(now, DueKind.ANNOUNCE, person.id),),
    )


def _without(managed: MembershipState, role: Role, own: tuple[Role, dict[int, Task]]) -> Role:
    """The role that a managed membership keeps when a claim that brought ``role`` is rolled back."""
    brought = role is Role.ADMIN and own[0] is not Role.ADMIN
    return Role.EMPLOYEE if brought else managed.role


def _given_back(managed: MembershipState, brought: dict[int, Task], own: dict[int, Task]) -> list[Change]:
    """What a managed membership loses with a rollback: the tasks that the claim brought and that it had not itself."""
    changes: list[Change] = []
    for asset, tasks in sorted(brought.items()):
        held = managed.assignments.get(asset, NONE)
        left = held & ~(tasks & ~own.get(asset, NONE))
        if left != held:
            changes.append(PutAssignment(managed.id, asset, left) if left else DropAssignment(managed.id, asset))
    return changes


def plan_missed_deadline(person: PersonRecord, personal: MembershipState, now: datetime) -> Plan:
    """What happens when a deadline comes: an audit entry. Access has ended by itself (M9, M10)."""
    missed = personal.cause is EndCause.DEADLINE and not personal.is_open(now)
    if _not_open(person, personal) is not None or not missed:
        return refuse(Refusal.NOTHING_TO_DO)
    return Plan(audit=(_audit("migration.deadline_missed", person, {"deadline": _text(person.deadline)}),))


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
