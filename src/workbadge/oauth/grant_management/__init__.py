"""Grant Management for OAuth 2.0 (OpenID Foundation, FAPI): a client names the grant that a request is about, looks it up,
and gives it back. There is one grant for an account and an app, so ``create`` asks for all anew under the same id."""

from .asking import ACTIONS, check_grant_action
from .endpoint import GRANTS, QUERY, REVOKE, grant

__all__ = ["ACTIONS", "GRANTS", "QUERY", "REVOKE", "check_grant_action", "grant"]
