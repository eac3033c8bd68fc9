"""Access tokens: form, checksum, hash (``wire.md`` §3.2, 9.13).

``EAA`` + 100 letters and digits: 94 random ones, then 6 of checksum (CRC-32 of all before, base 62). Garbage is
refused without a database read. Only the SHA-256 of a token is stored.

A restricted token (bound to a key, RFC 9449, or meant for another resource, RFC 8707) starts with ``EAR``: what takes
plain tokens refuses it by its form alone, so that no place can forget to ask.
"""

import hashlib
import zlib
from typing import NewType

from .entropy import Entropy

TokenText = NewType("TokenText", str)
"""A token whose checksum was right; whether it is known and alive is another question."""

RestrictedText = NewType("RestrictedText", str)
"""A restricted token whose checksum was right."""

_PREFIX = "EAA"
_RESTRICTED = "EAR"
_REFRESH = "WBR"
_DIRECTORY = "WBS"
_RANDOM = 94
_LENGTH = len(_PREFIX) + _RANDOM + 6
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(low + high for high in _ALPHABET for low in _ALPHABET)
"""Two digits of base 62 at once, the lower one first."""


def _checksum(text: str) -> str:
    """Six letters and digits for the CRC-32 of ``text``."""
    number, low = divmod(zlib.crc32(text.encode("ascii")), 3844)
    high, middle = divmod(number, 3844)
    return _PAIRS[low] + _PAIRS[middle] + _PAIRS[high]


def make_token(entropy: Entropy) -> TokenText:
    """A fresh token of 103 characters."""
    text = _PREFIX + entropy.text(_RANDOM)
    return TokenText(text + _checksum(text))


def make_restricted(entropy: Entropy) -> RestrictedText:
    """A fresh restricted token of 103 characters."""
    text = _RESTRICTED + entropy.text(_RANDOM)
    return RestrictedText(text + _checksum(text))


def derive_token(mac: bytes) -> TokenText:
    """The token that a 32-byte MAC stands for: the same each time, as unguessable as the MAC's key."""
    number = int.from_bytes(hashlib.sha512(mac).digest() + hashlib.sha512(mac + b"+").digest(), "big")
    letters = []
    for _ in range(_RANDOM):
        number, digit = divmod(number, 62)
        letters.append(_ALPHABET[digit])
    text = _PREFIX + "".join(letters)
    return TokenText(text + _checksum(text))


def read_token(text: str) -> TokenText | None:
    """``text`` as a token, or None when its form or checksum is wrong."""
    return TokenText(text) if _is_whole(text, _PREFIX) else None


def read_restricted(text: str) -> RestrictedText | None:
    """``text`` as a restricted token, or None when its form or checksum is wrong."""
    return RestrictedText(text) if _is_whole(text, _RESTRICTED) else None


def make_refresh_token(entropy: Entropy) -> str:
    """A fresh refresh token: as long as an access token and with a checksum too, but never to be taken for one (OA-43)."""
    text = _REFRESH + entropy.text(_RANDOM)
    return text + _checksum(text)


def read_refresh_token(text: str) -> str | None:
    """``text`` when it has the form and the checksum of a refresh token."""
    return text if _is_whole(text, _REFRESH) else None


def make_directory_token(entropy: Entropy) -> str:
    """A fresh token of an organization's directory (O5): with a checksum, and by its form alone no other token (SC-24)."""
    text = _DIRECTORY + entropy.text(_RANDOM)
    return text + _checksum(text)


def read_directory_token(text: str) -> str | None:
    """``text`` when it has the form and the checksum of a directory's token."""
    return text if _is_whole(text, _DIRECTORY) else None


def _is_whole(text: str, prefix: str) -> bool:
    if len(text) != _LENGTH or not text.startswith(prefix) or not text.isascii() or not text.isalnum():
        return False
    return _checksum(text[:-6]) == text[-6:]


def hash_secret(text: str) -> bytes:
    """SHA-256 of a secret with full entropy (tokens, codes, claim links, session cookies): what is stored."""
    return hashlib.sha256(text.encode()).digest()
