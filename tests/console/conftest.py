"""One site for the tests that change nothing, a fresh one for each of the others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ._site import Site, build_site


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """Tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="package")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The site that nobody may change."""
    site = await build_site(tmp_path_factory.mktemp("world"))
    yield site
    await site.world.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site of one's own."""
    made = await build_site(tmp_path)
    yield made
    await made.world.close()
