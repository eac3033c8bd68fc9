"""Connections of organizations to identity providers, and logins that are under way at one."""
