"""Lists of the console, page by page: people and history (I10, MT-04, 10 000 members)."""

import html
import re
from datetime import datetime, timedelta

import httpx
import pytest

from workbadge.commands import migration
from workbadge.commands.membership import remove_member
from workbadge.commands.migration import load_migration
from workbadge.commands.progress import list_summaries, load_people
from workbadge.store import members, rights
from workbadge.store.members import Group, Wanted
from workbadge.store.slices import FIRST
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import PersonState

from ._site import Site, add_crowd, csrf_of, login

pytestmark = pytest.mark.anyio


def _link(page: httpx.Response, name: str) -> str | None:
    """Where a button of the pager leads."""
    nav = re.search(r'<nav class="wb-pager" aria-label="[^"]+">.*?</nav>', page.text, re.DOTALL)
    found = nav and re.search(rf'<a [^>]*href="([^"]+)"[^>]*>(?:(?!</a>).)*<span>{name}</span>', nav[0], re.DOTALL)
    return html.unescape(found[1]) if found else None


def _names(page: httpx.Response) -> list[str]:
    table = page.text.partition("<tbody")[2].partition("</tbody>")[0]
    return re.findall(r'class="wb-identity-name">(?:<a [^>]*>)?([^<]+)<', table)


async def _walk(client: httpx.AsyncClient, path: str, name: str = "Next") -> list[httpx.Response]:
    pages = [await client.get(path)]
    while (link := _link(pages[-1], name)) is not None:
        pages.append(await client.get(link))
    return pages


async def test_people_come_page_by_page_each_once(site: Site) -> None:
    """I10: 50 to a page, by name, everybody once; back again; the count and the group stand above the list."""
    await add_crowd(site, 120)
    ada = await site.browser(login("ada"))
    pages = await _walk(ada, f"{site.business}/people")
    names = [name for page in pages for name in _names(page)]
    assert [len(_names(page)) for page in pages] == [50, 50, 25]
    assert names == sorted(names, key=str.casefold) and len(set(names)) == 125
    assert "125 people" in pages[0].text and 'aria-label="Pages of this list"' in pages[0].text
    assert 'rel="next"' in pages[0].text and 'rel="prev"' not in pages[0].text
    assert _link(pages[0], "First page") is None and _link(pages[2], "First page") == f"{site.business}/people"
    back = await ada.get(_link(pages[2], "Previous") or "")
    assert _names(back) == _names(pages[1])


async def test_somebody_who_goes_takes_nobody_along(site: Site) -> None:
    """I10: the last person of a page is removed while it is looked at; the next page begins with the one who follows."""
    await add_crowd(site, 80)
    ada = await site.browser(login("ada"))
    first = await ada.get(f"{site.business}/people")
    following = _names(await ada.get(_link(first, "Next") or ""))
    last = _names(first)[-1]
    async with site.world.services.store.read() as tx:
        found = await members.slice_of_members(
            tx, site.demo.business_id, (Group.PEOPLE,), Wanted(last), site.world.clock.now(), FIRST, 2
        )
    now = site.world.clock.now()
    await remove_member(site.world.services, site.demo.business_id, found.rows[0].id, None, now)
    assert _names(await ada.get(_link(first, "Next") or "")) == following


async def test_a_change_leads_back_to_the_same_page_of_the_list(site: Site) -> None:
    """A role saved on the second page of a search shows that page again, and says so."""
    await add_crowd(site, 80)
    ada = await site.browser(login("ada"))
    second = await ada.get(_link(await ada.get(f"{site.business}/people?q=crowd"), "Next") or "")
    form = re.search(r'action="([^"]+/role)" method="post">(.*?)</form>', second.text, re.DOTALL)
    assert form
    data = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form[2])}
    done = await ada.post(form[1], data={**data, "role": "ADMIN"})
    assert done.status_code == 303
    again = await ada.get(done.headers["location"])
    assert _names(again) == _names(second) and "Saved." in again.text and "Admin</td>" in again.text


@pytest.mark.parametrize(
    ("query", "says", "names"),
    [
        ("SELMA", "1 person for “SELMA”", ["Selma Second"]),
        ("bruno@mail", "1 person for “bruno@mail”", ["Bruno Admin"]),
        ("admin", "2 people for “admin”", ["Ada Admin", "Bruno Admin"]),
        ("<b>nobody</b>", "0 people for “&lt;b&gt;nobody&lt;/b&gt;”", []),
        ("%", "0 people for “%”", []),
    ],
)
async def test_people_are_searched_by_name_and_address(shared: Site, query: str, says: str, names: list[str]) -> None:
    """A search shows who matches, tells how many in the page's title too, and says so when nobody does."""
    ada = await shared.browser(login("ada"))
    page = await ada.get(f"{shared.business}/people", params={"q": query})
    assert says in page.text and f"<span data-say>{says}</span>" in page.text
    title = page.text.partition("<title>")[2].partition("</title>")[0]
    assert re.search(r"\d match(es)? “", title)
    assert _names(page) == names
    assert ("Nobody matches" in page.text) == (not names)


