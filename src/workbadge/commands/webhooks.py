"""Webhooks: what an app subscribes to, and telling it (L5; ``wire.md`` §1.6, §6.2-§6.5).

``notify`` is the one way by which an event reaches an app: it writes the delivery into the transaction that causes it.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from workbadge.access import Allow, Ask, decide
from workbadge.lifecycle.changes import Audit
from workbadge.store import due as rows
from workbadge.store import facts, webhooks
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import Act, NodeKind
from workbadge.terms.scopes import SCOPES, scopes_for
from workbadge.terms.tasks import tasks_for

from .errors import invalid, not_found
from .outbox import WEBHOOK, Outgoing, enqueue
from .services import Services

MANAGED_META_ACCOUNT = "managed_meta_account"
PERMISSIONS = "permissions"
APPLICATION = "application"
USER = "user"
PAGE = "page"
FBE_INSTALL = "fbe_install"
"""The field of ``user`` that is nothing without its value (``wire.md`` §5.2)."""

OBJECTS: dict[str, tuple[str, ...]] = {
    MANAGED_META_ACCOUNT: ("migration_expire_time",),
    PERMISSIONS: ("connected", *SCOPES),
    APPLICATION: (
        "business_integration_install",
        "business_integration_update",
        "business_integration_uninstall",
    ),
    USER: (FBE_INSTALL, "name", "first_name", "last_name", "email", "locale"),
    PAGE: ("feed", "mention", "messages", "messaging_postbacks", "leadgen", "ratings", "name", "about", "website"),
}
"""Objects to subscribe to, with their fields (``wire.md`` §6.5). Apps ask for more fields of a page than there are
events for here; they are taken, so that an app runs unchanged."""

_NAMES_ONLY = frozenset({PERMISSIONS, USER})
"""Objects that tell values only to those who ask for ``include_values``; the others are nothing without them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a webhook: whom or what it is about, and (field, value) of what changed there, in order.

    ``key``: how the entry names its subject, ``id`` or (``fbe_install``) ``uid``.
    """

    id: str
    changes: tuple[tuple[str, Any], ...]
    key: str = "id"


async def notify(
    tx: Tx,
    services: Services,
    app_id: int,
    object_name: str,
    entry: Entry,
    now: datetime,
    kind: str = "",
    business_id: int | None = None,
    node_id: int | None = None,
) -> None:
    """Tell an app, if it subscribes to one of the fields that changed. ``object_name``: one of ``OBJECTS``.

    ``kind``: how the outbox calls the delivery (default: the first field that is told). ``node_id``: the delivery is
    dropped at its turn unless the app still reaches that node (MT-37). An app without any subscription of
    ``managed_meta_account`` has its notice kept in the outbox, to be read there.
    """
    subscription = await webhooks.find_subscription(tx, app_id, object_name)
    if subscription is None and object_name != MANAGED_META_ACCOUNT:
        return
    wanted = None if subscription is None else frozenset(subscription.fields.split(","))
    changes = [(field, value) for field, value in entry.changes if wanted is None or field in wanted]
    if not changes or (subscription is not None and subscription.stopped_at is not None):
        return
    always = object_name not in _NAMES_ONLY or changes[0][0] == FBE_INSTALL
    values = subscription is None or bool(subscription.include_values) or always
    outgoing = Outgoing(
        WEBHOOK,
        (kind or changes[0][0])[:32],
        "" if subscription is None else subscription.callback_url,
        f"{object_name}: {', '.join(field for field, _ in changes)}"[:200],
        _body(object_name, entry, changes, values, now),
        business_id,
        None,
        app_id,
        None if subscription is None else subscription.id,
        node_id,
    )
    await enqueue(tx, services, [outgoing], now)


def _body(object_name: str, entry: Entry, changes: list[tuple[str, Any]], values: bool, now: datetime) -> str:
    """The JSON text, ASCII only (``wire.md`` §6.3)."""
    told: dict[str, Any] = {entry.key: entry.id, "time": to_micros(now) // 1_000_000}
    if values:
        told["changes"] = [{"field": field, "value": value} for field, value in changes]
    else:
        told["changed_fields"] = [field for field, _ in changes]
    return json.dumps({"object": object_name, "entry": [told]}, separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What an app wants to be told. ``fields`` None: those it has already, else all of the object. ``callback_url``
    None: the one it has already."""

    object: str
    callback_url: str | None
    fields: tuple[str, ...] | None
    include_values: bool = False


