"""One site on each engine for the tests that change nothing, a fresh one on each for every other."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests._postgres import Postgres

from ._site import Site, build_site

ENGINES = ["sqlite", "postgresql"]


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """Tests run on asyncio."""
    return "asyncio"


def _database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a PostgreSQL database with the whole schema; empty where a world keeps a file of its own."""
    if request.param == "sqlite":
        yield ""
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


database = pytest.fixture(params=ENGINES)(_database)
shared_database = pytest.fixture(params=ENGINES, scope="package")(_database)


@pytest.fixture(scope="package")
async def shared(tmp_path_factory: pytest.TempPathFactory, shared_database: str) -> AsyncIterator[Site]:
    """The site that nobody may change."""
    site = await build_site(tmp_path_factory.mktemp("world"), postgres=shared_database)
    yield site
    await site.world.close()


@pytest.fixture
async def site(tmp_path: Path, database: str) -> AsyncIterator[Site]:
    """A site of one's own."""
    made = await build_site(tmp_path, postgres=database)
    yield made
    await made.world.close()
