"""Due work and the outbox: rows written in the transaction that causes them, each taken once."""

from collections.abc import Collection
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, or_, select, update

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import due, migration_person, outbox


def _waiting(now: datetime) -> ColumnElement[bool]:
    """Rows to be carried out by ``now``: not done, not parked, not put off after a failure."""
    return and_(
        due.c.done_at.is_(None),
        due.c.parked_at.is_(None),
        due.c.at <= now,
        or_(due.c.retry_at.is_(None), due.c.retry_at <= now),
    )


_PARKED = due.c.parked_at.is_not(None)


async def take_due(tx: Tx, now: datetime) -> Row[Any] | None:
    """The earliest row due by ``now``; its person is locked until the transaction ends.

    The person is locked before the row, the order in which commands lock them too (no deadlock), and persons that somebody
    else holds are passed over. None: nothing is due, or somebody else was quicker.
    """
    first = await tx.one(
        select(due.c.id)
        .join(migration_person, migration_person.c.id == due.c.subject)
        .where(_waiting(now))
        .order_by(due.c.at, due.c.rank, due.c.id)
        .limit(1)
        .with_for_update(of=migration_person, skip_locked=True)
    )
    if first is None:
        return None
    return await tx.one(select(due).where(due.c.id == first.id, _waiting(now)).with_for_update())


async def mark_done(tx: Tx, due_id: int, now: datetime) -> None:
    """The row was carried out."""
    await tx.run(update(due).where(due.c.id == due_id).values(done_at=now))


async def mark_due_failed(
    tx: Tx,
    due_id: int,
    error: str,
    retry_at: datetime | None,
    parked_at: datetime | None,
) -> None:
    """A try failed: again at ``retry_at``, or parked for an operator to look at."""
    await tx.run(
        update(due)
        .where(due.c.id == due_id)
        .values(
            tries=due.c.tries + 1,
            last_error=error[:500],
            retry_at=retry_at,
            parked_at=parked_at,
        )
    )


async def list_parked(tx: Tx, limit: int) -> list[Row[Any]]:
    """Rows that were given up, earliest first."""
    return await tx.rows(select(due).where(_PARKED).order_by(due.c.at, due.c.id).limit(limit))


async def count_parked(tx: Tx) -> int:
    """How many rows were given up."""
    row = await tx.one(select(func.count().label("rows")).select_from(due).where(_PARKED))
    return 0 if row is None else int(row.rows)


async def find_parked(tx: Tx, due_id: int) -> Row[Any] | None:
    """A row that was given up, locked until the transaction ends."""
    return await tx.one(select(due).where(due.c.id == due_id, _PARKED).with_for_update())


async def unpark(tx: Tx, due_id: int) -> None:
    """A row that was given up waits as on its first day."""
    await tx.run(update(due).where(due.c.id == due_id).values(parked_at=None, retry_at=None, tries=0))


async def drop_parked(tx: Tx, due_id: int, now: datetime) -> None:
    """A row that was given up counts as done; its error stays."""
    await tx.run(update(due).where(due.c.id == due_id).values(parked_at=None, done_at=now))


async def list_due(tx: Tx, limit: int) -> list[Row[Any]]:
    """Rows that wait, earliest first."""
    return await tx.rows(
        select(due).where(due.c.done_at.is_(None)).order_by(due.c.at, due.c.rank, due.c.id).limit(limit)
    )


async def add_outbox(tx: Tx, rows: list[dict[str, Any]]) -> None:
    """Insert mails and webhooks."""
    await tx.run(insert(outbox), rows)


async def list_outbox(tx: Tx, limit: int, business_id: int | None = None) -> list[Row[Any]]:
    """The last ``limit`` mails and webhooks, newest last."""
    statement = select(outbox).order_by(outbox.c.at.desc(), outbox.c.number.desc()).limit(limit)
    if business_id is not None:
        statement = statement.where(outbox.c.business_id == business_id)
    return list(reversed(await tx.rows(statement)))


async def last_number(tx: Tx) -> int:
    """The highest number in the outbox."""
    row = await tx.one(select(func.max(outbox.c.number).label("number")))
    return 0 if row is None or row.number is None else int(row.number)