def check_fields(object_name: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The fields, each once. Raises CommandError INVALID for an unknown object or field."""
    known = OBJECTS.get(object_name)
    if known is None:
        raise invalid("object", f"{object_name[:80]!r} is no object of webhooks.", ", ".join(OBJECTS))
    for field in fields:
        if field not in known:
            raise invalid("fields", f"{field[:80]!r} is no field of {object_name}.", ", ".join(known))
    return tuple(dict.fromkeys(fields))


def check_callback(url: str, field: str = "callback_url") -> str:
    """The address of a receiver, as it may be stored: http(s) with a host, without user part and fragment, at most 2 000
    characters. Whether it may be connected to is checked when it is. Raises CommandError INVALID."""
    expected = "https://…, without user part and fragment"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise invalid(field, f"{url[:80]!r} is not an address.", expected) from error
    plain = url.isascii() and url.isprintable() and not set(url) & set(' \\#"<>')
    if parts.scheme not in ("http", "https") or not host or not plain or len(url) > 2000 or "@" in parts.netloc:
        raise invalid(field, f"{url[:80]!r} cannot be used.", expected)
    return url


async def plan_subscription(tx: Tx, app_id: int, new: NewSubscription) -> tuple[str, tuple[str, ...]]:
    """Address and fields that the subscription would have. Raises CommandError INVALID."""
    fields = check_fields(new.object, new.fields or ())
    known = await webhooks.find_subscription(tx, app_id, new.object)
    url = check_callback(new.callback_url) if new.callback_url else None if known is None else known.callback_url
    if url is None:
        raise invalid("callback_url", "The parameter callback_url is required.", "the address of your receiver")
    if not fields:
        fields = OBJECTS[new.object] if known is None else tuple(known.fields.split(","))
    return url, fields


async def subscribe(
    tx: Tx,
    services: Services,
    app_id: int,
    new: NewSubscription,
    verified: bool,
    now: datetime,
    actor_id: int | None = None,
) -> int:
    """Store a subscription in place of the app's earlier one of the same object; its id. What still waits goes to the
    new address at once. ``verified``: the receiver has answered the handshake. Raises CommandError INVALID."""
    url, fields = await plan_subscription(tx, app_id, new)
    known = await webhooks.find_subscription(tx, app_id, new.object, lock=True)
    values = {
        "callback_url": url,
        "fields": ",".join(fields),
        "include_values": int(new.include_values),
        "verified_at": now if verified else None,
        "stopped_at": None,
    }
    if known is None:
        subscription_id: int = services.entropy.new_id(NodeKind.RECORD)
        made = {"id": subscription_id, "app_id": app_id, "object": new.object, "created_at": now}
        await webhooks.add_subscription(tx, {**values, **made})
    else:
        subscription_id = known.id
        await webhooks.set_subscription(tx, subscription_id, values)
        await rows.send_on(tx, subscription_id, url, now)
    entry = Audit("webhook.subscribe", app_id, None, None, {"object": new.object, "fields": ",".join(fields)})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    return subscription_id


async def unsubscribe(
    tx: Tx,
    services: Services,
    app_id: int,
    object_name: str | None,
    fields: tuple[str, ...],
    now: datetime,
    actor_id: int | None = None,
) -> None:
    """Delete subscriptions of an app: of one object or (None) all; with ``fields`` only these. What waits for a deleted one
    is parked. Raises CommandError: INVALID object or field, NOT_FOUND."""
    if object_name is not None:
        check_fields(object_name, fields)
    found = [
        row for row in await webhooks.list_subscriptions(tx, app_id) if object_name is None or row.object == object_name
    ]
    if object_name is not None and not found:
        raise not_found("subscription")
    for row in found:
        left = [one for one in row.fields.split(",") if one not in fields] if fields else []
        if left:
            await webhooks.set_subscription(tx, row.id, {"fields": ",".join(left)})
        else:
            await webhooks.drop_subscription(tx, row.id)
            await rows.park_waiting(tx, row.id, "the app unsubscribed", now, now)
        entry = Audit("webhook.unsubscribe", app_id, None, None, {"object": row.object, "left": ",".join(left)})
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


async def follow_page(
    tx: Tx, services: Services, app_id: int, page_id: int, fields: tuple[str, ...], token_hash: bytes, now: datetime
) -> None:
    """The app is told of changes of a page, under the consent of this token. The caller has decided that it reaches the
    page. Raises CommandError INVALID field."""
    kept = ",".join(check_fields(PAGE, fields))
    known = await webhooks.find_page_subscription(tx, app_id, page_id, lock=True)
    await webhooks.put_page_subscription(tx, app_id, page_id, kept, token_hash, now, known is not None)
    entry = Audit("webhook.follow_page", app_id, None, None, {"page": page_id, "fields": kept})
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)


async def unfollow_page(tx: Tx, services: Services, app_id: int, page_id: int, now: datetime) -> None:
    """The app is told no more of a page. Repeating is harmless."""
    if await webhooks.find_page_subscription(tx, app_id, page_id, lock=True) is not None:
        await webhooks.drop_page_subscription(tx, app_id, page_id)
        entry = Audit("webhook.unfollow_page", app_id, None, None, {"page": page_id})
        await write_audit(tx, (entry,), None, services.entropy.new_id, now)


async def follows(tx: Tx, app_id: int, page_id: int, now: datetime) -> bool:
    """Whether an app follows a page and still reaches it through the consent under which it asked to: that this token
    itself has run out since makes no difference, as long as the consent stands."""
    row = await webhooks.find_page_subscription(tx, app_id, page_id)
    loaded = None if row is None else await facts.load(tx, bytes(row.token_hash), page_id)
    if loaded is None or loaded.facts.token is None:
        return False
    standing = replace(loaded.facts.token, expires=None, revoked=None, parent_revoked=None)
    return isinstance(decide(replace(loaded.facts, token=standing), READ_PAGE, now), Allow)


READ_PAGE = Ask(Act.READ, scopes=scopes_for(NodeKind.PAGE, Act.READ), tasks=tasks_for(NodeKind.PAGE, Act.READ))


async def notify_page(tx: Tx, services: Services, page_id: int, field: str, value: Any, now: datetime) -> None:
    """Tell every app that follows a field of a page, and still reaches the page."""
    for row in await webhooks.list_page_subscriptions(tx, page_id):
        if field in row.fields.split(",") and await follows(tx, row.app_id, page_id, now):
            entry = Entry(str(page_id), ((field, value),))
            await notify(tx, services, row.app_id, PAGE, entry, now, node_id=page_id)
