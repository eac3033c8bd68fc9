"""Paths of signing in through an organization's identity provider."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from workbadge.web.pages import render

from .openid import begin, come_back

SSO_SEGMENTS = frozenset({"sso"})


async def _refused(request: Request, error: Exception) -> Response:
    """Wrong paths and methods: a page, never a bare text."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return render(
        request,
        "web/layout/error.html",
        status=status,
        title="No such page",
        text="The address is wrong or old.",
    )


def make_sso() -> ASGIApp:
    """The application of this room."""
    return Starlette(
        routes=[
            Route("/sso/{connection}/login", begin, methods=["GET"]),
            Route("/sso/{connection}/callback", come_back, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _refused},
    )
