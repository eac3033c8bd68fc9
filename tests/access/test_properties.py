"""Invariants as properties. Every example starts from a world in which the person's token *is allowed*, and walks every
instant that the world mentions: one microsecond before, at, after, forwards and backwards (``house.md`` 30)."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.access.naive import naive
from tests.access.worlds import DAY, T0, TICK, World, around, ask_for
from workbadge.access import Allow, Ask, decide, next_change
from workbadge.lifecycle.membership import plan_assign, plan_leaver, plan_take_away
from workbadge.lifecycle.migration import (
    Claim,
    PersonRecord,
    plan_claim,
    plan_deadline,
    plan_exclude,
    plan_extension,
    plan_invite,
    plan_rollback,
    snapshot,
)
from workbadge.terms.instants import Interval
from workbadge.terms.kinds import AccountKind, Act, NodeKind, Role, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import TASKS_OF, Task

EXAMPLES = int(os.environ.get("WORKBADGE_EXAMPLES", "40"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES <= 100,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate] if "WORKBADGE_MUTANT" in os.environ else tuple(Phase),
)

PERSON, PARTNERS, ROBOT, MANAGED = 1, 4, 5, 11
HOME, SECOND, PARTNER = 102, 103, 104
PAGE, ADS, PIXEL, ELSEWHERE, OWN = 201, 202, 203, 204, 205
ASSETS = (PAGE, ADS, PIXEL)
PLACE, NEW_PLACE, OLDER_PLACE = 51, 61, 62
ACTS = (Act.READ, Act.WRITE)
CALLERS = ({"token": "person"}, {"token": "page"}, {"account": PERSON}, {"token": "robot"}, {"token": "partner"})


@dataclass
class Case:
    """A world before its migration, and what will be done: the claim at ``at`` with ``grace``."""

    world: World
    at: datetime
    grace: timedelta
    deadline: datetime | None

    @property
    def cut_off(self) -> datetime:
        """The first instant at which the old login no longer reaches HOME."""
        return self.at + self.grace

    def invite(self) -> World:
        """Another world, in which the person was invited at T0."""
        world = self.world.copy()
        place = world.memberships[PLACE]
        record = PersonRecord(90, 80, HOME, 3, PERSON, "a@work.example", self.deadline, T0, self.at + 999 * DAY)
        world.persons[90] = record
        assert world.apply(plan_invite(record, place, 1, T0)).refusal is None
        return world

    def claim(self) -> World:
        """Another world, in which the person claimed."""
        world = self.invite()
        managed = world.memberships.get(OLDER_PLACE)
        claim = Claim(PERSON, "a@work.example", MANAGED, NEW_PLACE, "A", None if managed else "hash")
        plan = plan_claim(world.persons[90], world.memberships[PLACE], managed, claim, self.grace, self.at)
        assert world.apply(plan).refusal is None
        return world


offsets = st.sampled_from([0, 1, 2, 5, 10, 30, 31, 40, 60])
ends = st.one_of(st.none(), offsets.map(lambda days: T0 + (days + 1) * DAY))


def tasks_of(kind: NodeKind) -> st.SearchStrategy[Task]:
    """Some tasks of a kind, at least one."""
    return st.sets(st.sampled_from(list(TASKS_OF[kind])), min_size=1).map(lambda some: Task(sum(some)))


@st.composite
def cases(draw: st.DrawFn, deadlines: bool = True) -> Case:
    """A business whose member's token reads and writes its page before the claim; around it whatever may be."""
    world = World()
    for number, kind in ((PERSON, AccountKind.PERSONAL), (PARTNERS, AccountKind.PERSONAL), (ROBOT, AccountKind.SYSTEM)):
        world.account(number, kind)
    for number in (HOME, SECOND, PARTNER):
        world.node(number, NodeKind.BUSINESS, number)
    for number, kind, owner in (
        (PAGE, NodeKind.PAGE, HOME),
        (ADS, NodeKind.AD_ACCOUNT, HOME),
        (PIXEL, NodeKind.PIXEL, HOME),
        (ELSEWHERE, NodeKind.PAGE, SECOND),
        (OWN, NodeKind.PAGE, None),
    ):
        world.node(number, kind, owner)
    world.direct[PERSON, OWN] = Task.MANAGE
    kinds = {number: world.nodes[number].kind for number in ASSETS}
    role = draw(st.sampled_from(list(Role)))
    assigned = {PAGE: Task.MANAGE | draw(tasks_of(NodeKind.PAGE))}
    for number in (ADS, PIXEL):
        if draw(st.booleans()):
            assigned[number] = draw(tasks_of(kinds[number]))
    world.member(PLACE, PERSON, HOME, assigned, role)
    if draw(st.booleans()):
        place = world.member(52, PERSON, SECOND, {ELSEWHERE: Task.MANAGE})
        world.memberships[52] = replace(place, ends=draw(ends))
    if draw(st.booleans()):
        place = world.member(53, PERSON, PARTNER, {PAGE: draw(tasks_of(NodeKind.PAGE)), ADS: Task.MANAGE})
        world.memberships[53] = replace(place, ends=draw(ends), starts=T0 + draw(offsets) * DAY)
    for number, asset in enumerate(draw(st.lists(st.sampled_from(ASSETS), max_size=3))):
        starts = T0 + draw(offsets) * DAY
        until = draw(ends)
        world.share(
            number, asset, PARTNER, draw(tasks_of(kinds[asset])), Interval(starts, until and max(until, starts))
        )
    world.member(54, PARTNERS, PARTNER, role=Role.ADMIN)
    world.member(55, ROBOT, HOME, role=draw(st.sampled_from(list(Role)))) if draw(st.booleans()) else world.member(
        55, ROBOT, HOME, {PAGE: Task.MANAGE}
    )
    everything = dict.fromkeys(world.nodes, T0)
    world.consent("person", PERSON, everything, T0)
    world.consent("robot", ROBOT, everything, T0, kind=TokenKind.SYSTEM_USER)
    world.consent("partner", PARTNERS, everything, T0)
    world.page_token("page", "person", PAGE)
    at = T0 + (1 + draw(st.integers(0, 20))) * DAY + draw(st.sampled_from([-1, 0, 1])) * TICK
    if draw(st.booleans()):
        world.account(MANAGED, AccountKind.MANAGED)
        own = {number: draw(tasks_of(kinds[number])) for number in ASSETS if draw(st.booleans())}
        world.member(OLDER_PLACE, MANAGED, HOME, own)
    grace = draw(st.sampled_from([30 * DAY, DAY, TICK]))
    deadline = draw(st.one_of(st.none(), st.sampled_from([at + TICK, at + 3 * DAY]))) if deadlines else None
    for act in ACTS:
        assert world.may(act, PAGE, at, token="person")
    return Case(world, at, grace, deadline)


