"""The one loader of facts: one query, by index, the same on both engines; many nodes like each alone."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.store._rows import DAY, T0, nid, put
from workbadge.access import Allow, Ask, Deny, decide
from workbadge.store import facts
from workbadge.store.engine import HotQuery, Store
from workbadge.terms.instants import from_micros
from workbadge.terms.kinds import Act, NodeKind
from workbadge.terms.reasons import Reason
from workbadge.terms.scopes import scopes_for
from workbadge.terms.tasks import Task, tasks_for

pytestmark = pytest.mark.anyio

K = NodeKind
HASH, PAGE_HASH, APP_HASH = b"t" * 32, b"p" * 32, b"a" * 32
ANNA, SYSTEM = nid(K.ACCOUNT, 1), nid(K.ACCOUNT, 2)
OWN, PARTNER = nid(K.BUSINESS, 1), nid(K.BUSINESS, 2)
PAGES = [nid(K.PAGE, i) for i in range(1, 6)]
LENT, LONELY, REMOVED = PAGES[2], PAGES[3], PAGES[4]
PIXEL = nid(K.PIXEL, 1)
UNKNOWN = nid(K.PAGE, 999)
GRANT = nid(K.RECORD, 1)
CUT_OFF = T0 + 30 * DAY


class Counting:
    """A reader that counts; it keeps nothing."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.queries = 0

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        self.queries += 1
        return await self.store.hot(query, params)

    def memo(self) -> None:
        return None


async def fill(store: Store) -> None:
    """Anna in grace at her own business, member of a partner too; pages of every kind of way."""
    async with store.write() as tx:
        await put(tx, "organization", {"id": nid(K.ORGANIZATION, 1)})
        await put(tx, "business", {"id": OWN}, {"id": PARTNER})
        await put(
            tx,
            "account",
            {"id": ANNA, "kind": "personal", "email_key": "a"},
            {"id": SYSTEM, "kind": "system", "business_id": OWN},
        )
        await put(tx, "app", {"id": nid(K.APP, 1), "secret": b"s", "require_proof": 1})
        await put(
            tx,
            "asset",
            {"id": PAGES[0], "kind": "page", "business_id": OWN, "name": "Ä"},
            {"id": PAGES[1], "kind": "page", "business_id": OWN},
            {"id": LENT, "kind": "page", "business_id": nid(K.BUSINESS, 2)},
            {"id": LONELY, "kind": "page"},
            {"id": REMOVED, "kind": "page", "business_id": OWN, "removed_at": T0},
            {"id": PIXEL, "kind": "pixel", "business_id": OWN},
        )
        await put(
            tx,
            "membership",
            {
                "id": nid(K.MEMBERSHIP, 1),
                "account_id": ANNA,
                "business_id": OWN,
                "role": "EMPLOYEE",
                "ends": CUT_OFF,
                "end_cause": "grace",
                "handed_over": T0 + DAY,
            },
            {
                "id": nid(K.MEMBERSHIP, 2),
                "account_id": SYSTEM,
                "business_id": OWN,
                "role": "ADMIN",
            },
        )
        await put(
            tx,
            "assignment",
            {"membership_id": nid(K.MEMBERSHIP, 1), "asset_id": PAGES[0], "tasks": 3},
            {"membership_id": nid(K.MEMBERSHIP, 1), "asset_id": LENT, "tasks": 5},
        )
        await put(
            tx,
            "share",
            {
                "id": nid(K.RECORD, 9),
                "asset_id": LENT,
                "partner_business_id": OWN,
                "tasks": 4 | 8,
                "ends": CUT_OFF + DAY,
            },
        )
        await put(tx, "direct_role", {"account_id": ANNA, "asset_id": LONELY, "tasks": 32})
        await put(
            tx,
            "app_grant",
            {
                "id": GRANT,
                "account_id": ANNA,
                "app_id": nid(K.APP, 1),
                "scopes": "pages_show_list,business_management",
            },
        )
        await put(
            tx,
            "grant_target",
            *({"grant_id": GRANT, "target_id": target, "business_id": OWN} for target in (*PAGES, OWN)),
        )
        token = {
            "app_id": nid(K.APP, 1),
            "grant_id": GRANT,
            "account_id": ANNA,
            "scopes": "pages_show_list,business_management",
        }
        await put(
            tx,
            "token",
            {**token, "hash": HASH, "kind": "user"},
            {
                **token,
                "hash": PAGE_HASH,
                "kind": "page",
                "page_id": PAGES[0],
                "parent_hash": HASH,
            },
            {"hash": APP_HASH, "kind": "app", "app_id": nid(K.APP, 1)},
        )


