"""Scopes: permissions that an app asks for. Names are the wire's (``wire.md`` §3.3, §3.5)."""

from dataclasses import dataclass
from enum import StrEnum

from .kinds import AccountKind, Act, NodeKind


class Audience(StrEnum):
    """Whom a scope is about."""

    IDENTITY = "identity"  # who the person is; every kind of account
    PERSON = "person"  # user_*: the private life; never granted by managed accounts (A3)
    BUSINESS = "business"  # assets of a business; carries targets


@dataclass(frozen=True, slots=True)
class Scope:
    """One permission: its name, whom it is about, which nodes it targets, its line in the dialog."""

    name: str
    audience: Audience
    targets: tuple[NodeKind, ...]
    says: str


_PAGE = (NodeKind.PAGE,)
_ADS = (NodeKind.AD_ACCOUNT, NodeKind.PIXEL)

_ALL = (
    Scope("public_profile", Audience.IDENTITY, (), "See your name and profile picture"),
    Scope("email", Audience.IDENTITY, (), "See your e-mail address"),
    Scope("openid", Audience.IDENTITY, (), "Confirm who you are"),
    Scope("offline_access", Audience.IDENTITY, (), "Stay connected while you are away"),
    Scope("user_friends", Audience.PERSON, (), "See which of your friends use this app"),
    Scope("user_birthday", Audience.PERSON, (), "See your birthday"),
    Scope("user_photos", Audience.PERSON, (), "See your photos"),
    Scope("user_posts", Audience.PERSON, (), "See your posts"),
    Scope("user_likes", Audience.PERSON, (), "See what you like"),
    Scope("user_link", Audience.PERSON, (), "See the address of your profile"),
    Scope("user_gender", Audience.PERSON, (), "See your gender"),
    Scope("user_location", Audience.PERSON, (), "See where you live"),
    Scope("user_hometown", Audience.PERSON, (), "See where you come from"),
    Scope("user_age_range", Audience.PERSON, (), "See your age range"),
    Scope("user_videos", Audience.PERSON, (), "See your videos"),
    Scope(
        "business_management",
        Audience.BUSINESS,
        (NodeKind.BUSINESS,),
        "Work with your businesses",
    ),
    Scope("pages_show_list", Audience.BUSINESS, _PAGE, "See the pages you manage"),
    Scope(
        "pages_read_engagement",
        Audience.BUSINESS,
        _PAGE,
        "Read content and numbers of your pages",
    ),
    Scope(
        "pages_read_user_content",
        Audience.BUSINESS,
        _PAGE,
        "Read what visitors write on your pages",
    ),
    Scope(
        "pages_manage_posts",
        Audience.BUSINESS,
        _PAGE,
        "Create and change posts of your pages",
    ),
    Scope(
        "pages_manage_metadata",
        Audience.BUSINESS,
        _PAGE,
        "Change settings of your pages",
    ),
    Scope(
        "pages_manage_engagement",
        Audience.BUSINESS,
        _PAGE,
        "Answer comments on your pages",
    ),
    Scope("pages_manage_ads", Audience.BUSINESS, _PAGE, "Manage ads of your pages"),
    Scope(
        "pages_messaging",
        Audience.BUSINESS,
        _PAGE,
        "Answer messages sent to your pages",
    ),
    Scope("read_insights", Audience.BUSINESS, _PAGE, "Read statistics of your pages"),
    Scope("leads_retrieval", Audience.BUSINESS, _PAGE, "Read leads of your pages"),
    Scope("ads_read", Audience.BUSINESS, _ADS, "Read your ad accounts and pixels"),
    Scope("ads_management", Audience.BUSINESS, _ADS, "Manage your ad accounts and pixels"),
    Scope(
        "catalog_management",
        Audience.BUSINESS,
        (NodeKind.PRODUCT_CATALOG,),
        "Manage your product catalogs",
    ),
    Scope(
        "instagram_basic",
        Audience.BUSINESS,
        (NodeKind.INSTAGRAM_ACCOUNT,),
        "Read your Instagram accounts",
    ),
    Scope(
        "instagram_content_publish",
        Audience.BUSINESS,
        (NodeKind.INSTAGRAM_ACCOUNT,),
        "Publish to your Instagram accounts",
    ),
    Scope(
        "whatsapp_business_management",
        Audience.BUSINESS,
        (NodeKind.WHATSAPP_ACCOUNT,),
        "Manage your WhatsApp accounts",
    ),
    Scope(
        "manage_business_extension",
        Audience.BUSINESS,
        (NodeKind.BUSINESS, NodeKind.PAGE, *_ADS, NodeKind.PRODUCT_CATALOG),
        "Set up and run this app's business extension",
    ),
)

