"""The keys that ID tokens are signed with: made when first needed, published before they sign, rotated (OA-65, SE-17).

No job has to run: whoever needs a key at ``now`` finds out whether its successor is due and makes it. A verifier that
keeps the published set for at most ``KEPT`` never meets a key that it does not know.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Any

from workbadge.keys import SIGNING_ALGORITHMS, KeyPair, Sealer, make_key_pair, read_jwt, sign_jwt
from workbadge.lifecycle.changes import Audit
from workbadge.store import signing_keys
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY

from .services import Services
from .transaction import in_transaction

PLACE = "signing_key.private"
ROTATION = 90 * DAY
"""How long a key signs."""

LEAD = 2 * DAY
"""How long a key is published before it signs."""

KEPT = timedelta(hours=1)
"""How long verifiers may keep the published set."""

ID_TOKEN_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now."""

    alg: str
    kid: str
    private: str

    def sign(self, claims: dict[str, Any], kind: str = "JWT") -> str:
        """A signed token with these claims."""
        return sign_jwt(self.alg, self.kid, self.private, claims, kind)


@lru_cache(maxsize=64)
def _opened(sealer: Sealer, sealed: bytes) -> str:
    return sealer.open(sealed, PLACE)


def _live(rows: list[Any], now: datetime) -> list[Any]:
    return [row for row in rows if row.withdrawn_at is None or row.withdrawn_at > now]


def _needs_successor(rows: list[Any], now: datetime) -> bool:
    """Whether the last key of an algorithm is about to end and none follows it."""
    return bool(rows) and rows[-1].signs_from <= now and now >= rows[-1].signs_from + ROTATION - LEAD


def _published(rows: list[Any], now: datetime) -> list[Any]:
    """Of one algorithm's keys: those to come, the one that signs, and those whose last token may still be alive."""
    follower = {one.kid: after.signs_from for one, after in pairwise(rows)}
    return [row for row in rows if row.kid not in follower or now < follower[row.kid] + ID_TOKEN_LIFE]


async def _load(services: Services, algs: tuple[str, ...], now: datetime) -> dict[str, list[Any]]:
    """Live keys by algorithm; there is one that signs now for each of ``algs``, and its successor when that is due."""
    for _ in range(3):
        async with services.store.read() as tx:
            rows = _live(await signing_keys.list_signing_keys(tx), now)
        by_alg = {alg: list(some) for alg, some in groupby(rows, key=lambda row: str(row.alg))}
        wanted = {*algs, *by_alg}
        due = [alg for alg in sorted(wanted) if alg not in by_alg or _needs_successor(by_alg[alg], now)]
        if not due:
            return by_alg
        for alg in due:
            await _make(services, alg, now)
    return by_alg


async def _make(services: Services, alg: str, now: datetime) -> None:
    """Insert the next key of an algorithm, unless somebody else did meanwhile."""
    pair = await asyncio.to_thread(make_key_pair, alg, services.entropy)

    async def work(tx: Tx) -> None:
        every = [row for row in await signing_keys.list_signing_keys(tx) if row.alg == alg]
        rows = _live(every, now)
        if rows and not _needs_successor(rows, now):
            return
        starts = now if not rows else max(now + LEAD, rows[-1].signs_from + ROTATION)
        await _insert(tx, services, pair, len(every) + 1, now, starts)

    await in_transaction(services, work)


async def _insert(tx: Tx, services: Services, pair: KeyPair, number: int, now: datetime, starts: datetime) -> None:
    values = {
        "kid": pair.kid,
        "alg": pair.alg,
        "number": number,
        "public": json.dumps(pair.public),
        "private": services.sealer.seal(pair.private, PLACE),
        "published_at": now,
        "signs_from": starts,
    }
    await signing_keys.add_signing_key(tx, values)
    entry = Audit("signing_key.publish", 0, None, None, {"kid": pair.kid, "alg": pair.alg})
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)


async def find_signer(services: Services, alg: str, now: datetime) -> Signer:
    """The key of ``alg`` that signs at ``now``."""
    rows = (await _load(services, (alg,), now))[alg]
    row = next(row for row in reversed(rows) if row.signs_from <= now)
    return Signer(alg, row.kid, _opened(services.sealer, bytes(row.private)))


async def published_keys(services: Services, now: datetime) -> list[dict[str, str]]:
    """Public JWKs to publish at ``now`` (RFC 7517 §5): of every algorithm, used yet or not, so that a verifier's copy holds it."""
    by_alg = await _load(services, SIGNING_ALGORITHMS, now)
    return [json.loads(row.public) for rows in by_alg.values() for row in _published(rows, now)]


async def read_own_jwt(services: Services, text: str, now: datetime, kind: str = "JWT") -> dict[str, Any] | None:
    """The claims of a token that this site signed, however long ago, unless its key was withdrawn; else None."""
    async with services.store.read() as tx:
        rows = _live(await signing_keys.list_signing_keys(tx), now)
    return read_jwt(text, [json.loads(row.public) for row in rows], kind)


async def rotate_keys(services: Services, now: datetime, at_once: bool = False) -> list[str]:
    """Publish a new key for every algorithm; it signs after ``LEAD``. The new kids.

    ``at_once`` is for a key that became known to others: the new one signs from now, and every older one is withdrawn,
    so that what it signed is refused here from now on.
    """
    by_alg = await _load(services, SIGNING_ALGORITHMS, now)
    pairs = [await asyncio.to_thread(make_key_pair, alg, services.entropy) for alg in by_alg]

    async def work(tx: Tx) -> None:
        every = await signing_keys.list_signing_keys(tx)
        for pair in pairs:
            mine = [row for row in every if row.alg == pair.alg]
            if at_once:
                await signing_keys.withdraw_signing_keys(tx, [row.kid for row in _live(mine, now)], now)
            await _insert(tx, services, pair, len(mine) + 1, now, now if at_once else now + LEAD)
        if at_once:
            entry = Audit("signing_key.withdraw", 0, None, None, {"algs": ",".join(by_alg)})
            await write_audit(tx, (entry,), None, services.entropy.new_id, now)

    await in_transaction(services, work)
    return [pair.kid for pair in pairs]
