"""Cursors: a place in a list, sealed for one list and one reader, so that they carry nothing in clear and serve nobody else
(MT-04)."""

import base64
import binascii

from workbadge.keys import Sealer
from workbadge.keys.seal import SealError


def make_cursor(sealer: Sealer, position: str, bound_to: str) -> str:
    """A cursor for a place in a list."""
    return base64.urlsafe_b64encode(sealer.seal(position, f"cursor:{bound_to}")).decode().rstrip("=")


def read_cursor(sealer: Sealer, cursor: str, bound_to: str) -> str:
    """The place that a cursor names. Raises ValueError for one of another list or reader, or a changed one."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return sealer.open(raw, f"cursor:{bound_to}")
    except (SealError, binascii.Error) as error:
        raise ValueError("expected a cursor of this list, got another one or a changed one") from error
