"""The console's site on each engine, for tests that look and for tests that change something."""

from tests.console.conftest import anyio_backend, database, shared_database, site

__all__ = ["anyio_backend", "database", "shared_database", "site"]
