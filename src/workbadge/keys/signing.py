"""Signing keys and signed tokens of the OpenID side (RFC 7515, RFC 7517, RFC 7519).

What a received token says about its own key or algorithm is never believed: its ``kid`` only picks one of the keys that
the caller hands in, and that key names the algorithm (RFC 8725; OA-42).
"""

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from .entropy import Entropy

SIGNING_ALGORITHMS = ("RS256", "ES256")
"""What this site signs with; the first is what a client gets that named none (OpenID Connect Registration §2)."""

LONGEST_JWT = 16_384
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_PUBLIC = frozenset({"kty", "crv", "x", "y", "n", "e"})


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A fresh key. ``public``: its JWK with kid, alg and use; ``private``: the whole JWK as JSON, to be sealed."""

    kid: str
    alg: str
    public: dict[str, str]
    private: str


def make_key_pair(alg: str, entropy: Entropy) -> KeyPair:
    """A key for ``alg``, one of SIGNING_ALGORITHMS. An RSA key (2 048 bits) takes a twentieth of a second and does not
    come from ``entropy``: RSA keys cannot be seeded."""
    made: Any
    if alg == "ES256":
        scalar = 1 + entropy.below(_P256_ORDER - 1)
        made = jwk.ECKey.import_key(ec.derive_private_key(scalar, ec.SECP256R1()))
    else:
        made = jwk.RSAKey.generate_key(2048)
    kid = base64.urlsafe_b64encode(entropy.bytes(18)).decode()
    public = {key: str(value) for key, value in made.as_dict(private=False).items() if key in _PUBLIC}
    return KeyPair(kid, alg, {**public, "kid": kid, "alg": alg, "use": "sig"}, json.dumps(made.as_dict(private=True)))


@lru_cache(maxsize=64)
def _private_key(private: str) -> Any:
    return jwk.import_key(json.loads(private))


def sign_jwt(alg: str, kid: str, private: str, claims: dict[str, Any], kind: str = "JWT") -> str:
    """A compact signed token. ``private``: as in ``KeyPair``; ``kind``: the header's ``typ``."""
    header = {"alg": alg, "kid": kid, "typ": kind}
    return jwt.encode(header, claims, _private_key(private), algorithms=[alg])


def read_jwt(text: str, keys: list[dict[str, str]], kind: str = "JWT") -> dict[str, Any] | None:
    """The claims of a token that one of ``keys`` (public JWKs with kid and alg) signed; None for any other text.

    Times and addressees are the caller's to check.
    """
    if len(text) > LONGEST_JWT:
        return None
    try:
        header = jws.extract_compact(text.encode("ascii")).headers()
        found = next((one for one in keys if one["kid"] == header.get("kid")), None)
        if found is None or header.get("alg") != found["alg"] or header.get("typ", "JWT") != kind:
            return None
        key = jwk.import_key({name: value for name, value in found.items() if name in _PUBLIC})
        return jwt.decode(text, key, algorithms=[found["alg"]]).claims
    except (JoseError, ValueError, TypeError, KeyError):
        return None
