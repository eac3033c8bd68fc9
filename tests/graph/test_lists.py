"""Lists: their order, their pages while rows come and go, their modifiers as fields, several nodes at once."""

from datetime import timedelta
from typing import Any

import pytest

from tests.commands._world import T0
from workbadge.commands import membership, portfolio
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role

from ._api import Api, error
from .test_sharing import admin, seat

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


async def pages(api: Api, count: int) -> list[str]:
    """Pages of the business, each a minute younger than the one before; their ids in the order of their making."""
    world = api.world
    made = []
    async with world.services.store.write() as tx:
        for number in range(count):
            at = T0 + DAY + number * MINUTE
            asset = await portfolio.add_asset(tx, world.services, NodeKind.PAGE, f"p{number}", world.business, at)
            world.assets[f"p{number}"] = asset
            made.append(str(asset))
    api.now = T0 + 2 * DAY
    return made


async def chooser(api: Api, count: int) -> str:
    """A token of an admin who chose exactly the made pages and the business."""
    names = tuple(f"p{number}" for number in range(count))
    return await api.login(api.world.people["bob"], "both", names, businesses=(api.world.business,))


async def walk(api: Api, path: str, token: str, back: bool = False, **more: str) -> list[str]:
    """Ids of all pages of a list, by the links to the next (or from the last page back to the previous)."""
    answer = await api.get(path, token, **more)
    found = [[one["id"] for one in answer["data"]]]
    while "next" in answer.get("paging", {}):
        answer = (await api.client.get(answer["paging"]["next"])).json()
        found.append([one["id"] for one in answer["data"]])
    if back:
        found = [found[-1]]
        while "previous" in answer.get("paging", {}):
            answer = (await api.client.get(answer["paging"]["previous"])).json()
            found.insert(0, [one["id"] for one in answer["data"]])
    return [one for page in found for one in page]


async def test_orders(api: Api) -> None:
    """wire §3.9: chronological and reverse_chronological by when things were made, by id unless asked, forwards and back."""
    made = await pages(api, 7)
    token = await chooser(api, 7)
    for path in ("/me/accounts", f"/{api.world.business}/owned_pages"):
        for order, expected in (("", sorted(made)), ("chronological", made), ("reverse_chronological", made[::-1])):
            more = {"order": order, "limit": "2", "fields": "id"}
            assert await walk(api, path, token, **more) == expected, (path, order)
            assert await walk(api, path, token, back=True, **more) == expected, (path, order)
        assert error(await api.call(path, token, order="ranked"))[:2] == (400, 100)
    inner = await api.get("/me", token, fields="accounts.order(reverse_chronological).limit(3){id}")
    assert [one["id"] for one in inner["accounts"]["data"]] == made[:3:-1]
    rest = (await api.client.get(inner["accounts"]["paging"]["next"])).json()
    assert [one["id"] for one in rest["data"]] == made[3:0:-1], "the next page goes on in that order"
    assert error(await api.call("/me", token, fields="accounts.order(sideways){id}"))[:2] == (400, 100)


async def test_a_cursor_belongs_to_its_order(api: Api) -> None:
    """MT-04: a cursor of one order is not taken for another, nor an edited one, nor another caller's, nor another edge's."""
    await pages(api, 3)
    token = await chooser(api, 3)
    first = await api.get("/me/accounts", token, limit="1", order="chronological", fields="id")
    cursor = first["paging"]["cursors"]["after"]
    assert not any(one["id"] in cursor for one in first["data"])
    other = await api.login(api.world.people["ada"], "both", ("p0", "p1"), businesses=(api.world.business,))
    for path, who, more in (
        ("/me/accounts", token, {}),
        ("/me/accounts", token, {"order": "reverse_chronological"}),
        ("/me/accounts", other, {"order": "chronological"}),
        (f"/{api.world.business}/owned_pages", token, {"order": "chronological"}),
    ):
        assert error(await api.call(path, who, after=cursor, **more))[:2] == (400, 100), (path, more)
    edited = cursor[:-2] + ("aa" if cursor[-2:] != "aa" else "bb")
    assert error(await api.call("/me/accounts", token, after=edited, order="chronological"))[:2] == (400, 100)


