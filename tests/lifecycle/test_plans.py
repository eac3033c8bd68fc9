"""Plans of a migration and of memberships, one rule at a time: what they change, refuse, audit and make due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.access.worlds import DAY, T0, TICK, World
from workbadge.lifecycle.changes import (
    DropAssignment,
    DueKind,
    ForgetSelections,
    MembershipState,
    OpenAccount,
    OpenMembership,
    Plan,
    PutAssignment,
    Refusal,
    SetMembershipEnd,
    SetRole,
    SuspendAccount,
)
from workbadge.lifecycle.membership import plan_assign, plan_leaver, plan_remove, plan_role, plan_take_away
from workbadge.lifecycle.migration import (
    Claim,
    PersonRecord,
    plan_claim,
    plan_deadline,
    plan_exclude,
    plan_extension,
    plan_invite,
    plan_missed_deadline,
    plan_resend,
    plan_rollback,
    read_snapshot,
    snapshot,
    state_of,
)
from workbadge.terms.kinds import EndCause, PersonState, Role
from workbadge.terms.tasks import Task

GRACE = 30 * DAY
LIMIT = 60 * DAY
DEADLINE = T0 + 10 * DAY
CLAIMED = T0 + 5 * DAY
CUT_OFF = CLAIMED + GRACE
READ, EDIT = Task.ANALYZE, Task.ANALYZE | Task.MANAGE
PERSONAL = MembershipState(51, 1, 2, Role.EMPLOYEE, T0, assignments={7: EDIT, 8: READ})
PERSON = PersonRecord(90, 80, 2, 3, 1, "Emil@work.example", None, T0, T0 + 40 * DAY)
CLAIM = Claim(1, "emil@WORK.example", 11, 61, "Emil", "hash")
KNOWN = replace(CLAIM, password_hash=None)
OWN = MembershipState(62, 11, 2, Role.EMPLOYEE, T0, assignments={8: EDIT, 9: READ})


def start(
    deadline: datetime | None = None,
    personal: MembershipState = PERSONAL,
    managed: MembershipState | None = None,
) -> World:
    """A world in which person 90 is invited."""
    world = World()
    world.memberships = {one.id: one for one in (personal, managed) if one is not None}
    person = replace(PERSON, deadline=deadline, prior_ends=personal.ends, prior_cause=personal.cause)
    world.persons[90] = person
    done(world.apply(plan_invite(person, personal, 1, T0)))
    return world


def claim(world: World, now: datetime = CLAIMED, claim: Claim = CLAIM, grace: timedelta = GRACE) -> Plan:
    """Person 90 claims."""
    managed = next((one for one in world.memberships.values() if one.account_id == 11 and one.is_open(now)), None)
    return world.apply(plan_claim(world.persons[90], world.memberships[51], managed, claim, grace, now))


def roll_back(world: World, now: datetime = CLAIMED + DAY, other_admins: int = 1) -> Plan:
    """Person 90 is rolled back."""
    person = world.persons[90]
    managed = world.memberships.get(person.managed_membership_id or 0, OWN)
    return world.apply(plan_rollback(person, world.memberships[51], managed, other_admins, now))


def done(plan: Plan) -> Plan:
    """The plan does what was asked."""
    assert plan.refusal is None
    return plan


def state(world: World, now: datetime) -> PersonState:
    """The state of person 90."""
    return state_of(world.persons[90], world.memberships[51], now)


# --- inviting, deadlines ---


def test_an_invitation_without_a_deadline_ends_nothing() -> None:
    """Without a deadline the invitation is a mail and nothing else (M3)."""
    world = start()
    assert world.memberships[51] == PERSONAL
    assert plan_invite(PERSON, PERSONAL, 1, T0).changes == ()
    assert [(row.at, row.kind) for row in world.due] == [(T0, DueKind.INVITE)]
    assert [entry.act for entry in world.audit] == ["migration.invite"]


def test_a_deadline_ends_the_membership_by_itself() -> None:
    """At the deadline the business is lost without any job; reminders go out before (M3, M9, M10)."""
    world = start(DEADLINE)
    place = world.memberships[51]
    assert (place.ends, place.cause, place.handed_over) == (DEADLINE, EndCause.DEADLINE, None)
    assert place.is_open(DEADLINE - TICK)
    assert not place.is_open(DEADLINE)
    assert [row.at for row in world.due if row.kind is DueKind.REMIND_CLAIM] == [
        DEADLINE - before for before in (7 * DAY, 3 * DAY, DAY)
    ]
    assert [row.at for row in world.due if row.kind is DueKind.DEADLINE] == [DEADLINE]
    assert state(world, DEADLINE - TICK) is PersonState.INVITED
    assert state(world, DEADLINE) is PersonState.MISSED


def test_a_reminder_lies_before_its_end_and_after_the_present() -> None:
    """A reminder that would be due this very instant is left out; a microsecond later it is not (M3, B5)."""
    for late, reminders in ((TICK, [7 * DAY, 3 * DAY, DAY]), (0 * TICK, [3 * DAY, DAY])):
        deadline = T0 + 7 * DAY + late
        plan = done(plan_invite(replace(PERSON, deadline=deadline), PERSONAL, 1, T0))
        assert [deadline - row.at for row in plan.due if row.kind is DueKind.REMIND_CLAIM] == reminders


def test_of_two_ends_the_deadline_counts_if_it_is_earlier() -> None:
    """An end that comes after the deadline gives way to it; one in the same instant keeps its own cause (M10, I6)."""
    for before, cause in ((TICK, EndCause.REMOVED), (0 * TICK, EndCause.REMOVED), (-TICK, EndCause.DEADLINE)):
        world = start(DEADLINE, replace(PERSONAL, ends=DEADLINE - before, cause=EndCause.REMOVED))
        place = world.memberships[51]
        assert (place.ends, place.cause) == (min(DEADLINE - before, DEADLINE), cause)


def test_only_an_admin_can_be_the_last_admin() -> None:
    """An employee loses the business at the deadline and is rolled back whoever else is an admin (M10, M12, I9)."""
    (end,) = plan_invite(replace(PERSON, deadline=DEADLINE), PERSONAL, 0, T0).changes
    assert end == SetMembershipEnd(51, DEADLINE, EndCause.DEADLINE, None)
    world = start()
    claim(world)
    done(roll_back(world, other_admins=0))


def test_the_last_admin_stays_past_the_deadline_until_the_claim() -> None:
    """A deadline never takes the last admin whose place has no end; it does take one of several (I9, M10, AC-38)."""
    admin = replace(PERSONAL, role=Role.ADMIN)
    person = replace(PERSON, deadline=DEADLINE)
    (last,) = plan_invite(person, admin, 0, T0).changes
    assert last == SetMembershipEnd(51, None, None, None)
    (other,) = plan_invite(person, admin, 1, T0).changes
    assert other == SetMembershipEnd(51, DEADLINE, EndCause.DEADLINE, None)
    assert plan_deadline(person, admin, DEADLINE, 0, T0).changes[0] == last
    assert plan_deadline(person, admin, DEADLINE, 1, T0).changes[0] == other


def test_only_open_memberships_are_invited() -> None:
    """Nobody is invited whose membership is over, not begun or handed over; no deadline lies in the past (M18)."""
    for personal in (
        replace(PERSONAL, ends=T0),
        replace(PERSONAL, starts=T0 + TICK),
        replace(PERSONAL, ends=T0 + DAY, handed_over=T0),
    ):
        assert plan_invite(PERSON, personal, 1, T0).refusal is Refusal.NOT_A_MEMBER
    assert plan_invite(replace(PERSON, deadline=T0), PERSONAL, 1, T0).refusal is Refusal.IN_THE_PAST
    assert plan_deadline(PERSON, PERSONAL, T0, 1, T0).refusal is Refusal.IN_THE_PAST


def test_a_deadline_moves_and_is_lifted() -> None:
    """A deadline that has not passed can be moved either way and lifted (M1)."""
    world = start(DEADLINE)
    for deadline in (DEADLINE + DAY, DEADLINE - DAY, None):
        done(world.apply(plan_deadline(world.persons[90], world.memberships[51], deadline, 1, T0 + DAY)))
        assert world.memberships[51].ends == deadline
        assert world.persons[90].deadline == deadline
        assert {row.at for row in world.due if row.kind is DueKind.DEADLINE} == ({deadline} if deadline else set())
    assert world.memberships[51] == PERSONAL


def test_a_deadline_that_has_passed_cannot_be_moved() -> None:
    """After the deadline no extension brings back what is lost (M10)."""
    world = start(DEADLINE)
    plan = plan_deadline(world.persons[90], world.memberships[51], DEADLINE + DAY, 1, DEADLINE)
    assert plan.refusal is Refusal.NOT_A_MEMBER


def test_an_invitation_never_prolongs_a_membership() -> None:
    """An end that the membership had anyway stays where it is before the deadline, and holds after the claim (I6)."""
    ending = replace(PERSONAL, ends=T0 + 6 * DAY, cause=EndCause.REMOVED)
    world = start(DEADLINE, ending)
    assert world.memberships[51] == ending
    done(claim(world))
    assert world.memberships[51].ends == world.memberships[61].ends == T0 + 6 * DAY
    later = plan_extension(world.persons[90], world.memberships[51], T0 + 7 * DAY, LIMIT, CLAIMED)
    assert (later.refusal, later.limit) == (Refusal.BEYOND_LIMIT, T0 + 6 * DAY)


def test_who_is_excluded_keeps_everything() -> None:
    """Taking somebody out before the claim leaves nothing changed, and the invitation is dead (AC-37)."""
    world = start(DEADLINE)
    done(world.apply(plan_exclude(world.persons[90], world.memberships[51], T0 + DAY)))
    assert world.memberships[51] == PERSONAL
    assert world.due == []
    assert state(world, T0 + DAY) is PersonState.EXCLUDED
    assert claim(world).refusal is Refusal.NOT_INVITED
    person = world.persons[90]
    assert plan_exclude(person, PERSONAL, CLAIMED).refusal is Refusal.NOTHING_TO_DO
    assert plan_deadline(person, PERSONAL, None, 1, CLAIMED).refusal is Refusal.NOT_INVITED
    assert plan_resend(person, CLAIMED).refusal is Refusal.NOT_INVITED


def test_excluding_after_the_deadline_brings_nothing_back() -> None:
    """An exclusion after the deadline closes the invitation and leaves the membership ended (M10)."""
    world = start(DEADLINE)
    done(world.apply(plan_exclude(world.persons[90], world.memberships[51], DEADLINE)))
    assert not world.memberships[51].is_open(DEADLINE)
    without = start()
    done(without.apply(plan_exclude(without.persons[90], PERSONAL, DEADLINE)))
    assert without.memberships[51] == PERSONAL


def test_an_invitation_is_sent_again_until_the_claim() -> None:
    """Sending again makes one mail due and one audit entry, and is refused once the person has claimed (M3, I11)."""
    plan = done(plan_resend(PERSON, T0))
    assert [row.kind for row in plan.due] == [DueKind.INVITE]
    world = start()
    claim(world)
    assert plan_resend(world.persons[90], CLAIMED).refusal is Refusal.ALREADY_CLAIMED


def test_a_missed_deadline_is_noted_once_it_is_missed() -> None:
    """The audit notes a missed deadline only where access did end by it (M10)."""
    world = start(DEADLINE)
    person, place = world.persons[90], world.memberships[51]
    assert [entry.act for entry in plan_missed_deadline(person, place, DEADLINE).audit] == ["migration.deadline_missed"]
    for other, at, now in (
        (person, place, DEADLINE - TICK),
        (person, replace(place, cause=EndCause.REMOVED), DEADLINE),
        (replace(person, excluded=T0), place, DEADLINE),
        (replace(person, claimed=T0), place, DEADLINE),
    ):
        assert plan_missed_deadline(other, at, now).refusal is Refusal.NOTHING_TO_DO


# --- the claim ---


def test_a_claim_hands_the_business_over() -> None:
    """After a claim the managed membership has role and assignments, the personal one ends at the cut-off (M4, M7)."""
    for role in Role:
        world = start(DEADLINE, replace(PERSONAL, role=role))
        plan = done(claim(world))
        old, new = world.memberships[51], world.memberships[61]
        assert (old.ends, old.cause, old.handed_over) == (CUT_OFF, EndCause.GRACE, CLAIMED)
        assert (new.account_id, new.business_id, new.starts, new.ends) == (11, 2, CLAIMED, None)
        assert (new.role, new.assignments) == (old.role, old.assignments) == (role, PERSONAL.assignments)
        assert world.links == {(1, 11)}
        assert OpenAccount(11, 3, "Emil", "Emil@work.example", "hash", CLAIMED) in plan.changes
        assert [entry.act for entry in plan.audit] == ["migration.claim"]
        assert state(world, CLAIMED) is state(world, CUT_OFF - TICK) is PersonState.IN_GRACE
        assert state(world, CUT_OFF) is PersonState.MIGRATED


def test_a_claim_makes_its_mails_and_webhooks_due() -> None:
    """Announcement and mail at the claim, reminders 14, 7, 3, 1 days before the cut-off, one thing at it (B5, L5)."""
    world = start(DEADLINE)
    claim(world)
    assert [(row.at, row.kind) for row in world.due] == [
        (CLAIMED, DueKind.CLAIMED),
        (CLAIMED, DueKind.ANNOUNCE),
        *((CUT_OFF - before, DueKind.REMIND_RECONNECT) for before in (14 * DAY, 7 * DAY, 3 * DAY, DAY)),
        (CUT_OFF, DueKind.CUT_OFF),
    ]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 1, 31, 12, tzinfo=UTC),
        datetime(2028, 2, 29, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_thirty_days_are_thirty_times_86_400_seconds(at: datetime) -> None:
    """The cut-off is 2 592 000 seconds after the claim, whatever the calendar says (M7, MT-32)."""
    person = replace(PERSON, link_expires=at + DAY)
    plan = plan_claim(person, replace(PERSONAL, starts=at), None, CLAIM, GRACE, at)
    ends = [one.ends for one in plan.changes if isinstance(one, SetMembershipEnd)]
    assert ends == [at + timedelta(seconds=2_592_000)]


def test_the_rows_of_a_claim_depend_on_assignments_only() -> None:
    """A claim writes a number of changes that depends on nothing but the person's assignments (M9)."""
    for count in (0, 3, 200):
        personal = replace(PERSONAL, assignments=dict.fromkeys(range(count), READ))
        plan = plan_claim(PERSON, personal, None, CLAIM, GRACE, CLAIMED)
        assert len(plan.changes) == 6
        (opened,) = [one.membership for one in plan.changes if isinstance(one, OpenMembership)]
        assert len(opened.assignments) == count
        merged = plan_claim(PERSON, personal, replace(OWN, assignments={}), CLAIM, GRACE, CLAIMED)
        assert len([one for one in merged.changes if isinstance(one, PutAssignment)]) == count


