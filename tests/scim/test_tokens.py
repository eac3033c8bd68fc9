"""Credentials of a directory: who may ask, and with what (O5)."""

from datetime import timedelta

import pytest

from tests.commands._world import T0, World
from workbadge.commands import directory_tokens, portfolio
from workbadge.commands.errors import CommandError
from workbadge.terms.instants import DAY

from ._directory import Directory, refusal

pytestmark = pytest.mark.anyio

ROUTES = (
    ("GET", "/ServiceProviderConfig"),
    ("GET", "/ResourceTypes"),
    ("GET", "/ResourceTypes/User"),
    ("GET", "/Schemas"),
    ("GET", "/Users"),
    ("POST", "/Users"),
    ("POST", "/Users/.search"),
    ("GET", "/Users/100000000000000000"),
    ("PUT", "/Users/100000000000000000"),
    ("PATCH", "/Users/100000000000000000"),
    ("DELETE", "/Users/100000000000000000"),
    ("GET", "/Groups"),
    ("POST", "/Groups"),
    ("PATCH", "/Groups/440000000000000000"),
    ("DELETE", "/Groups/440000000000000000"),
    ("POST", "/Bulk"),
    ("GET", "/Me"),
    ("GET", "/nothing"),
)


async def test_only_a_live_credential_of_the_organization_may_ask(directory: Directory) -> None:
    """SC-23: without a credential, with a wrong, expired, ended or another organization's one, with a person's or an app's
    token, or with one in the query, every address answers 401 with a SCIM error and nothing else."""
    world, services = directory.world, directory.world.services
    async with services.store.write() as tx:
        other = await portfolio.add_organization(tx, services, "Other", "other.example", T0)
        _, foreign = await directory_tokens.make_scim_token(tx, services, other, "o", None, T0)
        made, ended = await directory_tokens.make_scim_token(tx, services, world.organization, "e", None, T0)
        await directory_tokens.end_scim_token(tx, services, world.organization, made, None, T0)
        life = timedelta(seconds=60)
        _, expired = await directory_tokens.make_scim_token(tx, services, world.organization, "x", None, T0, life)
    app = f"{world.apps['both']}|secret"
    bad = [f"Bearer {one}" for one in (foreign, ended, expired, directory.token[:-1], "EAA", app, "")]
    for method, path in ROUTES:
        for header in [*bad, f"Basic {directory.token}", directory.token, ""]:
            answer = await directory.call(method, path, {}, headers={"Authorization": header})
            assert "WBS" in refusal(answer, 401)
            assert answer.headers["www-authenticate"] == 'Bearer realm="SCIM"'
    answer = await directory.call(
        "GET", "/Users", headers={"Authorization": ""}, params={"access_token": directory.token}
    )
    refusal(answer, 401)


async def test_several_credentials_live_at_once_and_show_their_last_use(directory: Directory) -> None:
    """O5: a second credential works beside the first and ends alone; the last use is shown; the text is stored nowhere."""
    world, services = directory.world, directory.world.services
    async with services.store.write() as tx:
        made, text = await directory_tokens.make_scim_token(tx, services, world.organization, "next", None, T0)
    assert (await directory.call("GET", "/Users", headers={"Authorization": f"Bearer {text}"})).status_code == 200
    assert (await directory.call("GET", "/Users")).status_code == 200
    async with services.store.write() as tx:
        listed = await directory_tokens.list_scim_tokens(tx, world.organization)
        assert [one.last_used_at for one in listed] == [directory.clock.now()] * 2
        assert all(one.is_live(T0) and one.expires_at == T0 + 365 * DAY for one in listed)
        await directory_tokens.end_scim_token(tx, services, world.organization, made, None, T0)
        with pytest.raises(CommandError):
            await directory_tokens.end_scim_token(tx, services, world.organization, made, None, T0)
    refusal(await directory.call("GET", "/Users", headers={"Authorization": f"Bearer {text}"}), 401)
    assert (await directory.call("GET", "/Users")).status_code == 200


async def test_a_directory_s_credential_opens_nothing_else(directory: Directory) -> None:
    """SC-24: the credential is refused by the graph (190), in the query and as a header, and is no session of the console."""
    graph = await directory.client.get("/v26.0/me", params={"access_token": directory.token})
    assert graph.json()["error"]["code"] == 190
    asset = await directory.client.get(f"/v26.0/{directory.world.assets['page']}")
    assert asset.json()["error"]["code"] == 190
    console = await directory.client.get("/console")
    assert console.status_code in (302, 303) or "password" in console.text


async def test_a_credential_of_no_organization_is_not_made(world: World) -> None:
    """O5: a credential needs an organization, a name and a life of at most two years."""
    async with world.services.store.write() as tx:
        for organization, name, life in (
            (world.business, "a", DAY),
            (world.organization, "", DAY),
            (world.organization, "a", 731 * DAY),
        ):
            with pytest.raises(CommandError):
                await directory_tokens.make_scim_token(tx, world.services, organization, name, None, T0, life)
