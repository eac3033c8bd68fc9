"""Reasons: why a decision came out as it did. A closed list with one owner (``house.md`` 14).

The wire's code for each stands once, in ``graph/errors.py``; the page's sentence in ``web/errors.py``.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an answer is what it is. The first block allows, the rest deny."""

    # allowed because of
    PERSONAL_DATA = "personal_data"
    DIRECT_ROLE = "direct_role"
    MEMBERSHIP = "membership"
    SHARE = "share"
    SYSTEM_USER = "system_user"
    GRACE = "grace"

    # token
    TOKEN_MALFORMED = "token_malformed"
    TOKEN_UNKNOWN = "token_unknown"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_REVOKED = "token_revoked"
    PARENT_REVOKED = "parent_revoked"
    PASSWORD_CHANGED = "password_changed"
    OTHER_PAGE = "other_page"
    # app
    APP_DISABLED = "app_disabled"
    APP_REMOVED = "app_removed"
    NO_ACCOUNT = "no_account"
    # grant
    SCOPE_MISSING = "scope_missing"
    NOT_SELECTED = "not_selected"
    GRANT_LAPSED = "grant_lapsed"
    # account
    ACCOUNT_SUSPENDED = "account_suspended"
    ACCOUNT_DELETED = "account_deleted"
    # route
    NODE_UNKNOWN = "node_unknown"
    NO_ROUTE = "no_route"
    MEMBERSHIP_ENDED = "membership_ended"
    SHARE_ENDED = "share_ended"
    TASK_MISSING = "task_missing"
    # business policy
    BUSINESS_SUSPENDED = "business_suspended"
    # migration and grace
    GRACE_ENDED = "grace_ended"
    DEADLINE_PASSED = "deadline_passed"
    HANDED_OVER = "handed_over"
    MANAGING_MOVED = "managing_moved"
    LEAVER = "leaver"
