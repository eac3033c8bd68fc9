"""A repeated write with the same idempotency key gets the first answer; key and effect commit together (house rule 18)."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from workbadge.store import first_answers
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY

from .errors import conflict, invalid
from .services import Services

LONGEST_KEY = 255
KEPT = DAY
_PLACE = "first_answer.body"
_NOT_COMPARED = frozenset({"access_token", "appsecret_proof", "appsecret_time", "id"})
"""Parameters that may differ when a request is repeated: who asks is part of the key, ``id`` is ignored (9.20)."""


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A write that may come again. ``key``: None where the caller gave none. ``place``: method and path."""

    key: str | None
    app_id: int
    account_id: int
    place: str
    values: Mapping[str, str]

    def digest(self) -> bytes:
        """The same for the same request."""
        values = sorted((key, value) for key, value in self.values.items() if key not in _NOT_COMPARED)
        return hashlib.sha256(msgspec.json.encode([self.place, values])).digest()


async def answer_once(
    tx: Tx, services: Services, request: Repeatable, now: datetime, effect: Callable[[], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """What ``effect`` answers, or what it answered when the same app did the same for the same account under that key.

    Kept for a day, sealed: answers may hold tokens. The caller has decided that the write is allowed, each time.
    Raises CommandError: INVALID key, CONFLICT when the key stands for another request.
    """
    if request.key is None:
        return await effect()
    if not request.key.strip() or len(request.key) > LONGEST_KEY:
        raise invalid("key", f"The header Idempotency-Key must have 1 to {LONGEST_KEY} characters.")
    key = services.sealer.mac("first_answer", f"{request.app_id} {request.account_id} {request.key}".encode())
    known = await first_answers.find_answer(tx, key)
    if known is not None and known.at > now - KEPT:
        if known.digest != request.digest():
            raise conflict("The Idempotency-Key was used for another request.", "a key of its own")
        found: dict[str, Any] = msgspec.json.decode(services.sealer.open(known.body, _PLACE))
        return found
    answer = await effect()
    await first_answers.forget_answers(tx, now - KEPT)
    sealed = services.sealer.seal(msgspec.json.encode(answer).decode(), _PLACE)
    await first_answers.add_answer(tx, key, request.digest(), sealed, now)
    return answer
