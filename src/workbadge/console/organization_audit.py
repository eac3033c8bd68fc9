"""The audit of an organization and of its businesses: searched, and as CSV or JSON (I11)."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from workbadge.commands.errors import invalid
from workbadge.store import audit, records
from workbadge.store.audit import Sought
from workbadge.store.engine import Tx
from workbadge.terms.addresses import parse_address
from workbadge.terms.ids import parse_id
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import AccountKind
from workbadge.terms.organizations import OrganizationAct
from workbadge.web.pages import security_headers

from .admin_center import OrganizationFrame, organization_page
from .history import ACTS, in_words
from .paging import SIZE, page_links, place_asked
from .sheets import csv_lines

PART = 1_000
COLUMNS = ("number", "at", "actor", "act", "subject", "business", "organization", "detail", "hash")
_NOUNS = sorted({act.partition(".")[0] for act in ACTS})
_NOBODY = 0


@organization_page("organization-audit", OrganizationAct.SEE_AUDIT)
async def show(frame: OrganizationFrame) -> Response:
    """Entries, newest first; by person (e-mail or id), kind, days."""
    asked = _asked(frame)
    async with frame.services.store.read() as tx:
        sought = await _sought(tx, asked)
        name = f"organization audit {urlencode(asked)}"
        found = await audit.slice_of_organization(tx, frame.owner_id, sought, place_asked(frame, name), SIZE)
        entries = await in_words(tx, found.rows)
    tail = f"?{urlencode(asked)}" if asked else ""
    return frame.page(
        "organization_audit.html",
        entries=entries,
        asked=asked,
        nouns=[("", "Everything"), *((one, one.replace("_", " ").capitalize()) for one in _NOUNS)],
        tail=tail,
        pages=page_links(frame, name, "/audit", found, **asked),
    )


def _asked(frame: OrganizationFrame) -> dict[str, str]:
    """The filter in the address; empty fields are left out."""
    params = frame.request.query_params
    given = {name: params.get(name, "").strip()[:320] for name in ("who", "noun", "since", "until")}
    return {name: text for name, text in given.items() if text}


async def _sought(tx: Tx, asked: dict[str, str]) -> Sought:
    """What the filter means. Raises INVALID for a day that is none."""
    until = _day(asked, "until")
    return Sought(
        None if "who" not in asked else (await _person(tx, asked["who"]),),
        asked.get("noun", "") if asked.get("noun", "") in _NOUNS else "",
        _day(asked, "since"),
        None if until is None else until + timedelta(days=1),
    )


def _day(asked: dict[str, str], name: str) -> datetime | None:
    if name not in asked:
        return None
    try:
        return datetime.strptime(asked[name], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid(name, "This is not a day.", "a day like 2026-03-31") from error


async def _person(tx: Tx, who: str) -> int:
    """An id, or the account with an e-mail; one that nobody has finds nothing."""
    found = parse_id(who)
    if found is not None:
        return found
    try:
        address = parse_address(who)
    except ValueError:
        return _NOBODY
    for kind in (AccountKind.MANAGED, AccountKind.PERSONAL):
        account = await records.find_account_by_address(tx, kind, address)
        if account is not None:
            return int(account.id)
    return _NOBODY


async def _parts(frame: OrganizationFrame, sought: Sought) -> AsyncIterator[list[dict[str, Any]]]:
    """The entries sought, oldest first, a part at a time."""
    after = 0
    while True:
        async with frame.services.store.read() as tx:
            rows = await audit.part_of_organization(tx, frame.owner_id, sought, after, PART)
        yield [_entry(row) for row in rows]
        if len(rows) < PART:
            return
        after = rows[-1].number


def _entry(row: Any) -> dict[str, Any]:
    return {
        "number": row.number,
        "at": to_wire(row.at),
        "actor": None if row.actor_id is None else str(row.actor_id),
        "act": row.act,
        "subject": str(row.subject_id),
        "business": None if row.business_id is None else str(row.business_id),
        "organization": None if row.organization_id is None else str(row.organization_id),
        "detail": json.loads(row.detail),
        "hash": bytes(row.hash).hex(),
    }


async def _filter(frame: OrganizationFrame) -> Sought:
    async with frame.services.store.read() as tx:
        return await _sought(tx, _asked(frame))


def _download(frame: OrganizationFrame, body: AsyncIterator[str], kind: str, media: str) -> Response:
    name = f'attachment; filename="audit-{frame.owner_id}.{kind}"'
    return StreamingResponse(body, media_type=media, headers={**security_headers(), "Content-Disposition": name})


@organization_page("organization-audit", OrganizationAct.SEE_AUDIT)
async def as_csv(frame: OrganizationFrame) -> Response:
    """What the filter finds, as CSV, oldest first."""
    sought = await _filter(frame)

    async def body() -> AsyncIterator[str]:
        yield csv_lines([COLUMNS])
        async for part in _parts(frame, sought):
            yield csv_lines([*(_cell(one[name]) for name in COLUMNS)] for one in part)

    return _download(frame, body(), "csv", "text/csv; charset=utf-8")


def _cell(value: Any) -> Any:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value


@organization_page("organization-audit", OrganizationAct.SEE_AUDIT)
async def as_json(frame: OrganizationFrame) -> Response:
    """What the filter finds, as a JSON array, oldest first."""
    sought = await _filter(frame)

    async def body() -> AsyncIterator[str]:
        before = "[\n"
        async for part in _parts(frame, sought):
            for one in part:
                yield before + json.dumps(one, separators=(",", ":"))
                before = ",\n"
        yield "\n]\n" if before == ",\n" else "[]\n"

    return _download(frame, body(), "json", "application/json")
