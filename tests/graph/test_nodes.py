"""Nodes, edges, fields, paging, tokens and writes as a client of the Graph dialect meets them."""

import httpx
import pytest

from tests.commands._world import BASE, T0
from workbadge.graph.errors import TABLE
from workbadge.terms.reasons import Reason

from ._api import Api, error

pytestmark = pytest.mark.anyio
PAGES = ("page", "page2")
MINE = ("page", "page2", "ads", "catalog", "pixel")


async def emil(api: Api, app: str = "both") -> str:
    """A token of an employee who chose every asset and the business."""
    world = api.world
    return await api.login(world.people["emil"], app, MINE, businesses=(world.business,))


def test_every_reason_reads_as_an_error() -> None:
    """Every reason of a decision has one row in the table of errors (house rule 14)."""
    assert set(TABLE) == set(Reason)


async def test_fields_grammar(api: Api) -> None:
    """Fields nest, take modifiers and aliases; blanks and outer commas mean nothing (9.15)."""
    token, world = await emil(api), api.world
    me = await api.get("/me", token, fields="id,name,accounts.limit(1).as(pages){id,tasks}")
    assert set(me) == {"id", "name", "pages"}
    assert len(me["pages"]["data"]) == 1
    assert set(me["pages"]["data"][0]) == {"id", "tasks"}
    page = await api.get(f"/{world.assets['page']}", token, fields="business{id,name}")
    assert page["business"] == {"id": str(world.business), "name": "Harbour"}
    ads = await api.get("/me", token, fields="adaccounts{id,user_access_expire_time}")
    assert ads["adaccounts"]["data"] == [{"id": f"act_{world.assets['ads']}"}]
    assert await api.get("/me", token, fields=" ,name , ") == {"name": "Emil", "id": me["id"]}
    nested = await api.get(
        "/me", token, fields="businesses{owned_pages.limit(1).summary(true){id},business_users{name}}"
    )
    business = nested["businesses"]["data"][0]
    assert business["owned_pages"]["summary"] == {"total_count": 2}
    assert len(business["owned_pages"]["data"]) == 1


BAD_FIELDS = [
    ("id,,name", 2500),
    ("id{", 2500),
    ("id}", 2500),
    ("accounts.limit", 2500),
    ("accounts.limit(3", 2500),
    ("accounts.bogus(3)", 2500),
    ("accounts.limit(x)", 100),
    ("accounts.limit(-1)", 100),
    ("nein", 100),
    ("accounts{nein}", 100),
    ("accounts{" * 7 + "id" + "}" * 7, 100),
    (",".join(["id"] * 201), 100),
    ("n" * 8001, 100),
    ("na\x00me", 2500),
    ("naïve", 2500),
]


async def test_fields_that_cannot_be_answered(api: Api) -> None:
    """Syntax errors are 2500, unknown fields and excess are 100, all with HTTP 400 (9.15, MT-02)."""
    token = await emil(api)
    for fields, code in BAD_FIELDS:
        assert error(await api.call("/me", token, fields=fields)) == (400, code, None), fields


async def test_unknown_field_names_field_and_type(api: Api) -> None:
    """An unknown field answers "(#100) Tried accessing nonexisting field (f) on node type (T)" (wire.md §2.1)."""
    token, world = await emil(api), api.world
    for path, name in (
        ("/me", "User"),
        (f"/{world.assets['page']}", "Page"),
        (f"/act_{world.assets['ads']}", "AdAccount"),
        (f"/{world.assets['catalog']}", "ProductCatalog"),
        (f"/{world.assets['pixel']}", "AdsPixel"),
        (f"/{world.business}", "Business"),
        (f"/{world.apps['both']}", "Application"),
    ):
        answer = await api.call(path, token, fields="id,shoe")
        assert error(answer) == (400, 100, None)
        assert answer.json()["error"]["message"] == (
            f"(#100) Tried accessing nonexisting field (shoe) on node type ({name})"
        )
    assert error(await api.call("/me/shoes", token)) == (400, 100, None)


