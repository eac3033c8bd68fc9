"""Batch: many operations in one request, each a request of its own (wire.md §3.11, 9.17)."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import update

from tests.commands._world import T0, TICK, World
from workbadge.graph import batch as batch_module
from workbadge.keys.proof import app_secret_proof
from workbadge.store.engine import HotQuery, Store
from workbadge.store.schema import app
from workbadge.terms.instants import DAY

from ._api import Api, error

pytestmark = pytest.mark.anyio
MINE = ("page", "page2", "ads", "catalog", "pixel")
OWN = {"x-fb-trace-id", "x-fb-request-id", "etag", "content-length"}
"""Headers that differ between two answers with the same content: each body holds its own trace."""

Operations = list[dict[str, Any]]


async def emil(api: Api, app: str = "both") -> str:
    """A token of an employee who chose every asset and the business."""
    return await api.login(api.world.people["emil"], app, MINE, businesses=(api.world.business,))


async def send(api: Api, operations: Any, token: str | None, path: str = "/", **more: str) -> httpx.Response:
    """A batch as a form."""
    form = {"batch": operations if isinstance(operations, str) else json.dumps(operations), **more}
    return await api.client.post(path, data=form if token is None else {**form, "access_token": token})


async def run(api: Api, operations: Operations, token: str | None, **more: str) -> list[Any]:
    """Answers of a batch that is right as a whole; bodies are decoded, as ``(code, body)`` or None."""
    answer = await send(api, operations, token, **more)
    assert answer.status_code == 200, answer.text
    return [None if one is None else (one["code"], json.loads(one["body"])) for one in answer.json()]


def reads(*urls: str) -> Operations:
    """Reading operations."""
    return [{"method": "GET", "relative_url": url} for url in urls]


async def test_form_and_json(api: Api) -> None:
    """wire 9.17: batch in a form and in JSON, at /, /vN.N, /vN.N/; relative_url with and without version and slash."""
    token, page = await emil(api), str(api.world.assets["page"])
    urls = (
        page,
        f"/{page}",
        f"v20.0/{page}",
        f"/v20.0/{page}/",
        f"{page}?fields=name",
        f"/?ids={page}",
        f"?ids={page}",
    )
    for path in ("/", "/v26.0", "/v26.0/"):
        body = {"batch": reads(*urls), "access_token": token}
        for answer in (await send(api, reads(*urls), token, path), await api.client.post(path, json=body)):
            assert answer.status_code == 200, answer.text
            assert [one["code"] for one in answer.json()] == [200] * len(urls)
            found = [json.loads(one["body"]) for one in answer.json()]
            assert [one.get("id") or one[page]["id"] for one in found] == [page] * len(urls)
            versions = [_headers(one)["facebook-api-version"] for one in answer.json()]
            assert versions == ["v26.0", "v26.0", "v20.0", "v20.0", "v26.0", "v26.0", "v26.0"]
    old = await send(api, reads(page), token, "/v19.0")
    assert _headers(old.json()[0])["facebook-api-version"] == "v19.0"
    query = urlencode({"access_token": token, "batch": json.dumps(reads(page))})
    assert (await api.client.post(f"/?{query}")).json()[0]["code"] == 200


def _headers(one: Mapping[str, Any]) -> dict[str, str]:
    assert all(set(pair) == {"name", "value"} for pair in one["headers"])
    return {pair["name"].lower(): pair["value"] for pair in one["headers"]}


async def test_each_answer_is_the_single_one(api: Api) -> None:
    """wire 9.17: code, headers and body are those of the single request, also of a refused one; HTTP 200 all the same."""
    token, assets = await emil(api), api.world.assets
    urls = (
        f"{assets['page']}",
        f"{assets['other']}",
        f"{assets['page']}?fields=nope",
        "me/accounts?limit=1",
        "v99.0/me",
    )
    answer = await send(api, reads(*urls), token)
    assert answer.status_code == 200
    for url, one in zip(urls, answer.json(), strict=True):
        single = await api.call(f"/{url}", token) if "?" not in url else await _with_query(api, url, token)
        assert one["code"] == single.status_code
        assert _plain(one["body"], _headers(one)) == _plain(single.text, single.headers), url
        inside, alone = _headers(one), {k.lower(): v for k, v in single.headers.items()}
        assert {k: v for k, v in inside.items() if k not in OWN} == {k: v for k, v in alone.items() if k not in OWN}
    names = [pair["name"] for pair in answer.json()[0]["headers"]]
    assert {"Content-Type", "ETag", "Cache-Control", "facebook-api-version"} <= set(names)
    bare = await send(api, reads(*urls), token, include_headers="false")
    assert all(set(one) == {"code", "body"} for one in bare.json())


async def _with_query(api: Api, url: str, token: str) -> httpx.Response:
    return await api.client.get(f"/{url}&access_token={token}")


def _plain(body: str, headers: Mapping[str, str]) -> Any:
    """A body without what is its own: its trace, and cursors, which are sealed anew each time."""
    found = json.loads(body.replace(headers["x-fb-trace-id"], ""))
    found.pop("paging", None)
    return found


async def test_own_tokens_and_the_fallback(api: Api) -> None:
    """wire 9.3, MT-03: each operation is decided by its own token, wherever it sits, else by the batch's; with none: 104."""
    token, other = await emil(api), await api.login(api.world.people["paul"], "both", ("page",))
    page, ads = api.world.assets["page"], api.world.assets["ads"]
    ways: Operations = [
        {"relative_url": f"{ads}"},
        {"relative_url": f"{ads}", "access_token": other},
        {"relative_url": f"{ads}?access_token={other}"},
        {"relative_url": f"{ads}", "headers": {"Authorization": f"Bearer {other}"}},
        {"relative_url": f"{ads}", "headers": [{"name": "authorization", "value": f"Bearer {other}"}]},
        {"relative_url": f"{ads}", "headers": [f"Authorization: Bearer {other}"]},
        {"relative_url": f"{page}", "access_token": other},
        {"relative_url": f"{page}/feed", "method": "POST", "body": urlencode({"message": "x", "access_token": other})},
        {"relative_url": f"{page}?access_token={other}", "access_token": token},
        {"relative_url": f"{page}", "access_token": "EAAgarbage"},
    ]
    for one in ways:
        one.setdefault("method", "GET")
    found = await run(api, ways, token)
    assert [one[0] for one in found] == [200, 400, 400, 400, 400, 400, 200, 200, 400, 400]
    assert found[8][1]["error"]["message"] == "(#100) Two different access_token parameters were sent."
    assert found[9][1]["error"]["code"] == 190
    bare = await run(api, ways[:2] + reads("me"), None)
    assert [one[1]["error"]["code"] for one in bare] == [104, 100, 2500]


