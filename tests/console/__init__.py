"""The console through HTTP: the application itself on a real database, no server."""
