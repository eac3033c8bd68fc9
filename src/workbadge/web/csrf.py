"""Cross-site request forgery: a token bound to the session (or to a fresh cookie before sign-in), and origin headers.

Sources: WB-03, WB-04, OA-47. A state-changing form carries ``csrf``; a request that says it comes from another site is
refused before that.
"""

import hmac

from starlette.requests import Request

from workbadge.commands.errors import CommandError, Problem

from .sessions import BrowserSession
from .state import site_of


def csrf_token(request: Request, session: BrowserSession | None) -> str:
    """The token that forms of this session carry. Before sign-in it is bound to the site alone: together with the origin
    check that is enough for a form that only proves a password."""
    key = session.secret if session is not None else "before sign-in"
    return site_of(request.scope).services.sealer.mac("csrf", key.encode()).hex()[:40]


def check_origin(request: Request) -> None:
    """Raises FORBIDDEN when the browser says that the request comes from another site."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise CommandError(
            Problem.FORBIDDEN,
            "This form was sent from another site.",
            "a form of this site",
        )
    origin = request.headers.get("origin")
    if origin is not None and site is None:
        host = request.headers.get("host", "")
        if origin.partition("://")[2] != host:
            raise CommandError(
                Problem.FORBIDDEN,
                "This form was sent from another site.",
                "a form of this site",
            )


async def check_form(request: Request, session: BrowserSession | None) -> None:
    """Raises FORBIDDEN unless the request is a form of this session and this site."""
    check_origin(request)
    essence = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if essence not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise CommandError(Problem.FORBIDDEN, "This is not a form.", "a form of this site")
    form = await request.form(max_fields=12_000, max_files=0)
    given = form.get("csrf")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), csrf_token(request, session).encode()):
        raise CommandError(Problem.FORBIDDEN, "This form is out of date.", "the page opened again")
