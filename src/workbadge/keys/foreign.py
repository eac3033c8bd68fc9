"""Reading JWTs that somebody else signed: keys and algorithms come from us, never from the token (OA-42, RFC 8725).

A token is taken apart once, strictly: three parts, small, a JSON object without doubled members in header and payload, and no
header that could choose a key, an algorithm of another family, or an extension. Then its signature is checked.
"""

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from joserfc import jwk, jws
from joserfc.errors import JoseError

from .tokens import hash_secret

PublicKey: TypeAlias = jwk.RSAKey | jwk.ECKey | jwk.OKPKey

ALGORITHMS = frozenset({"ES256", "ES384", "PS256", "PS384", "Ed25519", "EdDSA"})
"""What we take unless a client registered another one."""

REGISTRABLE = ALGORITHMS | {"RS256"}
"""What a client may register."""

LONGEST = 16_384
_HEADER_LONGEST = 4_096
MOST_KEYS = 20
_SMALLEST_RSA = 2_048
_LARGEST_RSA = 8_192
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_REFUSED_HEADERS = frozenset({"jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc", "cty"})


class ForeignError(ValueError):
    """A JWT or key that is not taken; the message says why."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A JWT taken apart; ``verify`` says whether anybody signed it."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def alg(self) -> str:
        """The algorithm that the header names."""
        return str(self.header["alg"])

    def number(self, name: str) -> float | None:
        """A claim that is an instant in seconds, None when it is missing. Raises ForeignError for anything else."""
        value = self.claims.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
            raise ForeignError(f"expected {name} to be a number of seconds")
        return float(value)


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw, object_pairs_hook=_once, parse_constant=_refuse)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise ForeignError(f"the {what} of the JWT is not readable") from error
    if not isinstance(found, dict):
        raise ForeignError(f"the {what} of the JWT is not a JSON object")
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ForeignError("a member stands twice")
    return found


def _refuse(text: str) -> Any:
    raise ForeignError(f"{text} is no JSON")


def take_apart(text: str, harmless: Collection[str] = ()) -> Foreign:
    """Header and claims of a signed JWT; nothing about them is true yet. ``harmless``: members of the header that its maker is
    known to put there, and that nobody looks at. Raises ForeignError."""
    parts = text.split(".") if len(text) <= LONGEST and text.isascii() else []
    if len(parts) != 3 or not all(parts) or len(parts[0]) > _HEADER_LONGEST:
        raise ForeignError(f"expected a signed JWT of at most {LONGEST} characters")
    header, claims = _object(parts[0], "header"), _object(parts[1], "payload")
    if not isinstance(header.get("alg"), str):
        raise ForeignError("the header names no algorithm")
    refused = (_REFUSED_HEADERS & set(header)).difference(harmless)
    if refused:
        raise ForeignError(f"the header member {min(refused)} is not taken")
    if not isinstance(header.get("kid", ""), str) or not isinstance(header.get("typ", ""), str):
        raise ForeignError("kid and typ must be texts")
    return Foreign(text, header, claims)


class _Registry(jws.JWSRegistry):
    """Room for a key in the header, as proofs carry it; what we take is checked before."""

    max_header_length = _HEADER_LONGEST
    max_payload_length = LONGEST

    def get_alg(self, name: str) -> Any:
        """The model of an algorithm that ``verify`` let through."""
        return self.algorithms[name]


def verify(foreign: Foreign, keys: Sequence[PublicKey], algorithms: Collection[str]) -> None:
    """Raises ForeignError unless one of ``keys`` signed it with one of ``algorithms``; never a symmetric one."""
    if foreign.alg not in algorithms or foreign.alg not in REGISTRABLE:
        raise ForeignError("the algorithm is not taken; expected " + ", ".join(sorted(algorithms)))
    kid = foreign.header.get("kid")
    named = [one for one in keys if kid is None or one.kid is None or one.kid == kid]
    registry = _Registry(algorithms=[foreign.alg], strict_check_header=False)
    for key in named:
        if key.get("use") not in (None, "sig") or key.get("alg") not in (None, foreign.alg):
            continue
        try:
            jws.deserialize_compact(foreign.text, key, registry=registry)
        except (JoseError, ValueError, TypeError):
            continue
        return
    raise ForeignError("no registered key made this signature")


def read_key(value: Any) -> PublicKey:
    """A public key from a JWK: RSA of 2048 bits or more, P-256, P-384, or Ed25519. Raises ForeignError.

    A private or symmetric key is refused: who sends one has lost it.
    """
    if not isinstance(value, dict) or _PRIVATE & set(value):
        raise ForeignError("expected a public key as a JWK")
    try:
        key = jwk.import_key(value)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ForeignError("the key is not readable") from error
    if isinstance(key, jwk.RSAKey):
        if not _SMALLEST_RSA <= key.public_key.key_size <= _LARGEST_RSA:
            raise ForeignError(f"an RSA key must have {_SMALLEST_RSA} to {_LARGEST_RSA} bits")
        return key
    curve = value.get("crv")
    if isinstance(key, jwk.ECKey) and curve in ("P-256", "P-384"):
        return key
    if isinstance(key, jwk.OKPKey) and curve == "Ed25519":
        return key
    raise ForeignError("expected a key of type RSA, EC (P-256, P-384) or OKP (Ed25519)")


def read_keys(text: str | bytes) -> tuple[PublicKey, ...]:
    """The public keys of a JWK set, at most twenty; those for encryption and of unknown types are left out.

    Raises ForeignError when the text is no set, holds a private key, or no key that can be used.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ForeignError("the key set is not JSON") from error
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ForeignError(f'expected {{"keys": […]}} with at most {MOST_KEYS} keys')
    keys: list[PublicKey] = []
    for one in listed:
        if not isinstance(one, dict) or _PRIVATE & set(one):
            raise ForeignError("a key set must hold public keys only")
        try:
            keys.append(read_key(one))
        except ForeignError:
            continue
    if not any(one.get("use") in (None, "sig") for one in keys):
        raise ForeignError("the key set holds no key for signatures that can be used")
    return tuple(keys)


def thumbprint(key: PublicKey) -> str:
    """The SHA-256 thumbprint of a public key (RFC 7638), 43 characters."""
    return key.thumbprint()


def proof_mark(*parts: str) -> bytes:
    """What is remembered of an assertion or proof: a hash of who made it and its id."""
    return hash_secret("\0".join(parts))
