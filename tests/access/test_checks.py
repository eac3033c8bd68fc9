"""Each check by itself: its edge, its reason, its instant; and that the order of checks decides nothing but the reason."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest

from tests.access.worlds import DAY, T0, TICK, World, ask_for
from workbadge.access import (
    CHECKS,
    ROUTE_CHECKS,
    AccountFacts,
    Allow,
    AppFacts,
    Ask,
    Deny,
    Facts,
    GrantFacts,
    NodeFacts,
    Route,
    Standing,
    TokenFacts,
    decide,
    next_change,
    stand,
)
from workbadge.terms.instants import Interval
from workbadge.terms.kinds import AccountKind, Act, EndCause, NodeKind, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import TASKS_OF, Task

PAGE = 7
NOW = T0 + 5 * DAY
END = T0 + 9 * DAY
SCOPES = frozenset({"pages_manage_posts", "email"})
READ = ask_for(NodeKind.PAGE, Act.READ)
WRITE = ask_for(NodeKind.PAGE, Act.WRITE)
PERSONAL = Ask(Act.READ, personal=True)
WAY = Route(TASKS_OF[NodeKind.PAGE], Interval(T0))


def allowed(routes: tuple[Route, ...] = (WAY,), kind: AccountKind = AccountKind.PERSONAL) -> Facts:
    """Facts under which a user token reads its page."""
    return Facts(
        account=AccountFacts(1, kind),
        token=TokenFacts(TokenKind.USER, T0, SCOPES),
        app=AppFacts(3),
        grant=GrantFacts(SCOPES, None, T0),
        node=NodeFacts(PAGE, NodeKind.PAGE, 2),
        routes=routes,
    )


def with_token(**changed: object) -> Facts:
    """The allowed facts with another token."""
    facts = allowed()
    assert facts.token is not None
    return replace(facts, token=replace(facts.token, **changed))  # type: ignore[arg-type]


def with_grant(**changed: object) -> Facts:
    """The allowed facts with another grant."""
    facts = allowed()
    assert facts.grant is not None
    return replace(facts, grant=replace(facts.grant, **changed))  # type: ignore[arg-type]


def ends(facts: Facts, reason: Reason, ask: Ask = READ) -> None:
    """Allowed until END, that instant told beforehand; refused from END on, with the reason and that instant."""
    for now in (NOW, END - TICK):
        answer = decide(facts, ask, now)
        assert isinstance(answer, Allow), (now, answer)
        assert answer.until == END
    for now in (END, END + TICK):
        assert decide(facts, ask, now) == Deny(reason, END)


def test_a_token_with_a_way_is_allowed_without_an_end() -> None:
    """An allowed question has no end where nothing that it rests on has one (I8)."""
    assert decide(allowed(), READ, NOW) == Allow(None, Reason.MEMBERSHIP, None)
    assert decide(allowed(), WRITE, NOW) == Allow(None, Reason.MEMBERSHIP, None)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (with_token(revoked=END), Reason.TOKEN_REVOKED),
        (with_token(revoked=END, revoked_because=Reason.PASSWORD_CHANGED), Reason.PASSWORD_CHANGED),
        (with_token(parent_revoked=END), Reason.PARENT_REVOKED),
        (with_token(expires=END), Reason.TOKEN_EXPIRED),
        (with_grant(revoked=END), Reason.APP_REMOVED),
        (with_grant(lapses=END), Reason.GRANT_LAPSED),
        (replace(allowed(), app=AppFacts(3, END)), Reason.APP_DISABLED),
        (replace(allowed(), account=AccountFacts(1, AccountKind.PERSONAL, suspended=END)), Reason.ACCOUNT_SUSPENDED),
        (replace(allowed(), account=AccountFacts(1, AccountKind.PERSONAL, deleted=END)), Reason.ACCOUNT_DELETED),
        (allowed((replace(WAY, business_suspended=END),)), Reason.BUSINESS_SUSPENDED),
        (allowed((replace(WAY, share=Interval(T0, END)),)), Reason.SHARE_ENDED),
        (allowed((replace(WAY, membership=Interval(T0, END)),)), Reason.MEMBERSHIP_ENDED),
        *(
            (allowed((replace(WAY, membership=Interval(T0, END), end_cause=cause),)), reason)
            for cause, reason in (
                (EndCause.GRACE, Reason.GRACE_ENDED),
                (EndCause.DEADLINE, Reason.DEADLINE_PASSED),
                (EndCause.LEAVER, Reason.LEAVER),
                (EndCause.REMOVED, Reason.MEMBERSHIP_ENDED),
                (EndCause.ROLLED_BACK, Reason.MEMBERSHIP_ENDED),
            )
        ),
    ],
)
def test_what_ends_holds_until_its_end_and_not_at_it(facts: Facts, reason: Reason) -> None:
    """Access is there a microsecond before an end and gone at it, and the end is told in advance (M7, I8, MT-31)."""
    ends(facts, reason)


def test_both_ends_of_an_account_and_of_a_token_count() -> None:
    """Of two known ends of the same thing the earlier is told, whichever it is (I8)."""
    for first, second in permutations((END, END + DAY)):
        twice = replace(allowed(), account=AccountFacts(1, AccountKind.PERSONAL, suspended=first, deleted=second))
        for facts in (twice, with_token(revoked=first, parent_revoked=second)):
            answer = decide(facts, READ, NOW)
            assert isinstance(answer, Allow)
            assert answer.until == END
            assert isinstance(decide(facts, READ, END), Deny)


@pytest.mark.parametrize(
    "later",
    [
        allowed((replace(WAY, membership=Interval(END)),)),
        allowed((replace(WAY, share=Interval(END)),)),
        with_grant(selected=END),
    ],
)
def test_what_starts_holds_from_its_start_on(later: Facts) -> None:
    """A membership, a share or a selection is not there a microsecond before it starts and is there at it (MT-16)."""
    assert decide(later, READ, END - TICK) in (Deny(Reason.NO_ROUTE), Deny(Reason.NOT_SELECTED))
    assert isinstance(decide(later, READ, END), Allow)


def test_what_ends_as_it_starts_has_ended() -> None:
    """A membership or a share that ends in the instant of its start never held; from then on it has ended (M7, L6)."""
    for way, reason in (
        (replace(WAY, membership=Interval(END, END)), Reason.MEMBERSHIP_ENDED),
        (replace(WAY, share=Interval(END, END)), Reason.SHARE_ENDED),
    ):
        assert decide(allowed((way,)), READ, END - TICK) == Deny(Reason.NO_ROUTE)
        assert decide(allowed((way,)), READ, END) == Deny(reason, END)


def test_a_page_token_reaches_its_page_only() -> None:
    """A page token is refused on every other node, also on one that does not exist (MT-10)."""
    assert isinstance(decide(with_token(kind=TokenKind.PAGE, page_id=PAGE), READ, NOW), Allow)
    other = with_token(kind=TokenKind.PAGE, page_id=8)
    assert decide(other, READ, NOW) == Deny(Reason.OTHER_PAGE)
    assert decide(replace(other, node=None), READ, NOW) == Deny(Reason.OTHER_PAGE)
    assert isinstance(decide(other, PERSONAL, NOW), Allow)


def test_an_app_token_stands_for_nobody() -> None:
    """An app token reaches neither assets nor personal data (house 11)."""
    facts = Facts(None, TokenFacts(TokenKind.APP, T0, frozenset()), AppFacts(3), node=NodeFacts(PAGE, NodeKind.PAGE))
    assert decide(facts, READ, NOW) == Deny(Reason.NO_ACCOUNT)
    assert decide(facts, PERSONAL, NOW) == Deny(Reason.NO_ACCOUNT)
    with_account = replace(facts, account=AccountFacts(1, AccountKind.PERSONAL), routes=(WAY,))
    assert decide(with_account, READ, NOW) == Deny(Reason.NOT_SELECTED)
    assert decide(with_account, replace(PERSONAL, scopes=SCOPES), NOW) == Deny(Reason.SCOPE_MISSING)


def test_a_token_without_a_grant_is_dead() -> None:
    """When the grant is gone, the app has been removed and its tokens reach nothing (MT-09)."""
    assert decide(replace(allowed(), grant=None), READ, NOW) == Deny(Reason.APP_REMOVED)


def test_scopes_must_stand_in_the_grant_and_in_the_tokens_own_consent() -> None:
    """A scope granted later does not widen an older token, and a declined scope narrows every token (MT-12)."""
    ask = replace(READ, scopes=frozenset({"pages_manage_posts"}))
    assert isinstance(decide(allowed(), ask, NOW), Allow)
    assert decide(with_token(scopes=frozenset({"email"})), ask, NOW) == Deny(Reason.SCOPE_MISSING)
    assert decide(with_grant(scopes=frozenset({"email"})), ask, NOW) == Deny(Reason.SCOPE_MISSING)
    assert isinstance(decide(with_token(scopes=frozenset()), replace(ask, scopes=frozenset()), NOW), Allow)


def test_what_was_not_selected_is_not_reached() -> None:
    """A node that the account did not choose is refused, however wide its own rights (MT-16)."""
    assert decide(with_grant(selected=None), READ, NOW) == Deny(Reason.NOT_SELECTED)


def test_personal_data_needs_no_node_and_has_no_end() -> None:
    """The account's own data is reached while token and account live, whatever becomes of businesses (I3, M8)."""
    facts = replace(allowed((replace(WAY, membership=Interval(T0, T0)),)), node=None)
    assert decide(facts, PERSONAL, NOW) == Allow(None, Reason.PERSONAL_DATA, None)
    ends(replace(with_token(expires=END), node=None), Reason.TOKEN_EXPIRED, PERSONAL)


