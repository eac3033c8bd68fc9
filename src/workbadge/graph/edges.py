"""The edges that are read: which lists each node has. ``wire.md`` §3.6."""

from workbadge.terms.kinds import NodeKind

from .businesses import business_apps, owned_businesses
from .feed import feed
from .groups import business_asset_groups, groups_of_seat, own_groups
from .holding import pending_client, pending_owned
from .lists import Edge
from .members import pending_users
from .own import own
from .partners import agencies
from .partners import of_business as partners_of
from .permissions import permissions
from .portfolio import assigned, of_business, seats
from .robots import applications
from .selves import (
    assigned_applications,
    business_users,
    ids_for_apps,
    ids_for_pages,
    personal_ad_accounts,
    picture,
)
from .sharing import assigned_users, page_roles

USER_EDGES: dict[str, Edge] = {
    "accounts": own(NodeKind.PAGE),
    "adaccounts": own(NodeKind.AD_ACCOUNT),
    "businesses": own(NodeKind.BUSINESS),
    "assigned_pages": own(NodeKind.PAGE),
    "assigned_ad_accounts": own(NodeKind.AD_ACCOUNT),
    "assigned_product_catalogs": own(NodeKind.PRODUCT_CATALOG),
    "assigned_whatsapp_business_accounts": own(NodeKind.WHATSAPP_ACCOUNT),
    "assigned_business_asset_groups": own_groups,
    "assigned_applications": assigned_applications,
    "applications": assigned_applications,
    "business_users": business_users,
    "personal_ad_accounts": personal_ad_accounts,
    "ids_for_apps": ids_for_apps,
    "ids_for_business": ids_for_apps,
    "ids_for_pages": ids_for_pages,
    "picture": picture,
    "permissions": permissions,
}
BUSINESS_EDGES: dict[str, Edge] = {
    "owned_pages": of_business(NodeKind.PAGE, True),
    "client_pages": of_business(NodeKind.PAGE, False),
    "owned_ad_accounts": of_business(NodeKind.AD_ACCOUNT, True),
    "client_ad_accounts": of_business(NodeKind.AD_ACCOUNT, False),
    "owned_product_catalogs": of_business(NodeKind.PRODUCT_CATALOG, True),
    "client_product_catalogs": of_business(NodeKind.PRODUCT_CATALOG, False),
    "adspixels": of_business(NodeKind.PIXEL, True),
    "client_pixels": of_business(NodeKind.PIXEL, False),
    "pending_client_pages": pending_client(NodeKind.PAGE),
    "pending_client_ad_accounts": pending_client(NodeKind.AD_ACCOUNT),
    "pending_owned_pages": pending_owned(NodeKind.PAGE),
    "pending_owned_ad_accounts": pending_owned(NodeKind.AD_ACCOUNT),
    "business_users": seats(False),
    "system_users": seats(True),
    "pending_users": pending_users,
    "owned_businesses": owned_businesses,
    "business_asset_groups": business_asset_groups,
    "owned_apps": business_apps(True),
    "client_apps": business_apps(False),
    "agencies": partners_of(False),
    "clients": partners_of(True),
}
SEAT_EDGES: dict[str, Edge] = {
    "assigned_pages": assigned(NodeKind.PAGE),
    "assigned_ad_accounts": assigned(NodeKind.AD_ACCOUNT),
    "assigned_product_catalogs": assigned(NodeKind.PRODUCT_CATALOG),
    "assigned_whatsapp_business_accounts": assigned(NodeKind.WHATSAPP_ACCOUNT),
    "assigned_business_asset_groups": groups_of_seat,
}
"""Of a BusinessUser and of a SystemUser."""
ROBOT_EDGES: dict[str, Edge] = {**SEAT_EDGES, "applications": applications, "assigned_applications": applications}
"""Of a SystemUser."""
SHARED: dict[str, Edge] = {"assigned_users": assigned_users, "agencies": agencies}
"""Of every asset that people and partners can be given."""
NODE_EDGES: dict[NodeKind, dict[str, Edge]] = {
    NodeKind.BUSINESS: BUSINESS_EDGES,
    NodeKind.PAGE: {"feed": feed, "roles": page_roles, **SHARED},
    NodeKind.AD_ACCOUNT: SHARED,
    NodeKind.PRODUCT_CATALOG: SHARED,
    NodeKind.PIXEL: SHARED,
    NodeKind.INSTAGRAM_ACCOUNT: SHARED,
    NodeKind.WHATSAPP_ACCOUNT: SHARED,
}
