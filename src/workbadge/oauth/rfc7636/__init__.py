"""Proof Key for Code Exchange (RFC 7636): S256 only, for every client (RFC 9700 §2.1.1; OA-14, OA-15)."""

from .challenge import check_challenge

__all__ = ["check_challenge"]
