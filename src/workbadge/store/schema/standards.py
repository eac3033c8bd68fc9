"""The tables of the OAuth 2.0 and OpenID side: signing keys, clients, refresh tokens, pushed requests.

Grants, selections, codes and access tokens are those of ``core``: both dialects stand on the same rows.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import at_column, metadata, ref_column

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("alg", String(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("public", Text, nullable=False),
    Column("private", LargeBinary, nullable=False),
    at_column("published_at", False),
    at_column("signs_from", False),
    at_column("withdrawn_at"),
    UniqueConstraint("alg", "number"),
)
"""``number`` counts the keys of an algorithm: two nodes that rotate at once make one key between them."""

oauth_client = Table(
    "oauth_client",
    metadata,
    Column("app_id", BigInteger, ForeignKey("app.id"), primary_key=True, autoincrement=False),
    Column("auth_method", String(32)),
    Column("application_type", String(8), nullable=False),
    Column("id_token_alg", String(16), nullable=False),
)
"""What an app registered for this side; an app without a row is a confidential web client. ``auth_method`` None:
``client_secret_basic`` or ``client_secret_post``."""

refresh_family = Table(
    "refresh_family",
    metadata,
    Column("code_hash", LargeBinary(32), ForeignKey("code.hash"), primary_key=True),
    ref_column("app_id", "app.id"),
    ref_column("grant_id", "app_grant.id"),
    ref_column("account_id", "account.id"),
    Column("scopes", Text, nullable=False),
    Column("details", Integer, nullable=False),
    at_column("signed_in_at", False),
    at_column("authorized_at", False),
    at_column("ends", False),
    at_column("revoked_at"),
    Column("revoked_because", String(32)),
    Column("jkt", String(43)),
    Column("resource", Text),
    Column("sid", String(43)),
    Column("method", String(16)),
    Index(None, "grant_id"),
    Index(None, "ends"),
)
"""All refresh tokens that descend from one code. ``ends``: the absolute limit."""

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("code_hash", LargeBinary(32), ForeignKey("refresh_family.code_hash"), nullable=False),
    at_column("issued_at", False),
    at_column("expires_at", False),
    at_column("used_at"),
    Index(None, "code_hash"),
)

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