async def test_proof_of_each_token(api: Api) -> None:
    """wire 9.18: the batch's appsecret_proof goes with the batch's token; an operation's own token needs its own."""
    token, other = await emil(api), await api.login(api.world.people["selma"], "both", MINE)
    page, secret = f"{api.world.assets['page']}", await api.secret("both")
    right, wrong = app_secret_proof(secret, token), app_secret_proof(secret, other)
    operations = [
        *reads(page, f"{page}?appsecret_proof={wrong}", f"{page}?access_token={token}"),
        {"method": "GET", "relative_url": page, "access_token": other},
        {"method": "GET", "relative_url": f"{page}?appsecret_proof={wrong}", "access_token": other},
    ]
    assert [one[0] for one in await run(api, operations, token, appsecret_proof=right)] == [200, 400, 200, 200, 200]
    assert [one[0] for one in await run(api, operations, token, appsecret_proof=wrong)] == [400, 400, 400, 200, 200]
    await _require_proof(api)
    assert [one[0] for one in await run(api, operations, token, appsecret_proof=right)] == [200, 400, 200, 400, 200]
    assert [one[0] for one in await run(api, operations, token)] == [400, 400, 400, 400, 200]


async def _require_proof(api: Api) -> None:
    async with api.world.services.store.write() as tx:
        await tx.run(update(app).where(app.c.id == api.world.apps["both"]).values(require_proof=1))


async def test_references(api: Api) -> None:
    """wire 9.17: {result=name:$.path} in relative_url and body, plain or percent-encoded; lists joined by commas."""
    token, assets = await emil(api), api.world.assets
    pages = {str(assets["page"]), str(assets["page2"])}
    operations = [
        {"method": "GET", "relative_url": "me/accounts?fields=id", "name": "pages", "omit_response_on_success": False},
        *reads("?ids={result=pages:$.data.*.id}", "{result=pages:$.data[0].id}?fields=name"),
        *reads("?ids=%7Bresult%3Dpages%3A%24.data%5B*%5D.id%7D", "v20.0/{result=pages:$['data'][1]['id']}"),
        {
            "method": "POST",
            "relative_url": f"{assets['page']}/feed",
            "body": "message=See+{result=pages:$.data[0].id}!",
        },
        {
            "method": "POST",
            "relative_url": f"{assets['page']}/feed",
            "body": urlencode({"message": "{result=pages:$}"}),
        },
        *reads(f"{assets['page']}/feed?fields=message"),
    ]
    found = await run(api, operations, token)
    assert [one[0] for one in found] == [200] * len(operations)
    listed = [one["id"] for one in found[0][1]["data"]]
    assert set(listed) == pages
    assert set(found[1][1]) == set(found[3][1]) == pages
    assert (found[2][1]["id"], found[4][1]["id"]) == (listed[0], listed[1])
    messages = {one["message"] for one in found[7][1]["data"]}
    assert f"See {listed[0]}!" in messages
    assert any(json.loads(one)["data"][0]["id"] == listed[0] for one in messages if one.startswith("{"))


