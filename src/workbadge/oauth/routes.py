"""Paths of login and consent. ``OAUTH_SEGMENTS`` are the first segments that ``main`` hands to this room."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbadge.web.pages import render, security_headers
from workbadge.web.wire import BODY_LIMIT

from .dialog import start, step
from .login import choose_page, log_in, log_out, login_page, passkey_login, second_step
from .oidc_logout import CONFIRM, confirm_logout, end_session
from .oidc_logout import PATH as END_SESSION
from .rfc6749.authorize import authorize
from .standards import AUTHORIZE, find_route, serve
from .token_endpoint import token_endpoint

OAUTH_SEGMENTS = frozenset({"dialog", "oauth", "login", "logout", "connect", ".well-known"})


async def success(request: Request) -> Response:
    """``/connect/login_success.html``: the redirect page of desktop apps; it shows nothing of its address."""
    return HTMLResponse(
        "<!doctype html><title>Success</title><p>You can close this window.</p>",
        headers=security_headers(),
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Wrong paths and methods, forms that cannot be read or are too large: a page, never a bare text."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: "No such page", 405: "No such page", 413: "This is too much"}
    return render(
        request,
        "web/layout/error.html",
        status=status,
        title=known.get(status, "This did not work"),
        text="The address is wrong or old." if status in (404, 405) else "What was sent cannot be read.",
    )


def _limited(receive: Receive) -> Receive:
    """Refuses a body beyond ``BODY_LIMIT`` while it comes in."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_LIMIT:
            raise HTTPException(413)
        return message

    return limited


class OAuth:
    """What a metadata document names is answered there; else ``/oauth/…`` speaks the wire; the rest are pages, with or
    without a version in front."""

    def __init__(self) -> None:
        self._pages = Starlette(
            routes=[
                Route("/dialog/oauth", start, methods=["GET"]),
                Route("/dialog/step", step, methods=["POST"]),
                Route(AUTHORIZE, authorize, methods=["GET", "POST"]),
                Route("/login", login_page, methods=["GET"]),
                Route("/login", log_in, methods=["POST"]),
                Route("/login/passkey", passkey_login, methods=["POST"]),
                Route("/login/second", second_step, methods=["POST"]),
                Route("/logout", choose_page, methods=["GET"]),
                Route("/logout", log_out, methods=["POST"]),
                Route(CONFIRM, confirm_logout, methods=["POST"]),
                Route(END_SESSION, end_session, methods=["GET", "POST"]),
                Route("/connect/login_success.html", success, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _refused},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        route = find_route(scope)
        if route is not None:
            await serve(route, scope, receive, send)
            return
        root = scope.get("root_path", "")
        path: str = scope["path"].removeprefix(root)
        if path in (AUTHORIZE, END_SESSION):
            await self._pages(scope, _limited(receive), send)
            return
        first, _, rest = path[1:].partition("/")
        if first[:1] == "v" and first[1:2].isdigit():
            path = "/" + rest
        if path.startswith("/oauth/") or path == "/oauth":
            await token_endpoint(scope, receive, send)
            return
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        inner = {**scope, "path": root + path, "raw_path": (root + path).encode()}
        await self._pages(inner, _limited(receive), send)


def make_oauth() -> ASGIApp:
    """The application of this room."""
    return OAuth()
