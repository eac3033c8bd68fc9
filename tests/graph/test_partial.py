"""A token that has lost some of what it was granted says so, to nobody else (issue 3, line 6; wire.md §2.3; L6)."""

import json
import re
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from tests.commands._world import BASE, T0, TICK, World
from workbadge.commands import membership, migration, portfolio
from workbadge.graph import partial
from workbadge.store.schema import account_link, business
from workbadge.terms.instants import DAY, to_wire
from workbadge.terms.kinds import Role

from ._api import Api, error
from .test_batch import Counting

pytestmark = pytest.mark.anyio
MINE = ("page", "page2", "ads", "catalog", "pixel", "other")
CLAIM = T0 + DAY
CUT_OFF = CLAIM + 30 * DAY
AROUND = ((CUT_OFF - TICK, False), (CUT_OFF, True), (CUT_OFF + TICK, True))
_MEMBER = re.compile(r'"(\d+)";reason=([a-z_]+);since="([^"]+)";reconnect="([^"]+)"').fullmatch


def lost_of(headers: Any) -> list[tuple[str, str, str]] | None:
    """Business, reason, instant of each member of the header; None without one. The link is checked."""
    text = headers.get("x-workbadge-access")
    if text is None:
        return None
    found = [_MEMBER(one) for one in text.split(", ")]
    assert all(one is not None and one[4].startswith(f"{BASE}/dialog/oauth?client_id=") for one in found), text
    return [(one[1], one[2], one[3]) for one in found if one is not None]


async def emil(api: Api, names: tuple[str, ...] = MINE, app: str = "both") -> str:
    """A token of an employee, with the business itself if anything of it is chosen."""
    world = api.world
    ours = (world.business,) if names != ("other",) else ()
    return await api.login(world.people["emil"], app, names, businesses=ours)


async def move(api: Api, *names: str) -> None:
    """The people claim at CLAIM."""
    started = await api.world.start(*names)
    for name in names:
        await api.world.claim(started, name, CLAIM)


async def test_at_the_cut_off(api: Api) -> None:
    """M7, M8: from the cut-off on, and not a microsecond before, every answer says which business is lost, since when, why."""
    token, world = await emil(api), api.world
    await move(api, "emil")
    expected = [(str(world.business), "grace_ended", to_wire(CUT_OFF))]
    for now, is_lost in AROUND:
        api.now = now
        paths = (
            "/me",
            f"/{world.assets['other']}",
            "/me/accounts",
            "/me/permissions",
            f"/{world.assets['other']}/feed",
        )
        answers = [await api.call(path, token) for path in paths]
        answers.append(await api.call(f"/{world.assets['other']}/feed", token, "POST", message="x"))
        answers.append(await api.call("/", token, ids=str(world.assets["other"])))
        assert [one.status_code for one in answers] == [200] * len(answers)
        failures = [await api.call("/1", token), await api.call("/me", token, fields="nope")]
        failures += [await api.call(f"/{world.assets['page']}", token)] if is_lost else []
        for answer in answers + failures:
            assert lost_of(answer.headers) == (expected if is_lost else None), (now, answer.url)
        for answer in failures:
            data = answer.json()["error"].get("error_data", {})
            assert [(one["business_id"], one["reason"], one["since"]) for one in data.get("lost", [])] == (
                expected if is_lost else []
            )
            assert all(one["reconnect"].startswith(f"{BASE}/dialog/oauth") for one in data.get("lost", []))


async def test_lists_say_how_many_are_withheld(api: Api) -> None:
    """I10, M8: beside total_count a list says how many granted items are not shown, from the cut-off on; else nothing."""
    token = await emil(api)
    await move(api, "emil")
    for now, is_lost in AROUND:
        api.now = now
        for edge, all_of, left in (
            ("accounts", 3, 1),
            ("adaccounts", 1, 0),
            ("businesses", 2, 1),
            ("assigned_product_catalogs", 1, 0),
        ):
            answer = await api.get(f"/me/{edge}", token, summary="true")
            withheld = {"total_count": left, "withheld": all_of - left}
            assert answer["summary"] == (withheld if is_lost else {"total_count": all_of}), edge
            assert "summary" not in await api.get(f"/me/{edge}", token)
        inner = await api.get("/me", token, fields="accounts.summary(true){id}")
        assert inner["accounts"]["summary"].get("withheld", 0) == (2 if is_lost else 0)
        owned = await api.call(f"/{api.world.business}/owned_pages", token, summary="true")
        assert owned.status_code == (400 if is_lost else 200)


async def test_operations_of_a_batch_say_it_too(api: Api) -> None:
    """wire 9.17: each operation carries what its own token has lost, and nothing of another's."""
    token, world = await emil(api), api.world
    other = await api.login(world.people["selma"], "both", MINE)
    await move(api, "emil")
    api.now = CUT_OFF
    operations = [
        {"method": "GET", "relative_url": "me"},
        {"method": "GET", "relative_url": f"{world.assets['page']}"},
        {"method": "GET", "relative_url": f"{world.assets['page']}", "access_token": other},
    ]
    answer = await api.client.post("/", data={"batch": json.dumps(operations), "access_token": token})
    headers = [{one["name"].lower(): one["value"] for one in each["headers"]} for each in answer.json()]
    expected = [(str(world.business), "grace_ended", to_wire(CUT_OFF))]
    assert [lost_of(one) for one in headers] == [expected, expected, None]


