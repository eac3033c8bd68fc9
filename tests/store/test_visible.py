"""Lists and single reads agree (I10): ``visible`` shows exactly what ``decide`` allows, at every instant, on both engines.

Worlds are drawn around people who do reach something; the walk goes one microsecond before, at and after each instant
that the world mentions (``house.md`` 29, 30).
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests._postgres import Postgres
from tests.store._rows import DAY, T0, nid, put
from workbadge.access import Allow, Ask, decide
from workbadge.store import facts, visible
from workbadge.store.engine import Store, StoreSettings, Tx
from workbadge.store.opening import make_store
from workbadge.store.schema import name_key
from workbadge.store.visible import Filter, Viewer
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import AccountKind, Act, NodeKind
from workbadge.terms.scopes import SCOPES, scopes_for
from workbadge.terms.tasks import TASKS_OF, tasks_for

K = NodeKind
MICRO = timedelta(microseconds=1)
KINDS = (K.PAGE, K.PAGE, K.PIXEL, K.AD_ACCOUNT)
ASSETS = tuple(nid(kind, i) for i, kind in enumerate(KINDS * 2))
BUSINESSES = tuple(nid(K.BUSINESS, i) for i in range(3))
ACCOUNTS = {
    nid(K.ACCOUNT, 0): AccountKind.PERSONAL,
    nid(K.ACCOUNT, 1): AccountKind.MANAGED,
    nid(K.ACCOUNT, 2): AccountKind.SYSTEM,
}
NODES = (*BUSINESSES, *ASSETS)
GROUPS = tuple(nid(K.ASSET_GROUP, i) for i in range(2))
NAMES = ("Café", "CAFÉ 100%", "Straße_7", "STRASSE", "İstanbul", "x")
EVERY_SCOPE = ",".join(name for name, scope in SCOPES.items() if scope.targets)

instants = st.integers(0, 4).map(lambda days: T0 + days * DAY)
ends = st.none() | instants
tasks = st.sampled_from((0, 1, 2, 3, 4, 64, 4096, 8191))


def rows(values: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A row whose columns are drawn."""
    return st.fixed_dictionaries(values)


