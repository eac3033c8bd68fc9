"""Edges: lists of nodes, each page of which is decided item by item (I10). ``wire.md`` §3.6, §3.9."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.access import Allow, decide
from workbadge.commands import grant as grants_commands
from workbadge.commands.page_token import page_tokens
from workbadge.lifecycle.changes import Audit
from workbadge.store import facts, grants, posts, records, rights, visible
from workbadge.store.apply import write_audit
from workbadge.store.facts import Loaded
from workbadge.store.visible import Filter
from workbadge.terms.instants import from_micros, to_micros
from workbadge.terms.kinds import Act, NodeKind
from workbadge.web.wire import WireError

from .context import Call, Item, ask_for, is_page_token
from .errors import missing
from .fields import Field, parse_fields
from .nodes import TYPES, NodeType, show
from .paging import make_cursor, page_links, read_cursor, read_limit
from .people import BUSINESS_USER, POST, SYSTEM_SEAT, Seat

Edge = Callable[[Call, Any, "Asked"], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """How a list was asked for: at the top of a request, or as a field of a node (then without links)."""

    fields: tuple[Field, ...]
    limit: int
    after: str | None
    before: str | None
    summary: bool
    path: str
    top: bool


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
        True,
    )


def asked_in_field(call: Call, one: Field, parent: str) -> Asked:
    """The list that a field with modifiers asks for."""
    return Asked(
        one.children,
        read_limit(one.modifier("limit")),
        one.modifier("after"),
        one.modifier("before"),
        one.modifier("summary") in ("true", "1", "total_count"),
        f"/{parent}/{one.name}",
        False,
    )


def _bound(call: Call, asked: Asked) -> str:
    """What a cursor is bound to: this caller and this edge."""
    return f"{call.hash.hex()}{asked.path}"


def _wrap(
    call: Call,
    asked: Asked,
    data: list[dict[str, Any]],
    positions: list[str],
    more: bool,
    total: int | None,
) -> dict[str, Any]:
    """``{data, paging, summary}`` of one page; ``positions`` are those of the items, in order."""
    answer: dict[str, Any] = {"data": data}
    if positions:
        sealer, bound = call.services.sealer, _bound(call, asked)
        first, last = (
            make_cursor(sealer, positions[0], bound),
            make_cursor(sealer, positions[-1], bound),
        )
        forward = more if asked.before is None else True
        back = more if asked.before is not None else asked.after is not None
        answer["paging"] = page_links(
            call.services.base_url,
            call.version,
            asked.path,
            call.params.values if asked.top else {},
            call.token,
            first,
            last,
            (back, forward),
        )
    if total is not None:
        answer["summary"] = {"total_count": total}
    return answer


def _place(call: Call, asked: Asked, cursor: str | None) -> int | None:
    if cursor is None:
        return None
    text = read_cursor(call.services.sealer, cursor, _bound(call, asked))
    return int(text) if text.isdecimal() else None


async def list_nodes(call: Call, loaded: Loaded, wanted: Filter, node_type: NodeType, asked: Asked) -> dict[str, Any]:
    """A page of assets or businesses that this caller may see."""
    after, before = _place(call, asked, asked.after), _place(call, asked, asked.before)
    viewer = call.viewer(loaded)
    async with call.services.store.read() as tx:
        page = await visible.page(tx, viewer, wanted, call.now, asked.limit, after, before)
        total = await visible.count(tx, viewer, wanted, call.now) if asked.summary else None
        items = [item for item in [await _item(call, tx, one) for one in page.ids] if item is not None]
    data = [await show(call, node_type, item, asked.fields) for item in items]
    return _wrap(call, asked, data, [str(one) for one in page.ids], page.more, total)


async def _item(call: Call, reader: facts.Reader, found: int) -> Item | None:
    """One listed node, decided like a single read."""
    loaded = await facts.load(reader, call.hash, found)
    if loaded is None or loaded.facts.node is None:
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


def _own(kind: NodeKind) -> Edge:
    """``me/accounts``, ``me/adaccounts``, ``me/businesses``: all that the caller reaches of one kind."""

    async def edge(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
        if is_page_token(loaded):
            raise missing("me")
        call.demand(loaded, kind)
        fields = asked.fields
        if kind is NodeKind.PAGE and not fields:
            fields = parse_fields("access_token,category,category_list,name,id,tasks")
        changed = Asked(
            fields,
            asked.limit,
            asked.after,
            asked.before,
            asked.summary,
            asked.path,
            asked.top,
        )
        return await list_nodes(call, loaded, Filter(frozenset({kind})), TYPES[kind], changed)

    return edge


def _of_business(kind: NodeKind, owned: bool) -> Edge:
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


def _seats(system: bool) -> Edge:
    """``business_users`` and ``system_users``."""

    async def edge(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
        after, before = (
            _place(call, asked, asked.after),
            _place(call, asked, asked.before),
        )
        async with call.services.store.read() as tx:
            rows = await rights.list_seats(tx, item.id, system, call.now, asked.limit, after, before)
            total = await rights.count_seats(tx, item.id, system, call.now) if asked.summary else None
        more = len(rows) > asked.limit
        kept = rows[-asked.limit :] if before is not None else rows[: asked.limit]
        seats = [
            Seat(
                row.account_id if system else row.id,
                row.name,
                row.email,
                row.role,
                row.created_at,
                item.id,
                item.name,
            )
            for row in kept
        ]
        node_type = SYSTEM_SEAT if system else BUSINESS_USER
        data = [await show(call, node_type, seat, asked.fields) for seat in seats]
        return _wrap(call, asked, data, [str(row.id) for row in kept], more, total)

    return edge


async def feed(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
    """``{page}/feed``: posts, newest first."""

    def place(cursor: str | None) -> tuple[datetime, int] | None:
        if cursor is None:
            return None
        at, _, last = read_cursor(call.services.sealer, cursor, _bound(call, asked)).partition(":")
        return (from_micros(int(at)), int(last)) if at.isdecimal() and last.isdecimal() else None

    before = place(asked.before)
    async with call.services.store.read() as tx:
        rows = await posts.list_posts(tx, item.id, asked.limit, place(asked.after), before)
        total = await posts.count_posts(tx, item.id) if asked.summary else None
    more = len(rows) > asked.limit
    kept = rows[-asked.limit :] if before is not None else rows[: asked.limit]
    data = [await show(call, POST, row, asked.fields) for row in kept]
    positions = [f"{to_micros(row.created_at)}:{row.id}" for row in kept]
    return _wrap(call, asked, data, positions, more, total)


async def write_post(call: Call, item: Item) -> dict[str, Any]:
    """``POST {page}/feed``: a post with ``message``. Raises WireError 100 without one."""
    message = call.params.values.get("message", "")
    if not message.strip() or len(message) > 63_206 or "\x00" in message:
        raise WireError(100, "(#100) The parameter message is required: 1 to 63206 characters, none of them NUL.")
    account = item.loaded.facts.account
    assert account is not None
    post_id = call.services.entropy.new_id(NodeKind.POST)
    async with call.services.store.write() as tx:
        await posts.add_post(tx, post_id, item.id, account.id, item.loaded.app_id, message, call.now)
    return {"id": f"{item.id}_{post_id}"}


async def permissions(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/permissions``: granted and declined (``wire.md`` §3.5)."""
    async with call.services.store.read() as tx:
        row = None if loaded.grant_id is None else await grants.find_grant_by_id(tx, loaded.grant_id)
    if row is None:
        return {"data": []}
    granted = [{"permission": name, "status": "granted"} for name in row.scopes.split(",") if name]
    declined = [{"permission": name, "status": "declined"} for name in row.declined.split(",") if name]
    values = call.params.values
    wanted, status = values.get("permission"), values.get("status")
    data = [
        one
        for one in granted + declined
        if wanted in (None, "", one["permission"]) and status in (None, "", one["status"])
    ]
    return {"data": data}