def _ready(channels: list[str], now: datetime) -> ColumnElement[bool]:
    """Rows whose time has come."""
    return and_(outbox.c.next_try_at <= now, outbox.c.channel.in_(channels))


def _heads() -> Select[Any]:
    """Of what goes to one subscription, the first row that waits: no other of it may be sent (ordering, FT-21).

    It hops from subscription to subscription along ``ix_outbox_lane``, so that its cost depends on how many of them wait, not on
    how much waits for one.
    """
    waiting, later, head = outbox.alias("waiting"), outbox.alias("later"), outbox.alias("head")
    lane = (
        select(func.min(waiting.c.subscription_id).label("id"))
        .where(waiting.c.next_try_at.is_not(None), waiting.c.subscription_id > 0)
        .cte("lane", recursive=True)
    )
    following = (
        select(func.min(later.c.subscription_id))
        .where(later.c.next_try_at.is_not(None), later.c.subscription_id > lane.c.id)
        .scalar_subquery()
    )
    lane = lane.union_all(select(following).where(lane.c.id.is_not(None)))
    first = (
        select(head.c.id)
        .where(head.c.subscription_id == lane.c.id, head.c.next_try_at.is_not(None))
        .order_by(head.c.number, head.c.id)
        .limit(1)
        .correlate(lane)
        .scalar_subquery()
    )
    return select(first).where(lane.c.id.is_not(None))


_LOOSE = outbox.c.subscription_id.is_(None)
_FIRST = outbox.c.id.in_(_heads())


async def take_outbox(
    tx: Tx, channels: list[str], now: datetime, until: datetime, but_apps: Collection[int] = ()
) -> Row[Any] | None:
    """The oldest row to be tried now, locked; its next try is set to ``until``, so that a crash only delays it.

    ``but_apps``: apps whose rows are passed over for now.
    """
    others = or_(outbox.c.app_id.is_(None), outbox.c.app_id.not_in(list(but_apps)))
    found = []
    for kind in (_LOOSE, _FIRST):
        row = await tx.one(
            select(outbox)
            .where(kind, _ready(channels, now), others)
            .order_by(outbox.c.next_try_at, outbox.c.number)
            .limit(1)
            .with_for_update(of=outbox, skip_locked=True)
        )
        found += [] if row is None else [row]
    if not found:
        return None
    chosen = min(found, key=lambda row: (row.next_try_at, row.number))
    await tx.run(update(outbox).where(outbox.c.id == chosen.id).values(next_try_at=until, tries=outbox.c.tries + 1))
    return chosen


async def list_behind(tx: Tx, head: Row[Any], now: datetime, limit: int) -> list[Row[Any]]:
    """What waits right behind the first row of a subscription and was tried as often: by number, up to the first row that was
    not, or whose time has not come. What was sent together is sent together again, and nothing joins it."""
    behind = await tx.rows(
        select(outbox)
        .where(
            outbox.c.subscription_id == head.subscription_id,
            outbox.c.next_try_at.is_not(None),
            or_(outbox.c.number > head.number, and_(outbox.c.number == head.number, outbox.c.id > head.id)),
        )
        .order_by(outbox.c.number, outbox.c.id)
        .limit(limit)
    )
    return list(
        takewhile(lambda row: (row.tries, row.address) == (head.tries, head.address) and row.next_try_at <= now, behind)
    )


async def claim(tx: Tx, ids: Collection[int], until: datetime) -> None:
    """These rows are being tried, too: the next try is at ``until``."""
    chosen = outbox.c.id.in_(sorted(ids))
    await tx.rows(select(outbox.c.id).where(chosen).order_by(outbox.c.id).with_for_update())
    await tx.run(update(outbox).where(chosen).values(next_try_at=until, tries=outbox.c.tries + 1))


async def mark_sent(tx: Tx, ids: Collection[int], now: datetime) -> None:
    """The rows were delivered."""
    await tx.run(
        update(outbox).where(outbox.c.id.in_(sorted(ids))).values(sent_at=now, next_try_at=None, last_error=None)
    )


