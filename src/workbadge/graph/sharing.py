"""Who has tasks on an asset: people and system users of a business, partners (``wire.md`` §3.6)."""

from typing import Any

from workbadge.access import Allow, Ask, decide
from workbadge.commands.errors import not_found
from workbadge.commands.membership import assigning, change_place, taking_away
from workbadge.commands.sharing import check_given, find_place, tasks_held
from workbadge.lifecycle.changes import MembershipState
from workbadge.store import rights, seats
from workbadge.store.engine import Tx
from workbadge.store.window import Rows, Window
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import Act, NodeKind
from workbadge.terms.scopes import scopes_for
from workbadge.terms.tasks import TASKS_OF, Task
from workbadge.web.wire import WireError

from .context import Call, Item
from .lists import Asked, list_rows
from .params import read_id, read_tasks
from .people import ASSIGNED_USER, PAGE_ROLE, seat_of
from .writes import DONE, Answer, actor_of

_PEOPLE = (NodeKind.MEMBERSHIP, NodeKind.ACCOUNT, NodeKind.SCOPED_ACCOUNT)


async def assigned_users(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
    """Who of ``business`` has tasks on the asset; its admins reach it without. The caller reads that business, too."""
    text = asked.values.get("business", "")
    if parse_id(text) is None:
        raise WireError(100, "(#100) The parameter business is required: the id of a business that has this asset.")
    business = await call.reach(text)
    if business.kind is not NodeKind.BUSINESS:
        raise WireError(100, "(#100) The parameter business must be the id of a business.")
    async with call.services.store.read() as tx:
        held = await tasks_held(tx, business.id, item.id, call.now)

    async def read(tx: Tx, window: Window) -> Rows:
        return await seats.list_assigned(tx, item.id, business.id, held, call.now, window)

    async def count(tx: Tx) -> int:
        return await seats.count_assigned(tx, item.id, business.id, held, call.now)

    return await list_rows(call, asked, ASSIGNED_USER, read, count, seat_of)


async def assign_user(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {asset}/assigned_users``: ``user`` gets exactly ``tasks``, no more than the business has itself (MT-23)."""
    tasks = read_tasks(call, "tasks", item.kind)
    place = await _managed_place(call, tx, item)
    await check_given(tx, place.business_id, item.id, tasks, call.now)
    plan = assigning(place.business_id, item.id, tasks, call.now)
    await change_place(tx, call.services, place.business_id, place.id, plan, actor_of(item.loaded), call.now)
    return DONE


async def unassign_user(call: Call, tx: Tx, item: Item) -> Answer:
    """``DELETE {asset}/assigned_users``: ``user`` has no tasks on it any more; who has none is no error."""
    place = await _managed_place(call, tx, item)
    plan = taking_away(item.id, call.now)
    await change_place(tx, call.services, place.business_id, place.id, plan, actor_of(item.loaded), call.now)
    return DONE


async def _managed_place(call: Call, tx: Tx, item: Item) -> MembershipState:
    """The place of ``user`` in ``business``, which the caller manages. Without ``business``: in the asset's own, or
    in the one whose BusinessUser or SystemUser it is. Raises WireError 200, CommandError NOT_FOUND."""
    user = read_id(call, "user", *_PEOPLE)
    app_id = item.loaded.app_id
    if call.params.values.get("business"):
        business_id: int | None = read_id(call, "business", NodeKind.BUSINESS)
    else:
        place = await find_place(tx, user, app_id, None, call.now)
        known = place is not None and await call.managing(place.business_id, tx)
        business_id = place.business_id if known and place is not None else item.business_id
    if business_id is None:
        raise WireError(100, "(#100) No business has this object: nobody can be assigned to it.")
    await call.demand_manager(business_id, tx)
    place = await find_place(tx, user, app_id, business_id, call.now)
    if place is None:
        raise not_found("person in this business")
    return place


async def page_roles(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
    """``{page}/roles``: who has tasks on the page in its own business, told to who manages the page from inside it; of a
    page of nobody's business nobody is told."""
    may = Ask(Act.READ, scopes=scopes_for(item.kind, Act.READ), tasks=Task.MANAGE)
    account_id = actor_of(item.loaded)
    async with call.services.store.read() as tx:
        owner = item.business_id
        inside = owner is None or await rights.find_member(tx, account_id, owner, call.now) is not None
    if not inside or not isinstance(decide(item.loaded.facts, may, call.now), Allow):
        raise WireError(200, "(#200) Only who manages this page in its own business can see who works on it.")

    async def read(tx: Tx, window: Window) -> Rows:
        if owner is None:
            return Rows([], False)
        return await seats.list_assigned(tx, item.id, owner, TASKS_OF[item.kind], call.now, window)

    async def count(tx: Tx) -> int:
        return 0 if owner is None else await seats.count_assigned(tx, item.id, owner, TASKS_OF[item.kind], call.now)

    return await list_rows(call, asked, PAGE_ROLE, read, count, seat_of)
