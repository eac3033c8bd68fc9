"""One sandbox for all clients."""

from collections.abc import Iterator

import pytest

from tests._dialog import Person
from tests._sandbox import Sandbox, running_sandbox

CALLBACK = "http://localhost:9/callback"


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """A world whose ready app has a local callback. Addresses of clients' own servers are registered by the tests."""
    with running_sandbox("--redirect-uri", CALLBACK) as running:
        yield running


@pytest.fixture
def emil(sandbox: Sandbox) -> Person:
    """The employee with a personal login, in a browser of his own."""
    login = sandbox.account("employee")["personal"]
    return Person(sandbox.base, login["email"], login["password"])
