"""Shared HTTP: caller, clock, errors, paging, sessions, CSRF, limits, pages, the wire's envelope.

What two of the rooms ``graph``, ``oauth``, ``console``, ``sandbox`` need sinks to here. Imports: ``commands`` and below.
"""
