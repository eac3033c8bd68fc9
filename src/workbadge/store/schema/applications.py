"""The tables of apps beyond their login: settings, roles, permissions, webhooks, test users."""

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

webhook_subscription = Table(
    "webhook_subscription",
    metadata,
    id_column(),
    ref_column("app_id", "app.id"),
    Column("object", String(32), nullable=False),
    Column("callback_url", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("include_values", Integer, nullable=False),
    at_column("created_at", False),
    at_column("verified_at"),
    at_column("stopped_at"),
    UniqueConstraint("app_id", "object"),
)

page_subscription = Table(
    "page_subscription",
    metadata,
    Column("app_id", BigInteger, ForeignKey("app.id"), primary_key=True),
    Column("page_id", BigInteger, ForeignKey("asset.id"), primary_key=True),
    Column("fields", Text, nullable=False),
    Column("token_hash", LargeBinary(32), nullable=False),
    at_column("created_at", False),
    Index(None, "page_id", "app_id"),
    sqlite_with_rowid=False,
)
