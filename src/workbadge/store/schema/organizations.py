"""Organizations: who runs them, their groups, their policy, the proofs of their domains."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from .columns import at_column, id_column, metadata, ref_column

organization_role = Table(
    "organization_role",
    metadata,
    Column("organization_id", BigInteger, ForeignKey("organization.id"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("role", String(24), nullable=False),
    Column("break_glass", Integer, nullable=False),
    at_column("created_at", False),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

domain_claim = Table(
    "domain_claim",
    metadata,
    id_column(),
    ref_column("organization_id", "organization.id"),
    Column("name", String(253), nullable=False),
    Column("token", String(64), nullable=False),
    at_column("created_at", False),
    at_column("expires_at", False),
    Column("method", String(8)),
    at_column("proved_at"),
    at_column("checked_at"),
    at_column("check_at"),
    Column("outcome", String(24)),
    Column("received", Text),
    at_column("failing_since"),
    at_column("warned_at"),
    at_column("suspended_at"),
    at_column("disputed_at"),
    Column("code_hash", LargeBinary(32)),
    Column("code_mailbox", String(16)),
    at_column("code_sent_at"),
    Column("code_tries", Integer, nullable=False),
    at_column("ended_at"),
    Index(None, "name"),
    Index(None, "check_at"),
)
Index(
    "uq_domain_claim_live",
    domain_claim.c.organization_id,
    domain_claim.c.name,
    unique=True,
    sqlite_where=domain_claim.c.ended_at.is_(None),
    postgresql_where=domain_claim.c.ended_at.is_(None),
)

domain_dispute = Table(
    "domain_dispute",
    metadata,
    id_column(),
    Column("name", String(253), nullable=False),
    ref_column("holder_id", "organization.id"),
    ref_column("claimant_id", "organization.id"),
    at_column("opened_at", False),
    at_column("answer_by", False),
    at_column("told_at"),
    at_column("ended_at"),
    Column("outcome", String(16)),
    Index(None, "answer_by"),
)
Index(
    "uq_domain_dispute_open",
    domain_dispute.c.name,
    unique=True,
    sqlite_where=domain_dispute.c.ended_at.is_(None),
    postgresql_where=domain_dispute.c.ended_at.is_(None),
)

trusted_domain = Table(
    "trusted_domain",
    metadata,
    Column("organization_id", BigInteger, ForeignKey("organization.id"), primary_key=True),
    Column("name", String(253), primary_key=True),
    ref_column("asked_by", "account.id"),
    at_column("asked_at", False),
    ref_column("approved_by", "account.id", True),
    at_column("approved_at"),
    sqlite_with_rowid=False,
)
