"""``openapi.json`` and ``docs``: what is served, for programs and for people, from the same values."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .openapi import Part, document
from .pages import render
from .state import site_of

SEGMENTS = frozenset({"openapi.json", "docs"})
"""First segments of paths that ``main`` hands over."""


class ApiDocs:
    """The application. The document is made once for each public address. ``below``: the path under which both addresses and
    everything that is described lie."""

    def __init__(self, title: str, version: str, parts: Sequence[Part], below: str = "") -> None:
        self._title = title
        self._version = version
        self._parts = tuple(parts)
        self._below = below
        self._made: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path: str = scope["path"].removeprefix(scope.get("root_path", "") + self._below)
        if scope["method"] not in ("GET", "HEAD") or path not in ("/openapi.json", "/docs"):
            status = 405 if path in ("/openapi.json", "/docs") else 404
            await self._refuse(Request(scope), status)(scope, receive, send)
        elif path == "/docs":
            await self._page(Request(scope))(scope, receive, send)
        else:
            headers = {
                "access-control-allow-origin": "*",
                "cache-control": "no-cache",
                "x-content-type-options": "nosniff",
            }
            body = self._document(site_of(scope).services.base_url + self._below)
            await Response(body, media_type="application/json", headers=headers)(scope, receive, send)

    def _document(self, base_url: str) -> bytes:
        if base_url not in self._made:
            self._made[base_url] = msgspec.json.encode(document(self._title, self._version, base_url, self._parts))
        return self._made[base_url]

    def _page(self, request: Request) -> Response:
        base_url = site_of(request.scope).services.base_url + self._below
        parts: list[dict[str, Any]] = [
            {
                "name": part.name,
                "anchor": f"part-{number}",
                "says": part.says,
                "needs": {name: scheme["description"] for name, scheme in part.security.items()},
                "operations": sorted(part.operations, key=lambda one: (one.path, one.method)),
            }
            for number, part in enumerate(self._parts)
        ]
        values: dict[str, Any] = {
            "title": self._title,
            "base_url": base_url,
            "parts": parts,
            "program": f"{self._below}/openapi.json",
        }
        return render(request, "web/api_docs.html", personal=False, **values)

    def _refuse(self, request: Request, status: int) -> Response:
        return render(
            request, "web/layout/error.html", status=status, title="No such page", text="The address is wrong or old."
        )
