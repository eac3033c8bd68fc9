"""Requests of one business for another's assets, from both sides, through HTTP (MT-01, MT-22, I11)."""

import re

import httpx
import pytest

from workbadge.commands import outbox, portfolio
from workbadge.store import audit, requests, rights
from workbadge.store.requests import Shown
from workbadge.terms.ids import make_id
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import Task

from ._site import Site, csrf_of, login

pytestmark = pytest.mark.anyio


async def _send(client: httpx.AsyncClient, path: str, **data: object) -> httpx.Response:
    token = csrf_of((await client.get("/console/account")).text)
    return await client.post(path, data={"csrf": token, **data})


async def _lent(site: Site, asset: int) -> Task:
    async with site.world.services.store.read() as tx:
        return await rights.lent_tasks(tx, asset, site.ids["agency"], site.world.clock.now())


async def _acts(site: Site, business: int) -> list[tuple[str, int | None]]:
    """What the audit of a business holds about requests and shares of this instant, by act, with who did it."""
    async with site.world.services.store.read() as tx:
        found = await audit.list_entries(tx, business, 100)
    mine = [one for one in found if one.act.startswith(("access_request.", "share."))]
    return sorted((one.act, one.actor_id) for one in mine if one.at >= site.world.clock.now())


async def _mails(site: Site, kind: str) -> list[outbox.Sent]:
    async with site.world.services.store.read() as tx:
        return [one for one in await outbox.list_outbox(tx, site.world.services) if one.kind == kind]


async def test_a_request_is_seen_counted_and_accepted_with_fewer_tasks(site: Site) -> None:
    """MT-22: the owner's admins see who asks for what, lend a part of it, and the partner has exactly that from then on."""
    ada, paul, asset = await site.browser(login("ada")), await site.browser(login("paul")), site.ids["asset"]
    here = f"{site.business}/requests"
    shown = await ada.get(here)
    assert "Lighthouse Agency" in shown.text and "Paul Partner" in shown.text and "Harbour Bakery" in shown.text
    assert "Create and run ads" in shown.text
    for path in ("", "/history"):
        assert '<span>Requests</span><span class="wb-nav-note">1</span>' in (await ada.get(site.business + path)).text
    assert "1 request for access to your assets" in (await ada.get(site.business)).text
    page = await ada.get(f"{here}/{site.ids['request']}")
    assert re.findall(r'name="task" value="(\w+)" checked', page.text) == ["ANALYZE", "ADVERTISE"]
    done = await _send(ada, f"{here}/{site.ids['request']}", action="accept", task=["ANALYZE"])
    assert done.status_code == 303 and await _lent(site, asset) == Task.ANALYZE
    assert "The asset is shared." in (await ada.get(done.headers["location"])).text
    assert "wb-nav-note" not in (await ada.get(site.business)).text
    assert (await paul.get(f"/console/{site.ids['agency']}/assets/{asset}")).status_code == 200
    answered = await paul.get(f"/console/{site.ids['agency']}/requests?show=answered")
    assert "Accepted" in answered.text and str(asset) in answered.text


async def test_declining_can_be_undone(site: Site) -> None:
    """What was declined stays listed and can be accepted after all; the asker is told of both and of nobody's name."""
    ada, asset = await site.browser(login("ada")), site.ids["asset"]
    path = f"{site.business}/requests/{site.ids['request']}"
    done = await _send(ada, path, action="decline")
    assert done.status_code == 303 and not await _lent(site, asset)
    assert "This request was declined" in (await ada.get(done.headers["location"])).text
    assert "Accept after all" in (await ada.get(f"{site.business}/requests?show=answered")).text
    assert (await _send(ada, path, action="decline")).status_code == 409
    (mail,) = await _mails(site, "access_answered")
    assert mail.address == login("paul")[0] and str(asset) in mail.body and "declined" in mail.body
    assert "Harbour" not in mail.subject + mail.body and "Ada" not in mail.body
    assert (await _send(ada, path, action="accept", task=["ADVERTISE"])).status_code == 303
    assert await _lent(site, asset) == Task.ADVERTISE
    assert (await _send(ada, path, action="accept", task=["ANALYZE"])).status_code == 409
    assert len(await _mails(site, "access_answered")) == 2
    refused = await ada.get(path)
    assert "It was accepted." in refused.text and 'name="task"' not in refused.text