def test_what_was_not_used_for_too_long_still_tells_whom_it_stands_for() -> None:
    """wire 6.8: a grant that lapsed reaches no node and no data that takes a permission, but its token stays valid."""
    lapsed = with_grant(lapses=END)
    assert decide(lapsed, PERSONAL, END) == Allow(None, Reason.PERSONAL_DATA, None)
    ends(lapsed, Reason.GRANT_LAPSED, replace(PERSONAL, scopes=SCOPES))
    assert decide(with_grant(lapses=END, scopes=frozenset()), READ, END) == Deny(Reason.GRANT_LAPSED, END)


def test_a_node_that_does_not_exist_and_one_without_a_way_are_told_apart() -> None:
    """Nothing is reached where there is no node or no way (house 11)."""
    assert decide(replace(allowed(), node=None), READ, NOW) == Deny(Reason.NODE_UNKNOWN)
    assert decide(allowed(()), READ, NOW) == Deny(Reason.NO_ROUTE)


def test_only_personal_accounts_reach_assets_without_a_business() -> None:
    """A direct role counts for a personal account and for no other kind (A2)."""
    direct = (Route(TASKS_OF[NodeKind.PAGE]),)
    assert decide(allowed(direct), READ, NOW) == Allow(None, Reason.DIRECT_ROLE, None)
    for kind in (AccountKind.MANAGED, AccountKind.SYSTEM):
        assert decide(allowed(direct, kind), READ, NOW) == Deny(Reason.NO_ROUTE)


