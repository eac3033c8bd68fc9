"""Tokens of an install's system users: narrower ones, their ends, who may make them (``wire.md`` §4; MT-12, MT-18, MT-19)."""

from typing import Any

import pytest

from tests.oauth.standards._forge import new_key
from workbadge.commands import membership
from workbadge.commands.install import uninstall_app
from workbadge.keys import app_secret_proof
from workbadge.store import business_login, grants, rights
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import TokenKind

from ._api import Api, error
from ._installs import SCOPES, install, mint
from .test_bound import bound, prove

pytestmark = pytest.mark.anyio

SIXTY = 60 * 86_400


async def _reaches(api: Api, token: str) -> set[str]:
    """Names of the assets that a token reads."""
    names = ("page", "page2", "ads", "catalog", "pixel", "other")
    return {name for name in names if (await api.call(f"/{api.world.assets[name]}", token)).status_code == 200}


async def _token(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token"}
    return str(answer.json()["access_token"])


async def _count(api: Api, install_id: int) -> tuple[int, int]:
    """Live tokens and further system users of an install."""
    async with api.world.services.store.read() as tx:
        row = await business_login.find_install(tx, install_id)
        assert row is not None
        accounts = [row.account_id, *await business_login.list_narrow_users(tx, install_id)]
        total = 0
        for account in accounts:
            grant = await grants.find_grant(tx, account, row.app_id)
            if grant is not None:
                rows = await grants.list_live_tokens(tx, grant.id, TokenKind.SYSTEM_USER, api.now)
                total += len(rows)
    return total, len(accounts) - 1


async def test_an_admin_makes_narrower_tokens(api: Api) -> None:
    """Wire §4: an admin's token with business_management makes system-user tokens with fewer assets and fewer scopes."""
    await install(api)
    admin = await api.login(api.world.people["bob"], businesses=(api.world.business,))
    assets = f'["{api.world.assets["page"]}"]'
    whole = await _token(await mint(api, admin))
    assert await _reaches(api, whole) == {"page", "page2", "ads"}
    narrow = await _token(await mint(api, admin, asset=assets, scope='["pages_show_list"]'))
    assert await _reaches(api, narrow) == {"page"}
    about = (await api.get("/debug_token", narrow, input_token=narrow))["data"]
    assert about["scopes"] == ["pages_show_list"]
    assert about["granular_scopes"] == [{"scope": "pages_show_list", "target_ids": [str(api.world.assets["page"])]}]
    assert about["type"] == "SYSTEM_USER" and about["expires_at"] == 0
    me = await api.get("/me", narrow, fields="name,client_business_id,install_type")
    assert me["client_business_id"] == str(api.world.business) and me["install_type"] == "BUSINESS_INTEGRATION"
    act = f"act_{api.world.assets['ads']}"
    assert await _reaches(api, await _token(await mint(api, admin, asset=act))) == {"ads"}


async def test_narrower_users_follow_the_installs_own(api: Api) -> None:
    """MT-12, decision 25: what an admin takes from the install's system user, whole or in tasks, its narrower ones lose in the
    same instant; given back, it comes with the next token that is asked for. A narrower one never gets more tasks."""
    world = api.world
    _, own = await install(api)
    admin = await api.login(world.people["bob"], "both", (), ("business_management",), businesses=(world.business,))
    page, page2 = (str(world.assets[name]) for name in ("page", "page2"))
    both = await _token(await mint(api, own, asset=f"{page},{page2}"))
    one = await _token(await mint(api, own, asset=page))
    robot = (await api.get("/me", own))["id"]
    boss = await api.login(world.people["ada"], "both", ("page", "page2"), businesses=(world.business,))
    few = {"user": robot, "tasks": "ANALYZE,CREATE_CONTENT"}
    assert (await api.call(f"/{page}/assigned_users", boss, "POST", **few)).json() == {"success": True}
    for token in (own, both, one):
        tasks = (await api.get(f"/{page}", token, fields="tasks"))["tasks"]
        assert set(tasks) == {"ANALYZE", "CREATE_CONTENT"}
    fresh = await _token(await mint(api, own, asset=f"{page},act_{world.assets['ads']}"))
    assert set((await api.get(f"/{page}", fresh, fields="tasks"))["tasks"]) == {"ANALYZE", "CREATE_CONTENT"}
    assert (await api.call(f"/{page}/assigned_users", boss, "DELETE", user=robot)).json() == {"success": True}
    for token in (own, both, one, fresh):
        assert error(await api.call(f"/{page}", token))[:2] == (403, 200)
    assert (await api.call(f"/{page2}", both)).status_code == 200
    assert error(await mint(api, admin, asset=page))[0] == 403
    await api.call(f"/{page}/assigned_users", boss, "POST", **few)
    assert error(await api.call(f"/{page}", one))[:2] == (403, 200), "nothing comes back by itself"
    again = await _token(await mint(api, own, asset=page))
    assert (await api.call(f"/{page}", again)).status_code == 200
    await membership.remove_member(
        world.services, world.business, await _place_of(api, int(robot)), world.people["bob"], api.now
    )
    for token in (own, both, again):
        assert error(await api.call(f"/{page}", token))[0] >= 400 and await _reaches(api, token) == set()


async def _place_of(api: Api, account_id: int) -> int:
    async with api.world.services.store.read() as tx:
        place = await rights.find_member(tx, account_id, api.world.business, api.now)
    assert place is not None
    return place.id


async def test_the_system_user_narrows_itself(api: Api) -> None:
    """Wire §4, MT-12: the install's own system user makes narrower tokens; those make none, and never of other scopes."""
    _, token = await install(api)
    page = str(api.world.assets["page"])
    narrow = await _token(await mint(api, token, asset=page, scope="pages_show_list,business_management"))
    assert await _reaches(api, narrow) == {"page"}
    assert error(await mint(api, narrow, asset=page))[1] == 200
    few = await _token(await mint(api, token, scope="business_management"))
    assert error(await mint(api, few, scope="pages_show_list")) == (400, 100, None)
    assert error(await mint(api, token, asset=str(api.world.assets["catalog"])))[1] == 200


async def test_fetch_only_gives_the_token_that_is_there(api: Api) -> None:
    """Wire §4: fetch_only answers the newest live token for just these scopes and assets, and makes none; a repeated request with
    an Idempotency-Key makes one."""
    install_id, token = await install(api)
    page = str(api.world.assets["page"])
    assert error(await mint(api, token, asset=page, fetch_only="true")) == (400, 100, None)
    assert await _count(api, install_id) == (1, 0)
    assert await _token(await mint(api, token, fetch_only="true")) == token
    narrow = await _token(await mint(api, token, asset=page))
    assert await _token(await mint(api, token, asset=page, fetch_only="true")) == narrow
    again = await _token(await mint(api, token, asset=page))
    assert again != narrow
    path, proof = f"/{api.world.business}/system_user_access_tokens", app_secret_proof(await api.secret("both"), token)
    sent = {"access_token": token, "appsecret_proof": proof, "asset": page}
    keyed = [await api.client.post(path, data=sent, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert await _token(keyed[0]) == await _token(keyed[1])
    assert await _count(api, install_id) == (4, 1)
    assert error(await mint(api, token, scope="ads_read", fetch_only="true")) == (400, 100, None)
    assert error(await mint(api, token, fetch_only="true", set_token_expires_in_60_days="true"))[1] == 100
    async with api.world.services.store.read() as tx:
        row = await business_login.find_install_of(tx, int((await api.get("/me", narrow))["id"]))
    assert row is not None and row.id == install_id


async def test_sixty_days_on_request(api: Api) -> None:
    """Wire §4: set_token_expires_in_60_days gives an end; a token with an end makes none without."""
    _, token = await install(api)
    short = await _token(await mint(api, token, set_token_expires_in_60_days="true"))
    about = (await api.get("/debug_token", short, input_token=short))["data"]
    assert about["expires_at"] - about["issued_at"] == SIXTY
    child = await _token(await mint(api, short, asset=str(api.world.assets["page"])))
    about = (await api.get("/debug_token", child, input_token=child))["data"]
    assert about["expires_at"] - about["issued_at"] == SIXTY
    api.now += 60 * DAY
    assert error(await api.call("/me", short)) == (400, 190, 463)
    assert await _reaches(api, token) == {"page", "page2", "ads"}


async def test_who_may_not_make_tokens(api: Api) -> None:
    """MT-18: employee, scope missing, another app, a partner, strangers, page tokens, anonymous, the old login in grace: no token."""
    world = api.world
    install_id, _ = await install(api)
    us = (world.business,)
    bob = await api.login(world.people["bob"], names=("page",), businesses=us)
    scopes = ("pages_show_list", "pages_manage_posts")
    plain = await api.login(world.people["ada"], scopes=scopes, names=("page",))
    ada = await api.login(world.people["ada"], "tokens", businesses=us)
    callers = {
        "employee": (await api.login(world.people["emil"], businesses=us), "both", 200),
        "no scope": (plain, "both", 100),
        "another app": (ada, "tokens", 100),
        "partner": (await api.login(world.people["paul"], businesses=(world.partner,)), "both", 100),
        "page token": (await api.page_token(bob), "both", 100),
        "other system user": (await api.system("both", ("page",)), "both", 200),
    }
    before = await _count(api, install_id)
    for title, (token, app, code) in callers.items():
        assert error(await mint(api, token, app=app))[1] == code, title
    assert error(await mint(api, None))[1] == 104
    assert error(await mint(api, await api.app_token("both"), proof=False))[1] == 100
    assert error(await mint(api, bob, business=world.partner)) == (400, 100, 33)
    assert await _count(api, install_id) == before
    await _token(await mint(api, bob))
    started = await world.start("bob")
    await world.claim(started, "bob", api.now)
    api.now += DAY
    refused = await mint(api, bob)
    assert error(refused)[1] == 200
    assert refused.json()["error"]["error_data"]["reason"] == "managing_moved"
    assert (await _count(api, install_id))[0] == before[0] + 1


async def test_the_proof_is_demanded(api: Api) -> None:
    """Wire §4, 9.18: without appsecret_proof, with a wrong one, or another app's, no token is made."""
    install_id, token = await install(api)
    for more in ({}, {"appsecret_proof": ""}, {"appsecret_proof": app_secret_proof(await api.secret("tokens"), token)}):
        assert error(await mint(api, token, proof=False, **more))[:2] == (400, 100)
    assert (await _count(api, install_id))[0] == 1


async def test_system_user_id_names_one_of_the_install(api: Api) -> None:
    """Wire §4: system_user_id picks a system user of this app's install here; any other id is refused."""
    world = api.world
    _, token = await install(api)
    admin = await api.login(world.people["bob"], businesses=(world.business,))
    page = str(world.assets["page"])
    narrow = await _token(await mint(api, admin, asset=page))
    user = (await api.get("/me", narrow))["id"]
    own = (await api.get("/me", token))["id"]
    for caller in (admin, token):
        assert await _reaches(api, await _token(await mint(api, caller, system_user_id=user))) == {"page"}
        assert await _reaches(api, await _token(await mint(api, caller, system_user_id=own))) == {
            "page",
            "page2",
            "ads",
        }
    robot = (await api.get("/me", await api.system("both", ("page",))))["id"]
    elsewhere = (await api.get("/me", (await install(api, ("page",), who="paul", business_id=world.partner))[1]))["id"]
    theirs = (await api.get("/me", (await install(api, ("page",), "tokens"))[1]))["id"]
    for wrong in (robot, elsewhere, theirs, str(world.people["ada"]), page, "x", "", str(world.apps["both"])):
        for caller in (admin, token):
            assert error(await mint(api, caller, system_user_id=wrong))[1] == 100, wrong
    beyond = await mint(api, admin, system_user_id=user, asset=str(world.assets["page2"]))
    assert error(beyond)[1] == 200


async def test_bad_lists_are_refused(api: Api) -> None:
    """Wire §3.10, WB-13: assets and scopes that are no lists of texts, unknown or foreign are refused by name."""
    _, token = await install(api)
    for values in (
        {"asset": "["},
        {"asset": '[{"id": 1}]'},
        {"asset": "[[1]]"},
        {"scope": '["email"]'},
        {"scope": "no_such"},
        {"scope": '{"a": 1}'},
        {"asset": "[" * 10_000},
        {"scope": "user_birthday"},
    ):
        assert error(await mint(api, token, **values)) == (400, 100, None), values
    for asset in ("1", "x", str(api.world.assets["other"]), str(api.world.business), "-1"):
        assert error(await mint(api, token, asset=asset))[1] == 200, asset


async def test_assets_that_are_taken_away_are_lost(api: Api) -> None:
    """MT-19, MT-12: what an admin takes from the system user, or a new install leaves out, is lost by all of its tokens."""
    world = api.world
    _, token = await install(api)
    page, page2 = str(world.assets["page"]), str(world.assets["page2"])
    both = await _token(await mint(api, token, asset=f"{page},{page2}"))
    account = int((await api.get("/me", token))["id"])
    async with world.services.store.read() as tx:
        member = await rights.find_member(tx, account, world.business, api.now)
    assert member is not None
    bob = world.people["bob"]
    await membership.take_away(world.services, world.business, member.id, world.assets["ads"], bob, api.now)
    assert await _reaches(api, token) == {"page", "page2"}
    assert error(await mint(api, token, asset=f"act_{world.assets['ads']}"))[1] == 200
    await install(api, ("page", "catalog"), scopes=(*SCOPES, "catalog_management"))
    assert await _reaches(api, both) == {"page"}
    assert error(await api.call(f"/{page2}", both)) == (400, 100, 33)
    assert await _reaches(api, token) == {"page"}
    assert await _reaches(api, await _token(await mint(api, token))) == {"page"}


async def test_uninstalling_kills_every_token(api: Api) -> None:
    """Wire §4, MT-25: after an uninstall every token of the install is dead, its system users are gone, and it cannot mint."""
    world = api.world
    install_id, token = await install(api)
    narrow = await _token(await mint(api, token, asset=str(world.assets["page"])))
    page_token = await api.page_token(narrow)
    admin = await api.login(world.people["bob"], businesses=(world.business,))
    names = {one["name"] for one in (await api.get(f"/{world.business}/system_users", admin))["data"]}
    assert names == {"App both System User", "App both System User (1 of its assets)"}
    for _ in range(2):
        async with world.services.store.write() as tx:
            await uninstall_app(tx, world.services, install_id, world.people["bob"], api.now)
    for dead in (token, narrow, page_token):
        assert error(await api.call("/me", dead)) == (400, 190, 458)
    assert (await api.get(f"/{world.business}/system_users", admin))["data"] == []
    assert error(await mint(api, admin)) == (400, 100, None)
    _, fresh = await install(api)
    assert await _reaches(api, fresh) == {"page", "page2", "ads"}
    assert error(await api.call("/me", token)) == (400, 190, 458)


async def test_lent_assets_end_with_their_share(api: Api) -> None:
    """MT-22: an install reaches what is lent to its business, as long as it is lent; nobody installs on what is not."""
    world = api.world
    _, token = await install(api, ("page",), who="paul", business_id=world.partner)
    assert await _reaches(api, token) == {"page"}
    async with world.services.store.write() as tx:
        await rights.end_shares(tx, world.assets["page"], world.partner, api.now)
    assert await _reaches(api, token) == set()


async def test_a_bound_token_makes_no_plain_one(api: Api) -> None:
    """RFC 9449, decision 19: a token that is bound to a key, with its proof, neither mints nor swaps."""
    install_id, _ = await install(api)
    key = new_key()
    token = await bound(api, key)
    secret = app_secret_proof(await api.secret("both"), token)
    values = {"appsecret_proof": secret, "app_id": str(api.world.apps["both"]), "scope": "pages_show_list"}
    for edge in ("system_user_access_tokens", "access_token"):
        path = f"/{api.world.business}/{edge}"
        proof = prove(api, key, token, path, htm="POST")
        headers = {"authorization": f"DPoP {token}", "dpop": proof}
        answer = await api.client.post(path, data=values, headers=headers)
        assert error(answer) == (400, 100, None) and "bound to a key" in answer.text
    assert (await _count(api, install_id))[0] == 1
