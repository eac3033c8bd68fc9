"""One world on one port: its own paths, and the control API under ``/control``."""

from starlette.types import ASGIApp, Receive, Scope, Send

from .world import World

CONTROL = "/control"


class SandboxServer:
    """Hands ``/control/…`` to the control API and everything else to the world."""

    def __init__(self, world: World, control: ASGIApp) -> None:
        self._world = world
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path: str = scope["path"]
        if path == CONTROL or path.startswith(CONTROL + "/"):
            inner = dict(scope)
            inner["root_path"] = scope.get("root_path", "") + CONTROL
            await self._control(inner, receive, send)
        else:
            await self._world(scope, receive, send)