async def delete_permissions(call: Call, loaded: Loaded, name: str | None) -> dict[str, Any]:
    """``DELETE me/permissions[/p]``: take one permission back, or the app off."""
    account = loaded.facts.account
    if account is None or loaded.grant_id is None or is_page_token(loaded):
        raise missing("me")
    async with call.services.store.write() as tx:
        if name is None:
            await grants_commands.remove_app(tx, call.services, account.id, loaded.app_id, call.now)
        else:
            row = await grants.find_grant(tx, account.id, loaded.app_id, lock=True)
            held = [] if row is None else [one for one in row.scopes.split(",") if one]
            if row is None or name not in held:
                raise WireError(100, f"(#100) The permission {name[:80]} is not granted.")
            left = ",".join(one for one in held if one != name)
            declined = ",".join(dict.fromkeys([*(one for one in row.declined.split(",") if one), name]))
            await grants.set_grant_scopes(tx, row.id, left, declined, call.now)
            entry = Audit("grant.permission_removed", row.id, None, None, {"permission": name})
            await write_audit(tx, (entry,), account.id, call.services.entropy.new_id, call.now)
    return {"success": True}


async def page_access_token(call: Call, item: Item, one: Field) -> Any:
    """Field ``access_token`` of a page: the page token that belongs to the calling token."""
    if is_page_token(item.loaded):
        return call.token
    made = await page_tokens(call.services, item.loaded, call.hash, [item.id], call.now)
    return made[item.id]


async def owner(call: Call, item: Item, one: Field) -> Any:
    """Field ``business`` of an asset: who owns it, as far as it is a business."""
    found = item.business_id
    if found is None or item.kind is NodeKind.BUSINESS:
        return None
    async with call.services.store.read() as tx:
        row = await records.find_business(tx, found)
    return None if row is None else {"id": str(row.id), "name": row.name}


USER_EDGES: dict[str, Edge] = {
    "accounts": _own(NodeKind.PAGE),
    "adaccounts": _own(NodeKind.AD_ACCOUNT),
    "businesses": _own(NodeKind.BUSINESS),
    "assigned_pages": _own(NodeKind.PAGE),
    "assigned_ad_accounts": _own(NodeKind.AD_ACCOUNT),
    "assigned_product_catalogs": _own(NodeKind.PRODUCT_CATALOG),
    "permissions": permissions,
}
BUSINESS_EDGES: dict[str, Edge] = {
    "owned_pages": _of_business(NodeKind.PAGE, True),
    "client_pages": _of_business(NodeKind.PAGE, False),
    "owned_ad_accounts": _of_business(NodeKind.AD_ACCOUNT, True),
    "client_ad_accounts": _of_business(NodeKind.AD_ACCOUNT, False),
    "owned_product_catalogs": _of_business(NodeKind.PRODUCT_CATALOG, True),
    "client_product_catalogs": _of_business(NodeKind.PRODUCT_CATALOG, False),
    "adspixels": _of_business(NodeKind.PIXEL, True),
    "client_pixels": _of_business(NodeKind.PIXEL, False),
    "business_users": _seats(False),
    "system_users": _seats(True),
}
PAGE_EDGES: dict[str, Edge] = {"feed": feed}
