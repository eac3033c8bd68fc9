"""SIGKILL at every statement, before and after every commit (I12; FT-01, FT-04, FT-05)."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from workbadge.commands import migration
from workbadge.store import schema
from workbadge.store.due import list_due
from workbadge.terms.instants import DAY, to_micros
from workbadge.terms.kinds import PersonState

from ._world import T0, World

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


class Crasher:
    """Talks to ``_crash``."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.commands._crash", url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, point: int, migration_id: int, person: int, now: datetime) -> str:
        """``killed`` at that point, or ``done``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command} {point} {migration_id} {person} {to_micros(now)}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@pytest.fixture
def crasher(database: str) -> Iterator[Crasher]:
    """A process on the test's database."""
    made = Crasher(database)
    yield made
    made.close()


async def dump(world: World) -> dict[str, list[str]]:
    """Every row of every table."""
    async with world.services.store.read() as tx:
        return {
            table.name: sorted(repr(tuple(row)) for row in await tx.rows(select(table)))
            for table in schema.metadata.sorted_tables
        }


async def state_of(world: World, migration_id: int, now: datetime) -> PersonState:
    """State of the only person."""
    async with world.services.store.read() as tx:
        return (await migration.load_migration(tx, migration_id, now)).people[0].state


async def crash_through(world: World, crasher: Crasher, command: str, migration_id: int, now: datetime) -> int:
    """Kill the command at point 1, 2, 3 …: before the last point everything is as before, at it everything is done."""
    before = await dump(world)
    for point in range(1, 200):
        answer = crasher.run(command, point, migration_id, world.people["emil"], now)
        assert answer == "killed", f"{command} ended without its last point at {point}: {answer}"
        if await dump(world) != before:
            return point
    raise AssertionError("it never came to an end")


async def test_claim_extension_and_rollback_are_all_or_nothing(world: World, crasher: Crasher) -> None:
    """Killed at any point, the database holds the old state or the new one whole, and the next try goes through."""
    await world.consent(world.people["emil"], "tokens", ("page", "ads"))
    rights = await world.rights_of("emil")
    started = await world.start("emil", deadline=T0 + 50 * DAY)
    held = started.migration_id

    assert await crash_through(world, crasher, "claim", held, T0) > 15
    assert await state_of(world, held, T0 + 30 * DAY) is PersonState.MIGRATED
    assert len(await world.people_list(T0)) == 5

    assert await crash_through(world, crasher, "extend", held, T0) > 8
    assert await state_of(world, held, T0 + 60 * DAY) is PersonState.MIGRATED
    assert await state_of(world, held, T0 + 59 * DAY) is PersonState.IN_GRACE

    assert await crash_through(world, crasher, "roll_back", held, T0) > 10
    assert await state_of(world, held, T0) is PersonState.ROLLED_BACK
    assert await world.rights_of("emil") == rights


async def waiting(world: World) -> int:
    """How many rows are still to be carried out."""
    async with world.services.store.read() as tx:
        return len(await list_due(tx, 100))


async def test_mails_and_webhooks_are_written_once_whatever_dies(world: World, crasher: Crasher) -> None:
    """The worker is killed at every point of everything that is due: each mail and webhook stands in the outbox once (FT-04)."""
    await world.consent(world.people["emil"], "tokens", ("page",))
    started = await world.start("emil")
    crasher.run("claim", 0, started.migration_id, world.people["emil"], T0)
    end = T0 + 31 * DAY
    point, kills, left = 1, 0, await waiting(world)
    while (answer := crasher.run("due", point, 0, 0, end)) == "killed":
        kills += 1
        now_left = await waiting(world)
        point, left = (1 if now_left < left else point + 1), now_left
    assert answer == "done"
    assert kills > 60
    hook = "https://tokens.example/hook"
    assert sorted(await world.kinds()) == sorted(
        [
            ("invitation", "emil@work.example"),
            ("claimed", "emil@work.example"),
            ("migration_expire_time", hook),
            *[("reconnect_reminder", "emil@work.example")] * 4,
            ("cut_off", "emil@work.example"),
            ("cut_off", hook),
        ]
    )
