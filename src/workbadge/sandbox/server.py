"""One world on one port: its own paths, and the control API under ``/control`` with its description."""

from starlette.types import ASGIApp, Receive, Scope, Send

from workbadge.web.api_docs import SEGMENTS, ApiDocs

from .control import Control, make_control
from .described import describe_control
from .world import World

CONTROL = "/control"
_DESCRIBED = frozenset(f"{CONTROL}/{one}" for one in SEGMENTS)


def make_control_docs(world: World, version: str) -> ApiDocs:
    """``/control/openapi.json`` and ``/control/docs``, for which no token is needed."""
    return ApiDocs("Workbadge sandbox control API", version, (describe_control(Control(world, "").table()),), CONTROL)


class SandboxServer:
    """Hands ``/control/…`` to the control API, guarded by ``token``, and everything else to the world."""

    def __init__(self, world: World, token: str, version: str) -> None:
        self._world = world
        self._control: ASGIApp = make_control(world, token)
        self._docs = make_control_docs(world, version)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path: str = scope["path"]
        if path in _DESCRIBED:
            inner = {**scope, "workbadge.site": self._world.site, "workbadge.now": self._world.clock.now()}
            await self._docs(inner, receive, send)
        elif path == CONTROL or path.startswith(CONTROL + "/"):
            inner = dict(scope)
            inner["root_path"] = scope.get("root_path", "") + CONTROL
            await self._control(inner, receive, send)
        else:
            await self._world(scope, receive, send)
