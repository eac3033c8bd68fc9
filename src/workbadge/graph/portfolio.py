"""What a business has: its assets, its people, its system users (``wire.md`` §3.6)."""

from typing import Any

from workbadge.store import seats as places
from workbadge.store.engine import Tx
from workbadge.store.visible import Filter
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import NodeKind, Role

from .context import Call, Item
from .lists import Asked, Edge, list_nodes, list_rows
from .nodes import TYPES
from .people import BUSINESS_USER, SYSTEM_SEAT, Seat, seat_of


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


def assigned(kind: NodeKind) -> Edge:
    """``assigned_*`` of a BusinessUser or SystemUser: of what this call may see, what that place has tasks on; an admin's
    is all that its business has."""

    async def edge(call: Call, seat: Seat, asked: Asked) -> dict[str, Any]:
        loaded = await call.alive()
        call.demand(loaded, kind)
        place = None if seat.role == Role.ADMIN.value else seat.place_id
        wanted = Filter(frozenset({kind}), held_by=seat.business_id, assigned_to=place)
        return await list_nodes(call, loaded, wanted, TYPES[kind], asked)

    return edge
