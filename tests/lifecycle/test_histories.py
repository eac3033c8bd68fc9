"""Random histories of a business: invite, deadline, claim, extend, roll back, exclude, remove, re-add, share, suspend,
assign, take away, change roles, consent, and time that passes.

Two things live side by side: the world, which only plans change, and ``Model``, which says in a few plain lines what each
step means for people. After every step they must agree at every instant that either mentions, and the invariants hold.
"""

import os
from dataclasses import dataclass, field, replace
from datetime import datetime

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.access.naive import naive
from tests.access.worlds import DAY, T0, TICK, World, around
from workbadge.lifecycle.changes import MembershipState, Plan, Refusal
from workbadge.lifecycle.membership import plan_assign, plan_leaver, plan_remove, plan_role, plan_take_away
from workbadge.lifecycle.migration import (
    Claim,
    PersonRecord,
    plan_claim,
    plan_deadline,
    plan_exclude,
    plan_extension,
    plan_invite,
    plan_rollback,
    state_of,
)
from workbadge.terms.instants import Interval
from workbadge.terms.kinds import AccountKind, Act, NodeKind, PersonState, Role, TokenKind
from workbadge.terms.tasks import Task

HOME, SECOND, PARTNER = 102, 103, 104
PEOPLE = (1, 2, 3)
AGENT, ROBOT = 4, 5
MANAGED = {1: 11, 2: 12, 3: 13}
OWNER = {201: HOME, 202: HOME, 203: SECOND}
SOME = st.sampled_from([Task.ANALYZE, Task.ANALYZE | Task.MANAGE, Task.MANAGE])
WHICH = st.integers(0, 11)
"""Which of those that a step fits: uniformly random steps would nearly always meet nobody (``house.md`` 30)."""
GRACE, LIMIT = 30 * DAY, 50 * DAY
ACTS = (Act.READ, Act.WRITE)


@dataclass
class Seat:
    """The model: one person's rights in one business. ``old``/``new``: what the personal and the managed login hold."""

    admin: bool
    old: dict[int, Task]
    old_admin: bool
    until: datetime | None = None
    claimed: datetime | None = None
    new: dict[int, Task] | None = None
    at_claim: tuple[bool, dict[int, Task]] | None = None
    deadline: datetime | None = None
    gone: datetime | None = None

    def old_open(self, now: datetime) -> bool:
        """The old login still reaches the business."""
        ends = [end for end in (self.until, self.gone) if end is not None]
        return not ends or now < min(ends)


@dataclass
class Model:
    """The model: seats by business and person, and who was suspended."""

    seats: dict[tuple[int, int], Seat] = field(default_factory=dict)
    suspended: dict[int, datetime] = field(default_factory=dict)


