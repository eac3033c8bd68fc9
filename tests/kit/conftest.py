"""Fixtures of regrant's tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from regrant import AsyncVault, LocalKeys, Vault
from regrant.sql import AsyncSqlStorage, SqlStorage
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tests.kit._forms import Form

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
DRIVERS = {
    ("sync", "sqlite"): "sqlite",
    ("async", "sqlite"): "sqlite+aiosqlite",
    ("sync", "postgresql"): "postgresql+psycopg",
    ("async", "postgresql"): "postgresql+asyncpg",
}


@pytest.fixture(params=["sync", "async"])
def form(request: pytest.FixtureRequest) -> Iterator[Form]:
    """Each form in turn."""
    found = Form(request.param)
    yield found
    found.close()


@dataclass
class Place:
    """A database with regrant's tables, a clock, and master keys."""

    form: Form
    url: Any
    storage: Any
    keys: LocalKeys = field(default_factory=lambda: LocalKeys({"m1": LocalKeys.new_key()}, "m1"))
    now: datetime = BEGIN

    def clock(self) -> datetime:
        """The instant that the test chose."""
        return self.now

    def pass_time(self, **duration: float) -> None:
        """Move the clock."""
        self.now += timedelta(**duration)

    def vault(self, tenant: str = "acme", keys: Any = None) -> Any:
        """A vault that was just opened: nothing is remembered in it."""
        kind = self.form.pick(Vault, AsyncVault)
        return self.form.of(kind(tenant, self.raw, keys or self.keys, self.clock))

    @property
    def raw(self) -> Any:
        """The storage as regrant takes it."""
        return self.storage.it if self.form.name == "async" else self.storage

    def rows(self, statement: str, **params: Any) -> list[Any]:
        """What another program reads or writes in the same database."""
        engine = create_engine(self.url)
        with engine.begin() as tx:
            found = tx.execute(text(statement), params)
            rows = list(found) if found.returns_rows else []
        engine.dispose()
        return rows


@pytest.fixture
def place(form: Form, engine_url: str, tmp_path: Path) -> Iterator[Place]:
    """An empty vault database, of each form on each engine."""
    url = make_url(engine_url.replace("workbadge.db", "regrant.db"))
    engine_name = url.get_backend_name()
    own = url.set(drivername=DRIVERS[form.name, engine_name])
    if own.drivername.endswith("asyncpg") and "host" in own.query:
        own = own.set(query={"host": own.query["host"]})
    make: Callable[..., Any] = form.pick(create_engine, create_async_engine)
    engine = make(own)
    kind = form.pick(SqlStorage, AsyncSqlStorage)
    storage = form.of(kind(engine))
    storage.create()
    yield Place(form, url.set(drivername=DRIVERS["sync", engine_name]), storage)
    form.finish(engine.dispose())
