"""The edges and nodes that are written: by kind of node, the method and the edge (empty: the node itself). ``wire.md`` §3.6."""

from workbadge.terms.kinds import NodeKind

from .feed import write_post
from .sharing import assign_user, unassign_user
from .writes import Write, writing

Writes = dict[tuple[str, str], Write]

SHARED: Writes = {
    ("POST", "assigned_users"): writing(assign_user),
    ("DELETE", "assigned_users"): writing(unassign_user),
}
"""Of every asset that people and partners can be given."""
NODE_WRITES: dict[NodeKind, Writes] = {
    NodeKind.PAGE: {("POST", "feed"): write_post, **SHARED},
    NodeKind.AD_ACCOUNT: SHARED,
    NodeKind.PRODUCT_CATALOG: SHARED,
    NodeKind.PIXEL: SHARED,
}
