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
