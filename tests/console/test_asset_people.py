"""Giving and taking single tasks on an asset through HTTP (M5, M16, MT-22, I11)."""

import re

import httpx
import pytest

from workbadge.commands import portfolio
from workbadge.store import audit, members, overview, rights
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import SAYS, TASKS_OF, Task

from ._site import EMIL_AT_WORK, Site, add_crowd, csrf_of, login

pytestmark = pytest.mark.anyio


async def _send(client: httpx.AsyncClient, path: str, **data: object) -> httpx.Response:
    token = csrf_of((await client.get("/console/account")).text)
    return await client.post(path, data={"csrf": token, **data})


async def _seat(site: Site, name: str, kind: AccountKind = AccountKind.PERSONAL) -> int:
    """The open place of somebody in the business."""
    now, business = site.world.clock.now(), site.demo.business_id
    async with site.world.services.store.read() as tx:
        found = [one for one in await rights.list_members(tx, business) if one.is_open(now)]
        for one in found:
            row = await members.find_listed(tx, business, one.id, now)
            if row is not None and row.name == name and row.kind == kind.value:
                return one.id
    raise AssertionError(name)


async def _tasks(site: Site, seat: int, asset: int) -> Task:
    async with site.world.services.store.read() as tx:
        return (await members.list_tasks(tx, [seat], asset)).get(seat, Task(0))


def _ticked(page: httpx.Response) -> list[str]:
    return re.findall(r'name="task" value="(\w+)" checked', page.text)


def test_every_task_has_plain_words() -> None:
    """Each task that exists on some kind of asset can be read by people."""
    assert {one for kind in TASKS_OF.values() for one in Task if one in kind} <= set(SAYS)
    assert len(set(SAYS.values())) == len(SAYS)


async def test_single_tasks_are_given_and_everything_in_one_click(site: Site) -> None:
    """M16: what is ticked is what is stored, with one audit entry each (I11); everything is every task of the kind."""
    ada, asset = await site.browser(login("ada")), site.ids["asset"]
    seat = await _seat(site, "Selma Second")
    path = f"{site.business}/assets/{asset}/people/{seat}"
    page = await ada.get(path)
    assert len(_ticked(page)) == 8 and "Write and remove content" in page.text
    done = await _send(ada, path, task=["ANALYZE", "MODERATE"], action="save")
    assert done.status_code == 303 and await _tasks(site, seat, asset) == Task.ANALYZE | Task.MODERATE
    assert _ticked(await ada.get(path)) == ["ANALYZE", "MODERATE"]
    shown = await ada.get(done.headers["location"])
    assert "See numbers and results · Moderate comments" in shown.text and "Saved." in shown.text
    assert (await _send(ada, path, action="everything")).status_code == 303
    assert await _tasks(site, seat, asset) == TASKS_OF[NodeKind.PAGE]
    async with site.world.services.store.read() as tx:
        written = await audit.list_entries(tx, site.demo.business_id, 10, ("assignment.put",))
    assert len(written) == 2


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({}, "No task is ticked."),
        ({"task": ["UPLOAD"]}, "This task does not fit the asset."),
        ({"task": ["ANALYZE", "NONSENSE"]}, "This task does not fit the asset."),
    ],
)
async def test_tasks_that_cannot_be_are_refused(shared: Site, sent: dict[str, list[str]], says: str) -> None:
    """No task, a task of another kind, no task's name: the form again with what was ticked, and nothing changes."""
    ada = await shared.browser(login("ada"))
    path = f"{shared.business}/assets/{shared.ids['asset']}/people/{await _seat(shared, 'Selma Second')}"
    before = await shared.dump()
    answer = await _send(ada, path, action="save", **sent)
    assert answer.status_code == 400 and says in answer.text
    assert _ticked(answer) == [one for one in sent.get("task", []) if one == "ANALYZE"]
    assert await shared.dump() == before


async def _selmas_assets(site: Site) -> int:
    """How many assets Selma's app reaches, as the page of apps counts them."""
    async with site.world.services.store.read() as tx:
        rows = await overview.list_access(tx, site.demo.business_id, site.world.clock.now())
    return next(int(row.assets) for row in rows if row.name == "Selma Second")


