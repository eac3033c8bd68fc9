"""The application and its edges over the wire (wire.md 3.6, 6.7-6.9)."""

from datetime import datetime, timedelta

import httpx
import pytest

from tests.commands._world import T0
from workbadge.commands.account import prove_password
from workbadge.commands.app_roles import give_role
from workbadge.commands.app_settings import change_settings
from workbadge.commands.app_status import lift, restrict, set_access, set_mode
from workbadge.commands.configuration import NewConfiguration, add_configuration
from workbadge.commands.consent import question
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.grant import Consent, record_consent, remove_app
from workbadge.commands.install import NewInstall, install_app, uninstall_app
from workbadge.commands.portfolio import add_asset, add_member
from workbadge.store import grants, records
from workbadge.terms.apps import AppMode, AppRole, Level, Restriction, Review
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role

from ._api import Api, error

pytestmark = pytest.mark.anyio

SETTINGS = {
    "deauth_callback_url": "https://both.example/deauth",
    "data_deletion_url": "https://both.example/delete",
    "privacy_policy_url": "https://both.example/privacy",
    "terms_of_service_url": "https://both.example/terms",
    "contact_email": "maker@both.example",
    "app_domains": "both.example, www.both.example",
}
ASKED = "name,deauth_callback_url,privacy_policy_url,terms_of_service_url,contact_email,app_domains,user_support_url"


async def set_up(api: Api, **given: str) -> None:
    """Settings of the app."""
    async with api.world.services.store.write() as tx:
        await change_settings(tx, api.world.services, api.world.apps["both"], given, None, T0)


async def test_an_app_reads_its_settings(api: Api) -> None:
    """wire 3.6, 6.9: the app's own token reads every setting; a person's token reads what the maker publishes, not what is
    between maker and platform."""
    await set_up(api, **SETTINGS)
    app = api.world.apps["both"]
    shown = await api.get(f"/{app}", await api.app_token("both"), fields=ASKED)
    assert shown == {
        "id": str(app),
        "name": "App both",
        "user_support_url": "https://both.example/help",
        **{name: value for name, value in SETTINGS.items() if name not in ("app_domains", "data_deletion_url")},
        "app_domains": ["both.example", "www.both.example"],
    }
    person = await api.login(api.world.people["emil"], "both", ("page",))
    public = await api.get(f"/{app}", person, fields=ASKED)
    assert set(shown) - set(public) == {"deauth_callback_url", "contact_email"}
    assert error(await api.call(f"/{app}", person, fields="secret"))[:2] == (400, 100)


async def make(api: Api, **values: str) -> dict[str, str]:
    """A test user of the app."""
    answer = await api.call(f"/{api.world.apps['both']}/accounts", await api.app_token("both"), "POST", **values)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_test_user_is_made_with_everything(api: Api) -> None:
    """wire 6.7: POST gives id, login_url, email, password and, with the app installed, a token that works and grants what was
    asked; the list never shows passwords or tokens; without installed there is no token."""
    app, token = api.world.apps["both"], await api.app_token("both")
    made = await make(api, name="Tess Ter", permissions="email,pages_show_list", installed="true")
    assert set(made) == {"id", "login_url", "email", "password", "access_token"}
    me = await api.get("/me", made["access_token"], fields="id,name,email")
    assert me == {"id": made["id"], "name": "Tess Ter", "email": made["email"]}
    granted = await api.get("/me/permissions", made["access_token"])
    assert [one["permission"] for one in granted["data"]] == ["email", "pages_show_list"]
    plain = await make(api, installed="false")
    assert "access_token" not in plain
    proven = await prove_password(api.world.services, made["email"], made["password"], "", T0)
    assert len(proven.ids) == 1
    for path in (f"/{app}/accounts", f"/{app}/accounts/test-users"):
        listed = (await api.get(path, token))["data"]
        assert {one["id"] for one in listed} == {made["id"], plain["id"]}
        assert all(set(one) == {"id", "name", "email", "login_url"} for one in listed)


