"""business profiles, invitations, requests, asset groups, owners of apps, first answers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Up."""
    op.create_table(
        "first_answer",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_first_answer")),
    )
    with op.batch_alter_table("first_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_first_answer_at"), ["at"], unique=False)

    op.create_table(
        "access_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("asset_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_access_request_asked_by")),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_access_request_business_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request")),
    )
    with op.batch_alter_table("access_request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_request_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_request_business_id_id"), ["business_id", "id"], unique=False)

    op.create_table(
        "app_owner",
        sa.Column("app_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("claimed_by", sa.BigInteger(), nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_app_owner_app_id")),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_app_owner_business_id")),
        sa.ForeignKeyConstraint(["claimed_by"], ["account.id"], name=op.f("fk_app_owner_claimed_by")),
        sa.PrimaryKeyConstraint("app_id", name=op.f("pk_app_owner")),
    )
    with op.batch_alter_table("app_owner", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_app_owner_business_id_app_id"), ["business_id", "app_id"], unique=False)

    op.create_table(
        "asset_group",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_asset_group_business_id")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_asset_group_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_group")),
    )
    with op.batch_alter_table("asset_group", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_group_business_id_id"), ["business_id", "id"], unique=False)

    op.create_table(
        "business_profile",
        sa.Column("business_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("primary_page_id", sa.BigInteger(), nullable=True),
        sa.Column("vertical", sa.String(length=64), nullable=True),
        sa.Column("timezone_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("updated_by", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_business_profile_business_id")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_business_profile_created_by")),
        sa.ForeignKeyConstraint(["parent_id"], ["business.id"], name=op.f("fk_business_profile_parent_id")),
        sa.ForeignKeyConstraint(["primary_page_id"], ["asset.id"], name=op.f("fk_business_profile_primary_page_id")),
        sa.ForeignKeyConstraint(["updated_by"], ["account.id"], name=op.f("fk_business_profile_updated_by")),
        sa.PrimaryKeyConstraint("business_id", name=op.f("pk_business_profile")),
    )
    with op.batch_alter_table("business_profile", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_business_profile_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "place_profile",
        sa.Column("membership_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("finance_permission", sa.String(length=16), nullable=True),
        sa.Column("ip_permission", sa.String(length=16), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_place_profile_created_by")),
        sa.ForeignKeyConstraint(["membership_id"], ["membership.id"], name=op.f("fk_place_profile_membership_id")),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_place_profile")),
    )
    op.create_table(
        "invitation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("business_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("invited_by", sa.BigInteger(), nullable=True),
        sa.Column("link_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_invitation_business_id")),
        sa.ForeignKeyConstraint(["invited_by"], ["account.id"], name=op.f("fk_invitation_invited_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_invitation_link_hash")),
    )
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitation_business_id_id"), ["business_id", "id"], unique=False)

    op.create_table(
        "asset_group_member",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_asset_group_member_asset_id")),
        sa.ForeignKeyConstraint(["group_id"], ["asset_group.id"], name=op.f("fk_asset_group_member_group_id")),
        sa.PrimaryKeyConstraint("group_id", "asset_id", name=op.f("pk_asset_group_member")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("asset_group_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_group_member_asset_id"), ["asset_id"], unique=False)
