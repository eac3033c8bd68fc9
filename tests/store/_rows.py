"""Rows for tests: what a test does not care about is filled in by the column's type."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, Table, insert

from workbadge.store.engine import Tx
from workbadge.store.schema import Instant, metadata
from workbadge.terms.ids import make_id
from workbadge.terms.kinds import NodeKind

T0 = datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def nid(kind: NodeKind, number: int) -> int:
    """The id of a kind with a readable number."""
    return int(make_id(kind, number))


def full(table: Table, given: dict[str, Any]) -> dict[str, Any]:
    """``given`` with a value for every column: None where that is allowed."""
    out: dict[str, Any] = {}
    for column in table.columns:
        if column.name in given:
            out[column.name] = given[column.name]
        elif column.default is not None:
            continue
        elif column.nullable:
            out[column.name] = None
        elif isinstance(column.type, Instant):
            out[column.name] = T0
        elif isinstance(column.type, BigInteger | Integer):
            out[column.name] = 0
        elif isinstance(column.type, LargeBinary):
            out[column.name] = b"\0" * 32
        else:
            out[column.name] = "{}" if column.name == "details" else ""
    unknown = set(given) - set(out)
    assert not unknown, f"{table.name} has no {unknown}"
    return out


async def put(tx: Tx, name: str, *rows: dict[str, Any]) -> None:
    """Insert rows into a table."""
    table = metadata.tables[name]
    await tx.run(insert(table), [full(table, row) for row in rows])
