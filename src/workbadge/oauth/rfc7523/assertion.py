"""What a client's assertion must say (OA-32). No I/O: keys come in, what must not be seen twice goes out.

Checks, in order: the client is issuer and subject · the audience is our issuer and nobody else · it ends, and soon · it has begun ·
it was not made in the future · it has an id · the client's algorithm, the client's key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from workbadge.keys import foreign
from workbadge.keys.foreign import Foreign, ForeignError, PublicKey
from workbadge.terms.instants import EPOCH

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW = timedelta(seconds=60)
"""So far a client's clock may be ahead (``nbf``, ``iat``)."""

LONGEST_LIFE = timedelta(hours=1)
"""An assertion that lives longer is refused, so that what must be remembered of them stays small."""

JTI_LENGTH = 256
_TYPES = frozenset({None, "JWT", "jwt", "client-authentication+jwt"})


class BadAssertionError(Exception):
    """The client is not the one it says; the message says which check failed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an assertion is measured by. ``issuer``: ours; ``algorithms``: those of the client."""

    client_id: str
    issuer: str
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion that is right. ``mark`` must not have been seen before; it need not be remembered from ``expires`` on."""

    mark: bytes
    expires: datetime


def client_of(text: str) -> tuple[str, Foreign]:
    """Which client an assertion is about, before anything of it is believed. Raises BadAssertionError."""
    try:
        taken = foreign.take_apart(text)
    except ForeignError as error:
        raise BadAssertionError(str(error)) from error
    subject = taken.claims.get("sub")
    if not isinstance(subject, str):
        raise BadAssertionError("expected sub to be the client's id")
    return subject, taken


def _type(taken: Foreign, expected: Expected, now: float) -> None:
    if taken.header.get("typ") not in _TYPES:
        raise BadAssertionError("this JWT is of another type")


def _parties(taken: Foreign, expected: Expected, now: float) -> None:
    if taken.claims.get("iss") != expected.client_id or taken.claims.get("sub") != expected.client_id:
        raise BadAssertionError("expected iss and sub to be the client's id")


def _audience(taken: Foreign, expected: Expected, now: float) -> None:
    """The issuer alone: not the address of an endpoint, and no second one (draft-ietf-oauth-rfc7523bis)."""
    if taken.claims.get("aud") not in (expected.issuer, [expected.issuer]):
        raise BadAssertionError(f"expected aud to be {expected.issuer} and nothing else")


def _ends(taken: Foreign, expected: Expected, now: float) -> None:
    exp = taken.number("exp")
    if exp is None or not now < exp <= now + (LONGEST_LIFE + SKEW).total_seconds():
        raise BadAssertionError("expected exp to lie ahead, by an hour at most")


def _begins(taken: Foreign, expected: Expected, now: float) -> None:
    latest = now + SKEW.total_seconds()
    if (taken.number("nbf") or 0) > latest or (taken.number("iat") or 0) > latest:
        raise BadAssertionError("expected nbf and iat not to lie ahead")


def _id(taken: Foreign, expected: Expected, now: float) -> None:
    jti = taken.claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= JTI_LENGTH:
        raise BadAssertionError("expected jti, a text of its own for each assertion")


Check: TypeAlias = Callable[[Foreign, Expected, float], None]

CHECKS: tuple[Check, ...] = (_type, _parties, _audience, _ends, _begins, _id)


def check(taken: Foreign, expected: Expected, keys: Sequence[PublicKey], now: datetime) -> Assertion:
    """The assertion, if every check passes and a key of the client signed it. Raises BadAssertionError."""
    try:
        for one in CHECKS:
            one(taken, expected, (now - EPOCH).total_seconds())
        foreign.verify(taken, keys, expected.algorithms)
    except ForeignError as error:
        raise BadAssertionError(str(error)) from error
    mark = foreign.proof_mark("assertion", expected.client_id, taken.claims["jti"])
    return Assertion(mark, EPOCH + timedelta(seconds=taken.number("exp") or 0))
