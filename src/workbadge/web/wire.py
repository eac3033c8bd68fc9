"""The wire's envelope, shared by ``graph`` and ``oauth``: parameters in, answers and errors out.

Sources: ``wire.md`` §3.2 (where parameters sit), §3.8 (where a token sits), §3.12 (errors), §3.13 (headers), §3.14
(versions).
"""

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import msgspec
from starlette.types import Receive, Scope, Send

NEWEST = (26, 0)
"""The newest version that exists (``wire.md`` §3.14)."""

BODY_LIMIT = 1_048_576
_VERSION = re.compile(r"v(\d{1,3})\.(\d{1,2})")

STATUS: dict[int, int] = {
    1: 500,
    2: 503,
    4: 403,
    10: 403,
    803: 404,
    **dict.fromkeys(range(200, 300), 403),
}
"""HTTP status by code; every other code is 400 (``wire.md`` §3.12)."""


class WireError(Exception):
    """An answer of the form ``{"error": …}``."""

    def __init__(
        self,
        code: int,
        message: str,
        subcode: int | None = None,
        kind: str = "OAuthException",
        status: int | None = None,
        transient: bool = False,
        data: Mapping[str, Any] | None = None,
        user_title: str | None = None,
        user_message: str | None = None,
        www: str | None = None,
        challenge: str | None = None,
        nonce: str | None = None,
    ) -> None:
        """``www``: reason for ``WWW-Authenticate`` on token errors (``invalid_token``, ``invalid_request``, …);
        ``challenge``: its whole value instead; ``nonce``: to be used in the next proof (RFC 9449 §9)."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.subcode = subcode
        self.kind = kind
        self.status = status or STATUS.get(code, 400)
        self.transient = transient
        self.data = data
        self.user_title = user_title
        self.user_message = user_message
        self.www = www
        self.challenge = challenge
        self.nonce = nonce

    def envelope(self, trace: str) -> dict[str, Any]:
        """The JSON body."""
        body: dict[str, Any] = {
            "message": self.message,
            "type": self.kind,
            "code": self.code,
        }
        if self.subcode is not None:
            body["error_subcode"] = self.subcode
        if self.transient:
            body["is_transient"] = True
        if self.user_title is not None:
            body["error_user_title"] = self.user_title
        if self.user_message is not None:
            body["error_user_msg"] = self.user_message
        if self.data is not None:
            body["error_data"] = dict(self.data)
        body["fbtrace_id"] = trace
        return {"error": body}


@lru_cache(maxsize=1024)
def _read_version(segment: str) -> str | None:
    """``26.0`` of ``v26.0``; None when the segment is no version. Raises WireError 2500 for one that does not exist yet."""
    match = _VERSION.fullmatch(segment)
    if match is None:
        return None
    version = (int(match[1]), int(match[2]))
    if version > NEWEST:
        raise WireError(2500, f"Unknown path components: /{segment}")
    return f"{version[0]}.{version[1]}"


NEWEST_TEXT = f"{NEWEST[0]}.{NEWEST[1]}"


def split_version(path: str, default: str = NEWEST_TEXT) -> tuple[str, str]:
    """``("20.0", "/me")`` of ``/v20.0/me/``: the version to echo and the rest without a trailing slash.

    Retired versions are served as asked for; none means ``default``, the newest. Raises WireError 2500 for one that
    does not exist yet.
    """
    version: str | None = None
    rest = path
    if path[1:2] == "v":
        first, _, tail = path[1:].partition("/")
        version = _read_version(first)
        if version is not None:
            rest = "/" + tail
    if len(rest) > 1 and rest[-1] == "/":
        rest = rest[:-1]
    return version or default, rest


@dataclass(slots=True)
class WireParams:
    """Merged parameters. Body wins over query; ``token`` is the first explicit ``access_token``, else the header's.

    ``basic``: user and password of HTTP Basic. Values of JSON bodies that are not strings are kept as JSON text.
    ``doubled``: names that came twice with different values. ``idempotency_key``: of a writing request (house rule 18).
    ``bound``: the token came by the scheme of tokens that are bound to a key (RFC 9449); ``hash``: its hash, once proven.
    ``told``: headers that the answer will carry because of who asks, by name; ``lost``: what the token has lost, for errors.
    """

    values: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    basic: tuple[str, str] | None = None
    doubled: frozenset[str] = frozenset()
    idempotency_key: str | None = None
    bound: bool = False
    hash: bytes = b""
    told: dict[bytes, bytes] = field(default_factory=dict)
    lost: list[dict[str, str]] | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """One value."""
        return self.values.get(name, default)


async def read_body(receive: Receive, scope: Scope) -> bytes:
    """The request's body. Raises WireError 1 with status 413 when it is larger than ``BODY_LIMIT``."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_LIMIT:
            raise WireError(100, f"(#100) The body is larger than {BODY_LIMIT} bytes.", status=413)
        parts.append(chunk)
        if not message.get("more_body", False):
            return b"".join(parts)