def questions(world: World) -> Iterator[tuple[dict[str, object], int, Act]]:
    """Every caller with every node and act."""
    callers = [*CALLERS, *([{"account": MANAGED}] if MANAGED in world.accounts else [])]
    return ((caller, node, act) for caller in callers for node in world.nodes for act in (*ACTS, Act.MANAGE))


def answers(world: World, instants: list[datetime], **caller: object) -> dict[tuple[datetime, int, Act], bool]:
    """What a caller may do at each of these instants."""
    found = {}
    for node in world.nodes:
        facts = world.facts(node, **caller)  # type: ignore[arg-type]
        for act in ACTS:
            ask = ask_for(world.nodes[node].kind, act)
            found |= {(now, node, act): isinstance(decide(facts, ask, now), Allow) for now in instants}
    return found


def with_ends(case: Case, ends: datetime) -> World:
    """The world before the migration, except that the membership in HOME simply ends at ``ends``."""
    world = case.world.copy()
    world.memberships[PLACE] = replace(world.memberships[PLACE], ends=ends)
    return world


@SETTINGS
@given(cases())
def test_decisions_agree_with_the_rules_said_plainly(case: Case) -> None:
    """Before and after a claim, at every edge, ``decide`` answers what the naive evaluator answers (AC-31, MT-31)."""
    for world in (case.world, case.invite(), case.claim()):
        edges = world.edges()
        for caller, node, act in questions(world):
            facts, ask = world.facts(node, **caller), ask_for(world.nodes[node].kind, act)  # type: ignore[arg-type]
            for now in edges:
                allowed = isinstance(decide(facts, ask, now), Allow)
                assert allowed is naive(world, act, node, now, **caller), (caller, node, act, now)  # type: ignore[arg-type]


