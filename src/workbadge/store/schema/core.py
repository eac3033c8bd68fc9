"""The tables of accounts, businesses, assets, grants, tokens, migrations, and of the work that is due."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
)

from .columns import at_column, id_column, metadata, name_key_column, ref_column

organization = Table(
    "organization",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("grace_seconds", BigInteger),
    at_column("created_at", False),
)

domain = Table(
    "domain",
    metadata,
    Column("name", String(253), primary_key=True),
    ref_column("organization_id", "organization.id"),
    at_column("verified_at"),
    at_column("created_at", False),
    ref_column("connection_id", "connection.id", True),
    Column("sso_required", Integer),
    Index(None, "connection_id"),
)
"""``connection_id``: where people with an address of it sign in. ``sso_required``: passwords of their managed accounts are not
taken (O6)."""

business = Table(
    "business",
    metadata,
    id_column(),
    ref_column("organization_id", "organization.id", True),
    Column("name", Text, nullable=False),
    name_key_column(),
    at_column("created_at", False),
    at_column("suspended_at"),
    Index(None, "organization_id"),
)

account = Table(
    "account",
    metadata,
    id_column(),
    Column("kind", String(16), nullable=False),
    ref_column("organization_id", "organization.id", True),
    ref_column("business_id", "business.id", True),
    Column("name", Text, nullable=False),
    name_key_column(),
    Column("email", Text),
    Column("email_key", Text),
    Column("password_hash", Text),
    at_column("password_changed_at"),
    Column("locale", String(16), nullable=False),
    at_column("created_at", False),
    at_column("suspended_at"),
    at_column("deleted_at"),
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
    at_column("linked_at", False),
    Index(None, "managed_id"),
)

scoped_account = Table(
    "scoped_account",
    metadata,
    id_column(),
    ref_column("app_id", "app.id"),
    ref_column("account_id", "account.id"),
    UniqueConstraint("app_id", "account_id"),
)

membership = Table(
    "membership",
    metadata,
    id_column(),
    ref_column("account_id", "account.id"),
    ref_column("business_id", "business.id"),
    Column("role", String(16), nullable=False),
    at_column("starts", False),
    at_column("ends"),
    Column("end_cause", String(16)),
    at_column("handed_over"),
    Index(None, "account_id", "business_id"),
    Index(None, "business_id", "account_id"),
)

asset = Table(
    "asset",
    metadata,
    id_column(),
    Column("kind", String(32), nullable=False),
    ref_column("business_id", "business.id", True),
    Column("name", Text, nullable=False),
    name_key_column(),
    Column("details", Text, nullable=False),
    at_column("created_at", False),
    at_column("removed_at"),
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
    id_column(),
    ref_column("asset_id", "asset.id"),
    ref_column("partner_business_id", "business.id"),
    Column("tasks", Integer, nullable=False),
    at_column("starts", False),
    at_column("ends"),
    Index(None, "asset_id", "partner_business_id"),
    Index(None, "partner_business_id", "asset_id"),
)

Index(
    "ix_share_ending",
    share.c.partner_business_id,
    share.c.ends,
    share.c.asset_id,
    sqlite_where=share.c.ends.is_not(None),
    postgresql_where=share.c.ends.is_not(None),
)

app = Table(
    "app",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("login_uri", Text),
    Column("user_support_url", Text),
    Column("user_support_email", Text),
    Column("require_proof", Integer, nullable=False),
    at_column("created_at", False),
    at_column("disabled_at"),
    Column("deauth_callback_url", Text),
    Column("data_deletion_url", Text),
    Column("privacy_policy_url", Text),
    Column("terms_of_service_url", Text),
    Column("app_domains", Text),
    Column("contact_email", Text),
    Column("native", Integer),
    Column("mode", String(16)),
    Column("limits", Text),
)

app_grant = Table(
    "app_grant",
    metadata,
    id_column(),
    ref_column("account_id", "account.id"),
    ref_column("app_id", "app.id"),
    Column("scopes", Text, nullable=False),
    Column("declined", Text, nullable=False),
    at_column("created_at", False),
    at_column("consented_at", False),
    at_column("revoked_at"),
    at_column("last_used_at"),
    Index(None, "app_id"),
    Index(None, "account_id"),
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
    at_column("selected_at", False),
    Index(None, "target_id"),
    Index(None, "business_id", "grant_id"),
    sqlite_with_rowid=False,
)

token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    ref_column("app_id", "app.id"),
    ref_column("grant_id", "app_grant.id", True),
    ref_column("account_id", "account.id", True),
    Column("page_id", BigInteger),
    Column("parent_hash", LargeBinary(32)),
    Column("scopes", Text, nullable=False),
    at_column("authorized_at", False),
    at_column("issued_at", False),
    at_column("expires_at"),
    at_column("revoked_at"),
    Column("revoked_because", String(32)),
    Column("jkt", String(43)),
    Column("resource", Text),
    Column("code_hash", LargeBinary(32)),
    Index(None, "grant_id"),
)

code = Table(
    "code",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    ref_column("app_id", "app.id"),
    ref_column("grant_id", "app_grant.id"),
    ref_column("account_id", "account.id"),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("challenge", String(128)),
    Column("nonce", Text),
    at_column("issued_at", False),
    at_column("authorized_at", False),
    at_column("expires_at", False),
    at_column("used_at"),
    Column("token_hash", LargeBinary(32)),
    Column("configuration_id", BigInteger),
    Column("install_id", BigInteger),
    Column("life_seconds", BigInteger),
    Column("jkt", String(43)),
    Column("resource", Text),
    Column("sid", String(43)),
    at_column("signed_in_at"),
    Column("details", Integer),
    Column("method", String(16)),
    Index(None, "token_hash"),
    Index(None, "expires_at"),
)

session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    at_column("created_at", False),
    at_column("seen_at", False),
    at_column("ends", False),
    Column("device", Text),
    Index(None, "ends"),
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
    at_column("signed_in_at", False),
    Column("method", String(16), nullable=False),
    at_column("proven_at"),
    Index(None, "account_id"),
)

migration = Table(
    "migration",
    metadata,
    id_column(),
    ref_column("business_id", "business.id"),
    ref_column("organization_id", "organization.id"),
    ref_column("started_by", "account.id", True),
    at_column("started_at", False),
    at_column("deadline"),
    Index(None, "business_id"),
)

migration_person = Table(
    "migration_person",
    metadata,
    id_column(),
    ref_column("migration_id", "migration.id"),
    ref_column("business_id", "business.id"),
    ref_column("organization_id", "organization.id"),
    ref_column("personal_id", "account.id"),
    ref_column("personal_membership_id", "membership.id"),
    Column("work_email", Text, nullable=False),
    at_column("deadline"),
    at_column("invited_at", False),
    Column("link_hash", LargeBinary(32), nullable=False),
    at_column("link_expires_at", False),
    at_column("prior_ends"),
    Column("prior_cause", String(16)),
    at_column("claimed_at"),
    ref_column("managed_id", "account.id", True),
    ref_column("managed_membership_id", "membership.id", True),
    Column("before", Text),
    at_column("rolled_back_at"),
    at_column("excluded_at"),
    UniqueConstraint("link_hash"),
    Index(None, "migration_id", "id"),
    Index(None, "business_id", "personal_id"),
    Index(None, "managed_id"),
)

post = Table(
    "post",
    metadata,
    id_column(),
    ref_column("page_id", "asset.id"),
    ref_column("account_id", "account.id"),
    ref_column("app_id", "app.id"),
    Column("message", Text, nullable=False),
    at_column("created_at", False),
    Index(None, "page_id", "created_at", "id"),
)

due = Table(
    "due",
    metadata,
    id_column(),
    at_column("at", False),
    Column("kind", String(32), nullable=False),
    Column("subject", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    at_column("done_at"),
    Column("tries", Integer, nullable=False),
    at_column("retry_at"),
    at_column("parked_at"),
    Column("last_error", Text),
    Index(None, "done_at", "at", "rank", "id"),
    Index(None, "subject"),
)

_PARKED = due.c.parked_at.is_not(None)
Index("ix_due_parked", due.c.parked_at, sqlite_where=_PARKED, postgresql_where=_PARKED)

outbox = Table(
    "outbox",
    metadata,
    id_column(),
    Column("number", BigInteger, nullable=False),
    at_column("at", False),
    Column("channel", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("address", Text, nullable=False),
    Column("business_id", BigInteger),
    Column("account_id", BigInteger),
    Column("app_id", BigInteger),
    Column("subject", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    at_column("next_try_at"),
    at_column("sent_at"),
    Column("tries", Integer, nullable=False),
    Column("last_error", Text),
    Column("subscription_id", BigInteger),
    Column("node_id", BigInteger),
    at_column("parked_at"),
    Index(None, "next_try_at"),
    Index(None, "at", "number"),
    Index(None, "number"),
)
_IN_LANE = and_(outbox.c.next_try_at.is_not(None), outbox.c.subscription_id.is_not(None))
Index(
    "ix_outbox_lane",
    outbox.c.subscription_id,
    outbox.c.number,
    sqlite_where=_IN_LANE,
    postgresql_where=_IN_LANE,
)
Index("ix_outbox_app", outbox.c.app_id, outbox.c.number)
Index(
    "ix_outbox_loose",
    outbox.c.next_try_at,
    outbox.c.number,
    sqlite_where=outbox.c.subscription_id.is_(None),
    postgresql_where=outbox.c.subscription_id.is_(None),
)

audit = Table(
    "audit",
    metadata,
    id_column(),
    at_column("at", False),
    Column("actor_id", BigInteger),
    Column("act", String(64), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("business_id", BigInteger),
    Column("organization_id", BigInteger),
    Column("detail", Text, nullable=False),
    Column("number", BigInteger),
    Column("hash", LargeBinary(32)),
    Index(None, "business_id", "at"),
    Index(None, "organization_id", "at"),
)
Index("uq_audit_number", audit.c.number, unique=True)

throttle = Table(
    "throttle",
    metadata,
    Column("key", String(160), primary_key=True),
    Column("failures", Integer, nullable=False),
    at_column("free_at", False),
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
