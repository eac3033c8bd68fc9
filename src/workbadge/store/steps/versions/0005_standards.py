"""the standards side."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Up."""
    _keys_and_families()
    _clients()
    _restricted_tokens()


def _keys_and_families() -> None:
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("alg", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("signs_from", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("alg", "number", name=op.f("uq_signing_key_alg_number")),
    )
    op.create_table(
        "oauth_client",
        sa.Column("app_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("auth_method", sa.String(length=32), nullable=True),
        sa.Column("application_type", sa.String(length=8), nullable=False),
        sa.Column("id_token_alg", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_oauth_client_app_id")),
        sa.PrimaryKeyConstraint("app_id", name=op.f("pk_oauth_client")),
    )
    op.create_table(
        "refresh_family",
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("details", sa.Integer(), nullable=False),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=False),
        sa.Column("authorized_at", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_because", sa.String(length=32), nullable=True),
        sa.Column("jkt", sa.String(length=43), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("sid", sa.String(length=43), nullable=True),
        sa.ForeignKeyConstraint(["code_hash"], ["code.hash"], name=op.f("fk_refresh_family_code_hash")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_refresh_family_account_id")),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_refresh_family_app_id")),
        sa.ForeignKeyConstraint(["grant_id"], ["app_grant.id"], name=op.f("fk_refresh_family_grant_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_refresh_family")),
    )
    op.create_index(op.f("ix_refresh_family_grant_id"), "refresh_family", ["grant_id"])
    op.create_table(
        "refresh_token",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["code_hash"], ["refresh_family.code_hash"], name=op.f("fk_refresh_token_code_hash")
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_refresh_token")),
    )
    op.create_index(op.f("ix_refresh_token_code_hash"), "refresh_token", ["code_hash"])


def _clients() -> None:
    op.create_table(
        "client_terms",
        sa.Column("app_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("auth_alg", sa.String(length=16), nullable=True),
        sa.Column("jwks", sa.Text(), nullable=True),
        sa.Column("jwks_uri", sa.Text(), nullable=True),
        sa.Column("grant_types", sa.Text(), nullable=False),
        sa.Column("post_logout_redirect_uris", sa.Text(), nullable=False),
        sa.Column("backchannel_logout_uri", sa.Text(), nullable=True),
        sa.Column("logout_with_session", sa.Integer(), nullable=False),
        sa.Column("frontends", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("dpop_bound", sa.Integer(), nullable=False),
        sa.Column("dpop_nonce", sa.Integer(), nullable=False),
        sa.Column("require_pushed", sa.Integer(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("second_secret", sa.LargeBinary(), nullable=True),
        sa.Column("second_secret_ends", sa.BigInteger(), nullable=True),
        sa.Column("registration_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_client_terms_app_id")),
        sa.PrimaryKeyConstraint("app_id", name=op.f("pk_client_terms")),
    )
    op.create_table(
        "used_proof",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_used_proof")),
    )
    op.create_index(op.f("ix_used_proof_expires_at"), "used_proof", ["expires_at"])
    op.create_table(
        "pushed_request",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("parameters", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_pushed_request_app_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_pushed_request")),
    )
    op.create_index(op.f("ix_pushed_request_expires_at"), "pushed_request", ["expires_at"])
    op.create_table(
        "session_app",
        sa.Column("session_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("sid", sa.String(length=43), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_hash"], ["session.hash"], name=op.f("fk_session_app_session_hash"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_session_app_app_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_app_account_id")),
        sa.PrimaryKeyConstraint("session_hash", "app_id", "account_id", name=op.f("pk_session_app")),
    )
    op.create_index(op.f("ix_session_app_sid"), "session_app", ["sid"])
    op.create_index(op.f("ix_refresh_family_ends"), "refresh_family", ["ends"])
    op.create_index(op.f("ix_code_expires_at"), "code", ["expires_at"])
    op.create_index(op.f("ix_session_ends"), "session", ["ends"])
    parked = sa.text("parked_at IS NOT NULL")
    op.create_index("ix_due_parked", "due", ["parked_at"], sqlite_where=parked, postgresql_where=parked)


def _restricted_tokens() -> None:
    """Keys and resources that codes and tokens are bound to."""
    with op.batch_alter_table("token") as table:
        table.add_column(sa.Column("jkt", sa.String(length=43), nullable=True))
        table.add_column(sa.Column("resource", sa.Text(), nullable=True))
        table.add_column(sa.Column("code_hash", sa.LargeBinary(length=32), nullable=True))
    with op.batch_alter_table("code") as table:
        table.add_column(sa.Column("jkt", sa.String(length=43), nullable=True))
        table.add_column(sa.Column("resource", sa.Text(), nullable=True))
        table.add_column(sa.Column("sid", sa.String(length=43), nullable=True))
        table.add_column(sa.Column("signed_in_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("details", sa.Integer(), nullable=True))
