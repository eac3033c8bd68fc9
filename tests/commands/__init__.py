"""Commands on real engines: SQLite and PostgreSQL."""
