"""Partner sharing: the agencies of an asset, the agencies and clients of a business (``wire.md`` §3.6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.commands.partnership import lend, stop_lending, stop_partnership
from workbadge.store import partners, requests, visible
from workbadge.store.engine import Tx
from workbadge.store.visible import Filter
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import Task, task_names
from workbadge.web.wire import WireError

from .context import Call, Item
from .lists import Asked, Edge, list_rows
from .nodes import OMIT, NodeType, wire_time
from .params import read_id, read_names, read_tasks
from .writes import DONE, Answer, actor_of

_OWN_BUSINESSES = 100
"""Among so many of its businesses a caller that does not read an asset's owner is told which the asset is lent to."""


@dataclass(frozen=True, slots=True)
class Agency:
    """A business to which an asset is lent, or which asks for it. ``tasks`` None: of a business as a whole."""

    id: int
    name: str
    tasks: Task | None = None
    asked_at: datetime | None = None


AGENCY = NodeType(
    "Business",
    {
        "id": lambda call, one: str(one.id),
        "name": lambda call, one: one.name,
        "access_status": lambda call, one: "CONFIRMED" if one.asked_at is None else "PENDING",
        "access_requested_time": lambda call, one: OMIT if one.asked_at is None else wire_time(one.asked_at),
        "permitted_tasks": lambda call, one: OMIT if one.tasks is None else task_names(one.tasks),
        "link": lambda call, one: f"{call.services.base_url}/{one.id}",
    },
)


async def agencies(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
    """Partners of an asset, with what each was lent; whoever manages its owner also sees who asks for it. A caller that
    does not read the owner is told of its own businesses only."""
    async with call.services.store.read() as tx:
        asking = item.business_id is not None and await call.managing(item.business_id, tx)
        only = None if asking or await _reads(call, item.business_id, tx) else await _own_businesses(call, item, tx)
    lent: dict[int, Task] = {}
    wanted: dict[int, Any] = {}

    async def read(tx: Tx, window: Window) -> Rows:
        page = await partners.list_agencies(tx, item.id, asking, only, call.now, window)
        ids = [row.id for row in page.rows]
        lent.update(await partners.tasks_of_agencies(tx, item.id, ids, call.now))
        wanted.update(await requests.list_asking(tx, item.id, [one for one in ids if one not in lent]))
        return page

    async def count(tx: Tx) -> int:
        return await partners.count_agencies(tx, item.id, asking, only, call.now)

    def make(row: Any) -> Agency:
        if row.id in lent:
            return Agency(row.id, row.name, lent[row.id])
        return Agency(row.id, row.name, Task(wanted[row.id].tasks), wanted[row.id].created_at)

    return await list_rows(call, asked, AGENCY, read, count, make)


async def _reads(call: Call, business_id: int | None, tx: Tx) -> bool:
    """Whether the caller may read a business."""
    if business_id is None:
        return False
    try:
        await call.reach(str(business_id), reader=tx)
    except WireError:
        return False
    return True


async def _own_businesses(call: Call, item: Item, tx: Tx) -> list[int]:
    """The businesses that the caller may read."""
    wanted = Filter(frozenset({NodeKind.BUSINESS}))
    return (await visible.page(tx, call.viewer(item.loaded), wanted, call.now, _OWN_BUSINESSES)).ids


async def add_agency(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {asset}/agencies``: lend it to ``business`` with ``permitted_tasks``, by default those that it asked for."""
    await _demand_owner(call, tx, item)
    partner = read_id(call, "business", NodeKind.BUSINESS)
    named = read_names(call, "permitted_tasks")
    tasks = read_tasks(call, "permitted_tasks", item.kind) if named else None
    await lend(tx, call.services, item.id, partner, tasks, actor_of(item.loaded), call.now)
    return DONE


async def drop_agency(call: Call, tx: Tx, item: Item) -> Answer:
    """``DELETE {asset}/agencies``: ``business`` has it no more; by who manages the owner, or that business itself."""
    partner = read_id(call, "business", NodeKind.BUSINESS)
    gives_back = await call.managing(partner, tx)
    if not gives_back:
        await _demand_owner(call, tx, item)
    await stop_lending(tx, call.services, item.id, partner, actor_of(item.loaded), call.now, gives_back)
    return DONE


async def _demand_owner(call: Call, tx: Tx, item: Item) -> None:
    """The caller manages the business that owns an asset. Raises WireError 100, 200."""
    if item.business_id is None:
        raise WireError(100, "(#100) No business owns this object: it cannot be lent.")
    await call.demand_manager(item.business_id, tx)


def of_business(borrows: bool) -> Edge:
    """``agencies`` (whom a business lends to) and ``clients`` (whom it borrows from)."""

    async def edge(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
        async def read(tx: Tx, window: Window) -> Rows:
            return await partners.list_partners(tx, item.id, borrows, call.now, window)

        async def count(tx: Tx) -> int:
            return await partners.count_partners(tx, item.id, borrows, call.now)

        return await list_rows(call, asked, AGENCY, read, count, lambda row: Agency(row.id, row.name))

    return edge


async def drop_agencies(call: Call, tx: Tx, item: Item) -> Answer:
    """``DELETE {business}/agencies``: everything that it lends to ``business`` ends."""
    other = read_id(call, "business", NodeKind.BUSINESS)
    await stop_partnership(tx, call.services, item.id, other, actor_of(item.loaded), call.now)
    return DONE


async def drop_clients(call: Call, tx: Tx, item: Item) -> Answer:
    """``DELETE {business}/clients``: everything that ``business`` lends to it ends."""
    other = read_id(call, "business", NodeKind.BUSINESS)
    await stop_partnership(tx, call.services, other, item.id, actor_of(item.loaded), call.now)
    return DONE
