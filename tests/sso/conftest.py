"""Each test gets a site of its own, on each engine, with an organization whose people sign in at a scriptable provider."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from tests.commands.conftest import anyio_backend, database  # noqa: F401
from tests.oauth._site import LoginSite
from tests.oauth.conftest import site  # noqa: F401
from workbadge.main import make_application
from workbadge.web.outgoing import Outgoing

from ._organization import Company, connect
from ._provider import Provider, running_provider


@pytest.fixture
def provider(site: LoginSite) -> Iterator[Provider]:  # noqa: F811
    """A provider that goes by the site's clock."""

    def now() -> float:
        return site.now.timestamp()

    with running_provider(now) as made:
        yield made


@pytest.fixture
async def company(site: LoginSite, provider: Provider) -> AsyncIterator[Company]:  # noqa: F811
    """The organization, connected to the provider; Emil and Selma have work accounts."""
    site.site = replace(site.site, outgoing=Outgoing(True))
    site.application = make_application(site.site)
    made = Company(site, provider)
    await made.open_account("emil")
    await made.open_account("selma")
    made.connection = await connect(made)
    yield made
    await site.site.outgoing.close()
