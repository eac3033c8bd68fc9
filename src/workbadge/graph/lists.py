"""Lists: how one is asked for, its pages and cursors, each item decided by itself (I10). ``wire.md`` §3.9."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from workbadge.access import Allow, decide
from workbadge.commands.page_token import page_tokens
from workbadge.store import facts, visible
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.store.visible import Filter
from workbadge.store.window import Order, Place, Rows, Window
from workbadge.terms.instants import from_micros, to_micros
from workbadge.terms.kinds import Act, NodeKind
from workbadge.web.wire import WireError

from .context import Call, Item, ask_for
from .fields import Field, parse_fields, write_fields
from .nodes import NodeType, show
from .paging import BAD_CURSOR, make_cursor, page_links, read_cursor, read_limit

Edge = Callable[[Call, Any, "Asked"], Awaitable[dict[str, Any]]]
_PROOF = ("appsecret_proof", "appsecret_time")
_ASKING = ("limit", "summary", "order", "business", "email")
"""Parameters of a list that are modifiers when the list is a field."""
_ORDERS = {Order.CHRONOLOGICAL.value: Order.CHRONOLOGICAL, Order.REVERSE.value: Order.REVERSE}


@dataclass(frozen=True, slots=True)
class Asked:
    """How a list was asked for: at the top of a request, or as a field of a node. ``order`` None: the list's own.

    ``values``: the parameters that ask for the same list again, for the links to its other pages.
    """

    fields: tuple[Field, ...]
    limit: int
    after: str | None
    before: str | None
    summary: bool
    path: str
    values: dict[str, str]
    order: Order | None = None


def asked_at_top(call: Call) -> Asked:
    """The list that the request itself asks for."""
    values = call.params.values
    return Asked(
        parse_fields(values.get("fields", "")),
        read_limit(values.get("limit")),
        values.get("after") or None,
        values.get("before") or None,
        values.get("summary", "").lower() in ("true", "1", "total_count"),
        call.path,
        values,
        _read_order(values.get("order")),
    )


def asked_in_field(call: Call, one: Field, parent: str) -> Asked:
    """The list that a field with modifiers asks for."""
    values = {name: call.params.values[name] for name in _PROOF if name in call.params.values}
    values |= {key: value for key, value in one.modifiers if key in _ASKING}
    if one.children:
        values["fields"] = write_fields(one.children)
    return Asked(
        one.children,
        read_limit(one.modifier("limit")),
        one.modifier("after"),
        one.modifier("before"),
        one.modifier("summary") in ("true", "1", "total_count"),
        f"/{parent}/{one.name}",
        values,
        _read_order(one.modifier("order")),
    )


def _read_order(text: str | None) -> Order | None:
    """The asked order. Raises WireError 100 for one that does not exist."""
    if not text:
        return None
    if text not in _ORDERS:
        raise WireError(100, f"(#100) The parameter order must be one of {', '.join(_ORDERS)}, got {text[:40]!r}.")
    return _ORDERS[text]


def bound_to(call: Call, asked: Asked) -> str:
    """What a cursor is bound to: this caller and this edge."""
    return f"{call.hash.hex()}{asked.path}"


def read_place(call: Call, asked: Asked, cursor: str | None, order: Order) -> Place | None:
    """The place that a cursor names. Raises WireError 100 for one of another caller, edge or order, or a changed one."""
    if cursor is None:
        return None
    of, _, rest = read_cursor(call.services.sealer, cursor, bound_to(call, asked)).partition(":")
    at, _, last = rest.rpartition(":")
    if of != order.value or bool(at) is (order is Order.ID):
        raise WireError(100, BAD_CURSOR)
    return (from_micros(int(at)) if at else None, int(last))


def write_place(place: Place, order: Order) -> str:
    """The text that ``read_place`` reads."""
    at, last = place
    return f"{order.value}:{last}" if at is None else f"{order.value}:{to_micros(at)}:{last}"


def window_of(call: Call, asked: Asked, order: Order) -> Window:
    """The page of a list that is asked for. ``order``: the list's own, where none is asked."""
    chosen = asked.order or order
    after, before = (read_place(call, asked, one, chosen) for one in (asked.after, asked.before))
    return Window(asked.limit, after, before, chosen)


