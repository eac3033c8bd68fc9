"""``appsecret_proof`` and comparing secrets (``wire.md`` §3.7)."""

import hashlib
import hmac


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def app_secret_proof(secret: str, token: str, at: int | None = None) -> str:
    """Lower-case hex HMAC-SHA256 of ``token`` (or of ``token|at``, Unix seconds) under the app's secret."""
    message = token if at is None else f"{token}|{at}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def proof_matches(proof: str, secret: str, token: str, at: int | None = None) -> bool:
    """Whether ``proof`` is exactly the proof; hex in lower case only (MT-13)."""
    return same(proof, app_secret_proof(secret, token, at))
