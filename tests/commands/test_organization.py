"""Who runs an organization: the last owner, races, suspension, claims (O7, O8, I9)."""

import asyncio

import pytest

from workbadge.commands import migration, portfolio
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.membership import suspend_account
from workbadge.commands.organization import demand, demand_over, give_role, load_role, take_role
from workbadge.commands.transaction import in_transaction
from workbadge.store import organizations, records
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind
from workbadge.terms.organizations import MAY, OrganizationAct, OrganizationRole, may_act_on

from ._world import T0, World

pytestmark = pytest.mark.anyio
OWNER, IT, SUPPORT = OrganizationRole.OWNER, OrganizationRole.IT_MANAGER, OrganizationRole.SUPPORT


async def worker(world: World, name: str, role: OrganizationRole | None = None, password: str | None = "hash") -> int:
    """A managed account of the organization."""
    async with world.services.store.write() as tx:
        made = await portfolio.add_person(
            *(tx, world.services, AccountKind.MANAGED, name.title(), f"{name}@work.example", password, T0),
            world.organization,
        )
        if role is not None:
            await give_role(tx, world.services, world.organization, made, role, None, T0)
    return made


async def give(world: World, person: int, role: OrganizationRole, actor: int | None = None) -> None:
    """In a transaction of its own."""
    await in_transaction(
        world.services, lambda tx: give_role(tx, world.services, world.organization, person, role, actor, T0)
    )


async def take(world: World, person: int, actor: int | None = None) -> None:
    """In a transaction of its own."""
    await in_transaction(
        world.services, lambda tx: take_role(tx, world.services, world.organization, person, actor, T0)
    )


async def roles(world: World) -> dict[int, str]:
    """Account to role."""
    async with world.services.store.read() as tx:
        return {row.account_id: row.role for row in await organizations.list_roles(tx, world.organization)}


def test_every_role_may_something_and_only_an_owner_everything() -> None:
    """O8: support reads and resets, an auditor changes nothing, only an owner gives roles."""
    assert set(MAY) == set(OrganizationRole)
    assert all(OrganizationAct.VIEW in acts for acts in MAY.values())
    assert [role for role, acts in MAY.items() if OrganizationAct.MANAGE_ROLES in acts] == [OWNER]
    assert {act for act in MAY[OrganizationRole.AUDITOR] if not act.startswith(("see_", "view"))} == set()
    assert {act for act in MAY[SUPPORT] if not act.startswith(("see_", "view"))} == {OrganizationAct.RESET_ACCESS}


def test_nobody_resets_a_role_as_high_as_the_own() -> None:
    """AC-48: only an owner acts on an owner; the others only on whoever ranks below them."""
    assert may_act_on(OWNER, OWNER) and may_act_on(SUPPORT, None) and may_act_on(IT, SUPPORT)
    assert not may_act_on(IT, OWNER) and not may_act_on(IT, IT) and not may_act_on(SUPPORT, IT)


async def test_the_last_owner_with_a_way_in_is_kept(world: World) -> None:
    """O7, I9: the last owner is not demoted, not taken out and not suspended; an owner without a password is no way in."""
    one = await worker(world, "ona", OWNER)
    await worker(world, "nopass", OWNER, password=None)
    for attempt in (take(world, one), give(world, one, IT), suspend_account(world.services, one, None, T0)):
        with pytest.raises(CommandError) as caught:
            await attempt
        assert caught.value.problem is Problem.CONFLICT
    assert (await roles(world))[one] == OWNER
    two = await worker(world, "two", OWNER)
    await suspend_account(world.services, one, None, T0)
    with pytest.raises(CommandError):
        await take(world, two)


async def test_two_owners_who_remove_each_other_leave_one(world: World, second: World) -> None:
    """AC-38: at once, from two processes, in each of ten rounds."""
    one, two = await worker(world, "one", OWNER), await worker(world, "two", OWNER)
    for _ in range(10):
        done = await asyncio.gather(take(world, two, one), take(second, one, two), return_exceptions=True)
        assert sum(result is None for result in done) == 1, done
        left = await roles(world)
        assert len(left) == 1
        await give(world, one if two in left else two, OWNER)


