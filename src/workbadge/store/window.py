"""A page of a list on the wire: so many rows after, or before, a place in an order that no insertion or removal shifts.

Beyond the last row there is an empty page, and no other (``keyset``): clients stop there.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select

from .engine import Tx
from .fence import Fence
from .keyset import Run, read_run


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


Rows: TypeAlias = Run
"""One page in order; ``more``: some follow after the last (or precede the first, when paging back)."""


async def read_window(
    tx: Tx, statement: Select[Any], fence: Fence, window: Window, number: ColumnElement[Any], made: ColumnElement[Any]
) -> Rows:
    """The rows of ``statement`` in a window. ``number``: the column by which rows are told apart; ``made``: their instant.

    Raises FenceError.
    """
    timed = window.order is not Order.ID
    place = window.before or window.after
    keys = place if place is None or timed else place[1:]
    descending = window.order is Order.REVERSE
    order = [made, number] if timed else [number]
    return await read_run(tx, statement, fence, order, keys, window.limit, window.before is not None, descending)
