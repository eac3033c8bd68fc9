"""Edges of the calling app, for its app token (``wire.md`` §3.6, §6.4)."""

from collections.abc import Awaitable, Callable
from typing import Any

from workbadge.commands import test_users, webhooks
from workbadge.commands.errors import CommandError
from workbadge.commands.transaction import in_transaction
from workbadge.commands.webhooks import NewSubscription
from workbadge.store import apps, records
from workbadge.store import webhooks as stored
from workbadge.store.engine import Tx
from workbadge.terms.apps import Level, Review, read_limits
from workbadge.terms.ids import parse_id
from workbadge.terms.scopes import DEFAULT_SCOPES, SCOPES
from workbadge.web import handshake
from workbadge.web.outgoing import OutgoingError
from workbadge.web.wire import WireError

from .context import Call

AppEdge = Callable[[Call, int], Awaitable[Any]]
"""A call of an edge of the app with that id; the app itself calls."""

APP_TOKEN_NEEDED = "(#200) This edge must be called with an app access token."
TRUE = frozenset({"true", "1"})
"""How a boolean that is set may be written (``wire.md`` §3.10), in small letters."""


def refused(error: CommandError) -> WireError:
    """A command's refusal of what an app sent."""
    expected = f" Expected: {error.expected}." if error.expected else ""
    return WireError(100, f"(#100) {error.message}{expected}")


def names_in(text: str | None) -> tuple[str, ...]:
    """A list as clients write it: separated by commas, or a JSON array of plain names (``wire.md`` §3.10)."""
    plain = (text or "").strip().removeprefix("[").removesuffix("]").replace('"', "")
    return tuple(one.strip() for one in plain.split(",") if one.strip())


async def list_subscriptions(call: Call, app_id: int) -> dict[str, Any]:
    """``GET {app}/subscriptions``."""
    async with call.services.store.read() as tx:
        rows = await stored.list_subscriptions(tx, app_id)
    return {
        "data": [
            {
                "object": row.object,
                "callback_url": row.callback_url,
                "active": row.stopped_at is None,
                "fields": [{"name": name, "version": f"v{call.version}"} for name in row.fields.split(",")],
            }
            for row in rows
        ]
    }


async def subscribe(call: Call, app_id: int) -> dict[str, Any]:
    """``POST {app}/subscriptions``: stored once the receiver has answered the handshake. Raises WireError."""
    values = call.params.values
    new = NewSubscription(
        values.get("object", ""),
        values.get("callback_url") or None,
        names_in(values.get("fields")) or None,
        values.get("include_values", "").lower() in TRUE,
    )
    try:
        await handshake.subscribe(call.site, app_id, new, values.get("verify_token", ""), call.now)
    except CommandError as error:
        raise refused(error) from error
    except OutgoingError as error:
        raise WireError(2200, f"(#2200) Callback verification failed: {error}.") from error
    return {"success": True}


async def unsubscribe(call: Call, app_id: int) -> dict[str, Any]:
    """``DELETE {app}/subscriptions``: one object, fields of it, or all. Raises WireError."""
    values = call.params.values
    wanted, fields = values.get("object") or None, names_in(values.get("fields"))

    async def work(tx: Tx) -> None:
        await webhooks.unsubscribe(tx, call.services, app_id, wanted, fields, call.now)

    try:
        await in_transaction(call.services, work)
    except CommandError as error:
        raise refused(error) from error
    return {"success": True}


async def list_test_users(call: Call, app_id: int) -> dict[str, Any]:
    """``GET {app}/accounts``: test users, without their passwords and tokens, which are told once."""
    async with call.services.store.read() as tx:
        rows = await apps.list_test_users(tx, app_id)
        ids = [await records.find_scoped_id(tx, app_id, row.account_id) for row in rows]
    shown = zip(ids, rows, strict=True)
    return {
        "data": [
            {"id": str(one), "name": row.name, "email": row.email, "login_url": _login(call)} for one, row in shown
        ]
    }


def _login(call: Call) -> str:
    """Where a test user signs in."""
    return f"{call.services.base_url}/login"


async def add_test_user(call: Call, app_id: int) -> dict[str, Any]:
    """``POST {app}/accounts``: a test user with its password, and (``installed``, the default) a token. Raises WireError."""
    values = call.params.values
    installed = values.get("installed", "true").lower() in TRUE
    scopes = names_in(values.get("permissions")) or DEFAULT_SCOPES
    try:
        made = await test_users.add_test_user(
            call.services, app_id, values.get("name") or None, installed, scopes, call.now
        )
    except CommandError as error:
        raise refused(error) from error
    answer = {"id": str(made.id), "login_url": _login(call), "email": made.email, "password": made.password}
    return answer if made.token is None else {**answer, "access_token": made.token}


async def delete_test_user(call: Call, app_id: int) -> dict[str, Any]:
    """``DELETE {app}/accounts`` with ``uid``. Raises WireError."""
    user_id = parse_id(call.params.values.get("uid", ""))
    if user_id is None:
        raise WireError(100, "(#100) The parameter uid must be the id of a test user.")

    async def work(tx: Tx) -> None:
        await test_users.delete_test_user(tx, call.services, app_id, user_id, call.now)

    try:
        await in_transaction(call.services, work)
    except CommandError as error:
        raise refused(error) from error
    return {"success": True}


async def list_roles(call: Call, app_id: int) -> dict[str, Any]:
    """``GET {app}/roles``: who works on the app, under the ids by which it knows them (none yet: left out)."""
    async with call.services.store.read() as tx:
        rows = await apps.list_roles(tx, app_id)
        ids = [await records.find_scoped_id(tx, app_id, row.account_id) for row in rows]
    shown = zip(ids, rows, strict=True)
    return {
        "data": [{"app_id": str(app_id), "user": str(one), "role": row.role} for one, row in shown if one is not None]
    }


async def list_permissions(call: Call, app_id: int) -> dict[str, Any]:
    """``GET {app}/permissions``: every permission, the app's access to it and how its review stands (``wire.md`` §6.8)."""
    async with call.services.store.read() as tx:
        known = {row.scope: row for row in await apps.list_permissions(tx, app_id)}
        app = await records.find_app(tx, app_id)
    closed = read_limits(None if app is None else app.limits).scopes
    data = []
    for name in SCOPES:
        row = known.get(name)
        level = Level.ADVANCED.value if row is None else row.level
        review = Review.NOT_REQUESTED.value if row is None else row.review
        status = "restricted" if name in closed else "live"
        data.append({"permission": name, "status": status, "access_level": level, "review": review})
    return {"data": data}


_TEST_USERS: dict[str, AppEdge] = {"GET": list_test_users, "POST": add_test_user, "DELETE": delete_test_user}
APP_CALLS: dict[str, dict[str, AppEdge]] = {
    "subscriptions": {"GET": list_subscriptions, "POST": subscribe, "DELETE": unsubscribe},
    "accounts": _TEST_USERS,
    "accounts/test-users": _TEST_USERS,
    "roles": {"GET": list_roles},
    "permissions": {"GET": list_permissions},
}
"""Edges of an application that are more than a list, by name and method. For the app itself alone, by its app token."""
