"""apps beyond their login."""

import sqlalchemy as sa
from alembic import op

from workbadge.keys import Entropy
from workbadge.terms.kinds import NodeKind

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WAITING = sa.text("next_try_at IS NOT NULL AND subscription_id IS NOT NULL")
_LOOSE = sa.text("subscription_id IS NULL")


def upgrade() -> None:
    """Up."""
    op.create_table(
        "webhook_subscription",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("object", sa.String(length=32), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("include_values", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("stopped_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_webhook_subscription_app_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_subscription")),
        sa.UniqueConstraint("app_id", "object", name=op.f("uq_webhook_subscription_app_id_object")),
    )
    op.create_table(
        "page_subscription",
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("page_id", sa.BigInteger(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_page_subscription_app_id")),
        sa.ForeignKeyConstraint(["page_id"], ["asset.id"], name=op.f("fk_page_subscription_page_id")),
        sa.PrimaryKeyConstraint("app_id", "page_id", name=op.f("pk_page_subscription")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_page_subscription_page_id_app_id"), "page_subscription", ["page_id", "app_id"])
    _outbox()
    _subscribe_webhook_urls()
    op.drop_column("app", "webhook_url")
    _settings()
    _makers()
    _people()


def _outbox() -> None:
    """Lanes: what goes to one subscription goes in order."""
    op.add_column("outbox", sa.Column("subscription_id", sa.BigInteger(), nullable=True))
    op.add_column("outbox", sa.Column("node_id", sa.BigInteger(), nullable=True))
    op.add_column("outbox", sa.Column("parked_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_outbox_lane",
        "outbox",
        ["subscription_id", "number"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_outbox_app", "outbox", ["app_id", "number"])
    op.create_index(
        "ix_outbox_loose",
        "outbox",
        ["next_try_at", "number"],
        sqlite_where=_LOOSE,
        postgresql_where=_LOOSE,
    )


def _settings() -> None:
    """What a maker says about the app, its mode, and what is taken from it."""
    for name in (
        "deauth_callback_url",
        "data_deletion_url",
        "privacy_policy_url",
        "terms_of_service_url",
        "app_domains",
        "contact_email",
    ):
        op.add_column("app", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("app", sa.Column("native", sa.Integer(), nullable=True))
    op.add_column("app", sa.Column("mode", sa.String(length=16), nullable=True))
    op.add_column("app", sa.Column("limits", sa.Text(), nullable=True))


def _makers() -> None:
    """Roles on an app, its access to permissions, restrictions."""
    op.create_table(
        "app_role",
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_app_role_app_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_app_role_account_id")),
        sa.PrimaryKeyConstraint("app_id", "account_id", name=op.f("pk_app_role")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_app_role_account_id"), "app_role", ["account_id"])
    op.create_table(
        "app_permission",
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("review", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_app_permission_app_id")),
        sa.PrimaryKeyConstraint("app_id", "scope", name=op.f("pk_app_permission")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "app_enforcement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_app_enforcement_app_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_enforcement")),
    )
    op.create_index(op.f("ix_app_enforcement_app_id"), "app_enforcement", ["app_id"])


def _people() -> None:
    """Test users, and people who asked an app to delete their data."""
    op.create_table(
        "test_user",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_test_user_account_id")),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_test_user_app_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_test_user")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_test_user_app_id"), "test_user", ["app_id"])
    op.create_table(
        "data_deletion",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("status_url", sa.Text(), nullable=True),
        sa.Column("confirmation_code", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_data_deletion_app_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_data_deletion_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_deletion")),
    )
    op.create_index(op.f("ix_data_deletion_account_id_app_id"), "data_deletion", ["account_id", "app_id"])
    op.create_index(op.f("ix_data_deletion_delivery_id"), "data_deletion", ["delivery_id"])


def _subscribe_webhook_urls() -> None:
    """An app's one address becomes its subscription of ``managed_meta_account``, made without a handshake."""
    app = sa.table("app", sa.column("id"), sa.column("webhook_url"), sa.column("created_at"))
    names = ("id", "app_id", "object", "callback_url", "fields", "include_values", "created_at")
    subscription = sa.table("webhook_subscription", *(sa.column(name) for name in names))
    known = op.get_bind().execute(
        sa.select(app.c.id, app.c.webhook_url, app.c.created_at).where(sa.func.coalesce(app.c.webhook_url, "") != "")
    )
    entropy = Entropy()
    rows = [
        {
            "id": entropy.new_id(NodeKind.RECORD),
            "app_id": row.id,
            "object": "managed_meta_account",
            "callback_url": row.webhook_url,
            "fields": "migration_expire_time",
            "include_values": 1,
            "created_at": row.created_at,
        }
        for row in known
    ]
    if rows:
        op.bulk_insert(subscription, rows)
