"""What a directory's change means for an account, and for the members of a group."""

from tests.access.worlds import DAY, T0
from workbadge.lifecycle.changes import (
    DeleteAccount,
    MembershipState,
    RestoreAccount,
    SetAccountPerson,
    SetMembershipEnd,
)
from workbadge.lifecycle.directory import MemberAct, MemberChange, Person, fold_members, plan_departure, plan_person
from workbadge.terms.kinds import EndCause, Role

ADA = Person("Ada", "ada@work.example", True)


def test_what_is_the_same_is_not_written() -> None:
    """O5: a directory that says again what stands here changes nothing."""
    plan = plan_person(1, 2, ADA, ADA, T0)
    assert plan.changes == () and plan.audit == ()


def test_a_name_an_address_and_a_return_are_told_apart() -> None:
    """O5, I11: each change has one entry of its own."""
    renamed = plan_person(1, 2, ADA, Person("Ada L.", ADA.address, True), T0)
    assert renamed.changes == (SetAccountPerson(1, "Ada L.", ADA.address),)
    moved = plan_person(1, 2, ADA, Person("Ada", "ada@other.example", True), T0)
    back = plan_person(1, 2, Person("Ada", ADA.address, False), ADA, T0)
    assert back.changes == (RestoreAccount(1, T0),)
    gone = plan_person(1, 2, ADA, Person("Ada", ADA.address, False), T0)
    assert gone.changes == ()
    assert [one.audit[0].act for one in (renamed, moved, back)] == [
        "account.rename",
        "account.address",
        "account.restore",
    ]


def test_who_departs_leaves_every_open_place() -> None:
    """SC-19, A5: open places end now as a leaver's, ended ones stay as they are, and the account is gone."""
    places = [MembershipState(number, 1, 9, Role.EMPLOYEE, T0, end, None, None, {}) for number, end in _ENDS]
    plan = plan_departure(1, 2, tuple(places), T0 + DAY)
    ended = [one for one in plan.changes if isinstance(one, SetMembershipEnd)]
    assert [(one.membership_id, one.ends, one.cause) for one in ended] == [
        (1, T0 + DAY, EndCause.LEAVER),
        (2, T0 + DAY, EndCause.LEAVER),
    ]
    assert plan.changes[-1] == DeleteAccount(1, T0 + DAY)
    assert [one.act for one in plan.audit] == ["membership.leaver", "membership.leaver", "account.delete"]


_ENDS = ((1, None), (2, T0 + 2 * DAY), (3, T0 + DAY))


def test_members_are_folded_in_order() -> None:
    """SC-11, SC-12: acts are made in their order, and nobody whom none of them names is touched."""
    some = frozenset({1, 2, 3})
    add, remove = MemberChange(MemberAct.ADD, frozenset({4})), MemberChange(MemberAct.REMOVE, frozenset({1, 4}))
    assert fold_members(some, [add, remove]) == (frozenset(), frozenset({1}))
    assert fold_members(some, [remove, add]) == (frozenset({4}), frozenset({1}))
    assert fold_members(some, [MemberChange(MemberAct.REPLACE, frozenset({3, 5}))]) == (
        frozenset({5}),
        frozenset({1, 2}),
    )
    assert fold_members(some, [MemberChange(MemberAct.REPLACE, frozenset())]) == (frozenset(), some)
