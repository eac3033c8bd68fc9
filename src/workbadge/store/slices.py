"""One page of a list, found by the keys of its order and never by counting rows off: it keeps right while rows come and go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, literal, tuple_

from .engine import Tx


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
    order: Sequence[ColumnElement[Any]],
    place: Place,
    limit: int,
    descending: bool = False,
) -> Slice:
    """``limit`` rows of a statement at a place. ``order``: columns that no two rows share, none of them NULL.

    The row that a place names need not be there any more. A page that would be empty is the last one instead, and a page
    that would begin the list with fewer rows than fit is the first one.
    """
    marked = statement.add_columns(*(key.label(f"key_{n}") for n, key in enumerate(order)))
    if place.keys is not None:
        marked = marked.where(_beyond(order, place.keys, place.before is not descending))
    backwards = [key.asc() if place.before is descending else key.desc() for key in order]
    found = await tx.rows(marked.order_by(*backwards).limit(limit + 1))
    more, rows = len(found) > limit, found[:limit]
    if place.before:
        if not more and place.keys is not None and len(rows) < limit:
            return await read_slice(tx, statement, order, FIRST, limit, descending)
        rows.reverse()
        following = None if place.keys is None else _place(rows[-1], order, False)
        return Slice(rows, _place(rows[0], order, True) if more else None, following)
    if not rows and place.keys is not None:
        return await read_slice(tx, statement, order, Place(before=True), limit, descending)
    earlier = None if place.keys is None else _place(rows[0], order, True)
    return Slice(rows, earlier, _place(rows[-1], order, False) if more else None)


def _place(row: Row[Any], order: Sequence[ColumnElement[Any]], before: bool) -> Place:
    return Place(tuple(getattr(row, f"key_{n}") for n in range(len(order))), before)


def _beyond(order: Sequence[ColumnElement[Any]], keys: tuple[Any, ...], less: bool) -> ColumnElement[bool]:
    """Rows whose keys are less (or greater) than these."""
    there = tuple_(*(literal(value, key.type) for key, value in zip(order, keys, strict=True)))
    here = tuple_(*order)
    return here < there if less else here > there
