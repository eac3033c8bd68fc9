"""The chain over the audit: its head, and what makes the table append-only in the database itself (I11)."""

from sqlalchemy import DDL, BigInteger, Column, Integer, LargeBinary, Table, event, insert

from .columns import metadata
from .core import audit

FIRST = bytes(32)
"""What stands before the first entry."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

REFUSALS = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
        for act in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()",
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()",
    ),
}
"""For each engine, the triggers that refuse whatever is not an insertion."""

for _engine, _lines in REFUSALS.items():
    for _line in _lines:
        event.listen(audit, "after_create", DDL(_line).execute_if(dialect=_engine))  # type: ignore[no-untyped-call]


@event.listens_for(audit_head, "after_create")
def _begin(target: Table, connection, **_: object) -> None:  # type: ignore[no-untyped-def]
    connection.execute(insert(target), [{"id": 1, "number": 0, "hash": FIRST}])
