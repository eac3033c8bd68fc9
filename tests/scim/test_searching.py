"""Filters, paging and refusals, as RFC 7644 has them and as Entra and Okta use them."""

import time
from typing import Any

import pytest

from tests.commands._world import T0
from workbadge.commands import portfolio

from ._directory import ENTERPRISE, Directory, refusal

pytestmark = pytest.mark.anyio


async def test_filters(directory: Directory) -> None:
    """SC-26, SC-29: every operator, and, or, not, grouping, value paths, prefixed and oddly cased names find exactly who fits."""
    ann = await directory.add("ann", title="Captain", externalId="E1", **{ENTERPRISE: {"employeeNumber": "7"}})
    bea = await directory.add("bea", title="Mate", active=False)
    names = {ann["id"]: "a", bea["id"]: "b"}
    for text, found in (
        ('userName eq "ANN@work.example"', "a"),
        ('USERNAME eq "ann@work.example" and title eq "mate"', ""),
        ('title eq "Captain" and externalId eq "E1"', "a"),
        ('externalId eq "e1"', ""),
        ("externalId eq E1", "a"),
        (f'id eq "{bea["id"]}"', "b"),
        ("externalId pr", "a"),
        ("not (externalId pr)", "b"),
        ('title co "AT"', "b"),
        ('title sw "cap" or title ew "TE"', "ab"),
        ('title gt "captain"', "b"),
        ("active eq false", "b"),
        ('(title eq "Mate" or title eq "Captain") and active eq true', "a"),
        ('emails[type eq "work" and value co "bea"]', "b"),
        ('emails[type eq "work"].value eq "BEA@work.example"', "b"),
        (f'{ENTERPRISE}:employeeNumber eq "7"', "a"),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName sw "b"', "b"),
        ('title eq "%"', ""),
        ('userName eq "\' OR 1=1 --"', ""),
        ('userName eq "\\u0000\\"\\\\😀"', ""),
        ('userName ne "x"', "ab"),
    ):
        assert "".join(sorted(names[one["id"]] for one in await directory.find(text))) == found, text


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        "userName eq",
        "userName xx 1",
        "(userName pr",
        'emails[type eq "work"',
        "and",
        "(" * 1_000 + "a pr" + ")" * 1_000,
        " or ".join(["title pr"] * 10_000),
    ],
)
async def test_what_is_no_filter(directory: Directory, text: str) -> None:
    """SC-26, SC-28: a filter that cannot be read, is a thousand deep or has ten thousand terms is invalidFilter, at once."""
    begun = time.process_time()
    refusal(await directory.call("POST", "/Users/.search", {"filter": text}), 400, "invalidFilter")
    assert time.process_time() - begun < 1


async def test_pages_by_number(directory: Directory) -> None:
    """SC-30: a start below 1 is 1, beyond the end is an empty page, count 0 gives the total alone, text is 400, and a count is
    capped; all numbers are integers."""
    for number in range(5):
        await directory.add(f"p{number}")
    for query, size in (
        ({"startIndex": 0}, 5),
        ({"startIndex": -1, "count": 2}, 2),
        ({"startIndex": 5}, 1),
        ({"startIndex": 6}, 0),
        ({"startIndex": 10**12}, 0),
        ({"count": 0}, 0),
        ({"count": -1}, 0),
        ({"count": 10**6}, 5),
        ({"startIndex": 4, "count": 1, "filter": "userName pr"}, 1),
    ):
        page = await directory.get("/Users", **query)
        assert (page["totalResults"], page["itemsPerPage"], len(page.get("Resources", []))) == (5, size, size), query
    for query in ({"startIndex": "x"}, {"count": "x"}):
        assert (await directory.call("GET", "/Users", params=query)).status_code == 400
    seen = [(await directory.get("/Users", startIndex=n, count=1))["Resources"][0]["id"] for n in range(1, 6)]
    assert len(set(seen)) == 5