class Histories(RuleBasedStateMachine):
    """One history."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.model = Model()
        self.now = T0
        self.number = 1000
        self.plan = Plan()

    def fresh(self) -> int:
        """An id that nothing has."""
        self.number += 1
        return self.number

    # --- what stands where ---

    def places(self, account: int, business: int) -> list[MembershipState]:
        """Memberships of an account in a business, newest last."""
        found = [
            one for one in self.world.memberships.values() if (one.account_id, one.business_id) == (account, business)
        ]
        return sorted(found, key=lambda one: one.id)

    def place(self, account: int, business: int) -> MembershipState | None:
        """The open membership, if there is one."""
        return next((one for one in self.places(account, business) if one.is_open(self.now)), None)

    def graces(self, account: int, business: int | None = None) -> tuple[MembershipState, ...]:
        """Running graces that hang on a managed account, as the shell loads them."""
        personal = {old for old, new in self.world.links if new == account}
        return tuple(
            one
            for one in self.world.memberships.values()
            if one.account_id in personal
            and one.handed_over is not None
            and one.is_open(self.now)
            and business in (None, one.business_id)
        )

    def other_admins(self, business: int, besides: int) -> int:
        """Admins besides one membership whose place has no end, as the shell counts them."""
        return sum(
            1
            for one in self.world.memberships.values()
            if one.business_id == business
            and one.id != besides
            and one.role is Role.ADMIN
            and one.handed_over is None
            and one.ends is None
            and self.world.accounts[one.account_id].suspended is None
            and self.world.accounts[one.account_id].kind is not AccountKind.SYSTEM
        )

    def person(self, person: int, business: int) -> PersonRecord | None:
        """The newest invitation of a person in a business."""
        found = [one for one in self.world.persons.values() if (one.personal_id, one.business_id) == (person, business)]
        return max(found, key=lambda one: one.id) if found else None

    def invited_place(self, record: PersonRecord) -> MembershipState:
        """The membership that an invitation is about."""
        return self.world.memberships[record.migration_id]

    def do(self, plan: Plan) -> bool:
        """Carry a plan out; whether it did what was asked. A refusal changes nothing."""
        if plan.refusal is not None:
            assert plan.changes == plan.audit == plan.due == ()
        before = {
            key: (one.role, one.ends, one.handed_over, one.assignments) for key, one in self.world.memberships.items()
        }
        self.plan = self.world.apply(plan)
        after = {
            key: (one.role, one.ends, one.handed_over, one.assignments) for key, one in self.world.memberships.items()
        }
        changed = {key for key in after if before.get(key) != after[key]}
        named = [entry.detail["membership"] for entry in plan.audit if "membership" in entry.detail]
        if plan.audit and plan.audit[0].act.startswith("migration."):
            assert len(plan.audit) == 1  # I11: one entry for what happened to one person
        else:
            assert len(named) == len(set(named))
            assert changed <= set(named), (changed, named)  # I11: no right changes without its entry
        return plan.refusal is None

    def choose(self, which: int) -> tuple[int, int]:
        """Person and business of a seat; those in grace stand three times as often."""
        keys = [key for key, seat in self.model.seats.items() for _ in range(3 if self._in_grace(seat) else 1)]
        business, person = keys[which % len(keys)]
        return person, business

    def _in_grace(self, seat: Seat) -> bool:
        return seat.claimed is not None and seat.old_open(self.now)

    def record(self, which: int, claimed: bool) -> PersonRecord | None:
        """A newest invitation of somebody who has, or has not, claimed."""
        newest = {(one.business_id, one.personal_id): one for one in self.world.persons.values()}
        fitting = [one for one in newest.values() if (one.claimed is not None) is claimed and one.rolled_back is None]
        if not claimed:
            fitting = [one for one in fitting if one.excluded is None] or fitting
        return fitting[which % len(fitting)] if fitting else None

    # --- the beginning ---

    @initialize(
        second=st.booleans(),
        roles=st.tuples(st.just(Role.ADMIN), st.sampled_from(list(Role)), st.just(Role.EMPLOYEE)),
        tasks=SOME,
        shared=st.booleans(),
        days=st.sampled_from([None, 8, 9, 20]),
        claims=st.sets(st.integers(0, 5), max_size=2),
    )
    def begin(
        self, second: bool, roles: tuple[Role, ...], tasks: Task, shared: bool, days: int | None, claims: set[int]
    ) -> None:
        """Three people, a partner's agent, a system user; everybody's app holds tokens; everybody is invited, some claimed."""
        world = self.world
        for number in (HOME, SECOND, PARTNER):
            world.node(number, NodeKind.BUSINESS, number)
        for number, owner in OWNER.items():
            world.node(number, NodeKind.PAGE, owner)
        for number in (*PEOPLE, AGENT):
            world.account(number)
        world.account(ROBOT, AccountKind.SYSTEM)
        for number, role in zip(PEOPLE, roles, strict=True):
            self._seat(number, HOME, role, {201: tasks, 202: Task.ANALYZE})
            if second or number == 1:
                self._seat(number, SECOND, Role.ADMIN if number == 1 else Role.EMPLOYEE, {203: tasks, 201: Task.MANAGE})
        world.member(self.fresh(), AGENT, PARTNER, role=Role.ADMIN)
        world.member(self.fresh(), ROBOT, HOME, {201: Task.MANAGE})
        if shared:
            world.share(self.fresh(), 201, PARTNER, Task.MANAGE, Interval(T0))
            world.share(self.fresh(), 201, SECOND, Task.MANAGE, Interval(T0, T0 + 20 * DAY))
        everything = dict.fromkeys(world.nodes, T0)
        for number in (*PEOPLE, AGENT):
            world.consent(f"{number}", number, everything, T0)
            world.page_token(f"page {number}", f"{number}", 201)
        world.consent("robot", ROBOT, everything, T0, kind=TokenKind.SYSTEM_USER)
        self.outside = self._outside()
        for which in range(len(self.model.seats)):
            self.invite(which, days)
        for which in sorted(claims):
            self.claim(which, False)

    def _seat(self, person: int, business: int, role: Role, tasks: dict[int, Task]) -> None:
        self.world.member(self.fresh(), person, business, tasks, role, self.now)
        self.model.seats[business, person] = Seat(role is Role.ADMIN, dict(tasks), role is Role.ADMIN)

    def _outside(self) -> dict[tuple[str, int, Act, datetime], bool]:
        """What software and partners may do, now and at every edge ahead."""
        return {
            (token, node, act, at): self.world.may(act, node, at, token=token)
            for token in ("robot", f"{AGENT}")
            for node in self.world.nodes
            for act in ACTS
            for at in (self.now, T0 + 20 * DAY - TICK, T0 + 20 * DAY, T0 + 400 * DAY)
        }

    # --- time ---

    @rule(step=st.sampled_from([TICK, DAY, 9 * DAY, 30 * DAY]))
    def time_passes(self, step: object) -> None:
        """Some time passes."""
        self.now += step  # type: ignore[operator]
        self.outside = self._outside()

    @rule(which=st.integers(0, 5), step=st.sampled_from([-TICK, 0 * TICK, TICK]))
    def time_passes_to_an_edge(self, which: int, step: object) -> None:
        """Time passes to an instant that the world mentions, or the microsecond before or after."""
        ends = {
            one.ends for one in self.world.memberships.values() if one.ends is not None and one.ends > self.now + TICK
        }
        if ends:
            self.now = sorted(ends)[which % len(ends)] + step  # type: ignore[operator]
            self.outside = self._outside()

    # --- the migration ---

    @rule(which=WHICH, days=st.sampled_from([None, 1, 8]))
    def invite(self, which: int, days: int | None) -> None:
        """An admin invites; whoever has an open invitation for this membership is refused by the shell (M18)."""
        person, business = self.choose(which)
        place = self.place(person, business)
        if place is None:
            return
        earlier = self.person(person, business)
        if earlier is not None and earlier.rolled_back is None and earlier.excluded is None:
            if earlier.migration_id == place.id:
                return
            if earlier.claimed is None:
                self.do(plan_exclude(earlier, self.invited_place(earlier), self.now))
        deadline = None if days is None else self.now + days * DAY
        record = PersonRecord(
            self.fresh(), place.id, business, 3, person, f"{person}@w.example", deadline, self.now,
            self.now + 60 * DAY, place.ends, place.cause,
        )  # fmt: skip
        others = self.other_admins(business, place.id)
        if self.do(plan_invite(record, place, others, self.now)):
            self.world.persons[record.id] = record
            seat = self.model.seats[business, person]
            if deadline is not None and not (seat.admin and others < 1):
                seat.deadline = seat.until = deadline

    @rule(which=WHICH, days=st.sampled_from([None, 0, 3]), claimed=st.sampled_from([False, False, True]))
    def move_deadline(self, which: int, days: int | None, claimed: bool) -> None:
        """An admin moves or lifts a deadline."""
        record = self.record(which, claimed)
        if record is None:
            return
        person, business = record.personal_id, record.business_id
        place, deadline = self.invited_place(record), None if days is None else self.now + days * DAY
        others = self.other_admins(business, place.id)
        done = self.do(plan_deadline(record, place, deadline, others, self.now))
        seat = self.model.seats[business, person]
        if done:
            assert seat.claimed is None
            assert seat.old_open(self.now)
            seat.until = seat.deadline = None if seat.admin and others < 1 else deadline

    @rule(which=WHICH, claimed=st.sampled_from([False, False, True]))
    def exclude(self, which: int, claimed: bool) -> None:
        """An admin takes somebody out before the claim."""
        record = self.record(which, claimed)
        if record is None:
            return
        person, business = record.personal_id, record.business_id
        if self.do(plan_exclude(record, self.invited_place(record), self.now)):
            seat = self.model.seats[business, person]
            assert seat.claimed is None or self.invited_place(record) is not self.place(person, business)
            if seat.claimed is None and seat.old_open(self.now):
                seat.until = seat.deadline = None

    @rule(which=WHICH, stranger=st.sampled_from([False, False, False, False, True]))
    def claim(self, which: int, stranger: bool) -> None:
        """Somebody claims: the person, or somebody else with the forwarded link; two at once come one after the other."""
        record = self.record(which, False)
        if record is None:
            return
        self._claim(record, stranger)

    def _claim(self, record: PersonRecord, stranger: bool) -> None:
        person, business = record.personal_id, record.business_id
        managed = MANAGED[person]
        if self.world.accounts.get(managed) is not None and self.world.accounts[managed].suspended is not None:
            return
        new = managed not in self.world.accounts
        who = person % 3 + 1 if stranger else person
        claim = Claim(who, record.work_email.upper(), managed, self.fresh(), "-", "-" if new else None)
        old, own = self.invited_place(record), self.place(managed, business)
        mine = self.model.seats[business, person]
        was_open, was = mine.old_open(self.now), (mine.old_admin, dict(mine.old))
        outside = self._outside()
        plan = plan_claim(record, old, own, claim, GRACE, self.now)
        if not self.do(plan):
            return
        assert not stranger
        assert self._outside() == outside  # I4
        again = plan_claim(self.world.persons[record.id], self.world.memberships[old.id], None, claim, GRACE, self.now)
        assert again.refusal is Refusal.ALREADY_CLAIMED  # M18: of two browsers one wins
        mine.claimed, mine.at_claim, mine.deadline = self.now, was, None
        mine.new = dict(mine.old)
        mine.admin = mine.old_admin
        if was_open:
            mine.until = self.now + GRACE
        if f"{managed}" not in self.world.tokens:
            self.world.consent(f"{managed}", managed, dict.fromkeys(self.world.nodes, self.now), self.now)

    @rule(which=WHICH, days=st.sampled_from([1, 30, 45, 51]))
    def extend(self, which: int, days: int) -> None:
        """An admin extends a grace."""
        record = self.record(which, True)
        if record is None:
            return
        person, business = record.personal_id, record.business_id
        assert record.claimed is not None
        to = record.claimed + days * DAY
        if self.do(plan_extension(record, self.invited_place(record), to, LIMIT, self.now)):
            seat = self.model.seats[business, person]
            assert seat.until is not None
            assert self.now < seat.until < to <= record.claimed + LIMIT
            seat.until = to

    @rule(which=WHICH, wanted=st.booleans())
    def roll_back(self, which: int, wanted: bool) -> None:
        """An admin rolls somebody back."""
        record = self.record(which, True)
        if record is None:
            return
        if wanted:  # half as often, so that graces live long enough to be changed
            self._roll_back(record)

    def _roll_back(self, record: PersonRecord) -> None:
        person, business = record.personal_id, record.business_id
        new = self.world.memberships[record.managed_membership_id or 0]
        outside = self._outside()
        if self.do(
            plan_rollback(record, self.invited_place(record), new, self.other_admins(business, new.id), self.now)
        ):
            seat = self.model.seats[business, person]
            assert seat.claimed is not None
            assert seat.old_open(self.now)  # M12: never after the cut-off
            assert seat.at_claim is not None
            assert seat.new is not None
            admin, assigned = seat.at_claim
            seat.old_admin = seat.admin = admin and seat.admin
            seat.old = {
                key: tasks & seat.new[key] for key, tasks in assigned.items() if tasks & seat.new.get(key, Task(0))
            }
            seat.new = seat.claimed = seat.until = seat.at_claim = None
            assert self._outside() == outside  # I4
            grant = self.world.grants.get(f"{new.account_id}")
            kept = set() if grant is None else {key for key in grant.selected if OWNER.get(key, key) == business}
            lent = {one.asset for one in self.world.shares.values() if self.place(new.account_id, one.partner)}
            assert kept <= lent  # M12: its selections are closed, A6: those by partner sharing stay

    @rule(which=WHICH)
    def the_deadline_comes_and_then_the_claim(self, which: int) -> None:
        """Somebody claims at the very deadline (M10)."""
        record = self.record(which, False)
        if record is None:
            return
        ends = self.invited_place(record).ends
        if ends is not None:
            self.now = max(self.now, ends)
            self.outside = self._outside()
            self._claim(record, False)

    @rule(which=WHICH, asset=st.sampled_from([201, 202, 203]), again=st.booleans(), tasks=SOME)
    def something_is_taken_and_then_rolled_back(self, which: int, asset: int, again: bool, tasks: Task) -> None:
        """An admin takes something in grace, perhaps gives it again, and rolls back (M12, M16)."""
        person, business = self.choose(which)
        record = self.person(person, business)
        if record is None or not self._in_grace(self.model.seats[business, person]):
            return
        self.take_away(which, asset)
        if again:
            self.assign(which, asset, tasks)
        self._roll_back(record)

    # --- what admins do ---

    def _working(self, person: int, business: int) -> MembershipState | None:
        """The place that a person works with: the managed one once it is there."""
        return self.place(MANAGED[person], business) or self.place(person, business)

    @rule(which=WHICH, asset=st.sampled_from([201, 202]), tasks=SOME)
    def assign(self, which: int, asset: int, tasks: Task) -> None:
        """An admin sets somebody's tasks."""
        person, business = self.choose(which)
        place = self._working(person, business)
        if place is None:
            return
        if self.do(plan_assign(place, self.graces(place.account_id, business), asset, tasks, self.now)):
            self._set(person, business, asset, tasks)

    def _set(self, person: int, business: int, asset: int, tasks: Task) -> None:
        seat = self.model.seats[business, person]
        both = [seat.new] if seat.new is not None else [seat.old]
        for held in both:
            held[asset] = tasks
        if seat.new is not None and seat.old_open(self.now):
            seat.old[asset] = seat.old.get(asset, Task(0)) & tasks
        for held in (seat.new or {}, seat.old):
            if not held.get(asset, Task(1)):
                del held[asset]

    @rule(which=WHICH, asset=st.sampled_from([201, 202]))
    def take_away(self, which: int, asset: int) -> None:
        """An admin takes an asset away."""
        person, business = self.choose(which)
        place = self._working(person, business)
        if place is None:
            return
        if self.do(plan_take_away(place, self.graces(place.account_id, business), asset, self.now)):
            self._set(person, business, asset, Task(0))

    @rule(which=WHICH, role=st.sampled_from(list(Role)))
    def change_role(self, which: int, role: Role) -> None:
        """An admin changes a role."""
        person, business = self.choose(which)
        place = self._working(person, business)
        if place is None:
            return
        graces = self.graces(place.account_id, business)
        if self.do(plan_role(place, graces, role, self.other_admins(business, place.id), self.now)):
            seat = self.model.seats[business, person]
            seat.admin = role is Role.ADMIN
            if seat.new is None or (seat.old_open(self.now) and role is Role.EMPLOYEE):
                seat.old_admin = seat.admin

    @rule(which=WHICH, wanted=st.booleans())
    def remove(self, which: int, wanted: bool) -> None:
        """An admin removes somebody, with the grace that hangs on the managed account."""
        if not wanted:
            return
        person, business = self.choose(which)
        place = self._working(person, business)
        if place is None:
            return
        graces = self.graces(place.account_id, business)
        if self.do(plan_remove(place, graces, self.other_admins(business, place.id), self.now)):
            seat = self.model.seats[business, person]
            seat.new, seat.gone = None, self.now if seat.old_open(self.now) else seat.gone

    @rule(which=WHICH, role=st.sampled_from(list(Role)), tasks=SOME)
    def join_again(self, which: int, role: Role, tasks: Task) -> None:
        """Who was removed, or missed the deadline, is a member again with the personal login."""
        person, business = self.choose(which)
        if self.place(person, business) is None and self.place(MANAGED[person], business) is None:
            for record in list(self.world.persons.values()):
                mine = (record.personal_id, record.business_id) == (person, business)
                if mine and record.claimed is None and record.excluded is None:
                    assert self.do(plan_exclude(record, self.invited_place(record), self.now))
            self._seat(person, business, role, {201: tasks})

    @rule(which=WHICH)
    def leave(self, which: int) -> None:
        """The managed account is suspended: every grace of the person ends with it (A5)."""
        graced = [person for (_, person), seat in self.model.seats.items() if self._in_grace(seat)]
        if not graced:
            return
        person = graced[which % len(graced)]
        managed = MANAGED[person]
        if managed not in self.world.accounts or self.world.accounts[managed].suspended is not None:
            return
        places = [one for one in self.world.memberships.values() if one.account_id == managed and one.is_open(self.now)]
        last = any(one.role is Role.ADMIN and not self.other_admins(one.business_id, one.id) for one in places)
        graces = self.graces(managed)
        persons = tuple(one.id for one in self.world.persons.values() if one.managed_id == managed)
        if self.do(plan_leaver(managed, 3, graces, persons, last, self.now)):
            self.model.suspended[managed] = self.now
            for business in (HOME, SECOND):
                seat = self.model.seats.get((business, person))
                if seat is not None and seat.claimed is not None and seat.old_open(self.now):
                    seat.gone = self.now

    @rule(
        partner=st.sampled_from([PARTNER, SECOND]), asset=st.sampled_from([201, 202]), days=st.sampled_from([None, 5])
    )
    def share(self, partner: int, asset: int, days: int | None) -> None:
        """An asset is lent to a partner."""
        ends = None if days is None else self.now + days * DAY
        self.world.share(self.fresh(), asset, partner, Task.MANAGE, Interval(self.now, ends))
        self.outside = self._outside()

    @rule(which=st.integers(0, 9))
    def unshare(self, which: int) -> None:
        """A share ends."""
        running = [one for one in self.world.shares.values() if one.runs.covers(self.now)]
        if running:
            one = running[which % len(running)]
            self.world.shares[one.id] = replace(one, runs=Interval(one.runs.starts, self.now))
            self.outside = self._outside()

    @rule(person=st.sampled_from(PEOPLE))
    def consent_again(self, person: int) -> None:
        """The old login lets the app in again: a newer consent, and only what its own session may select (M5)."""
        claimed_now = any(one.handed_over == self.now for one in self.world.memberships.values())
        chosen = {
            node: self.now for node in self.world.nodes if self.world.may(Act.READ, node, self.now, account=person)
        }
        self.world.consent(f"again {person}", person, chosen, self.now + TICK if claimed_now else self.now)

    # --- what must hold after each step ---

    @invariant()
    def the_world_is_what_the_model_says(self) -> None:
        """Old and new login hold exactly what the model says, now and at the edges of its instants (M5-M16, I1, I2, I6)."""
        for (business, person), seat in self.model.seats.items():
            # A place that ended is told from one that was never ended only by what it lets do: look at open ones.
            for at in [edge for edge in around(self.now, seat.until, seat.gone) if edge >= self.now]:
                old = [one for one in self.places(person, business) if one.is_open(at)]
                assert bool(old) is seat.old_open(at), (business, person, at)
                for one in old:
                    assert one.assignments == seat.old
                    assert (one.role is Role.ADMIN) is seat.old_admin
                    assert (one.handed_over is not None) is (seat.claimed is not None)
                new = [one for one in self.places(MANAGED[person], business) if one.is_open(at)]
                assert bool(new) is (seat.new is not None)
                for one in new:
                    assert one.assignments == seat.new
                    assert (one.role is Role.ADMIN) is seat.admin

    @invariant()
    def decisions_agree_with_the_rules_said_plainly(self) -> None:
        """Every token's and every session's answers equal the naive evaluator's, now and at the nearest edges (AC-31)."""
        ahead = [one.ends for one in self.world.memberships.values() if one.ends is not None and one.ends >= self.now]
        instants = [self.now, *([edge for edge in around(min(ahead)) if edge > self.now] if ahead else [])]
        for node in self.world.nodes:
            for act in ACTS:
                for at in instants:
                    for token in self.world.tokens:
                        assert self.world.may(act, node, at, token=token) is naive(
                            self.world, act, node, at, token=token
                        )
                    for account in self.world.accounts:
                        assert self.world.may(act, node, at, account=account) is naive(
                            self.world, act, node, at, account=account
                        )

    @invariant()
    def software_and_partners_notice_nothing(self) -> None:
        """System-user tokens and partner sharing answer as before the step, unless the step was theirs (I4, A6)."""
        if hasattr(self, "outside"):
            assert self._outside() == self.outside

    @invariant()
    def nothing_is_gained_in_grace(self) -> None:
        """Whatever the old login's tokens reach by a handed-over place, the managed account reaches too (I6, M16)."""
        for one in self.world.memberships.values():
            if one.handed_over is None or not one.is_open(self.now):
                continue
            new = self.place(MANAGED[one.account_id], one.business_id)
            assert new is not None
            assert one.role is not Role.ADMIN or new.role is Role.ADMIN
            assert all(tasks in new.assignments.get(asset, Task(0)) for asset, tasks in one.assignments.items())

    @invariant()
    def an_admin_remains(self) -> None:
        """Each business has an admin whose place has no end (I9, AC-38)."""
        if self.world.memberships:
            assert self.other_admins(HOME, 0) >= 1
            assert self.other_admins(SECOND, 0) >= 1

    @invariant()
    def a_list_is_what_single_reads_allow(self) -> None:
        """Listing and reading agree for every token (I10)."""
        for token in self.world.tokens:
            listed = {node for node in self.world.nodes if self.world.may(Act.LIST, node, self.now, token=token)}
            assert listed == {
                node for node in self.world.nodes if self.world.may(Act.READ, node, self.now, token=token)
            }

    @invariant()
    def states_are_what_is_enforced(self) -> None:
        """A person in grace has a running grace, one who missed the deadline has lost the business (I8, AC-30)."""
        for record in self.world.persons.values():
            place = self.invited_place(record)
            shown = state_of(record, place, self.now)
            assert (shown is PersonState.IN_GRACE) <= place.is_open(self.now)
            assert not (shown in (PersonState.MISSED, PersonState.MIGRATED) and place.is_open(self.now))


EXAMPLES = int(os.environ.get("WORKBADGE_EXAMPLES", "15"))
Histories.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=EXAMPLES <= 100,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate] if "WORKBADGE_MUTANT" in os.environ else tuple(Phase),
)


class TestHistories(Histories.TestCase):
    """In every history the world agrees with the model and every invariant holds after every step."""