def test_a_late_claim_gives_no_grace() -> None:
    """Claiming after the deadline works, gives the managed account its place, and brings nothing back (M10)."""
    world = start(DEADLINE)
    plan = done(claim(world, DEADLINE))
    assert world.memberships[51] == replace(PERSONAL, ends=DEADLINE, cause=EndCause.DEADLINE)  # still the deadline: L6
    assert not world.memberships[51].is_open(DEADLINE)
    assert world.memberships[61].assignments == PERSONAL.assignments
    assert [row.kind for row in plan.due] == [DueKind.CLAIMED]
    assert state(world, DEADLINE) is PersonState.MIGRATED
    person, place = world.persons[90], world.memberships[51]
    assert plan_extension(person, place, CUT_OFF, LIMIT, DEADLINE).refusal is Refusal.AFTER_CUT_OFF
    assert roll_back(world, DEADLINE).refusal is Refusal.AFTER_CUT_OFF
    assert DEADLINE.isoformat() in plan.audit[0].detail.values()
    assert (DEADLINE + GRACE).isoformat() not in plan.audit[0].detail.values()


def test_a_claim_a_microsecond_before_the_deadline_has_its_grace() -> None:
    """At the last instant before the deadline a claim still opens a whole grace (M7, M10)."""
    world = start(DEADLINE)
    done(claim(world, DEADLINE - TICK))
    assert world.memberships[51].ends == DEADLINE - TICK + GRACE


