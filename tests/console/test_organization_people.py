"""People of an organization and its audit, as those see them who run it (A5, O8, AC-48, I11)."""

import csv
import io
import json

import httpx
import pytest

from workbadge.store import records, rights
from workbadge.terms.ids import make_id
from workbadge.terms.kinds import AccountKind, NodeKind

from ._site import EMIL_AT_WORK, Site, at_work, csrf_of, login
from .test_organization import center

pytestmark = pytest.mark.anyio


async def emil(site: Site) -> int:
    """Emil's work account."""
    async with site.world.services.store.read() as tx:
        found = await records.find_account_by_address(tx, AccountKind.MANAGED, EMIL_AT_WORK[0])
    assert found is not None
    return int(found.id)


async def read(browser: httpx.AsyncClient, path: str, **query: str) -> str:
    """A page's text; addresses may wrap, which does not matter here."""
    return (await browser.get(path, params=query or None)).text.replace("<wbr>", "")


async def act(browser: httpx.AsyncClient, path: str, action: str) -> httpx.Response:
    """An act on the page at ``path``."""
    token = csrf_of((await browser.get("/console/account")).text)
    return await browser.post(path, data={"csrf": token, "action": action})


async def test_people_are_listed_and_searched(shared: Site) -> None:
    """O8: work accounts stand in the list, searched by name or address; invited people on their own tab, once each."""
    olga = await shared.browser(at_work("olga"))
    people = center(shared) + "/people"
    page = await read(olga, people)
    assert "emil@example.com" in page and "axel@example.com" in page and "ada@mail.example" not in page
    for text in ("AXEL", "axel@exa"):
        page = await read(olga, people, q=text)
        assert "axel@example.com" in page and "emil@example.com" not in page
    assert "Nobody matches" in (await olga.get(people, params={"q": "%"})).text
    invited = await read(olga, people, show="invited")
    assert "selma@example.com" in invited and "emil@example.com" not in invited


async def test_a_persons_page_shows_what_there_is(shared: Site) -> None:
    """O8: sessions, businesses, apps and history of one person, no secret; of another organization's people, and of personal
    logins, there is no page."""
    await shared.browser(EMIL_AT_WORK)
    olga = await shared.browser(at_work("olga"))
    page = await read(olga, f"{center(shared)}/people/{await emil(shared)}")
    assert "Harbour Coffee Company" in page and "Last seen" in page
    assert "Claimed the work account" in page and "emil@example.com" in page
    assert "argon2" not in page and "Suspend" not in page and "Sign out everywhere" in page
    for stranger in (shared.ids["person"], make_id(NodeKind.ACCOUNT, 1)):
        assert (await olga.get(f"{center(shared)}/people/{stranger}")).status_code == 404


async def test_an_owner_suspends_and_lets_in_again(site: Site) -> None:
    """A5: the session is dead, the old login's grace is over, and a sign-in is refused; after the person is let in again the sign-in
    works and the grace stays over."""
    person, path = await emil(site), f"{center(site)}/people/{await emil(site)}"
    ada, worker = await site.browser(login("ada")), await site.browser(EMIL_AT_WORK)
    assert (await worker.get(site.business)).status_code == 200
    assert (await act(ada, path, "suspend")).headers["location"].endswith("done=suspended")
    assert (await worker.get(site.business)).status_code == 303
    async with site.world.services.store.read() as tx:
        old = await rights.list_memberships(tx, site.ids["person:Emil Employee"])
    assert not any(one.is_open(site.world.clock.now()) for one in old if one.business_id == site.demo.business_id)
    assert "Let in again" in (await ada.get(path)).text
    assert "emil@example.com" in await read(ada, center(site) + "/people", show="suspended")
    assert (await act(ada, path, "suspend")).status_code == 409
    with pytest.raises(AssertionError):
        await site.browser(EMIL_AT_WORK)
    assert (await act(ada, path, "restore")).headers["location"].endswith("done=restored")
    again = await site.browser(EMIL_AT_WORK)
    assert (await again.get(site.business)).status_code == 200
    async with site.world.services.store.read() as tx:
        old = await rights.list_memberships(tx, site.ids["person:Emil Employee"])
    assert not any(one.is_open(site.world.clock.now()) for one in old if one.business_id == site.demo.business_id)
    assert person


async def test_support_signs_out_and_no_more(site: Site) -> None:
    """O8, AC-48: support signs a person out everywhere and sends an invitation again; it suspends nobody and touches no higher
    role."""
    people = f"{center(site)}/people"
    path = f"{people}/{await emil(site)}"
    olga, worker = await site.browser(at_work("olga")), await site.browser(EMIL_AT_WORK)
    assert (await act(olga, path, "sign_out")).headers["location"].endswith("done=signed-out-everywhere")
    assert (await worker.get(site.business)).status_code == 303
    before = await site.dump()
    assert (await act(olga, path, "suspend")).status_code == 403
    for name in ("itta", "milo", "olga"):
        assert (await act(olga, f"{people}/{site.ids[f'at work:{name}']}", "sign_out")).status_code == 403
    assert await site.dump() == before
    itta = await site.browser(at_work("itta"))
    assert (await act(itta, f"{people}/{site.ids['at work:itta']}", "suspend")).status_code == 403
    page = (await olga.get(people + "?show=invited&q=selma")).text
    number = page.split('data-dialog="resend-')[1].split('"')[0]
    old = (await site.links())["selma@example.com"]
    answer = await act(olga, f"{center(site)}/invitations/{number}", "resend")
    assert "done=resent" in answer.headers["location"]
    await site.world.settle()
    assert (await site.links())["selma@example.com"] != old


async def test_the_audit_is_filtered_and_taken_away(site: Site) -> None:
    """I11: the page shows an organization's entries and its businesses', by person, kind and day; CSV and JSON hold the same
    entries in the order of the chain, and a day that is none is named."""
    ada, axel = await site.browser(login("ada")), await site.browser(at_work("axel"))
    person = await emil(site)
    await act(ada, f"{center(site)}/people/{person}", "suspend")
    audit = center(site) + "/audit"
    page = (await axel.get(audit)).text
    assert "Account suspended" in page and "by Ada Admin" in page
    assert "Account suspended" in (await axel.get(audit, params={"who": "emil@example.com"})).text
    assert "Account suspended" not in (await axel.get(audit, params={"noun": "membership"})).text
    assert "Nothing matches" in (await axel.get(audit, params={"who": "nobody@example.com"})).text
    assert "Nothing matches" in (await axel.get(audit, params={"until": "2020-01-01"})).text
    assert (await axel.get(audit, params={"since": "soon"})).status_code == 400
    whole = json.loads((await axel.get(audit + ".json")).text)
    assert [one["number"] for one in whole] == sorted(one["number"] for one in whole) and len(whole) > 10
    assert whole[-1]["act"] in ("account.suspend", "membership.leaver") and len(whole[0]["hash"]) == 64
    rows = list(csv.DictReader(io.StringIO((await axel.get(audit + ".csv")).text)))
    assert [row["number"] for row in rows] == [str(one["number"]) for one in whole]
    mine = json.loads((await axel.get(audit + ".json", params={"who": str(person), "noun": "account"})).text)
    assert [one["act"] for one in mine] == ["account.suspend"]
    assert json.loads((await axel.get(audit + ".json", params={"who": "nobody@example.com"})).text) == []
