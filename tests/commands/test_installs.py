"""Installs and the migration: what a system user holds is no connection at risk (L4, B2), and who may install (M5)."""

import asyncio

import pytest

from workbadge.commands import membership, migration
from workbadge.commands.app_roles import give_role
from workbadge.commands.app_status import set_access, set_mode
from workbadge.commands.coverage import business_share, list_connections
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.install import Installed, NewInstall, install_app, list_administered, uninstall_app
from workbadge.commands.install_token import swap_token
from workbadge.commands.transaction import in_transaction
from workbadge.store import business_login, grants, rights
from workbadge.store.engine import Tx
from workbadge.terms.apps import AppMode, AppRole, Level, Review
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import TokenKind

from ._world import SCOPES, T0, TICK, World

pytestmark = pytest.mark.anyio

SHOP = "shop"
NAMES = ("page", "catalog")


async def _install(world: World, names: tuple[str, ...] = NAMES, app: str = "tokens", **more: object) -> Installed:
    values: dict[str, object] = {"scopes": SCOPES, "external_business_id": SHOP, "setup": "{}", **more}
    assets = tuple(world.assets[name] for name in names)
    who = world.people[str(values.pop("who", "ada"))]
    new = NewInstall(world.apps[app], world.business, who, assets=assets, **values)  # type: ignore[arg-type]
    async with world.services.store.write() as tx:
        return await install_app(tx, world.services, new, T0)


async def _swap(world: World, made: Installed, now: object = T0) -> None:
    async with world.services.store.write() as tx:
        row = await business_login.find_install(tx, made.id)
        await swap_token(tx, world.services, row, SCOPES, world.people["ada"], now)  # type: ignore[arg-type]


async def _missing(world: World, managed: int, now: object) -> dict[str, set[int]]:
    banner = await world.banner(managed, now)  # type: ignore[arg-type]
    assert banner is not None
    return {one.name: {asset.id for asset in one.missing} for one in banner.apps}


async def test_a_swapped_app_is_not_in_the_banner(world: World) -> None:
    """L4, B2: an app that swapped before the claim never appears; one that did not stays at risk until it does."""
    await world.consent(world.people["emil"], "tokens", NAMES)
    await world.consent(world.people["emil"], "both", ("page",))
    made = await _install(world)
    started = await world.start("emil")
    async with world.services.store.read() as tx:
        before = {one.app.name for one in await list_connections(tx, "", world.business, T0, claimed_only=False)}
    assert before == {"App tokens", "App both"}
    await _swap(world, made)
    done = await world.claim(started, "emil", T0)
    assert set(await _missing(world, done.managed_id, T0)) == {"App both"}
    async with world.services.store.read() as tx:
        share = await business_share(tx, world.business, T0 + 40 * DAY)
    assert (share.total, share.lost) == (1, 1)


async def test_a_swap_in_grace_counts_as_reconnected(world: World) -> None:
    """L4, B1: an app that swaps in grace is ticked off from then on; a swap that comes after the cut-off is only recovered."""
    await world.consent(world.people["emil"], "tokens", NAMES)
    made = await _install(world)
    done = await world.claim(await world.start("emil"), "emil", T0)
    assert await _missing(world, done.managed_id, T0) == {"App tokens": {world.assets[name] for name in NAMES}}
    for late, state in ((1, "reconnected"), (30, "recovered")):
        if late == 30:
            async with world.services.store.write() as tx:
                await business_login.change_install(tx, made.id, {"swapped_at": None})
        now = T0 + late * DAY
        await _swap(world, made, now)
        async with world.services.store.read() as tx:
            (found,) = await list_connections(tx, "", world.business, now)
        assert (found.covered_at, found.state(now), found.app.missing) == (now, state, ())


async def test_only_what_the_system_user_holds_is_safe(world: World) -> None:
    """L4: assets beyond the install, taken from the system user, or of an uninstalled app stay at risk; a BISU counts alike."""
    await world.consent(world.people["emil"], "tokens", ("page", "ads", "catalog"))
    made = await _install(world)
    await _swap(world, made)
    done = await world.claim(await world.start("emil"), "emil", T0 + TICK)
    left = {world.assets["ads"]}
    assert await _missing(world, done.managed_id, T0 + TICK) == {"App tokens": left}
    account = made.granted.account_id
    async with world.services.store.read() as tx:
        member = await rights.find_member(tx, account, world.business, T0)
    assert member is not None
    await membership.take_away(world.services, world.business, member.id, world.assets["page"], None, T0 + TICK)
    left |= {world.assets["page"]}
    assert await _missing(world, done.managed_id, T0 + TICK) == {"App tokens": left}
    async with world.services.store.write() as tx:
        grant = await grants.find_grant(tx, account, world.apps["tokens"])
        assert grant is not None
        await grants.set_grant_scopes(tx, grant.id, "pages_show_list", "", T0)
    left |= {world.assets["catalog"]}
    assert await _missing(world, done.managed_id, T0 + TICK) == {"App tokens": left}
    bisu = await _install(world, ("page", "ads"), external_business_id="", setup="", who="bob")
    await _swap(world, bisu)
    assert await _missing(world, done.managed_id, T0 + TICK) == {"App tokens": {world.assets["catalog"]}}
    async with world.services.store.write() as tx:
        await uninstall_app(tx, world.services, bisu.id, world.people["bob"], T0 + TICK)
    assert await _missing(world, done.managed_id, T0 + TICK) == {"App tokens": left}


