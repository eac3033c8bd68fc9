"""The tables of Login for Business and the Business Extension: configurations, installs (``wire.md`` §4, §5)."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from .columns import at_column, id_column, metadata, ref_column

login_configuration = Table(
    "login_configuration",
    metadata,
    id_column(),
    ref_column("app_id", "app.id"),
    Column("name", Text, nullable=False),
    Column("token_kind", String(16), nullable=False),
    Column("life_seconds", Integer),
    Column("asset_kinds", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    at_column("created_at", False),
    at_column("removed_at"),
    Index(None, "app_id"),
)

install = Table(
    "install",
    metadata,
    id_column(),
    ref_column("app_id", "app.id"),
    ref_column("business_id", "business.id"),
    ref_column("account_id", "account.id"),
    ref_column("configuration_id", "login_configuration.id", True),
    Column("external_business_id", String(255), nullable=False),
    Column("setup", Text, nullable=False),
    at_column("installed_at", False),
    ref_column("installed_by", "account.id"),
    at_column("updated_at", False),
    at_column("swapped_at"),
    at_column("uninstalled_at"),
    ref_column("uninstalled_by", "account.id", True),
    Index(None, "business_id"),
    Index(None, "account_id"),
)
Index(
    "uq_install_live",
    install.c.app_id,
    install.c.business_id,
    install.c.external_business_id,
    unique=True,
    sqlite_where=install.c.uninstalled_at.is_(None),
    postgresql_where=install.c.uninstalled_at.is_(None),
)

narrow_user = Table(
    "narrow_user",
    metadata,
    Column("install_id", BigInteger, ForeignKey("install.id"), primary_key=True),
    Column("selection", String(64), primary_key=True),
    ref_column("account_id", "account.id"),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)
"""Further system users of an install, each with fewer assets: ``selection`` says which, as a hash of their ids."""
