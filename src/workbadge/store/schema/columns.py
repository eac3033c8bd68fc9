"""What the tables are made of. Instants are integers: microseconds since 1970 UTC, the same on both engines (MT-31).

No server-side defaults, no database clock. Ids are those of ``terms.ids``. Sets of scopes are comma lists; sets
of tasks are integers (``terms.tasks``).
"""

import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
)

from workbadge.terms.instants import from_micros, to_micros

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime in Python, microseconds since 1970 in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To microseconds."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else from_micros(value)


def id_column() -> Column[int]:
    """On SQLite an ``INTEGER PRIMARY KEY`` is the row's own address: one look-up where a BIGINT would take two."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Column("id", kind, primary_key=True, autoincrement=False)


def at_column(name: str, nullable: bool = True) -> Column[datetime]:
    """An instant; None where there was or will be none."""
    return Column(name, Instant, nullable=nullable)


def ref_column(name: str, target: str, nullable: bool = False) -> Column[int]:
    """The id of a row of ``target`` (``table.column``)."""
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable)


def name_key(name: str) -> str:
    """What a search compares: the same for names that differ only in case or in how letters are composed.

    Made here, since engines differ in what they hold for lower case.
    """
    return unicodedata.normalize("NFKC", name).casefold()


def name_pattern(text: str) -> str:
    """For ``name_key LIKE … ESCAPE '/'``: the text anywhere in a name."""
    plain = name_key(text).replace("/", "//").replace("%", "/%").replace("_", "/_")
    return f"%{plain}%"


def _key_of_name(context: Any) -> str:
    return name_key(context.get_current_parameters()["name"])


def name_key_column() -> Column[str]:
    """What a search by name compares. Filled in at insertion. Whoever renames sets it too."""
    return Column("name_key", Text, nullable=False, default=_key_of_name)