def check_end(
    world: World, node: int, act: Act, now: datetime, told: datetime | None, caller: dict[str, object]
) -> None:
    """From ``now`` on access holds at every edge before the told end and is gone at it, unless another way began since."""
    ahead = [edge for edge in sorted({*world.edges(), *around(told)}) if edge >= now]
    for edge in ahead:
        if told is None or edge < told:
            assert naive(world, act, node, edge, **caller), (caller, node, act, now, edge, told)  # type: ignore[arg-type]
    if told is not None and naive(world, act, node, told, **caller):  # type: ignore[arg-type]
        begins = [place.starts for place in world.memberships.values()]
        begins += [share.runs.starts for share in world.shares.values()]
        assert any(now < start <= told for start in begins), (caller, node, act, now, told)


@SETTINGS
@given(cases(), st.sampled_from(["expires", "revoked", "parent_revoked", "lapses", "suspended", "deleted"]))
def test_the_told_end_is_the_enforced_end(case: Case, drawn: str) -> None:
    """``until`` is exactly the end of access, whatever it is the end of; ``reach_until`` that of the way alone (I8, M15)."""
    for world, also in ((make(), one) for make in (case.invite, case.claim) for one in (None, drawn)):
        end = case.at + 10 * DAY
        if also in ("suspended", "deleted"):
            world.accounts[PERSON] = replace(world.accounts[PERSON], **{also: end})
        elif also == "lapses":
            world.grants["person"] = replace(world.grants["person"], lapses=end)
        elif also is not None:
            token = world.tokens["person"]
            world.tokens["person"] = replace(token, facts=replace(token.facts, **{also: end}))
            world.page_token("page", "person", PAGE)
        for token, node in [("person", node) for node in world.nodes] + [
            ("page", PAGE),
            ("partner", PAGE),
            ("partner", ADS),
        ]:
            for now in (T0, case.at - TICK, case.at, case.at + TICK, end - TICK, end, end + TICK):
                answer = world.ask(Act.READ, node, now, token=token)
                assert isinstance(answer, Allow) is naive(world, Act.READ, node, now, token=token)
                if isinstance(answer, Allow):
                    check_end(world, node, Act.READ, now, answer.until, {"token": token})
                    if also is None:
                        assert answer.until == answer.reach_until


@SETTINGS
@given(cases())
def test_old_tokens_work_as_before_until_the_cut_off_and_not_from_it_on(case: Case) -> None:
    """From the claim on, user and page tokens reach exactly what they would if the membership simply ended at the
    cut-off: everything before it (I1, M6), nothing at it but by other ways (I2, M8, M15), backwards in time too."""
    claimed, plain = case.claim(), with_ends(case, case.cut_off)
    instants = sorted({*claimed.edges(), *plain.edges()})
    for token in ("person", "page"):
        assert answers(claimed, instants, token=token) == answers(plain, instants, token=token)
    assert claimed.may(Act.WRITE, PAGE, case.cut_off - TICK, token="page")


@SETTINGS
@given(cases())
def test_decisions_stay_until_the_next_instant_that_the_facts_mention(case: Case) -> None:
    """``next_change`` leaves out no instant at which a decision changes: up to it each is the same, refusals too (M9, house 30)."""
    for world in (case.world, case.invite(), case.claim()):
        edges = world.edges()
        for caller, node, act in questions(world):
            facts, ask = world.facts(node, **caller), ask_for(world.nodes[node].kind, act)  # type: ignore[arg-type]
            decisions = [decide(facts, ask, now) for now in edges]
            for place, now in enumerate(edges):
                change = next_change(facts, now)
                assert change is None or change > now
                for later, decision in zip(edges[place:], decisions[place:], strict=True):
                    if change is not None and later >= change:
                        break
                    assert decision == decisions[place], (caller, node, act, now, later, change)


