"""``POST /oauth/par``, and what ``request_uri`` stands for at the authorization endpoint (OA-39).

A request that is pushed is checked as it would be there. Its name is good for a minute, for this client, until it is answered;
who opened it in time has an hour to sign in and to decide.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from workbadge.commands.services import Services
from workbadge.keys import hash_secret, same
from workbadge.oauth.request import PageError
from workbadge.store import used_proofs
from workbadge.terms.instants import from_micros, to_micros

PREFIX = "urn:ietf:params:oauth:request_uri:"
LIFE = timedelta(seconds=60)
OPEN = timedelta(hours=1)
OPENED = "wb_opened"
"""The parameter that says when a request was opened in time."""

PLACE = "pushed_request.parameters"
_MARK = re.compile(r"(\d{1,18})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pulled:
    """A pushed request. ``uri``: its name; ``text``: its parameters, urlencoded; ``name``: the hash
    of that, hex; ``mark``: what to open it
    with later."""

    uri: str
    text: str
    name: str
    mark: str


async def keep(services: Services, app_id: int, pairs: list[tuple[str, str]], now: datetime) -> str:
    """Keep a request that was checked; its ``request_uri``."""
    uri = PREFIX + services.entropy.text(43)
    sealed = services.sealer.seal(urlencode(pairs), PLACE)
    async with services.store.write() as tx:
        await used_proofs.drop_pushed(tx, now - OPEN)
        await used_proofs.add_pushed(tx, hash_secret(uri), app_id, sealed, now + LIFE)
    return uri


async def pull(services: Services, values: dict[str, str], now: datetime) -> Pulled:
    """The request behind ``request_uri``; nothing else of ``values`` counts but the client (§4). Raises PageError."""
    hashed = hash_secret(values["request_uri"])
    async with services.store.read() as tx:
        row: Any = await used_proofs.find_pushed(tx, hashed)
    refused = PageError(
        100, "This login cannot be opened", "It was opened too late, or answered already. Start again in the app."
    )
    if row is None or str(row.app_id) != values.get("client_id") or row.used_at is not None:
        raise refused
    mark = values.get(OPENED, "")
    if not was_opened(services, hashed, mark, now):
        if now >= row.expires_at:
            raise refused
        mark = _mark(services, hashed, to_micros(now))
    return Pulled(values["request_uri"], services.sealer.open(bytes(row.parameters), PLACE), hashed.hex(), mark)


def _mark(services: Services, hashed: bytes, micros: int) -> str:
    return f"{micros}.{services.sealer.mac('pushed', hashed + micros.to_bytes(8, 'big')).hex()}"


def was_opened(services: Services, hashed: bytes, mark: str, now: datetime) -> bool:
    """Whether a request was opened in time, within the last hour."""
    found = _MARK.fullmatch(mark)
    if found is None or not mark.isascii():
        return False
    micros = int(found[1])
    return same(mark, _mark(services, hashed, micros)) and now < from_micros(micros) + OPEN
