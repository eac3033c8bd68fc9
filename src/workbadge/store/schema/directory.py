"""What an organization's directory said by SCIM: credentials, resources and requests.

A value that must be unique, or is looked for, stands as the SHA-256 of its compared form: any length, one index.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import at_column, id_column, metadata, ref_column

scim_token = Table(
    "scim_token",
    metadata,
    id_column(),
    Column("hash", LargeBinary(32), nullable=False),
    ref_column("organization_id", "organization.id"),
    Column("name", Text, nullable=False),
    at_column("created_at", False),
    at_column("expires_at", False),
    at_column("ended_at"),
    at_column("last_used_at"),
    UniqueConstraint("hash"),
    Index(None, "organization_id"),
)

directory_user = Table(
    "directory_user",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    ref_column("organization_id", "organization.id"),
    Column("user_name_hash", LargeBinary(32), nullable=False),
    Column("external_hash", LargeBinary(32)),
    Column("email_hash", LargeBinary(32)),
    Column("document", Text, nullable=False),
    Column("version", Integer, nullable=False),
    at_column("modified_at", False),
    UniqueConstraint("organization_id", "user_name_hash"),
    UniqueConstraint("organization_id", "external_hash"),
    Index(None, "organization_id", "email_hash"),
)

directory_group = Table(
    "directory_group",
    metadata,
    id_column(),
    ref_column("organization_id", "organization.id"),
    Column("name_hash", LargeBinary(32), nullable=False),
    Column("external_hash", LargeBinary(32)),
    Column("document", Text, nullable=False),
    Column("version", Integer, nullable=False),
    at_column("created_at", False),
    at_column("modified_at", False),
    UniqueConstraint("organization_id", "name_hash"),
    UniqueConstraint("organization_id", "external_hash"),
)

directory_member = Table(
    "directory_member",
    metadata,
    Column("group_id", BigInteger, ForeignKey("directory_group.id"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

scim_request = Table(
    "scim_request",
    metadata,
    id_column(),
    ref_column("organization_id", "organization.id"),
    at_column("at", False),
    Column("micros", BigInteger, nullable=False),
    ref_column("token_id", "scim_token.id"),
    Column("prefix", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("path_key", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("sent", Text),
    Column("sent_bytes", Integer, nullable=False),
    Column("answered", Text),
    Column("answered_bytes", Integer, nullable=False),
    Index(None, "organization_id", "at", "id"),
    Index(None, "at"),
)
"""``sent``, ``answered``: without secrets; None where there was no body, or one longer than is kept."""
