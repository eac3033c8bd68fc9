"""The claim through HTTP (M4, M5, AC-22, AC-23, AC-24, AC-29, AC-51)."""

import re
from datetime import timedelta

import httpx
import pytest

from workbadge.commands import migration
from workbadge.store import audit

from ._site import EMIL_AT_WORK, Site, csrf_of, login, make_client

pytestmark = pytest.mark.anyio
SECRET = "another-long-secret-2"


async def _confirm(client: httpx.AsyncClient, path: str, **data: str) -> httpx.Response:
    page = await client.get(path)
    token = csrf_of(page.text) if 'name="csrf"' in page.text else csrf_of((await client.get("/console/account")).text)
    return await client.post(path, data={"csrf": token, "password": SECRET, "again": SECRET, **data})


async def test_a_claim_from_the_link_to_the_banner(site: Site) -> None:
    """Both logins are proven, the page shows what moves, and after confirming the work account sees the banner (M4, B1)."""
    path = f"/console/claim/{(await site.links())['selma@example.com']}"
    client = make_client(site.world)
    first = await client.get(path)
    assert first.status_code == 200 and "selma<wbr>@example.com" in first.text and 'name="password"' not in first.text
    client = await site.browser(login("selma"))
    review = await client.get(path)
    for text in ("What moves", "Harbour Coffee", "Postbox", "1 Apr 2026"):
        assert text in review.text
    old = client.cookies["wb"]
    done = await _confirm(client, path)
    assert done.status_code == 303 and done.headers["location"] == f"{site.business}/claimed"
    assert client.cookies["wb"] != old
    center = await client.get(done.headers["location"])
    for text in ("support@postbox.example", "https://postbox.example/help", "Reconnect Postbox", "30"):
        assert text in center.text
    home = await client.get(site.business)
    assert "Reconnect 1 app to keep it working" in home.text and "selma@example.com" in home.text
    calendar = await client.get(f"{site.business}/claimed/cut-off.ics")
    assert "DTSTART:20260401T090000Z\r\n" in calendar.text


async def test_the_session_before_the_claim_is_dead(site: Site) -> None:
    """Claiming gives the browser a new session id, and the old one opens nothing any more (AC-51)."""
    path = f"/console/claim/{(await site.links())['selma@example.com']}"
    client = await site.browser(login("selma"))
    thief = make_client(site.world)
    thief.cookies.set("wb", client.cookies["wb"])
    assert (await thief.get("/console/account")).status_code == 200
    assert (await _confirm(client, path)).status_code == 303
    assert (await thief.get("/console/account")).status_code == 303


async def test_after_the_claim_the_personal_login_is_shut_out(site: Site) -> None:
    """The personal login sees that the business moved, and cannot open it (M5)."""
    emil = await site.browser(login("emil"))
    start = await emil.get("/console")
    assert "Handed over to your work account" in start.text and "Corner Books" in start.text
    assert (await emil.get(site.business)).status_code == 404
    both = await site.browser(login("emil"), EMIL_AT_WORK)
    assert (await both.get(site.business)).status_code == 200


@pytest.mark.parametrize("who", ["paul", "ada", "noor"])
async def test_a_forwarded_link_is_of_no_use(site: Site, who: str) -> None:
    """Signed in as somebody else, a link shows whose it is and claims nothing, and the try is in the audit (AC-24)."""
    path = f"/console/claim/{(await site.links())['selma@example.com']}"
    client = await site.browser(login(who))
    page = await client.get(path)
    assert "This invitation belongs to another login" in page.text and 'name="password"' not in page.text
    answer = await _confirm(client, path)
    assert answer.status_code == 404 and "cannot be used" in answer.text
    async with site.world.services.store.read() as tx:
        noted = await audit.list_entries(tx, site.demo.business_id, 5, ("migration.claim_refused",))
    assert len(noted) == 1
    assert (await make_client(site.world).get(path)).status_code == 200


async def test_used_expired_cut_and_mistyped_links_read_alike(site: Site) -> None:
    """A used, an expired, a replaced, a truncated and an invented link give one page, byte for byte (AC-22)."""
    links = await site.links()
    client = make_client(site.world)
    await migration.resend_invitation(
        site.world.services, site.demo.migration_id, site.ids["person:Noor Third"], None, site.world.clock.now()
    )
    paths = [links["emil@example.com"], links["noor@example.com"], links["selma@example.com"][:-1], "x", "%00"]
    pages = [await client.get(f"/console/claim/{one}") for one in paths]
    await site.world.advance(site.world.clock.now() + site.world.services.policy.claim_link)
    pages.append(await client.get(f"/console/claim/{links['selma@example.com']}"))
    plain = {re.sub(r'href="#?[^"]*"', "", page.text) for page in pages}
    assert [page.status_code for page in pages] == [404] * 6 and len(plain) == 1


async def test_a_link_ends_exactly_on_the_clock(site: Site) -> None:
    """A claim link works up to one microsecond before its end and not at it (AC-22)."""
    path = f"/console/claim/{(await site.links())['selma@example.com']}"
    client = make_client(site.world)
    end = site.world.clock.now() + site.world.services.policy.claim_link
    await site.world.advance(end - timedelta(microseconds=1))
    assert (await client.get(path)).status_code == 200
    await site.world.advance(end)
    assert (await client.get(path)).status_code == 404


async def test_what_cannot_be_confirmed_claims_nothing(site: Site) -> None:
    """Different or bad passwords show the page again and write nothing."""
    path = f"/console/claim/{(await site.links())['selma@example.com']}"
    client = await site.browser(login("selma"))
    before = await site.dump()
    for password, again in (("one-long-secret", "another-secret"), ("short", "short"), ("", "")):
        answer = await _confirm(client, path, password=password, again=again)
        assert answer.status_code == 400 and "What moves" in answer.text
        assert password == "" or password not in answer.text
    assert await site.dump() == before


async def test_a_used_link_claims_nothing_again(site: Site) -> None:
    """Confirming a second time gives the neutral page and changes nothing (M18)."""
    path = f"/console/claim/{(await site.links())['selma@example.com']}"
    client = await site.browser(login("selma"))
    assert (await _confirm(client, path)).status_code == 303
    before = await site.dump()
    assert (await _confirm(client, path)).status_code == 404
    assert await site.dump() == before