_TOO_MANY = "(#100) The request has more than 500 parameters."


_LONG = 1000
"""Characters from which it pays to unescape in one go: a batch is hundreds of escapes."""


def _unescape(text: str) -> str:
    """An urlencoded text as ``urllib`` decodes it: each escape is a byte, and the JSON decoder knows escapes of the same kind."""
    text = text.replace("+", " ")
    if "%" not in text or "\\" in text or not text.isascii():
        return unquote(text)
    try:
        raw = msgspec.json.decode(f'"{text.replace("%", _BYTE)}"', type=str)
    except msgspec.DecodeError:
        return unquote(text)
    return raw.encode("latin-1").decode("utf-8", "replace")


_BYTE = "\\u00"


def parse_form(text: str) -> list[tuple[str, str]]:
    """Pairs of an urlencoded text. Raises WireError 100 when there are too many."""
    if "%" not in text and "+" not in text and text.count("&") < 500:
        pairs = [part.partition("=") for part in text.split("&") if part]
        return [(key, value) for key, _, value in pairs]
    if len(text) > _LONG:
        parts = [part.partition("=") for part in text.split("&") if part]
        if len(parts) > 500:
            raise WireError(100, _TOO_MANY)
        return [(_unescape(key), _unescape(value)) for key, _, value in parts]
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise WireError(100, _TOO_MANY) from error


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    """Pairs of a JSON object; nested values stay JSON text."""
    try:
        data = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(100, "(#100) The body is not valid JSON.") from error
    if not isinstance(data, dict):
        raise WireError(100, "(#100) The body must be a JSON object.")
    return [(str(key), value if isinstance(value, str) else _as_text(value)) for key, value in data.items()]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return msgspec.json.encode(value).decode()


_BODILESS = frozenset({"GET", "HEAD"})


async def read_params(scope: Scope, receive: Receive) -> WireParams:
    """All parameters of a request, wherever they sit (``wire.md`` §3.2, §3.8, §3.10). Raises WireError."""
    query = scope["query_string"]
    pairs = parse_form(query.decode("latin-1")) if query else []
    params = WireParams()
    content_type = authorization = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization:
                raise WireError(100, "(#100) Two Authorization headers were sent.")
            authorization = value
        elif name == b"content-type":
            content_type = value
        elif name == b"idempotency-key":
            params.idempotency_key = value.decode("latin-1")
    if scope["method"] not in _BODILESS or content_type:
        body = await read_body(receive, scope)
        if body:
            pairs += await _body_pairs(body, content_type.decode("latin-1"))
    values = params.values
    for key, text in pairs:
        if key in values and values[key] != text:
            params.doubled |= {key}
        if key == "access_token" and params.token is None and text:
            params.token = text
        values[key] = text
    if "access_token" in params.doubled:
        raise WireError(100, "(#100) Two different access_token parameters were sent.")
    if authorization:
        _read_authorization(params, authorization.decode("latin-1"))
    return params


