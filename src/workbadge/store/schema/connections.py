"""Connections of organizations to identity providers, and logins that are under way at one."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from .columns import at_column, id_column, metadata, ref_column

connection = Table(
    "connection",
    metadata,
    id_column(),
    ref_column("organization_id", "organization.id"),
    Column("kind", String(8), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("client_id", Text),
    Column("client_proof", String(24)),
    Column("secret", LargeBinary),
    Column("provider", Text),
    at_column("discovered_at"),
    Column("creates_accounts", Integer, nullable=False),
    Column("last_test", Text),
    at_column("tested_at"),
    at_column("created_at", False),
    Index(None, "organization_id"),
)
"""``secret``: sealed. ``provider``: what the issuer published of itself, JSON. ``last_test``: the outcome of the last live test,
JSON. ``creates_accounts``: whether a first sign-in opens a managed account."""

connection_identity = Table(
    "connection_identity",
    metadata,
    Column("connection_id", BigInteger, ForeignKey("connection.id"), primary_key=True),
    Column("subject", String(255), primary_key=True),
    ref_column("account_id", "account.id"),
    at_column("linked_at", False),
    Index(None, "account_id"),
)
"""Whom a connection's own subject stands for (O4)."""

connection_attempt = Table(
    "connection_attempt",
    metadata,
    Column("state_hash", LargeBinary(32), primary_key=True),
    ref_column("connection_id", "connection.id"),
    Column("browser_hash", LargeBinary(32), nullable=False),
    Column("purpose", String(8), nullable=False),
    Column("secrets", LargeBinary, nullable=False),
    Column("leads_to", Text, nullable=False),
    at_column("ends", False),
    Index(None, "ends"),
)
"""``secrets``: nonce and PKCE verifier, sealed."""

vouched_login = Table(
    "vouched_login",
    metadata,
    Column("session_hash", LargeBinary(32), ForeignKey("session.hash", ondelete="CASCADE"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    ref_column("connection_id", "connection.id"),
    Column("subject", String(255), nullable=False),
    Column("sid", Text),
    Column("amr", Text, nullable=False),
    Column("acr", Text),
    at_column("authenticated_at"),
    Index(None, "account_id"),
    Index(None, "connection_id"),
)
"""What an identity provider said of a login that it vouched for (O6). ``amr``: a comma list."""
