"""The tables of the standards side: signing keys, clients, refresh tokens, pushed requests."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from .columns import at_column, metadata, ref_column

client_terms = Table(
    "client_terms",
    metadata,
    Column("app_id", BigInteger, ForeignKey("app.id"), primary_key=True, autoincrement=False),
    Column("auth_alg", String(16)),
    Column("jwks", Text),
    Column("jwks_uri", Text),
    Column("grant_types", Text, nullable=False),
    Column("post_logout_redirect_uris", Text, nullable=False),
    Column("backchannel_logout_uri", Text),
    Column("logout_with_session", Integer, nullable=False),
    Column("frontends", Text, nullable=False),
    Column("resources", Text, nullable=False),
    Column("dpop_bound", Integer, nullable=False),
    Column("dpop_nonce", Integer, nullable=False),
    Column("require_pushed", Integer, nullable=False),
    Column("about", Text, nullable=False),
    Column("second_secret", LargeBinary),
    at_column("second_secret_ends"),
    Column("registration_hash", LargeBinary(32)),
    at_column("registered_at", False),
)
"""What an app agreed on beyond the common way; an app without a row has the default of everything.

``grant_types``: comma list. ``post_logout_redirect_uris``, ``frontends`` (origins of its pages), ``resources``: JSON lists. ``about``: JSON
object of what is only shown. ``second_secret``: the one before a rotation, sealed, good until ``second_secret_ends`` (OA-31).
"""

used_proof = Table(
    "used_proof",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    at_column("expires_at", False),
    Index(None, "expires_at"),
)
"""Assertions and proofs that were seen, until they are too old to be accepted anyway (RFC 7523 §3, RFC 9449 §11.1)."""

pushed_request = Table(
    "pushed_request",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    ref_column("app_id", "app.id"),
    Column("parameters", LargeBinary, nullable=False),
    at_column("expires_at", False),
    at_column("used_at"),
    Index(None, "expires_at"),
)
"""Authorization requests that were sent ahead (RFC 9126); ``parameters``: sealed."""

session_app = Table(
    "session_app",
    metadata,
    Column("session_hash", LargeBinary(32), ForeignKey("session.hash", ondelete="CASCADE"), primary_key=True),
    Column("app_id", BigInteger, ForeignKey("app.id"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("sid", String(43), nullable=False),
    Index(None, "sid"),
)
"""Which apps were logged in to from a browser's session, and the session's name towards each (``sid``)."""