async def test_old_logins_and_system_users_have_their_own_lists(shared: Site) -> None:
    """M5: a login in grace stands apart with its end, without buttons that would change it; so do system users."""
    ada = await shared.browser(login("ada"))
    old = await ada.get(f"{shared.business}/people?show=old")
    assert _names(old) == ["Emil Employee"] and "Old login, until" in old.text and "/remove" not in old.text
    robots = await ada.get(f"{shared.business}/people?show=system")
    assert robots.status_code == 200 and "Emil Employee" not in robots.text and "System user" in robots.text
    people = await ada.get(f"{shared.business}/people?show=nonsense")
    assert _names(people).count("Emil Employee") == 1


async def test_a_cursor_serves_its_list_only(site: Site) -> None:
    """MT-04: a cursor carries no name or id in clear; of another list or changed, it shows the first page."""
    await add_crowd(site, 60)
    ada = await site.browser(login("ada"))
    first = await ada.get(f"{site.business}/people")
    link = _link(first, "Next") or ""
    cursor = link.partition("after=")[2]
    assert "rowd" not in cursor and cursor.isascii()
    for wrong in (f"{link}x", link.replace("/people?", "/people?show=system&"), f"{site.business}/people?after=%00"):
        answer = await ada.get(wrong)
        assert answer.status_code == 200 and _link(answer, "Previous") is None
    history = await ada.get(f"{site.business}/history?after={cursor}")
    assert history.status_code == 200 and _link(history, "Newer") is None


async def test_the_history_goes_back_to_its_beginning(site: Site) -> None:
    """I11: every entry is reached, newest first, fifty to a page, also while new ones are written."""
    ada = await site.browser(login("ada"))
    async with site.world.services.store.read() as tx:
        places = await rights.list_members(tx, site.demo.business_id)
    noor = next(one for one in places if one.account_id == site.ids["person:Noor Third"])
    token = csrf_of((await ada.get("/console/account")).text)
    for n in range(60):
        role = ("ADMIN", "EMPLOYEE")[n % 2]
        done = await ada.post(f"{site.business}/people/{noor.id}/role", data={"csrf": token, "role": role})
        assert done.status_code == 303
    pages = [await ada.get(f"{site.business}/history")]
    assert pages[0].text.count('class="wb-timeline-title"') == 50 and _link(pages[0], "Newest") is None
    await site.world.advance(site.world.clock.now() + timedelta(hours=1))
    await ada.post(f"{site.business}/people/{noor.id}/role", data={"csrf": token, "role": "ADMIN"})
    while (link := _link(pages[-1], "Older")) is not None:
        pages.append(await ada.get(link))
    assert sum(page.text.count("Role changed") for page in pages) == 60
    assert sum(page.text.count("Became a member") for page in pages) >= 5
    assert _link(pages[-1], "Newest") == f"{site.business}/history"