async def test_the_readiness_read_names_who_did_not_swap(world: World) -> None:
    """L4: installs whose app never took a token are listed with app, system user and installer until it does, or is gone."""
    made = await _install(world)
    other = await _install(world, ("page",), "both", external_business_id="second")
    async with world.services.store.read() as tx:
        rows = await business_login.list_unswapped_installs(tx, world.business)
    assert [(row.app, row.system_user, row.installer) for row in rows] == [
        ("App both", "App both System User (FBE)", "Ada"),
        ("App tokens", "App tokens System User (FBE)", "Ada"),
    ]
    await _swap(world, made)
    async with world.services.store.write() as tx:
        await uninstall_app(tx, world.services, other.id, world.people["ada"], T0)
    async with world.services.store.read() as tx:
        assert await business_login.list_unswapped_installs(tx, world.business) == []


async def test_a_rollback_leaves_installs_alone(world: World) -> None:
    """A6, I5: claim and rollback change nothing about an install or its system user."""
    made = await _install(world)
    started = await world.start("ada")

    async def state() -> object:
        async with world.services.store.read() as tx:
            row = await business_login.find_install(tx, made.id)
            places = await rights.list_memberships(tx, made.granted.account_id)
            return tuple(row or ()), [(one.role, one.ends, one.assignments) for one in places]

    before = await state()
    await world.claim(started, "ada", T0)
    assert await state() == before
    await migration.roll_back(world.services, started.migration_id, world.people["ada"], None, T0 + DAY)
    assert await state() == before


async def _administered(world: World, name: str, now: object) -> list[tuple[int, str]]:
    async with world.services.store.read() as tx:
        return await list_administered(tx, world.people[name], now)  # type: ignore[arg-type]


async def test_who_may_install(world: World) -> None:
    """M5, MT-18: admins install in the businesses they administer; employees, strangers and handed-over logins do not."""
    assert await _administered(world, "emil", T0) == [(world.elsewhere, "Books")]
    assert await _administered(world, "paul", T0) == [(world.partner, "Agency")]
    assert await _administered(world, "bob", T0) == [(world.business, "Harbour")]
    for who, problem in (("emil", Problem.FORBIDDEN), ("paul", Problem.NOT_FOUND)):
        with pytest.raises(CommandError) as caught:
            await _install(world, who=who)
        assert caught.value.problem is problem
    await world.claim(await world.start("ada"), "ada", T0)
    assert await _administered(world, "ada", T0 + TICK) == []
    with pytest.raises(CommandError) as caught:
        await _install(world, who="ada")
    assert caught.value.problem is Problem.NOT_FOUND


async def test_an_asset_of_another_business_cannot_be_installed_on(world: World) -> None:
    """MT-17: who administers two businesses cannot put an asset of one into an install of the other."""
    async with world.services.store.write() as tx:
        place = await rights.find_member(tx, world.people["emil"], world.business, T0)
    assert place is not None
    await membership.change_role(world.services, world.business, place.id, place.role.ADMIN, None, T0)
    with pytest.raises(CommandError) as caught:
        await _install(world, ("page", "other"), who="emil")
    assert caught.value.problem is Problem.FORBIDDEN
    assert "cannot be selected in this business" in caught.value.message


async def test_the_standing_of_the_app_counts_for_who_installs(world: World) -> None:
    """Wire §6.8: who has no role installs no app in development, and not with permissions of standard access; who has one does."""
    app, ada = world.apps["tokens"], world.people["ada"]
    async with world.services.store.write() as tx:
        await set_mode(tx, world.services, app, AppMode.DEVELOPMENT, None, T0)
        await set_access(tx, world.services, app, "catalog_management", Level.STANDARD, Review.NOT_REQUESTED, None, T0)
        await give_role(tx, world.services, app, ada, AppRole.TESTER, None, T0)
    with pytest.raises(CommandError) as caught:
        await _install(world, who="bob")
    assert caught.value.problem is Problem.FORBIDDEN
    made = await _install(world)
    assert "catalog_management" in made.granted.scopes
    async with world.services.store.write() as tx:
        await set_mode(tx, world.services, app, AppMode.LIVE, None, T0)
    without = await _install(world, ("page",), who="bob", external_business_id="other")
    assert "catalog_management" not in without.granted.scopes and "pages_show_list" in without.granted.scopes


async def test_two_admins_install_and_two_servers_swap_at_once(world: World) -> None:
    """MT-20, M18: installing the same shop twice at once ends in one install; swapping at once gives both callers one token."""
    services = world.services

    async def install(who: str) -> Installed:
        assets = tuple(world.assets[name] for name in NAMES)
        new = NewInstall(world.apps["tokens"], world.business, world.people[who], SCOPES, assets, None, SHOP, "{}")
        return await in_transaction(services, lambda tx: install_app(tx, services, new, T0))

    made = await asyncio.gather(*(install(who) for who in ("ada", "bob", "ada", "bob")))
    assert len({one.id for one in made}) == len({one.granted.account_id for one in made}) == 1
    async with services.store.read() as tx:
        assert len(await business_login.list_installs(tx, world.business)) == 1
        places = [one for one in await rights.list_members(tx, world.business) if one.is_open(T0)]
    assert len([one for one in places if one.account_id == made[0].granted.account_id]) == 1

    async def swap() -> str:
        async def work(tx: Tx) -> str:
            row = await business_login.find_install(tx, made[0].id)
            return (await swap_token(tx, services, row, SCOPES, world.people["ada"], T0)).text

        return await in_transaction(services, work)

    assert len(set(await asyncio.gather(*(swap() for _ in range(4))))) == 1
    async with services.store.read() as tx:
        tokens = await grants.list_live_tokens(tx, made[0].granted.grant_id, TokenKind.SYSTEM_USER, T0)
    assert len(tokens) == 1
