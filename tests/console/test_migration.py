"""Planning and steering through HTTP (M1, M3, M11, M12, I9, WB-15, WB-23, WB-31)."""

import csv
import io
from datetime import timedelta

import httpx
import pytest

from workbadge.commands import portfolio
from workbadge.commands.migration import NewPerson, load_migration, start_migration
from workbadge.console.sheets import plain_cell
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, PersonState, Role

from ._site import EMIL_AT_WORK, Site, csrf_of, login

pytestmark = pytest.mark.anyio


async def _send(client: httpx.AsyncClient, path: str, **data: object) -> httpx.Response:
    token = csrf_of((await client.get("/console/account")).text)
    return await client.post(path, data={"csrf": token, **data})


async def _state(site: Site, name: str) -> PersonState:
    async with site.world.services.store.read() as tx:
        view = await load_migration(tx, site.demo.migration_id, site.world.clock.now())
    return next(one.state for one in view.people if one.name == name)


def _person(site: Site, name: str) -> str:
    return f"{site.business}/migration/{site.demo.migration_id}/{site.ids[f'person:{name}']}"


async def test_a_plan_is_reviewed_before_anything_is_sent(site: Site) -> None:
    """Choosing people shows them once more and writes nothing; starting invites them with their deadlines (M1, M3)."""
    ada = await site.browser(login("ada"))
    plan = await ada.get(f"{site.business}/migration/plan")
    assert 'value="ada@example.com"' in plan.text
    person = plan.text.split('name="person" value="')[1].split('"')[0]
    data = {"person": person, f"work_{person}": "ada@example.com", f"until_{person}": "2026-05-01", "deadline": ""}
    before = await site.dump()
    review = await _send(ada, f"{site.business}/migration/plan", **data)
    assert review.status_code == 200 and "1 May 2026, 23:59 UTC" in review.text
    assert await site.dump() == before
    started = await _send(ada, f"{site.business}/migration/plan", action="start", **data)
    assert started.status_code == 303, started.text
    page = await ada.get(started.headers["location"])
    assert "The invitations are on their way." in page.text and "ada<wbr>@example.com" in page.text
    await site.world.settle()
    assert "ada@example.com" in await site.links()


@pytest.mark.parametrize(
    ("field", "value"),
    [("work", "ada@elsewhere.example"), ("work", "no address"), ("until", "tomorrow"), ("deadline", "2020-01-01")],
)
async def test_a_plan_that_cannot_be_is_shown_again(site: Site, field: str, value: str) -> None:
    """A foreign address, no address, no date, a past deadline: the plan again with what is wrong, and nothing sent."""
    ada = await site.browser(login("ada"))
    plan = await ada.get(f"{site.business}/migration/plan")
    person = plan.text.split('name="person" value="')[1].split('"')[0]
    data = {"person": person, f"work_{person}": "ada@example.com", "action": "start"}
    data["deadline" if field == "deadline" else f"{field}_{person}"] = value
    before = await site.dump()
    answer = await _send(ada, f"{site.business}/migration/plan", **data)
    assert answer.status_code == 400 and 'role="alert"' in answer.text
    assert await site.dump() == before


async def test_extending_moves_the_banner(site: Site) -> None:
    """A later cut-off stands in the banner at once; beyond the operator's limit it is refused (M11)."""
    ada, emil = await site.browser(login("ada")), await site.browser(EMIL_AT_WORK)
    answer = await _send(ada, _person(site, "Emil Employee"), action="extend", to="2026-04-20")
    assert answer.status_code == 303
    home = await emil.get(site.business)
    assert "50" in home.text and "20 Apr 2026, 23:59 UTC" in home.text
    assert (await _send(ada, _person(site, "Emil Employee"), action="extend", to="2027-01-01")).status_code == 409


async def test_rolling_back_names_the_apps_and_restores(site: Site) -> None:
    """A rollback within grace restores the personal login and says so; after the cut-off it is refused (M12)."""
    ada, emil = await site.browser(login("ada")), await site.browser(login("emil"))
    assert (await emil.get(site.business)).status_code == 404
    answer = await _send(ada, _person(site, "Emil Employee"), action="roll_back")
    assert answer.status_code == 200 and "everything is as before the claim" in answer.text
    assert (await emil.get(site.business)).status_code == 200
    assert await _state(site, "Emil Employee") is PersonState.ROLLED_BACK


