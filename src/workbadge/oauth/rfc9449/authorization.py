"""The key that a code is to be bound to (RFC 9449 §10)."""

import re

import msgspec

from workbadge.oauth.rfc6749.authorization import Authorization, invalid

_JKT = re.compile(r"[A-Za-z0-9_-]{43}")


def check_jkt(asked: Authorization) -> None:
    """``dpop_jkt`` has the form of a thumbprint."""
    jkt = asked.values.get("dpop_jkt")
    if jkt is None:
        return
    if not _JKT.fullmatch(jkt):
        raise invalid("Expected dpop_jkt as the SHA-256 thumbprint of a key, 43 characters.")
    asked.standard = msgspec.structs.replace(asked.standard, jkt=jkt)
