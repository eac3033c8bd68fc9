"""Batch: up to fifty operations in one request (``wire.md`` §3.11, 9.17).

Every operation is a request of its own through the same code: its token, its proof, its decision, its transaction, its
error. They run in order. What is saved is the rest: one connection, one parsing, and one read of the facts for all nodes
that a token asks for.
"""

import asyncio
import re
import zlib
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
    split_version,
    standing_headers,
)

from .alike import Alike
from .nodes import find_named
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

Read = Callable[[Site, datetime, WireParams, str, str, str, Alike], Coroutine[Any, Any, Outcome]]
"""A read of one node: site, now, parameters, version, the node's id as text, trace, what decides it."""

_PLAIN = re.compile(r"/?(v\d{1,3}\.\d{1,2}/)?((?:act_)?\d{5,20})(?:\?fields=([A-Za-z0-9_,]*))?").fullmatch
"""The ``relative_url`` of a read of one node."""

_TOKEN = re.compile(r"[?&]access_token=([^&{]+)").search
_PROOF = ("appsecret_proof", "appsecret_time")
_NAMES = {b"etag": "ETag", b"www-authenticate": "WWW-Authenticate"}
_AS_IS = (b"x-", b"facebook-")
_OWN = (
    b'{"name":"Content-Length","value":"%d"},{"name":"ETag","value":"\\"%08x\\""},'
    b'{"name":"x-fb-request-id","value":"%b"},{"name":"x-fb-trace-id","value":"%b"}'
)
"""The headers that no other answer has (``web.wire``)."""


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
        if self.depends_on is None and "result" not in self.relative_url and not self.body:
            return []
        named = [self.depends_on] if isinstance(self.depends_on, str) else self.depends_on or []
        return list(dict.fromkeys([*(one for one in named if one), *find_names(self.relative_url, self.body or "")]))


class _Plain(msgspec.Struct, frozen=True):
    """A read of one asset or business. ``version`` as it stands in the address."""

    text: str
    node_id: int
    fields: str
    version: str | None


@lru_cache(maxsize=4096)
def _find_plain(relative_url: str) -> _Plain | None:
    """The read of an asset or a business that an address stands for. It holds no token: nothing secret is kept."""
    found = _PLAIN(relative_url)
    if found is None:
        return None
    version, text, fields = found.groups()
    node_id = find_named(text)
    if node_id is None:
        return None
    return _Plain(text, node_id, fields or "", version)


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
    read: Read
    store: KeptStore
    with_headers: bool
    alike: Alike
    named: dict[str, _Done] = field(default_factory=dict)
    hash: bytes = b""
    proof: dict[str, str] = field(default_factory=dict)

    def prepare(self, params: WireParams) -> None:
        """Complete an operation's parameters: answers of others, the batch's token and its proof. Raises WireError."""
        fill_values(params, self.result)
        if params.token is None:
            params.token, params.bound, params.hash = self.top.token, self.top.bound, self.top.hash
        if params.token is not None and params.token == self.top.token and "appsecret_proof" not in params.values:
            params.values |= self.proof

    def plain(self, operation: Operation | WireError) -> _Plain | None:
        """What an operation reads that names nothing but an asset or a business, and goes by the batch's own token."""
        if type(operation) is not Operation or operation.method != "GET" or not self.hash:
            return None
        if operation.access_token or operation.body or operation.headers or operation.depends_on:
            return None
        return _find_plain(operation.relative_url)

    async def read_plain(self, plain: _Plain, trace: str) -> Outcome:
        """The outcome of what ``plain`` found."""
        version = self.version
        if plain.version is not None:
            try:
                version = split_version(f"/{plain.version}")[0]
            except WireError as error:
                return error, version, ()
        values = {"fields": plain.fields, **self.proof} if self.proof else {"fields": plain.fields}
        params = WireParams(values, self.top.token, hash=self.hash, bound=self.top.bound)
        return await self.read(self.site, self.now, params, version, plain.text, trace, self.alike)

    def result(self, name: str) -> Any:
        """The decoded answer of an earlier operation. Raises WireError 100."""
        done = self.named.get(name)
        if done is None:
            raise WireError(100, f"(#100) No earlier operation of this batch is named {name[:100]}.")
        return msgspec.json.decode(done.body)


_decode = msgspec.json.Decoder(list[Operation], strict=False).decode


def read_operations(text: str) -> list[Operation | WireError]:
    """The members of ``batch``; one that cannot be read is its own error. Raises WireError 100 when it is no list."""
    found: Sequence[Operation | WireError]
    try:
        found = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        found = _read_each(text)
    if not 1 <= len(found) <= MOST:
        raise WireError(100, f"(#100) A batch takes 1 to {MOST} operations, this one has {len(found)}.")
    operations = [one if isinstance(one, WireError) else _check(one) for one in found]
    names = [one.name for one in operations if isinstance(one, Operation) and one.name]
    if len(set(names)) < len(names):
        raise WireError(100, "(#100) Two operations of the batch have the same name.")
    return operations


