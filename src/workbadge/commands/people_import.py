"""Importing people from a file: a preview of every row, and the same again, written in one transaction (O8).

What is confirmed is what was seen: where the database has changed in between so that a row would end otherwise, nothing is
written and the new preview is shown.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.lifecycle.people_import import Known, Line, Outcome, Verdict, plan_import, read_address
from workbadge.store import records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import domain_of
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.organizations import OrganizationAct

from .domains import gives_addresses
from .errors import invalid
from .organization import demand
from .services import Services
from .transaction import in_transaction

MOST_ROWS = 5_000
MOST_BYTES = 1_000_000
_EMAIL = ("email", "e-mail", "work email", "work e-mail", "mail")


@dataclass(frozen=True, slots=True)
class Preview:
    """Every row of a file and what becomes of it. ``seal``: the same only for the same outcome of the same rows."""

    verdicts: tuple[Verdict, ...]
    seal: str

    def count(self, outcome: Outcome) -> int:
        """How many rows end so."""
        return sum(one.outcome is outcome for one in self.verdicts)


def read_lines(text: str) -> list[Line]:
    """The rows of a CSV text (comma, semicolon or tab) whose first line names the columns ``name`` and ``email``; others are not
    looked at, empty lines are skipped. Raises INVALID."""
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise invalid(
            "file", f"This is not a CSV file: {error}.", "a line for each person, a comma between cells"
        ) from error
    columns = [cell.strip().casefold() for cell in rows[0]] if rows else []
    email = next((columns.index(one) for one in _EMAIL if one in columns), None)
    if "name" not in columns or email is None:
        found = ", ".join(columns)[:80] or "nothing"
        raise invalid("file", f"The first line names: {found}.", "a first line with the columns name and email")
    if len(rows) > MOST_ROWS + 1:
        raise invalid("file", f"The file has {len(rows) - 1} rows.", f"{MOST_ROWS} at most; split it")
    name = columns.index("name")
    return [
        Line(number, _cell(row, name), _cell(row, email))
        for number, row in enumerate(rows[1:], 2)
        if any(cell.strip() for cell in row)
    ]


def _cell(row: list[str], place: int) -> str:
    return row[place][:500] if place < len(row) else ""


async def preview_import(services: Services, organization_id: int, text: str, actor_id: int, now: datetime) -> Preview:
    """What would become of each row now. Reads only. Raises CommandError."""
    lines = read_lines(text)
    async with services.store.read() as tx:
        await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_PEOPLE)
        return await _look(tx, organization_id, lines, now)


async def import_people(
    services: Services, organization_id: int, text: str, seal: str, actor_id: int, now: datetime
) -> tuple[bool, Preview]:
    """Write what was previewed with ``seal``: (True, what was done), or (False, the outcome as it would be now) with nothing
    written. One audit entry for each account (I11). Raises CommandError."""
    lines = read_lines(text)

    async def work(tx: Tx) -> tuple[bool, Preview]:
        await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_PEOPLE)
        found = await _look(tx, organization_id, lines, now)
        if found.seal != seal:
            return False, found
        audit = [await _write(tx, services, organization_id, one, now) for one in found.verdicts]
        entries = tuple(one for one in audit if one is not None)
        await write_audit(tx, entries, actor_id, services.entropy.new_id, now)
        return True, found

    return await in_transaction(services, work)


async def _look(tx: Tx, organization_id: int, lines: list[Line], now: datetime) -> Preview:
    addresses = [one for one in map(read_address, lines) if one is not None]
    rows = await records.list_accounts_by_address(tx, AccountKind.MANAGED, addresses)
    known = {
        row.email_key: Known(
            row.id,
            row.name,
            row.suspended_at is not None,
            row.organization_id == organization_id and row.deleted_at is None,
        )
        for row in rows
    }
    names = sorted({domain_of(one) for one in addresses})
    domains = frozenset([one for one in names if await gives_addresses(tx, organization_id, one, now)])
    verdicts = tuple(plan_import(lines, known, domains))
    told = "\n".join(
        f"{one.line.number} {one.outcome} {one.name if one.address else one.why} {one.address} {one.account_id}"
        for one in verdicts
    )
    return Preview(verdicts, hashlib.sha256(told.encode()).hexdigest())


async def _write(tx: Tx, services: Services, organization_id: int, verdict: Verdict, now: datetime) -> Audit | None:
    """Carry one row out; its audit entry."""
    if verdict.outcome is Outcome.RENAME and verdict.account_id is not None:
        await records.rename_account(tx, verdict.account_id, verdict.name)
        return Audit("account.rename", verdict.account_id, None, organization_id)
    if verdict.outcome is not Outcome.CREATE:
        return None
    made = services.entropy.new_id(NodeKind.ACCOUNT)
    kind = AccountKind.MANAGED
    await records.add_account(tx, made, kind, verdict.name, now, verdict.address, organization_id=organization_id)
    return Audit("account.import", made, None, organization_id, {})
