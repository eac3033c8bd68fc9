"""Deciding many nodes at once is deciding each (MT-03)."""

from dataclasses import replace

import pytest

from tests.commands._world import T0, TICK, World
from workbadge.access import Decision, Facts, decide, stand
from workbadge.graph import alike, context
from workbadge.graph.alike import Alike
from workbadge.graph.context import ask_for
from workbadge.keys import hash_secret
from workbadge.store import facts
from workbadge.terms.ids import kind_of, make_id
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import Act

from ._api import Api

pytestmark = pytest.mark.anyio
MINE = ("page", "page2", "ads", "catalog", "pixel", "other")
CUT_OFF = T0 + 31 * DAY
NOWS = (T0, T0 + DAY, CUT_OFF - TICK, CUT_OFF, CUT_OFF + TICK, T0 + 300 * DAY)


async def _read(world: World, token: str) -> list[Facts]:
    """The facts of all assets and businesses for a token, from one reading."""
    ids = [*world.assets.values(), world.business, world.elsewhere, world.partner]
    found = await facts.load_many(world.services.store, hash_secret(token), ids)
    return [one.facts for one in found.values()]


async def test_alike_is_each(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-03, I8: for every token, node, act and phase the answer is that of the decision; it is asked less often."""
    world, asked = api.world, 0
    tokens = [
        await api.login(world.people["emil"], "both", MINE, businesses=(world.business,)),
        await api.login(world.people["selma"], "both", MINE[:3]),
        await api.login(world.people["paul"], "both", ("page",)),
        await api.system("both", ("page", "ads")),
    ]
    tokens.append(await api.page_token(tokens[0]))
    await world.claim(await world.start("emil"), "emil", T0 + DAY)

    def counted(*given: object) -> Decision:
        nonlocal asked
        asked += 1
        return decide(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(alike, "decide", counted)
    compared = 0
    for now in NOWS:
        together = Alike(now)
        for known in [each for token in tokens for each in await _read(world, token)]:
            assert known.node is not None
            for act in (Act.READ, Act.WRITE, Act.LIST):
                ask = ask_for(known.node.kind, act)
                assert together.decide(known, ask) == decide(known, ask, now)
                compared += 1
    assert asked < compared


async def test_only_a_pages_token_is_decided_by_the_nodes_id(api: Api) -> None:
    """MT-10: whatever else is so, another id of the same kind changes no decision, except under the token of a page."""
    world = api.world
    user = await api.login(world.people["emil"], "both", MINE, businesses=(world.business,))
    page = await api.page_token(user)
    await world.claim(await world.start("emil"), "emil", T0 + DAY)
    changed = 0
    for token in (user, page):
        for known in await _read(world, token):
            assert known.node is not None
            kind = kind_of(known.node.id)
            assert kind is not None
            other = replace(known, node=replace(known.node, id=int(make_id(kind, 7))))
            for now in NOWS:
                ask = ask_for(kind, Act.READ)
                same = decide(known, ask, now) == decide(other, ask, now)
                assert same or token == page
                changed += not same
    assert changed


async def test_what_was_decided_ends_with_its_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """wire 9.22, I8, M9: while nothing is committed a decision is kept up to the instant at which it is another one, not beyond; and
    what was decided at a later instant says nothing about an earlier one."""
    world, asked = api.world, 0
    token = await api.login(world.people["emil"], "both", ("page",))
    await world.claim(await world.start("emil"), "emil", T0 + DAY)

    def counted(*given: object) -> object:
        nonlocal asked
        asked += 1
        return stand(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(context, "stand", counted)
    statuses = []
    for now in (T0 + DAY, T0 + DAY, CUT_OFF - TICK, CUT_OFF, CUT_OFF + TICK, CUT_OFF - TICK):
        api.now = now
        statuses.append((await api.call(f"/{world.assets['page']}", token)).status_code)
    assert statuses == [200, 200, 200, 400, 400, 200]
    assert (
        asked == 3 or world.services.store.engine == "postgresql"
    )  # facts may be forgotten meanwhile: a second is the bound
