"""The world of the command tests, behind the graph's application."""

from collections.abc import AsyncIterator

import pytest

from tests.commands._world import World
from tests.commands.conftest import anyio_backend, database, world

from ._api import Api

__all__ = ["anyio_backend", "api", "database", "world"]


@pytest.fixture
async def api(world: World) -> AsyncIterator[Api]:
    """HTTP calls against the world."""
    async with Api.open(world) as opened:
        yield opened