async def test_an_app_has_ten_test_users(api: Api) -> None:
    """wire 6.7: the eleventh is refused, until one is deleted; deleting kills its tokens and its sign-in."""
    app, token = api.world.apps["both"], await api.app_token("both")
    made = [await make(api) for _ in range(10)]
    refused = await api.call(f"/{app}/accounts", token, "POST")
    assert error(refused) == (400, 100, None)
    assert "10 test users" in refused.json()["error"]["message"]
    gone = made[0]
    assert (await api.call(f"/{app}/accounts", token, "DELETE", uid=gone["id"])).json() == {"success": True}
    assert error(await api.call("/me", gone["access_token"]))[1] == 190
    with pytest.raises(CommandError):
        await prove_password(api.world.services, gone["email"], gone["password"], "", T0)
    assert error(await api.call(f"/{app}/accounts", token, "DELETE", uid=gone["id"]))[1] == 100
    await make(api)


async def test_only_own_test_users_are_deleted(api: Api) -> None:
    """MT-01: an app deletes neither people nor another app's test users, and is told the same of all of them."""
    app, token = api.world.apps["both"], await api.app_token("both")
    made = await make(api)
    person = await api.get("/me", await api.login(api.world.people["emil"], "both", ("page",)), fields="id")
    other = f"/{api.world.apps['tokens']}/accounts"
    answers = [
        await api.call(f"/{app}/accounts", token, "DELETE", uid=person["id"]),
        await api.call(f"/{app}/accounts", token, "DELETE", uid="509999999999999999"),
        await api.call(other, await api.app_token("tokens"), "DELETE", uid=made["id"]),
    ]
    assert {error(one) for one in answers} == {(400, 100, None)}
    assert len({one.json()["error"]["message"] for one in answers}) == 1
    assert error(await api.call(f"/{app}/accounts", token, "DELETE", uid="1"))[1] == 100
    assert (await api.get("/me", made["access_token"]))["id"] == made["id"]


async def test_a_test_user_reaches_nothing_of_a_business(api: Api) -> None:
    """wire 6.7: a test user cannot be put into a business, logs in to no other app, and has no role on one."""
    world = api.world
    made = await make(api, permissions="business_management,pages_show_list")
    assert (await api.get("/me/accounts", made["access_token"]))["data"] == []
    async with world.services.store.read() as tx:
        row = await records.find_by_scoped_id(tx, int(made["id"]))
    assert row is not None
    person = row.account_id
    async with world.services.store.write() as tx:
        with pytest.raises(CommandError, match="cannot join"):
            await add_member(tx, world.services, person, world.business, Role.ADMIN, {}, None, T0)
        with pytest.raises(CommandError, match="belongs to another app"):
            await record_consent(tx, world.services, Consent(person, world.apps["tokens"], ("email",)), T0)
        with pytest.raises(CommandError, match="cannot have a role"):
            await give_role(tx, world.services, world.apps["both"], person, AppRole.TESTER, None, T0)


async def give(api: Api, name: str, role: AppRole) -> None:
    """A role on the app."""
    async with api.world.services.store.write() as tx:
        await give_role(tx, api.world.services, api.world.apps["both"], api.world.people[name], role, None, T0)


async def test_roles_are_listed_and_open_the_settings(api: Api) -> None:
    """wire 3.6: the app's own token lists who works on it by app-scoped ids; their own tokens read every setting."""
    await set_up(api, **SETTINGS)
    app = api.world.apps["both"]
    await give(api, "emil", AppRole.DEVELOPER)
    await give(api, "ada", AppRole.ADMINISTRATOR)
    emil = await api.login(api.world.people["emil"], "both", ("page",))
    me = await api.get("/me", emil)
    found = await api.get(f"/{app}/roles", await api.app_token("both"))
    assert found == {"data": [{"app_id": str(app), "user": me["id"], "role": "developers"}]}
    shown = await api.get(f"/{app}", emil, fields=ASKED)
    assert shown["deauth_callback_url"] == SETTINGS["deauth_callback_url"]


