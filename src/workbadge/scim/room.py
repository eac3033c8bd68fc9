"""``/scim/{organization id}/v2/…``: a base address for each organization (O5), behind a credential of its directory.

Order: address, credential, pace, size, dialect, protocol. Whoever has no credential of this organization learns nothing but that.
What was asked with one is kept without secrets, after it is answered (``DirectoryLog``).
"""

import json
import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from scim2_models import (
    InvalidValueException,
    NotFoundException,
    PayloadTooLargeException,
    SCIMException,
    ScimProvider,
    UnauthorizedException,
)
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from starlette.types import Receive, Scope, Send

from workbadge.commands.directory_tokens import (
    PREFIX,
    DirectoryCaller,
    directory_address,
    find_directory_caller,
    is_worth_noting,
    note_use,
)
from workbadge.commands.errors import CommandError
from workbadge.commands.services import Services
from workbadge.store.engine import StoreBusyError
from workbadge.store.scim_requests import LoggedRequest
from workbadge.terms.ids import parse_id
from workbadge.web.directory_log import NO_PAUSE
from workbadge.web.state import Site, now_of, site_of

from . import dialects
from .handler import DirectoryHandler, DirectoryService
from .provider import BODY_BYTES, BULK_BYTES, make_provider
from .redaction import ANSWERED_AT_MOST, SENT_AT_MOST, redact_body, redact_path
from .storage import DirectoryStorage

SEGMENTS = frozenset({"scim"})
"""First segments of paths that ``main`` hands over."""

CURSOR_PLACE = "scim.cursor"
"""What the secret of cursors is derived for."""

_READING = frozenset({"GET", "HEAD"})
_LOG = logging.getLogger(__name__)


class HurryError(SCIMException):
    """One organization's directory asks too often; nothing was done. ``wait``: seconds."""

    status = 429
    _default_detail = "This organization's directory asks too often: wait as long as Retry-After says"

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


class ScimRoom:
    """The application of all organizations' directories."""

    def __init__(self, provider: ScimProvider | None = None) -> None:
        self._provider = provider or make_provider()
        self._known: tuple[Services, DirectoryService] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        site, now, begun = site_of(scope), now_of(scope), time.perf_counter()
        services, service = site.services, self._service(site.services)
        address, path = _split(scope["path"].removeprefix(scope.get("root_path", "")))
        caller: DirectoryCaller | None = None
        sent = b""
        try:
            if address is None:
                raise NotFoundException(detail="Expected /scim/{organization id}/v2/…")
            caller, prefix = await _authenticate(services, scope, address, now)
            wait = 0 if site.sandbox else site.directory_pace.admit(caller.organization_id, now)
            if wait:
                caller = None
                raise HurryError(wait)
            sent = await _read(receive, path)
            answer = await _serve(service, services, caller, _request(scope, services, caller, path, sent), now)
        except Exception as error:
            answer = _refuse(service, error)
        body = _body_of(answer)
        await _send(answer, body, send)
        if caller is not None:
            taken = int((time.perf_counter() - begun) * 1_000_000)
            await _note(site, _entry(caller, prefix, scope, path, sent, answer, body, taken, now), now)

    def _service(self, services: Services) -> DirectoryService:
        """The protocol of one site, made at its first request: its cursors are sealed with the site's key."""
        if self._known is None or self._known[0] is not services:
            secret = services.sealer.mac(CURSOR_PLACE, b"")
            self._known = services, DirectoryService(self._provider, secret=secret)
        return self._known[1]


def _split(path: str) -> tuple[int | None, str]:
    """The organization that an address names, and the rest of it."""
    parts = path.split("/", 4)
    found = parse_id(parts[2]) if len(parts) > 3 else None
    if found is None or parts[3] != "v2":
        return None, ""
    return found, "/" + (parts[4] if len(parts) > 4 else "")


def _request(scope: Scope, services: Services, caller: DirectoryCaller, path: str, body: bytes) -> ScimRequest:
    return ScimRequest(
        method=scope["method"],
        base_url=directory_address(services, caller.organization_id),
        path=path,
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body,
    )


def _entry(
    caller: DirectoryCaller,
    prefix: str,
    scope: Scope,
    path: str,
    sent: bytes,
    answer: ScimResponse,
    body: bytes,
    taken: int,
    now: datetime,
) -> LoggedRequest:
    """What is kept of a request."""
    return LoggedRequest(
        organization_id=caller.organization_id,
        at=now,
        micros=taken,
        token_id=caller.token_id,
        prefix=prefix,
        method=scope["method"][:16],
        path=redact_path(path, scope["query_string"].decode("latin-1")),
        status=int(answer.status),
        sent=redact_body(sent, SENT_AT_MOST),
        sent_bytes=len(sent),
        answered=redact_body(body, ANSWERED_AT_MOST),
        answered_bytes=len(body),
    )


async def _note(site: Site, entry: LoggedRequest, now: datetime) -> None:
    """Keep an entry; many are written at once."""
    if site.directory_log.note(entry):
        await site.directory_log.flush(site.services, now, NO_PAUSE)


