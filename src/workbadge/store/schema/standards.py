"""The tables of the standards side: signing keys, clients, refresh tokens, pushed requests."""
