"""What a business has on an asset, and what it gives of it to its people and to partners."""

from datetime import datetime

from workbadge.lifecycle.changes import MembershipState
from workbadge.store import records, rights
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import NONE, TASKS_OF, Task, task_names

from .errors import forbidden, not_found


async def tasks_held(tx: Tx, business_id: int, asset_id: int, now: datetime) -> Task:
    """The tasks that a business has on an asset: every one on its own, what was lent on others, else none."""
    asset = await records.find_asset(tx, asset_id)
    if asset is None:
        return NONE
    if asset.business_id == business_id:
        return TASKS_OF[NodeKind(asset.kind)]
    return await rights.lent_tasks(tx, asset_id, business_id, now) & TASKS_OF[NodeKind(asset.kind)]


async def check_given(tx: Tx, business_id: int, asset_id: int, tasks: Task, now: datetime) -> None:
    """A business gives no more than it has itself (MT-23). Raises CommandError."""
    held = await tasks_held(tx, business_id, asset_id, now)
    if not held:
        raise not_found("asset of this business")
    if tasks & ~held:
        raise forbidden("The business does not have all of these tasks itself.", ", ".join(task_names(held)))


async def find_place(
    tx: Tx, user_id: int, app_id: int, business_id: int | None, now: datetime
) -> MembershipState | None:
    """The open place that an app means by ``user_id``: of a BusinessUser, of a SystemUser, or (in a business that is
    named) of a person by the app's own id for them."""
    kind = kind_of(user_id)
    place = None
    if kind is NodeKind.MEMBERSHIP:
        place = await rights.find_membership(tx, user_id)
    elif kind is NodeKind.ACCOUNT:
        system = await records.find_account(tx, user_id)
        if system is not None and system.business_id is not None:
            place = await rights.find_member(tx, user_id, system.business_id, now)
    elif kind is NodeKind.SCOPED_ACCOUNT and business_id is not None:
        known = await records.find_by_scoped_id(tx, user_id)
        if known is not None and known.app_id == app_id:
            place = await rights.find_member(tx, known.account_id, business_id, now)
    if place is None or not place.is_open(now) or place.handed_over is not None:
        return None
    return place if business_id in (None, place.business_id) else None