async def test_default_fields(api: Api) -> None:
    """Empty fields mean the default ones, and a profile leaves out what is not kept (§3.4, 9.15)."""
    token = await emil(api)
    plain = await api.get("/me", token)
    assert set(plain) == {"id", "name"}
    assert await api.get("/me", token, fields="") == plain
    asked = "id,email,name,first_name,last_name,verified,locale,timezone,link,gender,updated_time"
    assert set(await api.get("/me", token, fields=asked)) == {"id", "email", "name", "first_name", "locale"}
    bare = await api.login(api.world.people["selma"], scopes=("public_profile",))
    assert "email" not in await api.get("/me", bare, fields=asked)
    assert str(api.world.people["emil"]) != plain["id"], "people are known to apps by scoped ids only"
    other = await api.get("/me", await emil(api, "tokens"))
    assert other["id"] != plain["id"]


async def test_many_ids(api: Api) -> None:
    """?ids= answers a map, on nodes and on edges; one bad id fails all (9.16, MT-03)."""
    token, world = await emil(api), api.world
    one, two = (str(world.assets[name]) for name in PAGES)
    found = await api.get("/", token, ids=f"{one}, {two},{one}", fields="name")
    assert found == {one: {"name": "page", "id": one}, two: {"name": "page2", "id": two}}
    feeds = await api.get("/feed", token, ids=f"{one},{two}")
    assert feeds == {one: {"data": []}, two: {"data": []}}
    assert error(await api.call("/", token, ids=f"{one},{world.assets['other']}")) == (400, 100, 33)
    assert error(await api.call("/", token, ids=f"{one},nobody")) == (404, 803, None)
    assert error(await api.call("/", token, ids=" , ")) == (400, 100, None)
    assert error(await api.call("/", token, ids=",".join(str(n) for n in range(51)))) == (400, 100, None)
    assert error(await api.call("/", None, ids=one)) == (400, 104, None)


async def test_paging(api: Api) -> None:
    """`next` is absolute, carries the token, and works exactly as given, as does `previous` (9.16)."""
    token, world = await emil(api), api.world
    for number in range(5):
        api.now = T0.replace(second=number)
        await api.call(f"/{world.assets['page']}/feed", token, "POST", message=f"m{number}")
    feed = f"/v24.0/{world.assets['page']}/feed"
    page = await api.get(feed, token, limit="2", fields="message", summary="true")
    assert page["summary"] == {"total_count": 5}
    assert "previous" not in page["paging"]
    seen = [[one["message"] for one in page["data"]]]
    while "next" in page["paging"]:
        address = page["paging"]["next"]
        assert address.startswith(f"{BASE}{feed}?")
        assert httpx.URL(address).params["access_token"] == token
        page = (await api.client.get(address)).json()
        seen.append([one["message"] for one in page["data"]])
        assert page["summary"] == {"total_count": 5}
    assert seen == [["m4", "m3"], ["m2", "m1"], ["m0"]]
    back = []
    while "previous" in page["paging"]:
        page = (await api.client.get(page["paging"]["previous"])).json()
        back.append([one["message"] for one in page["data"]])
    assert back == [["m2", "m1"], ["m4", "m3"]]


async def test_limits(api: Api) -> None:
    """A limit is a whole number, clamped to 1..100; without links when all is shown (§3.9)."""
    token = await emil(api)
    for limit, count in (("", 2), ("0", 1), ("1", 1), ("100", 2), ("101", 2), ("999999999", 2)):
        assert len((await api.get("/me/accounts", token, limit=limit))["data"]) == count, limit
    for limit in ("-1", "x", "1.5", "²", "9999999999"):
        assert error(await api.call("/me/accounts", token, limit=limit)) == (400, 100, None)
    assert set((await api.get("/me/accounts", token))["paging"]) == {"cursors"}
    page = await api.get("/me/accounts", token)
    for one in page["data"]:
        assert set(one) == {"access_token", "name", "id", "tasks"}, "no category was stored"


async def test_cursors_belong_to_a_caller_and_an_edge(api: Api) -> None:
    """A cursor of another caller or edge, or a changed one, is refused; it shows no id (MT-04, OA-64)."""
    token, world = await emil(api), api.world
    other = await api.login(world.people["selma"], "both", MINE, businesses=(world.business,))
    first = await api.get("/me/accounts", token, limit="1")
    cursor = first["paging"]["cursors"]["after"]
    assert first["data"][0]["id"] not in cursor
    assert len((await api.get("/me/accounts", token, after=cursor))["data"]) == 1
    last = cursor[-1]
    changed = cursor[:10] + ("A" if cursor[10] != "A" else "B") + cursor[11:]
    for path, who, used in (
        ("/me/accounts", other, cursor),
        ("/me/businesses", token, cursor),
        ("/me/adaccounts", token, cursor),
        (f"/{world.business}/owned_pages", token, cursor),
        (f"/{world.assets['page']}/feed", token, cursor),
        ("/me/accounts", token, changed),
        ("/me/accounts", token, cursor[:-8]),
        ("/me/accounts", token, last),
        ("/me/accounts", token, "¡"),
        ("/me/accounts", token, str(world.assets["page"])),
    ):
        for key in ("after", "before"):
            assert error(await api.call(path, who, **{key: used})) == (400, 100, None), (path, used)


