"""System users of an install with fewer assets: they never have more than the install's own one (MT-12, ``wire.md`` §4)."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit, Change, DropAssignment, Plan, PutAssignment
from workbadge.store import business_login, rights
from workbadge.store.apply import apply_plan
from workbadge.store.engine import Tx
from workbadge.terms.kinds import Role
from workbadge.terms.tasks import NONE, Task

from .services import Services


async def tasks_of(tx: Tx, account_id: int, business_id: int, now: datetime) -> dict[int, Task] | None:
    """A system user's tasks by asset; None: an admin's, which are all."""
    place = await rights.find_member(tx, account_id, business_id, now)
    if place is None:
        return {}
    return None if place.role is Role.ADMIN else dict(place.assignments)


async def follow_own_user(
    tx: Tx, services: Services, account_id: int, business_id: int, actor_id: int | None, now: datetime
) -> None:
    """Take from an install's narrower system users what its own one, whose place was just changed, does not have any more.

    What is given back to that one comes back to them when a token with that asset is asked for. Does nothing for anybody else.
    """
    row = await business_login.find_install_of(tx, account_id)
    if row is None or row.account_id != account_id or row.business_id != business_id:
        return
    held = await tasks_of(tx, account_id, business_id, now)
    if held is None:
        return
    for narrow in await business_login.list_narrow_users(tx, row.id):
        place = await rights.find_member(tx, narrow, business_id, now, lock=True)
        changes: list[Change] = []
        for asset_id, tasks in place.assignments.items() if place is not None else ():
            kept = tasks & held.get(asset_id, NONE)
            if place is not None and kept != tasks:
                changed = PutAssignment(place.id, asset_id, kept) if kept else DropAssignment(place.id, asset_id)
                changes.append(changed)
        if changes:
            entry = Audit("assignment.set", narrow, business_id, None, {"assets": len(changes)})
            await apply_plan(tx, Plan(tuple(changes), (entry,)), actor_id, services.entropy.new_id, now)