def wrap(
    call: Call,
    asked: Asked,
    data: list[dict[str, Any]],
    positions: list[str],
    more: bool,
    total: int | None,
    withheld: int = 0,
) -> dict[str, Any]:
    """``{data, paging, summary}`` of one page; ``positions`` are those of the items, in order.

    ``withheld``: how many items the token was granted and does not reach now.
    """
    answer: dict[str, Any] = {"data": data}
    call.count_shown(len(data))
    if positions:
        sealer, bound = call.services.sealer, bound_to(call, asked)
        first, last = (make_cursor(sealer, positions[at], bound) for at in (0, -1))
        forward = more if asked.before is None else True
        back = more if asked.before is not None else asked.after is not None
        answer["paging"] = page_links(
            call.paging_url,
            call.version,
            asked.path,
            asked.values,
            call.token,
            first,
            last,
            (back, forward),
        )
    if total is not None:
        answer["summary"] = {"total_count": total, "withheld": withheld} if withheld else {"total_count": total}
    return answer


async def list_rows(
    call: Call,
    asked: Asked,
    node_type: NodeType,
    read: Callable[[Tx, Window], Awaitable[Rows]],
    count: Callable[[Tx], Awaitable[int]],
    make: Callable[[Any], Any] = lambda row: row,
    order: Order = Order.ID,
) -> dict[str, Any]:
    """A page of rows (``id``, ``made``) that this caller may see as a whole; ``make``: what is shown of a row."""
    window = window_of(call, asked, order)
    async with call.services.store.read() as tx:
        page = await read(tx, window)
        total = await count(tx) if asked.summary else None
    data = [await show(call, node_type, make(row), asked.fields) for row in page.rows]
    timed = window.order is not Order.ID
    positions = [write_place((row.made if timed else None, row.id), window.order) for row in page.rows]
    return wrap(call, asked, data, positions, page.more, total)


async def list_nodes(call: Call, loaded: Loaded, wanted: Filter, node_type: NodeType, asked: Asked) -> dict[str, Any]:
    """A page of assets or businesses that this caller may see."""
    window = window_of(call, asked, Order.ID)
    viewer = call.viewer(loaded)
    async with call.services.store.read() as tx:
        page = await visible.window(tx, viewer, wanted, call.now, window)
        total = await visible.count(tx, viewer, wanted, call.now) if asked.summary else None
        granted = await visible.count_granted(tx, viewer, wanted, call.now) if asked.summary else 0
        found = await facts.load_many(tx, call.hash, page.ids)
    items = [item for item in (_item(call, one, each) for one, each in found.items()) if item is not None]
    shows_tokens = any(one.name == "access_token" for one in asked.fields) and not call.params.bound
    if shows_tokens and wanted.kinds == {NodeKind.PAGE}:
        call.page_tokens = await page_tokens(call.services, loaded, call.hash, [item.id for item in items], call.now)
    data = [await show(call, node_type, item, asked.fields) for item in items]
    positions = [write_place(place, window.order) for place in page.places]
    withheld = max(0, granted - (total or 0))
    return wrap(call, asked, data, positions, page.more, total, withheld)


def _item(call: Call, found: int, loaded: Loaded) -> Item | None:
    """One listed node, decided like a single read."""
    if loaded.facts.node is None:
        return None
    node = loaded.facts.node
    decision = decide(loaded.facts, ask_for(node.kind, Act.LIST), call.now)
    if not isinstance(decision, Allow):
        return None
    return Item(
        found,
        node.kind,
        loaded.name,
        loaded.details,
        node.business_id,
        decision,
        loaded,
    )


def with_fields(asked: Asked, text: str) -> Asked:
    """The same list, with ``text`` as its fields where none are asked."""
    return asked if asked.fields else replace(asked, fields=parse_fields(text))
