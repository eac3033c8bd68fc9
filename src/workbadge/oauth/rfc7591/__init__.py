"""Clients that register themselves (RFC 7591, RFC 7592, OpenID Connect Registration). Off unless the operator opens it."""

from .metadata import Metadata, MetadataError, read_metadata, shown

__all__ = ["Metadata", "MetadataError", "read_metadata", "shown"]
