"""The edges and nodes that are written: by kind of node, the method and the edge (empty: the node itself). ``wire.md`` §3.6."""

from workbadge.terms.kinds import Act, NodeKind

from .businesses import add_app, add_business, change_business
from .feed import write_post
from .groups import CONTAINED, add_group, change_group, find_open_group, put, remove_group, take_out
from .holding import ask_for, leave, take
from .identity import find_person_seat, find_robot
from .members import (
    add_system_user,
    change_person,
    change_robot,
    find_open_invitation,
    invite,
    remove_person,
    withdraw,
)
from .partners import add_agency, drop_agencies, drop_agency, drop_clients
from .robots import add_token, drop_tokens, install
from .sharing import assign_user, unassign_user
from .writes import Work, Write, inside, writing

Writes = dict[tuple[str, str], Write]

SHARED: Writes = {
    ("POST", "assigned_users"): writing(assign_user),
    ("DELETE", "assigned_users"): writing(unassign_user),
    ("POST", "agencies"): writing(add_agency),
    ("DELETE", "agencies"): writing(drop_agency),
}
"""Of every asset that people and partners can be given."""


def _managed(work: Work) -> Write:
    return writing(work, Act.MANAGE)


BUSINESS: Writes = {
    ("POST", ""): _managed(change_business),
    ("POST", "business_asset_groups"): _managed(add_group),
    ("POST", "owned_businesses"): _managed(add_business),
    ("POST", "owned_apps"): _managed(add_app),
    ("POST", "business_users"): _managed(invite),
    ("POST", "system_users"): _managed(add_system_user),
    ("POST", "owned_pages"): _managed(take(NodeKind.PAGE)),
    ("POST", "owned_ad_accounts"): _managed(take(NodeKind.AD_ACCOUNT)),
    ("POST", "client_pages"): _managed(ask_for(NodeKind.PAGE)),
    ("POST", "client_ad_accounts"): _managed(ask_for(NodeKind.AD_ACCOUNT)),
    ("DELETE", "pages"): _managed(leave(NodeKind.PAGE)),
    ("DELETE", "ad_accounts"): _managed(leave(NodeKind.AD_ACCOUNT)),
    ("DELETE", "agencies"): _managed(drop_agencies),
    ("DELETE", "clients"): _managed(drop_clients),
}
"""Of a business, by who manages it."""
NODE_WRITES: dict[NodeKind, Writes] = {
    NodeKind.BUSINESS: BUSINESS,
    NodeKind.PAGE: {("POST", "feed"): write_post, **SHARED},
    NodeKind.AD_ACCOUNT: SHARED,
    NodeKind.PRODUCT_CATALOG: SHARED,
    NodeKind.PIXEL: SHARED,
    NodeKind.INSTAGRAM_ACCOUNT: SHARED,
    NodeKind.WHATSAPP_ACCOUNT: SHARED,
}
BUSINESS_USER: Writes = {
    ("POST", ""): inside(find_person_seat, change_person),
    ("DELETE", ""): inside(find_person_seat, remove_person),
}
SYSTEM_USER: Writes = {
    ("POST", ""): inside(find_robot, change_robot),
    ("POST", "applications"): inside(find_robot, install),
    ("POST", "access_tokens"): inside(find_robot, add_token),
    ("DELETE", "access_tokens"): inside(find_robot, drop_tokens),
}
INVITATION: Writes = {
    ("DELETE", ""): inside(find_open_invitation, withdraw),
}
GROUP: Writes = {
    ("POST", ""): inside(find_open_group, change_group),
    ("DELETE", ""): inside(find_open_group, remove_group),
    **{("POST", edge): inside(find_open_group, put(kind)) for edge, kind in CONTAINED.items()},
    **{("DELETE", edge): inside(find_open_group, take_out(kind)) for edge, kind in CONTAINED.items()},
}
SEAT_WRITES: dict[NodeKind, Writes] = {
    NodeKind.MEMBERSHIP: BUSINESS_USER,
    NodeKind.ACCOUNT: SYSTEM_USER,
    NodeKind.RECORD: INVITATION,
    NodeKind.ASSET_GROUP: GROUP,
}
"""Of what is inside a business, by the kind of id: people, system users, invitations, groups of assets."""