def test_a_claim_is_refused_to_whom_it_is_not_meant() -> None:
    """Only the invited person with both logins claims, while the link lives, once (M3, M4, M18)."""
    world = start()
    assert claim(world, claim=replace(CLAIM, proven_personal=4)).refusal is Refusal.WRONG_PERSON
    assert claim(world, claim=replace(CLAIM, proven_work="eve@work.example")).refusal is Refusal.WRONG_PERSON
    assert claim(world, PERSON.link_expires).refusal is Refusal.LINK_EXPIRED
    assert world.memberships == {51: PERSONAL}
    for cause in (EndCause.REMOVED, EndCause.LEAVER, EndCause.GRACE, None):
        gone = replace(PERSONAL, ends=T0 + DAY, cause=cause)
        assert plan_claim(PERSON, gone, None, CLAIM, GRACE, CLAIMED).refusal is Refusal.NOT_A_MEMBER
    done(claim(world, PERSON.link_expires - TICK))
    assert claim(world, PERSON.link_expires - TICK).refusal is Refusal.ALREADY_CLAIMED


def test_who_is_invited_twice_hands_over_once() -> None:
    """A second invitation of the same membership neither prolongs the grace nor undoes the hand-over (M18)."""
    world = start(DEADLINE)
    world.persons[91] = replace(world.persons[90], id=91)
    done(claim(world))
    second, place = world.persons[91], world.memberships[51]
    later = CLAIMED + DAY
    assert plan_claim(second, place, world.memberships[61], CLAIM, GRACE, later).refusal is Refusal.ALREADY_CLAIMED
    assert plan_deadline(second, place, None, 1, later).refusal is Refusal.ALREADY_CLAIMED
    assert plan_invite(second, place, 1, later).refusal is Refusal.NOT_A_MEMBER
    done(world.apply(plan_exclude(second, place, later)))
    assert world.memberships[51] == place