@pytest.mark.parametrize("order", ["", "chronological", "reverse_chronological"])
async def test_pages_stay_right_while_rows_come_and_go(api: Api, order: str) -> None:
    """wire §3.9: what stays is told exactly once, though items before the cursor, the cursor's own and later ones go, and
    new ones come on both sides of it."""
    world = api.world
    made = await pages(api, 9)
    token = await chooser(api, 9)
    more = {"limit": "3", "fields": "id", "order": order}
    whole = await walk(api, "/me/accounts", token, **more)
    first = await api.get("/me/accounts", token, **more)
    seen = [one["id"] for one in first["data"]]
    assert seen == whole[:3]
    gone = {seen[0], seen[-1], whole[4]}
    names = {str(asset): name for name, asset in world.assets.items()}
    kept = tuple(names[one] for one in whole if one not in gone)
    fresh = []
    async with world.services.store.write() as tx:
        for number in range(6):
            at = T0 + DAY + (2 * number - 2) * MINUTE
            asset = await portfolio.add_asset(tx, world.services, NodeKind.PAGE, "new", world.business, at)
            world.assets[f"new{number}"] = asset
            fresh.append((at, str(asset)))
    news = tuple(f"new{number}" for number in range(6))
    await api.login(world.people["bob"], "both", (*kept, *news), businesses=(world.business,))
    answer = (await api.client.get(first["paging"]["next"])).json()
    rest = [one["id"] for one in answer["data"]]
    while "next" in answer["paging"]:
        answer = (await api.client.get(answer["paging"]["next"])).json()
        rest += [one["id"] for one in answer["data"]]
    assert [one for one in rest if one in whole] == [one for one in whole[3:] if one not in gone]
    at_of = {one: T0 + DAY + number * MINUTE for number, one in enumerate(made)} | {one: at for at, one in fresh}
    key = {"": lambda one: one, "chronological": lambda one: (at_of[one], one)}.get(
        order, lambda one: (at_of[one], one)
    )
    everything = sorted([*whole, *(one for _, one in fresh)], key=key, reverse=order == "reverse_chronological")
    later = everything[everything.index(seen[-1]) + 1 :]
    assert rest == [one for one in later if one not in gone], "and of the new ones those that stand further on"


@pytest.mark.parametrize("order", ["", "chronological", "reverse_chronological"])
async def test_beyond_the_end_a_page_is_empty(api: Api, order: str) -> None:
    """wire §3.9: after the last item and before the first there is nothing, and no link: neither the last page nor the
    first comes instead, of nodes as of rows."""
    world, token = api.world, await admin(api)
    for path in ("/me/accounts", f"/{world.business}/business_users"):
        whole = await api.get(path, token, fields="id", order=order)
        cursors = whole["paging"]["cursors"]
        assert len(whole["data"]) > 1
        for beyond in ({"after": cursors["after"]}, {"before": cursors["before"]}):
            assert await api.get(path, token, fields="id", order=order, limit="1", **beyond) == {"data": []}


