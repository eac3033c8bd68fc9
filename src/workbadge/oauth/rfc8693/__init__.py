"""Token exchange (RFC 8693), for one purpose: a person's token for that of an install's system user (L4)."""
