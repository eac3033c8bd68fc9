"""The control API's calls about what an app's maker sets up in the dashboard."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request

from workbadge.commands.configuration import NewConfiguration, add_configuration
from workbadge.terms.kinds import NodeKind

from .requests import NewConfigurationBody, node, read
from .world import World


class AppControl:
    """The handlers, over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def configuration(self, request: Request) -> Any:
        """``POST /apps/{id}/configurations``."""
        body = await read(request, NewConfigurationBody)
        app_id = node(request.path_params["id"], "app", NodeKind.APP)
        new = NewConfiguration(
            app_id, body.name, body.token, tuple(body.scopes), tuple(body.assets), body.expires_in_60_days
        )
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            made = await add_configuration(tx, services, new, now)
        return {
            "id": str(made.id),
            "app": str(app_id),
            "name": made.name,
            "token": made.token.value,
            "scopes": list(made.scopes),
            "assets": [kind.value for kind in made.kinds],
            "expires_in_60_days": made.life is not None,
        }

    def table(self) -> tuple[tuple[str, str, Callable[[Request], Awaitable[Any]]], ...]:
        """Method, path and handler of each call."""
        return (("POST", "/apps/{id}/configurations", self.configuration),)
