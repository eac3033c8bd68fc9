"""Edges: lists of nodes, each page of which is decided item by item (I10). ``wire.md`` §3.6, §3.9."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from workbadge.access import Allow, decide
from workbadge.commands import grant as grants_commands
from workbadge.commands.errors import CommandError
from workbadge.commands.page_token import page_tokens
from workbadge.store import facts, grants, records, rights, visible
from workbadge.store.facts import Loaded
from workbadge.store.visible import Filter
from workbadge.terms.kinds import Act, NodeKind
from workbadge.web.wire import WireError

from .context import Call, Item, ask_for, is_page_token
from .errors import missing
from .fields import Field, parse_fields, write_fields
from .nodes import OMIT, TYPES, NodeType, show, wire_time
from .paging import make_cursor, page_links, read_cursor, read_limit
from .people import BUSINESS_USER, SYSTEM_SEAT, Seat

Edge = Callable[[Call, Any, "Asked"], Awaitable[dict[str, Any]]]
_PROOF = ("appsecret_proof", "appsecret_time")


@dataclass(frozen=True, slots=True)
class Asked:
    """How a list was asked for: at the top of a request, or as a field of a node.

    ``values``: the parameters that ask for the same list again, for the links to its other pages.
    """

    fields: tuple[Field, ...]
    limit: int
    after: str | None
    before: str | None
    summary: bool
    path: str
    values: dict[str, str]


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
    )


def asked_in_field(call: Call, one: Field, parent: str) -> Asked:
    """The list that a field with modifiers asks for."""
    values = {name: call.params.values[name] for name in _PROOF if name in call.params.values}
    values |= {key: value for key, value in one.modifiers if key in ("limit", "summary")}
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
    )


def bound_to(call: Call, asked: Asked) -> str:
    """What a cursor is bound to: this caller and this edge."""
    return f"{call.hash.hex()}{asked.path}"


def wrap(
    call: Call,
    asked: Asked,
    data: list[dict[str, Any]],
    positions: list[str],
    more: bool,
    total: int | None,
) -> dict[str, Any]:
    """``{data, paging, summary}`` of one page; ``positions`` are those of the items, in order."""
    answer: dict[str, Any] = {"data": data}
    call.count_shown(len(data))
    if positions:
        sealer, bound = call.services.sealer, bound_to(call, asked)
        first, last = (
            make_cursor(sealer, positions[0], bound),
            make_cursor(sealer, positions[-1], bound),
        )
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
        answer["summary"] = {"total_count": total}
    return answer


def _place(call: Call, asked: Asked, cursor: str | None) -> int | None:
    if cursor is None:
        return None
    text = read_cursor(call.services.sealer, cursor, bound_to(call, asked))
    return int(text) if text.isdecimal() else None


async def list_nodes(call: Call, loaded: Loaded, wanted: Filter, node_type: NodeType, asked: Asked) -> dict[str, Any]:
    """A page of assets or businesses that this caller may see."""
    after, before = _place(call, asked, asked.after), _place(call, asked, asked.before)
    viewer = call.viewer(loaded)
    async with call.services.store.read() as tx:
        page = await visible.page(tx, viewer, wanted, call.now, asked.limit, after, before)
        total = await visible.count(tx, viewer, wanted, call.now) if asked.summary else None
        found = await facts.load_many(tx, call.hash, page.ids)
    items = [item for item in (_item(call, one, each) for one, each in found.items()) if item is not None]
    shows_tokens = any(one.name == "access_token" for one in asked.fields) and not call.params.bound
    if shows_tokens and wanted.kinds == {NodeKind.PAGE}:
        call.page_tokens = await page_tokens(call.services, loaded, call.hash, [item.id for item in items], call.now)
    data = [await show(call, node_type, item, asked.fields) for item in items]
    return wrap(call, asked, data, [str(one) for one in page.ids], page.more, total)


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
            asked.values,
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
        return wrap(call, asked, data, [str(row.id) for row in kept], more, total)

    return edge


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
            try:
                await grants_commands.remove_permission(tx, call.services, account.id, loaded.app_id, name, call.now)
            except CommandError as error:
                raise WireError(100, f"(#100) {error.message}") from error
    return {"success": True}


async def page_access_token(call: Call, item: Item, one: Field) -> Any:
    """Field ``access_token`` of a page: the page token that belongs to the calling token. A token that is bound to a key
    gives none: a page's could be used without the key."""
    if call.params.bound:
        return OMIT
    if is_page_token(item.loaded):
        return call.token
    if item.id not in call.page_tokens:
        call.page_tokens |= await page_tokens(call.services, item.loaded, call.hash, [item.id], call.now)
    return call.page_tokens[item.id]


async def owner(call: Call, item: Item, one: Field) -> Any:
    """Field ``business`` of an asset: id and name of its owner; more only if this call may read that business."""
    found = item.business_id
    if found is None:
        return OMIT
    if not all(child.name in ("id", "name") for child in one.children):
        return await show(call, TYPES[NodeKind.BUSINESS], await call.reach(str(found)), one.children)
    if found not in call.owners:
        async with call.services.store.read() as tx:
            row = await records.find_business(tx, found)
        assert row is not None
        call.owners[found] = row.name
    both = {"id": str(found), "name": call.owners[found]}
    return {"id": both["id"], **{child.key: both[child.name] for child in one.children}} if one.children else both


async def created(call: Call, item: Item, one: Field) -> Any:
    """Field ``created_time`` (of a pixel: ``creation_time``)."""
    async with call.services.store.read() as tx:
        find = records.find_business if item.kind is NodeKind.BUSINESS else records.find_asset
        row = await find(tx, item.id)
    return OMIT if row is None else wire_time(row.created_at)


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
