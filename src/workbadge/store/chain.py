"""The chain over the audit (I11): each entry carries its number and a hash over itself and the entry before it.

Entries are collected in the transaction and chained as its last act before the commit: so the head is the last lock that any
transaction takes, is held for the length of a commit, and cannot be part of a deadlock (decision record 31).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from workbadge.terms.instants import to_micros

from .engine import Tx
from .schema import audit
from .schema.audit_chain import FIRST, audit_head

_PART = 1_000
_FIELDS = ("id", "at", "actor_id", "act", "subject_id", "business_id", "organization_id", "detail")


def chain_hash(previous: bytes, number: int, entry: Mapping[Any, Any]) -> bytes:
    """SHA-256 over the hash before and the entry as a JSON array, instants in microseconds."""
    values = [to_micros(entry[name]) if name == "at" else entry[name] for name in _FIELDS]
    text = json.dumps([number, *values], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous + text.encode()).digest()


async def write_entries(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> None:
    """Append what a transaction has collected; the stores call this right before the commit."""
    if not entries:
        return
    head = await tx.one(select(audit_head).where(audit_head.c.id == 1).with_for_update())
    assert head is not None
    number, last = int(head.number), bytes(head.hash)
    rows = []
    for entry in entries:
        number += 1
        last = chain_hash(last, number, entry)
        rows.append({**entry, "number": number, "hash": last})
    await tx.run(insert(audit), rows)
    await tx.run(update(audit_head).where(audit_head.c.id == 1).values(number=number, hash=last))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. ``entries``: that are in order. ``broken``: number of the first entry that is not; ``why``."""

    entries: int
    head: bytes
    broken: int | None = None
    why: str = ""


async def verify(tx: Tx) -> Verdict:
    """Follow the chain from its first entry to its head; stops at the first broken link."""
    number, last = 0, FIRST
    while True:
        rows = await tx.rows(select(audit).where(audit.c.number > number).order_by(audit.c.number).limit(_PART))
        for row in rows:
            if row.number != number + 1:
                return Verdict(number, last, number + 1, "the entry is missing")
            if chain_hash(last, row.number, row._mapping) != bytes(row.hash or b""):
                return Verdict(number, last, row.number, f"entry {row.id} is not the one that was written")
            number, last = int(row.number), bytes(row.hash)
        if len(rows) < _PART:
            break
    if await tx.one(select(audit.c.id).where(audit.c.number.is_(None)).limit(1)) is not None:
        return Verdict(number, last, number + 1, "an entry stands outside the chain")
    head = await tx.one(select(audit_head).where(audit_head.c.id == 1))
    if head is None or (head.number, bytes(head.hash)) != (number, last):
        return Verdict(number, last, number + 1, "the last entries are missing")
    return Verdict(number, last)
