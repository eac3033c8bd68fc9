"""One call of an endpoint: its form, its credentials; and how it is answered. Nothing is read from the query (OA-33)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from workbadge.commands.client import Client
from workbadge.commands.client_terms import Terms, load_terms
from workbadge.commands.services import Services
from workbadge.store.engine import Moment
from workbadge.web.state import Site, now_of, site_of
from workbadge.web.wire import Whole, WireError, read_body

from .errors import OAuthError, invalid_request

FORM = "application/x-www-form-urlencoded"
REPEATABLE = frozenset({"resource", "audience"})
"""Parameters that may come several times (RFC 8707 §2, RFC 8693 §2.1)."""

JSON_LIMIT = 65_536
_MOST = 200


@dataclass(slots=True)
class Call:
    """What came. ``form``: parameters of the body, each once; ``several``: those of REPEATABLE; ``json``: the body of an endpoint
    that takes JSON; ``client``: set once it is known, by whoever authenticates it; ``terms``: its terms, once asked for;
    ``reader``: for what is read before anything is written."""

    site: Site
    reader: Moment
    now: datetime
    method: str
    path: str
    address: str
    headers: dict[bytes, bytes]
    form: dict[str, str] = field(default_factory=dict)
    several: dict[str, list[str]] = field(default_factory=dict)
    json: Any = None
    client: Client | None = None
    terms: Terms | None = None

    @property
    def services(self) -> Services:
        """The site's."""
        return self.site.services

    def header(self, name: bytes) -> str | None:
        """A header's value; two of the same name were refused before."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def agreed(self) -> Terms:
        """What the client agreed on. Only once the client is known."""
        assert self.client is not None
        if self.terms is None:
            async with self.services.store.read() as tx:
                self.terms = await load_terms(tx, self.client.id)
        return self.terms

    def need(self, name: str) -> str:
        """A parameter that must be there. Raises OAuthError invalid_request."""
        value = self.form.get(name)
        if not value:
            raise invalid_request(f"The parameter {name} is missing.")
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. ``payload``: anything that msgspec encodes, or bytes as they are; None: no body.

    ``kept``: seconds for which anybody may keep it, None: never stored (OA-34)."""

    payload: Any = None
    status: int = 200
    content_type: bytes = b"application/json"
    kept: int | None = None


Endpoint: TypeAlias = Callable[[Call], Awaitable[Answer]]

_ENCODER = msgspec.json.Encoder()
_FIXED = [
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_JSON = (b"content-type", b"application/json")
_SINGLE_HEADERS = frozenset({b"authorization", b"content-type", b"dpop", b"origin"})


def read_pairs(text: str) -> list[tuple[str, str]]:
    """Pairs of an urlencoded text. Raises OAuthError for one that is not UTF-8 or has too many."""
    if "%" not in text and "+" not in text and text.count("&") < _MOST:
        return [(key, value) for key, _, value in (part.partition("=") for part in text.split("&") if part)]
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST, encoding="utf-8", errors="strict")
    except ValueError as error:
        raise invalid_request(f"Expected an urlencoded UTF-8 text of at most {_MOST} parameters.") from error


def put_pairs(call: Call, pairs: list[tuple[str, str]]) -> None:
    """Take parameters into the call. Raises OAuthError for one that came twice (OA-09)."""
    for key, value in pairs:
        if key in REPEATABLE:
            call.several.setdefault(key, []).append(value)
        elif key in call.form:
            raise invalid_request(f"The parameter {key[:60]} was sent twice.")
        call.form[key] = value


def open_call(scope: Scope) -> Call:
    """The call of a request, its body not read yet. Raises OAuthError for headers that came twice."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in headers and name in _SINGLE_HEADERS:
            raise invalid_request(f"Two {name.decode('latin-1')} headers were sent.")
        headers[name] = value
    client = scope.get("client")
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    site, address = site_of(scope), client[0] if client else ""
    return Call(site, Moment(site.services.store), now_of(scope), scope["method"], path, address, headers)


async def _body(scope: Scope, receive: Receive) -> bytes:
    try:
        return await read_body(receive, scope)
    except WireError as error:
        raise OAuthError("invalid_request", error.message, 413) from error


async def read_json(call: Call, scope: Scope, receive: Receive) -> None:
    """Read the body as JSON. Raises OAuthError for another kind of body."""
    body = await _body(scope, receive)
    essence = call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if essence != _JSON[1] or len(body) > JSON_LIMIT:
        raise invalid_request(f"Expected a body of application/json, of {JSON_LIMIT} bytes at most.")
    try:
        call.json = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise invalid_request("The body is not JSON.") from error


async def read_form(call: Call, scope: Scope, receive: Receive) -> None:
    """Read the body as a form. Raises OAuthError for another kind of body (OA-33)."""
    body = await _body(scope, receive)
    if not body:
        return
    given = call.headers.get(b"content-type", b"")
    if given != FORM.encode() and given.partition(b";")[0].strip().lower() != FORM.encode():
        raise invalid_request(f"Expected a body of {FORM}.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid_request("The body is not UTF-8.") from error
    put_pairs(call, read_pairs(text))


_LINES = b"".join(b"%s: %s\r\n" % one for one in (*_FIXED, _JSON)) + b"content-length: %d\r\n"


async def send_answer(
    send: Send, answer: Answer, more: list[tuple[bytes, bytes]] | None = None, whole: Whole | None = None
) -> None:
    """Send an answer. ``whole``: how it may be written at once (decision record 13)."""
    if isinstance(answer.payload, bytes):
        body = answer.payload
    else:
        body = b"" if answer.payload is None else _ENCODER.encode(answer.payload)
    ordinary = answer.status == 200 and answer.content_type == _JSON[1] and answer.kept is None and body and not more
    if ordinary and whole is not None and whole(200, _LINES % len(body), body):
        return
    headers = list(_FIXED)
    if answer.kept is not None:
        headers[:2] = [(b"cache-control", b"public, max-age=%d" % answer.kept)]
    if body:
        headers.append(_JSON if answer.content_type == _JSON[1] else (b"content-type", answer.content_type))
    if answer.status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    if more:
        headers += more
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_refusal(send: Send, error: OAuthError, more: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send a refusal."""
    headers = [*(more or ()), *error.headers]
    if error.challenge is not None:
        headers.append((b"www-authenticate", error.challenge.encode("ascii")))
    payload = {"error": error.error, "error_description": error.description}
    await send_answer(send, Answer(payload, error.status), headers)
