"""An app's subscriptions and deliveries, for its makers: subscribe with the handshake, see what failed, send it again."""

from typing import Any

from starlette.responses import Response

from workbadge.commands.errors import CommandError, not_found
from workbadge.commands.outbox import list_deliveries, replay
from workbadge.commands.webhooks import OBJECTS, NewSubscription, unsubscribe
from workbadge.store import webhooks
from workbadge.terms.ids import parse_id
from workbadge.web import handshake
from workbadge.web.outgoing import OutgoingError

from .frame import text_of
from .maker import AppFrame, app_page

PAGE = 25
EMPTY = {
    "object": "managed_meta_account",
    "callback_url": "",
    "verify_token": "",
    "fields": "",
    "include_values": "1",
}
"""The form for a subscription as it opens."""


@app_page("app-webhooks")
async def show(frame: AppFrame) -> Response:
    """Subscriptions, and what was sent, newest first."""
    return await _page(frame, EMPTY, {}, 200)


async def _page(frame: AppFrame, values: dict[str, str], errors: dict[str, str], status: int) -> Response:
    query = frame.request.query_params
    before, parked = query.get("before", ""), query.get("show") == "parked"
    edge = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    async with frame.services.store.read() as tx:
        found = await list_deliveries(tx, frame.services, frame.app.id, PAGE + 1, edge, parked)
        subscriptions = await webhooks.list_subscriptions(tx, frame.app.id)
    shown = found[:PAGE]
    return frame.page(
        "app_webhooks.html",
        status,
        subscriptions=subscriptions,
        objects=[(name, name) for name in OBJECTS],
        deliveries=shown,
        parked=parked,
        first=edge is not None,
        older=shown[-1].number if len(found) > PAGE else None,
        values=values,
        errors=errors,
    )


@app_page("app-webhooks", form=True)
async def act(frame: AppFrame) -> Response:
    """Subscribe, unsubscribe, or send a delivery again."""
    form = await frame.request.form()
    take = _ACTS.get(text_of(form, "action"))
    if take is None:
        raise not_found("action")
    return await take(frame, form)


async def _subscribe(frame: AppFrame, form: Any) -> Response:
    values = {name: text_of(form, name).strip() for name in EMPTY}
    fields = tuple(values["fields"].replace(",", " ").split())
    url = values["callback_url"]
    new = NewSubscription(values["object"], url or None, fields or None, bool(values["include_values"]))
    try:
        await handshake.subscribe(frame.site, frame.app.id, new, values["verify_token"], frame.now, frame.account.id)
    except CommandError as error:
        return await _page(frame, values, {error.field: f"{error.message} Expected: {error.expected}."}, 400)
    except OutgoingError as error:
        said = f"The handshake failed: {error}. The receiver must answer it with 200 and the challenge alone."
        return await _page(frame, values, {"callback_url": said}, 400)
    return frame.go("/webhooks", "subscribed")


async def _unsubscribe(frame: AppFrame, form: Any) -> Response:
    async with frame.services.store.write() as tx:
        await unsubscribe(tx, frame.services, frame.app.id, text_of(form, "object"), (), frame.now, frame.account.id)
    return frame.go("/webhooks", "unsubscribed")


async def _replay(frame: AppFrame, form: Any) -> Response:
    async with frame.services.store.write() as tx:
        delivery = parse_id(text_of(form, "delivery")) or 0
        await replay(tx, frame.services, frame.app.id, delivery, frame.now)
    return frame.go("/webhooks", "replayed")


_ACTS = {"subscribe": _subscribe, "unsubscribe": _unsubscribe, "replay": _replay}