async def test_nobody_else_learns_of_it(api: Api) -> None:
    """MT-01: a colleague, another tenant's admin, a token that chose nothing of the business, a dead one: all hear nothing."""
    world = api.world
    await emil(api)
    tokens = {
        "colleague": await api.login(world.people["selma"], "both", MINE),
        "admin elsewhere": await api.login(world.people["selma"], "tokens", ("other",), businesses=(world.elsewhere,)),
        "partner": await api.login(world.people["paul"], "both", ("page",)),
        "robot": await api.system("both", ("page",)),
        "the same person, other app": await emil(api, ("other",), "tokens"),
    }
    before = {title: await _said(api, token) for title, token in tokens.items()}
    await move(api, "emil")
    api.now = CLAIM + TICK
    tokens["managed"] = await api.login((await _managed(api)), "both", MINE[:-1])
    for now, _ in AROUND:
        api.now = now
        for title, token in tokens.items():
            said = await _said(api, token)
            assert all(lost_of(answer.headers) is None for answer in said), title
            assert all("lost" not in answer.text and "withheld" not in answer.text for answer in said), title
            if title in before:
                assert [one.status_code for one in said] == [one.status_code for one in before[title]], title
        assert str(world.business) not in "".join(one.text for one in await _said(api, tokens["admin elsewhere"]))


async def _managed(api: Api) -> int:
    async with api.world.services.store.read() as tx:
        row = await tx.one(select(account_link.c.managed_id))
    assert row is not None
    return int(row[0])


async def _said(api: Api, token: str) -> list[httpx.Response]:
    """Answers to a few calls, good and bad."""
    assets = api.world.assets
    paths = ("/me", "/me/accounts?summary=true", "/1", f"/{assets['page']}", f"/{assets['other']}")
    return [await api.client.get(path, params={"access_token": token, "summary": "true"}) for path in paths]


async def test_a_dead_token_only_says_that_it_is_dead(api: Api) -> None:
    """wire §3.12: 190 is about the token; what it had lost before is no longer told."""
    token = await emil(api)
    await move(api, "emil")
    api.now = CUT_OFF
    assert (await api.call("/me/permissions", token, "DELETE")).status_code == 200
    answer = await api.call("/me", token)
    assert error(answer) == (400, 190, 458)
    assert lost_of(answer.headers) is None
    assert "error_data" not in answer.json()["error"]


async def test_each_way_of_losing(api: Api) -> None:
    """L6: the reason is the one with which the node itself is refused: removed, missed deadline, share ended, suspended."""
    world, services = api.world, api.world.services
    token, at = await emil(api), T0 + 2 * DAY
    paul = await api.login(world.people["paul"], "both", ("page",))
    selma = await api.login(world.people["selma"], "both", MINE)
    robot = await api.system("both", ("page",))
    place = (await world.people_list(T0))["emil@home.example"]
    await membership.remove_member(services, world.business, place, None, at)
    async with services.store.write() as tx:
        await portfolio.stop_sharing(tx, services, world.assets["page"], world.partner, None, at)
    await world.start("selma", deadline=at)
    for who, shown, reason in (
        (token, world.business, "membership_ended"),
        (paul, world.business, "share_ended"),
        (selma, world.business, "deadline_passed"),
    ):
        for now, is_lost in ((at - TICK, False), (at, True), (at + TICK, True)):
            api.now = now
            expected = [(str(shown), reason, to_wire(at))] if is_lost else None
            assert lost_of((await api.call("/me", who)).headers) == expected, (reason, now)
            node = await api.call(f"/{world.assets['page']}", who)
            assert (node.status_code == 400) is is_lost, reason
            if is_lost:
                assert node.json()["error"]["error_data"]["reason"] == reason
    async with services.store.write() as tx:
        await tx.run(update(business).where(business.c.id == world.business).values(suspended_at=at + DAY))
    for now, is_lost in ((at + DAY - TICK, False), (at + DAY, True)):
        api.now = now
        expected = [(str(world.business), "business_suspended", to_wire(at + DAY))]
        assert lost_of((await api.call("/me", robot)).headers) == (expected if is_lost else None)


async def test_who_leaves_a_partner_loses_what_was_lent(api: Api) -> None:
    """M15: leaving the business that borrows ends the way to what it borrows; the owner's business is named."""
    world = api.world
    paul = await api.login(world.people["paul"], "both", ("page",))
    async with world.services.store.write() as tx:
        await portfolio.add_member(tx, world.services, world.people["bob"], world.partner, Role.ADMIN, {}, None, T0)
    async with world.services.store.read() as tx:
        places = {one.email: one.membership_id for one in await membership.list_people(tx, world.partner, T0)}
    await membership.remove_member(world.services, world.partner, places["paul@home.example"], None, T0 + DAY)
    for now, is_lost in ((T0 + DAY - TICK, False), (T0 + DAY, True)):
        api.now = now
        expected = [(str(world.business), "membership_ended", to_wire(T0 + DAY))]
        assert lost_of((await api.call("/me", paul)).headers) == (expected if is_lost else None)


