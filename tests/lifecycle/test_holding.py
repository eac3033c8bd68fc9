"""Plans of assets: a business takes one, and lets one go."""

import pytest

from tests.access.worlds import DAY, T0, TICK
from workbadge.lifecycle.changes import (
    DropAssignment,
    EndShares,
    MembershipState,
    PutAssignment,
    PutDirectRole,
    Refusal,
    SetAssetOwner,
)
from workbadge.lifecycle.holding import plan_let_go, plan_take
from workbadge.terms.kinds import Role
from workbadge.terms.tasks import Task

ASSET, BUSINESS, ADMIN, EMPLOYEE = 9, 7, 1, 2
BOSS = MembershipState(11, ADMIN, BUSINESS, Role.ADMIN, T0)
WORKER = MembershipState(12, EMPLOYEE, BUSINESS, Role.EMPLOYEE, T0, T0 + DAY)


def test_who_had_a_role_on_a_taken_asset_keeps_its_tasks() -> None:
    """A2: a business that takes an asset assigns to each person the tasks of the direct role; an admin needs no assignment."""
    roles = {EMPLOYEE: Task.ANALYZE, ADMIN: Task.MANAGE}
    plan = plan_take(BUSINESS, ASSET, roles, {ADMIN: BOSS, EMPLOYEE: WORKER}, T0)

    assert plan.refusal is None
    assert plan.changes == (SetAssetOwner(ASSET, BUSINESS), PutAssignment(WORKER.id, ASSET, Task.ANALYZE))
    assert [entry.act for entry in plan.audit] == ["asset.take"]


@pytest.mark.parametrize(
    ("place", "at", "refused"),
    [
        (None, T0, True),
        (WORKER, T0 - TICK, True),
        (WORKER, T0 + DAY - TICK, False),
        (WORKER, T0 + DAY, True),
        (MembershipState(12, EMPLOYEE, BUSINESS, Role.EMPLOYEE, T0, T0 + DAY, None, T0), T0, True),
    ],
)
def test_nobody_loses_an_asset_because_another_gave_it_away(place: MembershipState | None, at, refused: bool) -> None:  # type: ignore[no-untyped-def]
    """MT-24: an asset is not taken while somebody with a role on it has no open place in the business of their own."""
    places = {} if place is None else {EMPLOYEE: place}
    plan = plan_take(BUSINESS, ASSET, {EMPLOYEE: Task.ANALYZE}, places, at)

    assert plan.refusal is (Refusal.NOT_A_MEMBER if refused else None)
    assert bool(plan.changes) is not refused


def test_an_asset_that_is_let_go_is_lost_by_everybody_else() -> None:
    """M16: assignments of all places, old logins in grace among them, and all shares end; one person gets a direct role."""
    plan = plan_let_go(BUSINESS, ASSET, EMPLOYEE, Task.MANAGE, (BOSS, WORKER), (70, 71), T0)

    assert plan.changes == (
        DropAssignment(BOSS.id, ASSET),
        DropAssignment(WORKER.id, ASSET),
        EndShares(ASSET, 70, T0),
        EndShares(ASSET, 71, T0),
        SetAssetOwner(ASSET, None),
        PutDirectRole(EMPLOYEE, ASSET, Task.MANAGE),
    )
    assert plan.audit[0].detail == {"people": 2, "partners": 2, "to": EMPLOYEE}
