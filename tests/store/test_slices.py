"""Pages of lists on real engines: each row once, whatever comes and goes between two pages."""

import random
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from sqlalchemy import BigInteger, delete, select, type_coerce

from workbadge.store import members
from workbadge.store.engine import Store, Tx
from workbadge.store.fence import Fence
from workbadge.store.members import Group, Wanted
from workbadge.store.schema import account, audit, name_key
from workbadge.store.slices import FIRST, Place, Slice, read_slice
from workbadge.store.window import Order, Window, read_window
from workbadge.terms.kinds import NodeKind

from ._rows import DAY, T0, nid, put

pytestmark = pytest.mark.anyio

EVERYBODY = Fence.around(account.c.kind, "personal")
BUSINESS = nid(NodeKind.BUSINESS, 1)


async def _page(tx: Tx, place: Place, limit: int = 5, descending: bool = False) -> Slice:
    order = (account.c.name_key, account.c.id)
    return await read_slice(tx, select(account.c.id, account.c.name), EVERYBODY, order, place, limit, descending)


async def _add(tx: Tx, numbers: list[int]) -> None:
    rows = [{"id": nid(NodeKind.ACCOUNT, n), "kind": "personal", "name": f"N{n % 7}"} for n in numbers]
    await put(tx, "account", *rows)


async def _walk(store: Store, limit: int, descending: bool) -> AsyncIterator[Slice]:
    place: Place | None = FIRST
    while place is not None:
        async with store.read() as tx:
            found = await _page(tx, place, limit, descending)
        yield found
        place = found.next


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("people", [0, 1, 4, 5, 6, 10, 23])
async def test_pages_show_each_row_once_and_lead_back(store: Store, people: int, descending: bool) -> None:
    """Forwards every row comes once, in order, names that several share too; backwards come the same pages again."""
    async with store.write() as tx:
        await _add(tx, list(range(people)))
    pages = [found async for found in _walk(store, 5, descending)]
    seen = [(name_key(row.name), row.id) for found in pages for row in found.rows]
    assert seen == sorted(seen, reverse=descending) and len(seen) == len(set(seen)) == people
    assert pages[0].previous is None and pages[-1].next is None
    assert all(len(found.rows) == 5 for found in pages[:-1])
    for earlier, later in pairwise(pages):
        assert later.previous is not None
        async with store.read() as tx:
            again = await _page(tx, later.previous, 5, descending)
        assert again.rows == earlier.rows
        assert (again.previous is None) == (earlier is pages[0])
        assert again.next == earlier.next


async def test_rows_that_come_and_go_neither_repeat_nor_hide_others(store: Store) -> None:
    """Between any two pages others are added and removed, the very last row shown among them: who stays is shown once."""
    chance = random.Random(7)
    here, gone = set(range(60)), set[int]()
    async with store.write() as tx:
        await _add(tx, sorted(here))
    seen: list[int] = []
    fresh = 1000
    async for found in _walk(store, 5, False):
        shown = [row.id for row in found.rows]
        seen += shown
        last = next((n for n in here if nid(NodeKind.ACCOUNT, n) == (shown or [0])[-1]), None)
        leaving = {*chance.sample(sorted(here), 3), *([] if last is None else [last])}
        async with store.write() as tx:
            ids = [nid(NodeKind.ACCOUNT, n) for n in leaving]
            await tx.run(delete(account).where(account.c.id.in_(ids)))
            await _add(tx, [fresh, fresh + 1])
        here -= leaving
        gone |= leaving
        fresh += 2
    assert len(seen) == len(set(seen))
    assert {nid(NodeKind.ACCOUNT, n) for n in here} <= set(seen)
    assert gone


async def test_a_page_is_never_empty_while_there_are_rows(store: Store) -> None:
    """After the end comes the last page, before the beginning the first, full one; an empty list has one empty page."""
    async with store.write() as tx:
        await _add(tx, list(range(7)))
    async with store.read() as tx:
        whole = [row.id for row in (await _page(tx, FIRST, 10)).rows]
        beyond = await _page(tx, Place(("zzz", 0)))
        assert [row.id for row in beyond.rows] == whole[2:] and beyond.next is None and beyond.previous is not None
        second = (name_key("N0"), whole[1])
        start = await _page(tx, Place(second, before=True))
        assert [row.id for row in start.rows] == whole[:5] and start.previous is None and start.next is not None
    async with store.write() as tx:
        await tx.run(delete(account))
    async with store.read() as tx:
        for place in (FIRST, Place(second), Place(second, before=True), Place(before=True)):
            assert await _page(tx, place) == Slice([], None, None)