async def test_development_lets_in_those_who_work_on_the_app(api: Api) -> None:
    """wire 6.8: in development only role holders and the app's test users log in; tokens from before go on working."""
    world, app = api.world, api.world.apps["both"]
    before = await api.login(world.people["selma"], "both", ("page",))
    async with world.services.store.write() as tx:
        await set_mode(tx, world.services, app, AppMode.DEVELOPMENT, None, T0)
    with pytest.raises(CommandError, match="still in development") as refused:
        await api.login(world.people["selma"], "both", ("page",))
    assert refused.value.problem is Problem.FORBIDDEN
    await give(api, "selma", AppRole.TESTER)
    await api.login(world.people["selma"], "both", ("page",))
    assert (await make(api))["access_token"]
    assert (await api.call(f"/{world.assets['page']}", before)).status_code == 200
    async with world.services.store.write() as tx:
        await set_mode(tx, world.services, app, AppMode.LIVE, None, T0)
    await api.login(world.people["emil"], "both", ("page",))


async def test_standard_access_is_for_those_who_work_on_the_app(api: Api) -> None:
    """wire 6.8: a permission with standard access is granted by role holders alone and left out for everybody else, also where
    it was granted before; the list of permissions says so."""
    world, app = api.world, api.world.apps["both"]
    async with world.services.store.write() as tx:
        review = (Level.STANDARD, Review.IN_REVIEW)
        await set_access(tx, world.services, app, "ads_management", *review, None, T0)
        with pytest.raises(CommandError, match="no level"):
            await set_access(tx, world.services, app, "email", *review, None, T0)
    await give(api, "emil", AppRole.TESTER)
    for name, has in (("emil", True), ("selma", False)):
        token = await api.login(world.people[name], "both", ("page",))
        granted = {one["permission"] for one in (await api.get("/me/permissions", token))["data"]}
        assert ("ads_management" in granted) is has
        assert "pages_show_list" in granted
    listed = {
        one["permission"]: one for one in (await api.get(f"/{app}/permissions", await api.app_token("both")))["data"]
    }
    wanted = {"permission": "ads_management", "status": "live", "access_level": "standard", "review": "in_review"}
    assert listed["ads_management"] == wanted
    assert listed["email"]["access_level"] == "advanced"


async def test_what_an_app_loses_stops_at_the_next_call(api: Api) -> None:
    """MT-41: a permission that an app loses while tokens carry it, by a restriction or by becoming standard, stops with the next
    call, in reads, lists, ids and writes, for the standing token and its page token; people with a role keep a standard one."""
    world, app, page = api.world, api.world.apps["both"], api.world.assets["page"]
    scopes = ("pages_show_list", "pages_manage_posts", "business_management")
    token = await api.login(world.people["emil"], "both", ("page",), scopes, businesses=(world.business,))
    of_page = await api.page_token(token)
    maker = await api.login(world.people["selma"], "both", ("page",), scopes)
    await give(api, "selma", AppRole.DEVELOPER)

    async def answers(caller: str) -> list[int]:
        calls = [
            await api.call(f"/{page}", caller),
            await api.call("/me/accounts", caller),
            await api.call("/", caller, ids=str(page)),
            await api.call(f"/{page}/feed", caller, "POST", message="x"),
        ]
        return [0 if one.status_code == 200 else error(one)[1] for one in calls]

    assert await answers(token) == [0, 0, 0, 0]
    async with world.services.store.write() as tx:
        for scope in scopes[:2]:
            await set_access(tx, world.services, app, scope, Level.STANDARD, Review.REJECTED, None, T0)
    assert await answers(token) == [10, 10, 10, 10]
    assert error(await api.call(f"/{page}", of_page))[1] == 10
    assert (await api.call(f"/{world.business}", token)).status_code == 200
    assert await answers(maker) == [0, 0, 0, 0]
    made = await stop(api, Restriction.PERMISSION, *scopes[:2])
    assert await answers(maker) == [10, 10, 10, 10]
    async with world.services.store.write() as tx:
        await lift(tx, world.services, app, made, None, T0)
        for scope in scopes[:2]:
            await set_access(tx, world.services, app, scope, Level.ADVANCED, Review.APPROVED, None, T0)
    assert await answers(token) == [0, 0, 0, 0]
    assert (await api.call(f"/{page}", of_page)).status_code == 200


