"""What a DPoP proof must say (RFC 9449 §4.3, OA-41). No I/O: what must not be seen twice goes out.

Checks, in order: type · algorithm and key, public and asymmetric, in the header · method · address without query and fragment ·
made just now · an id · the hash of the token it goes with · the signature of its own key.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import urlsplit

from workbadge.keys import foreign, same
from workbadge.keys.foreign import Foreign, ForeignError
from workbadge.terms.instants import EPOCH

PAST = timedelta(seconds=60)
AHEAD = timedelta(seconds=30)
"""So old, and so far ahead of our clock, may a proof be."""

JTI_LENGTH = 256
ALGORITHMS = foreign.ALGORITHMS
_PORTS = {"http": 80, "https": 443}


class BadProofError(Exception):
    """The proof is not right; the message says which check failed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that a proof goes with. ``url``: as clients know it; ``token``: the one beside it, if any."""

    method: str
    url: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that is right. ``jkt``: thumbprint of its key. ``mark`` must not have been seen before; it need not be
    remembered from ``expires`` on."""

    jkt: str
    mark: bytes
    expires: datetime
    nonce: str | None


def _type(taken: Foreign, asked: Asked, now: float) -> None:
    if taken.header.get("typ") != "dpop+jwt":
        raise BadProofError("expected typ to be dpop+jwt")


def _method(taken: Foreign, asked: Asked, now: float) -> None:
    if taken.claims.get("htm") != asked.method:
        raise BadProofError(f"expected htm to be {asked.method}")


def _address(taken: Foreign, asked: Asked, now: float) -> None:
    htu = taken.claims.get("htu")
    if not isinstance(htu, str) or plain_address(htu) != plain_address(asked.url):
        raise BadProofError("expected htu to be the address of this request, without query and fragment")


def _age(taken: Foreign, asked: Asked, now: float) -> None:
    made = taken.number("iat")
    if made is None or not now - PAST.total_seconds() <= made <= now + AHEAD.total_seconds():
        raise BadProofError("expected iat to be this moment")
    exp, nbf = taken.number("exp"), taken.number("nbf")
    if (exp is not None and exp <= now) or (nbf is not None and nbf > now + AHEAD.total_seconds()):
        raise BadProofError("the proof is over, or has not begun")


def _id(taken: Foreign, asked: Asked, now: float) -> None:
    jti = taken.claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= JTI_LENGTH:
        raise BadProofError("expected jti, a text of its own for each proof")
    if not isinstance(taken.claims.get("nonce", ""), str):
        raise BadProofError("expected nonce to be a text")


def _token(taken: Foreign, asked: Asked, now: float) -> None:
    ath = taken.claims.get("ath")
    if asked.token is None:
        return
    if not isinstance(ath, str) or not same(ath, token_hash(asked.token)):
        raise BadProofError("expected ath to be the hash of the token beside it")


Check: TypeAlias = Callable[[Foreign, Asked, float], None]

CHECKS: tuple[Check, ...] = (_type, _method, _address, _age, _id, _token)


def check(text: str, asked: Asked, now: datetime) -> Proof:
    """The proof, if every check passes. Raises BadProofError."""
    try:
        taken = foreign.take_apart(text)
        for one in CHECKS:
            one(taken, asked, (now - EPOCH).total_seconds())
        key = foreign.read_key(taken.header.get("jwk"))
        foreign.verify(taken, (key,), ALGORITHMS)
    except ForeignError as error:
        raise BadProofError(str(error)) from error
    jkt = foreign.thumbprint(key)
    mark = foreign.proof_mark("dpop", jkt, taken.claims["jti"], asked.method, plain_address(asked.url))
    expires = EPOCH + timedelta(seconds=taken.number("iat") or 0) + PAST + timedelta(seconds=1)
    return Proof(jkt, mark, expires, taken.claims.get("nonce"))


def token_hash(token: str) -> str:
    """``ath``: base64url of the SHA-256 of a token (RFC 9449 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


def plain_address(url: str) -> str:
    """An address without query and fragment, scheme and host in lower case, a default port left out (RFC 9449 §4.3)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    shown = "" if port is None or port == _PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}{parts.path or '/'}"
