"""Each test gets a site of its own, on each engine."""

from collections.abc import AsyncIterator

import pytest

from tests.commands._world import World, make_services
from tests.commands.conftest import anyio_backend, database  # noqa: F401
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store

from ._site import LoginSite


@pytest.fixture
async def site(database: str) -> AsyncIterator[LoginSite]:  # noqa: F811
    """The world of ``tests/commands`` behind its application; people have passwords."""
    async with open_store(StoreSettings(database, durable=False)) as store:
        made = LoginSite(await World(make_services(store)).build())
        await made.give_passwords()
        yield made
