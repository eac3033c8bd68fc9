"""The world of the command tests behind the whole application, asked by its organization's directory."""

from collections.abc import AsyncIterator

import pytest

from tests.commands._world import World
from tests.commands.conftest import anyio_backend, database, second, world

from ._directory import Directory

__all__ = ["anyio_backend", "database", "directory", "second", "world"]


@pytest.fixture
async def directory(world: World) -> AsyncIterator[Directory]:
    """A directory with a live credential."""
    async with Directory.open(world) as opened:
        yield opened
