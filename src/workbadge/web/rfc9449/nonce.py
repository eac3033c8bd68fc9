"""Nonces of the server (RFC 9449 §8): the same for all clients within five minutes, good for the next five too, stored nowhere."""

from datetime import datetime, timedelta

from workbadge.keys import Sealer, same
from workbadge.terms.instants import EPOCH

WINDOW = timedelta(minutes=5)


def _nonce(sealer: Sealer, window: int) -> str:
    return sealer.mac("dpop-nonce", str(window).encode()).hex()[:32]


def current_nonce(sealer: Sealer, now: datetime) -> str:
    """The nonce of this moment."""
    return _nonce(sealer, (now - EPOCH) // WINDOW)


def is_nonce(sealer: Sealer, nonce: str, now: datetime) -> bool:
    """Whether a nonce is that of this window or of the last."""
    window = (now - EPOCH) // WINDOW
    given = nonce if nonce.isascii() else ""
    return any(same(given, _nonce(sealer, one)) for one in (window, window - 1))