def test_a_claim_adds_to_a_managed_membership_that_is_there() -> None:
    """A managed account that somebody had invited keeps its own rights and gains those of the personal one (M4, A4)."""
    for role, own in ((Role.ADMIN, Role.EMPLOYEE), (Role.EMPLOYEE, Role.ADMIN), (Role.EMPLOYEE, Role.EMPLOYEE)):
        world = start(None, replace(PERSONAL, role=role), replace(OWN, role=own))
        done(claim(world, claim=KNOWN))
        assert 61 not in world.memberships
        assert world.memberships[62].assignments == {7: EDIT, 8: EDIT, 9: READ}
        assert world.memberships[62].role is (Role.ADMIN if Role.ADMIN in (role, own) else Role.EMPLOYEE)


# --- extension ---


def test_a_claim_writes_nothing_that_is_there_already() -> None:
    """An older managed membership that holds everything is left alone: neither role nor assignment is written (M9)."""
    managed = replace(OWN, role=Role.ADMIN, assignments={7: EDIT, 8: EDIT, 9: READ})
    for personal in (PERSONAL, replace(PERSONAL, role=Role.ADMIN)):
        world = start(None, personal, managed)
        plan = done(claim(world, claim=KNOWN))
        assert not any(isinstance(change, (SetRole, PutAssignment)) for change in plan.changes)
        assert world.memberships[62] == managed
        again = done(roll_back(world))
        assert not any(isinstance(change, (SetRole, PutAssignment, DropAssignment)) for change in again.changes)


