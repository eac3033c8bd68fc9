"""``signed_request``: a payload that an app can verify with its secret (``wire.md`` §6.1)."""

import base64
import hashlib
import hmac
import json
from typing import Any


def make_signed_request(secret: str, payload: dict[str, Any]) -> str:
    """``<signature>.<payload>``, both base64url without padding; the signature is the raw HMAC-SHA256 of the *encoded*
    payload under the app's secret."""
    text = json.dumps({"algorithm": "HMAC-SHA256", **payload}, separators=(",", ":"), ensure_ascii=True)
    encoded = _encode(text.encode())
    return f"{_encode(hmac.new(secret.encode(), encoded.encode(), hashlib.sha256).digest())}.{encoded}"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
