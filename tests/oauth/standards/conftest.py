"""Each test gets a site of its own, on each engine, and an app in front of it."""

import pytest

from tests.commands.conftest import anyio_backend, database  # noqa: F401
from tests.oauth._site import LoginSite
from tests.oauth.conftest import site  # noqa: F401

from ._app import App


@pytest.fixture
def app(site: LoginSite) -> App:  # noqa: F811
    """The app "both", as an app that registered nothing for this side."""
    return App(site)
