"""A page of a list: so many rows after, or before, a place in an order that no insertion or removal shifts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from .engine import Tx


class Order(StrEnum):
    """By id, or by when the rows were made. The value is the wire's, and part of a cursor."""

    ID = "id"
    CHRONOLOGICAL = "chronological"
    REVERSE = "reverse_chronological"


Place: TypeAlias = tuple[datetime | None, int]
"""Where a row stands: when it was made (None where the order is by id) and its id."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``limit`` rows after ``after``, or the last ``limit`` before ``before``; a place need not exist any more."""

    limit: int
    after: Place | None = None
    before: Place | None = None
    order: Order = Order.ID


@dataclass(frozen=True, slots=True)
class Rows:
    """One page in order; ``more``: some follow after the last (or precede the first, when paging back)."""

    rows: list[Row[Any]]
    more: bool


async def read_window(
    tx: Tx, statement: Select[Any], window: Window, number: ColumnElement[Any], made: ColumnElement[Any]
) -> Rows:
    """The rows of ``statement`` in a window. ``number``: the column by which rows are told apart; ``made``: their instant."""
    back = window.before is not None
    falling = back is not (window.order is Order.REVERSE)
    place = window.before if back else window.after
    if place is not None:
        statement = statement.where(_beyond(place, number, made, falling))
    columns = [number] if window.order is Order.ID else [made, number]
    order = [one.desc() if falling else one.asc() for one in columns]
    found = await tx.rows(statement.order_by(*order).limit(window.limit + 1))
    kept = found[: window.limit]
    return Rows(kept[::-1] if back else kept, len(found) > window.limit)


def _beyond(place: Place, number: ColumnElement[Any], made: ColumnElement[Any], falling: bool) -> ColumnElement[bool]:
    """Rows on the far side of a place, in the direction of reading."""
    at, last = place
    further = number < last if falling else number > last
    if at is None:
        return further
    return or_(made < at if falling else made > at, and_(made == at, further))


async def count_rows(tx: Tx, statement: Select[Any]) -> int:
    """How many rows a statement has."""
    row = await tx.one(select(func.count().label("total")).select_from(statement.subquery()))
    return 0 if row is None else int(row.total)