async def test_one_query_for_each_question(store: Store) -> None:
    """Whatever is asked about a token or an account, the loader sends exactly one query."""
    await fill(store)
    for node in (None, PAGES[0], LENT, LONELY, REMOVED, UNKNOWN, OWN, nid(K.POST, 1)):
        for token in (HASH, PAGE_HASH, APP_HASH, b"x" * 32):
            reader = Counting(store)
            await facts.load(reader, token, node)
            assert reader.queries == 1, node
        reader = Counting(store)
        await facts.load_session(reader, ANNA, node)
        assert reader.queries == 1, node


async def test_kept_facts_are_exact(store: Store) -> None:
    """Between two commits SQLite is asked once; after any commit, also another connection's, the answer is the new one."""
    await fill(store)
    first = await facts.load(store, HASH, PAGES[0])
    assert await facts.load(store, HASH, PAGES[0]) == first
    async with store.write() as tx:
        await tx.run(text("UPDATE token SET revoked_at = 1 WHERE kind = 'user'"))
        inside = await facts.load(tx, HASH, PAGES[0])
        assert inside is not None and inside.facts.token is not None
        assert inside.facts.token.revoked is not None
        assert await facts.load(store, HASH, PAGES[0]) == first
    after = await facts.load(store, HASH, PAGES[0])
    assert after == inside
    page = await facts.load(store, PAGE_HASH, PAGES[0])
    assert page is not None and page.facts.token is not None
    assert page.facts.token.parent_revoked is not None


async def test_what_is_read_is_what_was_written(store: Store) -> None:
    """Names, instants, tasks and scopes come out as they went in, on both engines alike."""
    await fill(store)
    loaded = await facts.load(store, HASH, PAGES[0])
    assert loaded is not None
    assert (loaded.name, loaded.details, loaded.app_secret) == ("Ä", "{}", b"s")
    assert loaded.require_proof and loaded.grant_id == GRANT
    (route,) = loaded.facts.routes
    assert route.membership is not None and route.membership.ends == CUT_OFF
    assert route.handed_over == T0 + DAY and route.tasks == Task(3)
    lent = await facts.load(store, HASH, LENT)
    assert lent is not None
    (route,) = lent.facts.routes
    assert route.tasks == Task.CREATE_CONTENT and route.share is not None
    assert route.share.ends == CUT_OFF + DAY
    removed = await facts.load(store, HASH, REMOVED)
    assert removed is not None and removed.facts.node is None
    assert not removed.facts.routes


async def test_many_are_like_each_alone(store: Store) -> None:
    """A page of ids costs a query per kind of node and says of each what asking for it alone says."""
    await fill(store)
    ids = [*PAGES, UNKNOWN, OWN, PARTNER, PIXEL, nid(K.POST, 1), PAGES[0]]
    for token in (HASH, PAGE_HASH, APP_HASH):
        reader = Counting(store)
        many = await facts.load_many(reader, token, ids)
        assert reader.queries == 3
        assert list(many) == list(dict.fromkeys(ids))
        for one in ids:
            assert many[one] == await facts.load(reader, token, one), one
    sessions = await facts.load_session_many(store, ANNA, ids)
    for one in ids:
        assert sessions[one] == await facts.load_session(store, ANNA, one)
    assert await facts.load_many(store, b"x" * 32, ids) == {}
    assert await facts.load_session_many(store, nid(K.ACCOUNT, 77), ids) == {}
    assert await facts.load_many(store, HASH, []) == {}
    assert await facts.load_many(store, HASH, ids) == many_of(await facts.load_many(store, HASH, ids), ids)


def many_of(loaded: dict[int, facts.Loaded], ids: list[int]) -> dict[int, facts.Loaded]:
    """The same, by id."""
    return {one: loaded[one] for one in ids}


async def test_long_lists_are_asked_in_pieces(store: Store) -> None:
    """More ids than the largest prepared read: every id is answered once."""
    await fill(store)
    ids = [nid(K.PAGE, i) for i in range(600)]
    reader = Counting(store)
    many = await facts.load_many(reader, HASH, ids)
    assert reader.queries == 3 and list(many) == ids
    assert [one for one in ids if many[one].facts.node is not None] == PAGES[:4]


MICRO = timedelta(microseconds=1)


