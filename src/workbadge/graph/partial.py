"""Partial validity made visible: a token that has lost some of what it was granted says so in every answer (L6)."""

from typing import Any

from workbadge.commands.partial import Lost
from workbadge.terms.instants import to_wire
from workbadge.web.wire import WireParams

ACCESS = b"x-workbadge-access"
MOST = 20
"""Businesses that are named; of more only the number is told."""


def tell(params: WireParams, lost: list[Lost], reconnect: str) -> None:
    """Put what is lost into the answer: a header for any, ``error_data`` for an error.

    The header is a structured field (RFC 9651): a list of business ids as strings, each with ``reason`` (token), ``since``
    and ``reconnect`` (strings); beyond ``MOST`` a last member, the token ``more`` with ``count``.
    """
    named, more = lost[:MOST], len(lost) - MOST
    members = [
        f'"{one.business_id}";reason={one.reason.value};since="{to_wire(one.since)}";reconnect="{reconnect}"'
        for one in named
    ]
    if more > 0:
        members.append(f"more;count={more}")
    params.told[ACCESS] = ", ".join(members).encode("latin-1", "replace")
    params.lost = [
        {
            "business_id": str(one.business_id),
            "reason": one.reason.value,
            "since": to_wire(one.since),
            "reconnect": reconnect,
        }
        for one in named
    ]


def with_lost(data: Any, params: WireParams) -> dict[str, Any]:
    """An error's data with what the token has lost."""
    return {**(data or {}), "lost": params.lost}
