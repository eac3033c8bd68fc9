"""The graph's paths: ``/[vN.N/]<node>[/<edge>]``. One ASGI application, no framework on the hot path.

``NODE_EDGES``, ``USER_EDGES``, ``APP_EDGES`` (reads), ``NODE_WRITES`` and ``APP_CALLS`` are the route table; the IDOR
matrix of the tests is generated from it.
"""

import re
import traceback
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from starlette.types import Receive, Scope, Send

from workbadge.store.engine import StoreBusyError
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.web.restricted import admit_caller
from workbadge.web.state import Site, at_host, now_of, site_of
from workbadge.web.wire import (
    NEWEST_TEXT,
    WireError,
    WireParams,
    find_whole,
    read_params,
    send_error,
    send_json,
    split_version,
)

from .alike import Alike
from .app_lists import authorized_adaccounts, connected_client_businesses
from .applications import APP_CALLS, APP_TOKEN_NEEDED
from .batch import Outcome, Prepare, run_batch
from .business_login import install_type
from .businesses import BUSINESS_FIELDS
from .changes import NODE_WRITES, SEAT_WRITES, Writes
from .context import Call, Item, is_page_token
from .debug import debug_token
from .edges import NODE_EDGES, ROBOT_EDGES, SEAT_EDGES, USER_EDGES
from .errors import missing, nothing_named
from .extension import BUSINESS_POSTS, EXTENSION
from .feed import read_post, read_post_id
from .fields import Field, parse_fields
from .groups import GROUP, GROUP_EDGES, Group, reach_group
from .identity import OWN_PLACE, PSEUDONYMS, answer_app, created_by, find_person, reach_seat, read_app
from .lists import Edge, asked_at_top, asked_in_field
from .members import INVITATION, read_invitation
from .nodes import TYPES, NodeType, find_named, show
from .own import created, owner, page_access_token
from .page_apps import SUBSCRIBED_APPS
from .partial import with_lost
from .people import APPLICATION, BUSINESS_USER, SYSTEM_SEAT, SYSTEM_USER, USER, Seat
from .permissions import delete_permissions
from .reconnects import reconnects
from .writes import Write

APP_EDGES: dict[str, Edge] = {
    "reconnects": reconnects,
    "connected_client_businesses": connected_client_businesses,
    "authorized_adaccounts": authorized_adaccounts,
}
"""Edges of the calling app."""
MOST_IDS = 50
_CREATED = {
    NodeKind.BUSINESS: "created_time",
    NodeKind.AD_ACCOUNT: "created_time",
    NodeKind.PIXEL: "creation_time",
}
_ONCE = frozenset({"input_token", "appsecret_proof", "appsecret_time", "method", "_method", "ids", "batch"})
"""Parameters on which it depends who asks for what: two different values are refused, not chosen from (WB-14)."""
_EDGE_NAME = re.compile("[a-z]+(?:_[a-z]+)*").fullmatch
NOTHING = WireParams()
log = structlog.get_logger()


def _expansion(edge: Edge) -> Any:
    """An edge as a field of its node."""

    async def expand(call: Call, item: Any, one: Field) -> Any:
        inner = isinstance(item, (Item, Seat, Group))
        parent = str(item.id) if inner else "me"
        subject = item if inner else await call.alive()
        return await edge(call, subject, asked_in_field(call, one, parent))

    return expand


def _with_expansions(node_type: NodeType, edges: dict[str, Edge], more: dict[str, Any]) -> NodeType:
    return replace(
        node_type,
        expansions={**{name: _expansion(edge) for name, edge in edges.items()}, **more},
    )


for _kind, _type in list(TYPES.items()):
    _more = dict(BUSINESS_FIELDS) if _kind is NodeKind.BUSINESS else {"business": owner}
    if _kind is NodeKind.PAGE:
        _more["access_token"] = page_access_token
    if _kind in _CREATED:
        _more[_CREATED[_kind]] = created
    TYPES[_kind] = _with_expansions(_type, NODE_EDGES.get(_kind, {}), _more)
for _seat, _edges in ((BUSINESS_USER, SEAT_EDGES), (SYSTEM_SEAT, ROBOT_EDGES), (GROUP, GROUP_EDGES)):
    _seat.expansions.update({name: _expansion(edge) for name, edge in _edges.items()})
