"""Changing the password through HTTP (wire 3.12, OA-55, OA-57, WB-03)."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from workbadge.store.schema import app_grant, token

from ._site import EMIL_AT_WORK, PASSWORD, WORK, Site, csrf_of, login, make_client

pytestmark = pytest.mark.anyio
NEW = "a quite different phrase"


def _path(site: Site, name: str = "Selma Second") -> str:
    return f"/console/account/password/{site.ids[f'person:{name}']}"


async def _change(client: httpx.AsyncClient, path: str, **given: str) -> httpx.Response:
    token = csrf_of((await client.get("/console/account")).text)
    fields = {"present": PASSWORD, "new": NEW, "again": NEW, **given}
    return await client.post(path, data={"csrf": token, **fields})


async def test_a_new_password_ends_other_browsers_and_app_tokens(site: Site) -> None:
    """wire 3.12: the page names what is lost; after it only this browser is signed in, under a new session id (OA-55)."""
    here, there = [await site.browser(login("selma")) for _ in range(2)]
    page = await here.get(_path(site))
    for text in ("1 other browser is signed out", "1 app loses access through this login", "Postbox"):
        assert text in page.text, text
    old = here.cookies["wb"]
    done = await _change(here, _path(site))
    assert done.status_code == 303 and done.headers["location"] == "/console/account?done=password"
    assert here.cookies["wb"] != old
    thief = make_client(site.world)
    thief.cookies.set("wb", old)
    for client in (there, thief):
        assert (await client.get("/console/account")).headers["location"].startswith("/login")
    told = await here.get(done.headers["location"])
    assert "The password was changed." in told.text
    again = await site.browser((login("selma")[0], NEW))
    assert (await again.get("/console/account")).status_code == 200
    async with site.world.services.store.read() as tx:
        tokens = await tx.rows(
            select(token.c.revoked_because)
            .join(app_grant, app_grant.c.id == token.c.grant_id)
            .where(app_grant.c.account_id == site.ids["person:Selma Second"])
        )
    assert tokens and {row.revoked_because for row in tokens} == {"password_changed"}


async def test_the_other_login_of_the_browser_stays(site: Site) -> None:
    """wire 3.12: only the login whose password changes is touched; the other one in this browser stays signed in."""
    client = await site.browser(login("emil"), EMIL_AT_WORK)
    start = (await client.get("/console/account")).text
    work = start.split("work account")[1].split("/console/account/password/")[1].split('"')[0]
    assert (await _change(client, f"/console/account/password/{work}", present=WORK)).status_code == 303
    page = (await client.get("/console/account")).text
    assert "emil@mail.example" in page and "emil@example.com" in page and "Postbox" in page
    assert (await client.get(site.business)).status_code == 200


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"present": "wrong"}, "The present password is wrong."),
        ({"again": NEW + "!"}, "The two new passwords are not the same."),
        ({"new": "short", "again": "short"}, "Expected 8 to 256 characters, got 5."),
        ({"new": PASSWORD, "again": PASSWORD}, "This is the present password."),
        ({"present": "", "new": "", "again": ""}, "This is the present password."),
        ({"new": "x" * 5000, "again": "x" * 5000}, "Expected 8 to 256 characters, got 5000."),
    ],
)
async def test_what_cannot_be_changed_is_said_at_its_field(shared: Site, given: dict[str, str], says: str) -> None:
    """wire 3.12: a wrong, different, short, long or unchanged password is named, comes back empty, and changes nothing."""
    client = await shared.browser(login("bruno"))
    before = await shared.dump()
    answer = await _change(client, _path(shared, "Bruno Admin"), **given)
    assert answer.status_code == 400 and says in answer.text
    assert 'aria-invalid="true"' in answer.text and PASSWORD not in answer.text and NEW not in answer.text
    assert await shared.dump() == before


async def test_guessing_the_present_password_slows_down(site: Site) -> None:
    """OA-57: after five wrong tries even the right one waits, and the page says how long; then it works again."""
    client = await site.browser(login("selma"))
    for _ in range(5):
        assert (await _change(client, _path(site), present="wrong")).status_code == 400
    slowed = await _change(client, _path(site))
    assert slowed.status_code == 429 and "Please wait" in slowed.text
    await site.world.advance(site.world.clock.now() + timedelta(minutes=5))
    assert (await _change(client, _path(site))).status_code == 303


async def test_nobody_changes_the_password_of_another(shared: Site) -> None:
    """WB-03, IDOR: a login that is not signed in in this browser has no such page, and its password stays."""
    ada = await shared.browser(login("ada"))
    before = await shared.dump()
    for account in (shared.ids["person:Selma Second"], 0, shared.ids["business"]):
        path = f"/console/account/password/{account}"
        assert (await ada.get(path)).status_code == 404
        assert (await _change(ada, path)).status_code == 404
    anonymous = await make_client(shared.world).get(_path(shared))
    assert anonymous.headers["location"].startswith("/login?next=%2Fconsole%2Faccount%2Fpassword%2F")
    assert await shared.dump() == before
