"""Closed kinds of things (``design.md`` §2). Values are what stands in the database."""

from enum import StrEnum


class AccountKind(StrEnum):
    """A login identity's kind. ``system`` accounts act for software and belong to a business."""

    PERSONAL = "personal"
    MANAGED = "managed"
    SYSTEM = "system"


class NodeKind(StrEnum):
    """Everything an id of the graph can name. The first two digits of an id say which (``ids``)."""

    ACCOUNT = "account"
    BUSINESS = "business"
    ORGANIZATION = "organization"
    APP = "app"
    PAGE = "page"
    AD_ACCOUNT = "ad_account"
    PRODUCT_CATALOG = "product_catalog"
    PIXEL = "pixel"
    INSTAGRAM_ACCOUNT = "instagram_account"
    WHATSAPP_ACCOUNT = "whatsapp_account"
    POST = "post"
    MEMBERSHIP = "membership"
    RECORD = "record"
    ASSET_GROUP = "asset_group"
    SCOPED_ACCOUNT = "scoped_account"


ASSET_KINDS = (
    NodeKind.PAGE,
    NodeKind.AD_ACCOUNT,
    NodeKind.PRODUCT_CATALOG,
    NodeKind.PIXEL,
    NodeKind.INSTAGRAM_ACCOUNT,
    NodeKind.WHATSAPP_ACCOUNT,
)


class TokenKind(StrEnum):
    """A credential's kind. ``app`` tokens stand for the app and reach no asset."""

    USER = "user"
    PAGE = "page"
    SYSTEM_USER = "system_user"
    APP = "app"


class Role(StrEnum):
    """Role of a membership. ADMIN reaches everything its business owns or was lent."""

    ADMIN = "ADMIN"
    EMPLOYEE = "EMPLOYEE"


class EndCause(StrEnum):
    """Why a membership's interval has the end it has."""

    GRACE = "grace"  # the person claimed: the old login ends at the cut-off (M4)
    DEADLINE = "deadline"  # not claimed: the business is lost at the deadline (M10)
    REMOVED = "removed"  # an admin removed the person
    LEAVER = "leaver"  # the managed account was suspended or deprovisioned (A5)
    ROLLED_BACK = "rolled_back"  # a managed membership closed by a rollback (M12)


class Act(StrEnum):
    """What is wanted of a node."""

    READ = "read"
    WRITE = "write"
    LIST = "list"
    CONSENT = "consent"
    MANAGE = "manage"  # of a business: people, roles, shares, system users; of an asset: giving it to a business


class PersonState(StrEnum):
    """State of one person in one migration, computed from timestamps, never stored."""

    PLANNED = "planned"
    INVITED = "invited"
    IN_GRACE = "in_grace"
    MIGRATED = "migrated"
    MISSED = "missed"
    ROLLED_BACK = "rolled_back"
    EXCLUDED = "excluded"
    LEFT = "left"