async def test_ten_thousand_members_load_one_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand members: the overview, a page of people, a search read no more rows than one page shows."""
    await add_crowd(site, 10_000)
    ada = await site.browser(login("ada"))
    kind = type(await _tx_of(site))
    read: list[int] = []
    whole = kind.rows

    async def counted(self: object, *given: object, **named: object) -> object:
        found = await whole(self, *given, **named)
        read.append(len(found))
        return found

    monkeypatch.setattr(kind, "rows", counted)
    for path in ("", "/people", "/people?q=crowd0", "/people?q=9@home"):
        read.clear()
        page = await ada.get(site.business + path)
        assert page.status_code == 200
        assert read and max(read) <= 51, (path, read)
    assert re.search(r"1.000 people", page.text)


async def _tx_of(site: Site) -> object:
    async with site.world.services.store.read() as tx:
        return tx


async def _states(site: Site, now: datetime) -> None:
    """Counts and pages per state say what ``state_of`` says of each person."""
    async with site.world.services.store.read() as tx:
        view = await load_migration(tx, site.demo.migration_id, now)
        (summary,) = await list_summaries(tx, site.demo.business_id, now)
        assert {state: n for state in PersonState if (n := view.count(state))} == summary.counts
        whole = []
        for state in PersonState:
            shown = await load_people(tx, "", summary, "", state, now, FIRST, 50)
            assert {one.state for one in shown.people} <= {state}
            whole += shown.people
    assert sorted(whole, key=lambda one: one.person_id) == sorted(view.people, key=lambda one: one.person_id)


async def test_states_in_the_database_are_the_enforced_ones(site: Site) -> None:
    """I8: around every instant, people are counted and listed in the state that is enforced; nobody is in two, or in none."""
    ids, services, start = site.ids, site.world.services, site.world.clock.now()
    migration_id = site.demo.migration_id
    await migration.exclude_person(services, migration_id, ids["person:Noor Third"], None, start)
    deadline = start + 10 * DAY
    await migration.set_deadline(services, migration_id, ids["person:Selma Second"], deadline, None, start)
    cut_off = start + 30 * DAY
    for at in (start, deadline, cut_off):
        for step in (-1, 0, 1):
            await _states(site, at + timedelta(microseconds=step))
    await migration.roll_back(services, migration_id, ids["person:Emil Employee"], None, start + DAY)
    await _states(site, start + DAY)
    async with services.store.read() as tx:
        places = await rights.list_members(tx, site.demo.business_id)
    selma = next(one for one in places if one.account_id == ids["person:Selma Second"])
    await remove_member(services, site.demo.business_id, selma.id, None, start + 2 * DAY)
    await _states(site, start + 2 * DAY)
    async with services.store.read() as tx:
        (summary,) = await list_summaries(tx, site.demo.business_id, start + 2 * DAY)
    assert {PersonState.EXCLUDED, PersonState.ROLLED_BACK, PersonState.LEFT} <= set(summary.counts)


async def test_progress_comes_page_by_page(site: Site) -> None:
    """B3: thousands in a migration are walked fifty at a time, each once, with the connections of those shown."""
    await add_crowd(site, 130, migrating=True)
    ada = await site.browser(login("ada"))
    path = f"{site.business}/migration/{site.demo.migration_id}"
    pages = await _walk(ada, path)
    names = [name for page in pages for name in _names(page)]
    assert len(names) == len(set(names)) > 130 and names == sorted(names, key=str.casefold)
    assert f"{len(names)} people" in pages[0].text
    with_emil = next(page for page in pages if "Emil Employee" in _names(page))
    assert "Postbox" in with_emil.text and "Postbox" not in pages[0].text
    graced = await ada.get(f"{path}?show=in_grace")
    assert _names(graced) == ["Emil Employee"] and "1 person" in graced.text
    found = await ada.get(f"{path}?q=crowd0012")
    assert "10 people for “crowd0012”" in found.text and len(_names(found)) == 10
    nobody = await ada.get(f"{path}?q=crowd0012&show=in_grace")
    assert "Nobody matches" in nobody.text and "in this state" in nobody.text
    export = await ada.get(f"{path}.csv")
    assert export.text.count("\n") == len(names) + 1


async def test_the_history_names_what_was_given_and_lent(site: Site) -> None:
    """I11: an entry says whose right, on which asset, which tasks in plain words, with which partner, and by whom."""
    ada, paul = await site.browser(login("ada")), await site.browser(login("paul"))
    partner = (await paul.get("/console")).text.split('href="/console/')[1].split('"')[0]
    token, asset = csrf_of((await ada.get("/console/account")).text), site.ids["asset"]
    async with site.world.services.store.read() as tx:
        places = await rights.list_members(tx, site.demo.business_id)
    noor = next(one for one in places if one.account_id == site.ids["person:Noor Third"])
    path = f"{site.business}/assets/{asset}/people/{noor.id}"
    for sent in (
        {"task": ["ANALYZE", "MESSAGING"], "action": "save"},
        {"action": "everything"},
        {"action": "take_away"},
    ):
        assert (await ada.post(path, data={"csrf": token, **sent})).status_code == 303
    share = {"csrf": token, "asset": asset, "partner": partner, "action": "share"}
    assert (await ada.post(f"{site.business}/partners", data=share)).status_code == 303
    page = (await ada.get(f"{site.business}/history")).text
    for text in (
        "Noor Third · Harbour Bakery · see numbers and results, read and answer messages · by Ada Admin",
        "Noor Third · Harbour Bakery · everything · by Ada Admin",
        "Noor Third · Harbour Bakery · by Ada Admin",
        "Harbour Bakery · Lighthouse Agency · everything · by Ada Admin",
    ):
        assert f">{text}<" in page, text
