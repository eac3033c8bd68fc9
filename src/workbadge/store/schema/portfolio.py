"""The tables of the business portfolio beyond assets and people: what is known of a business and of a place in it, invitations, requests for
assets, groups of assets, whose an app is, and first answers to requests that carry an idempotency key."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import at_column, id_column, metadata, ref_column

business_profile = Table(
    "business_profile",
    metadata,
    Column("business_id", BigInteger, ForeignKey("business.id"), primary_key=True, autoincrement=False),
    ref_column("parent_id", "business.id", True),
    ref_column("primary_page_id", "asset.id", True),
    Column("vertical", String(64)),
    Column("timezone_id", Integer),
    ref_column("created_by", "account.id", True),
    ref_column("updated_by", "account.id", True),
    at_column("updated_at"),
    Index(None, "parent_id"),
)

place_profile = Table(
    "place_profile",
    metadata,
    Column("membership_id", BigInteger, ForeignKey("membership.id"), primary_key=True, autoincrement=False),
    Column("title", Text),
    Column("finance_permission", String(16)),
    Column("ip_permission", String(16)),
    ref_column("created_by", "account.id", True),
)

invitation = Table(
    "invitation",
    metadata,
    id_column(),
    ref_column("business_id", "business.id"),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("role", String(16), nullable=False),
    ref_column("invited_by", "account.id", True),
    Column("link_hash", LargeBinary(32), nullable=False),
    at_column("created_at", False),
    at_column("expires_at", False),
    at_column("accepted_at"),
    at_column("withdrawn_at"),
    UniqueConstraint("link_hash"),
    Index(None, "business_id", "id"),
)

access_request = Table(
    "access_request",
    metadata,
    id_column(),
    ref_column("business_id", "business.id"),
    Column("asset_id", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("tasks", Integer, nullable=False),
    ref_column("asked_by", "account.id", True),
    at_column("created_at", False),
    at_column("closed_at"),
    Column("outcome", String(16)),
    Index(None, "business_id", "id"),
    Index(None, "asset_id"),
)

asset_group = Table(
    "asset_group",
    metadata,
    id_column(),
    ref_column("business_id", "business.id"),
    Column("name", Text, nullable=False),
    ref_column("created_by", "account.id", True),
    at_column("created_at", False),
    at_column("removed_at"),
    Index(None, "business_id", "id"),
)

asset_group_member = Table(
    "asset_group_member",
    metadata,
    Column("group_id", BigInteger, ForeignKey("asset_group.id"), primary_key=True, autoincrement=False),
    Column("asset_id", BigInteger, ForeignKey("asset.id"), primary_key=True, autoincrement=False),
    Index(None, "asset_id"),
    sqlite_with_rowid=False,
)

app_owner = Table(
    "app_owner",
    metadata,
    Column("app_id", BigInteger, ForeignKey("app.id"), primary_key=True, autoincrement=False),
    ref_column("business_id", "business.id"),
    ref_column("claimed_by", "account.id", True),
    at_column("claimed_at", False),
    Index(None, "business_id", "app_id"),
)

first_answer = Table(
    "first_answer",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    at_column("at", False),
    Index(None, "at"),
)