def test_the_way_is_named() -> None:
    """An answer says by which way it came: share, system user, membership (L6)."""
    lent = (replace(WAY, share=Interval(T0)),)
    assert decide(allowed(lent), READ, NOW) == Allow(None, Reason.SHARE, None)
    assert decide(allowed(lent, AccountKind.SYSTEM), READ, NOW) == Allow(None, Reason.SYSTEM_USER, None)


def test_tasks_decide_what_may_be_done() -> None:
    """Reading takes any task of the kind, writing one that writes; no task at all reaches nothing (MT-10)."""
    reader = allowed((replace(WAY, tasks=Task.ANALYZE),))
    assert isinstance(decide(reader, READ, NOW), Allow)
    assert decide(reader, WRITE, NOW) == Deny(Reason.TASK_MISSING)
    for nothing in (Task(0), Task.UPLOAD):
        assert decide(allowed((replace(WAY, tasks=nothing),)), READ, NOW) == Deny(Reason.TASK_MISSING)


def test_a_question_that_forgets_its_tasks_gives_nothing_away() -> None:
    """Asked without tasks, an asset still takes some task; a business takes membership only (house 11)."""
    bare = Ask(Act.READ)
    assert isinstance(decide(allowed(), bare, NOW), Allow)
    nothing = allowed((replace(WAY, tasks=Task(0)),))
    assert decide(nothing, bare, NOW) == Deny(Reason.TASK_MISSING)
    assert isinstance(decide(replace(nothing, node=NodeFacts(2, NodeKind.BUSINESS, 2)), bare, NOW), Allow)
    assert isinstance(decide(replace(nothing, node=None), bare, NOW), Deny)


HANDED = T0 + 3 * DAY
GRACE = replace(WAY, membership=Interval(T0, END), end_cause=EndCause.GRACE, handed_over=HANDED)


def test_in_grace_old_tokens_go_on_until_the_cut_off() -> None:
    """What was authorized before the claim, or in its very instant, reaches the asset until the cut-off (M6, M7, I1)."""
    ends(allowed((GRACE,)), Reason.GRACE_ENDED)
    assert decide(allowed((GRACE,)), READ, NOW) == Allow(END, Reason.GRACE, END)
    facts = allowed((GRACE,))
    assert facts.token is not None
    assert isinstance(decide(replace(facts, token=replace(facts.token, authorized=HANDED)), READ, NOW), Allow)


