"""Refusals, odd values, pace, retries and recovery of a directory's service (attacks.md §4.3)."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.commands._world import T0
from tests.tenants._recorder import recording
from workbadge.commands import portfolio
from workbadge.scim.handler import DirectoryHandler
from workbadge.store import rights, schema
from workbadge.terms.kinds import AccountKind
from workbadge.web.directory_pace import DirectoryPace

from ._directory import CORE, ENTERPRISE, GROUP, Directory, refusal

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]

ODD = (
    'a"b',
    "a\\b",
    'a\\"b',
    "100%",
    "a_b",
    "a\0b",
    "😀",
    "' OR 1=1 --",
    "'; DROP TABLE account; --",
    '" or userName pr or title eq "',
    "x" * 100_000,
)


async def test_values_are_literal(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """SC-27: quotes, backslashes, %, _, NUL, emoji, SQL and 100 kB are compared literally, find exactly whom they name, and never
    stand in the text of a statement."""
    people = {}
    for number, text in enumerate(ODD):
        people[text] = (await directory.add(f"p{number}", externalId=text, title=text))["id"]
    with recording(monkeypatch) as recorder:
        for text, own in people.items():
            for name in ("externalId", "title"):
                body = {"filter": f"{name} eq {json.dumps(text)}"}
                recorder.begin()
                answer = await directory.call("POST", "/Users/.search", body)
                assert [one["id"] for one in answer.json()["Resources"]] == [own], (name, text[:40])
                assert recorder.seen and not any("DROP" in seen.sql or "1=1" in seen.sql for seen in recorder.seen)
        answer = await directory.call(
            "POST", "/Users/.search", {"filter": 'title sw "%" or title co "_b" or title eq "a?b"'}
        )
    assert [one["id"] for one in answer.json()["Resources"]] == [people["a_b"]]


async def test_every_refusal_is_an_error(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """SC-35: every way to be refused answers the Error schema with the status as text, the right scimType and the SCIM media type,
    and a fault of ours says nothing of itself."""
    ann = (await directory.add("ann"))["id"]
    path, patch = f"/Users/{ann}", "urn:ietf:params:scim:api:messages:2.0:PatchOp"

    def one(**operation: Any) -> dict[str, Any]:
        return {"schemas": [patch], "Operations": [operation]}

    version = {"If-Match": 'W/"99"'}
    cases: list[tuple[str, str, Any, dict[str, str], int, str | None]] = [
        ("GET", "/Users/1", None, {}, 404, None),
        ("GET", "/Groups/1", None, {}, 404, None),
        ("GET", "/Schemas/urn:nothing", None, {}, 404, None),
        ("GET", "/ResourceTypes/Nothing", None, {}, 404, None),
        ("GET", "/nothing", None, {}, 404, None),
        ("PUT", "/Users", {}, {}, 405, None),
        ("POST", "/Schemas", {}, {}, 405, None),
        ("DELETE", "/ServiceProviderConfig", None, {}, 405, None),
        ("GET", "/Me", None, {}, 501, None),
        ("GET", "/Users?filter=((", None, {}, 400, "invalidFilter"),
        ("GET", "/Users?startIndex=x", None, {}, 400, "invalidValue"),
        ("GET", "/Users?cursor=x", None, {}, 400, "invalidCursor"),
        ("POST", "/Users", {"schemas": [CORE]}, {}, 400, "invalidValue"),
        ("POST", "/Users", {"schemas": [CORE], "userName": 7}, {}, 400, "invalidValue"),
        ("POST", "/Users", directory.person("ann"), {}, 409, "uniqueness"),
        ("POST", "/Groups", {"schemas": [GROUP]}, {}, 400, "invalidValue"),
        ("POST", "/Groups", {"displayName": "G", "members": [{"value": "1"}]}, {}, 400, "invalidValue"),
        ("PUT", path, {**directory.person("ann"), "id": "1"}, {}, 400, "invalidValue"),
        ("PUT", path, directory.person("ann"), version, 412, None),
        ("PATCH", path, {}, {}, 400, "invalidSyntax"),
        ("PATCH", path, one(op="twist"), {}, 400, "invalidSyntax"),
        ("PATCH", path, one(op="replace", path="emails[", value=1), {}, 400, "invalidPath"),
        ("PATCH", path, one(op="remove"), {}, 400, "noTarget"),
        ("PATCH", path, one(op="replace", path="active", value="no"), {}, 400, "invalidValue"),
        ("POST", "/Bulk", {"Operations": [{"method": "POST"}] * 1_001}, {}, 413, None),
    ]
    for method, where, body, headers, status, kind in cases:
        answer = await directory.call(method, where, body, headers=headers)
        said = refusal(answer, status, kind)
        assert "Traceback" not in said and "workbadge" not in said, (method, where)
    refusal(await directory.anybody().get(f"{directory.base}/Users"), 401)
    refusal(await directory.anybody().get(f"{directory.base.removesuffix('v2')}v9/Users"), 404)

    async def broken(*_: Any) -> None:
        raise ValueError("a secret of ours")

    monkeypatch.setattr(DirectoryHandler, "handle", broken)
    assert "secret" not in refusal(await directory.call("GET", "/Users"), 500)


async def test_whoever_hurries_waits_alone(directory: Directory) -> None:
    """SC-38: 25 requests a second for ten minutes of one organization are all answered; above the limit it is 429 with Retry-After,
    and nothing is done; another organization is not touched, and after the wait it goes on."""
    pace = DirectoryPace(3_000)
    for second in range(600):
        assert not any(pace.admit(1, T0 + timedelta(seconds=second, milliseconds=40 * part)) for part in range(25))
    world, services = directory.world, directory.world.services
    async with services.store.write() as tx:
        other = await portfolio.add_organization(tx, services, "Other", "other.example", T0)
    slow = DirectoryPace(60)
    object.__setattr__(directory.site, "directory_pace", slow)
    async with Directory.open(world, other) as stranger:
        object.__setattr__(stranger.site, "directory_pace", slow)
        for _ in range(60):
            assert (await directory.call("GET", "/ServiceProviderConfig")).status_code == 200
        answer = await directory.call("POST", "/Users", directory.person("late"))
        refusal(answer, 429)
        assert answer.headers["retry-after"] == "1"
        assert (await stranger.call("GET", "/Users")).status_code == 200
        directory.clock.set(directory.clock.now() + timedelta(seconds=1))
        assert (await directory.get("/Users"))["totalResults"] == 0
        refusal(await directory.call("GET", "/Users"), 429)


class _Losing(httpx.AsyncBaseTransport):
    """Every request arrives; its answer is lost."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await (await self._inner.handle_async_request(request)).aread()
        raise httpx.ReadError("the answer was lost", request=request)