async def test_people_stay_right_while_people_come_and_go(api: Api) -> None:
    """wire §3.9: the pages of business_users tell everybody who stays exactly once, while others leave and join."""
    world, token = api.world, await admin(api)
    async with world.services.store.write() as tx:
        for number in range(8):
            person = await portfolio.add_person(
                tx, world.services, AccountKind.PERSONAL, f"P{number}", f"p{number}@home.example", None, T0
            )
            at = T0 + number * MINUTE
            await portfolio.add_member(tx, world.services, person, world.business, Role.EMPLOYEE, {}, None, at)
    api.now = T0 + DAY
    edge = f"/{world.business}/business_users"
    for order in ("", "chronological", "reverse_chronological"):
        whole = await walk(api, edge, token, limit="100", order=order)
        answer = await api.get(edge, token, limit="3", order=order)
        seen: list[str] = [one["id"] for one in answer["data"]]
        leaving = [one for one in (seen[2], whole[5]) if one != await seat(api, "bob", api.now)]
        for one in leaving:
            await membership.remove_member(world.services, world.business, int(one), None, api.now)
        while "next" in answer["paging"]:
            answer = (await api.client.get(answer["paging"]["next"])).json()
            seen += [one["id"] for one in answer["data"]]
        assert seen == [one for one in whole if one not in leaving or one == whole[2]]
        total = (await api.get(edge, token, summary="true", limit="1"))["summary"]["total_count"]
        assert total == len(whole) - len(leaving)


async def test_several_nodes_and_their_edges(api: Api) -> None:
    """wire §3.9: GET /{edge}?ids= reads an edge of several nodes, with its parameters; one bad id fails all."""
    world, token = api.world, await admin(api)
    ids = [str(world.assets["page"]), f"act_{world.assets['ads']}", str(world.assets["catalog"])]
    both = await api.get("/assigned_users", token, ids=",".join(ids), business=str(world.business), fields="name")
    assert set(both) == set(ids)
    for one in ids:
        assert {person["name"] for person in both[one]["data"]} == {"Emil", "Selma"}
    people: dict[str, Any] = await api.get(
        "/assigned_pages", token, ids=f"{await seat(api, 'emil')},{await seat(api, 'selma')}", fields="id"
    )
    assert all(len(found["data"]) == 2 for found in people.values())
    bad = await api.call(
        "/assigned_users", token, ids=f"{ids[0]},{world.assets['other']}", business=str(world.business)
    )
    assert error(bad)[1:] == (100, 33)


async def test_the_grammar_of_the_checklist(api: Api) -> None:
    """wire §3.9 (9.15, 9.16): the examples of the grammar are read and answered, with their modifiers."""
    world, token = api.world, await admin(api)
    found = await api.get("/me", token, fields="id,name,accounts.limit(3){id,tasks}")
    assert {frozenset(one) for one in found["accounts"]["data"]} == {frozenset({"id", "tasks"})}
    page = await api.get(f"/{world.assets['page']}", token, fields="business{id,name},agencies.limit(1){name}")
    assert page["business"] == {"id": str(world.business), "name": "Harbour"}
    assert page["agencies"]["data"] == [{"name": "Agency", "id": str(world.partner)}]
    mine = await api.get("/me", token, fields="adaccounts{id,user_access_expire_time}")
    assert mine["adaccounts"]["data"] == [{"id": f"act_{world.assets['ads']}"}]
    named = await api.get("/me", token, fields="accounts.as(pages).limit(1).summary(true){id},adaccounts.as(ads){id}")
    assert set(named) == {"id", "pages", "ads"} and named["pages"]["summary"] == {"total_count": 2}
    for path in (f"/{world.business}/agencies", f"/{world.business}/system_users", f"/{world.business}/pending_users"):
        assert "total_count" in (await api.get(path, token, summary="true"))["summary"]


async def test_a_feed_is_newest_first_unless_asked(api: Api) -> None:
    """wire §3.9: posts stand newest first; chronological turns them round, through all pages."""
    token, page = await admin(api), api.world.assets["page"]
    made = []
    for number in range(5):
        api.now = T0 + number * MINUTE
        answer = await api.call(f"/{page}/feed", token, "POST", message=str(number))
        made.append(str(answer.json()["id"]))
    for order, expected in (("", made[::-1]), ("reverse_chronological", made[::-1]), ("chronological", made)):
        assert await walk(api, f"/{page}/feed", token, limit="2", order=order) == expected
        assert await walk(api, f"/{page}/feed", token, back=True, limit="2", order=order) == expected
