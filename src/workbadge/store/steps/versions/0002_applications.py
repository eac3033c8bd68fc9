"""apps beyond their login."""

import sqlalchemy as sa
from alembic import op

from workbadge.keys import Entropy
from workbadge.terms.kinds import NodeKind

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WAITING = sa.text("next_try_at IS NOT NULL")


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
