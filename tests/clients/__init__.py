"""Real third-party clients, unmodified, against a real sandbox (``wire.md`` §7)."""
