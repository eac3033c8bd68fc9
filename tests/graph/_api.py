"""HTTP calls to the graph alone: its application in a wrapper that brings the site and a clock which tests set."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
from starlette.types import Receive, Scope, Send

from tests.commands._world import BASE, SCOPES, T0, World
from workbadge.commands import grant, portfolio, token
from workbadge.commands.grant import Consent
from workbadge.commands.registration import SECRET_PLACE
from workbadge.graph.routes import make_graph
from workbadge.keys import hash_secret
from workbadge.store import grants, records
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import TokenKind
from workbadge.web.clock import SettableClock
from workbadge.web.limits import Limits, Rates
from workbadge.web.state import Site

ALL_SCOPES = ("public_profile", "email", "ads_read", "pages_read_engagement", *SCOPES)


@dataclass
class Api:
    """A client, the world behind it, the instant at which every call is made."""

    world: World
    client: httpx.AsyncClient
    site: Site
    now: datetime = T0
    limits: Limits = field(default_factory=Limits)

    def limit(self, rates: Rates) -> None:
        """From now on these limits hold, and nothing is counted yet."""
        self.limits = Limits(rates)

    @staticmethod
    @asynccontextmanager
    async def open(world: World) -> AsyncIterator["Api"]:
        """Calls against a world."""
        graph = make_graph()
        site = Site(world.services, SettableClock(T0))
        api: Api

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            here = replace(api.site, limits=api.limits)
            await graph({**scope, "workbadge.site": here, "workbadge.now": api.now}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url=BASE) as client:
            api = Api(world, client, site)
            yield api

    async def call(self, path: str, token: str | None = None, method: str = "GET", **more: str) -> httpx.Response:
        """One call with its parameters in the query."""
        values = dict(more) if token is None else {"access_token": token, **more}
        return await self.client.request(method, path, params=values)

    async def get(self, path: str, token: str | None = None, **more: str) -> Any:
        """The JSON of a call that must succeed."""
        answer = await self.call(path, token, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def names(self, path: str, token: str, **more: str) -> set[str]:
        """Ids in a list."""
        return {one["id"] for one in (await self.get(path, token, **more))["data"]}

    async def login(
        self,
        account: int,
        app: str = "both",
        names: tuple[str, ...] = (),
        scopes: tuple[str, ...] = ALL_SCOPES,
        lifetime: timedelta = 300 * DAY,
        businesses: tuple[int, ...] = (),
    ) -> str:
        """The text of a user token after a consent of an account, now."""
        world = self.world
        targets: dict[int, int | None] = {
            world.assets[name]: world.elsewhere if name.startswith("other") else world.business for name in names
        }
        targets.update({one: one for one in businesses})
        async with world.services.store.write() as tx:
            granted = await grant.record_consent(
                tx, world.services, Consent(account, world.apps[app], scopes, (), targets), self.now
            )
            issued = await token.issue_user_token(tx, world.services, granted, self.now, lifetime=lifetime)
        return issued.text

    async def system(self, app: str, names: tuple[str, ...]) -> str:
        """The text of a system user's token."""
        new = portfolio.NewSystemUser(
            self.world.business,
            self.world.apps[app],
            "Robot",
            SCOPES,
            tuple(self.world.assets[name] for name in names),
        )
        async with self.world.services.store.write() as tx:
            made = await portfolio.add_system_user(tx, self.world.services, new, None, self.now)
        return made.token.text

    async def page_token(self, user_token: str, name: str = "page") -> str:
        """The page token that belongs to a user token."""
        found = await self.get(f"/{self.world.assets[name]}", user_token, fields="access_token")
        return str(found["access_token"])

    async def secret(self, app: str) -> str:
        """An app's secret."""
        async with self.world.services.store.read() as tx:
            row = await records.find_app(tx, self.world.apps[app])
        assert row is not None
        return self.world.services.sealer.open(row.secret, SECRET_PLACE)

    async def app_token(self, app: str) -> str:
        """``id|secret``."""
        return f"{self.world.apps[app]}|{await self.secret(app)}"

    async def stored(self, text: str) -> TokenKind:
        """The kind under which a token is stored."""
        async with self.world.services.store.read() as tx:
            row = await grants.find_token(tx, hash_secret(text))
        assert row is not None
        return TokenKind(row.kind)


def error(answer: httpx.Response) -> tuple[int, int, int | None]:
    """HTTP status, code and subcode of an error envelope; everything an envelope must have is asserted."""
    body: Mapping[str, Any] = answer.json()["error"]
    assert answer.json().keys() == {"error"}
    assert {"message", "type", "code", "fbtrace_id"} <= body.keys()
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["facebook-api-version"]
    return answer.status_code, body["code"], body.get("error_subcode")


def same_refusal(one: httpx.Response, one_id: str, other: httpx.Response, other_id: str) -> bool:
    """Whether two refusals are the same bytes apart from the trace id and the id that was asked for.

    What the token itself has lost is the same in both as it is, with whatever id was asked for in it.
    """

    def plain(answer: httpx.Response, asked: str) -> tuple[int, bytes, bytes, list[tuple[str, str]]]:
        trace = answer.headers["x-fb-trace-id"]
        lost = msgspec.json.encode(answer.json()["error"].get("error_data", {}).get("lost", []))
        body = answer.content.replace(lost, b"").replace(trace.encode(), b"").replace(asked.encode(), b"")
        own = {"x-fb-trace-id", "x-fb-request-id", "etag", "content-length"}
        return answer.status_code, lost, body, [(k, v) for k, v in answer.headers.items() if k not in own]

    return plain(one, one_id) == plain(other, other_id)
