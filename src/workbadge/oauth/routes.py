"""Paths of login and consent. ``OAUTH_SEGMENTS`` are the first segments that ``main`` hands to this room."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from workbadge.web.pages import render, security_headers

from .dialog import start, step
from .login import log_in, log_out, login_page
from .token_endpoint import token_endpoint

OAUTH_SEGMENTS = frozenset({"dialog", "oauth", "login", "logout", "connect"})


async def success(request: Request) -> Response:
    """``/connect/login_success.html``: the redirect page of desktop apps; it shows nothing of its address."""
    return HTMLResponse(
        "<!doctype html><title>Success</title><p>You can close this window.</p>",
        headers=security_headers(),
    )


async def _not_found(request: Request, error: Exception) -> Response:
    return render(
        request,
        "web/layout/error.html",
        status=404,
        title="No such page",
        text="The address is wrong or old.",
    )


class OAuth:
    """``/oauth/…`` speaks the wire; the rest are pages, with or without a version in front."""

    def __init__(self) -> None:
        self._pages = Starlette(
            routes=[
                Route("/dialog/oauth", start, methods=["GET"]),
                Route("/dialog/step", step, methods=["POST"]),
                Route("/login", login_page, methods=["GET"]),
                Route("/login", log_in, methods=["POST"]),
                Route("/logout", log_out, methods=["POST"]),
                Route("/connect/login_success.html", success, methods=["GET"]),
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        root = scope.get("root_path", "")
        path: str = scope["path"].removeprefix(root)
        first, _, rest = path[1:].partition("/")
        if first[:1] == "v" and first[1:2].isdigit():
            path = "/" + rest
        if path.startswith("/oauth"):
            await token_endpoint(scope, receive, send)
            return
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        await self._pages(
            {**scope, "path": root + path, "raw_path": (root + path).encode()},
            receive,
            send,
        )


def make_oauth() -> ASGIApp:
    """The application of this room."""
    return OAuth()
