"""Writes and odd bodies: what is created, what is refused, and that nothing that arrives is an error 500."""

import json

import pytest

from tests.commands._world import T0
from workbadge.web.wire import BODY_LIMIT

from ._api import Api, error

pytestmark = pytest.mark.anyio


async def emil(api: Api) -> str:
    """A token of an employee who chose a page."""
    return await api.login(api.world.people["emil"], "both", ("page",))


async def test_writes_answer_objects(api: Api) -> None:
    """A write by form, JSON or query answers an object with the new id; an `id` in the body is ignored (9.19, 9.20)."""
    token, page = await emil(api), str(api.world.assets["page"])
    feed, client = f"/v26.0/{page}/feed/", api.client
    for number, answer in enumerate(
        (
            await client.post(feed, data={"message": "form", "access_token": token}),
            await client.post(feed, json={"message": "json", "access_token": token, "id": "1", "n": 1, "l": [1]}),
            await client.post(feed, params={"message": "query", "access_token": token}),
            await client.post(feed, params={"access_token": token}, data={"message": "both", "id": "1"}),
            await client.post(feed, json={"message": "héllo 🚀"}, headers={"authorization": f"Bearer {token}"}),
        )
    ):
        assert answer.status_code == 200, (number, answer.text)
        assert set(answer.json()) == {"id"}
        assert answer.json()["id"].startswith(f"{page}_")
    posts = (await api.get(feed, token))["data"]
    assert {one["message"] for one in posts} == {"form", "json", "query", "both", "héllo 🚀"}
    assert {one["created_time"] for one in posts} == {T0.strftime("%Y-%m-%dT%H:%M:%S+0000")}


async def test_writes_that_are_refused(api: Api) -> None:
    """A write without a message, without the scope, or where nothing can be written says so (§3.10, §3.12)."""
    token, world = await emil(api), api.world
    feed = f"/{world.assets['page']}/feed"
    for message in ("", " ", "x" * 63_207):
        assert error(await api.client.post(feed, data={"message": message, "access_token": token})) == (400, 100, None)
    assert error(await api.call(feed, token, "POST")) == (400, 100, None)
    assert error(await api.call(f"/{world.assets['page']}", token, "POST")) == (400, 100, 33)
    assert error(await api.call(f"/{world.assets['page']}/shoes", token, "POST")) == (400, 100, 33)
    assert error(await api.call("/me", token, "DELETE")) == (400, 100, 33)
    assert (await api.call(feed, token, "PUT")).status_code == 405
    assert (await api.call(feed, token, "PATCH")).status_code == 405
    reader = await api.login(world.people["bob"], "both", ("page",), ("pages_show_list",))
    answer = await api.call(feed, reader, "POST", message="x")
    assert error(answer) == (403, 200, None)
    assert (await api.get(feed, token)) == {"data": []}


async def test_method_override(api: Api) -> None:
    """`method` and `_method` make a POST a DELETE or a GET, and never a GET a write (§3.10)."""
    token = await emil(api)
    for key in ("method", "_method"):
        for text in ("get", "GET"):
            answer = await api.client.post("/me", data={key: text, "access_token": token})
            assert set(answer.json()) == {"id", "name"}
    for text in ("delete", "DELETE", "post"):
        answer = await api.client.get("/me/permissions", params={"access_token": token, "method": text})
        assert "data" in answer.json(), "a link cannot take an app off"
    gone = await api.client.post("/me/permissions/email", json={"_method": "delete", "access_token": token})
    assert gone.json() == {"success": True}
    assert (await api.call("/me", token, "GET")).status_code == 200


