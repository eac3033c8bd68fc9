"""The caller's own lists, and what of a node hangs on the calling token (``wire.md`` §3.6)."""

from typing import Any

from workbadge.commands.page_token import page_tokens
from workbadge.store import records
from workbadge.store.facts import Loaded
from workbadge.store.visible import Filter
from workbadge.terms.kinds import NodeKind

from .context import Call, Item, is_page_token
from .errors import missing
from .fields import Field
from .lists import Asked, Edge, list_nodes, with_fields
from .nodes import OMIT, TYPES, show, wire_time

_OF_ACCOUNTS = "access_token,category,category_list,name,id,tasks"
"""What is shown of a page in a list of one's own when no fields are asked."""


def own(kind: NodeKind) -> Edge:
    """``me/accounts``, ``me/adaccounts``, ``me/businesses``: all that the caller reaches of one kind."""

    async def edge(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
        if is_page_token(loaded):
            raise missing("me")
        call.demand(loaded, kind)
        if kind is NodeKind.PAGE:
            asked = with_fields(asked, _OF_ACCOUNTS)
        return await list_nodes(call, loaded, Filter(frozenset({kind})), TYPES[kind], asked)

    return edge


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
