"""Edges of the calling app, for its app token (``wire.md`` §3.6, §6.4)."""

from collections.abc import Awaitable, Callable
from typing import Any

from workbadge.commands import webhooks
from workbadge.commands.errors import CommandError
from workbadge.commands.transaction import in_transaction
from workbadge.commands.webhooks import NewSubscription
from workbadge.store import webhooks as stored
from workbadge.store.engine import Tx
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


APP_CALLS: dict[str, dict[str, AppEdge]] = {
    "subscriptions": {"GET": list_subscriptions, "POST": subscribe, "DELETE": unsubscribe},
}
"""Edges of an application that are more than a list, by name and method. For the app itself alone, by its app token."""
