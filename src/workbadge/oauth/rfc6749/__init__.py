"""The OAuth 2.0 framework (RFC 6749): requests and errors of its endpoints, clients, the authorization request, tokens.

Every other protocol folder of this room stands on this one. It imports none of them, but for the tables in which they
register: ``authorize.CHECKS`` and ``token.GRANTS``.
"""
