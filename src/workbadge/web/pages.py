"""Server-rendered pages: the Jinja environment, ``render``, security headers, static files. Guide: docs/guides/pages.md.

Each room keeps its own templates: ``"console/people.html"`` is ``templates/people.html`` in the room ``console``. Every
template finds ``ui`` (all macros of ``web/templates/ui``), ``url``, ``static``, ``now`` and the filters without importing
anything. Nothing here reads a clock or randomness: ``now`` is the request's, or passed in.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from jinja2.runtime import Macro
from markupsafe import Markup
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from . import text

ROOMS = Path(__file__).resolve().parent.parent
STATIC = Path(__file__).resolve().parent / "static"
CSRF_FIELD = "csrf"
"""The name of the hidden input that ``ui.csrf()`` writes."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_UI = ("basics", "forms", "data", "feedback")
_SOURCE = re.compile(r"https?://[A-Za-z0-9.\-_\[\]:]+|[A-Za-z][A-Za-z0-9+.\-]*:")


class _RoomLoader(BaseLoader):
    """Finds ``room/name.html`` in the folder ``templates`` of that room; ``extra`` adds rooms that lie elsewhere."""

    def __init__(self, extra: Mapping[str, Path]) -> None:
        self._extra = extra

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        room, _, name = template.partition("/")
        parts = name.split("/")
        if not room.isidentifier() or any(one in ("", ".", "..") for one in parts):
            raise TemplateNotFound(template)
        folder = self._extra.get(room, ROOMS / room / "templates")
        path = folder.joinpath(*parts)
        if not path.is_file():
            raise TemplateNotFound(template)
        changed = path.stat().st_mtime_ns
        return (
            path.read_text(encoding="utf-8"),
            str(path),
            lambda: path.is_file() and path.stat().st_mtime_ns == changed,
        )