async def test_what_was_taken_away_is_given_back_as_it_was(site: Site) -> None:
    """After taking an asset away, one click gives back the same tasks; once used, or with nonsense, it is not offered."""
    ada, asset = await site.browser(login("ada")), site.ids["asset"]
    seat = await _seat(site, "Selma Second")
    path = f"{site.business}/assets/{asset}/people/{seat}"
    await _send(ada, path, task=["ANALYZE", "MESSAGING"], action="save")
    before = await _selmas_assets(site)
    taken = await _send(ada, path, action="take_away")
    assert taken.status_code == 303 and not await _tasks(site, seat, asset)
    offer = await ada.get(taken.headers["location"])
    assert "Selma Second no longer reaches Harbour Bakery" in offer.text
    reached = [(await ada.get(f"{site.business}{path}")).text for path in (f"/assets/{asset}", "/apps")]
    assert "<span>Selma Second" not in reached[0] and "Selma Second" in reached[1]
    assert await _selmas_assets(site) == before - 1
    tasks = re.findall(r'<input type="hidden" name="task" value="(\w+)">', offer.text)
    assert (await _send(ada, path, task=tasks, action="save")).status_code == 303
    assert await _tasks(site, seat, asset) == Task.ANALYZE | Task.MESSAGING
    for undo in (f"{seat}.17", f"{seat}.99999999999", f"{seat}.-1", "1.17", f"{site.demo.business_id}.17", "x"):
        page = await ada.get(f"{site.business}/assets/{asset}?undo={undo}")
        assert page.status_code == 200 and "no longer reaches" not in page.text


async def test_taking_from_the_work_account_takes_from_the_old_login(site: Site) -> None:
    """M16: the page says that the old login in grace loses it too, and does not get it back with the undo (M5)."""
    ada, asset = await site.browser(login("ada")), site.ids["asset"]
    work = await _seat(site, "Emil Employee", AccountKind.MANAGED)
    old = await _seat(site, "Emil Employee")
    path = f"{site.business}/assets/{asset}/people/{work}"
    assert "An old login is still in grace here" in (await ada.get(path)).text
    taken = await _send(ada, path, action="take_away")
    offer = await ada.get(taken.headers["location"])
    assert "The old login in grace lost it as well." in offer.text
    await _send(ada, path, action="everything")
    assert await _tasks(site, work, asset) == TASKS_OF[NodeKind.PAGE] and not await _tasks(site, old, asset)
    refused = f"{site.business}/assets/{asset}/people/{old}"
    assert (await ada.get(refused)).status_code == 404
    assert (await _send(ada, refused, action="everything")).status_code == 409


async def test_a_lent_asset_offers_what_it_is_lent_with(site: Site) -> None:
    """MT-22: a partner gives its people the tasks of the share and no other, everything being those."""
    paul = await site.browser(login("paul"))
    partner = int((await paul.get("/console")).text.split('href="/console/')[1].split('"')[0])
    services, now, asset = site.world.services, site.world.clock.now(), site.ids["asset"]
    lent = Task.ANALYZE | Task.ADVERTISE
    async with services.store.write() as tx:
        await portfolio.share_asset(tx, services, asset, partner, lent, None, now)
        helper = await portfolio.add_person(
            tx, services, AccountKind.PERSONAL, "Hedda Helper", "hedda@mail.example", None, now
        )
        seat = await portfolio.add_member(tx, services, helper, partner, Role.EMPLOYEE, {}, None, now)
    path = f"/console/{partner}/assets/{asset}/people/{seat}"
    page = await paul.get(path)
    assert re.findall(r'name="task" value="(\w+)"', page.text) == ["ANALYZE", "ADVERTISE"]
    refused = await _send(paul, path, task=["ANALYZE", "MANAGE"], action="save")
    assert refused.status_code == 400 and "was not lent with this task" in refused.text
    assert (await _send(paul, path, action="everything")).status_code == 303
    assert await _tasks(site, seat, asset) == lent and kind_of(asset) is NodeKind.PAGE
    assert "Everything" in (await paul.get(f"/console/{partner}/assets/{asset}")).text


async def test_somebody_is_chosen_from_thousands(site: Site) -> None:
    """Who holds no task yet is searched page by page; admins and holders are not among them."""
    await add_crowd(site, 3000)
    ada, asset = await site.browser(login("ada")), site.ids["asset"]
    page = await ada.get(f"{site.business}/assets/{asset}/people")
    assert page.text.count('class="wb-list-link"') == 50 and 'aria-label="Pages of people"' in page.text
    assert "Selma Second" not in page.text and "Bruno Admin" not in page.text
    found = await ada.get(f"{site.business}/assets/{asset}/people?q=crowd02999")
    assert "1 person or system user for “crowd02999”" in found.text
    seat = re.findall(rf'href="{site.business}/assets/{asset}/people/(\d+)"', found.text)
    assert len(seat) == 1
    assert (
        await _send(ada, f"{site.business}/assets/{asset}/people/{seat[0]}", action="everything")
    ).status_code == 303
    nobody = await ada.get(f"{site.business}/assets/{asset}/people?q=crowd02999")
    assert "Nobody matches" in nobody.text
    assert "Crowd 02999" in (await ada.get(f"{site.business}/assets/{asset}?q=crowd02")).text


async def test_employees_see_tasks_without_buttons(shared: Site) -> None:
    """Members who are no admins see who holds what, and nothing that would change it."""
    emil = await shared.browser(EMIL_AT_WORK)
    page = await emil.get(f"{shared.business}/assets/{shared.ids['asset']}?undo=1.1")
    assert "Selma Second" in page.text and "Assign somebody" not in page.text and "/people/" not in page.text
