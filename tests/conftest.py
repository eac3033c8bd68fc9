"""Fixtures of all tests: databases of both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The tests' own PostgreSQL, started when the first test needs it."""
    return Postgres()


@pytest.fixture
def pg_url(postgres: Postgres) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    url = postgres.empty_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'workbadge.db'}"
    url: str = request.getfixturevalue("pg_url")
    return url