@cache
def _static_files() -> dict[str, tuple[bytes, str]]:
    """Path below ``static/`` → content and type; only kinds of file in ``_TYPES``."""
    return {
        path.relative_to(STATIC).as_posix(): (path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(STATIC.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }


@cache
def static_digest() -> str:
    """Twelve hex digits over all static files: part of their addresses, so that these may be cached for ever."""
    digest = hashlib.sha256()
    for name, (content, _) in _static_files().items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:12]


@cache
def icon_names() -> frozenset[str]:
    """The icons in the sprite ``static/icons.svg``."""
    sprite = _static_files()["icons.svg"][0].decode()
    return frozenset(re.findall(r'<symbol id="([^"]+)"', sprite))


async def static_files(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI application for ``/static/{digest}/{path}``; without the digest, or with that of another release, the answer
    is not to be kept. Addresses without one are for what the API hands out (``/static/avatar.svg``)."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    whole = path.removeprefix("/static/")
    digest, _, name = whole.partition("/")
    found = _static_files().get(name) or _static_files().get(whole)
    if found is None or scope["method"] not in ("GET", "HEAD"):
        status = 404 if found is None else 405
        await Response("Not found" if found is None else "", status)(scope, receive, send)
        return
    kept = digest == static_digest()
    headers = {
        "cache-control": "public, max-age=31536000, immutable" if kept else "no-cache",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin",
        "content-type": found[1],
    }
    await Response(found[0], headers=headers)(scope, receive, send)


def form_action_source(redirect_uri: str) -> str:
    """The Content-Security-Policy source of an address that a form may lead to: its origin, or ``scheme:`` for an app's
    own scheme. Raises ValueError for an address that has none."""
    parts = urlsplit(redirect_uri)
    web = parts.scheme in ("http", "https")
    host = parts.netloc.rpartition("@")[2]
    source = f"{parts.scheme}://{host}" if web else f"{parts.scheme}:"
    if not _SOURCE.fullmatch(source) or (web and not host):
        raise ValueError(f"expected an absolute address, got {redirect_uri!r}")
    return source


def security_headers(*, personal: bool = True, form_action: Iterable[str] = (), opener: bool = False) -> dict[str, str]:
    """Headers of every page. ``form_action``: redirect addresses beyond this site that a form on the page may lead to.

    ``personal``: must not be stored anywhere. ``opener``: the page may be a pop-up that talks to its opener.
    """
    actions = " ".join(["'self'", *sorted({form_action_source(one) for one in form_action})])
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; manifest-src 'self'; form-action {actions}; frame-ancestors 'none'; "
        "base-uri 'none'; object-src 'none'"
    )
    return {
        "content-security-policy": policy,
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "unsafe-none" if opener else "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cache-control": "no-store" if personal else "no-cache",
    }


class _Undefined(StrictUndefined):
    """Strict, but a key that a dict lacks may be asked for (``{% if item.icon %}``): it is how options are left out."""

    # Jinja types these as functions that never return.
    def __bool__(self) -> bool:  # type: ignore[override]
        return False if isinstance(self._undefined_obj, dict) else super().__bool__()

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        if isinstance(self._undefined_obj, dict):
            return False
        return super().__eq__(other)

    __hash__ = StrictUndefined.__hash__  # type: ignore[assignment]


class Pages:
    """Templates of all rooms. Use the module's ``render`` and ``render_fragment`` outside tests."""

    def __init__(self, extra_rooms: Mapping[str, Path] | None = None) -> None:
        self._environment = _make_environment(extra_rooms or {})

    def render(
        self,
        request: HTTPConnection,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        form_action: Iterable[str] = (),
        personal: bool = True,
        opener: bool = False,
        now: datetime | None = None,
        csrf: str | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """A whole page. ``now`` is the request's unless given; ``csrf`` is the token that ``ui.form`` puts into forms.

        ``form_action``, ``personal``, ``opener`` as in ``security_headers``; ``headers`` are added last and win.
        """
        found = self._environment.get_template(template)
        body = found.render(self._context(request, now, csrf, context))
        safe = security_headers(personal=personal, form_action=form_action, opener=opener)
        return HTMLResponse(body, status, {**safe, **(headers or {})})

    def render_fragment(
        self,
        request: HTTPConnection,
        template: str,
        block: str,
        *,
        status: int = 200,
        now: datetime | None = None,
        csrf: str | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """One ``{% block %}`` of a template, for htmx to swap in. Raises KeyError when the template lacks the block.

        Lines of the template outside the block are not run, so the block may use only what it is passed.
        """
        found = self._environment.get_template(template)
        inner = found.new_context(self._context(request, now, csrf, context))
        body = "".join(found.blocks[block](inner))
        return HTMLResponse(body, status, security_headers())

    def _context(
        self,
        request: HTTPConnection,
        now: datetime | None,
        csrf: str | None,
        context: Mapping[str, Any],
    ) -> dict[str, Any]:
        root: str = request.scope.get("root_path", "")
        values: dict[str, Any] = {
            "url": lambda path, **query: _url(root, path, query),
            "static": lambda name: _static(root, name),
            "now": now or request.scope["workbadge.now"],
            "path": request.scope["path"].removeprefix(root),
            "csrf_field": CSRF_FIELD,
            **context,
        }
        if csrf is not None:
            values["csrf_token"] = csrf
        values["ui"] = self._macros(values)
        return values

    def _macros(self, values: Mapping[str, Any]) -> SimpleNamespace:
        """All macros of ``templates/ui`` under one name, bound to the values of this page."""
        found: dict[str, Any] = {}
        for part in _UI:
            module = self._environment.get_template(f"web/ui/{part}.html").make_module(dict(values))
            found.update({key: macro for key, macro in vars(module).items() if isinstance(macro, Macro)})
        return SimpleNamespace(**found)


def _url(root: str, path: str, query: Mapping[str, Any]) -> str:
    """A path of this site under its base path, with a query; an absolute address is left as it is."""
    if "://" in path or path.startswith(("mailto:", "#", "?")):
        return path
    known = {key: value for key, value in query.items() if value is not None}
    tail = urlencode(known, doseq=True)
    joint = "&" if "?" in path else "?"
    return f"{root}{path}{joint + tail if tail else ''}"


def _static(root: str, name: str) -> str:
    """The address of a static file. Raises KeyError for one that does not exist."""
    if name not in _static_files():
        raise KeyError(f"no static file {name!r}")
    return f"{root}/static/{static_digest()}/{name}"


def _check_icon(name: str) -> str:
    """The name, if the sprite has it. Raises KeyError with what to do."""
    if name not in icon_names():
        raise KeyError(f"no icon {name!r}: add it to tools/icons.txt and run tools/build_icons.py")
    return name


def _make_environment(extra: Mapping[str, Path]) -> Environment:
    environment = Environment(
        loader=_RoomLoader(extra),
        autoescape=True,
        undefined=_Undefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        date=text.date_element,
        datetime=text.moment_element,
        relative=text.relative_element,
        day_text=text.day_text,
        moment_text=text.moment_text,
        number=text.number,
        initials=text.initials,
        hue=text.hue,
        breakable=text.breakable,
        kind=text.kind_text,
        safe_href=text.safe_href,
    )
    environment.globals.update(
        count=text.count,
        time_left=text.time_left,
        check_icon=_check_icon,
        Markup=Markup,
    )
    return environment


_pages = Pages()
render = _pages.render
render_fragment = _pages.render_fragment
