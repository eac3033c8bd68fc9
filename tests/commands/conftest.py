"""Each test gets a fresh database on each engine."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests._postgres import Postgres, run_apart
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store

from ._world import World, make_services


@pytest.fixture
def anyio_backend() -> str:
    """Tests run on asyncio."""
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the whole schema and nothing in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
        run_apart(_create(url))
        yield url
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


async def _create(url: str) -> None:
    async with open_store(StoreSettings(url, durable=False)) as store:
        await store.create()


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    """The world on a fresh database."""
    async with open_store(StoreSettings(database, durable=False)) as store:
        yield await World(make_services(store)).build()


@pytest.fixture
async def second(database: str, world: World) -> AsyncIterator[World]:
    """The same world through another store, as another process would have it."""
    async with open_store(StoreSettings(database, durable=False)) as store:
        other = world.through(store)
        await other.outbox()  # opens its connection, so that races begin together
        yield other
