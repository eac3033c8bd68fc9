"""What a webhook told."""

import dataclasses
from typing import Any

from regrant.rows import Asset


class HookError(Exception):
    """A request to the webhook address that is not the platform's, or cannot be read. Nothing was done."""


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """One change. ``about``: id of the entry. ``assets``: the rows of this app that it is about, of whatever tenant.

    To act on one, open its tenant's vault and take the token there: ``vault.token_of(asset)`` is good for this asset alone.
    ``value`` is the platform's, and stays out of the repr: it may hold tokens.
    """

    object: str
    field: str
    about: str
    assets: tuple[Asset, ...]
    value: Any = dataclasses.field(repr=False)