async def test_each_step_is_in_the_histories_of_both(site: Site) -> None:
    """I11: one entry each; who asked only reads the id that was typed, until it has the asset (MT-01)."""
    ada, paul, agency = await site.browser(login("ada")), await site.browser(login("paul")), site.ids["agency"]
    path = f"{site.business}/requests/{site.ids['request']}"
    before = (await paul.get(f"/console/{agency}/history")).text
    assert "Access to an asset asked for" in before and str(site.ids["asset"]) in before
    await _send(ada, path, action="decline")
    after = (await paul.get(f"/console/{agency}/history")).text
    assert "Request for access declined" in after
    for text in (before, after):
        assert "Harbour Bakery" not in text and "Ada" not in text
    owners = (await ada.get(f"{site.business}/history")).text
    assert re.search(r"Harbour Bakery · Lighthouse Agency · [^<]*by Paul Partner", owners)
    assert re.search(
        r"Request for access declined.*?Harbour Bakery · Lighthouse Agency · by Ada Admin", owners, re.DOTALL
    )
    await _send(ada, path, action="accept", task=["ANALYZE"])
    assert "Harbour Bakery · Harbour Coffee Company" in (await paul.get(f"/console/{agency}/history")).text
    acts = await _acts(site, agency)
    assert [(act, actor is None) for act, actor in acts] == [
        ("access_request.add", False),
        ("access_request.approved", True),
        ("access_request.declined", True),
    ]
    assert [act for act, _ in await _acts(site, site.demo.business_id)] == [
        "access_request.add",
        "access_request.declined",
        "share.add",
    ]


async def test_who_asks_takes_it_back(site: Site) -> None:
    """The asker's page tells of a foreign asset only the id, and withdraws; the owner then sees and answers nothing."""
    ada, paul, agency = await site.browser(login("ada")), await site.browser(login("paul")), site.ids["agency"]
    sent = await paul.get(f"/console/{agency}/requests?show=sent")
    assert str(site.ids["asset"]) in sent.text and "Withdraw" in sent.text and "Harbour" not in sent.text
    path = f"/console/{agency}/requests/{site.ids['request']}"
    assert (await paul.get(path)).status_code == 404
    for action in ("accept", "decline", "nonsense"):
        assert (await _send(paul, path, action=action, task=["ANALYZE"])).status_code == 404
    assert not await _lent(site, site.ids["asset"])
    assert (await _send(paul, path, action="withdraw")).status_code == 303
    assert (await _send(paul, path, action="withdraw")).status_code == 409
    assert "Nobody asks for anything" in (await ada.get(f"{site.business}/requests")).text
    late = f"{site.business}/requests/{site.ids['request']}"
    assert "It was withdrawn." in (await ada.get(late)).text
    assert (await _send(ada, late, action="accept", task=["ANALYZE"])).status_code == 409
    assert not await _lent(site, site.ids["asset"])
    assert not await _mails(site, "access_answered")


async def test_an_owner_cannot_withdraw_and_an_old_request_answers_nothing(site: Site) -> None:
    """A request that was replaced by a newer one is refused by its old id, so that nobody accepts what was not shown."""
    ada, old = await site.browser(login("ada")), site.ids["request"]
    assert (await _send(ada, f"{site.business}/requests/{old}", action="withdraw")).status_code == 404
    new = await site.ask(tasks=Task.MANAGE)
    assert new != old
    for action in ("accept", "decline"):
        answer = await _send(ada, f"{site.business}/requests/{old}", action=action, task=["ANALYZE"])
        assert answer.status_code == 409
    assert not await _lent(site, site.ids["asset"])


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ([], "No task is ticked."),
        (["UPLOAD"], "This task does not fit the asset."),
        (["ANALYZE", "MANAGE"], "This task was not asked for."),
    ],
)
async def test_tasks_that_cannot_be_lent_come_back(shared: Site, sent: list[str], says: str) -> None:
    """No task, a task of another kind, one that nobody asked for: the form again, and nothing changes."""
    ada = await shared.browser(login("ada"))
    path = f"{shared.business}/requests/{shared.ids['request']}"
    before = await shared.dump()
    answer = await _send(ada, path, action="accept", task=sent)
    assert answer.status_code == 400 and says in answer.text
    assert await shared.dump() == before


