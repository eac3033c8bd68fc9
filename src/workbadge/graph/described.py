"""The graph in words and schemas, from its route tables: what stands in the tables stands in the document.

What a table cannot know, the parameters, stands in ``parameters.py``.
"""

from typing import Any

from workbadge.terms.kinds import NodeKind
from workbadge.web.openapi import BEARER, EITHER, FLAG, TEXT, Operation, Parameter, Part, Schema, first_sentence, ref

from .applications import APP_CALLS
from .changes import NODE_WRITES, SEAT_WRITES
from .debug import debug_token
from .edges import NODE_EDGES, ROBOT_EDGES, SEAT_EDGES, USER_EDGES
from .extension import BUSINESS_POSTS, EXTENSION
from .groups import GROUP, GROUP_EDGES
from .members import INVITATION
from .nodes import TYPES, NodeType
from .page_apps import SUBSCRIBED_APPS
from .parameters import FIELDS, LIST, NODE_ID, PARAMETERS
from .people import APPLICATION, BUSINESS_USER, POST, SYSTEM_USER, USER
from .permissions import delete_permissions
from .routes import APP_EDGES

TOKEN = ("token_parameter", "token_bearer")
SECURITY: dict[str, Schema] = {
    "token_parameter": {"type": "apiKey", "in": "query", "name": "access_token", "description": BEARER["description"]},
    "token_bearer": BEARER,
}

_TEXTS = ("id", "name")


NOT_LISTS = {"picture": "Picture"}
"""Edges that answer something else than a list, with the schema of it."""


def _field_schema(name: str) -> Schema:
    """What is known of a field's form from its name alone."""
    return TEXT if name in _TEXTS or name.endswith("_time") else {}


def _node_schema(node_type: NodeType) -> Schema:
    names = sorted({*node_type.fields, *node_type.expansions})
    return {"type": "object", "required": ["id"], "properties": {name: _field_schema(name) for name in names}}


def node_types() -> dict[str, NodeType]:
    """Every type of node, by its name on the wire."""
    others = (USER, SYSTEM_USER, BUSINESS_USER, APPLICATION, INVITATION, GROUP, POST)
    return {one.name: one for one in (*TYPES.values(), *others)}


_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "fbtrace_id"],
            "properties": {
                "message": TEXT,
                "type": TEXT,
                "code": {"type": "integer"},
                "error_subcode": {"type": "integer"},
                "is_transient": {"type": "boolean"},
                "error_user_title": TEXT,
                "error_user_msg": TEXT,
                "error_data": {"type": "object"},
                "fbtrace_id": TEXT,
            },
        }
    },
}
_LINKS = {"before": TEXT, "after": TEXT}


def _schemas() -> dict[str, Schema]:
    types = node_types()
    listed: Schema = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "array", "items": {"type": "object"}},
            "paging": {
                "type": "object",
                "properties": {
                    "cursors": {"type": "object", "properties": _LINKS},
                    "next": TEXT,
                    "previous": TEXT,
                },
            },
            "summary": {"type": "object"},
        },
    }
    return {
        "Error": _ERROR,
        "List": listed,
        "Node": {"anyOf": [ref(name) for name in types]},
        "Nodes": {"type": "object", "description": "By the id that was asked for", "additionalProperties": True},
        "Done": {
            "type": "object",
            "description": "What was made, or that it was done",
            "properties": {"id": TEXT, "success": {"type": "boolean"}},
        },
        "Token": {"type": "object", "required": ["access_token"], "properties": {"access_token": TEXT}},
        "Picture": {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}},
        "Batch": {"type": "array", "items": {"type": ["object", "null"]}},
        "Debug": {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}},
        **{name: _node_schema(one) for name, one in types.items()},
    }


def _reads() -> dict[str, list[str]]:
    """Edge that is a list to the types of node that have it."""
    found: dict[str, list[str]] = {}
    for kind, edges in NODE_EDGES.items():
        for edge in edges:
            found.setdefault(edge, []).append(TYPES[kind].name)
    for edge in APP_EDGES:
        found.setdefault(edge, []).append(APPLICATION.name)
    for edge in GROUP_EDGES:
        found.setdefault(edge, []).append(GROUP.name)
    for edge in ROBOT_EDGES:
        found.setdefault(edge, []).append(SYSTEM_USER.name)
    for edge in SEAT_EDGES:
        found.setdefault(edge, []).append(BUSINESS_USER.name)
    for edge in USER_EDGES:
        found.setdefault(edge, []).append(USER.name)
    for (method, edge), (_, types) in written().items():
        if method == "GET" and edge in found:  # an edge of the same name that another type of node lists its own way
            found[edge] += types
    return found


