"""A second tenant made of the first: every row of every table again, under other ids, with marked names.

What is missing in it is missing in the first: a table that the story leaves empty fails a test.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, insert, select

from workbadge.store.engine import Tx
from workbadge.store.schema import audit, metadata, name_key
from workbadge.terms.ids import RANDOM_SPAN, kind_of

NOBODYS = {
    "setting": "of the platform",
    "audit_head": "the end of the one chain over all entries: a number and a hash",
    "throttle": "counters of the platform, by hashed key",
    "signing_key": "of the platform",
    "used_proof": "hashes of what was used once, with nothing behind them",
    "first_answer": "found by the hash of app, person and key alone",
    "due": "work of the platform's background worker, which no request lists",
    "domain": "asked for by its name alone, which is exclusive among organizations (O1)",
    "domain_dispute": "of two organizations, asked for by the name that both proved (AC-07)",
}
"""Tables that are no tenant's. The list may only shrink: ``test_tables.py`` holds its length."""
OF_APPS = frozenset(
    {
        *("app", "app_role", "app_permission", "app_enforcement", "webhook_subscription", "login_configuration"),
        *("oauth_client", "client_terms", "app_owner", "pushed_request"),
    }
)
"""Tables of the makers of an app. Several businesses use one app: a twin business keeps them."""
_NAMES = frozenset({"name", "message", "subject", "external_business_id"})
_ID = re.compile(r"\d{18}")
_ADDRESS = re.compile(r"\b([\w.]+@[\w.]+)")


def tenant_tables() -> list[Table]:
    """Every table whose rows are somebody's, in an order in which they can be filled."""
    return [table for table in metadata.sorted_tables if table.name not in NOBODYS]


@dataclass
class Twin:
    """``word``: in every name of it. ``ids``: of the first tenant to those of the twin."""

    word: str
    ids: dict[int, int] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)
    rows: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)

    @property
    def own(self) -> set[int]:
        """Every id of the twin."""
        return set(self.ids.values())

    def has(self, table: Table, row: dict[str, Any]) -> bool:
        """Whether a row is one of the twin's own."""
        return tuple(row[column.name] for column in table.primary_key) in self.rows.get(table.name, ())

    def value(self, column: str, value: Any) -> Any:
        """One value of a row, as it stands in the twin's."""
        if isinstance(value, bytes) and len(value) == 32:
            return bytes(byte ^ len(self.word) for byte in value)
        if isinstance(value, int):
            return self.ids.get(value, value)
        if not isinstance(value, str):
            return value
        value = _ID.sub(lambda found: str(self.ids.get(int(found[0]), found[0])), value)
        if column in _NAMES:
            return f"{self.word} {value}"
        return _ADDRESS.sub(rf"{self.word}-\1", value) if "://" not in value else value


async def add_twin(tx: Tx, word: str, apps: bool, other: Twin | None = None) -> Twin:
    """Copy everything but what is ``other``'s. ``apps``: the apps and what their makers keep, too."""
    twin, shift = Twin(word), 7919 + len(word)
    rows: dict[Table, list[dict[str, Any]]] = {}
    for table in tenant_tables():
        if apps or table.name not in OF_APPS:
            rows[table] = [row._asdict() for row in await tx.rows(select(table))]
            if other is not None:
                rows[table] = [row for row in rows[table] if not other.has(table, row)]
    for table, found in rows.items():
        for row in found if "id" in table.c else ():
            kind, own = divmod(row["id"], RANDOM_SPAN)
            assert kind_of(row["id"]) is not None
            twin.ids[row["id"]] = kind * RANDOM_SPAN + (own + shift) % RANDOM_SPAN
    for table, found in rows.items():
        made = [{column: twin.value(column, value) for column, value in row.items()} for row in found]
        for row in made:
            if "name_key" in row:
                row["name_key"] = name_key(row["name"])
            if table is audit:
                row |= {"number": None, "hash": None}  # a copy stands outside the chain
        if made:
            await tx.run(insert(table), made)
            twin.filled.add(table.name)
        twin.rows[table.name] = {tuple(row[column.name] for column in table.primary_key) for row in made}
    return twin
