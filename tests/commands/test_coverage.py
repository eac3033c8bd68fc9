"""Coverage, banner and the headline: what counts as at risk, reconnected, recovered, lost (B1-B3)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert, update

from workbadge.commands import claim, grant, membership, portfolio
from workbadge.commands.banner import load_banner
from workbadge.commands.coverage import BusinessCoverage, business_coverage, business_share
from workbadge.store import rights, schema
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import TASKS_OF

from ._world import BASE, SCOPES, T0, TICK, World

pytestmark = pytest.mark.anyio


async def coverage_of(world: World, now: datetime) -> BusinessCoverage:
    """Coverage of the business."""
    async with world.services.store.read() as tx:
        found = await business_coverage(tx, BASE, world.business, now)
        assert await business_share(tx, world.business, now) == found.share
        return found


async def states(world: World, now: datetime) -> list[tuple[str, str, str]]:
    """Person, app, state of every connection."""
    return [(row.name, row.connection.app.name, row.state) for row in (await coverage_of(world, now)).rows]


async def test_the_headline_counts_what_was_reconnected_in_time(world: World) -> None:
    """At risk becomes reconnected, lost, or recovered when it comes too late; the share counts only what was in time, and
    does not forget when tokens expire or are thrown away later (B3)."""
    for name in ("ada", "bob", "emil", "selma"):
        await world.consent(world.people[name], "tokens", ("page",), lifetime=60 * DAY)
    started = await world.start("ada", "bob", "emil", "selma")
    assert [state for _, _, state in await states(world, T0)] == ["at_risk"] * 4
    managed = {name: (await world.claim(started, name, T0)).managed_id for name in ("ada", "bob", "emil")}
    cut_off = T0 + 30 * DAY
    await world.consent(managed["ada"], "tokens", ("page",), cut_off - TICK)
    await world.consent(managed["bob"], "tokens", ("page",), cut_off)
    at_end = [
        ("Ada", "App tokens", "reconnected"),
        ("Bob", "App tokens", "recovered"),
        ("Emil", "App tokens", "lost"),
        ("Selma", "App tokens", "at_risk"),
    ]
    assert await states(world, cut_off) == at_end
    share = (await coverage_of(world, cut_off)).share
    assert (
        share.total,
        share.reconnected,
        share.recovered,
        share.lost,
        share.at_risk,
    ) == (4, 1, 1, 1, 1)
    assert share.percent == 25
    async with world.services.store.write() as tx:
        await grant.remove_app(tx, world.services, world.people["ada"], world.apps["tokens"], cut_off + DAY)
    assert (await states(world, cut_off + 50 * DAY))[:3] == at_end[:3]


async def test_only_what_live_tokens_carry_is_at_risk(world: World) -> None:
    """Expired or revoked tokens, a grant taken back, a disabled app, an ended share and a removed asset put nothing at risk
    (B1, B2, MT-22)."""
    emil = world.people["emil"]
    await world.consent(emil, "tokens", ("page", "ads"), lifetime=DAY)
    await world.consent(emil, "both", ("catalog",))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)

    async def shown(now: datetime) -> list[tuple[str, int]]:
        banner = await world.banner(done.managed_id, now)
        assert banner is not None
        return [(app.name, app.assets_total) for app in banner.apps]

    assert await shown(T0 + DAY - TICK) == [("App both", 1), ("App tokens", 2)]
    assert await shown(T0 + DAY) == [("App both", 1)]
    async with world.services.store.write() as tx:
        await tx.run(update(schema.app).where(schema.app.c.id == world.apps["both"]).values(disabled_at=T0))
    assert await shown(T0) == [("App tokens", 2)]
    async with world.services.store.write() as tx:
        await tx.run(update(schema.asset).where(schema.asset.c.id == world.assets["ads"]).values(removed_at=T0))
    assert await shown(T0) == [("App tokens", 1)]
    async with world.services.store.write() as tx:
        await grant.remove_app(tx, world.services, emil, world.apps["tokens"], T0)
    assert await shown(T0) == []


async def test_what_an_app_does_not_use_is_not_at_risk(world: World) -> None:
    """B1, wire §6.8: a grant that its app did not use for ninety days gives no access any more, so nothing of it is at risk; one
    that lapses while the grace runs is at risk until then."""
    await world.consent(world.people["emil"], "tokens", ("page",), lifetime=300 * DAY)
    done = await world.claim(await world.start("emil", now=T0 + 69 * DAY), "emil", T0 + 70 * DAY)
    shown = []
    for now in (T0 + 70 * DAY, T0 + 90 * DAY - TICK, T0 + 90 * DAY, T0 + 91 * DAY):
        banner = await world.banner(done.managed_id, now)
        shown.append(banner is not None and [app.name for app in banner.apps])
    assert shown == [["App tokens"], ["App tokens"], [], []]


async def missing(world: World, managed_id: int, now: datetime) -> list[str]:
    """Names of what the banner says is missing."""
    banner = await world.banner(managed_id, now)
    assert banner is not None
    return sorted(one.name for app in banner.apps for one in app.missing)


async def test_what_was_lent_is_at_risk_while_it_is_lent(world: World) -> None:
    """An asset of a partner counts for the business it is lent to until the share ends (MT-22)."""
    services, emil = world.services, world.people["emil"]
    async with services.store.write() as tx:
        lent = await portfolio.add_asset(tx, services, NodeKind.PAGE, "lent", world.partner, T0)
        await portfolio.share_asset(tx, services, lent, world.business, None, None, T0)
    world.assets["lent"] = lent
    place = (await world.people_list(T0))["emil@home.example"]
    await membership.assign(services, world.business, place, lent, TASKS_OF[NodeKind.PAGE], None, T0)
    old = await world.consent(emil, "tokens", ("page", "lent"))
    done = await world.claim(await world.start("emil"), "emil", T0)
    assert await missing(world, done.managed_id, T0 + DAY) == ["lent", "page"]
    assert await world.may(old, "lent", T0 + DAY)
    async with services.store.write() as tx:
        await rights.end_shares(tx, lent, world.business, T0 + DAY)
    assert await missing(world, done.managed_id, T0 + DAY) == ["page"]
    assert not await world.may(old, "lent", T0 + DAY)


async def test_what_the_old_login_does_after_the_claim_puts_nothing_at_risk(world: World) -> None:
    """Tokens of later consents, and later selections, reach nothing here, so the banner does not count them (M5, B1)."""
    emil = world.people["emil"]
    await world.consent(emil, "tokens", ("page", "ads"), lifetime=DAY)
    done = await world.claim(await world.start("emil"), "emil", T0)
    later = await world.consent(emil, "tokens", ("other",), T0 + 2 * DAY)
    assert not await world.may(later, "page", T0 + 2 * DAY)
    assert await missing(world, done.managed_id, T0 + 2 * DAY) == []
    async with world.services.store.write() as tx:
        granted = await tx.one(schema.app_grant.select().where(schema.app_grant.c.account_id == emil))
        assert granted is not None
        row = {"grant_id": granted.id, "target_id": world.assets["catalog"], "business_id": world.business}
        await tx.run(insert(schema.grant_target), [row | {"selected_at": T0 + TICK}])
    assert await missing(world, done.managed_id, T0 + TICK) == ["ads", "page"]


async def test_a_reconnected_app_stays_ticked_when_it_throws_the_old_token_away(world: World) -> None:
    """An app that swaps tokens and revokes the old one is counted as reconnected, not forgotten (B2, M13)."""
    old = await world.consent(world.people["emil"], "tokens", ("page",))
    done = await world.claim(await world.start("emil"), "emil", T0)
    await world.consent(done.managed_id, "tokens", ("page",), T0 + DAY)
    async with world.services.store.write() as tx:
        await tx.run(update(schema.token).where(schema.token.c.hash == old).values(revoked_at=T0 + 2 * DAY))
    banner = await world.banner(done.managed_id, T0 + 3 * DAY)
    assert banner is not None
    assert [(app.name, app.covered) for app in banner.apps] == [("App tokens", True)]
    assert await states(world, T0 + 3 * DAY) == [("Emil", "App tokens", "reconnected")]


async def test_page_tokens_carry_their_page_only(world: World) -> None:
    """When the user token has expired and a page token lives on, only its page is at risk, until its parent is revoked."""
    emil = world.people["emil"]
    parent = await world.consent(emil, "tokens", ("page", "page2", "ads"), lifetime=DAY)
    page_token = world.services.entropy.bytes(32)
    async with world.services.store.write() as tx:
        row = await tx.one(schema.token.select().where(schema.token.c.hash == parent))
        assert row is not None
        derived = {
            "hash": page_token,
            "kind": "page",
            "page_id": world.assets["page"],
            "parent_hash": parent,
        }
        await tx.run(insert(schema.token), [dict(row._mapping) | derived | {"expires_at": None}])
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    banner = await world.banner(done.managed_id, T0 + 2 * DAY)
    assert banner is not None
    assert [one.name for one in banner.apps[0].missing] == ["page"]
    assert await world.may(page_token, "page", T0 + 2 * DAY)
    async with world.services.store.write() as tx:
        await tx.run(update(schema.token).where(schema.token.c.hash == parent).values(revoked_at=T0 + 3 * DAY))
    banner = await world.banner(done.managed_id, T0 + 3 * DAY)
    assert banner is not None
    assert banner.apps == ()
    assert not await world.may(page_token, "page", T0 + 3 * DAY)


async def test_selecting_without_the_scope_to_read_is_not_coverage(
    world: World,
) -> None:
    """An app that was given the asset again, but may no longer read its kind, is not covered (B2)."""
    await world.consent(world.people["emil"], "tokens", ("page", "ads"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    await world.consent(done.managed_id, "tokens", ("page", "ads"), T0)
    assert await states(world, T0) == [("Emil", "App tokens", "reconnected")]
    narrower = ",".join(name for name in SCOPES if name != "ads_management")
    async with world.services.store.write() as tx:
        await tx.run(
            update(schema.app_grant).where(schema.app_grant.c.account_id == done.managed_id).values(scopes=narrower)
        )
    banner = await world.banner(done.managed_id, T0)
    assert banner is not None
    assert [one.name for one in banner.apps[0].missing] == ["ads"]


async def test_an_asset_the_managed_account_lost_is_missing_again(world: World) -> None:
    """Coverage follows the managed account's rights; what neither of the two reaches is not at risk (B1, M16)."""
    await world.consent(world.people["emil"], "tokens", ("page", "ads"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    await world.consent(done.managed_id, "tokens", ("page", "ads"), T0)
    place = (await world.people_list(T0))["emil@work.example"]
    await membership.take_away(world.services, world.business, place, world.assets["ads"], None, T0)
    banner = await world.banner(done.managed_id, T0)
    assert banner is not None
    assert [(app.assets_total, app.covered) for app in banner.apps] == [(1, True)]


async def test_days_left_are_rounded_up(world: World) -> None:
    """30 right after the claim, 1 until the last microsecond, no banner from the cut-off on (B1)."""
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    cut_off = T0 + 30 * DAY
    for now, days in (
        (T0, 30),
        (T0 + TICK, 30),
        (T0 + DAY, 29),
        (cut_off - DAY, 1),
        (cut_off - TICK, 1),
    ):
        banner = await world.banner(done.managed_id, now)
        assert banner is not None
        assert banner.days_left == days
    assert await world.banner(done.managed_id, cut_off) is None


async def test_reconnecting_starts_at_the_apps_own_login(world: World) -> None:
    """The link leads to the app's login address where it has one, else into the dialog with the old scopes (B1)."""
    await world.consent(world.people["emil"], "tokens", ("page",), scopes=("pages_show_list",))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    banner = await world.banner(done.managed_id, T0)
    assert banner is not None
    assert banner.apps[0].reconnect_url == (
        f"{BASE}/dialog/oauth?client_id={world.apps['tokens']}&redirect_uri=https%3A%2F%2Ftokens.example%2Fback"
        "&scope=pages_show_list&auth_type=rerequest"
    )
    async with world.services.store.write() as tx:
        await tx.run(
            update(schema.app)
            .where(schema.app.c.id == world.apps["tokens"])
            .values(login_uri="https://tokens.example/in")
        )
    banner = await world.banner(done.managed_id, T0)
    assert banner is not None
    assert banner.apps[0].reconnect_url == f"https://tokens.example/in?iss={quote(BASE, safe='')}"


class Counting:
    """A transaction that counts its statements."""

    def __init__(self, inner: Tx) -> None:
        self.inner = inner
        self.count = 0

    async def rows(self, *args: Any) -> Any:
        """Count, then read."""
        self.count += 1
        return await self.inner.rows(*args)

    async def one(self, *args: Any) -> Any:
        """Count, then read."""
        self.count += 1
        return await self.inner.one(*args)


@asynccontextmanager
async def counting(world: World) -> AsyncIterator[Counting]:
    """A reading transaction that counts."""
    async with world.services.store.read() as tx:
        yield Counting(tx)


async def test_the_banner_takes_five_queries_whatever_the_number_of_assets(
    world: World,
) -> None:
    """With 2 000 selections and 2 000 tokens as with one: people in grace, tokens, selections, installs, apps."""
    emil = world.people["emil"]
    await world.consent(emil, "tokens", ("page",))
    started = await world.start("emil")
    done = await claim.claim_for(world.services, started.migration_id, emil, T0)

    async def queries() -> tuple[int, int]:
        async with counting(world) as tx:
            banner = await load_banner(tx, BASE, done.managed_id, world.business, T0)  # type: ignore[arg-type]
        assert banner is not None
        return tx.count, banner.apps[0].assets_total

    assert await queries() == (5, 1)
    await add_assets(world, emil, 2_000)
    assert await queries() == (5, 2_001)


async def add_assets(world: World, account_id: int, count: int) -> None:
    """More pages of the business, assigned to the account's membership and selected for its app."""
    ids = [world.services.entropy.new_id(NodeKind.PAGE) for _ in range(count)]
    async with world.services.store.write() as tx:
        granted = await tx.one(schema.app_grant.select().where(schema.app_grant.c.account_id == account_id))
        place = await tx.one(
            schema.membership.select().where(
                schema.membership.c.account_id == account_id,
                schema.membership.c.business_id == world.business,
            )
        )
        assert granted is not None
        assert place is not None
        page = await tx.one(schema.asset.select().where(schema.asset.c.id == world.assets["page"]))
        assert page is not None
        await tx.run(insert(schema.asset), [dict(page._mapping) | {"id": one} for one in ids])
        tasks = int(TASKS_OF[NodeKind.PAGE])
        held = [{"membership_id": place.id, "asset_id": one, "tasks": tasks} for one in ids]
        await tx.run(insert(schema.assignment), held)
        chosen = [
            {
                "grant_id": granted.id,
                "target_id": one,
                "business_id": world.business,
                "selected_at": T0,
            }
            for one in ids
        ]
        await tx.run(insert(schema.grant_target), chosen)
