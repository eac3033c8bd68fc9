"""Resource indicators: what a token is meant for (RFC 8707)."""
