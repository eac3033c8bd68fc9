"""The tables. Instants are integers: microseconds since 1970 UTC, the same on both engines (MT-31).

No server-side defaults, no database clock. Ids are those of ``terms.ids``. Sets of scopes are comma lists; sets
of tasks are integers (``terms.tasks``).
"""

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from workbadge.terms.instants import from_micros, to_micros

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime in Python, microseconds since 1970 in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To microseconds."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else from_micros(value)


def _id() -> Column[int]:
    """On SQLite an ``INTEGER PRIMARY KEY`` is the row's own address: one look-up where a BIGINT would take two."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Column("id", kind, primary_key=True, autoincrement=False)


def _at(name: str, nullable: bool = True) -> Column[datetime]:
    return Column(name, Instant, nullable=nullable)


def _ref(name: str, target: str, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable)


def name_key(name: str) -> str:
    """What a search compares: the same for names that differ only in case or in how letters are composed.

    Made here, since engines differ in what they hold for lower case.
    """
    return unicodedata.normalize("NFKC", name).casefold()


def _key_of_name(context: Any) -> str:
    return name_key(context.get_current_parameters()["name"])


def _name_key() -> Column[str]:
    """Filled in at insertion. Whoever renames sets it too."""
    return Column("name_key", Text, nullable=False, default=_key_of_name)


organization = Table(
    "organization",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("grace_seconds", BigInteger),
    _at("created_at", False),
)

domain = Table(
    "domain",
    metadata,
    Column("name", String(253), primary_key=True),
    _ref("organization_id", "organization.id"),
    _at("verified_at"),
    _at("created_at", False),
)

business = Table(
    "business",
    metadata,
    _id(),
    _ref("organization_id", "organization.id", True),
    Column("name", Text, nullable=False),
    _name_key(),
    _at("created_at", False),
    _at("suspended_at"),
    Index(None, "organization_id"),
)

account = Table(
    "account",
    metadata,
    _id(),
    Column("kind", String(16), nullable=False),
    _ref("organization_id", "organization.id", True),
    _ref("business_id", "business.id", True),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("email_key", Text),
    Column("password_hash", Text),
    _at("password_changed_at"),
    Column("locale", String(16), nullable=False),
    _at("created_at", False),
    _at("suspended_at"),
    _at("deleted_at"),
    UniqueConstraint("kind", "email_key"),
    CheckConstraint(
        "kind <> 'managed' OR organization_id IS NOT NULL",
        name="managed_has_organization",
    ),
    CheckConstraint("kind <> 'system' OR business_id IS NOT NULL", name="system_has_business"),
    Index(None, "organization_id"),
    Index(None, "business_id"),
)

account_link = Table(
    "account_link",
    metadata,
    Column("personal_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("managed_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    _at("linked_at", False),
    Index(None, "managed_id"),
)

scoped_account = Table(
    "scoped_account",
    metadata,
    _id(),
    _ref("app_id", "app.id"),
    _ref("account_id", "account.id"),
    UniqueConstraint("app_id", "account_id"),
)

membership = Table(
    "membership",
    metadata,
    _id(),
    _ref("account_id", "account.id"),
    _ref("business_id", "business.id"),
    Column("role", String(16), nullable=False),
    _at("starts", False),
    _at("ends"),
    Column("end_cause", String(16)),
    _at("handed_over"),
    Index(None, "account_id", "business_id"),
    Index(None, "business_id", "account_id"),
)

asset = Table(
    "asset",
    metadata,
    _id(),
    Column("kind", String(32), nullable=False),
    _ref("business_id", "business.id", True),
    Column("name", Text, nullable=False),
    _name_key(),
    Column("details", Text, nullable=False),
    _at("created_at", False),
    _at("removed_at"),
    Index(None, "business_id", "kind", "id"),
)

assignment = Table(
    "assignment",
    metadata,
    Column("membership_id", BigInteger, ForeignKey("membership.id"), primary_key=True),
    Column("asset_id", BigInteger, ForeignKey("asset.id"), primary_key=True),
    Column("tasks", Integer, nullable=False),
    Index(None, "asset_id"),
    sqlite_with_rowid=False,
)

direct_role = Table(
    "direct_role",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("asset_id", BigInteger, ForeignKey("asset.id"), primary_key=True),
    Column("tasks", Integer, nullable=False),
    Index(None, "asset_id"),
    sqlite_with_rowid=False,
)

share = Table(
    "share",
    metadata,
    _id(),
    _ref("asset_id", "asset.id"),
    _ref("partner_business_id", "business.id"),
    Column("tasks", Integer, nullable=False),
    _at("starts", False),
    _at("ends"),
    Index(None, "asset_id", "partner_business_id"),
    Index(None, "partner_business_id", "asset_id"),
)

app = Table(
    "app",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("login_uri", Text),
    Column("user_support_url", Text),
    Column("user_support_email", Text),
    Column("webhook_url", Text),
    Column("require_proof", Integer, nullable=False),
    _at("created_at", False),
    _at("disabled_at"),
)

app_grant = Table(
    "app_grant",
    metadata,
    _id(),
    _ref("account_id", "account.id"),
    _ref("app_id", "app.id"),
    Column("scopes", Text, nullable=False),
    Column("declined", Text, nullable=False),
    _at("created_at", False),
    _at("consented_at", False),
    _at("revoked_at"),
    _at("last_used_at"),
    Index(None, "app_id"),
)
Index(
    "uq_app_grant_live",
    app_grant.c.account_id,
    app_grant.c.app_id,
    unique=True,
    sqlite_where=app_grant.c.revoked_at.is_(None),
    postgresql_where=app_grant.c.revoked_at.is_(None),
)

grant_target = Table(
    "grant_target",
    metadata,
    Column("grant_id", BigInteger, ForeignKey("app_grant.id"), primary_key=True),
    Column("target_id", BigInteger, primary_key=True),
    Column("business_id", BigInteger),
    _at("selected_at", False),
    Index(None, "target_id"),
    Index(None, "business_id", "grant_id"),
    sqlite_with_rowid=False,
)

token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    _ref("app_id", "app.id"),
    _ref("grant_id", "app_grant.id", True),
    _ref("account_id", "account.id", True),
    Column("page_id", BigInteger),
    Column("parent_hash", LargeBinary(32)),
    Column("scopes", Text, nullable=False),
    _at("authorized_at", False),
    _at("issued_at", False),
    _at("expires_at"),
    _at("revoked_at"),
    Column("revoked_because", String(32)),
    Index(None, "grant_id"),
)

code = Table(
    "code",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    _ref("app_id", "app.id"),
    _ref("grant_id", "app_grant.id"),
    _ref("account_id", "account.id"),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("challenge", String(128)),
    Column("nonce", Text),
    _at("issued_at", False),
    _at("authorized_at", False),
    _at("expires_at", False),
    _at("used_at"),
    Column("token_hash", LargeBinary(32)),
    Index(None, "token_hash"),
)

session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    _at("created_at", False),
    _at("seen_at", False),
    _at("ends", False),
)

session_account = Table(
    "session_account",
    metadata,
    Column(
        "session_hash",
        LargeBinary(32),
        ForeignKey("session.hash", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    _at("signed_in_at", False),
    Column("method", String(16), nullable=False),
    Index(None, "account_id"),
)

migration = Table(
    "migration",
    metadata,
    _id(),
    _ref("business_id", "business.id"),
    _ref("organization_id", "organization.id"),
    _ref("started_by", "account.id", True),
    _at("started_at", False),
    _at("deadline"),
    Index(None, "business_id"),
)

migration_person = Table(
    "migration_person",
    metadata,
    _id(),
    _ref("migration_id", "migration.id"),
    _ref("business_id", "business.id"),
    _ref("organization_id", "organization.id"),
    _ref("personal_id", "account.id"),
    _ref("personal_membership_id", "membership.id"),
    Column("work_email", Text, nullable=False),
    _at("deadline"),
    _at("invited_at", False),
    Column("link_hash", LargeBinary(32), nullable=False),
    _at("link_expires_at", False),
    _at("prior_ends"),
    Column("prior_cause", String(16)),
    _at("claimed_at"),
    _ref("managed_id", "account.id", True),
    _ref("managed_membership_id", "membership.id", True),
    Column("before", Text),
    _at("rolled_back_at"),
    _at("excluded_at"),
    UniqueConstraint("link_hash"),
    Index(None, "migration_id", "id"),
    Index(None, "business_id", "personal_id"),
    Index(None, "managed_id"),
)

post = Table(
    "post",
    metadata,
    _id(),
    _ref("page_id", "asset.id"),
    _ref("account_id", "account.id"),
    _ref("app_id", "app.id"),
    Column("message", Text, nullable=False),
    _at("created_at", False),
    Index(None, "page_id", "created_at", "id"),
)

due = Table(
    "due",
    metadata,
    _id(),
    _at("at", False),
    Column("kind", String(32), nullable=False),
    Column("subject", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    _at("done_at"),
    Column("tries", Integer, nullable=False),
    _at("retry_at"),
    _at("parked_at"),
    Column("last_error", Text),
    Index(None, "done_at", "at", "rank", "id"),
    Index(None, "subject"),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("number", BigInteger, nullable=False),
    _at("at", False),
    Column("channel", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("address", Text, nullable=False),
    Column("business_id", BigInteger),
    Column("account_id", BigInteger),
    Column("app_id", BigInteger),
    Column("subject", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _at("next_try_at"),
    _at("sent_at"),
    Column("tries", Integer, nullable=False),
    Column("last_error", Text),
    Index(None, "next_try_at"),
    Index(None, "at", "number"),
    Index(None, "number"),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    _at("at", False),
    Column("actor_id", BigInteger),
    Column("act", String(64), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("business_id", BigInteger),
    Column("organization_id", BigInteger),
    Column("detail", Text, nullable=False),
    Index(None, "business_id", "at"),
    Index(None, "organization_id", "at"),
)

throttle = Table(
    "throttle",
    metadata,
    Column("key", String(160), primary_key=True),
    Column("failures", Integer, nullable=False),
    _at("free_at", False),
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
