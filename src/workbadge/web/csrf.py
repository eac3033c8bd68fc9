"""Cross-site request forgery: a token bound to the session, and what the browser says about where a request comes from.

Sources: WB-03, WB-04, OA-47. A state-changing form carries ``csrf``; a request that says it comes from another site is
refused before that. The sign-in form has no session yet: its token is bound to a cookie of its own (login CSRF).
"""

import hmac

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem

from .sessions import BrowserSession
from .state import site_of

MOST_FIELDS = 12_000
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_FRESH = "workbadge.login_mark"


def csrf_token(request: Request, session: BrowserSession | None) -> str:
    """The token that forms of this session carry. Without one it is bound to the site alone: enough, together with the
    origin check, for forms that change nothing without further proof."""
    return _token(request, session.secret if session is not None else "nobody")


def login_token(request: Request) -> str:
    """The token of the sign-in form: bound to a cookie of this browser, which ``keep_login_mark`` gives it."""
    mark = _known_mark(request)
    if mark is None:
        mark = request.scope.setdefault(_FRESH, site_of(request.scope).services.entropy.text(43))
    return _token(request, f"login {mark}")


def keep_login_mark(request: Request, response: Response) -> None:
    """Give the browser the cookie that ``login_token`` made up for it, if it did."""
    mark = request.scope.get(_FRESH)
    if mark is not None:
        secure = site_of(request.scope).secure_cookies
        path = "/" if secure else request.scope.get("root_path", "") or "/"
        response.set_cookie(_mark_name(request), mark, path=path, secure=secure, httponly=True, samesite="lax")


def check_origin(request: Request) -> None:
    """Raises FORBIDDEN when the browser says that the request comes from another site."""
    fetch, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    foreign = fetch is not None and fetch not in ("same-origin", "none")
    if origin is not None and fetch is None:
        foreign = origin.partition("://")[2] != request.headers.get("host", "")
    if foreign:
        raise CommandError(Problem.FORBIDDEN, "This form was sent from another site.", "a form of this site")


async def check_form(request: Request, session: BrowserSession | None, files: int = 0) -> None:
    """Raises FORBIDDEN unless the request is a form of this session and this site, with so many ``files`` at most."""
    form = await _read_form(request, files)
    _check_token(form, csrf_token(request, session))


async def check_login_form(request: Request) -> None:
    """Raises FORBIDDEN unless the request is the sign-in form as this browser was given it."""
    form = await _read_form(request)
    if _known_mark(request) is None:
        raise _out_of_date()
    _check_token(form, login_token(request))


async def _read_form(request: Request, files: int = 0) -> FormData:
    check_origin(request)
    essence = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if essence not in _FORMS:
        raise CommandError(Problem.FORBIDDEN, "This is not a form.", "a form of this site")
    return await request.form(max_fields=MOST_FIELDS, max_files=files)


def _check_token(form: FormData, expected: str) -> None:
    given = form.get("csrf")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise _out_of_date()


def _out_of_date() -> CommandError:
    return CommandError(Problem.FORBIDDEN, "This form is out of date.", "the page opened again")


def _token(request: Request, key: str) -> str:
    return site_of(request.scope).services.sealer.mac("csrf", key.encode()).hex()[:40]


def _mark_name(request: Request) -> str:
    return "__Host-wb-login" if site_of(request.scope).secure_cookies else "wb-login"


def _known_mark(request: Request) -> str | None:
    mark = request.cookies.get(_mark_name(request), "")
    return mark if len(mark) == 43 and mark.isascii() and mark.isalnum() else None
