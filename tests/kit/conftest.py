"""Fixtures of regrant's tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from regrant import App, AsyncClient, AsyncVault, Client, LocalKeys, Secret, Vault
from regrant.sql import AsyncSqlStorage, SqlStorage
from tests._dialog import Person
from tests._sandbox import Sandbox, running_sandbox
from tests.kit._forms import Form

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALLBACK = "https://provider.example/back"
SCOPES = [
    "public_profile",
    "pages_show_list",
    "pages_read_engagement",
    "pages_manage_posts",
    "ads_read",
    "business_management",
]
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
        return self.storage.it

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


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    """A sandbox process for all tests of one worker."""
    with running_sandbox("--start", "2026-03-02T09:00:00Z", "--redirect-uri", CALLBACK) as found:
        yield found


@pytest.fixture
def world(running: Sandbox) -> Iterator["World"]:
    """The sandbox as it was at its start, whatever the test before did to it."""
    kept = running.control("POST", "/checkpoints", {})["id"]
    yield World(running)
    running.control("POST", f"/checkpoints/{kept}/restore", {})


class Offline:
    """No server: an app, and an instant that stands still. For clients whose transport answers by itself."""

    app = App("11", Secret("our secret"), base="https://graph.example")

    def clock(self) -> datetime:
        """The instant."""
        return BEGIN

    def client(self, form: Form, app: App | None = None, **settings: Any) -> Any:
        """A client on a connection of its own. ``pauses``: how long it would have waited, while nothing waits in fact."""
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        kind, http = form.pick((Client, httpx.Client), (AsyncClient, httpx.AsyncClient))
        transport = settings.pop("transport", None)
        sent = http(trust_env=False, transport=transport, timeout=20)
        settings.setdefault("clock", self.clock)
        client = form.of(kind(app or self.app, sent, pause=form.pick(pauses.append, pause), **settings))
        client.pauses = pauses
        return client


@pytest.fixture
def offline() -> Offline:
    """A client's surroundings without a server."""
    return Offline()


class World(Offline):
    """A real sandbox from an app maker's side: two apps, people, assets, a clock."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.about = sandbox.about
        self.app = self._app(sandbox.about["app"])
        self.pages = [one["id"] for one in sandbox.about["assets"] if one["type"] == "page"]
        self.ad_account = str(sandbox.asset("ad_account")["id"])

    def _app(self, told: dict[str, Any]) -> App:
        return App(told["id"], Secret(told["secret"]), base=self.sandbox.base, dialog=self.sandbox.base)

    def other_app(self, **settings: Any) -> App:
        """Another app of the same maker, with the same callback address."""
        body = {"name": "Second", "redirect_uris": [CALLBACK], **settings}
        return self._app(self.sandbox.control("POST", "/apps", body))

    def clock(self) -> datetime:
        """The world's clock."""
        return datetime.fromisoformat(self.sandbox.control("GET", "/clock")["now"])

    def advance(self, duration: str) -> None:
        """Move the world's clock."""
        self.sandbox.control("POST", "/clock", {"advance": duration})

    def token(
        self, assets: list[str], role: str = "employee", app: App | None = None, scopes: list[str] | None = None
    ) -> Secret:
        """A person's token for an app, on the assets that were chosen."""
        wanted = scopes or SCOPES
        account = self.sandbox.personal(role)
        return Secret(self.sandbox.consent(account, {"id": (app or self.app).id}, wanted, assets))

    def migrate(self, role: str = "employee") -> dict[str, str]:
        """Invite and claim: the managed account with its password."""
        person = self.sandbox.personal(role)
        body = {"business": self.about["business"]["id"], "accounts": [person]}
        started = self.sandbox.control("POST", "/migrations", body)
        claimed = self.sandbox.control("POST", f"/migrations/{started['id']}/claims", {"account": person})
        self.migration = started["id"]
        managed: dict[str, str] = claimed["managed"]
        return managed

    def person(self, role: str = "employee") -> Person:
        """Somebody with a browser."""
        login = self.sandbox.account(role)["personal"]
        return Person(self.sandbox.base, login["email"], login["password"])