@pytest.mark.parametrize("more", [{}, {"filter": "userName pr"}, {"sortBy": "userName", "sortOrder": "descending"}])
async def test_a_cursor_meets_everybody_once(directory: Directory, more: dict[str, Any]) -> None:
    """SC-31, RFC 9865: a walk by cursor meets everybody who was there throughout exactly once, while others come and go, and
    comes back the same way."""
    people = [(await directory.add(f"p{number:02}"))["id"] for number in range(11)]
    seen: list[str] = []
    cursor, pages = "", []
    while True:
        page = await directory.get("/Users", count=3, cursor=cursor, **more)
        pages.append([one["id"] for one in page["Resources"]])
        seen += pages[-1]
        if "nextCursor" not in page:
            break
        cursor = page["nextCursor"]
        if len(pages) == 1:
            gone = seen[0]
            assert (await directory.call("DELETE", f"/Users/{gone}")).status_code == 204
            await directory.add("p98")
    assert len(seen) == len(set(seen)) and set(people) <= set(seen)
    back = await directory.get("/Users", count=3, cursor=page["previousCursor"], **more)
    assert [one["id"] for one in back["Resources"]] == pages[-2]
    forged = await directory.call("GET", "/Users", params={"count": 3, "cursor": "x" + cursor, **more})
    refusal(forged, 400, "invalidCursor")


async def test_another_organization_s_people_do_not_exist(directory: Directory) -> None:
    """SC-22: every verb on another organization's user or group answers as for an id that never was; nothing changes."""
    services = directory.world.services
    mine = await directory.add("ann")
    group = (await directory.call("POST", "/Groups", {"displayName": "Crew"})).json()
    async with services.store.write() as tx:
        other = await portfolio.add_organization(tx, services, "Other", "other.example", T0)
    async with Directory.open(directory.world, other) as stranger:
        person = stranger.person("x", userName="x@other.example", emails=[])
        for path, never, body in (
            (f"/Users/{mine['id']}", "/Users/100000000000000000", person),
            (f"/Groups/{group['id']}", "/Groups/440000000000000000", {"displayName": "Y"}),
        ):
            patch = {"Operations": [{"op": "replace", "path": "displayName", "value": "Z"}]}
            for method, sent in (("GET", None), ("PUT", body), ("PATCH", patch), ("DELETE", None)):
                one, two = await stranger.call(method, path, sent), await stranger.call(method, never, sent)
                assert refusal(one, 404) == refusal(two, 404)
        assert await stranger.find(f'id eq "{mine["id"]}" or userName pr') == []
    assert await directory.get(f"/Users/{mine['id']}") == mine


async def test_bulk_and_what_is_not_served(directory: Directory) -> None:
    """SC-36: bulk makes users and a group that names them, each operation with its own outcome; /Me is 501, unknown addresses 404, a
    wrong method 405, a body that is not JSON 400 or 415, as the configuration says."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": directory.person("ann", active="True")},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": directory.person("ann")},
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "g",
            "data": {"displayName": "G", "members": [{"value": "bulkId:a"}]},
        },
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    answer = await directory.call("POST", "/Bulk", body)
    assert [one["status"] for one in answer.json()["Operations"]] == ["201", "409", "201"], answer.text
    assert (await directory.get("/Groups"))["Resources"][0]["members"][0]["value"] == (
        await directory.find("userName pr")
    )[0]["id"]
    refusal(await directory.call("GET", "/Me"), 501)
    refusal(await directory.call("GET", "/Nothing"), 404)
    refusal(await directory.call("DELETE", "/Users"), 405)
    for content, kind, status in (
        (b"{", "application/scim+json", 400),
        (b"[]", "application/json", 400),
        (b"a=b", "text/plain", 415),
    ):
        answer = await directory.client.post(f"{directory.base}/Users", content=content, headers={"Content-Type": kind})
        refusal(answer, status, "invalidSyntax" if status == 400 else None)