async def stop(api: Api, kind: Restriction, *scopes: str) -> int:
    """A restriction of the app."""
    async with api.world.services.store.write() as tx:
        app = api.world.apps["both"]
        return await restrict(tx, api.world.services, app, kind, "Sent spam.", scopes, None, T0)


@pytest.mark.parametrize("kind", [Restriction.API, Restriction.WRITE, Restriction.LOGIN, Restriction.PERMISSION])
async def test_an_enforcement_stops_what_it_says(api: Api, kind: Restriction) -> None:
    """wire 3.12: api answers 368, write 3, a permission that was taken 10, each with why and since when; logins stop with
    the reason; another app is not touched; lifting it brings all back."""
    world, page = api.world, api.world.assets["page"]
    token = await api.login(world.people["emil"], "both", ("page",))
    sibling = await api.login(world.people["emil"], "tokens", ("page",))
    own = await api.app_token("both")
    scopes = (
        ("pages_show_list", "pages_read_engagement", "pages_manage_posts") if kind is Restriction.PERMISSION else ()
    )
    made = await stop(api, kind, *scopes)
    calls = {
        "read": await api.call(f"/{page}", token),
        "list": await api.call("/me/accounts", token),
        "write": await api.call(f"/{page}/feed", token, "POST", message="x"),
        "me": await api.call("/me", token),
        "ads": await api.call("/me/adaccounts", token),
        "own": await api.call(f"/{world.apps['both']}", own),
        "subscribe": await api.call(f"/{world.apps['both']}/subscriptions", own, "POST"),
    }
    blocked = {
        Restriction.API: dict.fromkeys(calls, (400, 368)),
        Restriction.WRITE: {"write": (400, 3), "subscribe": (400, 3)},
        Restriction.LOGIN: {},
        Restriction.PERMISSION: dict.fromkeys(("read", "list", "write"), (403, 10)),
    }[kind]
    for name, answer in calls.items():
        if name in blocked:
            assert error(answer)[:2] == blocked[name], (name, answer.text)
            if kind is not Restriction.PERMISSION:
                data = answer.json()["error"]["error_data"]
                assert data == {"reason": "Sent spam.", "since": "2026-01-31T12:00:00.123456Z"}
        elif name != "subscribe":
            assert answer.status_code == 200, (name, answer.text)
    if kind in (Restriction.API, Restriction.LOGIN):
        with pytest.raises(CommandError, match="Sent spam"):
            await api.login(world.people["selma"], "both", ("page",))
    assert (await api.call(f"/{page}/feed", sibling, "POST", message="x")).status_code == 200
    async with world.services.store.write() as tx:
        await lift(tx, world.services, world.apps["both"], made, None, T0)
        with pytest.raises(CommandError, match="ended already"):
            await lift(tx, world.services, world.apps["both"], made, None, T0)
    assert (await api.call(f"/{page}/feed", token, "POST", message="y")).status_code == 200
    await api.login(world.people["selma"], "both", ("page",))


