"""``/oauth/introspect``: token introspection (RFC 7662), with the end of each asset (OA-36, I8)."""

from .introspect import introspect

__all__ = ["introspect"]
