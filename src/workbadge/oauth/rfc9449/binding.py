"""Which key the client proves to hold, and what must be bound to it.

A code is bound by ``dpop_jkt`` or by the proof of a pushed request (§10), an access token by the proof of the token request (§5), the
refresh tokens of a public client by the first one (§5).
"""

from workbadge.oauth.rfc6749.call import Call
from workbadge.oauth.rfc6749.errors import OAuthError
from workbadge.web.restricted import Presented, RestrictedError, prove


def refusal(error: RestrictedError, status: int = 400) -> OAuthError:
    """A refusal of this side; the nonce to be used next goes with it (§8)."""
    headers = () if error.nonce is None else ((b"dpop-nonce", error.nonce.encode()),)
    return OAuthError(error.error, error.message, status, headers=headers)


async def proven_key(call: Call) -> str | None:
    """The thumbprint of the key that this call proves; None when it carries no proof. Raises OAuthError."""
    header = call.header(b"dpop")
    if header is None:
        return None
    needs_nonce = (await call.agreed()).dpop_nonce
    try:
        proof = await prove(call.services, Presented(call.method, call.path, header), None, needs_nonce, call.now)
    except RestrictedError as error:
        raise refusal(error) from error
    return proof.jkt


async def bound_key(call: Call) -> str | None:
    """The key that a token of this call is to be bound to. Raises OAuthError when the client agreed on bound ones and proves none."""
    key = await proven_key(call)
    if key is None and (await call.agreed()).dpop_bound:
        raise OAuthError("invalid_dpop_proof", "This client's tokens are bound to a key: a DPoP proof is needed.")
    return key