async def test_enforcements_add_up(api: Api) -> None:
    """Two restrictions hold side by side; lifting one leaves the other; what does not fit is refused."""
    world, page = api.world, api.world.assets["page"]
    token = await api.login(world.people["emil"], "both", ("page",))
    first = await stop(api, Restriction.API)
    await stop(api, Restriction.WRITE)
    async with world.services.store.write() as tx:
        await lift(tx, world.services, world.apps["both"], first, None, T0)
    assert (await api.call(f"/{page}", token)).status_code == 200
    assert error(await api.call(f"/{page}/feed", token, "POST", message="x"))[1] == 3
    for kind, reason, scopes in (
        (Restriction.API, " ", ()),
        (Restriction.API, "x", ("email",)),
        (Restriction.PERMISSION, "x", ()),
        (Restriction.PERMISSION, "x", ("nonsense",)),
    ):
        async with world.services.store.write() as tx:
            with pytest.raises(CommandError) as refused:
                await restrict(tx, world.services, world.apps["both"], kind, reason, scopes, None, T0)
        assert refused.value.problem is Problem.INVALID


async def test_a_native_app_has_no_app_token(api: Api) -> None:
    """wire 6.9: the secret of a native app is in everybody's hands, so id|secret is refused; tokens of people work."""
    person = await api.login(api.world.people["emil"], "both", ("page",))
    own = await api.app_token("both")
    await set_up(api, native="true")
    assert error(await api.call(f"/{api.world.apps['both']}", own))[:2] == (400, 190)
    assert (await api.call("/me", person)).status_code == 200
    await set_up(api, native="")
    assert (await api.call(f"/{api.world.apps['both']}", own)).status_code == 200


async def test_what_was_unused_for_90_days_is_asked_again(api: Api) -> None:
    """wire 6.8: a standing consent that the app has not used for 90 days no longer leads straight back; a use moves that."""
    world, app = api.world, api.world.apps["both"]
    emil = world.people["emil"]
    await api.login(emil, "both", ("page",))
    scopes = ("pages_show_list",)

    async def standing(now: datetime) -> bool:
        async with world.services.store.read() as tx:
            return (await question(tx, emil, AccountKind.PERSONAL, app, scopes, False, now)).standing is not None

    last = T0 + 90 * DAY - timedelta(microseconds=1)
    assert await standing(last)
    assert not await standing(T0 + 90 * DAY)
    async with world.services.store.write() as tx:
        row = await grants.find_grant(tx, emil, app)
        assert row is not None
        await grants.touch_grants(tx, {row.id: last})
    assert await standing(T0 + 90 * DAY)
    assert not await standing(last + 90 * DAY)


async def test_ad_accounts_that_the_app_may_work_on(api: Api) -> None:
    """wire 3.6, I10: the list has exactly the ad accounts that a token of the app reaches now, each once, in pages; it follows a
    cut-off and a revocation, and has nothing of another app's."""
    world, app = api.world, api.world.apps["both"]
    names = ("ads", "ads2", "ads3")
    async with world.services.store.write() as tx:
        for name in names[1:]:
            made = await add_asset(tx, world.services, NodeKind.AD_ACCOUNT, name, world.business, T0)
            world.assets[name] = made
    ada, bob = world.people["ada"], world.people["bob"]
    await api.login(ada, "both", names)
    await api.login(bob, "both", ("ads", "page"))
    await api.login(bob, "tokens", names)
    token = await api.app_token("both")
    edge = f"/{app}/authorized_adaccounts"

    async def listed(**more: str) -> list[str]:
        found: list[str] = []
        answer = await api.get(edge, token, limit="2", **more)
        while True:
            found += [one["id"] for one in answer["data"]]
            following = answer.get("paging", {}).get("next")
            if following is None:
                return found
            answer = (await api.client.get(following)).json()

    every = sorted(f"act_{world.assets[name]}" for name in names)
    assert await listed() == every
    first = (await api.get(edge, token))["data"][0]
    assert set(first) == {"id", "name"}
    assert await listed(business=str(world.elsewhere)) == []
    last = await api.get(
        edge, token, limit="2", after=(await api.get(edge, token, limit="2"))["paging"]["cursors"]["after"]
    )
    back = (await api.client.get(last["paging"]["previous"])).json()
    assert [one["id"] for one in back["data"]] == every[:2]
    started = await world.start("ada")
    await world.claim(started, "ada", T0)
    api.now = T0 + 30 * DAY - timedelta(microseconds=1)
    assert await listed() == every
    api.now = T0 + 30 * DAY
    assert await listed() == [f"act_{world.assets['ads']}"]
    async with world.services.store.write() as tx:
        await remove_app(tx, world.services, bob, app, api.now)
    assert await listed() == []
    for wrong in ("x", "1"):
        assert error(await api.call(edge, token, business=wrong))[:2] == (400, 100)


