"""Batch: up to fifty operations in one request (``wire.md`` §3.11, 9.17).

Every operation is a request of its own through the same code: its token, its proof, its decision, its transaction, its
error. They run in order. What is saved is the rest: one connection, one parsing, and one read of the facts for all nodes
that a token asks for.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from starlette.types import Message, Receive, Scope

from workbadge.keys import hash_secret, read_token
from workbadge.store import facts
from workbadge.store.kept import KeptStore
from workbadge.terms.ids import parse_id
from workbadge.web.state import Site
from workbadge.web.wire import (
    Headers,
    WireError,
    WireParams,
    encode,
    error_headers,
    make_headers,
    split_version,
)

from .references import fill_path, fill_values, find_names

MOST = 50
SECONDS = 30.0
"""How long a batch may run; operations that were not begun by then are answered with null."""

KEPT_SECONDS = 0.1
"""How long facts that were read ahead may serve operations."""

Prepare = Callable[[WireParams], None]
Outcome = tuple[Any, str, Headers]
Run = Callable[[Site, datetime, Scope, Receive, str, str, Prepare], Coroutine[Any, Any, Outcome]]
"""One request of the graph: site, now, scope, receive, version if it names none, trace, what completes its parameters.
Its payload or WireError, the version that answers, further headers."""

_TOKEN = re.compile(r"[?&]access_token=([^&{]+)").search
_PROOF = ("appsecret_proof", "appsecret_time")
_NAMES = {b"etag": "ETag", b"www-authenticate": "WWW-Authenticate"}
_AS_IS = (b"x-", b"facebook-")


class Operation(msgspec.Struct, frozen=True):
    """One member of the array. ``headers``: an object, or a list of ``{name, value}`` or of ``Name: value``."""

    relative_url: str
    method: str = "GET"
    body: str | None = None
    headers: dict[str, str] | list[dict[str, str] | str] | None = None
    name: str | None = None
    depends_on: str | list[str] | None = None
    omit_response_on_success: bool | None = None
    attached_files: Any = None
    access_token: str | None = None

    def needs(self) -> list[str]:
        """Names of the operations that must have succeeded before."""
        named = [self.depends_on] if isinstance(self.depends_on, str) else self.depends_on or []
        return list(dict.fromkeys([*(one for one in named if one), *find_names(self.relative_url, self.body or "")]))


@dataclass(slots=True)
class _Done:
    """A named operation that has run."""

    succeeded: bool
    body: bytes


@dataclass(slots=True)
class _Batch:
    """A batch on its way. ``version``: of the operations that name none."""

    site: Site
    now: datetime
    top: WireParams
    version: str
    run: Run
    store: KeptStore
    named: dict[str, _Done] = field(default_factory=dict)

    def prepare(self, params: WireParams) -> None:
        """Complete an operation's parameters: answers of others, the batch's token and its proof. Raises WireError."""
        fill_values(params, self.result)
        if params.token is None:
            params.token, params.bound, params.hash = self.top.token, self.top.bound, self.top.hash
        if params.token is not None and params.token == self.top.token and "appsecret_proof" not in params.values:
            params.values |= {name: self.top.values[name] for name in _PROOF if name in self.top.values}

    def result(self, name: str) -> Any:
        """The decoded answer of an earlier operation. Raises WireError 100."""
        done = self.named.get(name)
        if done is None:
            raise WireError(100, f"(#100) No earlier operation of this batch is named {name[:100]}.")
        return msgspec.json.decode(done.body)


def read_operations(text: str) -> list[Operation | WireError]:
    """The members of ``batch``; one that cannot be read is its own error. Raises WireError 100 when it is no list."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise WireError(100, "(#100) The parameter batch must be a JSON array of operations.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise WireError(100, "(#100) The parameter batch must be a JSON array of operations, each an object.")
    if not 1 <= len(found) <= MOST:
        raise WireError(100, f"(#100) A batch takes 1 to {MOST} operations, this one has {len(found)}.")
    names = [one["name"] for one in found if one.get("name")]
    if len({str(one) for one in names}) < len(names):
        raise WireError(100, "(#100) Two operations of the batch have the same name.")
    return [_read_operation(one) for one in found]


def _read_operation(data: dict[str, Any]) -> Operation | WireError:
    try:
        operation = msgspec.convert(data, Operation, strict=False)
    except msgspec.ValidationError as error:
        return WireError(100, f"(#100) This operation cannot be read: {error}.")
    if operation.attached_files is not None:
        return WireError(100, "(#100) attached_files is not supported: no operation here takes a file.")
    if "://" in operation.relative_url.partition("?")[0]:
        return WireError(100, "(#100) relative_url must be a path like me/accounts?limit=5, without a host.")
    return operation


async def run_batch(
    run: Run, site: Site, now: datetime, params: WireParams, version: str
) -> list[dict[str, Any] | None]:
    """The answers in order: ``{code, headers, body}`` or null. Raises WireError when the batch itself is wrong."""
    operations = read_operations(params.values["batch"])
    needs = [one.needs() if isinstance(one, Operation) else [] for one in operations]
    wanted = {name for names in needs for name in names}
    store = KeptStore(site.services.store)
    inside = replace(site, services=replace(site.services, store=store))
    batch = _Batch(inside, now, params, version, run, store)
    with_headers = params.values.get("include_headers", "true").lower() not in ("false", "0")
    clock = asyncio.get_running_loop().time
    end = clock() + SECONDS
    answers: list[dict[str, Any] | None] = []
    traces = site.services.entropy.bytes(9 * len(operations))
    stale = 0.0
    for place, operation in enumerate(operations):
        began = clock()
        if began >= end:
            answers.append(None)
            continue
        if began >= stale:
            store.forget()
            await _read_ahead(batch, operations[place:])
            stale = began + KEPT_SECONDS
        if isinstance(operation, Operation) and operation.method.upper() != "GET":
            stale = 0.0
        trace = traces[9 * place : 9 * place + 9].hex()
        answers.append(await _take(batch, operation, needs[place], wanted, with_headers, trace))
    return answers


async def _take(
    batch: _Batch, operation: Operation | WireError, needs: list[str], wanted: set[str], with_headers: bool, trace: str
) -> dict[str, Any] | None:
    """One operation's answer; None when one that it needs has failed, or when it is to be left out on success."""
    outcome: Any = operation
    version = batch.version
    more: Headers = ()
    if isinstance(operation, Operation):
        failed = [name for name in needs if name in batch.named and not batch.named[name].succeeded]
        if failed:
            _keep(batch, operation, _Done(False, b"null"))
            return None
        outcome, version, more = await _run(batch, operation, needs, trace)
    status = 200
    if isinstance(outcome, WireError):
        status, more = outcome.status, error_headers(outcome) + more
        outcome = outcome.envelope(trace)
    body = encode(outcome)
    if isinstance(operation, Operation):
        _keep(batch, operation, _Done(status < 400, body))
        omit = operation.omit_response_on_success
        if status < 400 and (operation.name in wanted if omit is None else omit):
            return None
    answer: dict[str, Any] = {"code": status}
    if with_headers:
        answer["headers"] = [_shown(*one) for one in make_headers(body, version, trace, status, more)]
    answer["body"] = body.decode()
    return answer


def _keep(batch: _Batch, operation: Operation, done: _Done) -> None:
    if operation.name:
        batch.named[operation.name] = done


async def _run(batch: _Batch, operation: Operation, needs: list[str], trace: str) -> Outcome:
    """Run one operation as a request; what is wrong with it is its outcome."""
    try:
        for name in needs:
            batch.result(name)
        scope, body = _scope(batch, operation)
    except WireError as error:
        return error, batch.version, ()

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    return await batch.run(batch.site, batch.now, scope, receive, batch.version, trace, batch.prepare)


def _scope(batch: _Batch, operation: Operation) -> tuple[Scope, bytes]:
    """The request that an operation stands for, and its body. Raises WireError 100."""
    path, _, query = operation.relative_url.partition("?")
    path = fill_path(unquote(path), batch.result)
    if operation.access_token:
        query = f"{query}&access_token={quote(operation.access_token)}"
    headers = [] if operation.headers is None else list(_headers(operation.headers))
    scope = {
        "type": "http",
        "method": operation.method.upper(),
        "path": path if path.startswith("/") else f"/{path}",
        "query_string": query.encode("utf-8", "replace"),
        "headers": headers,
    }
    return scope, (operation.body or "").encode("utf-8", "replace")


def _headers(given: dict[str, str] | list[dict[str, str] | str]) -> Sequence[tuple[bytes, bytes]]:
    """Headers as a server hands them on."""
    pairs: list[tuple[str, str]] = []
    for one in [given] if isinstance(given, dict) else given:
        if isinstance(one, str):
            name, _, value = one.partition(":")
            pairs.append((name, value))
        elif one.keys() == {"name", "value"}:
            pairs.append((one["name"], one["value"]))
        else:
            pairs += one.items()
    return [(n.strip().lower().encode("latin-1", "replace"), v.strip().encode("latin-1", "replace")) for n, v in pairs]


async def _read_ahead(batch: _Batch, operations: list[Operation | WireError]) -> None:
    """Read the facts of all nodes that the coming reads name, at once for each token, up to the next write."""
    asked: dict[str, list[int]] = {}
    for one in operations:
        if isinstance(one, WireError):
            continue
        if one.method.upper() != "GET":
            break
        token, ids = _names(batch, one)
        if token and ids:
            asked.setdefault(token, []).extend(ids)
    for token, ids in asked.items():
        text = read_token(token)
        if text is not None and len(set(ids)) > 1:
            proven = batch.top.hash if token == batch.top.token else b""
            await facts.load_many(batch.store, proven or hash_secret(text), ids)


def _names(batch: _Batch, operation: Operation) -> tuple[str | None, list[int]]:
    """The token and the nodes that a read plainly names; nothing is decided by them."""
    path, _, query = operation.relative_url.partition("?")
    try:
        rest = split_version(path if path.startswith("/") else f"/{path}")[1]
    except WireError:
        return None, []
    texts = [rest[1:].partition("/")[0]]
    if texts == [""] and query.startswith("ids="):
        texts = query[4:].partition("&")[0].replace("%2C", ",").split(",")[:MOST]
    found = [parse_id(text.removeprefix("act_")) for text in texts]
    own = _TOKEN(f"?{query}") if "access_token" in query else None
    token = operation.access_token or (unquote(own[1]) if own else batch.top.token)
    return token, [one for one in found if one is not None]


def _shown(name: bytes, value: bytes) -> dict[str, str]:
    return {"name": _shown_name(name), "value": value.decode("latin-1")}


@lru_cache(maxsize=64)
def _shown_name(name: bytes) -> str:
    """A header's name as clients know it: in JSON, upper and lower case are not the same."""
    text = name.decode("latin-1")
    return _NAMES.get(name) or (text if name.startswith(_AS_IS) else text.title())
