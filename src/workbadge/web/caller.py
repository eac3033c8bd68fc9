"""Who calls: the token's text, its checksum and hash, app tokens, ``appsecret_proof``. No decision is made here.

Sources: ``wire.md`` §3.2, §3.7, §3.8, 9.13, 9.18.
"""

from dataclasses import dataclass
from datetime import datetime

from workbadge.commands.registration import SECRET_PLACE
from workbadge.commands.services import Services
from workbadge.keys import hash_secret, proof_matches, read_restricted, read_token, same
from workbadge.store import facts, inspections
from workbadge.store.facts import Loaded
from workbadge.terms.apps import Limits, read_limits
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import NodeKind, TokenKind

from .wire import WireError, WireParams

MALFORMED = "Invalid OAuth access token - Cannot parse access token"
RESTRICTED = "Invalid OAuth access token - It is bound to a key, or meant for another resource: expected the DPoP scheme with a proof"
PROOF_SECONDS = 300
NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class AppCaller:
    """An app that calls for itself, by ``id|secret`` or an app token. ``limits``: what is stopped for it."""

    app_id: int
    secret: str
    limits: Limits = NO_LIMITS


def token_hash(text: str) -> bytes:
    """The hash of a token whose checksum is right. Raises WireError 190 without a database read."""
    token = read_token(text)
    if token is None:
        raise WireError(190, MALFORMED if read_restricted(text) is None else RESTRICTED, www="invalid_token")
    return hash_secret(token)


def is_app_token(text: str) -> bool:
    """Whether the text has the form of an app token: the id of an app, a bar, something."""
    head, bar, rest = text.partition("|")
    found = parse_id(head) if bar and rest else None
    return found is not None and kind_of(found) is NodeKind.APP


async def find_app_caller(services: Services, text: str, now: datetime) -> AppCaller:
    """The app behind ``id|secret`` or ``id|token``. Raises WireError 190 when it is neither, or when the app is native: the
    secret of such an app is in everybody's hands (``wire.md`` §6.9)."""
    head, _, rest = text.partition("|")
    refused = WireError(
        190,
        "Error validating application. Cannot get application info due to a system error.",
        www="invalid_token",
    )
    if not is_app_token(text):
        raise refused
    app = await inspections.find_app_secret(services.store, int(head))
    if app is None or app.disabled_at is not None or app.native:
        raise refused
    secret = services.sealer.open(app.sealed, SECRET_PLACE)
    if same(rest, secret):
        return AppCaller(app.id, secret, read_limits(app.limits))
    loaded = await facts.load(services.store, hash_secret(rest))
    token = None if loaded is None else loaded.facts.token
    if loaded is None or token is None or token.kind is not TokenKind.APP or loaded.app_id != app.id:
        raise refused
    if token.revoked is not None and token.revoked <= now:
        raise refused
    return AppCaller(app.id, secret, read_limits(app.limits))


def check_proof(services: Services, loaded: Loaded, params: WireParams, token: str, now: datetime) -> None:
    """``appsecret_proof``, whenever it is present, and always when the app requires it. Raises WireError 100."""
    if "appsecret_proof" in params.values:
        check_given_proof(services.sealer.open(loaded.app_secret, SECRET_PLACE), params, token, now)
    elif loaded.require_proof:
        raise WireError(
            100,
            "API calls from the server require an appsecret_proof argument",
            kind="GraphMethodException",
        )


def check_given_proof(secret: str, params: WireParams, token: str, now: datetime) -> None:
    """``appsecret_proof`` if it is present: of this token, under the app's secret, in time. Raises WireError 100.

    An app token needs none: it is, or stands for, the secret itself.
    """
    proof = params.values.get("appsecret_proof")
    if proof is None:
        return
    at = params.values.get("appsecret_time")
    seconds: int | None = None
    fresh = True
    if at is not None:
        seconds = int(at) if at.isascii() and at.isdecimal() and len(at) <= 12 else -1
        fresh = abs(to_micros(now) // 1_000_000 - seconds) <= PROOF_SECONDS
    if "appsecret_proof" in params.doubled or not fresh or not proof_matches(proof, secret, token, seconds):
        raise WireError(
            100,
            "Invalid appsecret_proof provided in the API argument",
            kind="GraphMethodException",
        )