def written() -> dict[tuple[str, str], tuple[str, list[str]]]:
    """Method and edge of everything that is more than reading a list: what it does, and on which types of node."""
    page, business = TYPES[NodeKind.PAGE].name, TYPES[NodeKind.BUSINESS].name
    calls: list[tuple[str, str, str, Any]] = [("DELETE", "permissions", USER.name, delete_permissions)]
    for kind, writes in NODE_WRITES.items():
        calls += [(method, edge, TYPES[kind].name, called) for (method, edge), called in writes.items()]
    inner = {
        NodeKind.MEMBERSHIP: BUSINESS_USER,
        NodeKind.ACCOUNT: SYSTEM_USER,
        NodeKind.RECORD: INVITATION,
        NodeKind.ASSET_GROUP: GROUP,
    }
    for kind, writes in SEAT_WRITES.items():
        calls += [(method, edge, inner[kind].name, called) for (method, edge), called in writes.items()]
    calls += [("POST", edge, business, called) for edge, called in BUSINESS_POSTS.items()]
    calls += [(method, "subscribed_apps", page, called) for method, called in SUBSCRIBED_APPS.items()]
    for edge, methods in APP_CALLS.items():
        calls += [(method, edge, APPLICATION.name, called) for method, called in methods.items()]
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for method, edge, name, called in calls:
        found.setdefault((method, edge), (_says(called, method, edge), []))[1].append(name)
    return found


def _says(called: Any, method: str, edge: str) -> str:
    """What a call does, from its docstring: after the address with which that begins, if there is more."""
    says = first_sentence(called)
    after = says.partition(": ")[2]
    plain = f"{_VERBS[method]} {edge.replace('_', ' ') or 'the node'}"
    return after or (plain if says.startswith(method) else says) or plain


_VERBS = {"GET": "List", "POST": "Add to", "DELETE": "Take from"}


def _read(edge: str, types: list[str], path: str, where: tuple[Parameter, ...]) -> Operation:
    return Operation(
        "GET",
        path,
        f"List {edge.replace('_', ' ')}",
        f"Of {', '.join(types)}.",
        where,
        (*LIST, *PARAMETERS.get(("GET", edge), ())),
        answer=NOT_LISTS.get(edge, "List"),
        security=TOKEN,
    )


def _call(method: str, path: str, key: str, says: str, types: list[str], where: tuple[Parameter, ...]) -> Operation:
    given = PARAMETERS.get((method, key), ())
    return Operation(
        method,
        path,
        says[:1].upper() + says[1:],
        f"On {', '.join(types)}." if types else "",
        where,
        given if method != "POST" else (),
        given if method == "POST" else (),
        EITHER,
        _answer(method, path),
        TOKEN,
    )


def _answer(method: str, path: str) -> str:
    """The schema of what a call answers."""
    if method == "GET":
        return "Nodes" if path == "/fbe_business" else "List"
    return "Token" if path.endswith(("/access_token", "/system_user_access_tokens")) else "Done"


def _fixed() -> list[Operation]:
    """What is not an edge."""
    return [
        Operation("GET", "/me", "The node behind the token", "", (), (FIELDS,), answer="Node", security=TOKEN),
        Operation(
            "GET",
            "/{id}",
            "Read a node",
            f"One of {', '.join(node_types())}.",
            (NODE_ID,),
            (FIELDS,),
            answer="Node",
            security=TOKEN,
        ),
        Operation(
            "GET",
            "/",
            "Read several nodes",
            "One bad id fails all. GET /{edge}?ids= reads an edge of several nodes.",
            (),
            (Parameter("ids", "Up to 50 ids, separated by commas", True), FIELDS),
            answer="Nodes",
            security=TOKEN,
        ),
        Operation(
            "POST",
            "/",
            "Run up to 50 operations",
            "See docs/guides/graph.md.",
            (),
            (),
            (
                Parameter("batch", "A JSON array of operations", True),
                Parameter("include_headers", "Whether answers carry headers", schema=FLAG),
            ),
            EITHER,
            "Batch",
            TOKEN,
        ),
        Operation(
            "GET",
            "/debug_token",
            "What a token is",
            first_sentence(debug_token),
            (),
            (Parameter("input_token", "The token to look at", True), FIELDS),
            answer="Debug",
            security=TOKEN,
        ),
        Operation(
            "DELETE",
            "/me/permissions/{permission}",
            "Take one permission back",
            "",
            (Parameter("permission", "Its name", True),),
            answer="Done",
            security=TOKEN,
        ),
        Operation(
            "POST", "/{id}/instruments", "Crash reports of clients", "Accepted and dropped.", (NODE_ID,), answer="Done"
        ),
    ]


def describe_graph() -> Part:
    """Everything that the graph serves."""
    reads = _reads()
    operations = _fixed()
    operations += [_read(edge, types, f"/{{id}}/{edge}", (NODE_ID,)) for edge, types in reads.items()]
    operations += [_read(edge, ["the token's node"], f"/me/{edge}", ()) for edge in USER_EDGES]
    for (method, edge), (says, types) in written().items():
        if method == "GET" and edge in reads:
            continue
        path = f"/{{id}}/{edge}" if edge else "/{id}"
        operations.append(_call(method, path, edge, says, types, (NODE_ID,)))
    for (method, path), called in EXTENSION.items():
        operations.append(_call(method, f"/{path}", path, _says(called, method, path), [], ()))
    return Part(
        "Graph",
        "The dialect of Facebook Login's Graph API. Every path may have a version in front, up to v26.0; a parameter may stand in "
        "the query, in a form or in JSON.",
        tuple(operations),
        _schemas(),
        SECURITY,
        "Error",
    )
