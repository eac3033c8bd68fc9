"""How the reads of coverage find their rows on SQLite, which has no statistics of its tables."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from workbadge.store import coverage
from workbadge.store.coverage import Whose
from workbadge.store.engine import StoreSettings, Tx
from workbadge.store.opening import open_store

pytestmark = pytest.mark.anyio
APP, SOME = 160_000_000_000_000_001, [(120_000_000_000_000_001, 100_000_000_000_000_001)] * 2
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    """asyncio only: the drivers know no other."""
    return "asyncio"


class Planner:
    """Stands in for a transaction: keeps the plan of what it is asked for."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.plan: list[str] = []

    async def rows(self, statement: Any) -> list[Any]:
        """No rows, but the plan."""
        sql = str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
        self.plan += [str(row[3]) for row in await self._tx.rows(text("EXPLAIN QUERY PLAN " + sql))]
        return []


async def test_a_page_of_an_app_begins_with_its_people(tmp_path: Path) -> None:
    """house.md §8, design.md §5: no read for a page of people, nor for one person's banner, walks through the grants of an app,
    the selections of a business, or a whole table; people are walked in the order of the list."""
    async with open_store(StoreSettings(f"sqlite:///{tmp_path / 'x.db'}")) as store:
        await store.create()
        async with store.read() as tx:
            planner: Any = Planner(tx)
            await coverage.people_of_app(planner, Whose(app_id=APP), 100, None, (1, 2), None)
            assert planner.plan[0].startswith(
                "SEARCH migration_person USING INDEX ix_migration_person_business_id_personal_id"
            )
            assert not [one for one in planner.plan if "TEMP B-TREE FOR ORDER BY" in one]
            for whose in (Whose(app_id=APP, pairs=SOME), Whose(*SOME[0], APP), Whose(*SOME[0])):
                await coverage.carried_until(planner, whose)
                await coverage.coverage_rows(planner, whose, NOW)
    assert not [one for one in planner.plan if "ix_app_grant_app_id" in one]
    assert not [one for one in planner.plan if "ix_grant_target_business_id" in one and "grant_id=?" not in one]
    assert not [one for one in planner.plan if one.startswith("SCAN") and "VALUES" not in one]
