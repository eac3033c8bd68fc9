"""Due work that was given up: seen, tried again or dropped by an operator (FT-26)."""

from dataclasses import dataclass
from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import due as rows
from workbadge.store import migrations, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx

from .errors import not_found
from .services import Services


@dataclass(frozen=True, slots=True)
class Parked:
    """One row of due work that was given up. ``at``: its own instant; ``email`` and ``business``: whom and what it is about."""

    id: int
    at: datetime
    kind: str
    tries: int
    parked: datetime
    error: str
    email: str
    business: str


async def list_parked(tx: Tx, limit: int) -> list[Parked]:
    """What was given up, earliest first."""
    found = []
    for row in await rows.list_parked(tx, limit):
        person = await migrations.find_person(tx, row.subject)
        business = None if person is None else await records.find_business(tx, person.business_id)
        email = "" if person is None else person.work_email
        name = "" if business is None else business.name
        found.append(Parked(row.id, row.at, row.kind, row.tries, row.parked_at, row.last_error or "", email, name))
    return found


async def retry_parked(tx: Tx, services: Services, due_id: int, now: datetime) -> None:
    """The row is due again, as on its first day; the worker takes it at once. Raises CommandError NOT_FOUND."""
    await _end(tx, services, due_id, "due.retry", now)
    await rows.unpark(tx, due_id)


async def drop_parked(tx: Tx, services: Services, due_id: int, now: datetime) -> None:
    """The row is never carried out. Raises CommandError NOT_FOUND."""
    await _end(tx, services, due_id, "due.drop", now)
    await rows.drop_parked(tx, due_id, now)


async def _end(tx: Tx, services: Services, due_id: int, act: str, now: datetime) -> None:
    row = await rows.find_parked(tx, due_id)
    if row is None:
        raise not_found("parked row of due work")
    person = await migrations.find_person(tx, row.subject)
    business_id = None if person is None else person.business_id
    entry = Audit(act, row.subject, business_id, None, {"kind": row.kind, "error": (row.last_error or "")[:200]})
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)
