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

app_role = Table(
    "app_role",
    metadata,
    Column("app_id", BigInteger, ForeignKey("app.id"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("role", String(16), nullable=False),
    at_column("created_at", False),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

app_permission = Table(
    "app_permission",
    metadata,
    Column("app_id", BigInteger, ForeignKey("app.id"), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("level", String(16), nullable=False),
    Column("review", String(16), nullable=False),
    at_column("changed_at", False),
    sqlite_with_rowid=False,
)

app_enforcement = Table(
    "app_enforcement",
    metadata,
    id_column(),
    ref_column("app_id", "app.id"),
    Column("kind", String(16), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("reason", Text, nullable=False),
    at_column("starts", False),
    at_column("ends"),
    Index(None, "app_id"),
)

test_user = Table(
    "test_user",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    ref_column("app_id", "app.id"),
    at_column("created_at", False),
    Index(None, "app_id"),
    sqlite_with_rowid=False,
)

data_deletion = Table(
    "data_deletion",
    metadata,
    id_column(),
    ref_column("app_id", "app.id"),
    ref_column("account_id", "account.id"),
    Column("user_id", BigInteger, nullable=False),
    at_column("requested_at", False),
    Column("delivery_id", BigInteger),
    at_column("answered_at"),
    Column("status_url", Text),
    Column("confirmation_code", Text),
    Index(None, "account_id", "app_id"),
    Index(None, "delivery_id"),
)