@SETTINGS
@given(cases())
def test_the_same_token_goes_on_everywhere_else(case: Case) -> None:
    """At every instant a claim changes nothing about other businesses, own assets and personal data (I3, M8, M14)."""
    claimed = case.claim()
    instants = claimed.edges()
    after, before = answers(claimed, instants, token="person"), answers(case.world, instants, token="person")
    for (now, node, act), allowed in after.items():
        if node in (SECOND, ELSEWHERE, OWN, PARTNER):
            assert allowed is before[now, node, act]
        else:
            assert allowed <= before[now, node, act]
    personal = Ask(Act.READ, personal=True, scopes=frozenset({"email"}))
    for now in instants:
        assert decide(claimed.facts(PAGE, "person"), personal, now) == Allow(None, Reason.PERSONAL_DATA)


@SETTINGS
@given(cases())
def test_software_and_partners_notice_nothing(case: Case) -> None:
    """System-user tokens and partner sharing answer the same at every instant, claim or no claim, rollback too (I4, A6)."""
    claimed = case.claim()
    rolled = claimed.copy()
    roll_back(rolled, case.at)
    instants = claimed.edges()
    for token in ("robot", "partner"):
        before = answers(case.world, instants, token=token)
        assert answers(case.invite(), instants, token=token) == before
        assert answers(claimed, instants, token=token) == before
        assert answers(rolled, instants, token=token) == before


def roll_back(world: World, now: datetime) -> None:
    """The person is rolled back at ``now``."""
    person = world.persons[90]
    managed = world.memberships[person.managed_membership_id or 0]
    assert world.apply(plan_rollback(person, world.memberships[PLACE], managed, 1, now)).refusal is None


@SETTINGS
@given(cases(), st.data())
def test_a_rollback_restores_what_was_before(case: Case, data: st.DataObject) -> None:
    """Whatever an admin took and gave again in grace, a rollback ends in the state before, less what was taken for good:
    hash-equal, and every answer of every caller at every instant is that without any migration (I5, M12, M16, AC-37)."""
    world, expected = case.claim(), case.world.copy()
    number = world.persons[90].managed_membership_id or 0
    held = dict(world.memberships[number].assignments)
    taken = data.draw(st.lists(st.sampled_from(sorted(held)), unique=True))
    again = set(data.draw(st.lists(st.sampled_from(taken), unique=True))) if taken else set()
    for asset in taken:
        world.apply(plan_take_away(world.memberships[number], (world.memberships[PLACE],), asset, case.at))
        assert asset not in world.memberships[PLACE].assignments
        if asset in again:
            gift = plan_assign(world.memberships[number], (world.memberships[PLACE],), asset, held[asset], case.at)
            world.apply(gift)
            assert asset not in world.memberships[PLACE].assignments
    for key in {PLACE, number} & set(expected.memberships):
        kept = {
            asset: tasks
            for asset, tasks in expected.memberships[key].assignments.items()
            if asset not in taken or asset in again
        }
        expected.memberships[key] = replace(expected.memberships[key], assignments=kept)
    now = data.draw(st.sampled_from([case.at, case.cut_off - TICK]))
    roll_back(world, now)
    assert snapshot(world.memberships[PLACE]) == snapshot(expected.memberships[PLACE])
    assert world.memberships[PLACE] == expected.memberships[PLACE]
    instants = sorted({*world.edges(), *around(case.cut_off, case.deadline)})
    for caller in CALLERS:
        assert answers(world, instants, **caller) == answers(expected, instants, **caller)
    after = [edge for edge in instants if edge >= now]
    own = answers(expected, after, account=MANAGED) if MANAGED in expected.accounts else {}
    assert {key for key, allowed in answers(world, after, account=MANAGED).items() if allowed} == {
        key for key, allowed in own.items() if allowed
    }


@SETTINGS
@given(cases(deadlines=False), st.sampled_from([timedelta(0), TICK, 3 * DAY]))
def test_a_late_claim_brings_nothing_back(case: Case, late: timedelta) -> None:
    """Who claims at the deadline or later has lost the business at the deadline, whatever the grace; only the managed
    account has its place (M10)."""
    case.deadline, case.at = case.at, case.at + late
    claimed, plain = case.claim(), with_ends(case, case.deadline)
    instants = sorted({*claimed.edges(), *plain.edges()})
    for caller in ({"token": "person"}, {"token": "page"}, {"account": PERSON}):
        assert answers(claimed, instants, **caller) == answers(plain, instants, **caller)
    assert claimed.may(Act.WRITE, PAGE, case.at, account=MANAGED)


