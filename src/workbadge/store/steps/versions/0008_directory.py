"""directories."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Up."""
    _scim_token()
    _directory_user()
    _directory_group()
    _directory_member()
    _scim_request()


def _scim_token() -> None:
    op.create_table(
        "scim_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_scim_token_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scim_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_scim_token_hash")),
    )
    op.create_index(op.f("ix_scim_token_organization_id"), "scim_token", ["organization_id"], unique=False)


def _directory_user() -> None:
    op.create_table(
        "directory_user",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("user_name_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("external_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("email_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_directory_user_account_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_directory_user_organization_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_directory_user")),
        sa.UniqueConstraint(
            "organization_id", "external_hash", name=op.f("uq_directory_user_organization_id_external_hash")
        ),
        sa.UniqueConstraint(
            "organization_id", "user_name_hash", name=op.f("uq_directory_user_organization_id_user_name_hash")
        ),
    )
    op.create_index(
        op.f("ix_directory_user_organization_id_email_hash"),
        "directory_user",
        ["organization_id", "email_hash"],
        unique=False,
    )


def _directory_group() -> None:
    op.create_table(
        "directory_group",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("name_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("external_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_directory_group_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory_group")),
        sa.UniqueConstraint(
            "organization_id", "external_hash", name=op.f("uq_directory_group_organization_id_external_hash")
        ),
        sa.UniqueConstraint("organization_id", "name_hash", name=op.f("uq_directory_group_organization_id_name_hash")),
    )


def _directory_member() -> None:
    op.create_table(
        "directory_member",
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_directory_member_account_id")),
        sa.ForeignKeyConstraint(["group_id"], ["directory_group.id"], name=op.f("fk_directory_member_group_id")),
        sa.PrimaryKeyConstraint("group_id", "account_id", name=op.f("pk_directory_member")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_directory_member_account_id"), "directory_member", ["account_id"], unique=False)


def _scim_request() -> None:
    op.create_table(
        "scim_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.Column("token_id", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("path_key", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Text(), nullable=True),
        sa.Column("sent_bytes", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Text(), nullable=True),
        sa.Column("answered_bytes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_scim_request_organization_id")),
        sa.ForeignKeyConstraint(["token_id"], ["scim_token.id"], name=op.f("fk_scim_request_token_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scim_request")),
    )
    op.create_index(
        op.f("ix_scim_request_organization_id_at_id"), "scim_request", ["organization_id", "at", "id"], unique=False
    )
    op.create_index(op.f("ix_scim_request_at"), "scim_request", ["at"], unique=False)
