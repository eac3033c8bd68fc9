"""What a bulk reconnect did, asset by asset (rule P3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from regrant.errors import Reason


class Outcome(StrEnum):
    """What became of one asset."""

    REPLACED = "replaced"
    """The new token works on it, and is used from now on."""
    ALREADY_NEWER = "already_newer"
    """What is there is as good or better; nothing was changed."""
    NOT_GRANTED = "not_granted"
    """It was not selected in the login, or permissions are missing; nothing was changed."""
    NOT_VISIBLE = "not_visible"
    """The new token does not reach it; nothing was changed."""
    NOT_CONNECTED = "not_connected"
    """This tenant has no such asset in this app."""
    ERROR = "error"
    """It could not be found out; nothing was changed. The same call may be made again."""


@dataclass(frozen=True, slots=True)
class Result:
    """One asset of one connection. ``missing``: permissions to ask for. ``reason``: of an error."""

    asset: str
    connection: str
    outcome: Outcome
    missing: tuple[str, ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Results in the order in which the assets were named. ``holder``: whom the new token stands for."""

    holder: str
    managed: bool
    results: tuple[Result, ...]

    @property
    def done(self) -> bool:
        """Whether every asset is in order."""
        return all(one.outcome in (Outcome.REPLACED, Outcome.ALREADY_NEWER) for one in self.results)

    @property
    def again(self) -> tuple[str, ...]:
        """The assets to ask the person for again."""
        asked = (one.asset for one in self.results if one.outcome in (Outcome.NOT_GRANTED, Outcome.NOT_VISIBLE))
        return tuple(dict.fromkeys(asked))

    @property
    def missing(self) -> tuple[str, ...]:
        """The permissions to ask for again."""
        return tuple(sorted({scope for one in self.results for scope in one.missing}))


class TokenRefusedError(Exception):
    """The token that was handed in is no token of this app that is alive. Nothing was changed."""


_OF_PEOPLE = ("user_", "email", "public_profile", "openid", "profile", "offline_access")
_FAMILIES = {
    "page": ("pages_", "instagram_", "leads_", "publish_"),
    "ad_account": ("ads_", "attribution_"),
    "product_catalog": ("catalog_", "commerce_"),
    "pixel": ("ads_", "attribution_"),
    "instagram_account": ("instagram_", "pages_"),
    "whatsapp_account": ("whatsapp_",),
}


def needed_scopes(kind: str, scopes: Iterable[str]) -> tuple[str, ...]:
    """Those of a token's permissions that matter for an asset of a kind: none about the person, none for other kinds alone.

    A managed account never grants ``user_*``, so that they are not missed (wire.md §1.2).
    """
    own = _FAMILIES.get(kind)
    others = tuple(
        prefix for family in _FAMILIES.values() for prefix in family if own is not None and prefix not in own
    )
    return tuple(one for one in scopes if not one.startswith((*_OF_PEOPLE, *others)))