@SETTINGS
@given(cases(deadlines=False), st.sampled_from([timedelta(0), TICK, 3 * DAY]))
def test_a_leaver_loses_the_old_login_at_once(case: Case, later: timedelta) -> None:
    """When the managed account is suspended, the old login loses what was left of its grace in that instant (A5, I7)."""
    leaves = case.at + min(later, case.grace)
    claimed, plain = case.claim(), with_ends(case, leaves)
    graces = (claimed.memberships[PLACE],)
    assert claimed.apply(plan_leaver(MANAGED, 3, graces, (90,), False, leaves)).refusal is None
    instants = [edge for edge in sorted({*claimed.edges(), *plain.edges()}) if edge >= leaves]
    for token in ("person", "page"):
        assert answers(claimed, instants, token=token) == answers(plain, instants, token=token)
    assert not any(answers(claimed, instants, account=MANAGED).values())


@SETTINGS
@given(cases())
def test_who_is_invited_twice_hands_over_once(case: Case) -> None:
    """A second invitation for the same membership changes nothing after the claim: it neither prolongs the grace nor
    undoes the hand-over, whoever uses it (M18)."""
    world = case.claim()
    place = world.memberships[PLACE]
    second = replace(case.invite().persons[90], id=91)
    claim = Claim(PERSON, "a@work.example", MANAGED, 63, "A", None)
    now = case.cut_off - TICK
    for plan in (
        plan_claim(second, place, None, claim, 60 * DAY, now),
        plan_deadline(second, place, None, 1, now),
        plan_deadline(second, place, now + 90 * DAY, 1, now),
        plan_invite(second, place, 1, now),
    ):
        assert plan.refusal is not None
        assert plan.changes == ()
    world.persons[91] = second
    world.apply(plan_exclude(second, place, now))
    assert world.memberships[PLACE] == place


@SETTINGS
@given(cases())
def test_the_managed_account_has_exactly_what_the_person_had(case: Case) -> None:
    """At the claim the managed account's rights in the business are the personal one's and its own older ones, and the
    person's session there has none; nothing is gained and nothing else moves (I6, M4, M5, M16, AC-31)."""
    claimed = case.claim()
    inside = {HOME, *ASSETS}

    def reach(world: World, account: int) -> set[tuple[int, Act]]:
        return {
            (node, act) for node in world.nodes for act in ACTS if naive(world, act, node, case.at, account=account)
        }

    only_home = case.world.copy()
    del only_home.direct[PERSON, OWN]
    only_home.memberships = {key: place for key, place in only_home.memberships.items() if place.business_id == HOME}
    older = reach(case.world, MANAGED) if MANAGED in case.world.accounts else set()
    assert reach(claimed, MANAGED) >= reach(only_home, PERSON) | older
    if not older:
        assert reach(claimed, MANAGED) == reach(only_home, PERSON)
    without = case.world.copy()
    del without.memberships[PLACE]
    assert reach(claimed, PERSON) == reach(without, PERSON)
    assert {node for node, _ in reach(claimed, MANAGED)} <= inside


@SETTINGS
@given(cases(deadlines=False), st.sampled_from([TICK, 9 * DAY]))
def test_an_extension_moves_the_end_everywhere(case: Case, more: timedelta) -> None:
    """After an extension every asset of the business ends at the new cut-off, and is told so (M11, I8)."""
    world = case.claim()
    plan = plan_extension(world.persons[90], world.memberships[PLACE], case.cut_off + more, 60 * DAY, case.at)
    assert world.apply(plan).refusal is None
    plain = with_ends(case, case.cut_off + more)
    instants = sorted({*world.edges(), *plain.edges(), *around(case.cut_off)})
    assert answers(world, instants, token="person") == answers(plain, instants, token="person")
    for node in (HOME, *ASSETS):
        told = world.ask(Act.READ, node, case.at, token="person")
        if isinstance(told, Allow) and told.because is Reason.GRACE:
            check_end(world, node, Act.READ, case.at, told.reach_until, {"token": "person"})