async def test_headers(api: Api) -> None:
    """Every answer, good or bad, is JSON with version, trace and cache headers (§3.13, 9.4, 9.5)."""
    token = await emil(api)
    for answer in (
        await api.call("/v3.2/me", token),
        await api.call("/v3.2/me/shoes", token),
        await api.call("/v3.2/me", "EAAx"),
    ):
        head = answer.headers
        assert head["content-type"] == "application/json; charset=UTF-8"
        assert head["facebook-api-version"] == "v3.2"
        assert head["x-fb-trace-id"] == head["x-fb-request-id"]
        assert head["x-fb-rev"] and head["etag"]
        assert head["access-control-allow-origin"] == "*"
        assert (head["pragma"], head["vary"]) == ("no-cache", "Accept-Encoding")
        assert head["expires"] == "Sat, 01 Jan 2000 00:00:00 GMT"
        good = answer.status_code == 200
        assert head["cache-control"] == ("private, no-cache, no-store, must-revalidate" if good else "no-store")
        if not good:
            assert answer.json()["error"]["fbtrace_id"] == head["x-fb-trace-id"]
    malformed = await api.call("/me", "EAAx")
    assert malformed.headers["www-authenticate"] == (
        'OAuth "Facebook Platform" "invalid_token" "Invalid OAuth access token - Cannot parse access token"'
    )
    assert "invalid_request" in (await api.call("/me")).headers["www-authenticate"]


async def test_versions_and_slashes(api: Api) -> None:
    """Every path works with and without version and trailing slash; a future version is 2500 (9.1)."""
    token, world = await emil(api), api.world
    for node in ("/me", f"/{world.assets['page']}", f"/{world.business}/owned_pages"):
        plain = (await api.get(node, token, fields="id"))["data" if "owned" in node else "id"]
        for version in ("v2.8", "v3.1", "v5.0", "v19.0", "v26.0"):
            for slash in ("", "/"):
                answer = await api.call(f"/{version}{node}{slash}", token, fields="id")
                assert answer.json()["data" if "owned" in node else "id"] == plain
                assert answer.headers["facebook-api-version"] == version
    for version in ("v26.1", "v27.0", "v99.9"):
        answer = await api.call(f"/{version}/me", token)
        assert error(answer) == (400, 2500, None)
        assert answer.json()["error"]["message"] == f"Unknown path components: /{version}"


ODD_PATHS = [
    "/", "//me", "/me//", "/%2e/me", "/me;x", "/ME", "/%2e%2e/me", "/me%00", "/me%5c", "/me.", "/a/b/c/d",
    "/v26.0", "/v26.0/", "/v26.0/v26.0/me", "/%c0%ae/me", "/debug_token/x", "/me/accounts/1", "/0", "/-1",
]  # fmt: skip


async def test_odd_paths_name_nothing(api: Api) -> None:
    """A path in another spelling is refused, never taken for its neighbour, and never a 500 (WB-07)."""
    token = await emil(api)
    for path in ODD_PATHS:
        answer = await api.client.get(f"{BASE}{path}", params={"access_token": token})
        assert error(answer)[0] in (400, 404), path


async def test_ids_in_other_spellings(api: Api) -> None:
    """An id with a leading zero, a sign, blanks, other digits or a foreign prefix names nothing (MT-01)."""
    token, page = await emil(api), str(api.world.assets["page"])
    wide = "".join(chr(0xFF10 + int(digit)) for digit in page)
    for text in (f"0{page}", f"+{page}", f"%20{page}", f"{page}%20", f"act_{page}", f"ACT_{page}", wide, page[:-1]):
        assert error(await api.call(f"/{text}", token)) in ((400, 100, 33), (404, 803, None)), text