def test_a_grace_is_extended_everywhere_at_once() -> None:
    """An extension moves the end, keeps the hand-over, and makes announcement and reminders due anew (M11)."""
    world = start()
    claim(world)
    to = CUT_OFF + 10 * DAY
    done(world.apply(plan_extension(world.persons[90], world.memberships[51], to, LIMIT, CUT_OFF - TICK)))
    place = world.memberships[51]
    assert (place.ends, place.cause, place.handed_over) == (to, EndCause.GRACE, CLAIMED)
    assert [row.at for row in world.due if row.kind is DueKind.CUT_OFF] == [to]
    assert [row.at for row in world.due if row.kind is DueKind.ANNOUNCE] == [CUT_OFF - TICK]
    assert world.audit[-1].act == "migration.extend"
    assert world.audit[-1].detail == {"person": 90, "from": CUT_OFF.isoformat(), "to": to.isoformat()}


def test_an_extension_has_limits() -> None:
    """No extension before a claim, at the cut-off, to an earlier end, beyond the limit, or once rolled back (M11)."""
    world = start()
    assert plan_extension(PERSON, PERSONAL, CUT_OFF, LIMIT, T0).refusal is Refusal.NOT_CLAIMED
    claim(world)
    person, place = world.persons[90], world.memberships[51]

    def extend(to: datetime, now: datetime = CLAIMED) -> Refusal | None:
        return plan_extension(person, place, to, LIMIT, now).refusal

    assert extend(CUT_OFF + DAY, CUT_OFF) is Refusal.AFTER_CUT_OFF
    assert extend(CUT_OFF) is Refusal.NOT_LATER
    assert extend(CUT_OFF + TICK) is None
    assert extend(CLAIMED + LIMIT) is None
    assert extend(CLAIMED + LIMIT + TICK) is Refusal.BEYOND_LIMIT
    for cause in (EndCause.DEADLINE, EndCause.REMOVED, EndCause.LEAVER):  # an end, but not a grace's
        other = replace(place, cause=cause)
        assert plan_extension(person, other, CUT_OFF + DAY, LIMIT, CLAIMED).refusal is Refusal.AFTER_CUT_OFF
        assert plan_rollback(person, other, world.memberships[61], 1, CLAIMED).refusal is Refusal.AFTER_CUT_OFF
    roll_back(world)
    again = plan_extension(world.persons[90], world.memberships[51], CUT_OFF + DAY, LIMIT, CLAIMED)
    assert again.refusal is Refusal.NOT_CLAIMED


# --- rollback ---


def test_a_rollback_restores_the_state_before_the_migration() -> None:
    """Role, assignments and end are as they were, equal to the letter; the managed membership is closed (M12, I5)."""
    world = start(DEADLINE)
    claim(world)
    plan = done(roll_back(world))
    assert world.memberships[51] == PERSONAL
    assert snapshot(world.memberships[51]) == world.persons[90].before
    assert not world.memberships[61].is_open(CLAIMED + DAY)
    assert world.memberships[61].cause is EndCause.ROLLED_BACK
    assert ForgetSelections(11, 2, CLAIMED + DAY) in plan.changes
    assert [row.kind for row in world.due] == [DueKind.ANNOUNCE]
    assert [entry.act for entry in plan.audit] == ["migration.roll_back"]
    assert state(world, CLAIMED + DAY) is PersonState.ROLLED_BACK


def test_a_rollback_comes_before_the_cut_off_and_once() -> None:
    """At the cut-off, without a claim and a second time a rollback is refused (M12, AC-37, AC-30)."""
    world = start()
    assert roll_back(world).refusal is Refusal.NOT_CLAIMED
    claim(world)
    assert roll_back(world, CUT_OFF).refusal is Refusal.AFTER_CUT_OFF
    done(roll_back(world, CUT_OFF - TICK))
    assert roll_back(world, CUT_OFF - TICK).refusal is Refusal.NOT_CLAIMED
    without = replace(world.persons[90], rolled_back=None, before=None)
    assert plan_rollback(without, PERSONAL, OWN, 1, T0).refusal is Refusal.NOT_CLAIMED


