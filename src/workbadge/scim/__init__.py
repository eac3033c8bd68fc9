"""Provisioning of an organization's accounts and groups by its directory: SCIM 2.0 (O5, RFC 7643, RFC 7644).

Imports ``web`` and below, and none of its siblings.
"""
