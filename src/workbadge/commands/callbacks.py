"""Callbacks with ``signed_request``: the app is told that a person took it off, or asks it to delete data (``wire.md`` §6.1).

They go through the outbox like webhooks, each by itself; they are signed at their turn, with the secret of that moment.
"""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from workbadge.keys import make_signed_request
from workbadge.lifecycle.changes import Audit
from workbadge.store import deletions, grants, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import NodeKind

from .errors import CommandError, conflict, not_found
from .outbox import CALLBACK, Outgoing, Sent, enqueue
from .services import Services
from .transaction import in_transaction
from .webhooks import check_callback

DEAUTHORIZE, DATA_DELETION = "deauthorize", "data_deletion"
_ADDRESS = {DEAUTHORIZE: "deauth_callback_url", DATA_DELETION: "data_deletion_url"}
LONGEST_CODE = 200


def address_of(app: Any, kind: str) -> str:
    """Where an app takes callbacks of a kind; empty when it does not."""
    return getattr(app, _ADDRESS[kind]) or ""


async def call_back(tx: Tx, services: Services, app: Any, kind: str, user_id: int, now: datetime) -> int | None:
    """Write a callback about a person; its id in the outbox, None when the app has no address for it."""
    address = address_of(app, kind)
    if not address:
        return None
    payload = {"issued_at": to_micros(now) // 1_000_000, "user_id": str(user_id)}
    one = Outgoing(CALLBACK, kind, address, f"{kind}: {user_id}", json.dumps(payload), app_id=app.id)
    (made,) = await enqueue(tx, services, [one], now)
    return made


def form_of(secret: str, sent: Sent) -> bytes:
    """The form that a callback posts."""
    return urlencode({"signed_request": make_signed_request(secret, json.loads(sent.body))}).encode()


async def ask_deletion(tx: Tx, services: Services, account_id: int, app_id: int, now: datetime) -> None:
    """The person, who took the app off, asks it to delete what it holds about them. Where the app has no address for that,
    the wish is kept and shown with the app's help. Raises CommandError: NOT_FOUND, CONFLICT (still connected; asked already)."""
    app = await records.find_app(tx, app_id)
    user_id = await records.find_scoped_id(tx, app_id, account_id)
    if app is None or user_id is None:
        raise not_found("app")
    if await grants.find_grant(tx, account_id, app_id, lock=True) is not None:
        raise conflict("This app is still connected.", "to disconnect it first")
    for one in await deletions.list_deletions(tx, account_id):
        if one.app_id == app_id and one.next_try_at is not None:
            raise conflict("The app is being asked already.", "to wait for its answer")
    deletion_id = services.entropy.new_id(NodeKind.RECORD)
    delivery = await call_back(tx, services, app, DATA_DELETION, user_id, now)
    row = {"id": deletion_id, "app_id": app_id, "account_id": account_id, "user_id": user_id}
    await deletions.add_deletion(tx, {**row, "requested_at": now, "delivery_id": delivery})
    entry = Audit("app.ask_deletion", deletion_id, None, None, {"app": app_id})
    await write_audit(tx, (entry,), account_id, services.entropy.new_id, now)


class _Answer(msgspec.Struct):
    """What an app answers to a wish for deletion; further members are left alone."""

    url: str
    confirmation_code: str | int


def read_answer(body: bytes) -> tuple[str, str]:
    """Status address and confirmation code. Raises ValueError that says what was expected."""
    try:
        found = msgspec.json.decode(body, type=_Answer)
        url, code = check_callback(found.url, "url"), str(found.confirmation_code)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, CommandError) as error:
        raise ValueError("expected JSON with url (http or https) and confirmation_code") from error
    if not 1 <= len(code) <= LONGEST_CODE or not code.isprintable():
        raise ValueError(f"expected a confirmation_code of 1 to {LONGEST_CODE} characters")
    return url, code


async def keep_answer(services: Services, sent: Sent, answer: tuple[str, str], now: datetime) -> None:
    """Keep what the app answered, for the person to see."""

    async def work(tx: Tx) -> None:
        row = await deletions.find_deletion_of(tx, sent.id)
        if row is not None:
            await deletions.set_answer(tx, row.id, *answer, now)

    await in_transaction(services, work)
