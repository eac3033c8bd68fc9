"""organizations."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Up."""
    _roles()
    _domains()


def _roles() -> None:
    """Who runs an organization."""
    op.create_table(
        "organization_role",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("break_glass", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_organization_role_organization_id")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_organization_role_account_id")),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_organization_role")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_organization_role_account_id"), "organization_role", ["account_id"])


def _domains() -> None:
    """Claims of domains with their proofs, disputes, trusted domains."""
    at = sa.BigInteger
    op.create_table(
        "domain_claim",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("created_at", at(), nullable=False),
        sa.Column("expires_at", at(), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=True),
        sa.Column("proved_at", at(), nullable=True),
        sa.Column("checked_at", at(), nullable=True),
        sa.Column("check_at", at(), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("received", sa.Text(), nullable=True),
        sa.Column("failing_since", at(), nullable=True),
        sa.Column("warned_at", at(), nullable=True),
        sa.Column("suspended_at", at(), nullable=True),
        sa.Column("disputed_at", at(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_mailbox", sa.String(length=16), nullable=True),
        sa.Column("code_sent_at", at(), nullable=True),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", at(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_domain_claim_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain_claim")),
    )
    op.create_index(op.f("ix_domain_claim_name"), "domain_claim", ["name"])
    op.create_index(op.f("ix_domain_claim_check_at"), "domain_claim", ["check_at"])
    live = sa.text("ended_at IS NULL")
    columns = ["organization_id", "name"]
    op.create_index(
        "uq_domain_claim_live", "domain_claim", columns, unique=True, sqlite_where=live, postgresql_where=live
    )
    op.create_table(
        "domain_dispute",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("holder_id", sa.BigInteger(), nullable=False),
        sa.Column("claimant_id", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", at(), nullable=False),
        sa.Column("answer_by", at(), nullable=False),
        sa.Column("told_at", at(), nullable=True),
        sa.Column("ended_at", at(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["holder_id"], ["organization.id"], name=op.f("fk_domain_dispute_holder_id")),
        sa.ForeignKeyConstraint(["claimant_id"], ["organization.id"], name=op.f("fk_domain_dispute_claimant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain_dispute")),
    )
    op.create_index(op.f("ix_domain_dispute_answer_by"), "domain_dispute", ["answer_by"])
    op.create_index(
        "uq_domain_dispute_open", "domain_dispute", ["name"], unique=True, sqlite_where=live, postgresql_where=live
    )
    op.create_table(
        "trusted_domain",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", at(), nullable=False),
        sa.Column("approved_by", sa.BigInteger(), nullable=True),
        sa.Column("approved_at", at(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_trusted_domain_organization_id")
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_trusted_domain_asked_by")),
        sa.ForeignKeyConstraint(["approved_by"], ["account.id"], name=op.f("fk_trusted_domain_approved_by")),
        sa.PrimaryKeyConstraint("organization_id", "name", name=op.f("pk_trusted_domain")),
        sqlite_with_rowid=False,
    )
