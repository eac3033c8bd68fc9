"""The log of directories' requests: what is kept, what never is, and for how long (O5)."""

import json
from datetime import timedelta
from typing import Any

import pytest

from workbadge.commands.sweeping import MOST_REQUESTS, REQUESTS_KEPT, sweep
from workbadge.scim.redaction import HIDDEN, redact_body, redact_path
from workbadge.store import scim_requests
from workbadge.store.engine import StoreBusyError
from workbadge.store.scim_requests import SoughtRequests
from workbadge.store.slices import FIRST
from workbadge.web import directory_log
from workbadge.web.directory_log import MOST_WAITING, NO_PAUSE

from ._directory import Directory

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]


async def _listed(directory: Directory, sought: SoughtRequests | None = None) -> list[Any]:
    services, owner = directory.world.services, directory.world.organization
    await directory.site.directory_log.flush(services, directory.clock.now(), NO_PAUSE)
    async with services.store.read() as tx:
        found = await scim_requests.slice_of_requests(tx, owner, sought or SoughtRequests(), FIRST, 100)
        return [await scim_requests.find_request(tx, owner, row.id) for row in found.rows]


async def test_every_request_is_kept_without_secrets(directory: Directory) -> None:
    """O5: requests are kept with method, path, status, time and the first letters of the credential; no password and no credential
    stands in the log, whichever way it was sent; the requests of strangers are not kept."""
    body = {**directory.person("ann"), "password": "s3cret-canary", "title": f"Bearer {directory.token}"}
    made = (await directory.call("POST", "/Users", body)).json()
    path = f"/Users/{made['id']}"
    await directory.patch(path, {"op": "add", "path": "password", "value": "s3cret-canary"})
    await directory.patch(path, {"op": "add", "value": {"PassWord": "s3cret-canary"}})
    await directory.call(
        "GET", "/Users", params={"filter": 'password eq "s3cret-canary"', "access_token": directory.token}
    )
    await directory.client.post(directory.base + "/Users", content=b'{"password": "s3cret-canary"')
    await directory.anybody().get(f"{directory.base}/Users")
    rows = await _listed(directory)
    assert sorted((row.method, row.status) for row in rows) == [
        ("GET", 200),
        *(("PATCH", 204),) * 2,
        ("POST", 201),
        ("POST", 400),
    ]
    [made_row] = [row for row in rows if row.status == 201]
    assert {row.prefix for row in rows} == {directory.token[:8]} and all(row.micros > 0 for row in rows)
    text = repr([tuple(row) for row in rows])
    assert "s3cret-canary" not in text and directory.token not in text and HIDDEN in text
    assert json.loads(made_row.sent)["userName"] == body["userName"]
    assert json.loads(made_row.answered)["id"] == made["id"]


async def test_the_log_is_searched(directory: Directory) -> None:
    """O5: requests are found by method, by hundreds of the status and by a text in the path, whatever its case."""
    made = await directory.add("ann")
    await directory.call("GET", "/Users/100000000000000000")
    await directory.call("GET", f"/Users/{made['id']}")
    for sought, expected in (
        (SoughtRequests("POST"), ["POST"]),
        (SoughtRequests(hundreds=4), ["GET"]),
        (SoughtRequests(text="USERS/10000000000000"), ["GET"]),
        (SoughtRequests("POST", 4), []),
        (SoughtRequests(text="%"), []),
    ):
        assert [row.method for row in await _listed(directory, sought)] == expected, sought


async def test_a_log_that_cannot_be_written_costs_nothing(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O5: when the log cannot be written, the change that was asked for is made and answered all the same; many waiting entries are
    written at once."""
    written: list[int] = []

    async def busy(tx: Any, entries: list[Any], new_id: Any) -> None:
        written.append(len(entries))
        raise StoreBusyError("no room")

    monkeypatch.setattr(directory_log.scim_requests, "add_requests", busy)
    for _ in range(MOST_WAITING - 1):
        await directory.call("GET", "/ServiceProviderConfig")
    assert written == []
    made = await directory.add("ann")
    assert written == [MOST_WAITING] and await directory.get(f"/Users/{made['id']}") == made


async def test_old_requests_are_forgotten(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """O5: requests are kept for thirty days, and no more than the newest of each organization."""
    for number in range(4):
        directory.clock.set(directory.clock.now() + timedelta(seconds=1))
        await directory.call("GET", f"/Users/{number}")
    assert len(await _listed(directory)) == 4 and MOST_REQUESTS >= 10_000
    monkeypatch.setattr("workbadge.commands.sweeping.MOST_REQUESTS", 3)
    await sweep(directory.world.services, directory.clock.now())
    assert [row.path for row in await _listed(directory)] == ["/Users/3", "/Users/2", "/Users/1"]
    await sweep(directory.world.services, directory.clock.now() + REQUESTS_KEPT - timedelta(seconds=1))
    assert [row.path for row in await _listed(directory)] == ["/Users/3", "/Users/2"]


def test_what_is_kept_of_bodies_and_paths(database: str) -> None:
    """O5: a body that is no JSON, or is longer than is kept, is not kept at all; secrets in a path are hidden, the rest stays."""
    assert redact_body(b"", 99) is redact_body(b"{", 99) is redact_body(b"[" * 100_000, 99) is None
    assert redact_body(b'{"a": "%s"}' % (b"x" * 100), 99) is None
    assert (
        redact_body(b'{"a": [{"clientSecret": 1}], "b": "\\u0000\\ud800"}', 99)
        == '{"a":[{"clientSecret":"(hidden)"}],"b":"\\u0000?"}'
    )
    assert (
        redact_path("/Users", "filter=userName%20eq%20%22a%22&count=1")
        == "/Users?filter=userName%20eq%20%22a%22&count=1"
    )
    assert "x1" not in redact_path("/Users", "filter=password+eq+%22x1%22&token=x1")
