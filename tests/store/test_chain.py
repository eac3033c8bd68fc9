"""The audit's chain: append-only in the database itself, verified from its first entry to its head (I11, SE-22)."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, delete, insert, select, text, update

from workbadge.keys import Entropy
from workbadge.lifecycle.changes import Audit
from workbadge.store import chain
from workbadge.store.apply import write_audit
from workbadge.store.engine import Store, StoreSettings
from workbadge.store.opening import open_store
from workbadge.store.schema import audit
from workbadge.store.schema.audit_chain import audit_head
from workbadge.store.upgrade import _config, upgrade

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)
IDS = Entropy().new_id


async def write(store: Store, *acts: str) -> None:
    """One transaction with these entries."""
    async with store.write() as tx:
        entries = tuple(Audit(act, 7, None, None, {"note": "Zoë"}) for act in acts)
        await write_audit(tx, entries, None, IDS, NOW)


async def write_and_fail(store: Store) -> None:
    """A transaction whose work fails after an entry was written."""
    async with store.write() as tx:
        await write_audit(tx, (Audit("lost.one", 7),), None, IDS, NOW)
        raise RuntimeError


def _upgrade_to(connection: Connection, step: str) -> None:
    connection.begin() if not connection.in_transaction() else None
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, step)


async def look(store: Store) -> chain.Verdict:
    """The verdict on what is stored."""
    async with store.read() as tx:
        return await chain.verify(tx)


async def force(store: Store, *lines: Any) -> None:
    """What somebody with full power over the database does: without the triggers."""

    def work(connection: Any) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_update")
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_delete")
        else:
            connection.exec_driver_sql("ALTER TABLE audit DISABLE TRIGGER ALL")
        for line in lines:
            connection.execute(line)

    await store.run_sync(work)


async def test_entries_are_chained_in_the_order_of_commits(engine_url: str) -> None:
    """I11: numbers run from one without a gap, over several transactions; what is rolled back leaves none."""
    async with open_store(StoreSettings(engine_url)) as store:
        await store.create()
        assert await look(store) == chain.Verdict(0, bytes(32))
        await write(store, "a.one", "a.two")
        with pytest.raises(RuntimeError):
            await write_and_fail(store)
        await write(store, "a.three")
        async with store.read() as tx:
            rows = await tx.rows(select(audit).order_by(audit.c.number))
        assert [(row.number, row.act) for row in rows] == [(1, "a.one"), (2, "a.two"), (3, "a.three")]
        verdict = await look(store)
        assert (verdict.entries, verdict.broken) == (3, None)


@pytest.mark.parametrize("change", [update(audit).values(act="x"), delete(audit)], ids=["update", "delete"])
async def test_the_database_refuses_to_change_an_entry(engine_url: str, change: Any) -> None:
    """SE-22: an UPDATE and a DELETE of audit rows fail on both engines, made by steps or by the schema."""
    for make in (upgrade, None):
        async with open_store(StoreSettings(engine_url)) as store:
            if make is not None:
                await make(store)
                await write(store, "a.one")
            with pytest.raises(Exception, match="append-only"):
                await store.run_sync(lambda connection: connection.execute(change))
            assert (await look(store)).entries == 1


async def test_steps_and_schema_refuse_alike(engine_url: str) -> None:
    """SE-22: a database made whole at once refuses as one made by steps; on PostgreSQL a TRUNCATE too."""
    async with open_store(StoreSettings(engine_url)) as store:
        await store.create()
        await write(store, "a.one")
        lines = [update(audit).values(act="x"), delete(audit)]
        if store.engine == "postgresql":
            lines.append(text("TRUNCATE audit"))  # type: ignore[arg-type]
        for line in lines:
            with pytest.raises(Exception, match="append-only"):
                await store.run_sync(lambda connection, line=line: connection.execute(line))  # type: ignore[misc]
        assert (await look(store)).broken is None


FORGERIES = {
    "changed": ([update(audit).where(audit.c.number == 2).values(detail="{}")], 2, "is not the one that was written"),
    "removed": ([delete(audit).where(audit.c.number == 3)], 3, "is missing"),
    "cut off": ([delete(audit).where(audit.c.number >= 4)], 4, "the last entries are missing"),
    "slipped in": (
        [insert(audit).values(id=5, at=NOW, act="x.y", subject_id=1, detail="{}")],
        6,
        "an entry stands outside the chain",
    ),
    "all gone": ([delete(audit)], 1, "the last entries are missing"),
    "no head": ([delete(audit_head)], 6, "the last entries are missing"),
    "moved": (
        [
            update(audit).where(audit.c.number == 2).values(number=99),
            update(audit).where(audit.c.number == 4).values(number=2),
            update(audit).where(audit.c.number == 99).values(number=4),
        ],
        2,
        "is not the one that was written",
    ),
}


@pytest.mark.parametrize("how", FORGERIES)
async def test_the_first_broken_link_is_named(engine_url: str, how: str) -> None:
    """I11: whoever goes around the triggers is found out, and the first entry that is wrong is named."""
    lines, number, why = FORGERIES[how]
    async with open_store(StoreSettings(engine_url)) as store:
        await store.create()
        await write(store, *(f"a.n{n}" for n in range(5)))
        assert (await look(store)).broken is None
        await force(store, *lines)
        found = await look(store)
    assert found.broken == number
    assert why in found.why
    assert found.entries == number - 1


async def test_writers_on_two_nodes_make_one_chain(engine_url: str) -> None:
    """I11: sixty transactions at once, through two stores on one database, make one chain of sixty without a gap."""
    async with open_store(StoreSettings(engine_url)) as one, open_store(StoreSettings(engine_url)) as two:
        await one.create()
        await asyncio.gather(*(write(store, f"a.n{n}", f"b.n{n}") for n in range(30) for store in (one, two)))
        verdict = await look(one)
    assert (verdict.entries, verdict.broken) == (120, None)


async def test_what_was_there_before_the_chain_is_chained(engine_url: str) -> None:
    """The step puts entries of before in order, in the words the verifier checks."""
    async with open_store(StoreSettings(engine_url)) as store:
        await store.run_sync(lambda connection: _upgrade_to(connection, "0008"))
        old = [{"id": n, "at": NOW, "act": "a.b", "subject_id": n, "detail": '{"n":"Zoë"}'} for n in (3, 1, 2)]
        async with store.write() as tx:
            plain = ("id", "at", "act", "subject_id", "detail")
            micros = 1_769_860_800_123_456
            for row in old:
                values = {**row, "at": micros}
                line = text(f"INSERT INTO audit ({', '.join(plain)}) VALUES (:{', :'.join(plain)})")
                await tx.run(line, values)
        await upgrade(store)
        await write(store, "a.new")
        verdict = await look(store)
    assert (verdict.entries, verdict.broken) == (4, None)
