"""Pages of the console's lists: the place in the address, the links to its neighbours, what was searched for."""

import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.requests import Request

from workbadge.commands.services import Services
from workbadge.store.slices import FIRST, Place, Slice
from workbadge.web.cursors import make_cursor, read_cursor


class Paged(Protocol):
    """What a list's page needs of its frame; ``owner_id``: whose list it is."""

    @property
    def request(self) -> Request: ...
    @property
    def services(self) -> Services: ...
    @property
    def path(self) -> str: ...
    @property
    def owner_id(self) -> int: ...


SIZE = 50
"""Rows of a page."""


def search_text(frame: Paged) -> str:
    """What was typed into the search field (``?q=``), 100 characters at most."""
    return frame.request.query_params.get("q", "").strip()[:100]


def place_asked(frame: Paged, name: str) -> Place:
    """Where the page that was asked for lies (``?after=``, ``?before=``); ``name``: of the list.

    A cursor that does not open, say of another business's list or from before a change of keys, means the first page.
    """
    params = frame.request.query_params
    for word in ("after", "before"):
        if word in params:
            try:
                keys = json.loads(read_cursor(frame.services.sealer, params[word][:4000], _bound(frame, name)))
            except ValueError:
                return FIRST
            return Place(tuple(keys), word == "before")
    return FIRST


def kept_place(values: Mapping[str, Any]) -> dict[str, str]:
    """Search and place of a list, from the address of its page or from a form on it: for coming back to the same page."""
    found = {word: str(values.get(word) or "")[:4000] for word in ("show", "q", "after", "before")}
    return {word: text for word, text in found.items() if text}


def page_links(frame: Paged, name: str, path: str, found: Slice, **kept: str) -> dict[str, str | None]:
    """``first``, ``previous``, ``next`` for ``ui.pager``; ``path``: of the list below the frame's; ``kept``: its query."""
    query = {key: value for key, value in kept.items() if value}
    start = f"{frame.path}{path}" + (f"?{urlencode(query)}" if query else "")

    def link(place: Place | None) -> str | None:
        if place is None:
            return None
        cursor = make_cursor(frame.services.sealer, json.dumps(place.keys), _bound(frame, name))
        return f"{frame.path}{path}?{urlencode({**query, 'before' if place.before else 'after': cursor})}"

    return {
        "first": start if found.previous is not None else None,
        "previous": link(found.previous),
        "next": link(found.next),
    }


def _bound(frame: Paged, name: str) -> str:
    return f"console {name} {frame.owner_id}"
