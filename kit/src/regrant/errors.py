"""What an error means and what to do about it: the table of ``wire.md`` §8.5, by code and sub-code before text."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why a call failed."""

    LOST_REACH = "lost_reach"
    """The token is alive and no longer reaches the asset: the window of a migration is over, or a role was taken away."""
    GONE = "gone"
    """The object does not exist, or this token may not see it."""
    APP_REMOVED = "app_removed"
    """The person removed the app."""
    LOGIN_ENDED = "login_ended"
    """The token is expired, revoked or unusable."""
    ROLE_LOST = "role_lost"
    """The person lost the role on the page that the token stands for."""
    PERMISSION_MISSING = "permission_missing"
    """A permission was not granted, or was taken back."""
    LIMIT = "limit"
    """Too many calls."""
    FAULT = "fault"
    """The server failed, and says that it may work again."""
    UNREACHABLE = "unreachable"
    """No answer: no connection, a time-out, an answer cut off."""
    GARBLED = "garbled"
    """An answer that is none of this API."""
    REFUSED = "refused"
    """The call itself is wrong, or the app may not make it. Repeating it does not help."""


class Action(StrEnum):
    """What to do."""

    RECONNECT = "reconnect"
    """The person logs in again."""
    SELECT_AGAIN = "select_again"
    """The person logs in again and selects the assets anew."""
    ASK_AGAIN = "ask_again"
    """Ask for the missing permission, with ``auth_type=rerequest``."""
    CHECK = "check"
    """Look once more, with another token, before calling the asset lost."""
    BACK_OFF = "back_off"
    """Wait until ``until``."""
    RETRY = "retry"
    """The same again, a little later."""
    FIX = "fix"
    """The app's maker has something to mend."""


ACTIONS: Mapping[Reason, Action] = {
    Reason.LOST_REACH: Action.RECONNECT,
    Reason.GONE: Action.CHECK,
    Reason.APP_REMOVED: Action.RECONNECT,
    Reason.LOGIN_ENDED: Action.RECONNECT,
    Reason.ROLE_LOST: Action.SELECT_AGAIN,
    Reason.PERMISSION_MISSING: Action.ASK_AGAIN,
    Reason.LIMIT: Action.BACK_OFF,
    Reason.FAULT: Action.RETRY,
    Reason.UNREACHABLE: Action.RETRY,
    Reason.GARBLED: Action.RETRY,
    Reason.REFUSED: Action.FIX,
}

_LIMITS = frozenset({4, 17, 32, 341, 613})
_FAULTS = frozenset({1, 2})
_LOST_TEXT = "does not exist, cannot be loaded due to missing permission"
_PAGE_TEXT = "impersonating a user's page"


class GraphError(Exception):
    """A call that failed. ``reason`` and ``action`` say what to do; the rest is what the server said.

    ``whose``: the app-scoped id of whoever the token stands for, where known. ``until``: with ``BACK_OFF`` the instant from which
    it may go on. ``detail``: the server's ``error_data``.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        code: int = 0,
        subcode: int = 0,
        status: int = 0,
        whose: str = "",
        until: datetime | None = None,
        trace: str = "",
        detail: Any = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.action = ACTIONS[reason]
        self.message = message
        self.code = code
        self.subcode = subcode
        self.status = status
        self.whose = whose
        self.until = until
        self.trace = trace
        self.detail = detail

    def __str__(self) -> str:
        number = f" ({self.code}/{self.subcode})" if self.subcode else f" ({self.code})" if self.code else ""
        return f"{self.reason}{number}: {self.message} → {self.action}"


def classify(code: int, subcode: int, transient: bool, message: str) -> Reason:
    """The reason behind an error envelope. Codes decide; text only where one code has two meanings."""
    if code in _LIMITS or 80_000 <= code <= 80_014:
        return Reason.LIMIT
    if code in _FAULTS:
        return Reason.FAULT
    if code == 190:
        if subcode == 458:
            return Reason.APP_REMOVED
        return Reason.ROLE_LOST if subcode in (490, 492) or _PAGE_TEXT in message else Reason.LOGIN_ENDED
    if code == 102:
        return Reason.LOGIN_ENDED
    if code == 10 or 200 <= code <= 299:
        return Reason.PERMISSION_MISSING
    if code == 803 or (code, subcode) == (100, 33):
        return Reason.GONE
    if code == 100 and not subcode and _LOST_TEXT in message:
        return Reason.LOST_REACH
    return Reason.FAULT if transient else Reason.REFUSED


def error_of(body: Any, status: int, whose: str, until: datetime | None) -> GraphError:
    """The error that an answer holds. What is no envelope is GARBLED."""
    told = body.get("error") if isinstance(body, dict) else None
    if not isinstance(told, dict):
        return GraphError(Reason.GARBLED, "the answer is no error of this API", status=status, whose=whose)
    code, subcode = _number(told.get("code")), _number(told.get("error_subcode"))
    message = str(told.get("message", ""))[:1000]
    reason = classify(code, subcode, told.get("is_transient") is True, message)
    return GraphError(
        reason,
        message,
        code=code,
        subcode=subcode,
        status=status,
        whose=whose,
        until=until if reason is Reason.LIMIT else None,
        trace=str(told.get("fbtrace_id", ""))[:100],
        detail=told.get("error_data"),
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
