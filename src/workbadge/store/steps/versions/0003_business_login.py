"""login for business, business extension."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, autoincrement=False, nullable=False)


def _ref(name: str, target: str, table: str, nullable: bool = False) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    key = sa.ForeignKeyConstraint([name], [target], name=f"fk_{table}_{name}")
    return sa.Column(name, sa.BigInteger(), nullable=nullable), key


def _at(name: str, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    """Up."""
    _configurations()
    _installs()
    op.create_table(
        "narrow_user",
        *_ref("install_id", "install.id", "narrow_user"),
        sa.Column("selection", sa.String(length=64), nullable=False),
        *_ref("account_id", "account.id", "narrow_user"),
        sa.PrimaryKeyConstraint("install_id", "selection", name="pk_narrow_user"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_narrow_user_account_id", "narrow_user", ["account_id"])
    for name in ("configuration_id", "install_id", "life_seconds"):
        op.add_column("code", sa.Column(name, sa.BigInteger(), nullable=True))


def _configurations() -> None:
    op.create_table(
        "login_configuration",
        _id(),
        *_ref("app_id", "app.id", "login_configuration"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_kind", sa.String(length=16), nullable=False),
        sa.Column("life_seconds", sa.Integer(), nullable=True),
        sa.Column("asset_kinds", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        _at("created_at", False),
        _at("removed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_login_configuration"),
    )
    op.create_index("ix_login_configuration_app_id", "login_configuration", ["app_id"])


def _installs() -> None:
    op.create_table(
        "install",
        _id(),
        *_ref("app_id", "app.id", "install"),
        *_ref("business_id", "business.id", "install"),
        *_ref("account_id", "account.id", "install"),
        *_ref("configuration_id", "login_configuration.id", "install", True),
        sa.Column("external_business_id", sa.String(length=255), nullable=False),
        sa.Column("setup", sa.Text(), nullable=False),
        _at("installed_at", False),
        *_ref("installed_by", "account.id", "install"),
        _at("updated_at", False),
        _at("swapped_at"),
        _at("uninstalled_at"),
        *_ref("uninstalled_by", "account.id", "install", True),
        sa.PrimaryKeyConstraint("id", name="pk_install"),
    )
    op.create_index("ix_install_business_id", "install", ["business_id"])
    op.create_index("ix_install_account_id", "install", ["account_id"])
    op.create_index(
        "uq_install_live",
        "install",
        ["app_id", "business_id", "external_business_id"],
        unique=True,
        sqlite_where=sa.text("uninstalled_at IS NULL"),
        postgresql_where=sa.text("uninstalled_at IS NULL"),
    )
