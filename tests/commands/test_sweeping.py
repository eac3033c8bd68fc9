"""What ended long ago is forgotten; what is good, or still told of, is not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from workbadge.commands import grant, sweeping
from workbadge.commands.first_answer import KEPT as ANSWERS_KEPT
from workbadge.commands.grant import Consent
from workbadge.commands.standard_token import OFFLINE, redeem_code
from workbadge.commands.token import (
    TokenError,
    TokenRefusal,
    challenge_of,
    exchange_code,
    exchange_long_lived,
    issue_code,
)
from workbadge.store import first_answers, sessions, used_proofs
from workbadge.store.schema import code, session, session_account, used_proof
from workbadge.store.schema import token as token_table
from workbadge.store.schema.portfolio import first_answer
from workbadge.store.schema.standards import refresh_family, refresh_token
from workbadge.terms.instants import DAY
from workbadge.web.clock import SettableClock
from workbadge.web.state import Site
from workbadge.web.worker import SWEEP_PAUSE, Worker

from ._world import T0, TICK, World

pytestmark = pytest.mark.anyio
BACK = "https://app.example/callback"
VERIFIER = "v" * 43
TABLES = {
    "codes": code,
    "families": refresh_family,
    "refresh tokens": refresh_token,
    "sessions": session,
    "signed in": session_account,
    "proofs": used_proof,
    "answers": first_answer,
    "tokens": token_table,
}


async def counts(world: World) -> dict[str, int]:
    """Rows of each kind."""
    found = {}
    async with world.services.store.read() as tx:
        for name, table in TABLES.items():
            row = await tx.one(select(func.count().label("rows")).select_from(table))
            assert row is not None
            found[name] = row.rows
    return found


async def a_code(world: World, standard: dict[str, Any] | None = None) -> str:
    """A code of an employee at T0."""
    scopes = ("public_profile", OFFLINE)
    async with world.services.store.write() as tx:
        asked = Consent(world.people["emil"], world.apps["both"], scopes, (), {})
        granted = await grant.record_consent(tx, world.services, asked, T0)
        challenge = None if standard is None else challenge_of(VERIFIER)
        return await issue_code(tx, world.services, granted, BACK, T0, challenge, standard=standard)


async def swept(world: World, now: datetime) -> dict[str, int]:
    """What is left after everything was swept."""
    while await sweeping.sweep(world.services, now):
        pass
    return await counts(world)


async def test_an_unused_code_goes_thirty_days_after_its_end(world: World) -> None:
    """A code that ended is refused as expired for thirty days more (wire 3.2), then as unknown: its row is gone."""
    before = await counts(world)
    text, app = await a_code(world), world.apps["both"]
    gone = T0 + world.services.policy.code + sweeping.KEPT + TICK
    for now, refusal, left in ((gone - TICK, TokenRefusal.CODE_EXPIRED, 1), (gone, TokenRefusal.CODE_UNKNOWN, 0)):
        assert (await swept(world, now))["codes"] == before["codes"] + left
        with pytest.raises(TokenError) as refused:
            await exchange_code(world.services, app, text, BACK, None, now)
        assert refused.value.refusal is refusal


async def test_a_code_stays_while_its_token_is_good(world: World) -> None:
    """OA-19: the code of a token that is still good stays, so that a second use still revokes it; thirty days after the token's
    end it goes, and the token stays to be told as expired (190/463)."""
    text, app = await a_code(world), world.apps["both"]
    issued = await exchange_code(world.services, app, text, BACK, None, T0)
    issued = await exchange_long_lived(world.services, app, issued.text, T0)
    assert issued.lifetime is not None and issued.lifetime > 59 * DAY
    gone = T0 + issued.lifetime + sweeping.KEPT + TICK
    kept = await swept(world, gone - TICK)
    left = await swept(world, gone)
    assert (kept["codes"], kept["tokens"]) == (left["codes"] + 1, left["tokens"])


async def test_refresh_tokens_go_after_the_end_of_their_family(world: World) -> None:
    """OA-29: a family stays until thirty days after its absolute end, its code with it; then all three are gone."""
    before = await counts(world)
    text = await a_code(world, {"signed_in_at": T0, "details": 0})
    tokens = await redeem_code(world.services, world.apps["both"], text, BACK, VERIFIER, T0)
    assert tokens.refresh is not None
    gone = T0 + world.services.policy.refresh_life + sweeping.KEPT + TICK
    names = ("codes", "families", "refresh tokens")
    kept = await swept(world, gone - TICK)
    assert [kept[one] - before[one] for one in names] == [1, 1, 1]
    left = await swept(world, gone)
    assert [left[one] - before[one] for one in names] == [0, 0, 0]


async def test_sessions_proofs_and_answers_go(world: World) -> None:
    """OA-57: sessions go thirty days after their end, proofs at theirs, first answers after a day; later ones stay."""
    ends = T0 + DAY
    async with world.services.store.write() as tx:
        for number, end in ((1, ends), (2, ends + 90 * DAY)):
            await sessions.add_session(tx, bytes([number]) * 32, T0, end)
            await sessions.add_signed_in(tx, bytes([number]) * 32, world.people["emil"], "password", T0)
            await used_proofs.add_used(tx, bytes([number]) * 32, end)
        await first_answers.add_answer(tx, b"k" * 32, b"d" * 32, b"body", T0)
    names = ("sessions", "signed in", "proofs", "answers")
    for now, expected in (
        (T0, [2, 2, 2, 1]),
        (T0 + ANSWERS_KEPT, [2, 2, 1, 0]),
        (ends + sweeping.KEPT, [2, 2, 1, 0]),
        (ends + sweeping.KEPT + TICK, [1, 1, 1, 0]),
    ):
        left = await swept(world, now)
        assert [left[one] for one in names] == expected


async def test_the_worker_sweeps_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker forgets what ended, a part at a time, and looks again an hour later; a world's worker leaves it alone."""
    monkeypatch.setattr(sweeping, "AT_ONCE", 1)
    before = await counts(world)
    for _ in range(3):
        await a_code(world)
    clock = SettableClock(T0)
    site = Site(world.services, clock)
    worker, of_world = Worker(lambda: site), Worker(lambda: site, run_due=False)
    clock.set(T0 + 2 * sweeping.KEPT)
    await of_world.step()
    assert (await counts(world))["codes"] == before["codes"] + 3
    while await worker.step():
        pass
    assert (await counts(world))["codes"] == before["codes"]
    assert not await worker.step()
    clock.set(clock.now() + SWEEP_PAUSE - timedelta(seconds=1))
    assert worker._swept == T0 + 2 * sweeping.KEPT
