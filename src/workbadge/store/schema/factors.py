"""Second factors of accounts: authenticator apps, passkeys, recovery codes (O6)."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text, UniqueConstraint

from .columns import at_column, id_column, metadata, ref_column

factor = Table(
    "factor",
    metadata,
    id_column(),
    ref_column("account_id", "account.id"),
    Column("kind", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("secret", LargeBinary),
    Column("last_step", BigInteger),
    Column("credential_id", LargeBinary),
    Column("public_key", LargeBinary),
    Column("sign_count", BigInteger),
    at_column("created_at", False),
    at_column("last_used_at"),
    UniqueConstraint("credential_id"),
    Index(None, "account_id"),
)
"""``secret``, ``last_step``: of an authenticator app, sealed, and the last time step it was used for. ``credential_id``,
``public_key``, ``sign_count``: of a passkey."""

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    at_column("used_at"),
    Index(None, "account_id"),
)

sign_in_policy = Table(
    "sign_in_policy",
    metadata,
    Column("organization_id", BigInteger, ForeignKey("organization.id"), primary_key=True, autoincrement=False),
    at_column("second_factor_since"),
    Column("grace_seconds", BigInteger, nullable=False),
    Column("session_seconds", BigInteger),
    Column("idle_seconds", BigInteger),
)
"""What an organization demands of its managed accounts' sign-ins. ``second_factor_since`` None: no second factor."""

factor_deadline = Table(
    "factor_deadline",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    at_column("ends", False),
)
"""Until when an account may sign in without the second factor that is demanded; written once, never moved."""
