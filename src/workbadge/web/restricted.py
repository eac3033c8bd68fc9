"""Letting restricted tokens in: a token that is bound to a key comes with a proof of that key (RFC 9449 §7), one that is meant
for another resource never comes here (RFC 8707)."""

from dataclasses import dataclass
from datetime import datetime

from starlette.types import Scope

from workbadge.commands.client_terms import load_terms
from workbadge.commands.services import Services
from workbadge.commands.used_proof import use_once
from workbadge.keys import hash_secret, read_restricted, same
from workbadge.keys.foreign import ALGORITHMS
from workbadge.store import grants

from .rfc9449 import Asked, BadProofError, Proof, check, current_nonce, is_nonce
from .wire import WireError, WireParams


@dataclass(frozen=True, slots=True)
class Presented:
    """How a token or a request for one is presented. ``url``: below the public address; ``proof``: the DPoP header."""

    method: str
    path: str
    proof: str | None


class RestrictedError(Exception):
    """The proof or the token is refused. ``error``: a code of RFC 9449 §7.1 or RFC 6750 §3.1; ``nonce``: to be used next."""

    def __init__(self, error: str, message: str, nonce: str | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.nonce = nonce


async def prove(
    services: Services, presented: Presented, token: str | None, nonce_needed: bool, now: datetime
) -> Proof:
    """The proof of a request, used up by this. ``token``: the one beside it. Raises RestrictedError."""
    if presented.proof is None:
        raise RestrictedError("invalid_dpop_proof", "A DPoP proof is needed.")
    asked = Asked(presented.method, services.base_url + presented.path, token)
    try:
        proof = check(presented.proof, asked, now)
    except BadProofError as error:
        raise RestrictedError("invalid_dpop_proof", f"The DPoP proof is not right: {error}.") from error
    if proof.nonce is None and nonce_needed:
        raise RestrictedError("use_dpop_nonce", "The DPoP proof needs a nonce.", current_nonce(services.sealer, now))
    if proof.nonce is not None and not is_nonce(services.sealer, proof.nonce, now):
        raise RestrictedError("use_dpop_nonce", "The nonce is old.", current_nonce(services.sealer, now))
    if not await use_once(services, proof.mark, proof.expires, now):
        raise RestrictedError("invalid_dpop_proof", "The DPoP proof was used before.")
    return proof


async def admit(services: Services, presented: Presented, token: str, now: datetime) -> bytes:
    """The hash of a restricted token that may be used here: bound to the key that the request proves, meant for this server.

    Whether it is alive is not asked. Raises RestrictedError.
    """
    text = read_restricted(token)
    if text is None:
        raise RestrictedError("invalid_token", "Expected a token that is bound to a key.")
    hashed = hash_secret(text)
    async with services.store.read() as tx:
        row = await grants.find_token(tx, hashed)
        needs_nonce = row is not None and (await load_terms(tx, row.app_id)).dpop_nonce
    proof = await prove(services, presented, token, needs_nonce, now)
    if row is None or row.resource is not None or row.jkt is None or not same(row.jkt, proof.jkt):
        raise RestrictedError(
            "invalid_token", "The token is not known, not bound to this key, or not meant for this server."
        )
    return hashed


async def admit_caller(services: Services, scope: Scope, params: WireParams, now: datetime) -> None:
    """Put the hash of a restricted token that may be used here into ``params``. Raises WireError 190, status 401."""
    proofs = [value.decode("latin-1") for name, value in scope["headers"] if name == b"dpop"]
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    presented = Presented(scope["method"], path, proofs[0] if len(proofs) == 1 else None)
    try:
        params.hash = await admit(services, presented, params.token or "", now)
    except RestrictedError as error:
        message = f"Invalid OAuth access token - {error.message}"
        raise WireError(190, message, status=401, challenge=challenge(error), nonce=error.nonce) from error


def challenge(error: RestrictedError) -> str:
    """The value of WWW-Authenticate (RFC 9449 §7.1)."""
    return f'DPoP error="{error.error}", error_description="{error.message}", algs="{" ".join(sorted(ALGORITHMS))}"'