async def _body_pairs(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Pairs of a body by its content type; an unnamed one is read as JSON if it looks like it."""
    essence = content_type.partition(";")[0].strip().lower()
    if essence == "application/json" or (not essence and body[:1] in b"{["):
        return _json_pairs(body)
    if essence == "multipart/form-data":
        return _multipart_pairs(body, content_type)
    try:
        return parse_form(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise WireError(100, "(#100) The body is not valid UTF-8.") from error


def _multipart_pairs(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Text fields of a multipart body; files are not taken."""
    boundary = content_type.partition("boundary=")[2].strip().strip('"').partition(";")[0]
    if not boundary or len(boundary) > 200:
        raise WireError(100, "(#100) The multipart body has no usable boundary.")
    pairs: list[tuple[str, str]] = []
    for part in body.split(b"--" + boundary.encode())[1:501]:
        head, _, value = part.partition(b"\r\n\r\n")
        match = re.search(rb'name="([^"]{1,200})"', head)
        if match is not None and b"filename=" not in head:
            pairs.append(
                (
                    match[1].decode("utf-8", "replace"),
                    value.removesuffix(b"\r\n").decode("utf-8", "replace"),
                )
            )
    return pairs


def _read_authorization(params: WireParams, header: str) -> None:
    """Bearer and OAuth carry a token, DPoP one that is bound to a key, Basic the client's credentials (percent-encoded, RFC
    6749 §2.3.1)."""
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() in ("bearer", "oauth", "dpop"):
        if params.token is None and value and " " not in value:
            params.token = value
            params.bound = scheme.lower() == "dpop"
    elif scheme.lower() == "basic":
        try:
            user, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return
        if colon:
            params.basic = (_unquote(user), _unquote(password))


def _unquote(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


_COMMON: list[tuple[bytes, bytes]] = [
    (b"content-type", b"application/json; charset=UTF-8"),
    (b"access-control-allow-origin", b"*"),
    (b"pragma", b"no-cache"),
    (b"expires", b"Sat, 01 Jan 2000 00:00:00 GMT"),
    (b"vary", b"Accept-Encoding"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-fb-rev", b"1"),
]
_FRESH = b"private, no-cache, no-store, must-revalidate"
_NO_STORE = b"no-store"
encode = msgspec.json.Encoder().encode
"""A body of the wire."""


Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


Whole: TypeAlias = Callable[[int, bytes, bytes], bool]
"""Writes an answer at once, given its status, its header lines and its body; False when it did not."""
WHOLE = "workbadge.whole"
"""The extension of a request's scope by which the server offers a ``Whole``."""


def find_whole(scope: Scope) -> Whole | None:
    """How this request's answer can be written at once, if the server can do that."""
    return cast("Whole | None", scope.get("extensions", {}).get(WHOLE))


@lru_cache(maxsize=1024)
def standing_headers(version: str, fresh: bool) -> Headers:
    """The headers that every answer of a version has in common."""
    cache = _FRESH if fresh else _NO_STORE
    return (*_COMMON, (b"cache-control", cache), (b"facebook-api-version", b"v" + version.encode()))


def own_headers(body: bytes, trace: str, more: Headers) -> Headers:
    """The headers of an answer that no other has."""
    mark = trace.encode()
    return (
        (b"content-length", b"%d" % len(body)),
        (b"etag", b'"%08x"' % zlib.crc32(body)),
        (b"x-fb-request-id", mark),
        (b"x-fb-trace-id", mark),
        *more,
    )


@lru_cache(maxsize=1024)
def _standing_lines(version: str) -> bytes:
    """The header lines of a good answer; to be filled in: length, check of the body, the request's id twice."""
    lines = b"".join(b"%s: %s\r\n" % one for one in standing_headers(version, True)).replace(b"%", b"%%")
    return lines + b'content-length: %d\r\netag: "%08x"\r\nx-fb-request-id: %b\r\nx-fb-trace-id: %b\r\n'


async def send_json(
    send: Send,
    payload: Any,
    version: str,
    trace: str,
    status: int = 200,
    headers: Headers = (),
    whole: Whole | None = None,
) -> None:
    """Send an answer of the wire. ``payload``: anything that msgspec encodes. ``trace``: this request's id. ``whole``: how a
    good answer may be written at once; its ``headers`` then hold nothing that a request could have put there."""
    body = encode(payload)
    if whole is not None and status == 200:
        mark = trace.encode()
        lines = _standing_lines(version) % (len(body), zlib.crc32(body), mark, mark)
        for one in headers:
            lines += b"%s: %s\r\n" % one
        if whole(200, lines, body):
            return
    shown = [*standing_headers(version, status == 200), *own_headers(body, trace, headers)]
    await send({"type": "http.response.start", "status": status, "headers": shown})
    await send({"type": "http.response.body", "body": body})


def error_headers(error: WireError) -> Headers:
    """What an error's answer carries beside the headers of every answer."""
    if error.challenge is not None:
        nonce = () if error.nonce is None else ((b"dpop-nonce", error.nonce.encode()),)
        return ((b"www-authenticate", error.challenge.encode("latin-1")), *nonce)
    if error.www is None:
        return ()
    text = error.message.replace('"', "'").encode("latin-1", "replace").replace(b"\r", b" ").replace(b"\n", b" ")
    return ((b"www-authenticate", b'OAuth "Facebook Platform" "%s" "%s"' % (error.www.encode(), text)),)


async def send_error(send: Send, error: WireError, version: str, trace: str, headers: Headers = ()) -> None:
    """Send an error envelope."""
    await send_json(send, error.envelope(trace), version, trace, error.status, error_headers(error) + headers)
