"""The control API describes itself, from the routes that it has."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis

from tests._sandbox import Sandbox, running_sandbox
from workbadge.sandbox import requests
from workbadge.sandbox.control import Control
from workbadge.sandbox.requests import body_of


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A world."""
    with running_sandbox() as found:
        yield found


@pytest.fixture(scope="module")
def document(sandbox: Sandbox) -> dict[str, Any]:
    """The document as it is served: without a token."""
    answer = httpx.get(sandbox.about["control_url"] + "/openapi.json", trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


TABLE = Control(None, "").table()  # type: ignore[arg-type]
"""No call is made of it."""


def _operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): one for path, methods in document["paths"].items() for method, one in methods.items()
    }


def test_every_call_is_described(sandbox: Sandbox, document: dict[str, Any]) -> None:
    """Issue 3 line 10: an OpenAPI 3.1 document of the control API alone, at its own address: exactly the calls of its table, with the
    members of each body, which of them are needed, and the token."""
    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": sandbox.about["control_url"]}])
    operations = _operations(document)
    assert set(operations) == {(method, path) for method, path, _ in TABLE}
    read = schemathesis.openapi.from_dict(document)
    assert len([one.ok() for one in read.get_all_operations()]) == len(operations)
    for method, path, handler in TABLE:
        one, kind = operations[method, path], body_of(handler)
        assert one["summary"] and one["security"] == [{"control_token": []}], path
        assert (kind is None) == ("requestBody" not in one), path
        if kind is not None:
            schema = one["requestBody"]["content"]["application/json"]["schema"]
            fields = msgspec.structs.fields(kind)
            assert list(schema["properties"]) == [each.name for each in fields]
            assert schema["required"] == [each.name for each in fields if each.required]
    for name in re.findall(r"#/components/schemas/(\w+)", msgspec.json.encode(document).decode()):
        assert name in document["components"]["schemas"]
    kinds = {one for one in vars(requests).values() if isinstance(one, type) and issubclass(one, requests.Body)}
    described = {body_of(handler) for _, _, handler in TABLE} - {None}
    assert {one.__name__ for one in kinds - described} == {"Body", "NewMember"}


def test_what_is_described_is_served_and_guarded(sandbox: Sandbox, document: dict[str, Any]) -> None:
    """WB-11: each call of the document is there, refuses whoever has no token, and answers an empty body with 4xx in its own form."""
    url, token = sandbox.about["control_url"], {"authorization": f"Bearer {sandbox.about['control_token']}"}
    with httpx.Client(trust_env=False) as client:
        for method, path in _operations(document):
            address = url + re.sub(r"{\w+}", "999", path)
            assert client.request(method, address, json={}).status_code == 401, path
            answer = client.request(method, address, json={}, headers=token)
            assert answer.status_code < 500 and answer.status_code != 405, (path, answer.text)
            assert "No such call" not in answer.text, path
        assert client.post(url + "/openapi.json").status_code == 405
        assert client.get(url + "/docs/x", headers=token).status_code == 404


def test_the_page_for_people(sandbox: Sandbox, document: dict[str, Any]) -> None:
    """Issue 3 line 10: /docs below the control address names every call and member; what it loads is there."""
    url = sandbox.about["control_url"]
    with httpx.Client(trust_env=False) as client:
        answer = client.get(url + "/docs")
        assert answer.status_code == 200 and "unsafe" not in answer.headers["content-security-policy"]
        text = answer.text.replace("<wbr>", "")
        for (method, path), one in _operations(document).items():
            assert f'">{method}</span> <code>{path}</code>' in text, path
            body = one.get("requestBody", {"content": {"application/json": {"schema": {"properties": {}}}}})
            for name in body["content"]["application/json"]["schema"]["properties"]:
                assert f"<code>{name}</code>" in text, (path, name)
        linked = re.findall(r'(?:src|href)="([^"#]+)"', text)
        assert "/control/openapi.json" in linked
        for one in linked:
            assert client.get(httpx.URL(url).join(one)).status_code == 200, one
