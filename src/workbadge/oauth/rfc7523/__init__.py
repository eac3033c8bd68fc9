"""Clients that prove themselves by a signed assertion: ``private_key_jwt`` (RFC 7523, OpenID Connect Core §9)."""

from .assertion import ASSERTION_TYPE, CHECKS, Assertion, BadAssertionError, Expected, check, client_of

__all__ = ["ASSERTION_TYPE", "CHECKS", "Assertion", "BadAssertionError", "Expected", "check", "client_of"]