async def test_a_token_may_be_referred_to(api: Api) -> None:
    """wire 9.17: an operation may act by the page token that another one has read."""
    token, page = await emil(api), f"{api.world.assets['page']}"
    operations = [
        {"method": "GET", "relative_url": f"{page}?fields=access_token", "name": "p"},
        *reads("me?access_token={result=p:$.access_token}"),
    ]
    omitted, me = await run(api, operations, token)
    assert omitted is None
    assert me == (200, {"id": page, "name": "page"})


async def test_dependencies(api: Api) -> None:
    """wire 9.17: what depends on a failed operation is null and does not run; omitted successes are null, failures never."""
    token, page = await emil(api), f"{api.world.assets['page']}"
    good = {"method": "GET", "relative_url": page, "name": "good"}
    bad = {"method": "GET", "relative_url": "1", "name": "bad"}
    write = {"method": "POST", "relative_url": f"{page}/feed", "body": "message=x"}
    operations = [
        good,
        {**bad, "omit_response_on_success": True},
        {**write, "depends_on": "bad"},
        {**write, "depends_on": ["good", "bad"], "name": "third"},
        {**write, "depends_on": "third"},
        {**write, "body": "message={result=bad:$.id}"},
        {**write, "depends_on": "good"},
        {**write, "omit_response_on_success": True},
        {**write, "omit_response_on_success": "false", "name": "alone"},
        {**write, "name": "nobody's"},
        {**write, "depends_on": "ghost"},
        {**write, "depends_on": "later"},
        {**good, "name": "later", "omit_response_on_success": False},
    ]
    codes = [one and one[0] for one in await run(api, operations, token)]
    assert codes == [None, 400, None, None, None, None, 200, None, 200, 200, 400, 400, 200]
    assert len((await api.get(f"/{page}/feed", token))["data"]) == 4


async def test_references_carry_nothing_else(api: Api) -> None:
    """MT-03: an answer put into another operation adds no parameter, leaves no path segment, breaks no JSON."""
    token, page = await emil(api), f"{api.world.assets['page']}"
    evil = 'x&access_token=EAAx&method=delete"],"/../permissions?'
    made = await api.client.post(f"/{page}/feed", data={"message": evil, "access_token": token})
    post = made.json()["id"]
    first = {"method": "GET", "relative_url": f"{post}?fields=message", "name": "post"}
    operations = [
        first,
        {"method": "POST", "relative_url": f"{page}/feed", "body": "message={result=post:$.message}"},
        *reads("me/{result=post:$.message}", "{result=post:$.message}", "me?fields={result=post:$.message}"),
        {"method": "POST", "relative_url": f"{page}/feed", "body": 'message=["{result=post:$.message}"]'},
        *reads(
            "{result=post:$..message}", "{result=post:$.data[?(@.x)]}", "{result=post:$.none}", "{result=post:$.a", "x{"
        ),
    ]
    found = await run(api, operations, token)
    assert [one and one[0] for one in found][:6] == [None, 200, 400, 400, 400, 200]
    assert all(one[0] in (400, 404) for one in found[6:])
    messages = [one["message"] for one in (await api.get(f"/{page}/feed", token))["data"]]
    assert sorted(messages) == sorted([evil, evil, json.dumps([evil])])
    assert (await api.get("/me", token))["name"] == "Emil"


async def test_what_is_not_a_batch(api: Api) -> None:
    """wire 9.17, MT-03: 51 operations, none, no array, no objects, two equal names are refused as a whole, and say why."""
    token, page = await emil(api), f"{api.world.assets['page']}"
    assert len(await run(api, reads(*[page] * 50), token)) == 50
    for wrong, says in (
        (reads(*[page] * 51), "A batch takes 1 to 50 operations, this one has 51."),
        ([], "A batch takes 1 to 50 operations, this one has 0."),
        ("nonsense", "must be a JSON array"),
        ("{}", "must be a JSON array"),
        ("[" * 5000, "must be a JSON array"),
        ('["me"]', "each an object"),
        ([{"relative_url": "me", "name": "a"}, {"relative_url": "me", "name": "a"}], "the same name"),
    ):
        answer = await send(api, wrong, token)
        assert error(answer) == (400, 100, None)
        assert says in answer.json()["error"]["message"]
    assert error(await api.call("/", token, "POST")) == (400, 2500, None)


