"""The tables of ``SqlStorage``, for SQLite, PostgreSQL and what else SQLAlchemy speaks to. Needs ``regrant[sql]``.

``metadata`` may be given to Alembic as a target, or ``storage.create()`` makes what is missing. Instants are whole
microseconds since 1970, the same on every engine.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept in microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Words(TypeDecorator[tuple[str, ...]]):
    """Names without spaces, in order."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> Any:
        return " ".join(value or ())

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...]:
        return tuple(value.split())


metadata = MetaData()

data_key = Table(
    "regrant_data_key",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("id", String(60), primary_key=True),
    Column("master", String(500), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("made_at", Instant, nullable=False),
)
login = Table(
    "regrant_login",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("id", String(60), primary_key=True),
    Column("ends", Instant, nullable=False, index=True),
)
connection = Table(
    "regrant_connection",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("id", String(60), primary_key=True),
    Column("app", String(60), nullable=False),
    Column("made_at", Instant, nullable=False),
)
token = Table(
    "regrant_token",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("id", String(60), primary_key=True),
    Column("connection", String(60), nullable=False),
    Column("app", String(60), nullable=False),
    Column("holder", String(60), nullable=False),
    Column("managed", Boolean, nullable=False),
    Column("scopes", Words, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("made_at", Instant, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("check_at", Instant, nullable=False),
    ForeignKeyConstraint(["tenant", "connection"], ["regrant_connection.tenant", "regrant_connection.id"]),
    Index("regrant_token_holder", "app", "holder"),
    Index("regrant_token_due", "app", "check_at"),
)
asset = Table(
    "regrant_asset",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("connection", String(60), primary_key=True),
    Column("asset", String(60), primary_key=True),
    Column("app", String(60), nullable=False),
    Column("kind", String(60), nullable=False),
    Column("name", Text, nullable=False),
    Column("token", String(60), nullable=False),
    Column("sealed", Text),
    Column("state", String(20), nullable=False),
    Column("reason", String(60)),
    Column("until", Instant),
    Column("changed_at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(["tenant", "connection"], ["regrant_connection.tenant", "regrant_connection.id"]),
    ForeignKeyConstraint(["tenant", "token"], ["regrant_token.tenant", "regrant_token.id"]),
    Index("regrant_asset_app", "app", "asset"),
    Index("regrant_asset_token", "tenant", "token"),
)
event = Table(
    "regrant_event",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("connection", String(60), primary_key=True),
    Column("asset", String(60), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", String(60)),
    Column("until", Instant),
    Column("token", String(60), nullable=False),
)
seen = Table(
    "regrant_seen",
    metadata,
    Column("app", String(60), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("at", Instant, nullable=False, index=True),
)
