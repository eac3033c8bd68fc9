"""Organizations: who runs them, their groups, their policy, the proofs of their domains."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from .columns import at_column, metadata

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
