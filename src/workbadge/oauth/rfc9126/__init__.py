"""Authorization requests that are sent ahead, by the client itself (PAR, RFC 9126)."""
