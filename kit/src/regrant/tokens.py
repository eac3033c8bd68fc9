"""Tokens as they leave the vault: a secret that knows what it may be used for."""

from dataclasses import dataclass

from regrant.secret import Secret


class WrongAssetError(Exception):
    """A call about one asset was to be made with another asset's token. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class AssetToken:
    """A token to be used for one asset: a page's own, or the token of a person or system user who reaches the asset."""

    asset: str
    secret: Secret
    holder: str = ""
    """The app-scoped id of whoever it stands for, where that is known."""
    own: bool = False
    """Whether it is the asset's own token, so that ``me`` is the asset."""

    def must_fit(self, about: str) -> None:
        """Raise WrongAssetError unless ``about`` is this asset, or a node that carries its id (``<page>_<post>``)."""
        if about != self.asset and not about.startswith(f"{self.asset}_") and not (self.own and about == "me"):
            raise WrongAssetError(
                f"a call about {about[:60]!r} with the token of {self.asset!r}: take the token of the asset that the call is "
                "about. If the node belongs to that asset, say so with of=<asset id>"
            )