async def test_rolling_back_after_the_cut_off_is_refused(site: Site) -> None:
    """After the cut-off a rollback is refused and changes nothing (M12)."""
    await site.world.advance(site.world.clock.now() + 30 * DAY)
    ada = await site.browser(login("ada"))
    before = await site.dump()
    assert (await _send(ada, _person(site, "Emil Employee"), action="roll_back")).status_code == 409
    assert await site.dump() == before


async def test_steering_an_invitation(site: Site) -> None:
    """A deadline moves, an invitation goes out again with a new link, and a person can be taken out (M1, M3)."""
    ada = await site.browser(login("ada"))
    old = (await site.links())["selma@example.com"]
    assert (await _send(ada, _person(site, "Selma Second"), action="deadline", to="2026-04-30")).status_code == 303
    assert "30 Apr 2026, 23:59 UTC" in (await ada.get(_person(site, "Selma Second"))).text
    assert (await _send(ada, _person(site, "Selma Second"), action="resend")).status_code == 303
    await site.world.settle()
    assert (await site.links())["selma@example.com"] != old
    assert (await _send(ada, _person(site, "Selma Second"), action="exclude")).status_code == 303
    assert await _state(site, "Selma Second") is PersonState.EXCLUDED


async def test_the_last_admin_stays(site: Site) -> None:
    """Through the pages the last admin can neither be removed nor lose the role (I9)."""
    ada = await site.browser(login("ada"))
    bruno = site.ids["membership"]
    assert (await _send(ada, f"{site.business}/people/{bruno}/remove")).status_code == 303
    people = await ada.get(f"{site.business}/people")
    own = people.text.split("/remove")[0].rsplit("/", 1)[1] if "Ada Admin" in people.text else ""
    members = {
        part.split("/remove")[0].rsplit("/", 1)[1] for part in people.text.split("<dialog")[1:] if "/remove" in part
    }
    assert own in members
    before = await site.dump()
    for member in members:
        page = people.text.split(f'id="remove-{member}-title">')[1][:60]
        if "Ada" in page:
            assert (await _send(ada, f"{site.business}/people/{member}/remove")).status_code == 409
            assert (await _send(ada, f"{site.business}/people/{member}/role", role="EMPLOYEE")).status_code == 409
    assert await site.dump() == before


async def test_an_export_runs_no_formula(site: Site) -> None:
    """Names that start like formulas come out as text, and every cell is where it belongs (WB-31)."""
    services, now = site.world.services, site.world.clock.now()
    name = '=HYPERLINK("https://elsewhere.example","x")'
    async with services.store.write() as tx:
        account = await portfolio.add_person(
            tx, services, AccountKind.PERSONAL, name, "plus+one@mail.example", None, now
        )
        await portfolio.add_member(tx, services, account, site.demo.business_id, Role.EMPLOYEE, {}, None, now)
    made = await start_migration(
        services, site.demo.business_id, [NewPerson(account, "plus@example.com")], None, now, now + timedelta(days=9)
    )
    ada = await site.browser(login("ada"))
    answer = await ada.get(f"{site.business}/migration/{made.migration_id}.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[1][0] == "'" + name and rows[1][1] == "plus+one@mail.example" and rows[1][3] == "invited"
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " ="])
def test_a_cell_is_never_a_formula(start: str) -> None:
    """A cell that starts as spreadsheets' formulas do is quoted; others are left as they are (WB-31)."""
    assert plain_cell(start + "1") == f"'{start}1"
    assert plain_cell("1" + start) == "1" + start


async def test_names_are_text_everywhere(site: Site) -> None:
    """Markup in the names of people and apps is shown as text on every page that names them (WB-23)."""
    services, now = site.world.services, site.world.clock.now()
    name = '<img src=x onerror="alert(1)">'
    async with services.store.write() as tx:
        account = await portfolio.add_person(tx, services, AccountKind.PERSONAL, name, "img@mail.example", None, now)
        await portfolio.add_member(tx, services, account, site.demo.business_id, Role.EMPLOYEE, {}, None, now)
    ada = await site.browser(login("ada"))
    for path in ("", "/people", "/migration/plan", "/history"):
        page = await ada.get(site.business + path)
        assert page.status_code == 200 and "<img src=x" not in page.text
    assert "&lt;img src=x" in (await ada.get(f"{site.business}/people")).text
