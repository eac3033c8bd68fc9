"""Disabling somebody in the directory ends everything at once, on every node (A5)."""

import pytest

from tests.commands._world import SCOPES, T0, World
from tests.console._site import csrf_of
from workbadge.commands import due, grant, joining, portfolio, token
from workbadge.commands.grant import Consent
from workbadge.store import invitations
from workbadge.terms.kinds import Role

from ._directory import Directory

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]


async def _token(world: World, account_id: int) -> str:
    targets: dict[int, int | None] = {world.assets["page"]: world.business}
    consent = Consent(
        account_id, world.apps["tokens"], ("public_profile", "pages_read_engagement", *SCOPES), (), targets
    )
    async with world.services.store.write() as tx:
        granted = await grant.record_consent(tx, world.services, consent, T0)
        return (await token.issue_user_token(tx, world.services, granted, T0)).text


async def _invite_elsewhere(world: World, address: str) -> int:
    async with world.services.store.write() as tx:
        business = await portfolio.add_business(tx, world.services, "Branch", world.organization, T0)
        await joining.invite_to_join(tx, world.services, business, address, Role.EMPLOYEE, world.people["ada"], T0)
    return int(business)


async def test_a_disabled_user_loses_every_way_in_at_once(directory: Directory, second: World) -> None:
    """SC-15: active=false ends three sessions, the user's token, the page token derived from it, the old login's grace and the
    invitations that wait, on two nodes, with one audit entry and one webhook; the same again changes and tells nothing."""
    world, address = directory.world, "emil@work.example"
    old = await _token(world, world.people["emil"])
    claimed = await world.claim(await world.start("emil"), "emil", T0)
    fresh = await _token(world, claimed.managed_id)
    branch = await _invite_elsewhere(world, address)
    browsers = [directory.anybody() for _ in range(3)]
    for one in browsers:
        data = {"email": address, "password": claimed.password, "csrf": csrf_of((await one.get("/login")).text)}
        assert (await one.post("/login", data=data)).status_code == 303
        assert (await one.get(f"/console/{world.business}")).status_code == 200
    async with Directory.open(second) as other:
        nodes = (directory.anybody(), other.anybody())
        page = f"/v26.0/{world.assets['page']}"
        asked = await nodes[0].get(page, params={"access_token": fresh, "fields": "access_token"})
        tokens = {old: True, fresh: True, asked.json()["access_token"]: True}
        for node in nodes:
            assert {one: (await _reads(node, page, one)) for one in tokens} == tokens
        [user] = await directory.find(f'userName eq "{address}"')
        before = len([one for one in await world.outbox() if one.address == "https://tokens.example/hook"])
        for _ in range(2):
            await directory.patch(f"/Users/{user['id']}", {"op": "Replace", "path": "active", "value": "False"})
            for node in nodes:
                assert {one: (await _reads(node, page, one)) for one in tokens} == dict.fromkeys(tokens, False)
            for one in browsers:
                assert (await one.get(f"/console/{world.business}")).status_code == 303
    async with world.services.store.read() as tx:
        assert await invitations.count_pending(tx, branch, address, directory.clock.now()) == 0
    assert (await directory.acts(user["id"])).count("account.suspend") == 1
    assert [one.kind for one in await due.run(world.services, directory.clock.now())] == ["announce"]
    assert len([one for one in await world.outbox() if one.address == "https://tokens.example/hook"]) == before + 1
    for client in (*browsers, *nodes):
        await client.aclose()


async def _reads(node: object, page: str, text: str) -> bool:
    answer = await node.get(page, params={"access_token": text, "fields": "id"})  # type: ignore[attr-defined]
    return "error" not in answer.json()
