"""Taking a row of the outbox costs the same however much waits behind it (FT-23, decision record 12)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import sqlite

from workbadge.store import due
from workbadge.store.engine import Store, StoreSettings
from workbadge.store.opening import open_store
from workbadge.store.schema import outbox
from workbadge.terms.instants import to_micros

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)


def row(number: int, subscription: int | None, app: int | None = 1) -> dict[str, object]:
    """A webhook that waits."""
    lane = {"subscription_id": subscription, "app_id": app, "next_try_at": NOW}
    plain = {"channel": "webhook", "kind": "k", "address": "a", "subject": "s", "body": b"x", "tries": 0, "at": NOW}
    return {"id": number, "number": number, **lane, **plain}


async def take(store: Store, *but: int) -> int | None:
    """The id of the next row."""
    async with store.write() as tx:
        found = await due.take_outbox(tx, ["webhook"], NOW, LATER, but)
    return None if found is None else int(found.id)


async def test_only_the_first_of_each_subscription_is_taken(engine_url: str) -> None:
    """FT-21: of two subscriptions each first row is taken, in order with what belongs to none; apps can be passed over; what is
    delivered lets the next one through."""
    async with open_store(StoreSettings(engine_url, durable=False)) as store:
        await store.create()
        async with store.write() as tx:
            rows = [row(1, 7), row(2, None, None), row(3, 7), row(4, 8, 2), row(5, 8, 2)]
            await tx.run(insert(outbox), rows)
        async with store.read() as tx:
            assert await due.has_outbox(tx, ["webhook"], NOW)
        assert [await take(store, 2) for _ in range(3)] == [1, 2, None]
        assert [await take(store) for _ in range(2)] == [4, None]
        async with store.read() as tx:
            assert not await due.has_outbox(tx, ["webhook"], NOW)
        async with store.write() as tx:
            await due.mark_sent(tx, (1,), NOW)
        assert [await take(store) for _ in range(2)] == [3, None]


async def test_taking_hops_over_what_waits_behind(tmp_path: Path) -> None:
    """The plan looks rows up in the indexes that were made for it and scans none: neither the rows of one subscription nor those
    that belong to none are walked through."""
    plans: list[str] = []

    def explain(connection: Connection) -> None:
        for kind in (due._LOOSE, due._FIRST):
            statement = (
                select(outbox.c.id).where(kind, due._ready(["webhook"], NOW)).order_by(outbox.c.next_try_at).limit(1)
            )
            text = str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
            asked = "EXPLAIN QUERY PLAN " + text.replace(f"'{NOW}'", str(to_micros(NOW)))
            plans.append("\n".join(str(one[-1]) for one in connection.exec_driver_sql(asked)))

    async with open_store(StoreSettings(f"sqlite:///{tmp_path / 'plan.db'}", durable=False)) as store:
        await store.create()
        async with store.write() as tx:
            await tx.run(insert(outbox), [row(number, number % 3 or None) for number in range(1, 300)])
        await store.run_sync(explain)
    loose, first = plans
    assert "USING INDEX ix_outbox_loose (next_try_at<?)" in loose
    assert first.count("USING INDEX ix_outbox_lane") == 3
    assert all("SCAN outbox" not in plan and "SCAN head" not in plan and "SCAN waiting" not in plan for plan in plans)