def test_what_was_taken_away_in_grace_does_not_come_back() -> None:
    """A rollback restores the snapshot less what an admin took, whole assets and single tasks (M12, M16, AC-37)."""
    world = start()
    claim(world)
    world.apply(plan_take_away(world.memberships[61], (world.memberships[51],), 8, CLAIMED))
    world.apply(plan_assign(world.memberships[61], (world.memberships[51],), 7, READ, CLAIMED))
    roll_back(world)
    assert world.memberships[51].assignments == {7: READ}


def test_what_was_taken_and_given_again_in_grace_comes_back() -> None:
    """What an admin took and gave again is there after the rollback, as before the claim: assets and role (M12, I5)."""
    world = start(None, replace(PERSONAL, role=Role.ADMIN))
    claim(world)
    world.apply(plan_take_away(world.memberships[61], (world.memberships[51],), 7, CLAIMED))
    world.apply(plan_role(world.memberships[61], (world.memberships[51],), Role.EMPLOYEE, 1, CLAIMED))
    world.apply(plan_assign(world.memberships[61], (world.memberships[51],), 7, EDIT, CLAIMED))
    world.apply(plan_role(world.memberships[61], (world.memberships[51],), Role.ADMIN, 1, CLAIMED))
    old = world.memberships[51]
    assert (old.role, old.assignments) == (Role.EMPLOYEE, {8: READ})
    done(roll_back(world))
    assert world.memberships[51] == replace(PERSONAL, role=Role.ADMIN)


def test_what_was_given_to_the_managed_account_only_is_not_handed_back() -> None:
    """An asset and a role that came in grace are not part of the state before the claim (M12)."""
    world = start()
    claim(world)
    world.apply(plan_assign(world.memberships[61], (world.memberships[51],), 9, EDIT, CLAIMED))
    world.apply(plan_role(world.memberships[61], (world.memberships[51],), Role.ADMIN, 1, CLAIMED))
    done(roll_back(world))
    assert world.memberships[51] == PERSONAL


def test_a_managed_membership_that_was_there_before_keeps_what_was_its_own() -> None:
    """A rollback takes from an older managed membership what the claim brought and leaves the rest (M12, A4)."""
    world = start(None, PERSONAL, OWN)
    claim(world, claim=KNOWN)
    assert read_snapshot(world.persons[90].before or "") == (Role.EMPLOYEE, PERSONAL.assignments)
    plan = done(roll_back(world))
    assert world.memberships[62] == OWN
    assert world.memberships[51] == PERSONAL
    assert not any(isinstance(change, ForgetSelections) for change in plan.changes)


def test_a_rollback_leaves_what_an_admin_gave_or_took_since() -> None:
    """An older managed membership keeps an admin's later gifts and does not regain what an admin took (M16)."""
    world = start(None, replace(PERSONAL, role=Role.ADMIN, assignments={7: EDIT, 9: EDIT}), OWN)
    claim(world, claim=KNOWN)
    world.apply(plan_take_away(world.memberships[62], (world.memberships[51],), 8, CLAIMED))
    world.apply(plan_assign(world.memberships[62], (world.memberships[51],), 10, READ, CLAIMED))
    done(roll_back(world))
    assert world.memberships[62].role is Role.EMPLOYEE
    assert world.memberships[62].assignments == {9: READ, 10: READ}
    assert world.memberships[51].role is Role.ADMIN


def test_an_older_managed_admin_stays_one() -> None:
    """A role that the managed account had itself, or was given in grace, outlives the rollback (I9)."""
    world = start(None, PERSONAL, replace(OWN, role=Role.ADMIN))
    claim(world, claim=KNOWN)
    done(roll_back(world, other_admins=0))
    assert world.memberships[62].role is Role.ADMIN
    both = start(None, replace(PERSONAL, role=Role.ADMIN), replace(OWN, role=Role.ADMIN))
    claim(both, claim=KNOWN)
    done(roll_back(both))
    assert both.memberships[51].role is both.memberships[62].role is Role.ADMIN
    promoted = start(None, PERSONAL, OWN)
    claim(promoted, claim=KNOWN)
    promoted.apply(plan_role(promoted.memberships[62], (), Role.ADMIN, 0, CLAIMED))
    done(roll_back(promoted, other_admins=0))
    assert promoted.memberships[62].role is Role.ADMIN