async def test_the_cut_off_is_exact(store: Store) -> None:
    """MT-31: one microsecond before the cut-off the old token reads, at it not, on both engines."""
    await fill(store)
    ask = Ask(
        Act.READ,
        scopes=scopes_for(K.PAGE, Act.READ),
        tasks=tasks_for(K.PAGE, Act.READ),
    )
    loaded = await facts.load(store, HASH, PAGES[0])
    assert loaded is not None
    for early in (timedelta(seconds=1), MICRO):
        answer = decide(loaded.facts, ask, CUT_OFF - early)
        assert isinstance(answer, Allow) and answer.reach_until == CUT_OFF
    for late in (timedelta(0), MICRO, timedelta(seconds=1)):
        answer = decide(loaded.facts, ask, CUT_OFF + late)
        assert answer == Deny(Reason.GRACE_ENDED, CUT_OFF)


_QUERIES = [
    *facts._BY_TOKEN.values(),
    *facts._BY_ACCOUNT.values(),
    *(facts._for_many(by_token, key, 16) for by_token in (True, False) for key in (K.PAGE, K.BUSINESS)),
]


async def test_plans_use_indexes(store: Store) -> None:
    """No hot query walks through a table, however many rows it has."""
    await fill(store)
    async with store.write() as tx:
        if store.engine == "postgresql":
            for table in ("token", "grant_target", "membership", "share", "assignment"):
                await tx.run(text(f"ANALYZE {table}"))
            await tx.run(text("SET LOCAL enable_seqscan = off"))
        for query in _QUERIES:
            scans = await _scans(tx, query, store.engine)
            assert not scans, (scans, query.sqlite_sql)


async def _scans(tx: Any, query: HotQuery, engine: str) -> list[str]:
    """Lines of the plan that read a whole table."""
    if engine == "sqlite":
        raw = tx.connection.connection.driver_connection
        sql, places = query.sqlite_sql, len(query.sqlite_order)
        plan = raw.execute("EXPLAIN QUERY PLAN " + sql, [None] * places).fetchall()
        return [str(row[3]) for row in plan if str(row[3]).startswith("SCAN")]
    raw = (await tx.connection.get_raw_connection()).driver_connection
    values = {"hash": HASH, "account": ANNA, "node": PAGES[0]}
    values |= {f"n{i}": PAGES[i % 5] for i in range(16)}
    args = query.postgres_args(values)
    rows = await raw.fetch("EXPLAIN " + query.postgres_sql, *args)
    return [row[0] for row in rows if "Seq Scan" in row[0]]


async def test_the_first_end_of_what_a_token_selected(store: Store) -> None:
    """L6: ``loses_at`` is the first end on a way to something this grant selected; other grants' and accounts' ends are not."""
    await fill(store)
    lonely, lent, late = b"l" * 32, b"m" * 32, b"n" * 32
    async with store.write() as tx:
        base = {"account_id": ANNA, "app_id": nid(K.APP, 1), "scopes": "pages_show_list", "revoked_at": T0}
        await put(tx, "app_grant", *({**base, "id": nid(K.RECORD, n)} for n in (2, 3)))
        await put(
            tx,
            "grant_target",
            {"grant_id": nid(K.RECORD, 2), "target_id": LONELY},
            {"grant_id": nid(K.RECORD, 3), "target_id": LENT, "business_id": PARTNER},
        )
        token = {"kind": "user", "app_id": nid(K.APP, 1), "account_id": ANNA, "scopes": "pages_show_list"}
        await put(
            tx,
            "token",
            {**token, "hash": lonely, "grant_id": nid(K.RECORD, 2)},
            {**token, "hash": lent, "grant_id": nid(K.RECORD, 3)},
            {**token, "hash": late, "grant_id": GRANT, "authorized_at": T0 + 2 * DAY},
        )

    async def first(hashed: bytes) -> Any:
        found = [await facts.load(store, hashed, node) for node in (None, PAGES[0], OWN)]
        found += (await facts.load_many(Counting(store), hashed, [*PAGES, PIXEL, OWN])).values()
        ends = {one.loses_at for one in found if one is not None}
        assert len(ends) == 1 and len(found) == 10
        return ends.pop()

    assert await first(HASH) == await first(PAGE_HASH) == CUT_OFF
    assert await first(lonely) is None
    assert await first(lent) == CUT_OFF
    assert await first(late) == T0 + DAY
    assert await first(APP_HASH) is None
    async with store.write() as tx:
        await tx.run(text("UPDATE membership SET ends = NULL, handed_over = NULL"))
    assert await first(HASH) == await first(lent) == CUT_OFF + DAY
    assert await first(lonely) is None
    async with store.write() as tx:
        await tx.run(text(f"UPDATE business SET suspended_at = 5 WHERE id = {OWN}"))
    assert await first(HASH) == from_micros(5)
    async with store.write() as tx:
        await tx.run(text("UPDATE business SET suspended_at = NULL"))
        await tx.run(text("UPDATE share SET ends = NULL"))
    assert await first(HASH) is None
