"""Apps on a system user and its tokens: what is minted never has more than who minted it."""

from datetime import timedelta

import pytest

from tests.commands._world import T0
from workbadge.keys import app_secret_proof
from workbadge.store import audit
from workbadge.terms.instants import DAY

from ._api import Api, error
from .test_sharing import admin, seat

pytestmark = pytest.mark.anyio

OK = {"success": True}
SCOPE = "pages_show_list,pages_manage_posts,business_management"


async def robot(api: Api, token: str, role: str = "EMPLOYEE", *names: str) -> str:
    """A fresh system user with every task on assets by name."""
    made = await api.call(f"/{api.world.business}/system_users", token, "POST", name="Sync", role=role)
    found = str(made.json()["id"])
    for name in names:
        path = f"/{api.world.assets[name]}/assigned_users"
        answer = await api.call(path, token, "POST", user=found, tasks="ANALYZE,ADVERTISE,MANAGE")
        assert answer.json() == OK, answer.text
    return found


async def mint(api: Api, token: str, user: str, app: str = "both", **more: str) -> str:
    """The text of a minted token."""
    answer = await mint_call(api, token, user, app, **more)
    assert set(answer.json()) == {"access_token"}, answer.text
    return str(answer.json()["access_token"])


async def mint_call(api: Api, token: str, user: str, app: str = "both", **more: str):  # type: ignore[no-untyped-def]
    """The answer to asking for a token, with a right proof unless another is given."""
    proof = app_secret_proof(await api.secret(app), token)
    values = {"business_app": str(api.world.apps[app]), "scope": SCOPE, "appsecret_proof": proof, **more}
    return await api.call(f"/{user}/access_tokens", token, "POST", **{key: one for key, one in values.items() if one})


async def test_installing_and_minting(api: Api) -> None:
    """wire §3.6, MT-18, MT-19: install, then mint; the token reaches what the system user has, each mint is audited."""
    token, world = await admin(api), api.world
    user = await robot(api, token, "EMPLOYEE", "page")
    assert error(await mint_call(api, token, user))[:2] == (400, 100), "not installed yet"
    app = str(world.apps["both"])
    for _ in range(2):
        assert (await api.call(f"/{user}/applications", token, "POST", business_app=app)).json() == OK
    assert (await api.get(f"/{user}/applications", token))["data"] == [{"id": app, "name": "App both"}]
    text = await mint(api, token, user)
    me = await api.get("/me", text, fields="id,name,client_business_id")
    assert (me["id"], me["name"]) == (user, "Sync")
    assert await api.names("/me/accounts", text) == {str(world.assets["page"])}
    assert error(await api.call(f"/{world.assets['page2']}", text))[1:] == (100, 33)
    assert (await api.get(f"/{world.assets['page']}", text, fields="tasks"))["tasks"] == [
        "ANALYZE",
        "ADVERTISE",
        "MANAGE",
    ]
    seen = (await api.get("/debug_token", await api.app_token("both"), input_token=text))["data"]
    assert (seen["type"], seen["expires_at"], seen["is_valid"]) == ("SYSTEM_USER", 0, True)
    assert (
        await api.call(f"/{world.assets['page2']}/assigned_users", token, "POST", user=user, tasks="MANAGE")
    ).json() == OK
    assert error(await api.call(f"/{world.assets['page2']}", text))[1:] == (100, 33), "later assets need another token"
    newer = await mint(api, token, user)
    assert (await api.call(f"/{world.assets['page2']}", newer)).status_code == 200
    assert newer != text
    assert (await api.call(f"/{world.assets['page']}/assigned_users", token, "DELETE", user=user)).json() == OK
    assert error(await api.call(f"/{world.assets['page']}", text))[1] in (100, 200), "what it lost is lost at once"
    async with world.services.store.read() as tx:
        found = await audit.list_entries(tx, world.business, 10, ("token.mint", "grant.install"))
    assert sorted(one.act for one in found) == ["grant.install", "token.mint", "token.mint"]
    assert {one.actor_id for one in found} == {world.people["bob"]}


async def test_sixty_days_and_revoking(api: Api) -> None:
    """wire §3.6: set_token_expires_in_60_days ends it after sixty days; DELETE access_tokens kills all of the app's there."""
    token, world = await admin(api), api.world
    user, app = await robot(api, token, "EMPLOYEE", "page"), str(api.world.apps["both"])
    assert (await api.call(f"/{user}/applications", token, "POST", business_app=app)).json() == OK
    ends = await mint(api, token, user, set_token_expires_in_60_days="true")
    endless = await mint(api, token, user, set_token_expires_in_60_days="false")
    api.now = T0 + 60 * DAY - timedelta(microseconds=1)
    assert (await api.call("/me", ends)).status_code == 200
    api.now = T0 + 60 * DAY
    assert error(await api.call("/me", ends)) == (400, 190, 463)
    assert (await api.call("/me", endless)).status_code == 200
    page_token = await api.page_token(endless)
    for _ in range(2):
        assert (await api.call(f"/{user}/access_tokens", token, "DELETE", business_app=app)).json() == OK
    assert error(await api.call("/me", endless))[:2] == (400, 190)
    assert error(await api.call(f"/{world.assets['page']}", page_token))[:2] == (400, 190)
    assert (await api.call("/me", await mint(api, token, user))).status_code == 200


