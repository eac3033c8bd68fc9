"""Workbadge: managed work accounts, and a migration to them that breaks no app connection."""

__version__ = "0.1.0"
