"""Plans of assets: a business takes one that nobody's business owns, and lets one go (A2, M16, MT-24)."""

from datetime import datetime

from workbadge.terms.kinds import Role
from workbadge.terms.tasks import Task

from .changes import (
    Audit,
    Change,
    DropAssignment,
    EndShares,
    MembershipState,
    Plan,
    PutAssignment,
    PutDirectRole,
    Refusal,
    SetAssetOwner,
    refuse,
)


def plan_take(
    business_id: int,
    asset_id: int,
    roles: dict[int, Task],
    places: dict[int, MembershipState],
    now: datetime,
) -> Plan:
    """A business takes an asset; who had a direct role on it (account to tasks) gets the same tasks in the business.

    ``places``: account to its place there. Refused: NOT_A_MEMBER when somebody with a role has no open one that was not
    handed over: nobody loses an asset because somebody else gave it to a business.
    """
    changes: list[Change] = [SetAssetOwner(asset_id, business_id)]
    for account_id, tasks in sorted(roles.items()):
        place = places.get(account_id)
        if place is None or not place.is_open(now) or place.handed_over is not None:
            return refuse(Refusal.NOT_A_MEMBER)
        if place.role is not Role.ADMIN:
            changes.append(PutAssignment(place.id, asset_id, tasks))
    return Plan(
        changes=tuple(changes),
        audit=(Audit("asset.take", asset_id, business_id, None, {"people": len(roles)}),),
    )


def plan_let_go(
    business_id: int,
    asset_id: int,
    account_id: int,
    tasks: Task,
    assigned: tuple[MembershipState, ...],
    partners: tuple[int, ...],
    now: datetime,
) -> Plan:
    """A business lets an asset go to a personal account, which gets a direct role with ``tasks``.

    Everybody else loses it: ``assigned`` are the places that hold tasks on it, old logins in grace among them (M16), also at
    ``partners``, whose shares end.
    """
    changes: list[Change] = [DropAssignment(one.id, asset_id) for one in assigned]
    changes += [EndShares(asset_id, partner, now) for partner in partners]
    changes += [SetAssetOwner(asset_id, None), PutDirectRole(account_id, asset_id, tasks)]
    detail: dict[str, str | int | None] = {"people": len(assigned), "partners": len(partners), "to": account_id}
    return Plan(changes=tuple(changes), audit=(Audit("asset.let_go", asset_id, business_id, None, detail),))
