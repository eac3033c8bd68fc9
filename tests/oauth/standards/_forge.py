"""Keys of clients, and JWTs that say and sign whatever a test wants."""

import base64
import json
from datetime import datetime
from typing import Any

from joserfc import jwk, jws

Key = jwk.RSAKey | jwk.ECKey | jwk.OKPKey | jwk.OctKey


class _Anything(jws.JWSRegistry):
    """Signs with any algorithm, and headers of any size."""

    max_header_length = 1_000_000
    max_payload_length = 10_000_000

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    def check_header(self, header: dict[str, Any]) -> None:
        """Nothing is wrong with any header."""


def new_key(alg: str = "ES256") -> Key:
    """A private key for an algorithm."""
    if alg.startswith("ES"):
        return jwk.ECKey.generate_key("P-256" if alg == "ES256" else "P-384")
    if alg in ("EdDSA", "Ed25519"):
        return jwk.OKPKey.generate_key("Ed25519")
    return jwk.RSAKey.generate_key(2048)


def public(key: Key, **more: str) -> dict[str, Any]:
    """The JWK of a key's public half."""
    return {**key.as_dict(private=False), **more}


def jwks(*keys: Key) -> str:
    """A set of public keys."""
    return json.dumps({"keys": [public(one) for one in keys]})


def signed(key: Key, header: dict[str, Any], claims: dict[str, Any] | str) -> str:
    """A compact JWT. ``claims`` as text: that text, byte for byte."""
    text = claims if isinstance(claims, str) else json.dumps(claims)
    return jws.serialize_compact(header, text.encode(), key, registry=_Anything())


def raw(header: str, claims: str, signature: bytes = b"") -> str:
    """A compact JWT out of any parts, signed by nobody."""
    return ".".join(_b64(part) for part in (header.encode(), claims.encode(), signature))


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def seconds(at: datetime) -> int:
    """Unix seconds of an instant."""
    return int(at.timestamp())
