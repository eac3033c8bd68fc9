"""What an ID token of an organization's provider must be (OpenID Connect Core §3.1.3.7; attacks RP-02 to RP-09). No I/O."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwk

from workbadge.commands.vouched_login import Identity
from workbadge.keys import same
from workbadge.keys.foreign import Foreign, ForeignError, PublicKey, take_apart, verify
from workbadge.terms.instants import from_micros
from workbadge.web.openid_provider import ProviderError

AHEAD = timedelta(seconds=60)
"""So far a provider's clock may be ahead of ours."""

OLDEST = timedelta(minutes=10)
"""An ID token is taken straight from the provider: one that was made longer ago is another's."""

_HARMLESS = frozenset({"x5t", "x5t#S256"})
_FAMILY = {"RS": jwk.RSAKey, "PS": jwk.RSAKey, "ES": jwk.ECKey, "Ed": jwk.OKPKey}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token is measured by. ``algorithms``: those of the provider that we take."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: tuple[str, ...]
    access_token: str


def read_header(text: Any) -> Foreign:
    """An ID token taken apart, nothing of it believed. Raises ProviderError."""
    if not isinstance(text, str):
        raise ProviderError("id_token", "a signed JWT", type(text).__name__)
    try:
        found = take_apart(text, _HARMLESS)
    except ForeignError as error:
        raise ProviderError("id_token", "a signed JWT", str(error)) from error
    if str(found.header.get("typ", "JWT")).upper() != "JWT":
        raise ProviderError("typ of the ID token", "JWT", str(found.header["typ"]))
    return found


def check_id_token(token: Foreign, keys: Sequence[PublicKey], expected: Expected, now: datetime) -> dict[str, Any]:
    """The claims, if every check passes and the provider's key signed them. Raises ProviderError."""
    if token.alg not in expected.algorithms:
        raise ProviderError("alg of the ID token", ", ".join(expected.algorithms), token.alg)
    try:
        verify(token, [_choose(token, keys)], expected.algorithms)
    except ForeignError as error:
        raise ProviderError("signature of the ID token", "one by a published key", str(error)) from error
    claims = dict(token.claims)
    _check_parties(claims, expected)
    _check_times(token, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not same(nonce, expected.nonce):
        raise ProviderError("nonce", "the one that was sent", "none" if nonce is None else "another")
    _check_access_token(token, expected)
    return claims


def _choose(token: Foreign, keys: Sequence[PublicKey]) -> PublicKey:
    """The one key that can have signed it: named by ``kid``; without one, the only key of that family. Raises ProviderError."""
    kid = token.header.get("kid")
    family = _FAMILY.get(token.alg[:2])
    fit = [
        one
        for one in keys
        if family is not None
        and isinstance(one, family)
        and one.get("use") in (None, "sig")
        and one.get("alg") in (None, token.alg)
        and (kid is None or one.kid == kid)
    ]
    if len(fit) != 1:
        named = f"one signing key for {token.alg}" + ("" if kid is None else f" named {kid[:60]!r}")
        raise ProviderError("key of the ID token", named, f"{len(fit)} of {len(keys)} published keys")
    return fit[0]


def _check_parties(claims: dict[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise ProviderError("iss", expected.issuer, str(claims.get("iss")))
    audience = claims.get("aud")
    listed = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    azp = claims.get("azp")
    if expected.client_id not in listed:
        raise ProviderError("aud", expected.client_id, str(audience))
    if (len(listed) > 1 or azp is not None) and azp != expected.client_id:
        raise ProviderError("azp", expected.client_id, str(azp))
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isascii():
        raise ProviderError("sub", "1 to 255 ASCII characters", repr(subject)[:80])


def _check_times(token: Foreign, now: datetime) -> None:
    """``exp`` and ``iat`` are needed; a missing one never skips its check (RP-04)."""
    at = now.timestamp()
    try:
        ends, made, starts = token.number("exp"), token.number("iat"), token.number("nbf")
    except ForeignError as error:
        raise ProviderError("times of the ID token", "numbers of seconds", str(error)) from error
    if ends is None or at >= ends:
        raise ProviderError("exp", f"later than {int(at)}", str(ends))
    if made is None or made > at + AHEAD.total_seconds() or made < at - OLDEST.total_seconds():
        raise ProviderError("iat", f"about {int(at)}", str(made))
    if starts is not None and starts > at + AHEAD.total_seconds():
        raise ProviderError("nbf", f"not later than {int(at)}", str(starts))


def _check_access_token(token: Foreign, expected: Expected) -> None:
    """``at_hash``, where there is one, is of the access token that came along (§3.1.3.6)."""
    given = token.claims.get("at_hash")
    if given is None:
        return
    size = token.alg[-3:] if token.alg[-3:] in ("256", "384") else "512"
    digest = hashlib.new(f"sha{size}", expected.access_token.encode()).digest()
    wanted = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if not isinstance(given, str) or not same(given, wanted):
        raise ProviderError("at_hash", "that of the access token", str(given))


def read_identity(claims: dict[str, Any]) -> Identity:
    """Whom the claims vouch for. A claim of another type than it must have is as if it were not there (RP-25)."""
    email, name, sid, acr = (_text(claims.get(one)) for one in ("email", "name", "sid", "acr"))
    at, amr = claims.get("auth_time"), claims.get("amr")
    return Identity(
        claims["sub"],
        email if claims.get("email_verified") is True else None,
        name,
        sid,
        tuple(one for one in amr if _text(one) and one.isalnum())[:20] if isinstance(amr, list) else (),
        acr,
        _instant(at),
    )


def _instant(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**36:
        return None
    return from_micros(int(value * 1_000_000))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 1_000 else None
