"""connections."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Up."""
    _connections()
    _identities()
    _logins()


def _connections() -> None:
    """Connections, and domains routed to them."""
    op.create_table(
        "connection",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("client_proof", sa.String(length=24), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("discovered_at", sa.BigInteger(), nullable=True),
        sa.Column("creates_accounts", sa.Integer(), nullable=False),
        sa.Column("last_test", sa.Text(), nullable=True),
        sa.Column("tested_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_connection_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
    )
    op.create_index(op.f("ix_connection_organization_id"), "connection", ["organization_id"])
    with op.batch_alter_table("domain", schema=None) as batch_op:
        batch_op.add_column(sa.Column("connection_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("sso_required", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_domain_connection_id"), "connection", ["connection_id"], ["id"])
        batch_op.create_index(op.f("ix_domain_connection_id"), ["connection_id"], unique=False)


def _identities() -> None:
    """Whom a connection's subjects stand for."""
    op.create_table(
        "connection_identity",
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_connection_identity_connection_id")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_connection_identity_account_id")),
        sa.PrimaryKeyConstraint("connection_id", "subject", name=op.f("pk_connection_identity")),
    )
    op.create_index(op.f("ix_connection_identity_account_id"), "connection_identity", ["account_id"])


def _logins() -> None:
    """Logins that are under way, and what was said of those that were vouched for."""
    op.create_table(
        "connection_attempt",
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("leads_to", sa.Text(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_connection_attempt_connection_id")
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_connection_attempt")),
    )
    op.create_index(op.f("ix_connection_attempt_ends"), "connection_attempt", ["ends"])
    op.create_table(
        "vouched_login",
        sa.Column("session_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("sid", sa.Text(), nullable=True),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.Column("authenticated_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_hash"], ["session.hash"], name=op.f("fk_vouched_login_session_hash"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_vouched_login_account_id")),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_vouched_login_connection_id")),
        sa.PrimaryKeyConstraint("session_hash", "account_id", name=op.f("pk_vouched_login")),
    )
    op.create_index(op.f("ix_vouched_login_account_id"), "vouched_login", ["account_id"])
    op.create_index(op.f("ix_vouched_login_connection_id"), "vouched_login", ["connection_id"])