def _read_each(text: str) -> list[Operation | WireError]:
    """The members one by one, where at least one cannot be read. Raises WireError 100."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise WireError(100, "(#100) The parameter batch must be a JSON array of operations.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise WireError(100, "(#100) The parameter batch must be a JSON array of operations, each an object.")
    return [_read_operation(one) for one in found]


def _read_operation(data: dict[str, Any]) -> Operation | WireError:
    try:
        return msgspec.convert(data, Operation, strict=False)
    except msgspec.ValidationError as error:
        return WireError(100, f"(#100) This operation cannot be read: {error}.")


def _check(operation: Operation) -> Operation | WireError:
    """The operation, or what it asks for that nothing here does."""
    if operation.attached_files is not None:
        return WireError(100, "(#100) attached_files is not supported: no operation here takes a file.")
    if "://" in operation.relative_url and "://" in operation.relative_url.partition("?")[0]:
        return WireError(100, "(#100) relative_url must be a path like me/accounts?limit=5, without a host.")
    return operation


async def run_batch(
    run: Run, read: Read, site: Site, now: datetime, params: WireParams, version: str
) -> list[msgspec.Raw | None]:
    """The answers in order: ``{code, headers, body}`` or null. Raises WireError when the batch itself is wrong."""
    operations = read_operations(params.values["batch"])
    needs = [one.needs() if isinstance(one, Operation) else [] for one in operations]
    wanted = {name for names in needs for name in names}
    batch = _begin(run, read, site, now, params, version)
    plains = [None if needs[place] else batch.plain(one) for place, one in enumerate(operations)]
    clock = asyncio.get_running_loop().time
    end = clock() + SECONDS
    answers: list[msgspec.Raw | None] = []
    traces = site.services.entropy.bytes(9 * len(operations)).hex()
    stale = 0.0
    for place, operation in enumerate(operations):
        began = clock()
        if began >= end:
            answers.append(None)
            continue
        if began >= stale:
            batch.store.forget()
            await _read_ahead(batch, operations[place:], plains[place:])
            stale = began + KEPT_SECONDS
        trace, plain = traces[18 * place : 18 * place + 18], plains[place]
        if plain is None:
            outcome = await _take(batch, operation, needs[place], trace)
            if isinstance(operation, Operation) and operation.method.upper() != "GET":
                stale = 0.0
        else:
            outcome = await batch.read_plain(plain, trace)
        answers.append(None if outcome is None else _answer(batch, operation, outcome, wanted, trace))
    return answers


def _begin(run: Run, read: Read, site: Site, now: datetime, params: WireParams, version: str) -> _Batch:
    store = KeptStore(site.services.store)
    inside = replace(site, services=replace(site.services, store=store))
    with_headers = params.values.get("include_headers", "true").lower() not in ("false", "0")
    batch = _Batch(inside, now, params, version, run, read, store, with_headers, Alike(now))
    text = None if params.token is None or "|" in params.token else read_token(params.token)
    if text is not None:
        batch.hash = params.hash or hash_secret(text)
    batch.proof = {name: params.values[name] for name in _PROOF if name in params.values}
    return batch


async def _take(batch: _Batch, operation: Operation | WireError, needs: list[str], trace: str) -> Outcome | None:
    """What one operation comes to; None when one that it needs has failed: it is then not run."""
    if isinstance(operation, WireError):
        return operation, batch.version, ()
    if any(name in batch.named and not batch.named[name].succeeded for name in needs):
        _keep(batch, operation, _Done(False, b"null"))
        return None
    return await _run(batch, operation, needs, trace)


def _answer(
    batch: _Batch, operation: Operation | WireError, outcome: Outcome, wanted: set[str], trace: str
) -> msgspec.Raw | None:
    """A member of the answer as JSON; None when it is to be left out on success."""
    payload, version, more = outcome
    status = 200
    if isinstance(payload, WireError):
        status, more = payload.status, error_headers(payload) + more
        payload = payload.envelope(trace)
    body = encode(payload)
    if isinstance(operation, Operation):
        _keep(batch, operation, _Done(status < 400, body))
        omit = operation.omit_response_on_success
        if status < 400 and (operation.name in wanted if omit is None else omit):
            return None
    text = encode(body.decode())
    if not batch.with_headers:
        return msgspec.Raw(b'{"code":%d,"body":%b}' % (status, text))
    headers = [_standing_json(version, status == 200), _own_json(body, trace), *[_shown(*one) for one in more]]
    return msgspec.Raw(b'{"code":%d,"headers":[%b],"body":%b}' % (status, b",".join(headers), text))


def _own_json(body: bytes, trace: str) -> bytes:
    mark = trace.encode()
    return _OWN % (len(body), zlib.crc32(body), mark, mark)


@lru_cache(maxsize=256)
def _standing_json(version: str, fresh: bool) -> bytes:
    """The headers that all answers of a version share, as JSON without the brackets."""
    return b",".join(_shown(*one) for one in standing_headers(version, fresh))


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


async def _read_ahead(batch: _Batch, operations: list[Operation | WireError], plains: list[_Plain | None]) -> None:
    """Read the facts of all nodes that the coming reads name, at once for each token, up to the next write."""
    asked: dict[bytes, list[int]] = {}
    for one, plain in zip(operations, plains, strict=True):
        if isinstance(one, WireError):
            continue
        if plain is not None:
            asked.setdefault(batch.hash, []).append(plain.node_id)
            continue
        if one.method.upper() != "GET":
            break
        token, ids = _names(batch, one)
        text = None if token is None or not ids else read_token(token)
        if text is not None:
            asked.setdefault(batch.hash if token == batch.top.token else hash_secret(text), []).extend(ids)
    for hashed, ids in asked.items():
        if len(set(ids)) > 1:
            await facts.load_many(batch.store, hashed, ids)


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


@lru_cache(maxsize=1024)
def _shown(name: bytes, value: bytes) -> bytes:
    """A header as JSON, its name as clients know it: in JSON, upper and lower case are not the same."""
    text = name.decode("latin-1")
    title = _NAMES.get(name) or (text if name.startswith(_AS_IS) else text.title())
    return encode({"name": title, "value": value.decode("latin-1")})