@pytest.mark.parametrize(
    "facts",
    [
        replace(with_token(authorized=HANDED + TICK), routes=(GRACE,)),
        replace(with_grant(selected=HANDED + TICK), routes=(GRACE,)),
        Facts(AccountFacts(1, AccountKind.PERSONAL), node=NodeFacts(PAGE, NodeKind.PAGE, 2), routes=(GRACE,)),
        replace(allowed((GRACE,)), grant=None, token=TokenFacts(TokenKind.APP, T0, SCOPES)),
    ],
)
def test_in_grace_nothing_new_goes_by_the_old_login(facts: Facts) -> None:
    """A newer consent, a newer selection and the person's own session are refused from the claim on (M5)."""
    assert decide(facts, Ask(Act.CONSENT), NOW) == Deny(Reason.HANDED_OVER, HANDED)


def test_in_grace_the_old_login_manages_nothing() -> None:
    """An old token reads and writes until the cut-off, but manages nothing from the claim on, nor does a session (M5, MT-18)."""
    manage = ask_for(NodeKind.PAGE, Act.MANAGE)
    facts = allowed((GRACE,))
    assert decide(facts, manage, HANDED - TICK) == Allow(HANDED, Reason.MEMBERSHIP, HANDED)
    assert decide(facts, manage, HANDED) == Deny(Reason.MANAGING_MOVED, HANDED)
    assert decide(facts, manage, END) == Deny(Reason.GRACE_ENDED, END)
    newer = replace(with_token(authorized=HANDED + TICK), routes=(GRACE,))
    assert decide(newer, manage, NOW) == Deny(Reason.HANDED_OVER, HANDED)
    assert decide(allowed((GRACE, WAY)), manage, NOW) == Allow(None, Reason.MEMBERSHIP, None)


def test_before_the_claim_nothing_is_in_grace() -> None:
    """Looked at from before the claim a way is a membership; what the claim will end is told with its instant (M5, I8)."""
    session = Facts(AccountFacts(1, AccountKind.PERSONAL), node=NodeFacts(PAGE, NodeKind.PAGE, 2), routes=(GRACE,))
    assert decide(session, Ask(Act.CONSENT), HANDED - TICK) == Allow(HANDED, Reason.MEMBERSHIP, HANDED)
    assert decide(session, Ask(Act.CONSENT), HANDED) == Deny(Reason.HANDED_OVER, HANDED)
    assert decide(allowed((GRACE,)), READ, HANDED - TICK) == Allow(END, Reason.MEMBERSHIP, END)
    assert decide(allowed((GRACE,)), READ, HANDED) == Allow(END, Reason.GRACE, END)


def each_order(routes: Iterable[Route], now: datetime = NOW) -> set[Allow | Deny]:
    """The answers to one question with the ways in every order."""
    return {decide(allowed(order), READ, now) for order in permutations(routes)}


def test_of_several_ways_the_last_counts() -> None:
    """Access ends when the last way ends, in whatever order the ways stand; an open way has no end (M15)."""
    longer = replace(WAY, share=Interval(T0, END + DAY))
    endless = replace(WAY, share=Interval(T0))
    assert each_order((GRACE, longer)) == {Allow(END + DAY, Reason.SHARE, END + DAY)}
    assert each_order((GRACE, longer, WAY)) == {Allow(None, Reason.MEMBERSHIP, None)}
    assert len(each_order((endless, GRACE, longer))) == 1
    assert each_order((GRACE, replace(WAY, share=Interval(T0, NOW)))) == {Allow(END, Reason.GRACE, END)}


def test_ways_that_end_together_are_told_as_a_grace() -> None:
    """When a grace and another way end in the same instant, the answer says grace, so that the expiry is shown (I8)."""
    assert each_order((GRACE, replace(WAY, share=Interval(T0, END)))) == {Allow(END, Reason.GRACE, END)}


def test_of_several_closed_ways_the_last_that_closed_is_told() -> None:
    """The refusal names the way that was lost last; ways that never were say nothing about since when (L6)."""
    first = replace(WAY, membership=Interval(T0, T0 + DAY))
    second = replace(WAY, share=Interval(T0, T0 + 2 * DAY))
    weak = replace(WAY, tasks=Task(0))
    later = replace(WAY, membership=Interval(END))
    assert each_order((first, second, weak, later)) == {Deny(Reason.SHARE_ENDED, T0 + 2 * DAY)}
    assert each_order((weak, later)) == {Deny(Reason.TASK_MISSING)}


