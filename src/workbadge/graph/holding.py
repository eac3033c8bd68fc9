"""Assets that come to a business and leave it: taking, asking for, giving back, letting go (``wire.md`` §3.6)."""

from typing import Any

from workbadge.commands.access_request import ask_for_asset
from workbadge.commands.errors import not_found
from workbadge.commands.holding import let_asset_go, take_asset
from workbadge.commands.partnership import is_lent, stop_lending
from workbadge.store import requests
from workbadge.store.engine import Tx
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import Act, NodeKind
from workbadge.terms.tasks import Task, task_names
from workbadge.web.wire import WireError

from .context import Call, Item
from .errors import missing
from .lists import Asked, Edge, list_rows
from .nodes import NodeType, wire_time
from .params import read_id, read_tasks, read_text
from .writes import DONE, Answer, Work, actor_of

PARAMETER = {NodeKind.PAGE: "page_id", NodeKind.AD_ACCOUNT: "adaccount_id"}
"""The parameter that names an asset of a kind."""


def _asked_asset(name: str, kind: NodeKind) -> NodeType:
    def node_id(call: Call, row: Any) -> Any:
        return {"id": f"act_{row.asset_id}" if kind is NodeKind.AD_ACCOUNT else str(row.asset_id)}

    field = "ad_account" if kind is NodeKind.AD_ACCOUNT else "page"
    return NodeType(
        name,
        {
            "id": lambda call, row: str(row.id),
            field: node_id,
            "permitted_tasks": lambda call, row: task_names(Task(row.tasks)),
            "created_time": lambda call, row: wire_time(row.created_at),
        },
        ("id", field, "permitted_tasks"),
    )


REQUESTS = {
    NodeKind.PAGE: _asked_asset("BusinessPageRequest", NodeKind.PAGE),
    NodeKind.AD_ACCOUNT: _asked_asset("BusinessAdAccountRequest", NodeKind.AD_ACCOUNT),
}


def pending_client(kind: NodeKind) -> Edge:
    """``pending_client_*``: what the business asked for and was not lent yet. Of an asset only the id is told."""

    async def edge(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
        async def read(tx: Tx, window: Window) -> Rows:
            return await requests.list_pending(tx, item.id, kind, window)

        async def count(tx: Tx) -> int:
            return await requests.count_pending(tx, item.id, kind)

        return await list_rows(call, asked, REQUESTS[kind], read, count)

    return edge


def pending_owned(kind: NodeKind) -> Edge:
    """``pending_owned_*``: always empty, since a business takes an asset at once or not at all."""

    async def edge(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
        async def read(tx: Tx, window: Window) -> Rows:
            return Rows([], False)

        async def count(tx: Tx) -> int:
            return 0

        return await list_rows(call, asked, REQUESTS[kind], read, count)

    return edge


def take(kind: NodeKind) -> Work:
    """``POST {business}/owned_*``: take an asset that no business owns and on which the caller may manage itself."""

    async def work(call: Call, tx: Tx, item: Item) -> Answer:
        found = read_id(call, PARAMETER[kind], kind)
        await call.reach(read_text(call, PARAMETER[kind]), Act.MANAGE, node_id=found, reader=tx)
        await take_asset(tx, call.services, item.id, found, actor_of(item.loaded), call.now)
        return {**DONE, "access_status": "CONFIRMED"}

    return work


def ask_for(kind: NodeKind) -> Work:
    """``POST {business}/client_*``: ask the owner for ``permitted_tasks`` on an asset; the answer tells nothing about it."""

    async def work(call: Call, tx: Tx, item: Item) -> Answer:
        found = read_id(call, PARAMETER[kind], kind)
        tasks = read_tasks(call, "permitted_tasks", kind)
        await ask_for_asset(tx, call.services, item.id, found, kind, tasks, actor_of(item.loaded), call.now)
        return {**DONE, "access_status": "PENDING"}

    return work


def leave(kind: NodeKind) -> Work:
    """``DELETE {business}/pages`` and ``ad_accounts``: withdraw a request, give back what was lent, or let go what is owned.

    What is lent or owned must be reached by the caller's token, too.
    """

    async def work(call: Call, tx: Tx, item: Item) -> Answer:
        found = read_id(call, PARAMETER[kind], kind)
        actor = actor_of(item.loaded)
        if await requests.find_request(tx, item.id, found) is None:
            try:
                reached = await call.reach(read_text(call, PARAMETER[kind]), node_id=found, reader=tx)
            except WireError as error:
                raise missing(read_text(call, PARAMETER[kind])) from error
            if reached.business_id == item.id:
                await let_asset_go(tx, call.services, item.id, found, actor, call.now)
                return DONE
            if not await is_lent(tx, found, item.id, call.now):
                raise not_found("asset of this business")
        await stop_lending(tx, call.services, found, item.id, actor, call.now, asked=True)
        return DONE

    return work
