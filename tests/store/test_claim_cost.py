"""M9: a claim writes rows by the person's assignments, never by the tokens and grants that reach through the person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.commands._world import T0, World, make_services
from tests.store._rows import DAY, nid, put
from workbadge.commands import claim
from workbadge.store.engine import Store
from workbadge.terms.kinds import NodeKind

pytestmark = pytest.mark.anyio


class CountingStore:
    """A store that asks the database itself how many rows its transactions wrote."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.rows = 0
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        """The transaction; what it wrote is counted just before its commit."""
        async with self._inner.write() as tx:
            before = await _written(tx, self._inner.engine)
            counting = _CountingTx(tx, self)
            yield counting
            self.rows += await _written(tx, self._inner.engine) - before


class _CountingTx:
    def __init__(self, inner: Any, store: CountingStore) -> None:
        self._inner = inner
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name in ("run", "rows", "one", "hot"):
            self._store.statements += 1
        return getattr(self._inner, name)


async def _written(tx: Any, engine: str) -> int:
    if engine == "sqlite":
        return int(tx.connection.connection.driver_connection.total_changes)
    total = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_xact_user_tables"
    return int((await tx.one(text(total)))[0])


async def add_tokens(world: World, person: int, grants: int, tokens: int, series: int) -> None:
    """Grants of many apps with all assets selected, and tokens under them."""
    async with world.services.store.write() as tx:
        apps = [nid(NodeKind.APP, series * 5_000 + number) for number in range(grants)]
        ids = [nid(NodeKind.RECORD, series * 5_000 + number) for number in range(grants)]
        await put(tx, "app", *({"id": one} for one in apps))
        pairs = list(zip(apps, ids, strict=True))
        common = {"account_id": person, "scopes": "pages_show_list"}
        await put(tx, "app_grant", *({**common, "id": one, "app_id": app} for app, one in pairs))
        assets = [one for name, one in world.assets.items() if name != "other"]
        await put(
            tx,
            "grant_target",
            *({"grant_id": one, "target_id": asset, "business_id": world.business} for one in ids for asset in assets),
        )
        await put(
            tx,
            "token",
            *(
                {
                    **common,
                    "hash": (series * 100_000 + number).to_bytes(32, "big"),
                    "kind": "user",
                    "app_id": apps[number % grants],
                    "grant_id": ids[number % grants],
                }
                for number in range(tokens)
            ),
        )


async def claim_of(world: World, name: str) -> tuple[int, int]:
    """Rows that a person's claim writes, and its statements."""
    started = await world.start(name, deadline=T0 + 50 * DAY)
    counting: Any = CountingStore(world.services.store)
    services = replace(world.services, store=counting)
    claimed = await claim.claim_for(services, started.migration_id, world.people[name], T0)
    assert claimed.cut_off == T0 + 30 * DAY
    return counting.rows, counting.statements


async def test_a_claim_costs_the_same_with_ten_and_with_ten_thousand_tokens(store: Store) -> None:
    """The database counts the same number of rows written, in the same number of statements."""
    world = await World(make_services(store)).build()
    await add_tokens(world, world.people["emil"], 10, 10, 1)
    await add_tokens(world, world.people["selma"], 200, 10_000, 2)
    few, many = await claim_of(world, "emil"), await claim_of(world, "selma")
    assert few == many
    assert 10 < few[0] < 40


async def test_rows_written_grow_with_assignments_only(store: Store) -> None:
    """One assignment less, one row less."""
    world = await World(make_services(store)).build()
    counts = []
    for name, fewer in (("emil", 0), ("selma", 2)):
        async with store.write() as tx:
            for asset in sorted(world.tasks())[:fewer]:
                await tx.run(
                    text(
                        "DELETE FROM assignment WHERE asset_id = :asset AND membership_id IN "
                        "(SELECT id FROM membership WHERE account_id = :account)"
                    ),
                    {"account": world.people[name], "asset": asset},
                )
        counts.append((await claim_of(world, name))[0])
    assert counts[0] - counts[1] == 2