@SETTINGS
@given(cases())
def test_nothing_new_goes_by_the_old_login(case: Case) -> None:
    """In grace neither a new consent nor a newer selection nor the person's session reaches the business: a token of
    either kind has what it would have without that membership (M5, MT-17, MT-18)."""
    world = case.claim()
    without = case.world.copy()
    del without.memberships[PLACE]
    for other in (world, without):
        other.consent("later", PERSON, dict.fromkeys(other.nodes, T0), case.at + TICK)
        other.consent("chosen later", PERSON, dict.fromkeys(other.nodes, case.at + TICK), T0)
        other.page_token("later page", "later", PAGE)
    instants = [edge for edge in sorted({*world.edges(), *without.edges()}) if edge > case.at]
    for token in ("later", "chosen later", "later page"):
        assert answers(world, instants, token=token) == answers(without, instants, token=token)
    assert answers(world, instants, account=PERSON) == answers(without, instants, account=PERSON)


@SETTINGS
@given(cases(), st.sampled_from(["invite", "claim"]))
def test_a_list_shows_exactly_what_single_reads_allow(case: Case, stage: str) -> None:
    """Listing and reading are one decision for every caller, node and instant (I10)."""
    world = case.invite() if stage == "invite" else case.claim()
    for caller, node, _ in questions(world):
        facts, kind = world.facts(node, **caller), world.nodes[node].kind  # type: ignore[arg-type]
        for now in world.edges():
            listed = isinstance(decide(facts, ask_for(kind, Act.LIST), now), Allow)
            assert listed is isinstance(decide(facts, ask_for(kind, Act.READ), now), Allow)


@SETTINGS
@given(cases(), st.booleans(), st.sets(st.sampled_from(["pages_manage_posts", "ads_read", "business_management"])))
def test_rights_only_shrink_along_a_chain(case: Case, in_grace: bool, scopes: set[str]) -> None:
    """What is exchanged or derived, before the claim or in grace, reaches no more than what it came from, never beyond
    the cut-off, and nothing once its parent is revoked (M6, MT-12)."""
    world = case.claim()
    born = case.at if in_grace else T0
    token = world.tokens["person"]
    world.tokens["person"] = replace(token, facts=replace(token.facts, scopes=frozenset(scopes)))
    world.exchange("long", "person", born + 60 * DAY)
    world.exchange("longer", "long", None)
    world.page_token("child", "longer", PAGE)
    chain = ["person", "longer", "child"]
    instants = world.edges()
    reached = [answers(world, instants, token=name) for name in chain]
    for parent, child in itertools.pairwise(reached):
        assert all(parent[key] for key, allowed in child.items() if allowed)
    assert all(reached[0][key] for key, allowed in answers(world, instants, token="long").items() if allowed)
    revoked = case.at + DAY
    parent_token = world.tokens["person"]
    world.tokens["person"] = replace(parent_token, facts=replace(parent_token.facts, revoked=revoked))
    world.page_token("orphan", "person", PAGE)
    for now in (revoked, revoked + TICK, revoked + 90 * DAY):
        assert not any(answers(world, [now], token="orphan").values())
        assert not isinstance(decide(world.facts(PAGE, "orphan"), Ask(Act.READ, personal=True), now), Allow)


@SETTINGS
@given(st.lists(st.sampled_from(list(Role)), min_size=1, max_size=4), st.booleans())
def test_deadlines_never_take_all_admins(roles: list[Role], claims: bool) -> None:
    """However many admins are invited with one deadline, one of them at least is still there after it (I9, M10)."""
    world = World()
    for number, role in enumerate([Role.ADMIN, *roles]):
        world.member(50 + number, number, HOME, role=role)
    for number in list(world.memberships):
        place = world.memberships[number]
        record = PersonRecord(number, 80, HOME, 3, place.account_id, "a@work.example", T0 + DAY, T0, T0 + 9 * DAY)
        assert world.apply(plan_invite(record, place, lasting(world, number), T0)).refusal is None
    after = T0 + DAY
    assert [place for place in world.memberships.values() if place.role is Role.ADMIN and place.is_open(after)]
    employees = [place for place in world.memberships.values() if place.role is Role.EMPLOYEE]
    assert not any(place.is_open(after) for place in employees)


def lasting(world: World, besides: int) -> int:
    """Admins whose place has no end."""
    others = [place for number, place in world.memberships.items() if number != besides]
    return sum(1 for place in others if place.role is Role.ADMIN and place.ends is None)