async def test_retries_after_lost_answers(directory: Directory) -> None:
    """SC-39: POST, PATCH and DELETE sent again after a lost answer end in one state: the POST is 409 and found by filter, the same
    PATCH changes nothing, the DELETE is 404; an older disabling that names its version does not undo a newer enabling."""
    headers = dict(directory.client.headers)
    async with httpx.AsyncClient(transport=_Losing(directory.transport), headers=headers) as losing:

        async def lose(method: str, path: str, body: Any = None) -> None:
            with pytest.raises(httpx.ReadError):
                await losing.request(method, directory.base + path, json=body)

        body = directory.person("ann", externalId="E1")
        await lose("POST", "/Users", body)
        refusal(await directory.call("POST", "/Users", body), 409, "uniqueness")
        [ann] = await directory.find('externalId eq "E1"')
        path = f"/Users/{ann['id']}"
        off, on = ({"Operations": [{"op": "Replace", "path": "active", "value": word}]} for word in ("False", "True"))
        await lose("PATCH", path, off)
        await directory.call("PATCH", path, off)
        assert (await directory.acts(ann["id"])).count("account.suspend") == 1
        older = (await directory.get(path))["meta"]["version"]
        await directory.call("PATCH", path, on)
        refusal(await directory.call("PATCH", path, off, headers={"If-Match": older}), 412)
        assert (await directory.get(path))["active"] is True
        group = {"schemas": [GROUP], "displayName": "Crew", "members": [{"value": ann["id"]}]}
        await lose("POST", "/Groups", group)
        [crew] = (await directory.get("/Groups", filter='displayName eq "Crew"'))["Resources"]
        add = {"Operations": [{"op": "Add", "path": "members", "value": [{"value": ann["id"]}]}]}
        await lose("PATCH", f"/Groups/{crew['id']}", add)
        assert (await directory.get(f"/Groups/{crew['id']}"))["meta"]["version"] == crew["meta"]["version"]
        await lose("DELETE", path)
        refusal(await directory.call("DELETE", path), 404)
    assert (await directory.get("/Users"))["totalResults"] == 0


