"""People of a business while others hand it over: take-away, leaving, the last admin, other ways (A5, M15, M16, I7, I9)."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from workbadge.access import Allow, Deny
from workbadge.commands import claim, due, membership, migration, portfolio
from workbadge.commands.errors import CommandError, Problem
from workbadge.lifecycle.changes import Plan, Refusal, SetMembershipEnd
from workbadge.store.apply import apply_plan
from workbadge.store.audit import list_entries
from workbadge.terms.instants import DAY, parse_instant
from workbadge.terms.kinds import EndCause, Role
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import Task

from ._world import T0, World

pytestmark = pytest.mark.anyio


async def place_of(world: World, address: str, now: object = T0) -> int:
    """The membership of an address in the business."""
    return (await world.people_list(now))[address]  # type: ignore[arg-type]


async def test_what_is_taken_from_the_managed_account_is_taken_from_the_old_login(
    world: World,
) -> None:
    """In grace both lose an asset at once; rollback does not bring it back (M16, AC-34)."""
    old = await world.consent(world.people["emil"], "tokens", ("page", "ads"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    fresh = await world.consent(done.managed_id, "tokens", ("page", "ads"))
    place = await place_of(world, "emil@work.example")
    now = T0 + DAY
    await membership.take_away(world.services, world.business, place, world.assets["page"], None, now)
    for token in (old, fresh):
        assert not await world.may(token, "page", now)
        assert await world.may(token, "ads", now)
    await migration.roll_back(world.services, started.migration_id, world.people["emil"], None, now)
    assert not await world.may(old, "page", now)
    assert await world.may(old, "ads", now)


async def test_fewer_tasks_for_the_managed_account_are_fewer_for_the_old_login(
    world: World,
) -> None:
    """Cutting tasks down in grace holds for both; widening them does not widen the old login's (M16, I6)."""
    old = await world.consent(world.people["emil"], "tokens", ("page",))
    started = await world.start("emil")
    await world.claim(started, "emil", T0)
    place = await place_of(world, "emil@work.example")
    page = world.assets["page"]
    await membership.assign(world.services, world.business, place, page, Task.ANALYZE, None, T0)
    assert await world.may(old, "page", T0)
    assert isinstance(await world.ask(old, "page", T0), Allow)
    before = await world.rights_of("emil")
    await membership.assign(world.services, world.business, place, page, world.tasks()[page], None, T0)
    assert await world.rights_of("emil") == before


async def test_nothing_is_given_to_a_login_that_was_handed_over(world: World) -> None:
    """An admin cannot give the old login anything in grace (AC-33, M5)."""
    started = await world.start("emil")
    await world.claim(started, "emil", T0)
    place = await place_of(world, "emil@home.example")
    before = await world.rights_of("emil")
    for work in (
        membership.assign(
            world.services,
            world.business,
            place,
            world.assets["page"],
            Task.MANAGE,
            None,
            T0,
        ),
        membership.change_role(world.services, world.business, place, Role.ADMIN, None, T0),
    ):
        with pytest.raises(CommandError) as refused:
            await work
        assert refused.value.refusal is Refusal.NOT_A_MEMBER
    assert await world.rights_of("emil") == before


