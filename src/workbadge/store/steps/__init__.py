"""Schema steps (Alembic). ``store.upgrade`` runs them; no configuration file is needed."""