async def _cycle(directory: Directory, source: dict[str, dict[str, Any]]) -> int:
    """One cycle of Entra's: each object is looked for, made or mended; failures are left to the next cycle. How many failed."""
    failed = 0
    for key, wanted in source.items():
        found = await directory.call("GET", "/Users", params={"filter": f'externalId eq "{key}"'})
        if found.status_code != 200:
            failed += 1
            continue
        there = found.json().get("Resources", [])
        if not there:
            answer = await directory.call("POST", "/Users", {**wanted, "externalId": key})
        else:
            off = [{"op": "Replace", "path": name, "value": wanted[name]} for name in ("displayName", "active")]
            answer = await directory.call("PATCH", f"/Users/{there[0]['id']}", {"Operations": off})
        failed += answer.status_code >= 500
    return failed


async def test_after_an_outage_one_cycle_is_enough(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """SC-42: while every request fails nothing changes; after the recovery one cycle of a client with Entra's rules brings both sides
    to the same."""
    source = {f"E{number}": directory.person(f"p{number}", active=True) for number in range(4)}
    assert await _cycle(directory, source) == 0
    source["E9"] = directory.person("p9", active=True)
    source["E1"]["active"], source["E2"]["displayName"] = False, "Renamed"
    before = await directory.get("/Users")

    async def broken(*_: Any) -> None:
        raise RuntimeError("out of order")

    with monkeypatch.context() as patched:
        patched.setattr(DirectoryHandler, "handle", broken)
        assert [await _cycle(directory, source) for _ in range(2)] == [5, 5]
    assert await directory.get("/Users") == before
    assert await _cycle(directory, source) == 0
    shown = {one["externalId"]: one for one in (await directory.get("/Users"))["Resources"]}
    assert {key: (one["displayName"], one["active"]) for key, one in shown.items()} == {
        key: (one["displayName"], one["active"]) for key, one in source.items()
    }


async def test_a_managed_account_awaits_its_claim(directory: Directory) -> None:
    """SC-41: a user with the address of a personal account is a managed account of its own that awaits its claim: linked to nobody,
    without a place and without a way in, until the invited person claims that very account; the client hears nothing of it."""
    world, services = directory.world, directory.world.services
    async with services.store.write() as tx:
        await portfolio.add_person(tx, services, AccountKind.PERSONAL, "Emil At Work", "emil@work.example", None, T0)
    made = await directory.add("emil")
    async with services.store.read() as tx:
        assert await tx.rows(select(schema.account_link)) == []
        assert await rights.list_memberships(tx, int(made["id"])) == []
    assert (await directory.account(made["id"])).password_hash is None
    claimed = await world.claim(await world.start("emil"), "emil", T0)
    assert str(claimed.managed_id) == made["id"]
    assert await directory.get(f"/Users/{made['id']}") == made


async def test_a_manager_is_found_as_entra_asks(directory: Directory) -> None:
    """SC-26: attributes of the enterprise extension are found under their short names too, and a value in quotes stays a value."""
    ann, bea = await directory.add("ann", title="manager eq x"), await directory.add("bea")
    value = {"op": "Add", "path": "manager", "value": bea["id"]}
    await directory.patch(
        f"/Users/{ann['id']}", value, {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Docks"}
    )
    for text in (
        f'id eq "{ann["id"]}" and manager eq "{bea["id"]}"',
        f'manager.value eq "{bea["id"]}" and department sw "Do"',
        'title eq "manager eq x"',
        "department eq Docks",
    ):
        assert [one["id"] for one in await directory.find(text)] == [ann["id"]], text
