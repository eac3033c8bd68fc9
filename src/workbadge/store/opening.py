"""Opening a database by its URL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .engine import Store, StoreError, StoreSettings
from .postgres import PostgresStore
from .sqlite import SqliteStore


def make_store(settings: StoreSettings) -> Store:
    """The store that ``settings`` names. Raises StoreError for an unknown engine or an unfit SQLite library."""
    if settings.url.startswith("sqlite:///"):
        return SqliteStore(settings)
    if settings.url.startswith(("postgresql://", "postgres://")):
        return PostgresStore(settings)
    raise StoreError(f"expected a database URL sqlite:///path or postgresql://…, got {settings.url[:40]!r}")


@asynccontextmanager
async def open_store(settings: StoreSettings) -> AsyncIterator[Store]:
    """Open the store that ``settings`` names and close it at the end of the block. Raises StoreError."""
    store = make_store(settings)
    try:
        yield store
    finally:
        await store.close()
