"""The world of the command tests, for what is tested through a worker and real receivers."""

from tests.commands.conftest import anyio_backend, database, second, world

__all__ = ["anyio_backend", "database", "second", "world"]
