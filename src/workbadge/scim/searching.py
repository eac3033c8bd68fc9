"""Searching, sorting and paging over what the store keeps in one order (RFC 7644 §3.4.2, RFC 9865).

Three ways, by what is asked: without filter and sorting the store pages; a filter that names somebody by a unique or
indexed value is a look-up; anything else walks all rows in slices and keeps of each match no more than its place.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from scim2_models import InvalidCursorException, Resource, ScimFilter, SearchRequest
from scim2_models.path import CompareOperator, Comparison, LogicalExpr, LogicalOperator
from scim2_models.path.expressions import FilterNode
from scim2_server.storage import SearchPage

from workbadge.store.directory_users import Place
from workbadge.terms.instants import from_micros, to_micros

SLICE = 200
"""Rows between two turns of the event loop."""

Found = Resource[Any]
LookUp = Callable[[str], Awaitable[list[int]]]


class Shelf(Protocol):
    """Resources of one kind, in one order."""

    look_ups: Mapping[str, LookUp]
    """By the name of an attribute, lower case: ids of those that have a value."""

    async def count(self) -> int:
        """How many there are."""
        ...

    async def slice(self, start: int, limit: int, request: SearchRequest[Any]) -> list[Found]:
        """``limit`` of them from number ``start`` on, with what the answer needs."""
        ...

    async def beside(
        self, place: Place | None, limit: int, back: bool, request: SearchRequest[Any]
    ) -> list[tuple[Place, Found]]:
        """``limit`` of them after a place, or just before it."""
        ...

    async def take(self, ids: list[int], request: SearchRequest[Any]) -> list[tuple[Place, Found]]:
        """Those with these ids, in any order."""
        ...


SortKey = tuple[bool, Any, int, int]
"""Whether there is no value to sort by, that value, and the place in the order."""


@dataclass(frozen=True, slots=True)
class _Match:
    key: SortKey
    id: int


async def search(shelf: Shelf, request: SearchRequest[Any], position: Any) -> SearchPage:
    """One page of a shelf. Raises InvalidCursorException for a position that is none of ours."""
    if request.filter is None and request.sort_by is None:
        return await _by_store(shelf, request, position)
    matches = [one async for one in _matches(shelf, request)]
    descending = request.sort_by is not None and request.sort_order == SearchRequest.SortOrder.descending
    matches.sort(key=lambda one: one.key, reverse=descending)
    start, stop = _bounds(matches, request, position, descending)
    wanted = matches[start:stop]
    taken = {place.id: found for place, found in await shelf.take([one.id for one in wanted], request)}
    page = SearchPage(len(matches), [taken[one.id] for one in wanted if one.id in taken])
    if request.cursor is not None and wanted:
        page.next = _position("next", wanted[-1].key) if stop < len(matches) else None
        page.previous = _position("previous", wanted[0].key) if start > 0 else None
    return page


async def _by_store(shelf: Shelf, request: SearchRequest[Any], position: Any) -> SearchPage:
    total = await shelf.count()
    limit = request.count or 0
    if request.cursor is None:
        start = request.start_index_0 or 0
        found = await shelf.slice(start, limit, request) if limit and start < total else []
        return SearchPage(total, found)
    if not limit:
        return SearchPage(total, [])
    direction, place = (None, None) if position is None else _read_place(position)
    back = direction == "previous"
    rows = await shelf.beside(place, limit + 1, back, request)
    more, rows = len(rows) > limit, rows[-limit:] if back else rows[:limit]
    page = SearchPage(total, [found for _, found in rows])
    if rows:
        keys = [(False, "", to_micros(one.created_at), one.id) for one, _ in (rows[0], rows[-1])]
        page.previous = _position("previous", keys[0]) if (more if back else place is not None) else None
        page.next = _position("next", keys[1]) if (back or more) else None
    return page


async def _matches(shelf: Shelf, request: SearchRequest[Any]) -> AsyncIterator[_Match]:
    """Whatever the filter matches, by look-up where it names somebody."""
    asked = find_look_up(shelf.look_ups, request.filter)
    if asked is not None:
        look_up, value = asked
        for place, found in await shelf.take(await look_up(value), request):
            if request.filter is None or request.filter.match(found):
                yield _match(request, place, found)
        return
    last: Place | None = None
    while rows := await shelf.beside(last, SLICE, False, request):
        for place, found in rows:
            if request.filter is None or request.filter.match(found):
                yield _match(request, place, found)
        last = rows[-1][0]
        await asyncio.sleep(0)


def _match(request: SearchRequest[Any], place: Place, found: Found) -> _Match:
    value = request.sort_value(found) if request.sort_by is not None else None
    if isinstance(value, datetime):
        value = to_micros(value)
    key = (value is None, "" if value is None else value, to_micros(place.created_at), place.id)
    return _Match(key, place.id)


def find_look_up(look_ups: Mapping[str, LookUp], asked: ScimFilter[Any] | None) -> tuple[LookUp, str] | None:
    """The look-up that finds everybody whom a filter can match, with its value: of a comparison, or of one that all others are
    joined to by ``and``."""
    if asked is None:
        return None
    node: FilterNode = asked.ast
    joined = isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_
    for term in node.terms if joined and isinstance(node, LogicalExpr) else (node,):
        name, value = _named(term)
        look_up = look_ups.get(name)
        if look_up is not None and isinstance(value, str):
            return look_up, value
    return None


def _named(term: FilterNode) -> tuple[str, Any]:
    if isinstance(term, Comparison) and term.op == CompareOperator.eq:
        path = term.attr_path
        return str(path).removeprefix(f"{path.uri}:" if path.uri else "").lower(), term.value
    return "", None


def _bounds(matches: list[_Match], request: SearchRequest[Any], position: Any, descending: bool) -> tuple[int, int]:
    count = request.count or 0
    if request.cursor is None:
        start = request.start_index_0 or 0
        return start, start + count
    if position is None:
        return 0, count
    direction, key = _read_position(position)
    before = sum(1 for one in matches if (one.key > key if descending else one.key < key))
    if direction == "previous":
        return max(before - count, 0), before
    start = before + sum(1 for one in matches if one.key == key)
    return start, start + count


def _position(direction: str, key: SortKey) -> list[Any]:
    return [direction, *key]


def _read_position(position: Any) -> tuple[str, SortKey]:
    if not isinstance(position, list) or len(position) != 5 or position[0] not in ("next", "previous"):
        raise InvalidCursorException
    return position[0], (position[1], position[2], position[3], position[4])


def _read_place(position: Any) -> tuple[str, Place]:
    direction, (_, _, created, own) = _read_position(position)
    return direction, Place(from_micros(created), own)