async def test_what_is_not_an_operation(api: Api) -> None:
    """wire 9.17: an operation that cannot be read is refused alone: nested batch, files, a host, wrong types, methods."""
    token, page = await emil(api), f"{api.world.assets['page']}"
    inner = urlencode({"batch": json.dumps(reads(page))})
    operations: Operations = [
        {"method": "POST", "relative_url": "", "body": inner},
        {"method": "POST", "relative_url": f"v26.0/?{inner}"},
        {"method": "POST", "relative_url": f"{page}/feed", "body": "message=x", "attached_files": "file1"},
        *reads(f"https://evil.example/{page}", "//evil.example/x"),
        {"method": "GET"},
        {"method": "GET", "relative_url": 5},
        {"method": "POST", "relative_url": f"{page}/feed", "body": {"message": "x"}},
        {"method": "PATCH", "relative_url": page},
        {"method": "GET", "relative_url": f"{page}?fields=name", "future": {"unknown": 1}},
    ]
    found = await run(api, operations, token)
    assert [one[0] for one in found] == [400] * 4 + [400, 400, 400, 400, 405, 200]
    messages = [one[1].get("error", {}).get("message", "") for one in found]
    assert messages[0] == messages[1] == "(#100) A batch cannot hold another batch."
    assert "attached_files" in messages[2]
    assert "relative_url" in messages[3]
    assert (await api.get(f"/{page}/feed", token))["data"] == []


async def test_writes_in_order(api: Api) -> None:
    """wire 9.17: writes run in order, each in a transaction of its own; what follows sees them, what fails undoes nothing."""
    token, page = await emil(api), f"{api.world.assets['page']}"
    post = {"method": "POST", "relative_url": f"{page}/feed"}
    operations = [
        {**post, "body": "message=one"},
        {**post, "body": "message="},
        *reads(f"{page}/feed?fields=message"),
        {**post, "body": "message=two"},
        *reads(f"{page}/feed?fields=message"),
        {**post, "body": "message=three", "headers": {"Idempotency-Key": "k"}},
        {**post, "body": "message=three", "headers": {"Idempotency-Key": "k"}},
    ]
    found = await run(api, operations, token)
    assert [one[0] for one in found] == [200, 400, 200, 200, 200, 200, 200]
    assert [one["message"] for one in found[2][1]["data"]] == ["one"]
    assert sorted(one["message"] for one in found[4][1]["data"]) == ["one", "two"]
    assert found[5][1] == found[6][1]


async def test_a_right_taken_in_the_batch_is_gone_in_it(api: Api) -> None:
    """MT-03, I7: what was read ahead does not outlive a write of the batch, also for another token of the same person."""
    token = await emil(api)
    again, page = await emil(api), f"{api.world.assets['page']}"
    reading = [
        *reads(page, f"{api.world.business}", "me"),
        {"method": "GET", "relative_url": page, "access_token": again},
    ]
    operations = [*reading, {"method": "DELETE", "relative_url": "me/permissions"}, *reading]
    found = await run(api, operations, token)
    assert [one[0] for one in found[:5]] == [200] * 5
    assert [one[1]["error"]["code"] for one in found[5:]] == [190] * 4


async def test_the_cut_off_inside_a_batch(api: Api) -> None:
    """AC-32: in grace a batch reaches what it reached before, one microsecond before the cut-off too, and at it no more."""
    token, world = await emil(api), api.world
    urls = [f"{world.assets[name]}?fields=user_access_expire_time" for name in MINE]
    await world.start("emil")
    await world.confirm(await world.link("emil"), "emil", T0 + DAY)
    end = T0 + 31 * DAY
    for now, code in ((end - TICK, 200), (end, 400), (end + TICK, 400)):
        api.now = now
        assert [one[0] for one in await run(api, reads(*urls), token)] == [code] * len(urls)


async def test_time_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """wire 9.17: operations that were not begun in time are null, so that a client asks for them again."""
    monkeypatch.setattr(batch_module, "SECONDS", 0.0)
    token, page = await emil(api), f"{api.world.assets['page']}"
    write = {"method": "POST", "relative_url": f"{page}/feed", "body": "message=x"}
    assert await run(api, [*reads(page), write], token) == [None, None]
    assert (await api.get(f"/{page}/feed", token))["data"] == []


class Counting:
    """A store that counts its prepared reads outside transactions."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Count and read."""
        self.reads += 1
        return await self._inner.hot(query, params)


async def test_facts_are_read_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 3, line 3: fifty reads of one token take one read of the facts for all assets and one for all businesses."""
    monkeypatch.setattr(batch_module, "KEPT_SECONDS", 60.0)  # the machine may be slow
    store = Counting(world.services.store)
    async with Api.open(world.through(store)) as api:  # type: ignore[arg-type]
        token, assets = await emil(api), api.world.assets
        urls = [f"{assets[MINE[n % 5]]}?fields=name" for n in range(49)]
        store.reads = 0
        assert [one[0] for one in await run(api, reads(*urls, f"{world.business}"), token)] == [200] * 50
        assert store.reads == 2
