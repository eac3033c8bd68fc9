"""Ids: numeric strings on the wire (``wire.md`` §3.4), integers below 2**63 inside.

The first two of the eighteen digits name the kind, so that a path of the graph is routed without a
look-up. Sixteen random digits follow; the shell supplies them (``house.md`` §3).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NewType, TypeAlias

from .kinds import NodeKind

NodeId = NewType("NodeId", int)
"""An id whose form was checked; whether it exists and who may see it is another question."""

NewId: TypeAlias = Callable[[NodeKind], NodeId]
"""The port through which the pure rooms and commands get fresh ids."""

RANDOM_SPAN = 10**16

_PREFIX: dict[NodeKind, int] = {
    NodeKind.ACCOUNT: 10,
    NodeKind.BUSINESS: 12,
    NodeKind.ORGANIZATION: 14,
    NodeKind.APP: 16,
    NodeKind.PAGE: 20,
    NodeKind.AD_ACCOUNT: 22,
    NodeKind.PRODUCT_CATALOG: 24,
    NodeKind.PIXEL: 26,
    NodeKind.INSTAGRAM_ACCOUNT: 28,
    NodeKind.WHATSAPP_ACCOUNT: 30,
    NodeKind.POST: 40,
    NodeKind.MEMBERSHIP: 42,
    NodeKind.RECORD: 44,
    NodeKind.ASSET_GROUP: 46,
    NodeKind.SCOPED_ACCOUNT: 50,
}
_KIND = {prefix: kind for kind, prefix in _PREFIX.items()}
_DIGITS = 18


def make_id(kind: NodeKind, random: int) -> NodeId:
    """The id of ``kind`` with ``random`` (``0 <= random < RANDOM_SPAN``) as its own part."""
    if not 0 <= random < RANDOM_SPAN:
        raise ValueError(f"random part must lie in [0, {RANDOM_SPAN}), got {random}")
    return NodeId(_PREFIX[kind] * RANDOM_SPAN + random)


@lru_cache(maxsize=65_536)
def parse_id(text: str) -> NodeId | None:
    """The id that ``text`` writes, or None when it has not exactly the form of one.

    Only the canonical form counts: eighteen ASCII digits, a known kind. A leading zero, other digits,
    a sign or blanks make another string, hence no id (MT-01: ids in other spellings name nothing).
    """
    if len(text) != _DIGITS or not text.isascii() or not text.isdecimal():
        return None
    return NodeId(int(text)) if int(text[:2]) in _KIND else None


def kind_of(node_id: int) -> NodeKind | None:
    """The kind that the id's first digits name, or None."""
    return _KIND.get(node_id // RANDOM_SPAN)