_USER = _with_expansions(USER, USER_EDGES, PSEUDONYMS)
SYSTEM_SEAT.expansions["created_by"] = created_by
_SYSTEM_USER = _with_expansions(SYSTEM_USER, USER_EDGES, {"install_type": install_type, **OWN_PLACE})


def _find_write(writes: Writes, method: str, rest: list[str]) -> Write | None:
    """The write of a node's own (no ``rest``) or of one of its edges."""
    return writes.get((method, rest[0] if rest else "")) if len(rest) < 2 else None


def _where(error: Exception) -> str:
    """File and line in which an error was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"


def _failure(error: Exception, params: WireParams, trace: str) -> WireError:
    """What is answered when something was raised."""
    if isinstance(error, WireError):
        if params.lost:
            error.data = with_lost(error.data, params)
        return error
    if isinstance(error, StoreBusyError):
        return WireError(2, "Service temporarily unavailable", transient=True)
    # Only its kind and place are kept: its text may hold tokens and what people wrote.
    log.error("graph.failed", trace=trace, error=type(error).__name__, at=_where(error))
    return WireError(1, "An unknown error occurred")


class Graph:
    """The application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: an answer or an error of the dialect, never anything else."""
        site = site_of(scope)
        if site.hosts:
            site = at_host(site, scope)
        trace = site.services.entropy.bytes(9).hex()
        outcome, version, told = await self._run(site, now_of(scope), scope, receive, NEWEST_TEXT, trace)
        if isinstance(outcome, WireError):
            await send_error(send, outcome, version, trace, told)
        else:
            await send_json(send, outcome, version, trace, headers=told, whole=find_whole(scope))

    async def _run(
        self,
        site: Site,
        now: datetime,
        scope: Scope,
        receive: Receive,
        version: str,
        trace: str,
        prepare: Prepare | None = None,
    ) -> Outcome:
        """What a request or an operation of a batch comes to: payload or WireError, and the version that answers.

        ``prepare``: completes the parameters of an operation, which only a batch gives; it holds no other batch.
        """
        params = NOTHING
        try:
            version, path = split_version(scope["path"].removeprefix(scope.get("root_path", "")) or "/", version)
            params = await read_params(scope, receive)
            if params.bound:
                await admit_caller(site.services, scope, params, now)
            if prepare is not None:
                prepare(params)
            if params.doubled and not params.doubled.isdisjoint(_ONCE):
                raise WireError(100, f"(#100) {min(params.doubled & _ONCE)} was sent twice with different values.")
            method = scope["method"]
            if path == "/" and method == "POST" and "batch" in params.values:
                if prepare is not None:
                    raise WireError(100, "(#100) A batch cannot hold another batch.")
                return await run_batch(self._run, self._read, site, now, params, version), version, ()
            payload = await self._answer(site, now, method, path, params, version)
            return payload, version, tuple(params.told.items())
        except Exception as error:
            return _failure(error, params, trace), version, tuple(params.told.items())

    async def _read(
        self, site: Site, now: datetime, params: WireParams, version: str, text: str, trace: str, alike: Alike
    ) -> Outcome:
        """What a GET of an asset or a business that asks for its fields alone comes to: the short way of ``_run`` for batches."""
        try:
            call = Call(site, now, params, version, f"/{text}", False)
            call.alike = alike
            return await self._show(call, text), version, tuple(params.told.items())
        except Exception as error:
            return _failure(error, params, trace), version, tuple(params.told.items())

    async def _show(self, call: Call, text: str, node_id: int | None = None) -> dict[str, Any]:
        """The asked fields of an asset or a business."""
        item = await call.reach(text, node_id=node_id)
        call.used(item.loaded)
        return await show(call, TYPES[item.kind], item, parse_fields(call.params.values.get("fields", "")))

    async def _answer(
        self,
        site: Site,
        now: datetime,
        method: str,
        path: str,
        params: WireParams,
        version: str,
    ) -> Any:
        if method == "POST":
            override = (params.values.get("method") or params.values.get("_method") or "POST").upper()
            method = override if override in ("GET", "POST", "DELETE") else "POST"
        elif method == "HEAD":
            method = "GET"
        if method not in ("GET", "POST", "DELETE"):
            raise WireError(100, f"(#100) Unsupported method {method[:20]}.", status=405)
        node_id = find_named(path[1:]) if method == "GET" and "ids" not in params.values else None
        if node_id is not None:
            call = Call(site, now, params, version, path, False)
            if not call.by_app:
                return await self._show(call, path[1:], node_id)
        parts = path[1:].split("/")
        head = parts[0]
        if head == "" and "ids" in params.values and method == "GET":
            return await self._many(site, now, "", params, version)
        if head == "debug_token" and len(parts) == 1:
            return await debug_token(site, params, now, version)
        if len(parts) == 2 and parts[1] == "instruments" and method == "POST":
            return {"success": True}
        if head == "" or len(parts) > 3:
            raise WireError(2500, f"Unknown path components: {path[:200]}")
        if "ids" in params.values and method == "GET" and len(parts) == 1 and _EDGE_NAME(head) and head != "me":
            return await self._many(site, now, f"/{head}", params, version)
        call = Call(site, now, params, version, path, head == "me")
        call.method = method
        return await self._node(call, method, head, parts[1:])

    async def _many(self, site: Site, now: datetime, edge: str, params: WireParams, version: str) -> dict[str, Any]:
        """``?ids=a,b``: a map from id to object; one bad id fails all."""
        ids = [one.strip() for one in params.values["ids"].split(",") if one.strip()]
        if not ids:
            raise WireError(100, "(#100) The parameter ids must not be empty.")
        if len(ids) > MOST_IDS:
            raise WireError(100, f"(#100) At most {MOST_IDS} ids can be read at once.")
        answer: dict[str, Any] = {}
        for one in dict.fromkeys(ids):
            call = Call(site, now, params, version, f"/{one}{edge}", False)
            answer[one] = await self._node(call, "GET", one, [edge[1:]] if edge else [])
        return answer

    async def _node(self, call: Call, method: str, text: str, rest: list[str]) -> Any:
        """One node, or one of its edges."""
        found = parse_id(text.removeprefix("act_"))
        kind = None if found is None else kind_of(found)
        if call.by_app:
            return await self._own_app(call, method, await answer_app(call, text, found), rest)
        if method == "POST" and kind is NodeKind.BUSINESS and len(rest) == 1 and rest[0] in BUSINESS_POSTS:
            return await BUSINESS_POSTS[rest[0]](call, text)
        if kind in TYPES:
            return await self._asset(call, method, text, rest)
        if text == "me" or kind in (NodeKind.SCOPED_ACCOUNT, NodeKind.ACCOUNT):
            return await self._person(call, method, text, found, rest)
        if kind in (NodeKind.MEMBERSHIP, NodeKind.RECORD, NodeKind.ASSET_GROUP) and found is not None:
            return await self._inside(call, method, text, found, rest)
        post = read_post_id(text) if method == "GET" and not rest else None
        if post is not None:
            return await read_post(call, text, *post)
        unnamed = EXTENSION.get((method, "/".join((text, *rest))))
        if unnamed is not None:
            return await unnamed(call)
        loaded = await call.alive()
        if kind is NodeKind.APP and found == loaded.app_id:
            return await self._own_app(call, method, loaded.app_id, rest)
        raise nothing_named(text)

    async def _own_app(self, call: Call, method: str, app_id: int, rest: list[str]) -> Any:
        """The calling app."""
        if not rest and method == "GET":
            return await read_app(call, app_id)
        own = APP_CALLS.get("/".join(rest), {}).get(method)
        if own is not None:
            if not call.by_app:
                raise WireError(200, APP_TOKEN_NEEDED)
            return await own(call, app_id)
        edge = APP_EDGES.get(rest[0]) if len(rest) == 1 else None
        if edge is not None and method == "GET":
            return await edge(call, app_id, asked_at_top(call))
        raise self._no_edge(APPLICATION, method, rest)

    async def _asset(self, call: Call, method: str, text: str, rest: list[str]) -> Any:
        """An asset or a business."""
        if rest == ["subscribed_apps"] and method in SUBSCRIBED_APPS and kind_of(parse_id(text) or 0) is NodeKind.PAGE:
            return await SUBSCRIBED_APPS[method](call, text)
        if method != "GET":
            return await self._write(call, text, rest)
        if not rest:
            return await self._show(call, text)
        item = await call.reach(text)
        call.used(item.loaded)
        edge = NODE_EDGES.get(item.kind, {}).get(rest[0]) if len(rest) == 1 else None
        if edge is not None:
            return await edge(call, item, asked_at_top(call))
        raise self._no_edge(TYPES[item.kind], method, rest)

    async def _write(self, call: Call, text: str, rest: list[str]) -> Any:
        """A change of an asset or a business. Who may not read it is told no more than by a read."""
        found = parse_id(text.removeprefix("act_"))
        kind = None if found is None else kind_of(found)
        write = None if kind is None else _find_write(NODE_WRITES.get(kind, {}), call.method, rest)
        if write is not None:
            return await write(call, text)
        item = await call.reach(text)
        raise self._no_edge(TYPES[item.kind], call.method, rest)

    async def _inside(self, call: Call, method: str, text: str, found: int, rest: list[str]) -> Any:
        """A person's place, a system user or an invitation of a business."""
        kind = kind_of(found)
        assert kind is not None
        write = None if method == "GET" else _find_write(SEAT_WRITES[kind], method, rest)
        if write is not None:
            return await write(call, text)
        if kind is NodeKind.RECORD:
            shown = await read_invitation(call, text, found)
            if method == "GET" and not rest:
                return shown
            raise self._no_edge(INVITATION, method, rest)
        if kind is NodeKind.ASSET_GROUP:
            return await self._read_inner(call, method, await reach_group(call, text, found), GROUP, GROUP_EDGES, rest)
        system = kind is NodeKind.ACCOUNT
        seat = await reach_seat(call, text, found, system)
        node_type, edges = (SYSTEM_SEAT, ROBOT_EDGES) if system else (BUSINESS_USER, SEAT_EDGES)
        return await self._read_inner(call, method, seat, node_type, edges, rest)

    async def _read_inner(
        self, call: Call, method: str, item: Any, node_type: NodeType, edges: dict[str, Edge], rest: list[str]
    ) -> Any:
        """Something inside a business that was reached, or one of its edges."""
        if method == "GET" and not rest:
            return await show(call, node_type, item, parse_fields(call.params.values.get("fields", "")))
        edge = edges.get(rest[0]) if len(rest) == 1 else None
        if edge is not None and method == "GET":
            return await edge(call, item, asked_at_top(call))
        raise self._no_edge(node_type, method, rest)

    def _no_edge(self, node_type: NodeType, method: str, rest: list[str]) -> WireError:
        if rest and method == "GET":
            return WireError(
                100,
                f"(#100) Tried accessing nonexisting field ({rest[0][:80]}) on node type ({node_type.name})",
            )
        return WireError(100, f"Unsupported {method.lower()} request.", 33, "GraphMethodException")

    async def _person(self, call: Call, method: str, text: str, found: int | None, rest: list[str]) -> Any:
        """``me`` or the caller's own id."""
        loaded = await call.alive()
        call.used(loaded)
        if is_page_token(loaded):
            assert loaded.facts.token is not None
            if text != "me":
                raise missing(text)  # nothing but its page, not even the person behind it (MT-10)
            return await self._asset(call, method, str(loaded.facts.token.page_id), rest)
        person = await find_person(call, loaded)
        account = loaded.facts.account
        if found is not None and found != person.shown_id and (account is None or found != account.id):
            if kind_of(found) is NodeKind.ACCOUNT:
                return await self._inside(call, method, text, found, rest)
            raise missing(text)
        node_type = _SYSTEM_USER if person.kind is AccountKind.SYSTEM else _USER
        if not rest and method == "GET":
            return await show(
                call,
                node_type,
                person,
                parse_fields(call.params.values.get("fields", "")),
            )
        if rest[:1] == ["permissions"] and method == "DELETE":
            name = rest[1] if len(rest) == 2 else call.params.values.get("permission")
            return await delete_permissions(call, loaded, name)
        write = None if account is None else _find_write(SEAT_WRITES[NodeKind.ACCOUNT], method, rest)
        if write is not None and account is not None and person.kind is AccountKind.SYSTEM:
            return await write(call, str(account.id))
        edge = USER_EDGES.get(rest[0]) if len(rest) == 1 else None
        if edge is not None and method == "GET":
            return await edge(call, loaded, asked_at_top(call))
        raise self._no_edge(node_type, method, rest)


def make_graph() -> Graph:
    """The graph's application."""
    return Graph()
