"""The outbox: mails and webhooks as rows, written in the transaction that causes them; bodies are sealed at rest."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from workbadge.keys.seal import SealError
from workbadge.store import due as rows
from workbadge.store import webhooks as subscriptions
from workbadge.store.engine import Tx
from workbadge.terms.kinds import NodeKind

from .errors import conflict, not_found
from .services import Services
from .transaction import in_transaction

PLACE = "outbox.body"
MAIL, WEBHOOK, CALLBACK = "mail", "webhook", "callback"
CLAIM_FOR = timedelta(minutes=2)
"""A row that is being delivered is left alone for so long; a crash delays it by that at most."""

MOST_TRIES = 15
"""With their pauses, tries of one row go on for about 36 hours (``wire.md`` §6.3)."""

MOST_CHANGES = 1000
MOST_BYTES = 262_144
"""Of one delivery of webhooks (``wire.md`` §6.3)."""

TRIES_TOGETHER = 5
"""After so many tries of a delivery its events go one by one, so that one that is never taken holds itself up alone."""

GIVE_UP_AFTER = timedelta(hours=36)
"""When a row is given up, whatever has waited so long for the same subscription is given up with it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail (``address``: where to) or webhook (``address``: the app's URL, empty when it has none).

    What goes to one ``subscription_id`` goes in order. ``node_id``: sent only while the app still reaches that node.
    """

    channel: str
    kind: str
    address: str
    subject: str
    body: str
    business_id: int | None = None
    account_id: int | None = None
    app_id: int | None = None
    subscription_id: int | None = None
    node_id: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One row of the outbox, opened."""

    id: int
    at: datetime
    channel: str
    kind: str
    address: str
    subject: str
    body: str
    app_id: int | None
    sent_at: datetime | None
    next_try_at: datetime | None
    tries: int
    last_error: str | None
    subscription_id: int | None
    node_id: int | None
    parked_at: datetime | None
    number: int
    behind: tuple["Sent", ...] = ()
    """What is sent together with it, in order (``wire.md`` §6.3)."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Of all that is sent together."""
        return (self.id, *(one.id for one in self.behind))

    @property
    def whole_body(self) -> str:
        """The text of a webhook with the entries of all that is sent together."""
        if not self.behind:
            return self.body
        entries = [entry for one in (self, *self.behind) for entry in json.loads(one.body)["entry"]]
        told = {"object": json.loads(self.body)["object"], "entry": entries}
        return json.dumps(told, separators=(",", ":"), ensure_ascii=True)

    @property
    def state(self) -> str:
        """``sent``, ``waiting``, ``failed`` (given up) or ``kept`` (not to be sent from here, only shown)."""
        if self.sent_at is not None:
            return "sent"
        if self.next_try_at is not None:
            return "waiting"
        return "failed" if self.last_error is not None else "kept"


async def enqueue(tx: Tx, services: Services, outgoing: list[Outgoing], now: datetime) -> list[int]:
    """Write rows, in this order, into ``tx``; their ids."""
    number = await rows.last_number(tx)
    ids: list[int] = [services.entropy.new_id(NodeKind.RECORD) for _ in outgoing]
    await rows.add_outbox(
        tx,
        [
            {
                "id": ids[place - 1],
                "number": number + place,
                "at": now,
                "channel": one.channel,
                "kind": one.kind,
                "address": one.address,
                "business_id": one.business_id,
                "account_id": one.account_id,
                "app_id": one.app_id,
                "subject": one.subject,
                "body": services.sealer.seal(one.body, PLACE),
                "next_try_at": now if one.address else None,
                "tries": 0,
                "subscription_id": one.subscription_id,
                "node_id": one.node_id,
            }
            for place, one in enumerate(outgoing, 1)
        ],
    )
    return ids


def _opened(services: Services, row: Any) -> Sent:
    return Sent(
        row.id,
        row.at,
        row.channel,
        row.kind,
        row.address,
        row.subject,
        services.sealer.open(bytes(row.body), PLACE),
        row.app_id,
        row.sent_at,
        row.next_try_at,
        row.tries,
        row.last_error,
        row.subscription_id,
        row.node_id,
        row.parked_at,
        row.number,
    )


async def list_outbox(tx: Tx, services: Services, limit: int = 500) -> list[Sent]:
    """The last mails and webhooks, newest last."""
    return [_opened(services, row) for row in await rows.list_outbox(tx, limit)]


async def take(services: Services, channels: list[str], now: datetime, but_apps: Collection[int] = ()) -> Sent | None:
    """The next row to deliver, claimed for two minutes; None when there is none. ``but_apps``: apps that have enough under
    way already.

    What cannot be opened, or was taken as often as it may be tried without any result (it ends the worker), is parked
    here, so that it holds nothing else up (FT-26).
    """

    async def work(tx: Tx) -> Sent | None:
        while (row := await rows.take_outbox(tx, channels, now, now + CLAIM_FOR, but_apps)) is not None:
            try:
                if row.tries < MOST_TRIES:
                    return await _with_behind(tx, services, row, now)
                said = f"given up: taken {row.tries} times without a result"
            except SealError:
                said = "given up: the body cannot be opened with the keys of this platform"
            await rows.mark_failed(tx, (row.id,), said, None, now)
        return None

    return await in_transaction(services, work)


async def _with_behind(tx: Tx, services: Services, row: Any, now: datetime) -> Sent:
    """The row, and what waits behind it for the same subscription: ``MOST_CHANGES`` in all and ``MOST_BYTES`` at most. What
    cannot be opened ends it, and is met at its own turn."""
    first = _opened(services, row)
    if first.channel != WEBHOOK or first.subscription_id is None or first.tries >= TRIES_TOGETHER:
        return first
    changes, size, behind = _changes(first.body), len(first.body), []
    for other in await rows.list_behind(tx, row, now, MOST_CHANGES):
        try:
            one = _opened(services, other)
        except SealError:
            break
        changes, size = changes + _changes(one.body), size + len(one.body)
        if changes > MOST_CHANGES or size > MOST_BYTES:
            break
        behind.append(one)
    if behind:
        await rows.claim(tx, [one.id for one in behind], now + CLAIM_FOR)
    return replace(first, behind=tuple(behind))


def _changes(body: str) -> int:
    """How many changes a webhook tells."""
    return sum(len(one.get("changes") or one.get("changed_fields") or ()) for one in json.loads(body)["entry"])


async def delivered(services: Services, sent: Sent, now: datetime) -> None:
    """It was delivered, with what was sent together with it."""
    await in_transaction(services, lambda tx: rows.mark_sent(tx, sent.ids, now))


async def drop(services: Services, dropped: Collection[int], error: str, now: datetime) -> None:
    """Rows that are not to be sent any more, whatever becomes of the others."""
    await in_transaction(services, lambda tx: rows.mark_failed(tx, dropped, error, None, now))


async def failed(services: Services, sent: Sent, error: str, now: datetime, final: bool = False) -> None:
    """A try failed: the next one later and later (30 s doubled each time, six hours at most, up to a fifth more by
    chance), fifteen in all; none when ``final``. What was sent together fails together. Whatever else waits for that address waits as long.

    A row that is given up is parked: a dead letter, to be seen and sent again (``replay``). What has waited for the
    same subscription for 36 hours is parked with it, so that a receiver that comes back starts with what is recent.
    """
    tries = sent.tries + 1
    wait = min(timedelta(seconds=30) * 2**sent.tries, timedelta(hours=6))
    wait += wait * services.entropy.below(200) / 1000
    given_up = final or tries >= MOST_TRIES

    async def work(tx: Tx) -> None:
        if not final:
            await rows.put_off(tx, sent.address, now + wait)
        await rows.mark_failed(tx, sent.ids, error, None if given_up else now + wait, now)
        if given_up and not final and sent.subscription_id is not None:
            await rows.park_waiting(tx, sent.subscription_id, _DOWN, now, now - GIVE_UP_AFTER)

    await in_transaction(services, work)


_DOWN = "not tried: the receiver was down for 36 hours"


async def stop(services: Services, sent: Sent, error: str, now: datetime) -> None:
    """The receiver says that it is gone for good (410): its subscription is stopped, and all that waits for it is parked
    (FT-23). Subscribing again starts it."""

    async def work(tx: Tx) -> None:
        await rows.mark_failed(tx, sent.ids, error, None, now)
        if sent.subscription_id is not None:
            await subscriptions.set_subscription(tx, sent.subscription_id, {"stopped_at": now})
            await rows.park_waiting(tx, sent.subscription_id, error, now, now)

    await in_transaction(services, work)


async def list_deliveries(
    tx: Tx, services: Services, app_id: int, limit: int, before: int | None = None, parked: bool = False
) -> list[Sent]:
    """Webhooks and callbacks of an app, newest first; ``before``: the number of a neighbour; ``parked``: dead letters."""
    return [_opened(services, row) for row in await rows.list_of_app(tx, app_id, limit, before, parked)]


async def replay(tx: Tx, services: Services, app_id: int, outbox_id: int, now: datetime) -> None:
    """Send a webhook of an app again, now, under its id, to the address that the app has now; what was written after it
    and still waits goes after it. Raises CommandError: NOT_FOUND, CONFLICT when it waits already or has nowhere to go."""
    row = await rows.find_outbox(tx, outbox_id, lock=True)
    if row is None or row.app_id != app_id or row.channel == MAIL:
        raise not_found("delivery")
    if row.next_try_at is not None:
        raise conflict("This delivery is waiting to be sent already.", "one that was sent or given up")
    subscription = None
    if row.channel == WEBHOOK:
        body = json.loads(services.sealer.open(bytes(row.body), PLACE))
        subscription = await subscriptions.find_subscription(tx, app_id, body["object"])
        if subscription is None or subscription.stopped_at is not None:
            raise conflict("The app does not subscribe to this object any more.", "a live subscription of that object")
    address = row.address if subscription is None else subscription.callback_url
    await rows.send_again(tx, row.id, address, None if subscription is None else subscription.id, now)


async def keep_mails(services: Services) -> None:
    """Without a mail server, mails are kept in the outbox to be read there. They stay so if one is set up later."""
    await in_transaction(services, lambda tx: rows.keep(tx, MAIL))


async def has_work(services: Services, channels: list[str], now: datetime) -> bool:
    """Whether anything is to be delivered now: a read, so that an idle worker never writes."""
    async with services.store.read() as tx:
        return await rows.has_outbox(tx, channels, now)
