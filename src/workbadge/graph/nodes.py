"""Node types and their fields: one table. A field is a small function; what needs another read is an expansion.

A field that is asked for and has no value is left out, never null (``wire.md`` §2.2, §3.4). Unknown fields are an
error. Sources: ``wire.md`` §2.1, §3.4, §3.6.
"""

import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from workbadge.access import Allow, Ask, decide
from workbadge.terms.ids import NodeId, kind_of, parse_id
from workbadge.terms.kinds import Act, NodeKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import NONE, TASKS_OF, Task, task_names
from workbadge.web.wire import WireError

from .context import Call, Item
from .fields import Field

OMIT = object()
"""Answer of a field that has no value: it is left out."""

Render = Callable[[Call, Any], Any]
Expand = Callable[[Call, Any, Field], Awaitable[Any]]


@dataclass(frozen=True)
class NodeType:
    """One type: its name on the wire, its fields, those answered when none is asked."""

    name: str
    fields: dict[str, Render]
    default: tuple[str, ...] = ("id", "name")
    expansions: dict[str, Expand] = field(default_factory=dict)


def wire_time(at: datetime) -> str:
    """A classic Graph datetime: ``+0000`` without a colon (``wire.md`` §2.2)."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")


@lru_cache(maxsize=4096)
def wire_expiry(at: datetime) -> str:
    """``user_access_expire_time``: ``+00:00`` (``wire.md`` §2.2)."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def node_id(item: Item) -> str:
    """An asset's or business's id as the wire writes it."""
    return f"act_{item.id}" if item.kind is NodeKind.AD_ACCOUNT else str(item.id)


def _expiry(call: Call, item: Item) -> Any:
    allow = item.allow
    return wire_expiry(allow.reach_until) if allow.because is Reason.GRACE and allow.reach_until else OMIT


def _detail(name: str) -> Render:
    def render(call: Call, item: Item) -> Any:
        value = msgspec.json.decode(item.details).get(name)
        return OMIT if value is None else value

    return render


def _category_list(call: Call, item: Item) -> Any:
    """The page's one category; its id is made from its name, so that equal categories have equal ids."""
    category = msgspec.json.decode(item.details).get("category")
    return OMIT if category is None else [{"id": str(zlib.crc32(category.encode())), "name": category}]


def _tasks(call: Call, item: Item) -> Any:
    return task_names(_held_tasks(call, item))


_EACH_TASK = {
    kind: [(task, Ask(Act.READ, tasks=task)) for task in Task if task in tasks] for kind, tasks in TASKS_OF.items()
}


def _held_tasks(call: Call, item: Item) -> Task:
    """Tasks with which this call would be let through, each decided like a call that asks for it alone."""
    held = NONE
    for task, ask in _EACH_TASK.get(item.kind, ()):
        if isinstance(decide(item.loaded.facts, ask, call.now), Allow):
            held |= task
    return held


_BASIC: dict[str, Render] = {
    "id": lambda call, item: node_id(item),
    "name": lambda call, item: item.name,
}
_EXPIRING: dict[str, Render] = {**_BASIC, "user_access_expire_time": _expiry}


def _link(call: Call, item: Item) -> str:
    return f"{call.services.base_url}/{item.id}"


PAGE = NodeType(
    "Page",
    {
        **_EXPIRING,
        "category": _detail("category"),
        "category_list": _category_list,
        "tasks": _tasks,
        "link": _link,
        "about": _detail("about"),
        "username": _detail("username"),
        "website": _detail("website"),
        "fan_count": _detail("fan_count"),
    },
)
AD_ACCOUNT = NodeType(
    "AdAccount",
    {
        **_EXPIRING,
        "account_id": lambda call, item: str(item.id),
        "account_status": lambda call, item: 1,
        "currency": _detail("currency"),
        "timezone_name": _detail("timezone_name"),
        "user_tasks": _tasks,
    },
    ("id", "account_id"),
)
CATALOG = NodeType(
    "ProductCatalog",
    {
        **_EXPIRING,
        "vertical": _detail("vertical"),
        "product_count": _detail("product_count"),
    },
)
PIXEL = NodeType(
    "AdsPixel",
    {**_EXPIRING, "code": _detail("code"), "is_unavailable": lambda call, item: False},
)
INSTAGRAM = NodeType("IGUser", {**_BASIC, "username": _detail("username")})
WHATSAPP = NodeType("WhatsAppBusinessAccount", {**_BASIC, "currency": _detail("currency")})
BUSINESS = NodeType(
    "Business",
    {
        **_EXPIRING,
        "link": _link,
        "verification_status": lambda call, item: "not_verified",
        "is_hidden": lambda call, item: False,
    },
)

TYPES: dict[NodeKind, NodeType] = {
    NodeKind.PAGE: PAGE,
    NodeKind.AD_ACCOUNT: AD_ACCOUNT,
    NodeKind.PRODUCT_CATALOG: CATALOG,
    NodeKind.PIXEL: PIXEL,
    NodeKind.INSTAGRAM_ACCOUNT: INSTAGRAM,
    NodeKind.WHATSAPP_ACCOUNT: WHATSAPP,
    NodeKind.BUSINESS: BUSINESS,
}


@lru_cache(maxsize=8192)
def find_named(text: str) -> NodeId | None:
    """The id of the asset or business that a text is the name of on the wire; None for any other text."""
    found = parse_id(text.removeprefix("act_"))
    return found if found is not None and kind_of(found) in TYPES else None


def unknown_field(name: str, node_type: NodeType) -> WireError:
    """The error for a field that the type does not have (``wire.md`` §2.1)."""
    return WireError(
        100,
        f"(#100) Tried accessing nonexisting field ({name[:80]}) on node type ({node_type.name})",
    )


async def show(call: Call, node_type: NodeType, item: Any, asked: tuple[Field, ...]) -> dict[str, Any]:
    """The asked fields of one node, ``id`` always beside them. Raises WireError 100 for an unknown field."""
    fields = node_type.fields
    answer: dict[str, Any] = {}
    if not asked:
        for name in node_type.default:
            value = fields[name](call, item)
            if value is not OMIT:
                answer[name] = value
    for one in asked:
        render = fields.get(one.name)
        if render is not None:
            value = render(call, item)
        else:
            expand = node_type.expansions.get(one.name)
            if expand is None:
                raise unknown_field(one.name, node_type)
            value = await expand(call, item, one)
        if value is not OMIT:
            answer[one.key] = value
    if "id" not in answer:
        answer["id"] = fields["id"](call, item)
    return answer
