"""Envelope encryption: each tenant has data keys, and a key service (yours, or ``LocalKeys``) wraps those.

A sealed text names the data key it was sealed under and is bound to the place it was sealed for: the tenant, the table, the
row. Moved to another place, or changed by one bit, it does not open. AES-256-GCM; each sealing has its own nonce.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from regrant.edge import random_bytes
from regrant.secret import Secret

_NONCE, _KEY = 12, 32


class VaultKeyError(Exception):
    """A key is missing or does not fit. The message names the key id, never its bytes; nothing was changed."""


class KeyService(Protocol):
    """Wraps data keys under a master key that need not leave its home: a cloud KMS, an HSM, ``LocalKeys``.

    Calls may block: in asynchronous use they run in a thread. A data key is unwrapped once in a process, then remembered.
    Anything that ``unwrap`` raises means that the key cannot be had now.
    """

    @property
    def current(self) -> str:
        """Id of the master key that ``wrap`` uses now."""
        ...

    def wrap(self, key: bytes, about: bytes) -> bytes:
        """The data key, wrapped under the current master key and bound to ``about`` (authenticated, not secret)."""
        ...

    def unwrap(self, master: str, wrapped: bytes, about: bytes) -> bytes:
        """The data key that was wrapped under ``master``."""
        ...


class LocalKeys:
    """Master keys in memory, from the app's own configuration: id to 32 bytes.

    To rotate: add a key, name it ``current``, start all processes with both, run ``rotate`` of each vault, and only then drop
    the old one. ``LocalKeys.new_key()`` makes one.
    """

    def __init__(self, keys: Mapping[str, bytes | str], current: str) -> None:
        self._keys = {name: _key_bytes(name, key) for name, key in keys.items()}
        if current not in self._keys:
            raise VaultKeyError(f"the current master key {current!r} is not among those given: {sorted(self._keys)}")
        self._current = current

    @staticmethod
    def new_key() -> str:
        """A new master key as text (base64), to be kept where the app keeps its secrets."""
        return base64.b64encode(random_bytes(_KEY)).decode()

    @property
    def current(self) -> str:
        """Id of the master key that wraps now."""
        return self._current

    def wrap(self, key: bytes, about: bytes) -> bytes:
        """Seal a data key."""
        return _encrypt(self._keys[self._current], key, about)

    def unwrap(self, master: str, wrapped: bytes, about: bytes) -> bytes:
        """Open a data key."""
        if master not in self._keys:
            raise VaultKeyError(f"master key {master!r} is not among those given: {sorted(self._keys)}")
        try:
            return _decrypt(self._keys[master], wrapped, about)
        except InvalidTag:
            raise VaultKeyError(f"master key {master!r} does not open this data key: is it another key?") from None

    def __repr__(self) -> str:
        return f"LocalKeys({sorted(self._keys)}, current={self._current!r})"


def _key_bytes(name: str, key: bytes | str) -> bytes:
    try:
        raw = base64.b64decode(key, validate=True) if isinstance(key, str) else key
    except binascii.Error:
        raw = b""
    if len(raw) != _KEY:
        raise VaultKeyError(f"master key {name!r} must be {_KEY} bytes, or their base64; LocalKeys.new_key() makes one")
    return raw


def bound(*parts: str) -> bytes:
    """What a sealed text is bound to. Parts cannot run into each other: each goes with its length."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def _encrypt(key: bytes, text: bytes, about: bytes) -> bytes:
    nonce = random_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text, about)


def _decrypt(key: bytes, sealed: bytes, about: bytes) -> bytes:
    if len(sealed) < _NONCE:
        raise InvalidTag
    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], about)


def as_secret(key: bytes) -> Secret:
    """A data key in a form that no traceback shows."""
    return Secret(base64.b64encode(key).decode())


def as_bytes(key: Secret) -> bytes:
    """Its bytes."""
    return base64.b64decode(key.reveal())


def new_data_key() -> Secret:
    """A data key."""
    return as_secret(random_bytes(_KEY))


def seal(key_id: str, key: Secret, text: Secret, about: bytes) -> str:
    """``v1.<key id>.<base64url of nonce and ciphertext>``."""
    sealed = base64.urlsafe_b64encode(_encrypt(as_bytes(key), text.reveal().encode(), about)).rstrip(b"=").decode()
    return f"v1.{key_id}.{sealed}"


def sealed_under(sealed: str) -> str:
    """Id of the data key of a sealed text. Raises VaultKeyError where it is no such text."""
    version, _, rest = sealed.partition(".")
    key_id, _, body = rest.partition(".")
    if version != "v1" or not key_id or not body:
        raise VaultKeyError("this is no text that a vault sealed (v1.<key id>.<…> was expected)")
    return key_id


def unseal(key: Secret, sealed: str, about: bytes) -> Secret:
    """The text. Raises VaultKeyError when it was sealed for another place, under another key, or changed."""
    key_id = sealed_under(sealed)
    body = sealed.rpartition(".")[2]
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        return Secret(_decrypt(as_bytes(key), raw, about).decode())
    except (InvalidTag, ValueError):
        raise VaultKeyError(
            f"data key {key_id!r} does not open this: it was changed, or sealed for another place"
        ) from None
