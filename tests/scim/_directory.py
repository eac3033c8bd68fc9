"""An organization's directory: a client of its SCIM service that keeps to the wire, and looks into the database beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import Row, select
from starlette.types import Receive, Scope, Send

from tests.commands._world import BASE, T0, World
from workbadge.commands.directory_tokens import directory_address, make_scim_token
from workbadge.main import make_application
from workbadge.store import schema
from workbadge.web.clock import SettableClock
from workbadge.web.state import Site

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass
class Directory:
    """``client``: every request of it carries the credential. ``transport``: to the same application, for browsers and apps."""

    world: World
    client: httpx.AsyncClient
    clock: SettableClock
    base: str
    token: str
    site: Site
    transport: httpx.AsyncBaseTransport

    @staticmethod
    @asynccontextmanager
    async def open(world: World, organization: int | None = None) -> AsyncIterator["Directory"]:
        """With a fresh credential of an organization (the world's own)."""
        owner = world.organization if organization is None else organization
        async with world.services.store.write() as tx:
            _, token = await make_scim_token(tx, world.services, owner, "test", None, T0)
        clock = SettableClock(T0 + timedelta(minutes=1))
        site = Site(world.services, clock)
        application = make_application(site)

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await application(scope, receive, send)

        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        transport = httpx.ASGITransport(serve)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers, timeout=120) as client:
            yield Directory(world, client, clock, directory_address(world.services, owner), token, site, transport)

    def anybody(self) -> httpx.AsyncClient:
        """A further client of the same application, without a credential."""
        return httpx.AsyncClient(transport=self.transport, base_url=BASE)

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """One request."""
        return await self.client.request(method, self.base + path, json=body, **more)

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of a read that must succeed."""
        answer = await self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def add(self, who: str, **more: Any) -> dict[str, Any]:
        """Provision somebody of the verified domain."""
        answer = await self.call("POST", "/Users", self.person(who, **more))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    @staticmethod
    def person(who: str, **more: Any) -> dict[str, Any]:
        """A resource."""
        address = f"{who}@work.example"
        return {
            "schemas": [CORE],
            "userName": address,
            "displayName": who.title(),
            "emails": [{"value": address, "type": "work", "primary": True}],
            **more,
        }

    async def patch(self, path: str, *operations: dict[str, Any], status: int = 204) -> httpx.Response:
        """One PATCH, its status checked."""
        answer = await self.call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})
        assert answer.status_code == status, answer.text
        return answer

    async def find(self, text: str) -> list[Any]:
        """Users that a filter matches."""
        found: list[Any] = (await self.get("/Users", filter=text))["Resources"]
        return found

    async def account(self, wire_id: str) -> Row[Any]:
        """The account behind a user."""
        async with self.world.services.store.read() as tx:
            row = await tx.one(select(schema.account).where(schema.account.c.id == int(wire_id)))
        assert row is not None
        return row

    async def acts(self, wire_id: str) -> list[str]:
        """What the audit says of an account, in order."""
        async with self.world.services.store.read() as tx:
            rows = await tx.rows(
                select(schema.audit.c.act).where(schema.audit.c.subject_id == int(wire_id)).order_by(schema.audit.c.at)
            )
        return [row.act for row in rows]


def refusal(answer: httpx.Response, status: int, kind: str | None = None) -> str:
    """The detail of a refusal, whose form is checked (SC-35)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/scim+json")
    said = answer.json()
    assert said["schemas"] == [ERROR] and said["status"] == str(status)
    assert said.get("scimType") == kind, said
    return str(said.get("detail"))
