"""The whole story at the level of commands (M3-M8, M12, B1, B2, I1-I5)."""

import json

import pytest

from workbadge.access import Allow, Deny
from workbadge.commands import due, migration
from workbadge.commands.errors import CommandError
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import Act, PersonState
from workbadge.terms.reasons import Reason

from ._world import T0, TICK, World

pytestmark = pytest.mark.anyio
HOUR = DAY / 24


async def test_a_business_moves_and_its_apps_survive(world: World) -> None:
    """Old tokens live until the cut-off and not a microsecond longer; everything else notices nothing (M6-M8, I1-I4)."""
    emil = world.people["emil"]
    old = await world.consent(emil, "tokens", ("page", "ads", "other"))
    forgotten = await world.consent(emil, "both", ("page", "catalog"))
    system = await world.system_user("both", ("page", "catalog"))
    only_system = await world.system_user("system", ("page",))
    partner = await world.consent(world.people["paul"], "tokens", ("page",))
    started = await world.start("emil")
    at = T0 + DAY
    done = await world.confirm(await world.link("emil"), "emil", at)
    await due.run(world.services, at)
    cut_off = at + 30 * DAY
    assert done.cut_off == cut_off

    for now in (at, at + TICK, cut_off - TICK):
        for held, names in ((old, ("page", "ads")), (forgotten, ("page", "catalog"))):
            for name in names:
                answer = await world.ask(held, name, now)
                assert isinstance(answer, Allow)
                assert answer.because is Reason.GRACE
                assert answer.reach_until == cut_off
                assert isinstance(await world.ask(held, name, now, Act.WRITE), Allow)
    for now in (cut_off, cut_off + TICK):
        answer = await world.ask(old, "page", now)
        assert isinstance(answer, Deny)
        assert (answer.reason, answer.since) == (Reason.GRACE_ENDED, cut_off)
    for now in (at, cut_off - TICK, cut_off, cut_off + TICK):
        assert await world.may(old, "other", now)
        assert await world.may(system, "catalog", now)
        assert await world.may(only_system, "page", now)
        assert await world.may(partner, "page", now)

    banner = await world.banner(done.managed_id, at + HOUR)
    assert banner is not None
    assert (banner.cut_off, banner.days_left, banner.open) == (cut_off, 30, 2)
    assert [app.name for app in banner.apps] == ["App both", "App tokens"]
    assert {one.name for one in banner.apps[1].missing} == {"page", "ads"}

    fresh = await world.consent(done.managed_id, "tokens", ("page", "ads"), at + DAY)
    banner = await world.banner(done.managed_id, at + DAY)
    assert banner is not None
    assert [(app.name, app.covered) for app in banner.apps] == [
        ("App both", False),
        ("App tokens", True),
    ]
    assert await world.may(old, "page", at + DAY)
    assert await world.may(fresh, "page", cut_off)
    async with world.services.store.read() as tx:
        view = await migration.load_migration(tx, started.migration_id, cut_off)
    person = view.people[0]
    assert (person.state, person.apps_at_risk, person.apps_covered) == (
        PersonState.MIGRATED,
        2,
        1,
    )
    assert await world.banner(done.managed_id, cut_off) is None


async def test_a_person_who_is_rolled_back_is_as_before(world: World) -> None:
    """Rollback in grace restores role, assignments and ends exactly, and names the apps that had reconnected (M12, I5)."""
    old = await world.consent(world.people["selma"], "tokens", ("page", "ads"))
    before = await world.rights_of("selma")
    started = await world.start("selma", deadline=T0 + 20 * DAY)
    done = await world.claim(started, "selma", T0 + DAY)
    fresh = await world.consent(done.managed_id, "tokens", ("page",), T0 + 2 * DAY)
    assert await world.may(fresh, "page", T0 + 2 * DAY)
    back = await migration.roll_back(world.services, started.migration_id, world.people["selma"], None, T0 + 3 * DAY)
    assert back.reconnected_apps == (world.apps["tokens"],)
    assert await world.rights_of("selma") == before
    answer = await world.ask(old, "page", T0 + 89 * DAY)
    assert isinstance(answer, Allow)
    assert answer.reach_until is None
    assert not await world.may(fresh, "page", T0 + 3 * DAY)
    assert await world.banner(done.managed_id, T0 + 3 * DAY) is None
    await due.run(world.services, T0 + 3 * DAY)
    last = [sent for sent in await world.outbox() if sent.channel == "webhook"][-1]
    value = json.loads(last.body)["entry"][0]["changes"][0]["value"]
    assert value["migration_expire_time"] is None
    ran = await due.run(world.services, T0 + 200 * DAY)
    assert ran == []


async def test_rollback_is_refused_from_the_cut_off_on(world: World) -> None:
    """A microsecond before the cut-off a rollback still works, at it not any more (M12)."""
    started = await world.start("emil", "selma")
    for name in ("emil", "selma"):
        await world.claim(started, name, T0)
    cut_off = T0 + 30 * DAY
    await migration.roll_back(world.services, started.migration_id, world.people["emil"], None, cut_off - TICK)
    with pytest.raises(CommandError) as refused:
        await migration.roll_back(world.services, started.migration_id, world.people["selma"], None, cut_off)
    assert refused.value.refusal == "after_cut_off"


async def test_the_webhook_says_until_when(world: World) -> None:
    """Every app with a grant on the business hears the end of the window, in UTC with Z (L5, wire.md 1.6)."""
    await world.consent(world.people["emil"], "tokens", ("page",))
    await world.consent(world.people["emil"], "both", ("other",))
    started = await world.start("emil")
    await world.claim(started, "emil", T0)
    hooks = [sent for sent in await world.outbox() if sent.channel == "webhook"]
    assert [sent.address for sent in hooks] == ["https://tokens.example/hook"]
    body = json.loads(hooks[0].body)
    assert body["object"] == "managed_meta_account"
    change = body["entry"][0]["changes"][0]
    assert change["field"] == "migration_expire_time"
    assert change["value"]["migration_expire_time"] == "2026-03-02T12:00:00Z"
    assert change["value"]["user_id"] == body["entry"][0]["id"]
    assert int(change["value"]["user_id"]) != world.people["emil"]


async def test_what_is_proposed_can_be_invited(world: World) -> None:
    """Members are proposed with their local part in the verified domain, and marked once invited."""
    await world.start("emil")
    async with world.services.store.read() as tx:
        proposed = await migration.propose_people(tx, world.business, T0)
    assert [(one.name, one.work_email, one.invited) for one in proposed] == [
        ("Ada", "ada@work.example", False),
        ("Bob", "bob@work.example", False),
        ("Emil", "emil@work.example", True),
        ("Selma", "selma@work.example", False),
    ]