def test_a_rollback_never_takes_the_last_admin() -> None:
    """Who became the only admin in grace is not rolled back to an employee; who was one before is (I9, AC-38)."""
    world = start()
    claim(world)
    world.apply(plan_role(world.memberships[61], (world.memberships[51],), Role.ADMIN, 0, CLAIMED))
    assert roll_back(world, other_admins=0).refusal is Refusal.LAST_ADMIN
    done(roll_back(world, other_admins=1))
    was = start(None, replace(PERSONAL, role=Role.ADMIN))
    claim(was)
    done(roll_back(was, other_admins=0))
    assert was.memberships[51].role is Role.ADMIN


def test_after_a_rollback_a_fresh_invitation_is_claimed_anew() -> None:
    """A rolled-back person claims again by a new invitation: a new managed membership, a new grace (M12, M18)."""
    world = start(DEADLINE)
    claim(world)
    roll_back(world)
    assert claim(world).refusal is Refusal.NOT_INVITED
    assert plan_exclude(world.persons[90], world.memberships[51], CLAIMED).refusal is Refusal.ALREADY_CLAIMED
    world.persons[90] = replace(PERSON, invited=CLAIMED + 2 * DAY)
    again = CLAIMED + 3 * DAY
    done(claim(world, again, replace(KNOWN, membership_id=63)))
    assert world.memberships[51].ends == again + GRACE
    assert world.memberships[63].is_open(again)
    assert not world.memberships[61].is_open(again)


def test_each_business_has_its_own_grace() -> None:
    """A claim, an extension and a rollback in one business touch nothing in another (M14)."""
    world = start()
    other = replace(PERSONAL, id=52, business_id=4)
    world.memberships[52] = other
    claim(world)
    world.apply(plan_extension(world.persons[90], world.memberships[51], CUT_OFF + DAY, LIMIT, CLAIMED))
    roll_back(world)
    assert world.memberships[52] == other


# --- states ---


def test_a_removed_person_has_left() -> None:
    """Who was removed, left or is gone is neither invited nor in grace (I8)."""
    for place in (None, replace(PERSONAL, ends=T0, cause=EndCause.REMOVED), replace(PERSONAL, cause=EndCause.LEAVER)):
        assert state_of(PERSON, place, T0) is PersonState.LEFT


# --- memberships ---

OLD = replace(PERSONAL, ends=CUT_OFF, cause=EndCause.GRACE, handed_over=CLAIMED)
NEW = MembershipState(61, 11, 2, Role.EMPLOYEE, CLAIMED, assignments={7: EDIT, 8: READ})


def admitted(*places: MembershipState) -> World:
    """A world of these memberships."""
    world = World()
    world.memberships = {one.id: one for one in places}
    return world


def test_what_is_given_in_grace_is_the_managed_accounts_alone() -> None:
    """A new asset or task goes to the managed account and not to the old login (M5, M16)."""
    world = admitted(OLD, NEW)
    done(world.apply(plan_assign(NEW, (OLD,), 9, EDIT, CLAIMED)))
    done(world.apply(plan_assign(world.memberships[61], (OLD,), 8, EDIT, CLAIMED)))
    assert world.memberships[51] == OLD
    assert world.memberships[61].assignments == {7: EDIT, 8: EDIT, 9: EDIT}
    assert len(world.audit) == 2


def test_what_is_taken_in_grace_is_taken_from_both() -> None:
    """What is taken from the managed account is taken from the old login too, each with its entry (M16, I11)."""
    world = admitted(OLD, NEW)
    for asset, tasks in ((7, READ), (7, Task.MESSAGING), (8, Task(0))):
        done(world.apply(plan_assign(world.memberships[61], (world.memberships[51],), asset, tasks, CLAIMED)))
        assert world.memberships[61].assignments.get(asset, Task(0)) == tasks
        assert world.memberships[51].assignments.get(asset, Task(0)) == tasks & READ
    assert world.memberships[51].assignments == {}
    assert [entry.subject for entry in world.audit] == [11, 1, 11, 1, 11, 1]
    assert world.memberships[61].assignments == {7: Task.MESSAGING}  # no tasks: the row is gone, not empty


def test_nothing_is_written_about_a_grace_that_is_over() -> None:
    """At the cut-off the old login has nothing that could be taken: only the managed account changes (I11)."""
    world = admitted(replace(OLD, role=Role.ADMIN), replace(NEW, role=Role.ADMIN))
    old, new = world.memberships[51], world.memberships[61]
    for plan in (
        plan_assign(new, (old,), 7, READ, CUT_OFF),
        plan_take_away(new, (old,), 7, CUT_OFF),
        plan_role(new, (old,), Role.EMPLOYEE, 1, CUT_OFF),
        plan_remove(new, (old,), 1, CUT_OFF),
        plan_leaver(11, 3, (old,), (), False, CUT_OFF),
    ):
        assert len(done(plan).changes) == len(plan.audit) == 1