async def test_the_guard_names_what_is_missing(world: World) -> None:
    """O8: no role, no organization; a role that may not is told which may; a suspended account has none."""
    owner, helper, plain = (
        await worker(world, "ona", OWNER),
        await worker(world, "sue", SUPPORT),
        await worker(world, "pia"),
    )
    async with world.services.store.read() as tx:
        for person, problem in ((plain, Problem.NOT_FOUND), (helper, Problem.FORBIDDEN)):
            with pytest.raises(CommandError) as caught:
                await demand(tx, world.organization, person, OrganizationAct.MANAGE_POLICY)
            assert caught.value.problem is problem
        assert caught.value.expected == "the role owner or IT set-up manager"
        assert await demand(tx, world.organization, owner, OrganizationAct.MANAGE_POLICY) is OWNER
        assert await demand_over(tx, world.organization, helper, OrganizationAct.RESET_ACCESS, plain) is SUPPORT
        with pytest.raises(CommandError) as caught:
            await demand_over(tx, world.organization, helper, OrganizationAct.RESET_ACCESS, owner)
        assert caught.value.problem is Problem.FORBIDDEN
        with pytest.raises(CommandError) as caught:
            await demand_over(tx, world.organization, owner, OrganizationAct.RESET_ACCESS, world.people["ada"])
        assert caught.value.problem is Problem.NOT_FOUND
    await suspend_account(world.services, helper, owner, T0)
    async with world.services.store.read() as tx:
        assert await load_role(tx, world.organization, helper) is None


async def test_roles_are_for_people_of_the_organization(world: World) -> None:
    """O8: a personal login needs an open place in one of the organization's businesses, a managed one belongs to it; a giver needs
    the role owner."""
    await give(world, world.people["ada"], OWNER)
    helper = await worker(world, "sue", SUPPORT)
    async with world.services.store.write() as tx:
        other = await portfolio.add_organization(tx, world.services, "Other", "other.example", T0)
        foreign = await portfolio.add_person(
            tx, world.services, AccountKind.MANAGED, "F", "f@other.example", None, T0, other
        )
    for person in (world.people["paul"], foreign, world.apps["both"]):
        with pytest.raises(CommandError) as caught:
            await give(world, person, SUPPORT, world.people["ada"])
        assert caught.value.problem is Problem.NOT_FOUND
    with pytest.raises(CommandError) as caught:
        await give(world, world.people["bob"], SUPPORT, helper)
    assert caught.value.problem is Problem.FORBIDDEN


async def test_a_role_goes_along_with_the_claim_and_back(world: World) -> None:
    """M4, M12: whoever ran the organization with the personal login does so with the managed one after the claim, and with the
    personal one again after a rollback."""
    ada = world.people["ada"]
    await give(world, ada, OWNER)
    started = await world.start("ada")
    claimed = await world.claim(started, "ada", T0 + DAY)
    assert await roles(world) == {claimed.managed_id: OWNER}
    await migration.roll_back(world.services, started.migration_id, ada, None, T0 + 2 * DAY)
    async with world.services.store.read() as tx:
        person = await records.find_account(tx, ada)
    assert person is not None and person.password_hash is None
    assert await roles(world) == {claimed.managed_id: OWNER}
    async with world.services.store.write() as tx:
        await records.set_password(tx, ada, "hash", T0)
    bob = world.people["bob"]
    await give(world, bob, IT)
    started = await world.start("bob", now=T0 + 3 * DAY)
    claimed = await world.claim(started, "bob", T0 + 3 * DAY)
    assert (await roles(world))[claimed.managed_id] == IT
    await migration.roll_back(world.services, started.migration_id, bob, None, T0 + 4 * DAY)
    assert bob in await roles(world) and claimed.managed_id not in await roles(world)
