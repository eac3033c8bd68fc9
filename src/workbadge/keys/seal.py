"""Secrets at rest: AES-256-GCM with a key id and associated data (``house.md`` §7)."""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .entropy import Entropy


class SealError(Exception):
    """A sealed value cannot be opened: unknown key id, another place, or changed bytes."""


class Sealer:
    """Seals short texts for one place (``table.column``); several keys open, the first one seals."""

    def __init__(self, keys: dict[str, bytes], entropy: Entropy) -> None:
        """``keys``: key id (at most 32 ASCII characters) to 32 bytes, newest first."""
        if not keys or any(len(key) != 32 for key in keys.values()):
            raise ValueError("expected at least one key of 32 bytes")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = next(iter(keys))
        self._mac_key = hmac.digest(keys[self._current], b"workbadge mac key", "sha256")
        self._entropy = entropy

    def seal(self, text: str, place: str) -> bytes:
        """``key id | 0x00 | nonce | ciphertext`` of ``text``, bound to ``place``."""
        nonce = self._entropy.bytes(12)
        sealed = self._ciphers[self._current].encrypt(nonce, text.encode(), place.encode())
        return self._current.encode() + b"\0" + nonce + sealed

    def mac(self, place: str, data: bytes) -> bytes:
        """HMAC-SHA256 of ``data`` for one purpose, under the newest key."""
        return hmac.digest(self._mac_key, place.encode() + b"\0" + data, "sha256")

    def open(self, sealed: bytes, place: str) -> str:
        """The text that ``seal`` was given. Raises SealError."""
        key_id, _, rest = sealed.partition(b"\0")
        cipher = self._ciphers.get(key_id.decode("ascii", "replace"))
        if cipher is None:
            raise SealError(f"no key named {key_id[:32]!r} is configured")
        try:
            return cipher.decrypt(rest[:12], rest[12:], place.encode()).decode()
        except InvalidTag as error:
            raise SealError(f"a sealed value of {place} does not open") from error
