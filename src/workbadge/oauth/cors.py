"""Which web pages may call an endpoint (OA-61): none, those of the client's own origins, or any (public documents).

Never with credentials, never for ``null``; an origin is the client's when a redirect address of it lies there, or when it registered it (``frontends``).
"""

import re
from enum import Enum

from workbadge.store.oauth_clients import is_origin_known

from .rfc6749.call import Call

Headers = list[tuple[bytes, bytes]]


class Cors(Enum):
    """Whose pages may call."""

    NOBODY = "nobody"
    CLIENT = "client"
    ANYBODY = "anybody"


_EXPOSED = (b"access-control-expose-headers", b"WWW-Authenticate, DPoP-Nonce")
_VARY = (b"vary", b"Origin")
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")


async def origin_headers(cors: Cors, call: Call) -> Headers:
    """Headers of an answer; those of CLIENT need to know who the client is."""
    if cors is Cors.NOBODY:
        return []
    if cors is Cors.ANYBODY:
        return [(b"access-control-allow-origin", b"*")]
    origin = call.header(b"origin")
    if origin is None:
        return [_VARY]
    if call.client is None:
        return [_VARY]
    if origin not in call.client.origins and origin not in (await call.agreed()).frontends:
        return [_VARY]
    return [_VARY, (b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSED]


async def preflight_headers(cors: Cors, call: Call, methods: tuple[str, ...]) -> Headers:
    """Headers of the answer to ``OPTIONS``. The client is not known yet: an origin of any client passes."""
    origin = call.header(b"origin")
    if origin is None or cors is Cors.NOBODY:
        return []
    if cors is Cors.CLIENT:
        async with call.services.store.read() as tx:
            if not _ORIGIN.fullmatch(origin) or not await is_origin_known(tx, origin):
                return [_VARY]
    return [
        _VARY,
        (b"access-control-allow-origin", b"*" if cors is Cors.ANYBODY else origin.encode("latin-1")),
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", b"Authorization, Content-Type, DPoP"),
        (b"access-control-max-age", b"7200"),
    ]