async def _authenticate(
    services: Services, scope: Scope, organization_id: int, now: datetime
) -> tuple[DirectoryCaller, str]:
    """Who asks, and how its credential begins. Raises UnauthorizedException for anything but a live credential of this organization (SC-23)."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, text = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() == "bearer":
        async with services.store.read() as tx:
            caller = await find_directory_caller(tx, text.strip(), now)
        if caller is not None and caller.organization_id == organization_id:
            return caller, text.strip()[:PREFIX]
    raise UnauthorizedException(detail="Expected a live credential of this organization's directory: Bearer WBS…")


async def _read(receive: Receive, path: str) -> bytes:
    """The body. Raises PayloadTooLargeException."""
    limit, parts, size, more = BULK_BYTES if path == "/Bulk" else BODY_BYTES, [], 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > limit:
            raise PayloadTooLargeException(detail=f"Expected no more than {limit} bytes")
    return b"".join(parts)


async def _serve(
    service: DirectoryService, services: Services, caller: DirectoryCaller, request: ScimRequest, now: datetime
) -> ScimResponse:
    """The answer of the protocol, errors included, to whoever may ask."""
    if is_worth_noting(caller, now):
        async with services.store.write() as tx:
            await note_use(tx, caller, now)
    try:
        with service.provider:
            _translate(service, request)
        writing = request.method not in _READING and not request.path.endswith("/.search")
        storage = DirectoryStorage(services, caller.organization_id, now, writing)
        handler = DirectoryHandler(service, storage)
        handler.whole = "attributes" in request.query or "excludedAttributes" in request.query
        return await handler.handle(request)
    except Exception as error:
        return _refuse(service, error)


def _translate(service: DirectoryService, request: ScimRequest) -> None:
    """Body and filter in the RFC's words (``dialects``). Raises NotFoundException, MethodNotAllowedException before it reads."""
    service.match(request)
    endpoint = request.path.strip("/").partition("/")[0].lower()
    query = dict(request.query)
    if query.get("filter"):
        query["filter"] = dialects.write_filter(query["filter"])
        request.query = query
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    service.ensure_json(request.header("Content-Type"))
    sent = dialects.read_object(request.body)
    if request.path.endswith("/.search"):
        sent = {name: _search_value(name, value) for name, value in sent.items()}
    elif endpoint == "bulk":
        sent = _bulk(sent)
    elif endpoint in ("users", "groups"):
        sent = _resource(endpoint, request.method, request.path, sent)
    request.body = json.dumps(sent).encode()


def _search_value(name: str, value: Any) -> Any:
    return dialects.write_filter(value) if name.lower() == "filter" and isinstance(value, str) else value


def _resource(endpoint: str, method: str, path: str, sent: dict[str, Any]) -> dict[str, Any]:
    if method == "PATCH":
        return dialects.write_patch(endpoint, sent)
    named = sent.get("id")
    if method == "PUT" and named is not None and str(named) != path.rpartition("/")[2]:
        raise InvalidValueException(detail="id: expected the id in the address, or none")
    return dialects.write_resource(endpoint, {name: value for name, value in sent.items() if name != "id"})


def _bulk(sent: dict[str, Any]) -> dict[str, Any]:
    """Each operation's data; what is no operation is left to the protocol to refuse."""
    key = next((name for name in sent if name.lower() == "operations"), "Operations")
    listed = sent.get(key)
    if not isinstance(listed, list):
        return sent
    return {**sent, key: [_bulk_operation(one) for one in listed]}


def _bulk_operation(sent: Any) -> Any:
    if not isinstance(sent, dict) or not isinstance(sent.get("data"), dict):
        return sent
    method, path = str(sent.get("method", "")).upper(), str(sent.get("path", ""))
    endpoint = path.strip("/").partition("/")[0].lower()
    if endpoint not in ("users", "groups"):
        return sent
    try:
        return {**sent, "data": _resource(endpoint, method, path, sent["data"])}
    except SCIMException:
        return sent


def _refuse(service: DirectoryService, error: Exception) -> ScimResponse:
    """The answer to an error; a fault of ours is logged and says nothing of itself (SC-35)."""
    if not isinstance(error, SCIMException | CommandError | StoreBusyError):
        _LOG.error("a request of a directory failed", exc_info=error)
    answer = service.error_response(error)
    if isinstance(error, HurryError):
        answer.headers["Retry-After"] = str(error.wait)
    return answer


def _body_of(answer: ScimResponse) -> bytes:
    if answer.body is None:
        return b""
    return json.dumps(answer.body, ensure_ascii=False).encode("utf-8", "backslashreplace")


async def _send(answer: ScimResponse, body: bytes, send: Send) -> None:
    head: Mapping[str, str] = {"Cache-Control": "no-store", **answer.headers}
    if int(answer.status) == 503:
        head = {**head, "Retry-After": "1"}
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in head.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
