"""``{page}/subscribed_apps``: which changes of a page the calling app is told (``wire.md`` §3.6, §6.4). For page tokens."""

from typing import Any

from workbadge.access import Deny
from workbadge.commands import webhooks
from workbadge.commands.errors import CommandError
from workbadge.commands.transaction import in_transaction
from workbadge.store import records
from workbadge.store import webhooks as stored
from workbadge.store.engine import Tx
from workbadge.terms.reasons import Reason
from workbadge.web.wire import WireError

from .applications import names_in, refused
from .context import Call, Item, is_page_token
from .errors import refuse

NEEDED = "pages_manage_metadata"


def _check(call: Call, item: Item) -> None:
    """A page token with the permission to steer the page's apps. Raises WireError 210, 200."""
    if not is_page_token(item.loaded):
        raise WireError(210, "(#210) A page access token is required to request this resource.")
    if NEEDED not in call.scopes(item.loaded):
        raise refuse(Deny(Reason.SCOPE_MISSING), "", item.loaded.app_id, call.services.base_url, needs=(NEEDED,))


async def list_subscribed_apps(call: Call, text: str) -> dict[str, Any]:
    """``GET``: the calling app, if it follows the page. Which other apps do is not told."""
    item = await call.reach(text)
    _check(call, item)
    async with call.services.store.read() as tx:
        row = await stored.find_page_subscription(tx, item.loaded.app_id, item.id)
        app = await records.find_app(tx, item.loaded.app_id)
    if row is None or app is None:
        return {"data": []}
    return {"data": [{"id": str(app.id), "name": app.name, "subscribed_fields": row.fields.split(",")}]}


async def follow(call: Call, text: str) -> dict[str, Any]:
    """``POST``: follow ``subscribed_fields`` of the page; they replace the earlier ones. Decided in the transaction that
    writes. Raises WireError."""
    fields = names_in(call.params.values.get("subscribed_fields"))

    async def work(tx: Tx) -> None:
        item = await call.reach(text, reader=tx)
        _check(call, item)
        if not fields:
            raise WireError(100, "(#100) The parameter subscribed_fields is required.")
        await webhooks.follow_page(tx, call.services, item.loaded.app_id, item.id, fields, call.hash, call.now)

    try:
        await in_transaction(call.services, work)
    except CommandError as error:
        raise refused(error) from error
    return {"success": True}


async def unfollow(call: Call, text: str) -> dict[str, Any]:
    """``DELETE``: follow the page no longer. Raises WireError."""

    async def work(tx: Tx) -> None:
        item = await call.reach(text, reader=tx)
        _check(call, item)
        await webhooks.unfollow_page(tx, call.services, item.loaded.app_id, item.id, call.now)

    await in_transaction(call.services, work)
    return {"success": True}


SUBSCRIBED_APPS = {"GET": list_subscribed_apps, "POST": follow, "DELETE": unfollow}
"""``{page}/subscribed_apps`` by method."""
