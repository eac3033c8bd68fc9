"""What is served is described, and what is described is served."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import schemathesis
from starlette.routing import Route

from tests.commands._world import BASE, T0, World, make_services
from tests.commands.conftest import anyio_backend, database  # noqa: F401
from workbadge.graph import described as graph
from workbadge.graph.applications import APP_CALLS
from workbadge.graph.changes import NODE_WRITES, SEAT_WRITES
from workbadge.graph.edges import NODE_EDGES, ROBOT_EDGES, USER_EDGES
from workbadge.graph.extension import BUSINESS_POSTS, EXTENSION
from workbadge.graph.page_apps import SUBSCRIBED_APPS
from workbadge.graph.parameters import PARAMETERS
from workbadge.graph.routes import APP_EDGES
from workbadge.main import make_application, make_docs
from workbadge.oauth import described as login
from workbadge.oauth.routes import OAuth
from workbadge.oauth.standards import ROUTES
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store
from workbadge.web.clock import SettableClock
from workbadge.web.openapi import document as put_together
from workbadge.web.state import Site

pytestmark = pytest.mark.anyio
WIRE_PATHS = ("/oauth/access_token", "/oauth/access_token_info", "/oauth/revoke")


@pytest.fixture
async def client(database: str) -> AsyncIterator[httpx.AsyncClient]:  # noqa: F811
    """Calls of a whole application."""
    async with open_store(StoreSettings(database, durable=False)) as store:
        world = await World(make_services(store)).build()
        application = make_application(Site(world.services, SettableClock(T0)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url=BASE) as found:
            yield found


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    """The document as it is served."""
    answer = await client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, one) for path, methods in document["paths"].items() for method, one in methods.items()
    ]


async def test_the_document_can_be_read(document: dict[str, Any]) -> None:
    """Issue 3 line 10: an OpenAPI 3.1 document of this server, each operation with its own id, tag and parameters."""
    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": BASE}])
    read = schemathesis.openapi.from_dict(document)
    found = [one.ok() for one in read.get_all_operations()]
    assert len(found) == len(_operations(document))
    ids = [one["operationId"] for _, _, one in _operations(document)]
    assert len(set(ids)) == len(ids)
    tags = {one["name"] for one in document["tags"]}
    text = json.dumps(document)
    for name in re.findall(r"#/components/schemas/([A-Za-z]+)", text):
        assert name in document["components"]["schemas"]
    for method, path, one in _operations(document):
        assert set(one["tags"]) <= tags, (method, path)
        assert one["summary"], (method, path)
        named = {each["name"] for each in one.get("parameters", []) if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), (method, path)
        for name in (scheme for each in one.get("security", []) for scheme in each):
            assert name in document["components"]["securitySchemes"]


async def test_every_route_is_described(document: dict[str, Any]) -> None:
    """House rule 24: each edge, write and endpoint of the route tables stands in the document."""
    described = {(method, path) for method, path, _ in _operations(document)}
    edges = {edge for edges in NODE_EDGES.values() for edge in edges} | set(APP_EDGES) | set(USER_EDGES)
    expected = {("GET", f"/{{id}}/{edge}") for edge in edges} | {("GET", f"/me/{edge}") for edge in USER_EDGES}
    expected |= {(method, f"/{{id}}/{edge}") for edge, methods in APP_CALLS.items() for method in methods}
    expected |= {(method, "/{id}/subscribed_apps") for method in SUBSCRIBED_APPS}
    expected |= {("POST", f"/{{id}}/{edge}") for edge in BUSINESS_POSTS}
    expected |= {(method, f"/{path}") for method, path in EXTENSION}
    every = (*NODE_WRITES.values(), *SEAT_WRITES.values())
    expected |= {(method, f"/{{id}}/{edge}".rstrip("/")) for writes in every for method, edge in writes}
    expected |= {("GET", f"/{{id}}/{edge}") for edge in ROBOT_EDGES}
    for route in ROUTES:
        path = route.path + ("{id}" if route.path.endswith("/") else "")
        expected |= {(method, path) for method in route.methods}
    assert expected <= described


async def test_every_address_of_login_is_described(document: dict[str, Any]) -> None:
    """House rule 24: every page of the login room stands in the document, but for those that only its own forms lead to; and the
    three addresses of the wire's token endpoint."""
    described = {(method, path) for method, path, _ in _operations(document)}
    served = {
        (method, one.path) for one in OAuth()._pages.routes if isinstance(one, Route) for method in one.methods or ()
    }
    served = {(method, path) for method, path in served if method != "HEAD"}
    forms = {(method, path) for path in ("/login", "/logout") for method in ("GET", "POST")}
    forms |= {("POST", one) for one in ("/dialog/step", "/login/passkey", "/login/second", "/logout/confirm")}
    assert forms <= served
    assert served - described == forms
    assert {path for _, path in described if path.startswith("/oauth/")} >= set(WIRE_PATHS)


def test_parameters_are_written_down() -> None:
    """House rule 24: whoever adds a write adds a row to graph/parameters.py; a standards endpoint, to oauth/described.py."""
    writes = {key for key in (*graph.written(), *EXTENSION) if key[0] != "GET"}
    assert writes <= set(PARAMETERS), "add what it takes, or () for nothing"
    takes = {(method, route.path) for route in ROUTES for method in route.methods if method == "POST"}
    assert takes <= set(login.PARAMETERS), "add what it takes, or () for nothing"


async def test_what_is_described_is_served(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    """No path of the document is unknown to the server, and none answers an error of its own."""
    for method, path, one in _operations(document):
        address = re.sub(r"{\w+}", "999", path)
        needed = {each["name"]: "x" for each in one.get("parameters", []) if each["required"] and each["in"] == "query"}
        for kind in one.get("requestBody", {}).get("content", {}).values():
            needed |= dict.fromkeys(kind["schema"]["required"], "x")
        answer = await client.request(method, address, params=needed)
        assert answer.status_code not in (404, 405) or path.startswith("/oauth/"), (method, path, answer.text)
        assert answer.status_code < 500, (method, path, answer.text)
        assert "Unknown path components" not in answer.text, (method, path)


async def test_the_page_for_people(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    """Issue 3 line 10: /docs names every operation and parameter, under the strict policy, with assets of this site alone."""
    answer = await client.get("/docs")
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    text = answer.text.replace("<wbr>", "")
    for method, path, one in _operations(document):
        assert f'">{method}</span> <code>{path}</code>' in text, (method, path)
        for each in one.get("parameters", []):
            assert f"<code>{each['name']}</code>" in text
    linked = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert linked
    assert not [one for one in linked if "://" in one]


async def test_nothing_else_is_there(client: httpx.AsyncClient) -> None:
    """WB-11: both addresses are read only, and what lies below them is no page."""
    for method, path, status in (
        ("POST", "/openapi.json", 405),
        ("DELETE", "/docs", 405),
        ("GET", "/docs/x", 404),
        ("GET", "/openapi.json/x", 404),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == status, (method, path)
    assert (await client.head("/docs")).status_code == 200


def test_the_same_description_twice_is_refused() -> None:
    """A path and method that two rooms describe is a fault of the program, said at once."""
    docs = make_docs()
    twice = (*docs._parts, docs._parts[0])
    with pytest.raises(ValueError, match="described twice"):
        put_together("x", "1", BASE, twice)
