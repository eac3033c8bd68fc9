"""Tokens bound to a key that the client proves to hold with each request: DPoP (RFC 9449)."""

from .nonce import current_nonce, is_nonce
from .proof import CHECKS, Asked, BadProofError, Proof, check

__all__ = ["CHECKS", "Asked", "BadProofError", "Proof", "check", "current_nonce", "is_nonce"]
