"""Authorization server metadata (RFC 8414) and OpenID discovery: what this server can do, each folder saying its part."""

from .metadata import ENDPOINTS, METADATA, OAUTH, OPENID, metadata, show_metadata, well_known_paths

__all__ = [
    "ENDPOINTS",
    "METADATA",
    "OAUTH",
    "OPENID",
    "metadata",
    "show_metadata",
    "well_known_paths",
]
