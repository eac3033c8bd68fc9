"""Steering a migration: extending, deadlines, excluding, an organization's own grace (M1, M7, M11, MT-31, MT-32)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from workbadge.access import Allow
from workbadge.commands import due, migration
from workbadge.commands.errors import CommandError, Problem
from workbadge.lifecycle.changes import Refusal
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import PersonState

from ._world import T0, TICK, World

pytestmark = pytest.mark.anyio


async def refusal(work: object) -> CommandError:
    """The error with which a command refuses."""
    with pytest.raises(CommandError) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_an_extension_moves_everything_at_once(world: World) -> None:
    """Field, banner, reminders and webhook show the new instant, and it is the one enforced (M11, I8)."""
    emil = world.people["emil"]
    old = await world.consent(emil, "tokens", ("page", "ads"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    to = T0 + 45 * DAY
    await migration.extend_grace(world.services, started.migration_id, emil, to, None, T0 + 20 * DAY)
    now = T0 + 20 * DAY
    for name in ("page", "ads"):
        answer = await world.ask(old, name, now)
        assert isinstance(answer, Allow)
        assert answer.reach_until == to
    banner = await world.banner(done.managed_id, now)
    assert banner is not None
    assert (banner.cut_off, banner.days_left) == (to, 25)
    await due.run(world.services, now)
    hook = [sent for sent in await world.outbox() if sent.channel == "webhook"][-1]
    value = json.loads(hook.body)["entry"][0]["changes"][0]["value"]
    assert value["migration_expire_time"] == to.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await world.may(old, "page", to - TICK)
    assert not await world.may(old, "page", to)
    ran = await due.run(world.services, T0 + 100 * DAY)
    assert [(one.kind, one.at) for one in ran] == [
        *(("remind_reconnect", to - days * DAY) for days in (14, 7, 3, 1)),
        ("cut_off", to),
    ]


async def test_an_extension_has_limits(world: World) -> None:
    """Not shorter, not beyond the operator's limit, not after the cut-off; the limit itself is allowed (M11)."""
    services, emil = world.services, world.people["emil"]
    started = await world.start("emil", "selma")
    await world.claim(started, "emil", T0)
    limit = T0 + services.policy.extension_limit
    for to, now, expected in (
        (T0 + 30 * DAY, T0, Refusal.NOT_LATER),
        (limit + TICK, T0, Refusal.BEYOND_LIMIT),
        (limit, T0 + 30 * DAY, Refusal.AFTER_CUT_OFF),
    ):
        refused = await refusal(migration.extend_grace(services, started.migration_id, emil, to, None, now))
        assert refused.refusal is expected
        assert refused.at is not None
    await migration.extend_grace(services, started.migration_id, emil, limit, None, T0 + 30 * DAY - TICK)
    selma = world.people["selma"]
    refused = await refusal(migration.extend_grace(services, started.migration_id, selma, limit, None, T0))
    assert refused.refusal is Refusal.NOT_CLAIMED
    refused = await refusal(
        migration.extend_grace(services, started.migration_id, world.people["bob"], limit, None, T0)
    )
    assert refused.problem is Problem.NOT_FOUND


async def test_a_moved_deadline_counts_from_then_on(world: World) -> None:
    """Access ends at the new deadline, the old one's reminders are gone; lifted, nothing ends (M1, M10)."""
    emil = world.people["emil"]
    old = await world.consent(emil, "tokens", ("page",))
    started = await world.start("emil", deadline=T0 + 10 * DAY)
    await migration.set_deadline(world.services, started.migration_id, emil, T0 + 20 * DAY, None, T0 + DAY)
    assert await world.may(old, "page", T0 + 20 * DAY - TICK)
    assert not await world.may(old, "page", T0 + 20 * DAY)
    ran = await due.run(world.services, T0 + 15 * DAY)
    assert [(one.kind, one.at) for one in ran] == [
        ("remind_claim", T0 + 6 * DAY),
        ("remind_claim", T0 + 13 * DAY),
    ]
    await migration.set_deadline(world.services, started.migration_id, emil, None, None, T0 + 15 * DAY)
    assert await world.may(old, "page", T0 + 89 * DAY)
    assert await due.run(world.services, T0 + 200 * DAY) == []
    refused = await refusal(
        migration.set_deadline(
            world.services,
            started.migration_id,
            emil,
            T0 + 15 * DAY,
            None,
            T0 + 15 * DAY,
        )
    )
    assert refused.refusal is Refusal.IN_THE_PAST


