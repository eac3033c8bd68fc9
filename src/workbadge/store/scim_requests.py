"""What organizations' directories asked and were answered, without secrets (O5)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, delete, insert, select, type_coerce

from workbadge.terms.ids import NewId
from workbadge.terms.kinds import NodeKind

from .engine import Tx
from .fence import Fence
from .schema import name_key, name_pattern
from .schema.directory import scim_request
from .slices import Place, Slice, read_slice


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request. ``micros``: how long it took. ``path``: below the base address, with the query. ``sent``, ``answered``: the
    bodies without secrets; None where there was none, or one longer than is kept."""

    organization_id: int
    at: datetime
    micros: int
    token_id: int
    prefix: str
    method: str
    path: str
    status: int
    sent: str | None
    sent_bytes: int
    answered: str | None
    answered_bytes: int


@dataclass(frozen=True, slots=True)
class SoughtRequests:
    """Which requests: of a method, with a status of these hundreds (4: 400 to 499), with a text in the path."""

    method: str = ""
    hundreds: int = 0
    text: str = ""


async def add_requests(tx: Tx, entries: Sequence[LoggedRequest], new_id: NewId) -> None:
    """Insert entries."""
    rows = [{"id": new_id(NodeKind.RECORD), "path_key": name_key(one.path), **asdict(one)} for one in entries]
    await tx.run(insert(scim_request), rows)


async def slice_of_requests(tx: Tx, organization_id: int, sought: SoughtRequests, place: Place, limit: int) -> Slice:
    """One page of an organization's requests, newest first, without bodies."""
    where: list[ColumnElement[bool]] = [scim_request.c.organization_id == organization_id]
    if sought.method:
        where.append(scim_request.c.method == sought.method)
    if sought.hundreds:
        where.append(scim_request.c.status.between(sought.hundreds * 100, sought.hundreds * 100 + 99))
    if sought.text:
        where.append(scim_request.c.path_key.like(name_pattern(sought.text), escape="/"))
    shown = [one for one in scim_request.c if one.name not in ("sent", "answered")]
    order = (type_coerce(scim_request.c.at, BigInteger), scim_request.c.id)
    fence = Fence.around(scim_request.c.organization_id, organization_id)
    return await read_slice(tx, select(*shown).where(*where), fence, order, place, limit, descending=True)


async def find_request(tx: Tx, organization_id: int, request_id: int) -> Row[Any] | None:
    """All columns of an organization's request."""
    mine = select(scim_request).where(scim_request.c.organization_id == organization_id)
    return await tx.one(mine.where(scim_request.c.id == request_id))


async def drop_requests(tx: Tx, before: datetime, limit: int) -> int:
    """Delete the oldest entries from before an instant; how many."""
    old = select(scim_request.c.id).where(scim_request.c.at < before).order_by(scim_request.c.at).limit(limit)
    return await tx.run(delete(scim_request).where(scim_request.c.id.in_(old)))


async def drop_surplus(tx: Tx, organization_id: int, most: int, limit: int) -> int:
    """Delete the oldest entries of an organization beyond the newest ``most``; how many."""
    mine = select(scim_request.c.id).where(scim_request.c.organization_id == organization_id)
    newest_first = mine.order_by(scim_request.c.at.desc(), scim_request.c.id.desc())
    rows = await tx.rows(newest_first.offset(most).limit(limit))
    return await tx.run(delete(scim_request).where(scim_request.c.id.in_([row.id for row in rows]))) if rows else 0


async def list_logged(tx: Tx) -> list[int]:
    """Organizations that have entries."""
    return [row.organization_id for row in await tx.rows(select(scim_request.c.organization_id).distinct())]
