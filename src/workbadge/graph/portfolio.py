"""What a business has: its assets, its people, its system users (``wire.md`` §3.6)."""

from typing import Any

from workbadge.store import seats as places
from workbadge.store.engine import Tx
from workbadge.store.visible import Filter
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import NodeKind

from .context import Call, Item
from .lists import Asked, Edge, list_nodes, list_rows
from .nodes import TYPES
from .people import BUSINESS_USER, SYSTEM_SEAT, seat_of


def of_business(kind: NodeKind, owned: bool) -> Edge:
    """``owned_*`` and ``client_*`` of a business."""

    async def edge(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
        call.demand(item.loaded, kind)
        wanted = Filter(
            frozenset({kind}),
            owned_by=item.id if owned else None,
            lent_to=None if owned else item.id,
        )
        return await list_nodes(call, item.loaded, wanted, TYPES[kind], asked)

    return edge


def seats(system: bool) -> Edge:
    """``business_users`` and ``system_users``."""

    async def edge(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
        async def read(tx: Tx, window: Window) -> Rows:
            return await places.list_seats(tx, item.id, system, call.now, window)

        async def count(tx: Tx) -> int:
            return await places.count_seats(tx, item.id, system, call.now)

        return await list_rows(call, asked, SYSTEM_SEAT if system else BUSINESS_USER, read, count, seat_of)

    return edge