def test_the_tokens_own_end_is_not_the_assets() -> None:
    """``until`` tells the earliest end of all, ``reach_until`` the end of the way alone (I8)."""
    facts = with_token(expires=END - DAY)
    assert decide(replace(facts, routes=(GRACE,)), READ, NOW) == Allow(END - DAY, Reason.GRACE, END)


def test_of_several_ends_on_one_way_the_earliest_is_told() -> None:
    """Membership, share, business, token, grant and app: whichever ends first is the end, whatever else ends later (I8)."""
    for first in range(6):
        ends_at = [END + DAY] * 6
        ends_at[first] = END
        member, share, business, token, grant, app = ends_at
        way = replace(WAY, membership=Interval(T0, member), share=Interval(T0, share), business_suspended=business)
        facts = replace(with_token(expires=token), routes=(way,), app=AppFacts(3, app))
        facts = replace(facts, grant=GrantFacts(SCOPES, grant, T0))
        reach = END if first < 3 else END + DAY
        assert decide(facts, READ, NOW) == Allow(END, Reason.SHARE, reach)
        assert isinstance(decide(facts, READ, END), Deny)


def test_the_order_of_checks_decides_only_the_reason() -> None:
    """Every check refuses or holds by itself: no check relies on one before it having held (house §2)."""
    world = World()
    world.account(1)
    world.node(PAGE, NodeKind.PAGE, 2)
    world.member(5, 1, 2, {PAGE: Task.MANAGE})
    world.consent("t", 1, {PAGE: T0}, T0)
    bare = Facts(None)
    for facts in (
        world.facts(PAGE, "t"),
        world.facts(PAGE, account=1),
        bare,
        allowed(),
        replace(allowed(), grant=None),
    ):
        for now in (T0 - TICK, T0, NOW):
            for ask in (READ, WRITE, PERSONAL, Ask(Act.CONSENT)):
                answers = [check(facts, ask, now) for check in reversed(CHECKS)]
                refused = any(isinstance(answer, Deny) for answer in answers)
                assert refused is isinstance(decide(facts, ask, now), Deny)
                for check in ROUTE_CHECKS:
                    for route in (*facts.routes, GRACE, Route(Task(0))):
                        check(route, facts, ask, now)


def test_the_next_change_is_the_earliest_instant_to_come() -> None:
    """Every instant that a check compares with ``now`` is one at which a decision can change, those behind are not (M9)."""
    assert next_change(allowed(), NOW) is None
    assert next_change(allowed(), T0 - TICK) == T0
    assert next_change(Facts(account=None), NOW) is None
    facts, base = allowed(), next_change(allowed(), T0)
    assert base is None
    assert facts.token is not None and facts.app is not None and facts.grant is not None and facts.account is not None
    changed = [
        *(with_token(**{name: END}) for name in ("expires", "revoked", "parent_revoked")),
        *(with_grant(**{name: END}) for name in ("revoked", "selected", "lapses")),
        replace(facts, app=replace(facts.app, disabled=END)),
        *(replace(facts, account=replace(facts.account, **{name: END})) for name in ("suspended", "deleted")),
        *(allowed((replace(WAY, **{name: END}),)) for name in ("handed_over", "business_suspended")),
        allowed((replace(WAY, membership=Interval(T0, END)),)),
        allowed((replace(WAY, membership=Interval(END)),)),
        allowed((WAY, replace(WAY, share=Interval(END)))),
        allowed((WAY, replace(WAY, membership=None, share=Interval(T0, END)))),
    ]
    for one in changed:
        assert next_change(one, NOW) == END
        assert next_change(one, END) is None
    several = replace(with_token(expires=END), routes=(replace(WAY, membership=Interval(T0, END - DAY)),))
    assert next_change(several, NOW) == END - DAY


def test_a_decision_says_how_long_it_stands() -> None:
    """``stand`` is ``decide`` from ``now`` until the next change, and for good when there is none (house 30)."""
    for facts, ends in ((with_token(expires=END), END), (allowed(), datetime.max.replace(tzinfo=UTC))):
        for now in (T0 + TICK, END - TICK):
            assert stand(facts, READ, now) == Standing(decide(facts, READ, now), now, ends)
    refused = stand(with_token(expires=END), READ, END)
    assert isinstance(refused.decision, Deny) and refused.starts == END < refused.ends