DEEP = 100_000
BODIES: list[tuple[str, bytes]] = [
    ("deep list", b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    ("deep object", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    ("too large", b'{"a":"' + b"x" * BODY_LIMIT + b'"}'),
    ("1e400", b'{"a":1e400}'),
    ("NaN", b'{"a":NaN}'),
    ("Infinity", b'{"a":-Infinity}'),
    ("lone surrogate", b'{"a":"\\ud800"}'),
    ("BOM", b'\xef\xbb\xbf{"a":1}'),
    ("UTF-16", '{"a":1}'.encode("utf-16")),
    ("invalid UTF-8", b'{"a":"\xff"}'),
    ("trailing bytes", b'{"a":1} x'),
    ("two values", b"{}{}"),
    ("single quotes", b"{'a':1}"),
    ("comment", b'{"a":1/*x*/}'),
    ("cut off", b'{"a":'),
    ("a list", b"[1]"),
    ("a text", b'"a"'),
    ("null", b"null"),
    ("raw NUL", b'{"a":"\x00"}'),
]


async def test_odd_json_is_an_error_of_the_dialect(api: Api) -> None:
    """JSON that is too deep, too large, not JSON or not an object is refused with 400 or 413, never 500 (WB-12)."""
    token = await emil(api)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    for title, body in BODIES:
        for path in ("/me", f"/{api.world.assets['page']}/feed"):
            answer = await api.client.post(path, content=body, headers=headers)
            status, code, _ = error(answer)
            assert (status, code) == (413 if title == "too large" else 400, 100), (title, answer.text[:200])
    assert (await api.get(f"/{api.world.assets['page']}/feed", token)) == {"data": []}


async def test_json_values_are_kept_as_they_were_written(api: Api) -> None:
    """Big integers are never turned into floats; other values arrive as JSON text (WB-12)."""
    token, feed = await emil(api), f"/{api.world.assets['page']}/feed"
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    for body, message in (
        (b'{"message":12345678901234567}', "12345678901234567"),
        (b'{"message":18446744073709551615}', "18446744073709551615"),
        (b'{"message":123456789012345678901234567890}', "123456789012345678901234567890"),
        (b'{"message":-0}', "0"),
        (b'{"message":true}', "true"),
        (b'{"message":{"a":[1,null]}}', '{"a":[1,null]}'),
    ):
        answer = await api.client.post(feed, content=body, headers=headers)
        assert answer.status_code == 200, (body, answer.text)
        post = answer.json()["id"]
        found = {one["id"]: one["message"] for one in (await api.get(feed, token))["data"]}
        assert found[post] == message, body
    huge = b'{"message":' + b"9" * 100_000 + b"}"
    assert error(await api.client.post(feed, content=huge, headers=headers)) == (400, 100, None)
    assert error(await api.client.post(feed, content=b'{"message":null}', headers=headers)) == (400, 100, None)


async def test_odd_texts(api: Api) -> None:
    """NUL, control characters, odd percent signs and a million keys are stored or refused, never a 500 (WB-12)."""
    token, feed = await emil(api), f"/{api.world.assets['page']}/feed"
    for message in ("a\x00b", "\x01\x7f", "\u202e", "\ufffe", "\U0010ffff", "%", "%00"):
        for answer in (
            await api.client.post(feed, json={"message": message, "access_token": token}),
            await api.client.post(feed, data={"message": message, "access_token": token}),
        ):
            assert answer.status_code in (200, 400), message
            assert ("\x00" not in message) or error(answer) == (400, 100, None)
    client = api.client
    for query in (f"access_token={token}&fields=%", f"access_token={token}&%=%&&&==", f"access_token={token}&a=%ff%00"):
        answer = await client.get(f"/me?{query}")
        assert answer.status_code in (200, 400), query
    many = "&".join(["a=1"] * 501)
    assert error(await client.get(f"/me?{many}&access_token={token}")) == (400, 100, None)
    assert error(await client.post("/me", content=many.encode() + b"&b=%20")) == (400, 100, None)
    for key in ("limit", "after", "before", "summary", "ids", "permission", "input_token"):
        for value in ("\x00", "é", "{", "9" * 3000):
            for path in ("/me/accounts", "/me/permissions", "/debug_token"):
                answer = await api.call(path, token, "GET", **{key: value})
                assert answer.status_code in (200, 400), (path, key, value)
    keys = json.dumps({f"k{number}": 1 for number in range(50_000)}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    assert error(await client.post(feed, content=keys, headers=headers)) == (400, 100, None)


async def test_odd_forms(api: Api) -> None:
    """Form bodies that are not text, multipart without a boundary and unknown content types are errors, not 500 (WB-14)."""
    token = await emil(api)
    bearer = {"authorization": f"Bearer {token}"}
    for content_type, body in (
        ("application/x-www-form-urlencoded", b"a=\xff\xfe"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=" + "x" * 201, b"--x--"),
        ("application/json; charset=utf-16", b"\xff\xfe"),
    ):
        answer = await api.client.post("/me", content=body, headers={**bearer, "content-type": content_type})
        assert error(answer) == (400, 100, None), content_type
    twice = await api.client.get(f"/me?fields=id&fields=name&access_token={token}")
    assert set(twice.json()) == {"id", "name"}, "the last one counts"
    body_wins = await api.client.post(
        "/me", params={"fields": "nonsense", "access_token": token}, data={"fields": "name", "method": "get"}
    )
    assert set(body_wins.json()) == {"id", "name"}
