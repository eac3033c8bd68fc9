"""Tokens of one business whose maker belongs to several: lists hold what is the token's own business's, and nothing else."""

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select

from tests.console._site import Site
from workbadge.commands.grant import Consent, record_consent, selectable
from workbadge.commands.install import NewInstall, install_app
from workbadge.commands.portfolio import add_member, add_person
from workbadge.commands.token import issue_user_token
from workbadge.graph.edges import NODE_EDGES, ROBOT_EDGES, SEAT_EDGES, USER_EDGES
from workbadge.graph.groups import GROUP_EDGES
from workbadge.keys import app_secret_proof
from workbadge.store.schema import app_role
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role

from ._stage import ALL_SCOPES, STRANGER, Ask, Stage, build_stage, leaked, one_of_each

pytestmark = pytest.mark.anyio


async def _zoe(stage: Stage) -> int:
    """An admin of the business and of another organization's, who works on the apps of both."""
    world, twin = stage.site.world, stage.twins[1]
    services, now = world.services, world.clock.now()
    apps = [int(one.id) for one in stage.site.demo.apps]
    async with services.store.write() as tx:
        zoe = await add_person(tx, services, AccountKind.PERSONAL, "Zoe Twice", "zoe@mail.example", None, now)
        for business in (stage.business, twin.ids[stage.business]):
            await add_member(tx, services, zoe, business, Role.ADMIN, {}, None, now)
        roles = [*apps, twin.ids[apps[1]]]  # the last is the other business's
        rows = [{"app_id": one, "account_id": zoe, "role": "developers", "created_at": now} for one in roles]
        await tx.run(insert(app_role), rows)
    return int(zoe)


async def _tokens(stage: Stage, zoe: int) -> None:
    """Every kind of token that Zoe makes for the business: her own, a page's, of system users made in three ways."""
    services, now = stage.site.world.services, stage.site.world.clock.now()
    app_id, own = stage.made["app"], stage.business
    async with services.store.write() as tx:
        may = await selectable(tx, zoe, [own, *stage.assets], now)
        consent = Consent(zoe, app_id, ALL_SCOPES, (), dict.fromkeys(sorted(may), own))
        granted = await record_consent(tx, services, consent, now)
        issued = await issue_user_token(tx, services, granted, now, lifetime=60 * DAY)
    stage.tokens["zoe"] = issued.text
    page = await stage.client.get(
        f"/{stage.made['page']}", params={"access_token": issued.text, "fields": "access_token"}
    )
    stage.tokens["zoe's page"] = page.json()["access_token"]
    robot = await stage.write("zoe", f"/{own}/system_users", name="Zoe's robot", role="ADMIN")
    await stage.write("zoe", f"/{robot['id']}/applications", business_app=str(app_id))
    proof = app_secret_proof(stage.tokens["app"].partition("|")[2], issued.text)
    scopes = "business_management,ads_read,pages_show_list"
    made = await stage.write(
        "zoe", f"/{robot['id']}/access_tokens", business_app=str(app_id), scope=scopes, appsecret_proof=proof
    )
    stage.tokens["zoe's robot"] = made["access_token"]
    async with services.store.write() as tx:
        new = NewInstall(
            app_id, own, zoe, ("business_management", "ads_read", "pages_show_list"), tuple(stage.assets[:2])
        )
        await install_app(tx, services, new, now)
    made = await stage.write("zoe", f"/{own}/system_user_access_tokens", appsecret_proof=proof)
    stage.tokens["zoe's install"] = made["access_token"]


def _asks(stage: Stage, who: str) -> Iterator[Ask]:
    """Every list edge of the route tables: of the caller, the business, its people, system users, groups and assets."""
    twin, made = stage.twins[1], stage.made
    nodes = [("me", USER_EDGES)]
    for node, edges in (
        (stage.business, NODE_EDGES[NodeKind.BUSINESS]),
        (stage.site.ids["membership"], SEAT_EDGES),
        (made["robot"], ROBOT_EDGES),
        (made["group"], GROUP_EDGES),
        *((one, NODE_EDGES.get(NodeKind.PAGE, {})) for one in one_of_each(stage.assets)[:1]),
    ):
        nodes += [(str(node), edges), (str(twin.ids[node]), edges)]
    for node, edges in nodes:
        yield Ask(who, f"/{node}")
        for edge in edges:
            business = (("business", str(stage.business)),) if edge == "assigned_users" else ()
            yield Ask(who, f"/{node}/{edge}", (("limit", "100"), ("summary", "true"), *business))
    yield Ask(
        who,
        "/me",
        (("fields", "id,businesses{id,name,business_users,owned_apps},accounts{business{id}},applications"),),
    )
    yield Ask(who, "/debug_token", (("input_token", stage.tokens[who]),))


async def test_a_token_knows_only_its_own_business(site: Site) -> None:
    """MT-43: on every list edge, business-scoped tokens of a person in two organizations, page tokens and system-user tokens made
    by that person show the token's own business and organization, never the maker's other ones."""
    stage = await build_stage(site)
    zoe = await _zoe(stage)
    await _tokens(stage, zoe)
    other = stage.twins[1].ids[stage.business]
    for who in ("zoe", "zoe's page", "zoe's robot", "zoe's install"):
        answered = 0
        for ask in _asks(stage, who):
            answer = await stage.send(ask)
            assert answer.status_code < 500, ask
            assert not leaked(stage, ask, answer), ask
            if answer.status_code == 200:
                answered += 1
                assert not any(f"/{one}" in ask.path for one in stage.twins[1].own), ask
        assert answered > (1 if who == "zoe's page" else 30), who
    mine = (await stage.send(Ask("zoe", "/me/businesses"))).json()["data"]
    assert {one["id"] for one in mine} == {str(stage.business)}
    apps = (await stage.send(Ask("zoe", "/me/applications"))).json()["data"]
    assert apps and STRANGER not in str(apps)
    async with site.world.services.store.read() as tx:
        works_on = await tx.rows(select(app_role.c.app_id).where(app_role.c.account_id == zoe))
    assert len(works_on) == 4 and other in stage.twins[1].own