async def test_what_another_way_still_reaches_is_not_lost(api: Api) -> None:
    """M15: with another open way to all that was chosen nothing is lost; a business of which something is, is named."""
    world, services, at = api.world, api.world.services, T0 + DAY
    assets, paul = world.assets, world.people["paul"]
    async with services.store.write() as tx:
        await portfolio.add_member(tx, services, paul, world.elsewhere, Role.ADMIN, {}, None, T0)
        await portfolio.share_asset(tx, services, assets["page"], world.elsewhere, None, None, T0)
        await portfolio.share_asset(tx, services, assets["page2"], world.partner, None, None, T0)
    only = await api.login(paul, "tokens", ("page",))
    both = await api.login(paul, "both", ("page", "page2"))
    async with services.store.write() as tx:
        for name in ("page", "page2"):
            await portfolio.stop_sharing(tx, services, assets[name], world.partner, None, at)
    api.now = at
    assert (await api.call(f"/{assets['page']}", only)).status_code == 200
    assert lost_of((await api.call("/me", only)).headers) is None
    assert (await api.get("/me/accounts", only, summary="1"))["summary"] == {"total_count": 1}
    assert lost_of((await api.call("/me", both)).headers) == [(str(world.business), "share_ended", to_wire(at))]
    assert (await api.get("/me/accounts", both, summary="1"))["summary"] == {"total_count": 1, "withheld": 1}


async def test_a_page_token_speaks_of_its_page_alone(api: Api) -> None:
    """MT-10: the token of a page that is still there says nothing of what its person has lost elsewhere."""
    token, world = await emil(api), api.world
    here, there = await api.page_token(token, "page"), await api.page_token(token, "other")
    await move(api, "emil")
    api.now = CUT_OFF
    answer = await api.call("/me", there)
    assert answer.status_code == 200
    assert lost_of(answer.headers) is None
    answer = await api.call("/me", here)
    assert error(answer)[1] == 100
    assert lost_of(answer.headers) == [(str(world.business), "grace_ended", to_wire(CUT_OFF))]


async def test_an_extension_moves_it(api: Api) -> None:
    """M11: when the grace is extended, nothing is told until the new cut-off, and then the new instant."""
    token, world = await emil(api), api.world
    started = await world.start("emil")
    await world.claim(started, "emil", CLAIM)
    later, emils = CUT_OFF + 5 * DAY, world.people["emil"]
    await migration.extend_grace(world.services, started.migration_id, emils, later, None, CUT_OFF - DAY)
    for now, is_lost in ((CUT_OFF, False), (later - TICK, False), (later, True)):
        api.now = now
        expected = [(str(world.business), "grace_ended", to_wire(later))] if is_lost else None
        assert lost_of((await api.call("/me", token)).headers) == expected


async def test_many_businesses(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """wire §3.13: more businesses than fit are told by their number."""
    monkeypatch.setattr(partial, "MOST", 2)
    world, services = api.world, api.world.services
    made = []
    async with services.store.write() as tx:
        for _ in range(5):
            made.append(await portfolio.add_business(tx, services, "Shop", None, T0))
            for name in ("emil", "bob"):
                await portfolio.add_member(tx, services, world.people[name], made[-1], Role.ADMIN, {}, None, T0)
    token = await api.login(world.people["emil"], "both", ("other",), businesses=tuple(made))
    for one in made:
        async with services.store.read() as tx:
            places = {found.email: found.membership_id for found in await membership.list_people(tx, one, T0)}
        await membership.remove_member(services, one, places["emil@home.example"], None, T0 + DAY)
    api.now = T0 + DAY
    answer = await api.call("/1", token)
    *named, more = answer.headers["x-workbadge-access"].split(", ")
    assert [_MEMBER(one)[1] for one in named] == [str(one) for one in sorted(made)[:2]]  # type: ignore[index]
    assert more == "more;count=3"
    assert len(answer.json()["error"]["error_data"]["lost"]) == 2


async def test_it_costs_nothing_before(world: World) -> None:
    """house 33: until something is lost a cold read takes its one query as ever; then two more, and none while kept."""
    store = Counting(world.services.store)
    async with Api.open(world.through(store)) as api:  # type: ignore[arg-type]
        token, path = await emil(api), f"/{api.world.assets['other']}"
        await move(api, "emil")
        for now, most in ((CUT_OFF - TICK, 1), (CUT_OFF, 4)):
            api.now = now
            await _touch(api.world)
            store.reads = 0
            assert (await api.call(path, token)).status_code == 200
            assert 1 <= store.reads <= most


async def _touch(world: World) -> None:
    """Commit something, so that nothing is kept."""
    async with world.services.store.write() as tx:
        await tx.run(update(business).where(business.c.id == world.elsewhere).values(name="Books"))
