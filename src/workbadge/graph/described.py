"""The graph in words and schemas, from its route tables: what stands in the tables stands in the document.

``PARAMETERS`` adds what a table cannot know: what an edge takes beyond a list's own parameters. A test demands a row for each
write, so that nobody has to guess a body.
"""

from typing import Any

from workbadge.terms.kinds import NodeKind
from workbadge.web.openapi import FLAG, NUMBER, TEXT, Operation, Parameter, Part, Schema, first_sentence, ref

from .applications import APP_CALLS
from .debug import debug_token
from .edges import USER_EDGES
from .nodes import TYPES, NodeType
from .page_apps import SUBSCRIBED_APPS
from .paging import LARGEST_LIMIT
from .people import APPLICATION, BUSINESS_USER, POST, SYSTEM_USER, USER
from .routes import APP_EDGES, NODE_EDGES

TOKEN = ("token_parameter", "token_bearer")
SECURITY: dict[str, Schema] = {
    "token_parameter": {"type": "apiKey", "in": "query", "name": "access_token"},
    "token_bearer": {"type": "http", "scheme": "bearer"},
}

FIELDS = Parameter("fields", "Which fields, with nested lists and modifiers: id,name,accounts.limit(3){id}")
LIST = (
    FIELDS,
    Parameter("limit", f"Items on a page: 25 unless asked, at most {LARGEST_LIMIT}", schema=NUMBER),
    Parameter("after", "A cursor: the page after it"),
    Parameter("before", "A cursor: the page before it"),
    Parameter("summary", "Adds a summary, where there is one", schema=FLAG),
)
NODE_ID = Parameter("id", "A node's id; an ad account's may carry act_", True, {"type": "string", "minLength": 1})

_OBJECT = Parameter("object", "user, page, permissions, application, managed_meta_account")
_APP_LIST = (
    Parameter("business", "Only this business"),
    Parameter("person", "Only this person, by the app's own id"),
    Parameter("until", "Only what ends by this instant"),
    Parameter("state", "at_risk, lost, or both"),
    Parameter("redirect_uri", "Where the login links lead back to: a registered address"),
)
PARAMETERS: dict[tuple[str, str], tuple[Parameter, ...]] = {
    ("POST", "feed"): (Parameter("message", "The text of the post", True),),
    ("GET", "permissions"): (
        Parameter("permission", "Only this one"),
        Parameter("status", "granted or declined"),
    ),
    ("DELETE", "permissions"): (Parameter("permission", "The one to take back; without it the app is taken off"),),
    ("GET", "reconnects"): _APP_LIST,
    ("GET", "subscriptions"): (),
    ("POST", "subscriptions"): (
        Parameter("object", _OBJECT.says, True),
        Parameter("callback_url", "Where changes are told; it must answer the handshake"),
        Parameter("fields", "Which changes, separated by commas"),
        Parameter("verify_token", "What the handshake says, so that the receiver knows it"),
        Parameter("include_values", "Whether what changed is told too", schema=FLAG),
    ),
    ("DELETE", "subscriptions"): (_OBJECT, Parameter("fields", "Only these fields of it")),
    ("GET", "subscribed_apps"): (),
    ("POST", "subscribed_apps"): (Parameter("subscribed_fields", "Which changes, separated by commas", True),),
    ("DELETE", "subscribed_apps"): (),
}
"""By method and edge; a read of a list has LIST besides."""

_TEXTS = ("id", "name")


def _field_schema(name: str) -> Schema:
    """What is known of a field's form from its name alone."""
    return TEXT if name in _TEXTS or name.endswith("_time") else {}


def _node_schema(node_type: NodeType) -> Schema:
    names = sorted({*node_type.fields, *node_type.expansions})
    return {"type": "object", "required": ["id"], "properties": {name: _field_schema(name) for name in names}}


def node_types() -> dict[str, NodeType]:
    """Every type of node, by its name on the wire."""
    others = (USER, SYSTEM_USER, BUSINESS_USER, APPLICATION, POST)
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
        "Batch": {"type": "array", "items": {"type": ["object", "null"]}},
        "Debug": {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}},
        **{name: _node_schema(one) for name, one in types.items()},
    }


def _reads() -> dict[str, list[str]]:
    """Edge to the types of node that have it, for lists of nodes and the calling app."""
    found: dict[str, list[str]] = {}
    for kind, edges in NODE_EDGES.items():
        for edge in edges:
            found.setdefault(edge, []).append(TYPES[kind].name)
    for edge in APP_EDGES:
        found.setdefault(edge, []).append(APPLICATION.name)
    for edge in USER_EDGES:
        found.setdefault(edge, []).append(USER.name)
    return found


def _calls() -> dict[tuple[str, str], tuple[str, list[str]]]:
    """Method and edge of everything that is more than reading a list: what it does, and on which types of node."""
    page = TYPES[NodeKind.PAGE].name
    found: dict[tuple[str, str], tuple[str, list[str]]] = {("POST", "feed"): ("Write a post", [page])}
    found["DELETE", "permissions"] = ("Take a permission back, or the app off", [USER.name])
    tables: list[tuple[str, str, dict[str, Any]]] = [(page, "subscribed_apps", SUBSCRIBED_APPS)]
    tables += [(APPLICATION.name, edge, methods) for edge, methods in APP_CALLS.items()]
    for name, edge, methods in tables:
        for method, called in methods.items():
            found.setdefault((method, edge), (_says(called, method, edge), []))[1].append(name)
    return found


def _says(called: Any, method: str, edge: str) -> str:
    """What a call does, from its docstring: after the address with which that begins, if there is more."""
    says = first_sentence(called)
    after = says.partition(": ")[2]
    plain = f"{_VERBS[method]} {edge.replace('_', ' ')}"
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
        answer="List",
        security=TOKEN,
    )


def _call(method: str, edge: str, says: str, types: list[str]) -> Operation:
    given = PARAMETERS.get((method, edge), ())
    text = says[:1].upper() + says[1:]
    return Operation(
        method,
        f"/{{id}}/{edge}",
        text or f"{method} {edge}",
        f"On {', '.join(types)}.",
        (NODE_ID,),
        given if method != "POST" else (),
        given if method == "POST" else (),
        True,
        "List" if method == "GET" else "Done",
        TOKEN,
    )


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
            True,
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
    reads, calls = _reads(), _calls()
    operations = _fixed()
    operations += [_read(edge, types, f"/{{id}}/{edge}", (NODE_ID,)) for edge, types in reads.items()]
    operations += [_read(edge, ["the token's node"], f"/me/{edge}", ()) for edge in USER_EDGES]
    operations += [_call(method, edge, *what) for (method, edge), what in calls.items()]
    return Part(
        "Graph",
        "The dialect of Facebook Login's Graph API. Every path may have a version in front, up to v26.0; a parameter may stand in "
        "the query, in a form or in JSON.",
        tuple(operations),
        _schemas(),
        SECURITY,
        "Error",
    )