async def test_businesses_that_installed_the_app(api: Api) -> None:
    """wire 3.6: businesses with a live install, by id, with a count; gone once the app is uninstalled there."""
    world, app = api.world, api.world.apps["both"]
    token = await api.app_token("both")
    edge = f"/{app}/connected_client_businesses"
    assert await api.get(edge, token, summary="true") == {"data": [], "summary": {"total_count": 0}}
    installs = {}
    async with world.services.store.write() as tx:
        for business, person in ((world.business, "ada"), (world.elsewhere, "emil")):
            new = NewInstall(app, business, world.people[person], ("pages_show_list",), ())
            installs[business] = (await install_app(tx, world.services, new, T0)).id
    both = sorted((str(world.business), str(world.elsewhere)))
    page = await api.get(edge, token, limit="1", summary="true")
    assert page["summary"] == {"total_count": 2}
    following = (await api.client.get(page["paging"]["next"])).json()
    assert [one["id"] for one in (*page["data"], *following["data"])] == both
    assert (await api.get(f"/{world.apps['tokens']}/connected_client_businesses", await api.app_token("tokens")))[
        "data"
    ] == []
    async with world.services.store.write() as tx:
        await uninstall_app(tx, world.services, installs[world.business], world.people["ada"], T0)
    assert [one["id"] for one in (await api.get(edge, token))["data"]] == [str(world.elsewhere)]


async def test_an_app_reads_its_configurations(api: Api) -> None:
    """wire 3.6, 4: config_ids are those of the app's login configurations, for its own token; a person's reads none."""
    world, app = api.world, api.world.apps["both"]
    async with world.services.store.write() as tx:
        new = NewConfiguration(app, "Connect", "user", ("pages_show_list",), (), False)
        made = await add_configuration(tx, world.services, new, T0)
    shown = await api.get(f"/{app}", await api.app_token("both"), fields="config_ids")
    assert shown == {"id": str(app), "config_ids": [str(made.id)]}
    person = await api.login(world.people["emil"], "both", ("page",))
    assert await api.get(f"/{app}", person, fields="config_ids") == {"id": str(app)}


async def test_a_developer_debugs_tokens_of_the_app(api: Api) -> None:
    """wire 3.3: a user token of somebody who works on the app inspects its tokens; a tester's, a stranger's, a page token and one
    under another app do not, and another app's token is not described."""
    emil, other = await api.login(api.world.people["emil"], "both", ("page",)), api.world.people["selma"]
    selma = await api.login(other, "both", ("page",))
    elsewhere = await api.login(api.world.people["emil"], "tokens", ("page",))
    needs = "You must provide an app access token"

    async def debug(caller: str, given: str) -> httpx.Response:
        return await api.call("/debug_token", caller, input_token=given)

    assert needs in (await debug(emil, selma)).text
    await give(api, "emil", AppRole.TESTER)
    await give(api, "ada", AppRole.ADMINISTRATOR)
    assert needs in (await debug(emil, selma)).text
    await give(api, "emil", AppRole.DEVELOPER)
    found = (await debug(emil, selma)).json()["data"]
    assert (found["is_valid"], found["app_id"]) == (True, str(api.world.apps["both"]))
    assert (await debug(emil, elsewhere)).json()["data"]["is_valid"] is False
    assert needs in (await debug(elsewhere, selma)).text
    assert needs in (await debug(await api.page_token(emil), selma)).text
