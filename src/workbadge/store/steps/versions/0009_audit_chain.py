"""the audit's chain."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_FIELDS = ("id", "at", "actor_id", "act", "subject_id", "business_id", "organization_id", "detail")
_REFUSALS = {
    "sqlite": (
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
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


def upgrade() -> None:
    """Up."""
    op.add_column("audit", sa.Column("number", sa.BigInteger(), nullable=True))
    op.add_column("audit", sa.Column("hash", sa.LargeBinary(length=32), nullable=True))
    op.create_index("uq_audit_number", "audit", ["number"], unique=True)
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    number, last = _chain_what_is_there()
    op.bulk_insert(head, [{"id": 1, "number": number, "hash": last}])
    for line in _REFUSALS[op.get_bind().dialect.name]:
        op.execute(line)


def _chain_what_is_there() -> tuple[int, bytes]:
    """Entries of before are chained in the order of their instants; number and hash of the last."""
    audit = sa.table("audit", *(sa.column(name) for name in (*_FIELDS, "number", "hash")))
    bind, number, last = op.get_bind(), 0, bytes(32)
    for row in bind.execute(sa.select(audit).order_by(audit.c.at, audit.c.id)).all():
        number += 1
        text = json.dumps([number, *(row._mapping[name] for name in _FIELDS)], separators=(",", ":"))
        last = hashlib.sha256(last + text.encode()).digest()
        bind.execute(sa.update(audit).where(audit.c.id == row.id).values(number=number, hash=last))
    return number, last
