"""One page of a list for people: with where its neighbours lie, and never empty while the list is not (``keyset``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select

from .engine import Tx
from .fence import Fence
from .keyset import read_run


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page lies: after the row with these keys, or before it. ``keys`` None: the first page, or (``before``) the last."""

    keys: tuple[Any, ...] | None = None
    before: bool = False


FIRST = Place()


@dataclass(frozen=True, slots=True)
class Slice:
    """A page. ``previous``, ``next``: where its neighbours lie; None where there is none."""

    rows: list[Row[Any]]
    previous: Place | None
    next: Place | None


async def read_slice(
    tx: Tx,
    statement: Select[Any],
    fence: Fence,
    order: Sequence[ColumnElement[Any]],
    place: Place,
    limit: int,
    descending: bool = False,
) -> Slice:
    """``limit`` rows of a statement at a place. ``order``: columns that no two rows share, none of them NULL.
    Raises FenceError.

    The row that a place names need not be there any more. A page that would be empty is the last one instead, and a page
    that would begin the list with fewer rows than fit is the first one.
    """
    marked = statement.add_columns(*(key.label(f"key_{n}") for n, key in enumerate(order)))
    found = await read_run(tx, marked, fence, order, place.keys, limit, place.before, descending)
    more, rows = found.more, found.rows
    if place.before:
        if not more and place.keys is not None and len(rows) < limit:
            return await read_slice(tx, statement, fence, order, FIRST, limit, descending)
        following = None if place.keys is None else _place(rows[-1], order, False)
        return Slice(rows, _place(rows[0], order, True) if more else None, following)
    if not rows and place.keys is not None:
        return await read_slice(tx, statement, fence, order, Place(before=True), limit, descending)
    earlier = None if place.keys is None else _place(rows[0], order, True)
    return Slice(rows, earlier, _place(rows[-1], order, False) if more else None)


def _place(row: Row[Any], order: Sequence[ColumnElement[Any]], before: bool) -> Place:
    return Place(tuple(getattr(row, f"key_{n}") for n in range(len(order))), before)
