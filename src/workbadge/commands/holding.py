"""Assets that come to a business, and leave it. The caller has decided who manages the business and reaches the asset."""

from datetime import datetime

from workbadge.lifecycle.changes import Refusal
from workbadge.lifecycle.holding import plan_let_go, plan_take
from workbadge.store import partners, records, rights
from workbadge.store.apply import apply_plan
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.tasks import TASKS_OF

from .errors import conflict, not_found
from .services import Services


async def take_asset(tx: Tx, services: Services, business_id: int, asset_id: int, actor_id: int, now: datetime) -> None:
    """A business takes an asset that no business owns, with everybody who has a direct role on it. Raises CommandError."""
    asset = await records.find_asset(tx, asset_id, lock=True)
    if asset is None:
        raise not_found("asset")
    if asset.business_id is not None:
        raise conflict("A business owns it already.", "an asset that no business owns")
    roles = await rights.list_direct_roles(tx, asset_id)
    places = {
        one: place for one in sorted(roles) if (place := await rights.find_member(tx, one, business_id, now, True))
    }
    plan = plan_take(business_id, asset_id, roles, places, now)
    if plan.refusal is Refusal.NOT_A_MEMBER:
        raise conflict(
            "Somebody with a role on it is not in this business and would lose it.",
            "everybody with a role on it to be a member first",
            plan.refusal,
        )
    await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)


async def let_asset_go(
    tx: Tx, services: Services, business_id: int, asset_id: int, actor_id: int, now: datetime
) -> None:
    """A business lets its asset go to the personal account that asks for it; everybody else loses it. Raises CommandError."""
    asset = await records.find_asset(tx, asset_id, lock=True)
    if asset is None or asset.business_id != business_id:
        raise not_found("asset of this business")
    actor = await records.find_account(tx, actor_id)
    if actor is None or actor.kind != AccountKind.PERSONAL.value:
        raise conflict(
            "An asset that leaves its business goes to a personal account; this one cannot hold it (A2).",
            "the token of an admin with a personal account",
        )
    plan = plan_let_go(
        business_id,
        asset_id,
        actor_id,
        TASKS_OF[NodeKind(asset.kind)],
        tuple(await rights.list_assigned(tx, asset_id)),
        tuple(await partners.list_partners_of(tx, asset_id, now)),
        now,
    )
    await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