async def test_what_is_minted_has_no_more_than_who_mints(api: Api) -> None:
    """MT-12, MT-16: neither a permission nor an asset that the calling token does not have itself, whatever the admin may."""
    token, world = await admin(api), api.world
    user, app = await robot(api, token, "ADMIN"), str(api.world.apps["tokens"])
    narrow = await api.login(
        world.people["ada"],
        "tokens",
        ("page",),
        ("pages_show_list", "business_management"),
        businesses=(world.business,),
    )
    assert (await api.call(f"/{user}/applications", narrow, "POST", business_app=app)).json() == OK
    beyond = await mint_call(api, narrow, user, "tokens", scope="ads_management")
    assert error(beyond)[:2] == (403, 200)
    text = await mint(api, narrow, user, "tokens", scope='["pages_show_list","business_management","email"]')
    assert await api.names("/me/accounts", text) == {str(world.assets["page"])}
    assert error(await api.call("/me/adaccounts", text))[:2] == (403, 200)
    assert error(await api.call(f"/{world.assets['ads']}", text))[:2] == (400, 100)
    held = {one["permission"] for one in (await api.get("/me/permissions", text))["data"]}
    assert held == {"pages_show_list", "business_management"}, "a system user has no e-mail permission"


async def test_refusals_of_minting(api: Api) -> None:
    """MT-13, MT-18, MT-20: no or a wrong proof, another app, unknown scopes, an employee, the old login in grace, a page token."""
    token, world = await admin(api), api.world
    old = await admin(api, "ada")
    user, app = await robot(api, token, "EMPLOYEE", "page"), str(api.world.apps["both"])
    assert (await api.call(f"/{user}/applications", token, "POST", business_app=app)).json() == OK
    assert (await mint_call(api, token, user, appsecret_proof="")).json()["error"]["type"] == "GraphMethodException"
    assert error(await mint_call(api, token, user, appsecret_proof="00"))[:2] == (400, 100)
    for more in (
        {"business_app": str(world.apps["tokens"])},
        {"business_app": ""},
        {"scope": ""},
        {"scope": "fly"},
        {"scope": "email"},
    ):
        assert error(await mint_call(api, token, user, **more))[:2] == (400, 100), more
    assert error(await mint_call(api, token, user, set_token_expires_in_60_days="soon"))[:2] == (400, 100)
    employee = await api.login(world.people["selma"], "both", ("page",), businesses=(world.business,))
    stranger = await api.login(world.people["paul"], "both", (), businesses=(world.partner,))
    for caller in (employee, await api.page_token(token)):
        assert error(await mint_call(api, caller, user))[:2] in ((403, 200), (400, 100))
    assert error(await mint_call(api, stranger, user))[1:] == (100, 33)
    assert error(await mint_call(api, token, await seat(api, "emil")))[:2] == (400, 100), "a person has no such edge"
    started = await world.start("ada")
    api.now = T0 + DAY
    await world.claim(started, "ada", api.now)
    refused = await mint_call(api, old, user)
    assert error(refused)[:2] == (403, 200)
    assert refused.json()["error"]["error_data"]["reason"] == "managing_moved"
    async with world.services.store.read() as tx:
        assert await audit.list_entries(tx, world.business, 10, ("token.mint",)) == []


async def test_an_admin_system_user_for_itself(api: Api) -> None:
    """wire §3.6: a system user that administers its business makes itself another token, under its own id and as me."""
    token = await admin(api)
    user, app = await robot(api, token, "ADMIN"), str(api.world.apps["both"])
    assert (await api.call(f"/{user}/applications", token, "POST", business_app=app)).json() == OK
    scope = f"{SCOPE},ads_management"
    first = await mint(api, token, user, scope=scope)
    assert await api.names("/me/accounts", first) == {str(api.world.assets[one]) for one in ("page", "page2")}
    for who in (user, "me"):
        again = await mint(api, first, who, scope=SCOPE)
        assert (await api.get("/me", again))["id"] == user
        assert error(await api.call("/me/adaccounts", again))[:2] == (403, 200)
    assert error(await mint_call(api, first, user, scope="catalog_management"))[:2] == (403, 200)


async def test_a_mint_repeated_by_key(api: Api) -> None:
    """house 18: the same key gives the same token again, and one audit entry; nothing of it is stored in clear."""
    token, world = await admin(api), api.world
    user, app = await robot(api, token, "EMPLOYEE", "page"), str(api.world.apps["both"])
    assert (await api.call(f"/{user}/applications", token, "POST", business_app=app)).json() == OK
    proof = app_secret_proof(await api.secret("both"), token)
    values = {"access_token": token, "business_app": app, "scope": SCOPE, "appsecret_proof": proof}
    both = [
        (await api.client.post(f"/{user}/access_tokens", data=values, headers={"Idempotency-Key": "once"})).json()
        for _ in range(2)
    ]
    assert both[0] == both[1] and set(both[0]) == {"access_token"}
    async with world.services.store.read() as tx:
        assert len(await audit.list_entries(tx, world.business, 10, ("token.mint",))) == 1
