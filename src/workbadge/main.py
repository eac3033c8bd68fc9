"""The only place where things are put together (Starlette's ``applications.py`` shows the spirit).

``make_application(site)`` is one ASGI application for one site: live, or a sandbox world at its own base path.
Paths do not collide (``wire.md`` §3.0): ``console``, ``static``, ``dialog``, ``oauth`` and the sign-in pages are named
here, everything else is a path of the graph.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from workbadge.console.routes import make_console
from workbadge.graph.routes import make_graph
from workbadge.oauth.routes import OAUTH_SEGMENTS, make_oauth
from workbadge.web.pages import static_files
from workbadge.web.state import Site

_VERSION = re.compile(r"v\d{1,3}\.\d{1,2}")


class Application:
    """Reads the clock once per request, then hands over to the room that owns the path."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clock = site.clock
        self._graph = make_graph()
        oauth, console = make_oauth(), make_console()
        self._rooms: dict[str, ASGIApp] = {"static": static_files, "console": console}
        self._rooms.update(dict.fromkeys(OAUTH_SEGMENTS, oauth))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Never decides anything from the request's URL but from ``scope["path"]``."""
        scope["workbadge.site"] = self._site
        scope["workbadge.now"] = self._clock.now()
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        first, _, rest = path[1:].partition("/")
        if _VERSION.fullmatch(first):
            first = rest.partition("/")[0]
        await self._rooms.get(first, self._graph)(scope, receive, send)


def make_application(site: Site) -> Application:
    """The application of one site."""
    return Application(site)
