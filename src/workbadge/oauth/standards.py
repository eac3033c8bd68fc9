"""The addresses of the OAuth 2.0 and OpenID side. ``ROUTES`` is its route table; the browser's part, the authorization
endpoint, is a page and stands in ``routes.py``.

These paths take no version in front: a metadata document names them, nobody composes them.
"""

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from workbadge.store.engine import StoreBusyError
from workbadge.web.state import site_of
from workbadge.web.wire import find_whole

from .cors import Cors, origin_headers, preflight_headers
from .grant_management import GRANTS, grant
from .oidc_core.keys import show_keys
from .oidc_core.userinfo import userinfo
from .rfc6749.authorize import PATH as AUTHORIZE
from .rfc6749.call import Answer, Call, Endpoint, open_call, read_form, read_json, send_answer, send_refusal
from .rfc6749.errors import OAuthError
from .rfc6749.token import token
from .rfc7009 import revoke_token
from .rfc7591.endpoint import create, manage
from .rfc7662 import introspect
from .rfc8414 import OAUTH, OPENID, show_metadata, well_known_paths
from .rfc9126.endpoint import push


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. ``path`` ends with ``/`` when ids follow it. ``takes_json``: its bodies are JSON, not forms."""

    path: str
    methods: tuple[str, ...]
    endpoint: Endpoint
    cors: Cors = Cors.NOBODY
    takes_json: bool = False


ROUTES: tuple[Route, ...] = (
    Route(OPENID, ("GET",), show_metadata, Cors.ANYBODY),
    Route(OAUTH, ("GET",), show_metadata, Cors.ANYBODY),
    Route("/oauth/jwks", ("GET",), show_keys, Cors.ANYBODY),
    Route("/oauth/token", ("POST",), token, Cors.CLIENT),
    Route("/oauth/par", ("POST",), push),
    Route("/oauth/register", ("POST",), create, takes_json=True),
    Route("/oauth/register/", ("GET", "PUT", "DELETE"), manage, takes_json=True),
    Route("/oauth/introspect", ("POST",), introspect),
    Route("/oauth/revoke_token", ("POST",), revoke_token, Cors.CLIENT),
    Route("/oauth/userinfo", ("GET", "POST"), userinfo, Cors.CLIENT),
    Route(GRANTS, ("GET", "DELETE"), grant),
)

__all__ = ["AUTHORIZE", "ROUTES", "Route", "find_route", "serve"]

_BY_PATH = {route.path: route for route in ROUTES}
_BY_PREFIX = tuple(route for route in ROUTES if route.path.endswith("/"))


def find_route(scope: Scope) -> Route | None:
    """The endpoint that a request's path names."""
    whole: str = scope["path"]
    path = whole.removeprefix(scope.get("root_path", ""))
    route = _BY_PATH.get(path)
    if route is not None:
        return route
    if "/.well-known/" in path:
        known = well_known_paths(site_of(scope).services.base_url)
        return _BY_PATH.get(known.get(path, ""))
    return next((one for one in _BY_PREFIX if path.startswith(one.path)), None)


async def serve(route: Route, scope: Scope, receive: Receive, send: Send) -> None:
    """One call of an endpoint, refusals in its own form."""
    call: Call | None = None
    try:
        call = open_call(scope)
        if call.method == "OPTIONS":
            await send_answer(send, Answer(status=204), await preflight_headers(route.cors, call, route.methods))
            return
        if call.method not in route.methods:
            raise OAuthError("invalid_request", f"Expected {' or '.join(route.methods)}.", 405)
        if call.method in ("POST", "PUT"):
            await (read_json if route.takes_json else read_form)(call, scope, receive)
        answer = await route.endpoint(call)
    except OAuthError as error:
        more = [] if call is None else await origin_headers(route.cors, call)
        if error.status == 405:
            more.append((b"allow", ", ".join(route.methods).encode()))
        await send_refusal(send, error, more)
    except StoreBusyError:
        busy = OAuthError("temporarily_unavailable", "The server is busy. Try again.", 503)
        await send_refusal(send, busy, [(b"retry-after", b"1")])
    else:
        await send_answer(send, answer, await origin_headers(route.cors, call), find_whole(scope))
