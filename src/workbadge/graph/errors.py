"""Reason to error: the one table of the dialect (``wire.md`` §3.12, ``house.md`` 14)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workbadge.access import Ask, Deny
from workbadge.commands.errors import CommandError, Problem
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import NodeKind
from workbadge.terms.reasons import Reason
from workbadge.web.wire import WireError

LOST = (
    "(#100) Object does not exist, cannot be loaded due to missing permission or reviewable feature, "
    "or does not support this operation."
)
PAGE_SENTENCE = (
    " This endpoint requires the 'pages_read_engagement' permission or the 'Page Public Content Access' feature."
)
MALFORMED = "Invalid OAuth access token - Cannot parse access token"
NO_TOKEN = "An access token is required to request this resource."
NO_TOKEN_ME = "An active access token must be used to query information about the current user."
NOT_MANAGER = (
    "(#200) Only an admin of a business that owns or was lent this object can do that, with business_management granted "
    "and that business selected."
)
NOT_AUTHORIZED = "(#200) The user hasn't authorized the application to perform this action"
_VALIDATING = "Error validating access token: "


@dataclass(frozen=True, slots=True)
class Row:
    """How a reason reads on the wire. ``known``: the caller may know that the node exists."""

    code: int
    message: str
    subcode: int | None = None
    says: str = ""
    known: bool = True


TABLE: dict[Reason, Row] = {
    Reason.PERSONAL_DATA: Row(1, "An unknown error occurred"),
    Reason.DIRECT_ROLE: Row(1, "An unknown error occurred"),
    Reason.MEMBERSHIP: Row(1, "An unknown error occurred"),
    Reason.SHARE: Row(1, "An unknown error occurred"),
    Reason.SYSTEM_USER: Row(1, "An unknown error occurred"),
    Reason.GRACE: Row(1, "An unknown error occurred"),
    Reason.TOKEN_MALFORMED: Row(190, MALFORMED),
    Reason.TOKEN_UNKNOWN: Row(190, "Invalid OAuth access token data."),
    Reason.TOKEN_EXPIRED: Row(190, _VALIDATING + "Session has expired on {since}.", 463),
    Reason.TOKEN_REVOKED: Row(190, _VALIDATING + "The token was invalidated.", 466),
    Reason.PARENT_REVOKED: Row(
        190,
        _VALIDATING + "The login that this token descends from was invalidated.",
        466,
    ),
    Reason.PASSWORD_CHANGED: Row(
        190,
        _VALIDATING + "The session has been invalidated because the user changed the password.",
        460,
    ),
    Reason.OTHER_PAGE: Row(100, "", 33, known=False),
    Reason.APP_DISABLED: Row(190, "Error validating application. Application has been disabled."),
    Reason.APP_REMOVED: Row(190, _VALIDATING + "The user has not authorized application {app}.", 458),
    Reason.NO_ACCOUNT: Row(2500, NO_TOKEN_ME),
    Reason.SCOPE_MISSING: Row(
        200,
        NOT_AUTHORIZED,
        says="Ask for the missing permission with auth_type=rerequest.",
    ),
    Reason.NOT_SELECTED: Row(100, "", 33, known=False),
    Reason.GRANT_LAPSED: Row(
        200,
        NOT_AUTHORIZED,
        says="The app did not use what the person granted for 90 days: the person has to log in to it and grant it again.",
    ),
    Reason.ACCOUNT_SUSPENDED: Row(
        190,
        _VALIDATING + "The account behind this token is suspended by its organization.",
        464,
    ),
    Reason.ACCOUNT_DELETED: Row(190, _VALIDATING + "The account behind this token no longer exists.", 464),
    Reason.NODE_UNKNOWN: Row(100, "", 33, known=False),
    Reason.NO_ROUTE: Row(100, "", 33, known=False),
    Reason.MEMBERSHIP_ENDED: Row(100, LOST, says="The person was removed from the business of this asset."),
    Reason.SHARE_ENDED: Row(
        100,
        LOST,
        says="The owner no longer shares this asset with the person's business.",
    ),
    Reason.TASK_MISSING: Row(
        200,
        "(#200) The person has no task on this object that allows it.",
        says="An admin of the business can assign it.",
    ),
    Reason.BUSINESS_SUSPENDED: Row(100, LOST, says="The business of this asset is suspended."),
    Reason.GRACE_ENDED: Row(
        100,
        LOST,
        says="The person moved to a managed account and the old login's grace is over: "
        "reconnect with the managed account.",
    ),
    Reason.DEADLINE_PASSED: Row(
        100,
        LOST,
        says="The person did not claim the managed account before the deadline: claim it, then reconnect.",
    ),
    Reason.HANDED_OVER: Row(
        100,
        LOST,
        says="The person moved to a managed account: reconnect with the managed account.",
    ),
    Reason.MANAGING_MOVED: Row(
        200,
        "(#200) Managing this business moved to the person's managed account.",
        says="The old login's tokens keep reading and writing its assets until the cut-off; to manage people, sharing and "
        "system users reconnect with the managed account.",
    ),
    Reason.LEAVER: Row(100, LOST, says="The person left the organization of this asset."),
}


def missing(node_text: str) -> WireError:
    """The object does not exist or may not be known: the same bytes for both (MT-01)."""
    return WireError(
        100,
        f"Unsupported get request. Object with ID '{node_text[:100]}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation.",
        33,
        "GraphMethodException",
    )


def refuse(
    denial: Deny, node_text: str, app_id: int, base_url: str, known: bool = True, needs: Iterable[str] = ()
) -> WireError:
    """The error for a denial. ``known``: this grant once selected the node, so its existence is no news (L6). ``needs``: the rights, any
    one of which was missing; told where the node may be known (MT-40)."""
    row = TABLE[denial.reason]
    if not row.known or (row.code in (100, 200) and not known):
        return missing(node_text)
    since = "" if denial.since is None else to_wire(denial.since)
    message = row.message.replace("{since}", since).replace("{app}", str(app_id))
    if row.message is LOST and _is_page(node_text):
        message += PAGE_SENTENCE
    www = "invalid_token" if row.code == 190 else None
    if not row.says:
        return WireError(row.code, message, row.subcode, www=www)
    data: dict[str, Any] = {
        "reason": denial.reason.value,
        "since": since or None,
        "reconnect": reconnect_url(base_url, app_id),
    }
    names = sorted(needs)
    if names:
        data["needs"] = names
    return WireError(
        row.code,
        message,
        row.subcode,
        data=data,
        user_title="Access has ended",
        user_message=f"{row.says} Needed: {' or '.join(names)}." if names else row.says,
    )


def needs_of(denial: Deny, ask: Ask) -> Iterable[str]:
    """Names of the permissions or tasks whose absence the denial is about; none for other reasons."""
    if denial.reason is Reason.SCOPE_MISSING:
        return ask.scopes
    return (ask.tasks.name or "").split("|") if denial.reason is Reason.TASK_MISSING else ()


_CODES = {Problem.FORBIDDEN: 200, Problem.UNAUTHENTICATED: 200}


def refused(error: CommandError) -> WireError:
    """The error for a command that said no: what it was, and what would have been right."""
    code = _CODES.get(error.problem, 100)
    expected = f" Expected: {error.expected}." if error.expected else ""
    return WireError(code, f"(#{code}) {error.message}{expected}")


def reconnect_url(base_url: str, app_id: int) -> str:
    """Where a person authorizes an app anew."""
    return f"{base_url}/dialog/oauth?client_id={app_id}"


def nothing_named(text: str) -> WireError:
    """The error for a path that names no node: an id that nobody has, or an alias, of which there are none."""
    if text.isdecimal() or text.startswith("act_"):
        return missing(text)
    return WireError(803, f"(#803) Some of the aliases you requested do not exist: {text[:100]}")


def _is_page(node_text: str) -> bool:
    found = parse_id(node_text.partition("_")[0])
    return found is not None and kind_of(found) is NodeKind.PAGE
