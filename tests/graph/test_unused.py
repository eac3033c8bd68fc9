"""What an app does not use for ninety days it must be granted again (wire 6.8)."""

from datetime import datetime, timedelta

import pytest

from tests.commands._world import SCOPES, T0, TICK
from workbadge.commands.consent import question
from workbadge.lifecycle.data_access import UNUSED
from workbadge.terms.instants import DAY, to_micros, to_wire
from workbadge.terms.kinds import AccountKind
from workbadge.web.usage import NO_PAUSE

from ._api import ALL_SCOPES, Api, error

pytestmark = pytest.mark.anyio
LAPSED = (403, 200, None)


async def flush(api: Api) -> None:
    """What was used is written, as the worker does."""
    await api.site.usage.flush(api.world.services.store, api.now, NO_PAUSE)


def seconds(at: datetime) -> int:
    """As the wire has it."""
    return to_micros(at) // 1_000_000


async def test_a_page_token_without_an_end_stops_when_it_is_not_used(api: Api) -> None:
    """wire 6.8: user and page tokens reach assets a microsecond before ninety days without use, and not at it nor after."""
    token = await api.login(api.world.people["emil"], names=("page", "ads"))
    page, path = await api.page_token(token), f"/{api.world.assets['page']}"
    api.now = T0 + UNUSED - TICK
    for one in (token, page):
        assert "id" in await api.get(path, one)
    for api.now in (T0 + UNUSED, T0 + UNUSED + TICK):
        for one in (token, page):
            for asked in (path, f"{path}/feed"):
                refused = await api.call(asked, one)
                assert error(refused) == LAPSED
        assert error(await api.call("/me", page)) == LAPSED
        assert error(await api.call(f"{path}/feed", page, "POST", message="late")) == LAPSED
        for edge in ("/me/accounts", "/me/adaccounts"):
            assert error(await api.call(edge, token)) == LAPSED
    told = (await api.call(path, page)).json()["error"]["error_data"]
    assert (told["reason"], told["since"]) == ("grant_lapsed", to_wire(T0 + UNUSED))
    assert told["reconnect"].endswith(f"/dialog/oauth?client_id={api.world.apps['both']}")


async def test_the_token_says_so_itself(api: Api) -> None:
    """wire 3.3, 3.5: it stays valid and names its person; its permissions are expired, its scopes gone, data_access_expires_at past."""
    token = await api.login(api.world.people["emil"], names=("page",))
    app, ends = await api.app_token("both"), seconds(T0 + UNUSED)
    for api.now, status in ((T0 + UNUSED - TICK, "granted"), (T0 + UNUSED, "expired")):
        assert "name" in await api.get("/me", token)
        assert "email" not in await api.get("/me", token, fields="email") or status == "granted"
        listed = (await api.get("/me/permissions", token, status=status))["data"]
        assert {one["permission"] for one in listed} == set(ALL_SCOPES)
        data = (await api.get("/debug_token", app, input_token=token))["data"]
        assert (data["is_valid"], data["data_access_expires_at"]) == (True, ends)
        assert bool(data["scopes"]) is bool(data["granular_scopes"]) is (status == "granted")


async def test_every_use_gives_ninety_days_more(api: Api) -> None:
    """wire 3.2: data access ends ninety days after the last use that was allowed; what is refused by then is no use."""
    token = await api.login(api.world.people["emil"], names=("page",))
    app, path = await api.app_token("both"), f"/{api.world.assets['page']}"
    api.now = T0 + 60 * DAY
    await api.get(path, token)
    await flush(api)
    data = (await api.get("/debug_token", app, input_token=token))["data"]
    assert data["data_access_expires_at"] == seconds(T0 + 60 * DAY + UNUSED)
    api.now = T0 + 60 * DAY + UNUSED - TICK
    assert "id" in await api.get(path, token)
    for api.now in (T0 + 60 * DAY + UNUSED, T0 + 60 * DAY + UNUSED + timedelta(minutes=2)):
        assert error(await api.call(path, token)) == LAPSED
        assert "id" in await api.get("/me", token)
        api.site.usage._waiting = {key: at for key, at in api.site.usage._waiting.items() if at >= api.now}
        await flush(api)
    assert error(await api.call(path, token)) == LAPSED


async def test_what_is_granted_again_is_only_what_is_asked_again(api: Api) -> None:
    """wire 6.8: after ninety days a consent to some permissions gives back these, and none of those that lapsed."""
    emil = api.world.people["emil"]
    token = await api.login(emil, names=("page",))
    path = f"/{api.world.assets['page']}"
    api.now = T0 + UNUSED
    async with api.world.services.store.read() as tx:
        asked = await question(tx, emil, AccountKind.PERSONAL, api.world.apps["both"], ("email",), False, api.now)
    assert asked.standing is None
    fresh = await api.login(emil, scopes=("email",))
    held = (await api.get("/me/permissions", fresh, status="granted"))["data"]
    assert [one["permission"] for one in held] == ["email"]
    assert error(await api.call(path, token))[:2] in ((400, 100), (403, 200))
    await api.login(emil, names=("page",))
    assert "id" in await api.get(path, token)


async def test_system_users_are_not_asked_again(api: Api) -> None:
    """A6, wire 4: a system user's token works however long it was not used, and says that its data access has no end."""
    token, app = await api.system("both", ("page",)), await api.app_token("both")
    api.now = T0 + 3 * UNUSED
    assert "id" in await api.get(f"/{api.world.assets['page']}", token)
    data = (await api.get("/debug_token", app, input_token=token))["data"]
    assert (data["data_access_expires_at"], set(data["scopes"])) == (0, set(SCOPES))