async def test_accepting_more_takes_nothing_away(site: Site) -> None:
    """Who has an asset and asks for more is offered to the owner with what it has; left ticked, it keeps that."""
    ada, asset = await site.browser(login("ada")), site.ids["asset"]
    services, now = site.world.services, site.world.clock.now()
    async with services.store.write() as tx:
        await portfolio.share_asset(tx, services, asset, site.ids["agency"], Task.MODERATE, None, now)
    path = f"{site.business}/requests/{site.ids['request']}"
    page = await ada.get(path)
    ticked = re.findall(r'name="task" value="(\w+)" checked', page.text)
    assert ticked == ["ANALYZE", "ADVERTISE", "MODERATE"] and "has this already: Moderate comments" in page.text
    assert (await _send(ada, path, action="accept", task=ticked)).status_code == 303
    assert await _lent(site, asset) == Task.ANALYZE | Task.ADVERTISE | Task.MODERATE


async def test_the_admins_of_the_owner_get_one_mail_a_day(site: Site) -> None:
    """The first request of a business goes to every admin of the owner by mail; further ones of the day wait on the page."""
    asked = await _mails(site, "access_asked")
    assert {one.address for one in asked} == {login("ada")[0], login("bruno")[0]}
    assert all(f"{site.business}/requests" in one.body and "Harbour Bakery" in one.subject for one in asked)
    assert all("Paul Partner of Lighthouse Agency" in one.body and "Create and run ads" in one.body for one in asked)
    await site.ask("Harbour Events")
    await site.ask()
    assert len(await _mails(site, "access_asked")) == 2
    await site.world.advance(site.world.clock.now() + DAY)
    await site.ask("Harbour Beans", Task.ADVERTISE)
    assert len(await _mails(site, "access_asked")) == 2, "a request from exactly a day ago still counts"
    await site.world.advance(site.world.clock.now() + 2 * DAY)
    await site.ask("Harbour Ads Europe", Task.ANALYZE)
    assert len(await _mails(site, "access_asked")) == 4


async def test_asking_from_the_console_tells_nothing(site: Site) -> None:
    """MT-01: asking for an asset that does not exist goes the same way, page by page, as for one that does."""
    paul, agency = await site.browser(login("paul")), site.ids["agency"]
    path = f"/console/{agency}/requests/new"
    texts = []
    for one in (site.ids["asset"], make_id(NodeKind.PAGE, 7)):
        page = await paul.get(f"{path}?asset={one}")
        assert page.status_code == 200 and "Moderate comments" in page.text
        empty = await _send(paul, path, asset=one)
        done = await _send(paul, path, asset=one, task=["MODERATE"])
        assert empty.status_code == 400 and done.status_code == 303
        texts.append([re.sub(r'[0-9a-f]{40,}|"csrf"', "", page.text).replace(str(one), "ID") for page in (page, empty)])
    assert texts[0] == texts[1]
    sent = await paul.get(done.headers["location"])
    assert "The request is on its way." in sent.text and "Sent <span" in sent.text
    async with site.world.services.store.read() as tx:
        assert await requests.count_shown(tx, agency, Shown.SENT) == 2
    for text in ("12", str(site.demo.business_id), "<b>", "act_"):
        assert (await paul.get(path, params={"asset": text})).status_code == 400
    kept = await _send(paul, path, asset=site.ids["asset"], task=["UPLOAD"])
    assert kept.status_code == 400 and "This task does not fit the asset." in kept.text
    own = await _send(
        await site.browser(login("ada")), f"{site.business}/requests/new", asset=site.ids["asset"], task=["MANAGE"]
    )
    assert own.status_code == 400 and "has these tasks on it already" in own.text


async def test_many_requests_come_page_by_page(site: Site) -> None:
    """I10: fifty to a page, newest first, each once; the navigation counts all of them."""
    services, now = site.world.services, site.world.clock.now()
    async with services.store.write() as tx:
        made = [await portfolio.add_business(tx, services, f"Asker {n:03}", None, now) for n in range(60)]
        for one in made:
            person = await portfolio.add_person(
                tx, services, AccountKind.PERSONAL, f"Person {one}", f"{one}@mail.example", None, now
            )
            await portfolio.add_member(tx, services, person, one, Role.ADMIN, {}, None, now)
            request_id = services.entropy.new_id(NodeKind.RECORD)
            await requests.add_request(tx, request_id, one, site.ids["asset"], NodeKind.PAGE, Task.ANALYZE, person, now)
    ada = await site.browser(login("ada"))
    first = await ada.get(f"{site.business}/requests")
    assert '<span class="wb-nav-note">61</span>' in first.text
    link = re.search(r'href="([^"]+)"[^>]*rel="next"', first.text)
    assert link
    second = await ada.get(link[1].replace("&amp;", "&"))
    seen = [re.findall(r"/requests/(\d+)", page.text) for page in (first, second)]
    assert [len(set(one)) for one in seen] == [50, 11] and len({*seen[0], *seen[1]}) == 61
