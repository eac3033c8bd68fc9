"""Challenges for passkeys: made for one browser and one purpose, carried by the page's form, sealed (AC-45)."""

import base64

import msgspec
from starlette.requests import Request

from workbadge.commands.errors import conflict
from workbadge.commands.passkeys import LIFE, Challenge
from workbadge.keys.seal import SealError

from .state import now_of, site_of


def make_challenge(request: Request) -> Challenge:
    """A fresh one: 256 bits."""
    return Challenge(site_of(request.scope).services.entropy.bytes(32), now_of(request.scope))


def seal_challenge(request: Request, challenge: Challenge, place: str) -> str:
    """A text from which this site alone, and for ``place`` alone, gets the challenge back."""
    text = msgspec.json.encode(challenge).decode()
    sealed = site_of(request.scope).services.sealer.seal(text, f"passkey:{place}")
    return base64.urlsafe_b64encode(sealed).decode()


def open_challenge(request: Request, text: str, place: str) -> Challenge:
    """The challenge of ``seal_challenge``, within its life. Raises CONFLICT for another browser's or purpose's, or an old one."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
        opened = site_of(request.scope).services.sealer.open(raw, f"passkey:{place}")
        challenge = msgspec.json.decode(opened, type=Challenge)
    except (SealError, ValueError) as error:
        raise conflict("This page is out of date.", "the page opened again") from error
    if now_of(request.scope) - challenge.since >= LIFE:
        raise conflict("This page is out of date.", "the page opened again")
    return challenge
