"""DPoP at the endpoints of this side (RFC 9449 §5, §10); what a proof must say stands in ``web.rfc9449``."""