def test_only_an_open_membership_of_ones_own_is_changed() -> None:
    """An ended membership changes no more, and the old login is given nothing (M5)."""
    ended = replace(NEW, ends=CLAIMED)
    assert plan_assign(ended, (), 7, READ, CLAIMED).refusal is Refusal.NOT_A_MEMBER
    assert plan_assign(OLD, (), 7, READ, CLAIMED).refusal is Refusal.NOT_A_MEMBER
    assert plan_role(ended, (), Role.ADMIN, 1, CLAIMED).refusal is Refusal.NOT_A_MEMBER
    assert plan_role(OLD, (), Role.ADMIN, 1, CLAIMED).refusal is Refusal.NOT_A_MEMBER
    assert plan_remove(ended, (), 1, CLAIMED).refusal is Refusal.NOT_A_MEMBER
    assert plan_take_away(ended, (), 7, CLAIMED).refusal is Refusal.NOT_A_MEMBER
    assert plan_take_away(NEW, (), 77, CLAIMED) == Plan()


def test_nothing_is_taken_from_the_old_login_alone() -> None:
    """From a handed-over membership alone nothing is taken: the managed one keeps it, a rollback would restore it (AC-37)."""
    world = admitted(OLD, NEW)
    for plan in (plan_take_away(OLD, (), 7, CLAIMED), plan_assign(OLD, (), 7, Task(0), CLAIMED)):
        assert plan == Plan(refusal=Refusal.NOT_A_MEMBER)
    done(world.apply(plan_take_away(NEW, (OLD,), 7, CLAIMED)))
    assert 7 not in world.memberships[51].assignments


def test_a_demotion_holds_for_the_old_login_and_a_promotion_does_not() -> None:
    """A role that is taken is taken from both, one that is given is the managed account's alone (M16)."""
    world = admitted(replace(OLD, role=Role.ADMIN), replace(NEW, role=Role.ADMIN))
    old, new = world.memberships[51], world.memberships[61]
    assert plan_role(new, (old,), Role.ADMIN, 1, CLAIMED).refusal is Refusal.NOTHING_TO_DO
    done(world.apply(plan_role(new, (old,), Role.EMPLOYEE, 1, CLAIMED)))
    assert {one.role for one in world.memberships.values()} == {Role.EMPLOYEE}
    done(world.apply(plan_role(world.memberships[61], (world.memberships[51],), Role.ADMIN, 0, CLAIMED)))
    assert world.memberships[61].role is Role.ADMIN
    assert world.memberships[51].role is Role.EMPLOYEE


def test_the_last_admin_is_neither_removed_nor_demoted_nor_suspended() -> None:
    """Without another admin each of the three is refused; an old login in grace does not count as one (I9, AC-38)."""
    admin = replace(NEW, role=Role.ADMIN)
    assert plan_remove(admin, (), 0, CLAIMED).refusal is Refusal.LAST_ADMIN
    assert plan_role(admin, (), Role.EMPLOYEE, 0, CLAIMED).refusal is Refusal.LAST_ADMIN
    assert plan_leaver(11, 3, (), (), True, CLAIMED).refusal is Refusal.LAST_ADMIN
    assert plan_remove(admin, (), 1, CLAIMED).refusal is None
    assert plan_remove(NEW, (), 0, CLAIMED).refusal is None
    assert plan_remove(replace(OLD, role=Role.ADMIN), (), 0, CLAIMED).refusal is None


def test_who_is_removed_loses_the_grace_too() -> None:
    """Removing the managed member ends the grace of the old login in the same transaction (M16, I7)."""
    world = admitted(OLD, NEW)
    done(world.apply(plan_remove(NEW, (OLD,), 1, CLAIMED)))
    for place in world.memberships.values():
        assert (place.ends, place.cause) == (CLAIMED, EndCause.REMOVED)
    assert world.memberships[51].handed_over == CLAIMED
    assert [entry.act for entry in world.audit] == ["membership.remove"] * 2


def test_a_leaver_loses_every_grace() -> None:
    """Suspending the managed account ends the graces of the linked personal account and stops their due work (A5)."""
    second = replace(OLD, id=52, business_id=4)
    world = admitted(OLD, second, NEW)
    world.account(11)
    world.due += plan_claim(PERSON, PERSONAL, None, CLAIM, GRACE, CLAIMED).due
    plan = done(world.apply(plan_leaver(11, 3, (OLD, second), (90,), False, CLAIMED + DAY)))
    assert SuspendAccount(11, CLAIMED + DAY) in plan.changes
    for number in (51, 52):
        assert (world.memberships[number].ends, world.memberships[number].cause) == (CLAIMED + DAY, EndCause.LEAVER)
    assert world.due == []
    assert [entry.act for entry in plan.audit] == ["account.suspend", "membership.leaver", "membership.leaver"]
