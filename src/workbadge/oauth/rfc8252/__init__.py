"""Native apps (RFC 8252): loopback redirects on any port, and asking again."""

from .loopback import asks_again, is_registered

__all__ = ["asks_again", "is_registered"]
