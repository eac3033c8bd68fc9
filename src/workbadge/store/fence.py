"""The second fence around a tenant's lists: every row says whose it is, and that is compared with whom the caller's decision was
about, before anything of the list is shown (MT-30, decision record 22).

A list whose statement forgets, or loses, its predicate is refused as a whole; it is never cut down to what fits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, Row, Select, func, select

from .engine import StoreError, Tx

_KEY = "fence_key"


class FenceError(StoreError):
    """A statement answered with rows of somebody whom the caller's decision was not about: nothing of them is shown."""


@dataclass(frozen=True, slots=True)
class Fence:
    """``key``: what of a row says whose it is. ``of``: whose rows may come, of whom the decision was."""

    key: ColumnElement[Any]
    of: frozenset[Any]

    @classmethod
    def around(cls, key: ColumnElement[Any], owner: Any) -> Self:
        """Rows of one alone."""
        return cls(key, frozenset((owner,)))

    @classmethod
    def among(cls, key: ColumnElement[Any], owners: Iterable[Any]) -> Self:
        """Rows of several."""
        return cls(key, frozenset(owners))

    def mark(self, statement: Select[Any]) -> Select[Any]:
        """The statement, whose rows also say whose they are."""
        return statement.add_columns(self.key.label(_KEY))

    def check(self, rows: Sequence[Row[Any]]) -> None:
        """Every row is of whom it may be. Raises FenceError."""
        for row in rows:
            if getattr(row, _KEY) not in self.of:
                raise FenceError(f"a list by {self.key} answered with rows of somebody else; nothing of it is shown")


async def fenced_rows(tx: Tx, statement: Select[Any], fence: Fence) -> list[Row[Any]]:
    """All rows of a statement. Raises FenceError."""
    rows = await tx.rows(fence.mark(statement))
    fence.check(rows)
    return rows


async def count_rows(tx: Tx, statement: Select[Any], fence: Fence) -> int:
    """How many rows a statement has. Raises FenceError, for then the number is somebody else's too."""
    marked = fence.mark(statement).subquery("counted")
    key = marked.c[_KEY].label(_KEY)
    rows = await tx.rows(select(key, func.count().label("total")).group_by(marked.c[_KEY]))
    fence.check(rows)
    return sum(int(row.total) for row in rows)