def unique(of: st.SearchStrategy[dict[str, Any]], *key: str, most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows that differ in their key."""
    return st.lists(of, unique_by=lambda row: tuple(row[name] for name in key), max_size=most)


account_ids = st.sampled_from(tuple(ACCOUNTS))
asset_ids = st.sampled_from(ASSETS)
business_ids = st.sampled_from(BUSINESSES)


@dataclass(frozen=True)
class World:
    """Rows by table."""

    tables: dict[str, list[dict[str, Any]]]
    authorized: dict[int, datetime]
    page_id: int
    instants: frozenset[datetime] = field(default_factory=frozenset)


@st.composite
def assignments_in(
    draw: st.DrawFn, memberships: list[dict[str, Any]], shares: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Tasks of places on assets: on any, and on those that are lent to the place's own business."""
    somewhere = st.tuples(st.sampled_from([row["id"] for row in memberships]), asset_ids)
    lent = [
        (place["id"], row["asset_id"])
        for row in shares
        for place in memberships
        if place["business_id"] == row["partner_business_id"]
    ]
    keys = draw(st.lists(somewhere | st.sampled_from(lent) if lent else somewhere, unique=True, max_size=8))
    return [{"membership_id": place, "asset_id": asset, "tasks": draw(tasks)} for place, asset in keys]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Three businesses, three accounts, eight assets; memberships, shares and roles between them."""
    memberships = draw(
        st.lists(
            rows(
                {
                    "account_id": account_ids,
                    "business_id": business_ids,
                    "role": st.sampled_from(("ADMIN", "EMPLOYEE", "EMPLOYEE")),
                    "starts": instants,
                    "ends": ends,
                    "end_cause": st.none(),
                    "handed_over": st.none() | st.none() | instants,
                }
            ),
            min_size=2,
            max_size=6,
        )
    )
    for number, row in enumerate(memberships):
        row["id"] = nid(K.MEMBERSHIP, number)
    shares = draw(
        st.lists(
            rows(
                {
                    "asset_id": asset_ids,
                    "partner_business_id": business_ids,
                    "tasks": tasks,
                    "starts": instants,
                    "ends": ends,
                }
            ),
            max_size=4,
        )
    )
    for number, row in enumerate(shares):
        row["id"] = nid(K.RECORD, 500 + number)
    grants = [
        {
            "id": nid(K.RECORD, number),
            "account_id": account,
            "app_id": nid(K.APP, 1),
            "scopes": EVERY_SCOPE,
        }
        for number, account in enumerate(ACCOUNTS)
    ]
    targets = [
        {"grant_id": grant["id"], "target_id": node, "selected_at": at}
        for grant in grants
        for node in NODES
        if (at := draw(st.none() | instants | st.just(T0))) is not None
    ]
    authorized = {account: draw(instants) for account in ACCOUNTS}
    page_id = draw(asset_ids)
    tokens = [
        {
            "hash": bytes([kind, number]) * 16,
            "kind": ("user", "page")[kind],
            "app_id": nid(K.APP, 1),
            "grant_id": nid(K.RECORD, number),
            "account_id": account,
            "page_id": page_id if kind else None,
            "scopes": EVERY_SCOPE,
            "authorized_at": authorized[account],
        }
        for number, account in enumerate(ACCOUNTS)
        for kind in (0, 1)
    ]
    tables: dict[str, list[dict[str, Any]]] = {
        "organization": [{"id": nid(K.ORGANIZATION, 1)}],
        "business": [
            {
                "id": one,
                "name": draw(st.sampled_from(NAMES)),
                "suspended_at": draw(st.none() | st.none() | st.none() | instants),
            }
            for one in BUSINESSES
        ],
        "account": [
            {
                "id": one,
                "kind": kind.value,
                "organization_id": nid(K.ORGANIZATION, 1),
                "business_id": BUSINESSES[0],
            }
            for one, kind in ACCOUNTS.items()
        ],
        "app": [{"id": nid(K.APP, 1)}],
        "asset": [
            {
                "id": one,
                "kind": str(kind_of(one)),
                "business_id": draw(st.none() | business_ids | business_ids),
                "name": draw(st.sampled_from(NAMES)),
                "removed_at": draw(st.sampled_from((None, None, None, T0))),
            }
            for one in ASSETS
        ],
        "membership": memberships,
        "assignment": draw(assignments_in(memberships, shares)),
        "share": shares,
        "asset_group": [{"id": one, "business_id": draw(business_ids)} for one in GROUPS],
        "asset_group_member": draw(
            unique(rows({"group_id": st.sampled_from(GROUPS), "asset_id": asset_ids}), "group_id", "asset_id", most=8)
        ),
        "business_profile": [
            {"business_id": one, "parent_id": draw(st.none() | st.sampled_from(BUSINESSES[:place]))}
            for place, one in enumerate(BUSINESSES)
            if place
        ],
        "direct_role": draw(
            unique(
                rows({"account_id": account_ids, "asset_id": asset_ids, "tasks": tasks}),
                "account_id",
                "asset_id",
                most=5,
            )
        ),
        "app_grant": grants,
        "grant_target": targets,
        "token": tokens,
    }
    mentioned = {
        value for table in tables.values() for row in table for value in row.values() if isinstance(value, datetime)
    }
    return World(tables, authorized, page_id, frozenset(mentioned))


class _Undo(Exception):
    """Ends the example's transaction without a trace."""


async def check(store: Store, world: World, seen: list[int]) -> None:
    """Compare every viewer's lists with single decisions, at every instant that the world mentions."""
    try:
        async with store.write() as tx:
            for table, given_rows in world.tables.items():
                await put(tx, table, *given_rows)
            for viewer, loaded in await _viewers(tx, world):
                await _walk(tx, world, viewer, loaded, seen)
            raise _Undo
    except _Undo:
        pass


async def _viewers(tx: Tx, world: World) -> list[tuple[Viewer, dict[int, facts.Loaded]]]:
    """Each account by itself, by its token and by its page token, with the facts about every node."""
    found: list[tuple[Viewer, dict[int, facts.Loaded]]] = []
    for number, (account, kind) in enumerate(ACCOUNTS.items()):
        grant, at = nid(K.RECORD, number), world.authorized[account]
        found.append((Viewer(account, kind), await facts.load_session_many(tx, account, NODES)))
        found.append(
            (
                Viewer(account, kind, grant, at),
                await facts.load_many(tx, bytes([0, number]) * 16, NODES),
            )
        )
        if kind is not AccountKind.PERSONAL:
            continue
        found.append(
            (
                Viewer(account, kind, grant, at, world.page_id),
                await facts.load_many(tx, bytes([1, number]) * 16, NODES),
            )
        )
    return found


def _allowed(loaded: dict[int, facts.Loaded], now: datetime) -> list[int]:
    """Nodes that single reads allow, in order."""
    out = []
    for node, known in sorted(loaded.items()):
        kind = kind_of(node)
        assert kind is not None
        ask = Ask(Act.LIST, scopes=scopes_for(kind, Act.LIST), tasks=tasks_for(kind, Act.LIST))
        if isinstance(decide(known.facts, ask, now), Allow):
            out.append(node)
    return out


ALL_KINDS = frozenset((*KINDS, K.BUSINESS))


async def _walk(
    tx: Tx,
    world: World,
    viewer: Viewer,
    loaded: dict[int, facts.Loaded],
    seen: list[int],
) -> None:
    several: list[tuple[list[int], datetime]] = []
    for edge in sorted(world.instants):
        for now in (edge - MICRO, edge, edge + MICRO):
            wanted = _allowed(loaded, now)
            page = await visible.page(tx, viewer, Filter(ALL_KINDS), now, 50)
            assert page.ids == wanted, (viewer, now)
            assert not page.more
            seen.append(len(wanted))
            several += [(wanted, now)] if len(wanted) > 1 else []
    for wanted, now in {now: (wanted, now) for wanted, now in (*several[:1], *several[-1:])}.values():
        await _check_filters(tx, world, viewer, wanted, now)
    for wanted, now in several[:1]:
        await _check_pages(tx, viewer, wanted, now)


async def _check_filters(tx: Tx, world: World, viewer: Viewer, wanted: list[int], now: datetime) -> None:
    """Every filter leaves what its description says; the count is the number of ids, that of what was granted leaves out
    nothing that is beyond reach."""
    for wanted_filter, expected in _cases(world, wanted, now):
        page = await visible.page(tx, viewer, wanted_filter, now, 50)
        assert page.ids == expected, (viewer, wanted_filter, now)
        assert await visible.count(tx, viewer, wanted_filter, now) == len(expected)
    for wanted_filter, expected in _cases(world, _granted(world, viewer, now), now):
        if wanted_filter.lent_to is None:
            assert await visible.count_granted(tx, viewer, wanted_filter, now) == len(expected), (viewer, wanted_filter)


def _granted(world: World, viewer: Viewer, now: datetime) -> list[int]:
    """What exists of what the token's grant has selected, whether it is reached or not."""
    gone = {row["id"] for row in world.tables["asset"] if row["removed_at"] is not None}
    return sorted(
        row["target_id"]
        for row in world.tables["grant_target"]
        if row["grant_id"] == viewer.grant_id
        and row["selected_at"] <= now
        and row["target_id"] not in gone
        and viewer.page_id in (None, row["target_id"])
    )


Case = tuple[Filter, list[int]]
"""A filter, and what it leaves of some nodes."""


def _cases(world: World, nodes: list[int], now: datetime) -> list[Case]:
    """Each filter with what it leaves of ``nodes``, plainly computed from the rows."""
    about = {row["id"]: row for row in world.tables["asset"]}
    assets = [one for one in nodes if one in about]
    kinds = frozenset(KINDS)
    names = {row["id"]: name_key(row["name"]) for row in (*world.tables["asset"], *world.tables["business"])}
    return [
        (Filter(kinds), assets),
        (Filter(frozenset({K.BUSINESS})), [one for one in nodes if one in BUSINESSES]),
        (Filter(kinds, unowned=True), [one for one in assets if about[one]["business_id"] is None]),
        *((Filter(frozenset({kind})), [one for one in assets if kind_of(one) is kind]) for kind in kinds),
        *(
            (Filter(ALL_KINDS, text=text), [one for one in nodes if name_key(text) in names[one]])
            for text in ("café", "STRASSE", "%", "_", "i̇s")
        ),
        *_inside_cases(world, nodes),
        *_held_cases(world, assets, now),
    ]


def _inside_cases(world: World, wanted: list[int]) -> list[Case]:
    """Businesses right below another; assets in a group, of all kinds at once and of each."""
    tables = world.tables
    parent = {row["business_id"]: row["parent_id"] for row in tables["business_profile"]}
    grouped = {(row["group_id"], row["asset_id"]) for row in tables["asset_group_member"]}
    below = [
        (Filter(frozenset({K.BUSINESS}), child_of=one), [each for each in wanted if parent.get(each) == one])
        for one in BUSINESSES
    ]
    inside = [
        (
            Filter(frozenset(kinds), in_group=group),
            [one for one in wanted if (group, one) in grouped and kind_of(one) in kinds],
        )
        for group in GROUPS
        for kinds in (set(KINDS), *({kind} for kind in KINDS[1:]))
    ]
    return [*below, *inside]


def _held_cases(world: World, assets: list[int], now: datetime) -> list[Case]:
    """Assets by the business that owns them, was lent them, or either; by whose place there has tasks on them; and of those
    the ones in a group. Plainly computed from the rows, with tasks that the asset's kind has."""
    tables = world.tables
    owner = {row["id"]: row["business_id"] for row in tables["asset"]}
    grouped = {(row["group_id"], row["asset_id"]) for row in tables["asset_group_member"]}
    lent: dict[tuple[int, int], list[int]] = {}
    for row in tables["share"]:
        if row["starts"] <= now and (row["ends"] is None or now < row["ends"]):
            lent.setdefault((row["asset_id"], row["partner_business_id"]), []).append(row["tasks"])
    given = {(row["membership_id"], row["asset_id"]): row["tasks"] for row in tables["assignment"]}

    def works_on(place: int, business: int, one: int) -> bool:
        kind = kind_of(one)
        assert kind is not None
        tasks = given.get((place, one), 0) & int(TASKS_OF[kind])
        return bool((tasks and owner[one] == business) or any(tasks & each for each in lent.get((one, business), [])))

    cases: list[Case] = []
    for kinds in (frozenset(KINDS), frozenset({K.PAGE}), frozenset({K.AD_ACCOUNT})):
        here = [one for one in assets if kind_of(one) in kinds]
        for business in BUSINESSES:
            owned = [one for one in here if owner[one] == business]
            borrowed = [one for one in here if (one, business) in lent]
            held = [one for one in here if one in owned or one in borrowed]
            cases += [
                (Filter(kinds, owned_by=business), owned),
                (Filter(kinds, lent_to=business), borrowed),
                (Filter(kinds, held_by=business), held),
            ]
            cases += [
                (Filter(kinds, held_by=business, in_group=group), [one for one in held if (group, one) in grouped])
                for group in GROUPS
            ]
            cases += [
                (
                    Filter(kinds, held_by=business, assigned_to=row["id"]),
                    [one for one in held if works_on(row["id"], business, one)],
                )
                for row in tables["membership"]
            ]
    return cases


async def _check_pages(tx: Tx, viewer: Viewer, wanted: list[int], now: datetime) -> None:
    """Walking by small pages, forwards and backwards, shows each id once and ends."""
    for limit in (1, 2):
        forward: list[int] = []
        more, after = True, None
        while more:
            page = await visible.page(tx, viewer, Filter(ALL_KINDS), now, limit, after=after)
            forward += page.ids
            more, after = page.more, page.ids[-1]
        assert forward == wanted
        backward: list[int] = []
        more, before = True, wanted[-1] + 1
        while more:
            page = await visible.page(tx, viewer, Filter(ALL_KINDS), now, limit, before=before)
            backward = page.ids + backward
            more, before = page.more, page.ids[0]
        assert backward == wanted


@contextmanager
def opened(url: str) -> Iterator[tuple[asyncio.Runner, Store]]:
    """A store with all tables, and the loop that it lives in."""
    with asyncio.Runner() as runner:
        store = make_store(StoreSettings(url, durable=False, pool=2))
        runner.run(_create(store))
        yield runner, store
        runner.run(store.close())


async def _create(store: Store) -> None:
    await store.create()


def _search(url: str, examples: int) -> None:
    seen: list[int] = []
    with opened(url) as (runner, store):

        @settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(worlds())
        def search(world: World) -> None:
            runner.run(check(store, world, seen))

        search()
    assert sum(1 for number in seen if number) > len(seen) / 20, "hardly anybody saw anything"


MORE = int(os.environ.get("WORKBADGE_EXAMPLES", "1"))


def test_lists_agree_with_single_reads_on_sqlite(tmp_path: Path) -> None:
    """On SQLite a list shows exactly the nodes that a single read allows, at every edge of every interval."""
    _search(f"sqlite:///{tmp_path / 'visible.db'}", 100 * MORE)


def test_lists_agree_with_single_reads_on_postgresql(postgres: Postgres) -> None:
    """The same on PostgreSQL."""
    url = postgres.empty_database()
    try:
        _search(url, 20 * MORE)
    finally:
        postgres.drop_database(url)


MANY = 10_000
ADMIN = nid(K.ACCOUNT, 0)
GRANT = nid(K.RECORD, 0)


def test_a_page_of_many_assets_is_cheap(tmp_path: Path) -> None:
    """Of 10 000 assets a page of 25 costs an app what its own 100 selections cost, and an admin one pass over them."""
    with opened(f"sqlite:///{tmp_path / 'many.db'}") as (runner, store):
        runner.run(_many(store))
        app = Viewer(ADMIN, AccountKind.PERSONAL, GRANT, T0)
        assert runner.run(_steps(store, app)) < 12_000
        assert runner.run(_steps(store, Viewer(ADMIN, AccountKind.PERSONAL))) < 30 * MANY


async def _many(store: Store) -> None:
    pages = [nid(K.PAGE, number) for number in range(MANY)]
    async with store.write() as tx:
        await put(tx, "business", {"id": BUSINESSES[0]})
        await put(tx, "account", {"id": ADMIN, "kind": "personal"})
        membership = {"account_id": ADMIN, "business_id": BUSINESSES[0], "role": "ADMIN"}
        await put(tx, "membership", {"id": nid(K.MEMBERSHIP, 1), **membership})
        await put(tx, "asset", *({"id": one, "kind": "page", "business_id": BUSINESSES[0]} for one in pages))
        await put(tx, "app", {"id": nid(K.APP, 1)})
        await put(tx, "app_grant", {"id": GRANT, "account_id": ADMIN, "app_id": nid(K.APP, 1)})
        await put(tx, "grant_target", *({"grant_id": GRANT, "target_id": one} for one in pages[::100]))


async def _steps(store: Store, viewer: Viewer) -> int:
    """Steps of SQLite's machine for the first page, in hundreds."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 100
        return 0

    async with store.read() as tx:
        raw = tx.connection.connection.driver_connection  # type: ignore[attr-defined]
        raw.set_progress_handler(count, 100)
        page = await visible.page(tx, viewer, Filter(frozenset({K.PAGE})), T0, 25)
        raw.set_progress_handler(None, 0)
    assert len(page.ids) == 25
    assert page.more
    return steps
