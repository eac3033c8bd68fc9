"""Cursors: sealed for one caller and one edge, so that they carry no ids in clear and serve nobody else (MT-04)."""

from typing import Any
from urllib.parse import quote, urlencode

from workbadge.keys import Sealer
from workbadge.web import cursors
from workbadge.web.cursors import make_cursor
from workbadge.web.wire import WireError

__all__ = ["make_cursor", "page_links", "read_cursor", "read_limit"]

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 100
BAD_CURSOR = "(#100) The paging cursor is not valid for this caller and this edge."
_DROPPED = frozenset({"after", "before", "access_token", "ids", "method", "_method"})
"""Parameters that a link to another page does not repeat: they say something else there."""


def read_limit(text: str | None) -> int:
    """The page's size: 25 by default, at most 100 (larger is clamped). Raises WireError 100."""
    if text is None or text == "":
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise WireError(100, "(#100) The parameter limit must be a whole number.")
    return max(1, min(int(text), LARGEST_LIMIT))


def read_cursor(sealer: Sealer, cursor: str, bound_to: str) -> str:
    """The place that a cursor names. Raises WireError 100 for one of another caller or edge, or a changed one."""
    try:
        return cursors.read_cursor(sealer, cursor, bound_to)
    except ValueError as error:
        raise WireError(100, BAD_CURSOR) from error


def page_links(
    base_url: str,
    version: str,
    path: str,
    values: dict[str, str],
    token: str | None,
    first: str,
    last: str,
    more: tuple[bool, bool],
) -> dict[str, Any]:
    """``paging``: cursors, and ``next``/``previous`` only where there is more; absolute, with the token (§3.9)."""
    paging: dict[str, Any] = {"cursors": {"before": first, "after": last}}
    kept = {key: value for key, value in values.items() if key not in _DROPPED}
    if token is not None:
        kept["access_token"] = token
    address = f"{base_url}/v{version}{path}"
    if more[1]:
        paging["next"] = f"{address}?{urlencode(kept | {'after': last}, quote_via=quote)}"
    if more[0]:
        paging["previous"] = f"{address}?{urlencode(kept | {'before': first}, quote_via=quote)}"
    return paging
