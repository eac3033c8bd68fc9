"""Due work and the outbox: rows written in the transaction that causes them, each taken once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, select, update

from .engine import Tx
from .schema import due, outbox


async def take_due(tx: Tx, now: datetime) -> Row[Any] | None:
    """The earliest row due by ``now``, locked; rows that another worker holds are passed over."""
    return await tx.one(
        select(due)
        .where(due.c.done_at.is_(None), due.c.at <= now)
        .order_by(due.c.at, due.c.rank, due.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


async def mark_done(tx: Tx, due_id: int, now: datetime) -> None:
    """The row was carried out."""
    await tx.run(update(due).where(due.c.id == due_id).values(done_at=now))


async def next_due(tx: Tx) -> datetime | None:
    """When the next row becomes due."""
    row = await tx.one(
        select(func.min(due.c.at).label("at")).where(due.c.done_at.is_(None))
    )
    return None if row is None else row.at


async def list_due(tx: Tx, limit: int) -> list[Row[Any]]:
    """Rows that wait, earliest first."""
    return await tx.rows(
        select(due)
        .where(due.c.done_at.is_(None))
        .order_by(due.c.at, due.c.rank, due.c.id)
        .limit(limit)
    )


async def add_outbox(tx: Tx, rows: list[dict[str, Any]]) -> None:
    """Insert mails and webhooks."""
    await tx.run(insert(outbox), rows)


async def list_outbox(
    tx: Tx, limit: int, business_id: int | None = None
) -> list[Row[Any]]:
    """The last ``limit`` mails and webhooks, newest last."""
    statement = (
        select(outbox).order_by(outbox.c.at.desc(), outbox.c.number.desc()).limit(limit)
    )
    if business_id is not None:
        statement = statement.where(outbox.c.business_id == business_id)
    return list(reversed(await tx.rows(statement)))


async def last_number(tx: Tx) -> int:
    """The highest number in the outbox."""
    row = await tx.one(select(func.max(outbox.c.number).label("number")))
    return 0 if row is None or row.number is None else int(row.number)


async def take_outbox(
    tx: Tx, channels: list[str], now: datetime, until: datetime
) -> Row[Any] | None:
    """The oldest row to be tried now, locked; its next try is set to ``until``, so that a crash only delays it."""
    row = await tx.one(
        select(outbox)
        .where(
            and_(
                outbox.c.sent_at.is_(None),
                outbox.c.channel.in_(channels),
                outbox.c.next_try_at <= now,
            )
        )
        .order_by(outbox.c.next_try_at, outbox.c.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is not None:
        await tx.run(
            update(outbox)
            .where(outbox.c.id == row.id)
            .values(next_try_at=until, tries=outbox.c.tries + 1)
        )
    return row


async def mark_sent(tx: Tx, outbox_id: int, now: datetime) -> None:
    """The row was delivered."""
    await tx.run(
        update(outbox)
        .where(outbox.c.id == outbox_id)
        .values(sent_at=now, next_try_at=None, last_error=None)
    )


async def mark_failed(
    tx: Tx, outbox_id: int, error: str, next_try: datetime | None
) -> None:
    """A try failed; ``next_try`` None: no further one."""
    await tx.run(
        update(outbox)
        .where(outbox.c.id == outbox_id)
        .values(last_error=error[:500], next_try_at=next_try)
    )


async def has_outbox(tx: Tx, channels: list[str], now: datetime) -> bool:
    """Whether some row is to be tried now."""
    where = (
        outbox.c.sent_at.is_(None),
        outbox.c.channel.in_(channels),
        outbox.c.next_try_at <= now,
    )
    return await tx.one(select(outbox.c.id).where(*where).limit(1)) is not None


async def has_due(tx: Tx, now: datetime) -> bool:
    """Whether some work is due."""
    return (
        await tx.one(
            select(due.c.id).where(due.c.done_at.is_(None), due.c.at <= now).limit(1)
        )
        is not None
    )