SCOPES: dict[str, Scope] = {scope.name: scope for scope in _ALL}
"""Every scope that exists, in the order in which the dialog shows them."""

DEFAULT_SCOPES = ("public_profile",)

OPENID_NAMES = {"profile": "public_profile"}
"""Names that OpenID Connect gives to scopes of ours."""

STANDARD_SCOPES = frozenset({"offline_access"})
"""Scopes that can be asked for on the OAuth side alone: the Graph dialect has no refresh tokens."""

_NEEDED: dict[tuple[NodeKind, Act], tuple[str, ...]] = {
    (NodeKind.BUSINESS, Act.READ): ("business_management",),
    (NodeKind.BUSINESS, Act.WRITE): ("business_management",),
    (NodeKind.PAGE, Act.READ): (
        "pages_show_list",
        "pages_read_engagement",
        "pages_manage_posts",
        "pages_manage_metadata",
        "manage_business_extension",
    ),
    (NodeKind.PAGE, Act.WRITE): ("pages_manage_posts",),
    (NodeKind.AD_ACCOUNT, Act.READ): (
        "ads_read",
        "ads_management",
        "manage_business_extension",
    ),
    (NodeKind.AD_ACCOUNT, Act.WRITE): ("ads_management",),
    (NodeKind.PIXEL, Act.READ): (
        "ads_read",
        "ads_management",
        "manage_business_extension",
    ),
    (NodeKind.PIXEL, Act.WRITE): ("ads_management",),
    (NodeKind.PRODUCT_CATALOG, Act.READ): (
        "catalog_management",
        "manage_business_extension",
    ),
    (NodeKind.PRODUCT_CATALOG, Act.WRITE): ("catalog_management",),
    (NodeKind.INSTAGRAM_ACCOUNT, Act.READ): (
        "instagram_basic",
        "instagram_content_publish",
    ),
    (NodeKind.INSTAGRAM_ACCOUNT, Act.WRITE): ("instagram_content_publish",),
    (NodeKind.WHATSAPP_ACCOUNT, Act.READ): ("whatsapp_business_management",),
    (NodeKind.WHATSAPP_ACCOUNT, Act.WRITE): ("whatsapp_business_management",),
}


def scopes_for(kind: NodeKind, act: Act) -> frozenset[str]:
    """Scopes of which any one suffices for ``act`` on a node of ``kind``. All but WRITE need what READ needs."""
    return _NEEDED_SETS.get((kind, Act.WRITE if act is Act.WRITE else Act.READ), frozenset())


_NEEDED_SETS = {key: frozenset(names) for key, names in _NEEDED.items()}


def parse_scopes(text: str) -> tuple[str, ...]:
    """Names in ``text``, separated by commas and/or blanks (``wire.md`` §3.1), in order, each once. Not checked."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def grantable(names: tuple[str, ...], kind: AccountKind) -> tuple[str, ...]:
    """The scopes among ``names`` that exist and that an account of ``kind`` may grant.

    A managed account silently leaves out what is about a person (A3, ``wire.md`` §1.2); system users grant
    business scopes only (``wire.md`` §4). Unknown names are left out by the caller's own error beforehand.
    """
    refused = {
        AccountKind.PERSONAL: (),
        AccountKind.MANAGED: (Audience.PERSON,),
        AccountKind.SYSTEM: (Audience.PERSON, Audience.IDENTITY),
    }[kind]
    return tuple(name for name in names if name in SCOPES and SCOPES[name].audience not in refused)


def target_kinds(names: frozenset[str] | tuple[str, ...]) -> frozenset[NodeKind]:
    """Kinds of nodes that can be selected for a set of scopes."""
    return frozenset(kind for name in names if name in SCOPES for kind in SCOPES[name].targets)