async def test_instants_order_a_page_too(store: Store) -> None:
    """The newest first, by instants as numbers and then ids: what happened at one instant is not lost between pages."""
    entry = {"act": "a.b", "subject_id": 1, "business_id": BUSINESS}
    async with store.write() as tx:
        await put(tx, "audit", *({"id": n, "at": T0 + (n // 4) * DAY, **entry} for n in range(1, 15)))
    order = (type_coerce(audit.c.at, BigInteger), audit.c.id)
    seen: list[int] = []
    place: Place | None = FIRST
    async with store.read() as tx:
        while place is not None:
            fence = Fence.around(audit.c.business_id, BUSINESS)
            found = await read_slice(tx, select(audit), fence, order, place, 3, descending=True)
            seen += [row.id for row in found.rows]
            place = found.next
    assert seen == list(range(14, 0, -1))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ÁDA", ["Áda Straße"]),
        ("a\u0301da", ["Áda Straße"]),
        ("strasse", ["Áda Straße"]),
        ("100%", ["100% Real_Name/x"]),
        ("%", ["100% Real_Name/x"]),
        ("l_n", ["100% Real_Name/x"]),
        ("e/x", ["100% Real_Name/x"]),
        ("BOB@", ["Somebody"]),
        ("'; DROP TABLE account; --", []),
        ("", ["100% Real_Name/x", "Somebody", "Áda Straße"]),
    ],
)
async def test_people_are_found_by_name_or_address_however_spelled(store: Store, text: str, found: list[str]) -> None:
    """Case, composition and the engine's own pattern signs make no difference; the count is that of the list."""
    rows = [
        ("Áda Straße", "ada@home.example"),
        ("100% Real_Name/x", "x@home.example"),
        ("Somebody", "bob@home.example"),
    ]
    async with store.write() as tx:
        await put(tx, "business", {"id": BUSINESS})
        for n, (name, email) in enumerate(rows):
            ids = {"account_id": nid(NodeKind.ACCOUNT, n), "business_id": BUSINESS}
            await put(tx, "account", {"id": ids["account_id"], "kind": "personal", "name": name, "email_key": email})
            await put(tx, "membership", {"id": nid(NodeKind.MEMBERSHIP, n), "role": "EMPLOYEE", **ids})
    async with store.read() as tx:
        shown = await members.slice_of_members(tx, BUSINESS, (Group.PEOPLE,), Wanted(text), T0, FIRST, 10)
        counts = await members.count_members(tx, BUSINESS, Wanted(text), T0)
    assert sorted(row.name for row in shown.rows) == found
    assert counts == {Group.PEOPLE: len(found), Group.OLD_LOGINS: 0, Group.SYSTEM_USERS: 0}


@pytest.mark.parametrize("order", list(Order))
async def test_beyond_the_last_row_people_see_the_last_page_and_the_wire_an_empty_one(
    store: Store, order: Order
) -> None:
    """wire §3.9: a slice and a window lie at the same keys; beyond the end (and before the beginning) the window is empty."""
    async with store.write() as tx:
        await _add(tx, list(range(5)))
    first, last = nid(NodeKind.ACCOUNT, 0), nid(NodeKind.ACCOUNT, 4)
    ends = (last, first) if order is Order.REVERSE else (first, last)
    at = None if order is Order.ID else T0
    statement = select(account.c.id, account.c.name)
    columns = (account.c.id, account.c.created_at)
    async with store.read() as tx:
        beyond = await read_window(tx, statement, EVERYBODY, Window(2, after=(at, ends[1]), order=order), *columns)
        ahead = await read_window(tx, statement, EVERYBODY, Window(2, before=(at, ends[0]), order=order), *columns)
        rest = await read_window(tx, statement, EVERYBODY, Window(9, after=(at, ends[0]), order=order), *columns)
        keys = [account.c.id] if at is None else [account.c.created_at, account.c.id]
        place = Place((ends[1],) if at is None else (at, ends[1]))
        shown = await read_slice(tx, statement, EVERYBODY, keys, place, 2, order is Order.REVERSE)
    assert (beyond.rows, beyond.more) == ([], False) == (ahead.rows, ahead.more)
    assert len(rest.rows) == 4 and not rest.more
    assert [row.id for row in shown.rows] == [row.id for row in rest.rows[-2:]]