async def mark_failed(tx: Tx, ids: Collection[int], error: str, next_try: datetime | None, now: datetime) -> None:
    """A try failed; ``next_try`` None: no further one, the rows are parked."""
    parked = now if next_try is None else None
    values = {"last_error": error[:500], "next_try_at": next_try, "parked_at": parked}
    await tx.run(update(outbox).where(outbox.c.id.in_(sorted(ids))).values(values))


async def park_waiting(tx: Tx, subscription_id: int, error: str, now: datetime, written_by: datetime) -> int:
    """Park what waits for a subscription and was written by ``written_by``. How many rows."""
    waiting = and_(
        outbox.c.subscription_id == subscription_id, outbox.c.next_try_at.is_not(None), outbox.c.at <= written_by
    )
    await tx.rows(select(outbox.c.id).where(waiting).order_by(outbox.c.id).with_for_update())
    return await tx.run(update(outbox).where(waiting).values(last_error=error, next_try_at=None, parked_at=now))


async def send_on(tx: Tx, subscription_id: int, address: str, now: datetime) -> None:
    """What waits for a subscription goes to ``address``, from now on."""
    waiting = and_(outbox.c.subscription_id == subscription_id, outbox.c.next_try_at.is_not(None))
    await tx.rows(select(outbox.c.id).where(waiting).order_by(outbox.c.id).with_for_update())
    await tx.run(update(outbox).where(waiting).values(address=address, next_try_at=now))


async def find_outbox(tx: Tx, outbox_id: int, lock: bool = False) -> Row[Any] | None:
    """One row of the outbox."""
    statement = select(outbox).where(outbox.c.id == outbox_id)
    return await tx.one(statement.with_for_update() if lock else statement)


async def send_again(tx: Tx, outbox_id: int, address: str, subscription_id: int | None, now: datetime) -> None:
    """The row waits as on its first day, for that address."""
    values = {"address": address, "subscription_id": subscription_id, "next_try_at": now}
    unsent = {"sent_at": None, "parked_at": None, "last_error": None, "tries": 0}
    await tx.run(update(outbox).where(outbox.c.id == outbox_id).values({**values, **unsent}))


async def list_of_app(
    tx: Tx, app_id: int, limit: int, before: int | None = None, parked: bool = False
) -> list[Row[Any]]:
    """What was written for an app, newest first; ``before``: only lower numbers; ``parked``: only what was given up."""
    statement = select(outbox).where(outbox.c.app_id == app_id)
    if before is not None:
        statement = statement.where(outbox.c.number < before)
    if parked:
        statement = statement.where(outbox.c.parked_at.is_not(None))
    newest = statement.order_by(outbox.c.number.desc(), outbox.c.id).limit(limit)
    return await fenced_rows(tx, newest, Fence.around(outbox.c.app_id, app_id))


async def has_outbox(tx: Tx, channels: list[str], now: datetime) -> bool:
    """Whether some row is to be tried now."""
    for kind in (_LOOSE, _FIRST):
        if await tx.one(select(outbox.c.id).where(kind, _ready(channels, now)).limit(1)) is not None:
            return True
    return False


async def has_due(tx: Tx, now: datetime) -> bool:
    """Whether some work is due."""
    return await tx.one(select(due.c.id).where(_waiting(now)).limit(1)) is not None


async def put_off(tx: Tx, address: str, until: datetime) -> None:
    """Nothing goes to an address before ``until``: a receiver that is down does not hold the others up.

    Rows are locked in one order first, so that two failures at once do not wait for each other.
    """
    sooner = and_(
        outbox.c.sent_at.is_(None),
        outbox.c.address == address,
        outbox.c.next_try_at < until,
    )
    await tx.rows(select(outbox.c.id).where(sooner).order_by(outbox.c.id).with_for_update())
    await tx.run(update(outbox).where(sooner).values(next_try_at=until))


async def keep(tx: Tx, channel: str) -> int:
    """Mark what waits on a channel as kept here: it will not be sent. How many rows."""
    return await tx.run(
        update(outbox)
        .where(
            outbox.c.sent_at.is_(None),
            outbox.c.channel == channel,
            outbox.c.next_try_at.is_not(None),
        )
        .values(next_try_at=None)
    )
