"""An app's standing is between it and the platform: no migration touches it (M17)."""

from typing import Any

import pytest
from sqlalchemy import select

from workbadge.commands import due, migration, webhooks
from workbadge.commands.app_roles import give_role, take_role
from workbadge.commands.app_settings import change_settings
from workbadge.commands.app_status import restrict, set_access, set_mode
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.test_users import add_test_user
from workbadge.commands.webhooks import NewSubscription
from workbadge.store.schema import (
    app,
    app_enforcement,
    app_permission,
    app_role,
    page_subscription,
    test_user,
    webhook_subscription,
)
from workbadge.terms.apps import AppMode, AppRole, Level, Restriction, Review
from workbadge.terms.instants import DAY

from ._world import T0, World

pytestmark = pytest.mark.anyio

STATUS = (app, app_enforcement, app_permission, app_role, page_subscription, test_user, webhook_subscription)
"""Every table about an app's standing; grants and tokens are the person's, not the app's."""


async def rows(world: World) -> dict[str, list[str]]:
    """Everything that is stored about the standing of apps."""
    async with world.services.store.read() as tx:
        return {one.name: sorted(map(repr, await tx.rows(select(one)))) for one in STATUS}


async def fill(world: World) -> bytes:
    """One app with everything that an app can have: settings, roles, access levels, review, restrictions, test users,
    subscriptions; the token of a person who also works on it."""
    services, one, emil = world.services, world.apps["both"], world.people["emil"]
    hashed = await world.consent(emil, "both", ("page", "ads"))
    await add_test_user(services, one, "Tess", True, ("email",), T0)
    async with services.store.write() as tx:
        given = {"deauth_callback_url": "https://both.example/deauth", "contact_email": "maker@both.example"}
        await change_settings(tx, services, one, given, None, T0)
        await give_role(tx, services, one, emil, AppRole.ADMINISTRATOR, None, T0)
        await give_role(tx, services, one, world.people["selma"], AppRole.TESTER, None, T0)
        await set_access(tx, services, one, "ads_management", Level.STANDARD, Review.IN_REVIEW, None, T0)
        await set_access(tx, services, one, "pages_show_list", Level.ADVANCED, Review.APPROVED, None, T0)
        await restrict(tx, services, one, Restriction.WRITE, "Under review.", (), None, T0)
        await restrict(tx, services, one, Restriction.PERMISSION, "Not needed.", ("leads_retrieval",), None, T0)
        wanted = NewSubscription("permissions", "https://both.example/hook", None)
        await webhooks.subscribe(tx, services, one, wanted, True, T0)
        await webhooks.follow_page(tx, services, one, world.assets["page"], ("feed",), hashed, T0)
        await set_mode(tx, services, one, AppMode.DEVELOPMENT, None, T0)
    return hashed


@pytest.mark.parametrize("end", ["cut_off", "rollback"])
async def test_a_migration_leaves_the_standing_of_an_app_alone(world: World, end: str) -> None:
    """M17: mode, access levels, review, restrictions, roles, test users, settings and subscriptions are the same rows after the
    invitation, the claim, the cut-off and the rollback, for an app whose administrator is the very person who moves."""
    await fill(world)
    before = await rows(world)
    assert all(before.values())
    started = await world.start("emil")
    assert await rows(world) == before
    await world.claim(started, "emil", T0 + DAY)
    assert await rows(world) == before
    if end == "rollback":
        await migration.roll_back(world.services, started.migration_id, world.people["emil"], None, T0 + 2 * DAY)
    await due.run(world.services, T0 + 40 * DAY)
    assert await rows(world) == before


async def test_the_managed_account_has_no_role_by_moving(world: World) -> None:
    """M16, M17, I6: the role on an app stays with the login that has it; the managed account of the same person gains none."""
    await fill(world)
    started = await world.start("emil")
    managed = (await world.claim(started, "emil", T0 + DAY)).managed_id
    with pytest.raises(CommandError, match="still in development") as refused:
        await world.consent(managed, "both", ("page",), T0 + DAY)
    assert refused.value.problem is Problem.FORBIDDEN


async def test_an_app_keeps_an_administrator(world: World) -> None:
    """The last administrator can neither be taken off nor made something else; with another one both are possible."""
    services, one = world.services, world.apps["both"]
    emil, ada = world.people["emil"], world.people["ada"]

    async def refused(call: Any) -> str:
        with pytest.raises(CommandError) as error:
            await call
        return error.value.problem.value

    async with services.store.write() as tx:
        await give_role(tx, services, one, emil, AppRole.ADMINISTRATOR, None, T0)
        assert await refused(take_role(tx, services, one, emil, None, T0)) == "conflict"
        assert await refused(give_role(tx, services, one, emil, AppRole.DEVELOPER, None, T0)) == "conflict"
        assert await refused(take_role(tx, services, one, ada, None, T0)) == "not_found"
        await give_role(tx, services, one, ada, AppRole.ADMINISTRATOR, None, T0)
        await give_role(tx, services, one, emil, AppRole.DEVELOPER, None, T0)
        await take_role(tx, services, one, emil, None, T0)
        assert await refused(take_role(tx, services, one, ada, None, T0)) == "conflict"
