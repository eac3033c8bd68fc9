"""An open store with the whole schema, on each engine in turn. Tests are ``async def`` (anyio on asyncio)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workbadge.store.engine import Store, StoreSettings
from workbadge.store.opening import open_store


@pytest.fixture
def anyio_backend() -> str:
    """asyncio only: the drivers know no other."""
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Store]:
    """An open store with all tables and no rows."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'workbadge.db'}"
        async with open_store(StoreSettings(url)) as opened:
            await opened.create()
            yield opened
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.new_database()
    async with open_store(StoreSettings(url)) as opened:
        yield opened
    postgres.drop_database(url)