async def test_excluding_somebody_leaves_everything_as_it_was(world: World) -> None:
    """Before a claim a person can be taken out: rights are as before, the deadline is gone (AC-37)."""
    before = await world.rights_of("emil")
    started = await world.start("emil", deadline=T0 + 10 * DAY)
    assert await world.rights_of("emil") != before
    await migration.exclude_person(world.services, started.migration_id, world.people["emil"], None, T0 + DAY)
    assert await world.rights_of("emil") == before
    assert await due.run(world.services, T0 + 50 * DAY) == []
    async with world.services.store.read() as tx:
        view = await migration.load_migration(tx, started.migration_id, T0 + DAY)
    assert view.people[0].state is PersonState.EXCLUDED
    await world.start("emil", now=T0 + 2 * DAY)


async def test_states_follow_from_the_instants(world: World) -> None:
    """Invited, missed at the deadline, in grace from the claim, migrated at the cut-off: exactly then (MT-31)."""
    started = await world.start("emil", "selma", deadline=T0 + 5 * DAY)
    await world.claim(started, "emil", T0 + DAY)

    async def states(now: datetime) -> list[PersonState]:
        async with world.services.store.read() as tx:
            return [one.state for one in (await migration.load_migration(tx, started.migration_id, now)).people]

    assert await states(T0 + 5 * DAY - TICK) == [
        PersonState.IN_GRACE,
        PersonState.INVITED,
    ]
    assert await states(T0 + 5 * DAY) == [PersonState.IN_GRACE, PersonState.MISSED]
    assert await states(T0 + 31 * DAY - TICK) == [
        PersonState.IN_GRACE,
        PersonState.MISSED,
    ]
    assert await states(T0 + 31 * DAY) == [PersonState.MIGRATED, PersonState.MISSED]


async def test_an_organization_may_set_its_own_grace(world: World) -> None:
    """It holds for claims from then on, within the operator's limit; taken back, the platform's holds (M7)."""
    services = world.services
    started = await world.start("emil", "selma", "bob")
    await migration.set_grace(services, world.organization, timedelta(days=10), None, T0)
    done = await world.claim(started, "emil", T0)
    assert done.cut_off == T0 + 10 * DAY
    async with services.store.read() as tx:
        assert await migration.load_grace(tx, services, world.business) == 10 * DAY
        assert await migration.load_grace(tx, services, world.partner) == 30 * DAY
    await migration.set_grace(services, world.organization, None, None, T0)
    assert (await world.claim(started, "selma", T0)).cut_off == T0 + 30 * DAY
    for grace in (timedelta(0), services.policy.extension_limit + timedelta(seconds=1)):
        refused = await refusal(migration.set_grace(services, world.organization, grace, None, T0))
        assert refused.problem is Problem.INVALID


@pytest.mark.parametrize(
    "start",
    [
        datetime(2028, 1, 31, 0, 0, tzinfo=UTC),
        datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 8, 9, 59, 59, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
async def test_thirty_days_are_thirty_times_86_400_seconds(world: World, start: datetime) -> None:
    """Months, leap days, year ends and clock changes somewhere make no difference (MT-32)."""
    started = await world.start("emil", now=start)
    done = await world.claim(started, "emil", start)
    assert done.cut_off is not None
    assert (done.cut_off - start).total_seconds() == 30 * 86_400
    places = [ends for business, _, ends, _ in await world.rights_of("emil") if business == world.business]
    assert places == [done.cut_off]


async def test_what_is_repeated_or_out_of_turn_says_so(world: World) -> None:
    """Every step in a state that does not allow it is a conflict with its reason, and changes nothing (AC-30)."""
    services, emil = world.services, world.people["emil"]
    started = await world.start("emil")
    step = (services, started.migration_id, emil)
    assert (await refusal(migration.roll_back(*step, None, T0))).refusal is Refusal.NOT_CLAIMED
    await world.claim(started, "emil", T0)
    before = await world.rights_of("emil")
    for work, expected in (
        (migration.exclude_person(*step, None, T0), Refusal.ALREADY_CLAIMED),
        (migration.set_deadline(*step, T0 + DAY, None, T0), Refusal.ALREADY_CLAIMED),
        (migration.resend_invitation(*step, None, T0), Refusal.ALREADY_CLAIMED),
    ):
        refused = await refusal(work)
        assert (refused.problem, refused.refusal) == (Problem.CONFLICT, expected)
    assert await world.rights_of("emil") == before
    await migration.roll_back(*step, None, T0)
    assert (await refusal(migration.roll_back(*step, None, T0))).refusal is Refusal.NOT_CLAIMED
    assert (await refusal(migration.resend_invitation(*step, None, T0))).refusal is Refusal.NOT_INVITED
