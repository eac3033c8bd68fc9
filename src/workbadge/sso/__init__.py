"""Sign-in at an organization's own identity provider (O3, O4, O6), by OpenID Connect and by SAML 2.0.

Imports ``web`` and below, and none of its siblings.
"""
