"""Rows on one side of a key, in an order that no two rows share: found by the keys and never by counting rows off, so that
pages keep right while rows come and go. ``slices`` (with pages on either side) and ``window`` (of the wire) stand on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, literal, tuple_

from .engine import Tx
from .fence import Fence, fenced_rows


@dataclass(frozen=True, slots=True)
class Run:
    """Rows next to a key, in the list's order. ``more``: others follow in the direction of reading."""

    rows: list[Row[Any]]
    more: bool


async def read_run(
    tx: Tx,
    statement: Select[Any],
    fence: Fence,
    order: Sequence[ColumnElement[Any]],
    keys: Sequence[Any] | None,
    limit: int,
    backwards: bool,
    descending: bool,
) -> Run:
    """The first ``limit`` rows after ``keys``, or (``backwards``) the last ``limit`` before them; None: from the list's end.

    ``order``: columns that together differ from row to row, none of them NULL; ``descending``: the list runs from large to small.
    The row that had the keys need not be there any more. Raises FenceError.
    """
    falling = backwards is not descending
    if keys is not None:
        statement = statement.where(
            beyond(order, [literal(one, key.type) for one, key in zip(keys, order, strict=True)], falling)
        )
    found = await fenced_rows(tx, statement.order_by(*in_order(order, falling)).limit(limit + 1), fence)
    kept = found[:limit]
    return Run(kept[::-1] if backwards else kept, len(found) > limit)


def in_order(order: Sequence[ColumnElement[Any]], falling: bool) -> list[ColumnElement[Any]]:
    """The order of reading."""
    return [key.desc() if falling else key.asc() for key in order]


def beyond(
    order: Sequence[ColumnElement[Any]], keys: Sequence[ColumnElement[Any]], falling: bool
) -> ColumnElement[bool]:
    """Rows on the far side of the keys, in the direction of reading."""
    here, there = (order[0], keys[0]) if len(order) == 1 else (tuple_(*order), tuple_(*keys))
    return here < there if falling else here > there
