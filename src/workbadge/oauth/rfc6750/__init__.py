"""Bearer tokens at the endpoints of this side (RFC 6750): in the header or in a form, never in the query (OA-35)."""

from .bearer import Caller, call_as_app, call_with_token

__all__ = ["Caller", "call_as_app", "call_with_token"]
