"""The outbox: mails and webhooks as rows, written in the transaction that causes them; bodies are sealed at rest."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workbadge.store import due as rows
from workbadge.store.engine import Tx
from workbadge.terms.kinds import NodeKind

from .services import Services
from .transaction import in_transaction

PLACE = "outbox.body"
MAIL, WEBHOOK = "mail", "webhook"
CLAIM_FOR = timedelta(minutes=2)
"""A row that is being delivered is left alone for so long; a crash delays it by that at most."""

MOST_TRIES = 12


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail (``address``: where to) or webhook (``address``: the app's URL, empty when it has none)."""

    channel: str
    kind: str
    address: str
    subject: str
    body: str
    business_id: int | None = None
    account_id: int | None = None
    app_id: int | None = None


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

    @property
    def state(self) -> str:
        """``sent``, ``waiting``, ``failed`` (given up) or ``kept`` (not to be sent from here, only shown)."""
        if self.sent_at is not None:
            return "sent"
        if self.next_try_at is not None:
            return "waiting"
        return "failed" if self.last_error is not None else "kept"


async def enqueue(tx: Tx, services: Services, outgoing: list[Outgoing], now: datetime) -> None:
    """Write rows, in this order, into ``tx``."""
    number = await rows.last_number(tx)
    await rows.add_outbox(
        tx,
        [
            {
                "id": services.entropy.new_id(NodeKind.RECORD),
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
            }
            for place, one in enumerate(outgoing, 1)
        ],
    )


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
    )


async def list_outbox(tx: Tx, services: Services, limit: int = 500) -> list[Sent]:
    """The last mails and webhooks, newest last."""
    return [_opened(services, row) for row in await rows.list_outbox(tx, limit)]


async def take(services: Services, channels: list[str], now: datetime) -> Sent | None:
    """The next row to deliver, claimed for two minutes; None when there is none."""

    async def work(tx: Tx) -> Sent | None:
        row = await rows.take_outbox(tx, channels, now, now + CLAIM_FOR)
        return None if row is None else _opened(services, row)

    return await in_transaction(services, work)


async def delivered(services: Services, outbox_id: int, now: datetime) -> None:
    """The row was delivered."""
    await in_transaction(services, lambda tx: rows.mark_sent(tx, outbox_id, now))


async def failed(services: Services, sent: Sent, error: str, now: datetime, final: bool = False) -> None:
    """A try failed: the next one later and later (30 s doubled each time, six hours at most, up to a fifth more by
    chance), twelve in all; none when ``final``. Whatever else waits for that address waits as long."""
    tries = sent.tries + 1
    wait = min(timedelta(seconds=30) * 2**sent.tries, timedelta(hours=6))
    wait += wait * services.entropy.below(200) / 1000
    given_up = final or tries >= MOST_TRIES

    async def work(tx: Tx) -> None:
        if not final:
            await rows.put_off(tx, sent.address, now + wait)
        await rows.mark_failed(tx, sent.id, error, None if given_up else now + wait)

    await in_transaction(services, work)


async def keep_mails(services: Services) -> None:
    """Without a mail server, mails are kept in the outbox to be read there. They stay so if one is set up later."""
    await in_transaction(services, lambda tx: rows.keep(tx, MAIL))


async def has_work(services: Services, channels: list[str], now: datetime) -> bool:
    """Whether anything is to be delivered now: a read, so that an idle worker never writes."""
    async with services.store.read() as tx:
        return await rows.has_outbox(tx, channels, now)
