"""Identity nodes: User, SystemUser, BusinessUser, Application (``wire.md`` §3.4, §3.6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.terms.kinds import AccountKind
from workbadge.terms.tasks import NONE, Task, task_names

from .context import Call
from .nodes import OMIT, NodeType, Render, wire_time


@dataclass(frozen=True, slots=True)
class Person:
    """The account behind a token, as an app may see it. ``shown_id``: app-scoped for people."""

    shown_id: int
    kind: AccountKind
    name: str
    email: str | None
    locale: str
    created: datetime
    business_id: int | None
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's or system user's place in a business. ``id``: as apps know it; ``place_id``: the membership's."""

    id: int
    place_id: int
    account_id: int
    name: str
    email: str | None
    role: str
    created: datetime
    business_id: int
    business_name: str
    system: bool = False
    tasks: Task = NONE
    title: str | None = None
    finance_permission: str | None = None
    ip_permission: str | None = None
    created_by: int | None = None
    ending: bool = False


def seat_of(row: Any) -> Seat:
    """A row of ``store.seats``; people are known by their place, system users by their account."""
    system = row.kind == AccountKind.SYSTEM.value
    return Seat(
        row.account_id if system else row.id,
        row.id,
        row.account_id,
        row.name,
        row.email,
        row.role,
        row.created_at,
        row.business_id,
        row.business_name,
        system,
        Task(getattr(row, "tasks", 0)),
        row.title,
        row.finance_permission,
        row.ip_permission,
        row.created_by,
        row.ends is not None,
    )


@dataclass(frozen=True, slots=True)
class AppShown:
    """An app as it shows itself. ``inside``: to itself and to whoever has a role on it, with what others need not know."""

    row: Any
    inside: bool = True


def _given(value: str | None) -> Any:
    return OMIT if value is None else value


def _first(call: Call, person: Any) -> Any:
    return (person.name.split() or [OMIT])[0]


def _last(call: Call, person: Any) -> Any:
    return (person.name.split()[1:] or [OMIT])[-1]


def _middle(call: Call, person: Person) -> Any:
    parts = person.name.split()
    return " ".join(parts[1:-1]) if len(parts) > 2 else OMIT


def _nothing(call: Call, person: Person) -> Any:
    return OMIT


def picture_of(call: Call) -> dict[str, Any]:
    """The picture that everybody has."""
    url = f"{call.services.base_url}/static/avatar.svg"
    return {"data": {"url": url, "is_silhouette": True, "height": 50, "width": 50}}


def _picture(call: Call, person: Any) -> Any:
    return picture_of(call)


def _business(call: Call, seat: Seat) -> Any:
    return {"id": str(seat.business_id), "name": seat.business_name}


USER = NodeType(
    "User",
    {
        "id": lambda call, person: str(person.shown_id),
        "name": lambda call, person: person.name,
        "first_name": _first,
        "last_name": _last,
        "middle_name": _middle,
        "short_name": _first,
        "email": lambda call, person: _given(person.email) if "email" in person.scopes else OMIT,
        "picture": _picture,
        "is_work_account": lambda call, person: True if person.kind is AccountKind.MANAGED else OMIT,
        "locale": lambda call, person: person.locale,
        "installed": lambda call, person: True,
        "client_business_id": _nothing,
        "install_type": _nothing,
        "timezone": _nothing,
        "verified": _nothing,
        "link": _nothing,
        "gender": _nothing,
        "updated_time": _nothing,
    },
)
SYSTEM_USER = NodeType(
    "SystemUser",
    {
        "id": lambda call, person: str(person.shown_id),
        "name": lambda call, person: person.name,
        "created_time": lambda call, person: wire_time(person.created),
        "client_business_id": lambda call, person: str(person.business_id),
    },
)
_PERMISSIONS: dict[str, Render] = {
    "finance_permission": lambda call, seat: _given(seat.finance_permission),
    "ip_permission": lambda call, seat: _given(seat.ip_permission),
}
NO_SECOND_FACTOR = "disabled"
"""``two_fac_status`` of everybody: a login here asks for no second factor, and none is kept."""
BUSINESS_USER = NodeType(
    "BusinessUser",
    {
        "id": lambda call, seat: str(seat.id),
        "name": lambda call, seat: seat.name,
        "first_name": _first,
        "last_name": _last,
        "email": lambda call, seat: _given(seat.email),
        "role": lambda call, seat: seat.role,
        "tasks": lambda call, seat: [seat.role],
        "business": _business,
        "title": lambda call, seat: _given(seat.title),
        "marked_for_removal": lambda call, seat: seat.ending,
        "pending_email": _nothing,
        "two_fac_status": lambda call, seat: NO_SECOND_FACTOR,
        **_PERMISSIONS,
    },
    ("id", "name", "role"),
)
SYSTEM_SEAT = NodeType(
    "SystemUser",
    {
        "id": lambda call, seat: str(seat.id),
        "name": lambda call, seat: seat.name,
        "role": lambda call, seat: seat.role,
        **_PERMISSIONS,
        "created_time": lambda call, seat: wire_time(seat.created),
    },
    ("id", "name", "role"),
)
ASSIGNED_USER = NodeType(
    "AssignedUser",
    {
        "id": lambda call, seat: str(seat.id),
        "name": lambda call, seat: seat.name,
        "business": _business,
        "user_type": lambda call, seat: "system_user" if seat.system else "business_user",
        "tasks": lambda call, seat: task_names(seat.tasks),
    },
    ("id", "name", "tasks"),
)


def _of_app(name: str, inside: bool = False) -> Render:
    """A column of the app, when it has a value; ``inside``: not for everybody."""

    def render(call: Call, app: AppShown) -> Any:
        return _given(getattr(app.row, name)) if app.inside or not inside else OMIT

    return render


def _domains(call: Call, app: AppShown) -> Any:
    return [one for one in (app.row.app_domains or "").split(",") if one]


_ROLES = (
    (Task.MANAGE, "Manager"),
    (Task.CREATE_CONTENT, "Content Creator"),
    (Task.MODERATE, "Moderator"),
    (Task.MESSAGING, "Moderator"),
    (Task.ADVERTISE, "Advertiser"),
)
PAGE_ROLE = NodeType(
    "PageRole",
    {
        "id": lambda call, seat: str(seat.id),
        "name": lambda call, seat: seat.name,
        "role": lambda call, seat: next((name for task, name in _ROLES if task in seat.tasks), "Analyst"),
        "tasks": lambda call, seat: task_names(seat.tasks),
        "is_active": lambda call, seat: True,
    },
    ("id", "name", "role", "tasks"),
)
APPLICATION = NodeType(
    "Application",
    {
        "id": lambda call, app: str(app.row.id),
        "name": lambda call, app: app.row.name,
        "created_time": lambda call, app: wire_time(app.row.created_at),
        "user_support_url": _of_app("user_support_url"),
        "user_support_email": _of_app("user_support_email"),
        "privacy_policy_url": _of_app("privacy_policy_url"),
        "terms_of_service_url": _of_app("terms_of_service_url"),
        "contact_email": _of_app("contact_email", True),
        "deauth_callback_url": _of_app("deauth_callback_url", True),
        "app_domains": _domains,
    },
)
POST = NodeType(
    "PagePost",
    {
        "id": lambda call, post: f"{post.page_id}_{post.id}",
        "message": lambda call, post: post.message,
        "created_time": lambda call, post: wire_time(post.created_at),
    },
    ("id", "message", "created_time"),
)