async def test_removing_the_managed_account_ends_the_grace(world: World) -> None:
    """Both lose the business in the same transaction; the person's other business stays (M16, AC-35, I3)."""
    old = await world.consent(world.people["emil"], "tokens", ("page", "other"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    fresh = await world.consent(done.managed_id, "tokens", ("page",))
    place = await place_of(world, "emil@work.example")
    await membership.remove_member(world.services, world.business, place, None, T0 + DAY)
    for token in (old, fresh):
        answer = await world.ask(token, "page", T0 + DAY)
        assert isinstance(answer, Deny)
        assert answer.since == T0 + DAY
    assert await world.may(old, "other", T0 + DAY)
    assert await world.banner(done.managed_id, T0 + DAY) is None
    await due.run(world.services, T0 + 60 * DAY)
    assert await last_webhook(world) == (T0 + DAY, "https://tokens.example/hook")
    assert not {"reconnect_reminder", "cut_off"} & {kind for kind, _ in await world.kinds()}


async def test_ending_the_old_login_itself_early_is_announced(world: World) -> None:
    """An admin who removes the old login before its cut-off leaves the managed account alone; the app hears it (L5)."""
    old = await world.consent(world.people["emil"], "tokens", ("page",))
    done = await world.claim(await world.start("emil"), "emil", T0)
    fresh = await world.consent(done.managed_id, "tokens", ("page",))
    place = await place_of(world, "emil@home.example")
    await membership.remove_member(world.services, world.business, place, None, T0 + DAY)
    assert not await world.may(old, "page", T0 + DAY)
    assert await world.may(fresh, "page", T0 + DAY)
    assert [one.kind for one in await due.run(world.services, T0 + 60 * DAY)] == ["announce"]
    assert await last_webhook(world) == (T0 + DAY, "https://tokens.example/hook")


async def last_webhook(world: World) -> tuple[datetime, str]:
    """The expiry that the last webhook named (whole seconds on the wire), and where it went."""
    sent = [one for one in await world.outbox() if one.channel == "webhook"][-1]
    value = json.loads(sent.body)["entry"][0]["changes"][0]["value"]["migration_expire_time"]
    return parse_instant(value) + timedelta(microseconds=T0.microsecond), sent.address


async def test_a_leaver_keeps_nothing_through_the_old_login(world: World) -> None:
    """Suspending the managed account ends its reach and every grace in that organization at once; other businesses stay (A5)."""
    services, emil = world.services, world.people["emil"]
    old = await world.consent(emil, "tokens", ("page", "other"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    fresh = await world.consent(done.managed_id, "tokens", ("page",))
    now = T0 + DAY
    await membership.suspend_account(services, done.managed_id, None, now)
    answer = await world.ask(old, "page", now)
    assert isinstance(answer, Deny)
    assert (answer.reason, answer.since) == (Reason.LEAVER, now)
    answer = await world.ask(fresh, "page", now)
    assert isinstance(answer, Deny)
    assert answer.reason is Reason.ACCOUNT_SUSPENDED
    assert await world.may(old, "other", now)
    assert [(one.kind, one.at) for one in await due.run(services, now + 60 * DAY)] == [("announce", now)]
    assert await last_webhook(world) == (now, "https://tokens.example/hook")
    with pytest.raises(CommandError) as refused:
        await migration.roll_back(services, started.migration_id, emil, None, now)
    assert refused.value.problem is Problem.CONFLICT


async def test_a_leaver_of_one_organization_is_none_of_another(world: World) -> None:
    """A grace in another organization's business goes on when the first one suspends its managed account (A5)."""
    services, emil = world.services, world.people["emil"]
    async with services.store.write() as tx:
        other = await portfolio.add_organization(tx, services, "Other", "other.example", T0)
        theirs = await portfolio.add_business(tx, services, "Theirs", other, T0)
        await portfolio.add_member(tx, services, emil, theirs, Role.EMPLOYEE, {}, None, T0)
    here = await world.start("emil")
    done = await world.claim(here, "emil", T0)
    there = await migration.start_migration(
        services, theirs, [migration.NewPerson(emil, "emil@other.example")], None, T0
    )
    await claim.claim_for(services, there.migration_id, emil, T0)
    await membership.suspend_account(services, done.managed_id, None, T0 + DAY)
    ends = {business: ends for business, _, ends, _ in await world.rights_of("emil")}
    assert (ends[world.business], ends[theirs]) == (T0 + DAY, T0 + 30 * DAY)


async def test_the_account_of_two_organizations_keeps_the_other_ones_grace(world: World) -> None:
    """Where one managed account also works in another organization's business, only its own organization's graces end (A4,
    A5)."""
    services, emil = world.services, world.people["emil"]
    done = await world.claim(await world.start("emil"), "emil", T0)
    async with services.store.write() as tx:
        other = await portfolio.add_organization(tx, services, "Other", "other.example", T0)
        theirs = await portfolio.add_business(tx, services, "Theirs", other, T0)
        place = await portfolio.add_member(tx, services, emil, theirs, Role.EMPLOYEE, {}, None, T0)
        end = SetMembershipEnd(place, T0 + 30 * DAY, EndCause.GRACE, T0)
        await apply_plan(tx, Plan(changes=(end,)), None, services.entropy.new_id, T0)
    await membership.suspend_account(services, done.managed_id, None, T0 + DAY)
    ends = {business: ends for business, _, ends, _ in await world.rights_of("emil")}
    assert (ends[world.business], ends[theirs]) == (T0 + DAY, T0 + 30 * DAY)


async def test_only_managed_accounts_are_suspended_by_an_organization(
    world: World,
) -> None:
    """A personal account is nobody's to suspend."""
    with pytest.raises(CommandError) as refused:
        await membership.suspend_account(world.services, world.people["emil"], None, T0)
    assert refused.value.problem is Problem.NOT_FOUND


async def test_an_asset_with_another_way_is_not_lost_at_the_cut_off(
    world: World,
) -> None:
    """Where the old login reaches an asset through a partner too, its end is that way's end, and the banner leaves it out
    (M15, B1)."""
    services, emil = world.services, world.people["emil"]
    async with services.store.write() as tx:
        await portfolio.add_member(tx, services, emil, world.partner, Role.ADMIN, {}, None, T0)
    old = await world.consent(emil, "tokens", ("page", "ads"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    answer = await world.ask(old, "page", T0 + DAY)
    assert isinstance(answer, Allow)
    assert answer.reach_until is None
    assert await world.may(old, "page", T0 + 30 * DAY)
    assert not await world.may(old, "ads", T0 + 30 * DAY)
    banner = await world.banner(done.managed_id, T0 + DAY)
    assert banner is not None
    assert [one.name for one in banner.apps[0].missing] == ["ads"]


async def test_the_last_admin_stays(world: World) -> None:
    """Removing, demoting or suspending the last one is refused; admins who handed over do not count (I9, AC-38)."""
    services, business = world.services, world.business
    ada, bob = (
        await place_of(world, "ada@home.example"),
        await place_of(world, "bob@home.example"),
    )
    started = await world.start("ada")
    done = await world.claim(started, "ada", T0)
    await membership.remove_member(services, business, bob, None, T0)
    managed = await place_of(world, "ada@work.example")
    for work in (
        membership.remove_member(services, business, managed, None, T0),
        membership.change_role(services, business, managed, Role.EMPLOYEE, None, T0),
        membership.suspend_account(services, done.managed_id, None, T0),
    ):
        with pytest.raises(CommandError) as refused:
            await work
        assert refused.value.refusal is Refusal.LAST_ADMIN
    await membership.remove_member(services, business, ada, None, T0)
    assert list(await world.people_list(T0)) == [
        "ada@work.example",
        "emil@home.example",
        "selma@home.example",
    ]


async def test_two_admins_who_remove_each_other_at_once_leave_one(world: World, second: World) -> None:
    """One of two is refused, whatever the order, in ten businesses one after the other (I9, AC-38)."""
    ada, bob = world.people["ada"], world.people["bob"]
    for _ in range(10):
        async with world.services.store.write() as tx:
            business = await portfolio.add_business(tx, world.services, "Two", None, T0)
            places = [
                await portfolio.add_member(tx, world.services, one, business, Role.ADMIN, {}, None, T0)
                for one in (ada, bob)
            ]
        answers = await asyncio.gather(
            membership.remove_member(world.services, business, places[1], ada, T0),
            membership.remove_member(second.services, business, places[0], bob, T0),
            return_exceptions=True,
        )
        refused = [one for one in answers if isinstance(one, CommandError)]
        assert [one.refusal for one in refused] == [Refusal.LAST_ADMIN], answers


async def test_a_demotion_in_grace_holds_for_both(world: World) -> None:
    """An admin who claimed and is demoted loses the admin's reach with the old login too (M16)."""
    old = await world.consent(world.people["ada"], "tokens", ("page", "catalog"))
    started = await world.start("ada")
    await world.claim(started, "ada", T0)
    assert await world.may(old, "catalog", T0)
    place = await place_of(world, "ada@work.example")
    await membership.change_role(world.services, world.business, place, Role.EMPLOYEE, None, T0)
    assert not await world.may(old, "catalog", T0)


async def test_another_business_cannot_be_steered(world: World) -> None:
    """A place is only found in its own business (MT-01)."""
    place = await place_of(world, "emil@home.example")
    with pytest.raises(CommandError) as refused:
        await membership.remove_member(world.services, world.partner, place, None, T0)
    assert refused.value.problem is Problem.NOT_FOUND
    with pytest.raises(CommandError) as refused:
        await membership.assign(
            world.services,
            world.business,
            place,
            world.assets["other"],
            Task.ANALYZE,
            None,
            T0,
        )
    assert refused.value.problem is Problem.NOT_FOUND


async def test_every_change_has_one_audit_entry(world: World) -> None:
    """Inviting, claiming, extending, taking away, rolling back: one entry each and per membership touched, none for what was
    refused (I11)."""
    services, emil, ada = world.services, world.people["emil"], world.people["ada"]
    started = await world.start("emil")
    await world.claim(started, "emil", T0)
    place = await place_of(world, "emil@work.example")
    await migration.extend_grace(services, started.migration_id, emil, T0 + 40 * DAY, ada, T0)
    await membership.take_away(services, world.business, place, world.assets["pixel"], ada, T0)
    await migration.roll_back(services, started.migration_id, emil, ada, T0)
    with pytest.raises(CommandError):
        await migration.roll_back(services, started.migration_id, emil, ada, T0)
    entries = await audit_acts(world)
    assert [act for act in entries if act.startswith("migration.")] == [
        "migration.claim",
        "migration.extend",
        "migration.invite",
        "migration.roll_back",
    ]
    assert entries.count("assignment.take_away") == 2


async def audit_acts(world: World) -> list[str]:
    """Acts of the business's entries, sorted."""
    async with world.services.store.read() as tx:
        return sorted(row.act for row in await list_entries(tx, world.business, 100))
