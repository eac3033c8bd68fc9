"""Limits that are enforced and usage headers that are true (wire.md §3.12, §3.13; MT-36)."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from tests.commands._world import T0, TICK
from workbadge.terms.kinds import NodeKind
from workbadge.web.limits import Limits, Rates
from workbadge.web.meters import Meter
from workbadge.web.wire import WireError

from ._api import Api, error

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MINE = ("page", "page2", "ads", "catalog", "pixel")
NONE = Rates(0, 0, 0, 0, 0, 0)


def used(answer: httpx.Response, name: str = "x-app-usage") -> dict[str, int]:
    """A usage header."""
    found: dict[str, int] = json.loads(answer.headers[name])
    return found


def case_of(answer: httpx.Response) -> tuple[str, dict[str, object]]:
    """Business and entry of ``x-business-use-case-usage``, which names one."""
    ((business, (entry,)),) = json.loads(answer.headers["x-business-use-case-usage"]).items()
    return business, entry


async def emil(api: Api) -> str:
    """A token of an employee who chose every asset and the business."""
    return await api.login(api.world.people["emil"], "both", MINE, businesses=(api.world.business,))


def refused(work: Callable[[], object]) -> WireError:
    """The error of a call that a limit refuses."""
    with pytest.raises(WireError) as caught:
        work()
    return caught.value


@pytest.mark.anyio
async def test_the_apps_limit(api: Api) -> None:
    """wire §3.13: x-app-usage says how much of the app's hour is used up; code 4 with HTTP 403 when it all is."""
    token = await emil(api)
    api.limit(replace(NONE, app=4))
    for percent in (25, 50, 75, 100):
        assert used(await api.call("/me", token)) == {"call_count": percent, "total_cputime": 0, "total_time": 0}
    answer = await api.call("/me", token)
    assert error(answer) == (403, 4, None)
    body = answer.json()["error"]
    assert body["message"] == "(#4) Application request limit reached"
    assert body["is_transient"] is True
    assert body["error_data"] == {"reason": "limit_reached", "estimated_time_to_regain_access": 60}
    assert used(answer)["call_count"] == 100
    for path in (f"/{api.world.apps['both']}", "/debug_token"):
        assert error(await api.call(path, await api.app_token("both"), input_token=token))[1] == 4
    other = await api.login(api.world.people["emil"], "tokens", MINE)
    assert used(await api.call("/me", other))["call_count"] == 25


@pytest.mark.anyio
async def test_what_an_answer_says_to_wait_is_enough(api: Api) -> None:
    """wire §3.13: after the minutes that are said the call goes through, and not a microsecond before their last begins."""
    token = await emil(api)
    api.limit(replace(NONE, app=2))
    api.now = T0
    await api.get("/me", token)
    api.now = T0 + 20 * MINUTE
    await api.get("/me", token)
    api.now = T0 + 30 * MINUTE
    wait = (await api.call("/me", token)).json()["error"]["error_data"]["estimated_time_to_regain_access"]
    assert wait == 30
    start = T0.replace(second=0, microsecond=0)
    api.now = start + HOUR - TICK
    answer = await api.call("/me", token)
    assert error(answer)[1] == 4
    assert answer.json()["error"]["error_data"]["estimated_time_to_regain_access"] == 1
    api.now = T0 + 30 * MINUTE + wait * MINUTE
    assert (await api.call("/me", token)).status_code == 200
    assert error(await api.call("/me", token))[1] == 4
    api.now = start + HOUR + 20 * MINUTE
    assert (await api.call("/me", token)).status_code == 200


@pytest.mark.anyio
async def test_the_users_limit(api: Api) -> None:
    """MT-36: code 17 meets one person of one app, whatever tokens are rotated; the others and other apps go on."""
    world = api.world
    tokens = [await emil(api), await emil(api)]
    api.limit(replace(NONE, user=3))
    answers = [await api.call(f"/{world.assets['pixel']}", tokens[n % 2]) for n in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 400]
    assert error(answers[3]) == (400, 17, None)
    assert answers[3].json()["error"]["message"] == "User request limit reached"
    assert "x-app-usage" in answers[3].headers
    selma = await api.login(world.people["selma"], "both", MINE)
    assert (await api.call("/me", selma)).status_code == 200
    elsewhere = await api.login(world.people["emil"], "tokens", MINE)
    assert (await api.call("/me", elsewhere)).status_code == 200


@pytest.mark.anyio
async def test_limits_of_a_page_and_of_an_ad_account(api: Api) -> None:
    """wire §3.12: code 32 for one page, 17 with 2446079 for one ad account, with x-ad-account-usage; others go on."""
    token, assets = await emil(api), api.world.assets
    api.limit(replace(NONE, asset=2))
    pages = [await api.call(f"/{assets['page']}", token) for _ in range(3)]
    assert [one.status_code for one in pages] == [200, 200, 400]
    assert error(pages[2]) == (400, 32, None)
    assert "x-ad-account-usage" not in pages[0].headers
    assert (await api.call(f"/{assets['page2']}", token)).status_code == 200
    ads = [await api.call(f"/act_{assets['ads']}", token) for _ in range(3)]
    assert [used(one, "x-ad-account-usage")["acc_id_util_pct"] for one in ads] == [50, 100, 100]
    assert used(ads[0], "x-ad-account-usage")["reset_time_duration"] == 0
    assert used(ads[2], "x-ad-account-usage")["reset_time_duration"] == 3600
    assert error(ads[2]) == (400, 17, 2446079)
    assert (await api.call(f"/{assets['catalog']}", token)).status_code == 200


@pytest.mark.anyio
async def test_business_use_cases(api: Api) -> None:
    """wire §3.13: tokens of pages and system users count for the business, by use case, and not for the app."""
    world, assets = api.world, api.world.assets
    user = await emil(api)
    page, robot = await api.page_token(user), await api.system("both", ("page", "ads", "catalog"))
    api.limit(replace(NONE, app=1, business=2))
    for token, name, kind, code in (
        (page, "page", "pages", 80001),
        (robot, "ads", "ads_management", 80004),
        (robot, "catalog", "catalog_management", 80009),
    ):
        answers = [await api.call(f"/{assets[name]}", token) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 400], name
        assert [case_of(one)[0] for one in answers] == [str(world.business)] * 3
        assert case_of(answers[0])[1] == {
            "type": kind,
            "call_count": 50,
            "total_cputime": 0,
            "total_time": 0,
            "estimated_time_to_regain_access": 0,
        }
        assert case_of(answers[2])[1] | {"call_count": 100} == case_of(answers[1])[1]
        assert case_of(answers[2])[1]["estimated_time_to_regain_access"] == 60
        assert error(answers[2]) == (400, code, None)
        assert "x-app-usage" not in answers[0].headers
    assert error(await api.call(f"/{assets['page']}", robot))[1] == 80001
    assert (await api.call(f"/{assets['pixel']}", user)).status_code == 200
    assert (await api.call("/me", robot)).status_code == 200


@pytest.mark.anyio
async def test_many_businesses_in_one_header(api: Api) -> None:
    """wire §3.13: an answer about several nodes names each business and use case once, as last counted."""
    world, assets = api.world, api.world.assets
    robot = await api.system("both", ("page", "page2", "ads"))
    api.limit(replace(NONE, business=10))
    ids = ",".join(str(assets[name]) for name in ("page", "page2", "ads"))
    answer = await api.call("/", robot, ids=ids)
    assert json.loads(answer.headers["x-business-use-case-usage"]) == {
        str(world.business): [
            {"type": name, "call_count": n, "total_cputime": 0, "total_time": 0, "estimated_time_to_regain_access": 0}
            for name, n in (("pages", 20), ("ads_management", 10))
        ]
    }


@pytest.mark.anyio
async def test_usage_is_no_news_of_others(api: Api) -> None:
    """MT-01, MT-36: who may not reach a node learns neither whose it is nor how much it is used."""
    world = api.world
    stranger = await api.login(world.people["paul"], "both", ("page",))
    robot = await api.system("both", ("page",))
    api.limit(replace(NONE, asset=1, business=2))
    owner = await emil(api)
    assert (await api.call(f"/{world.assets['page']}", owner)).status_code == 200
    for token in (stranger, robot):
        answers = [await api.call(f"/{world.assets['page2']}", token), await api.call("/1", token)]
        assert [error(one) for one in answers] == [(400, 100, 33)] * 2
        for one in answers:
            assert str(world.business) not in str(one.headers)
            assert "x-ad-account-usage" not in one.headers


@pytest.mark.anyio
async def test_writes(api: Api) -> None:
    """wire §3.12: code 613 for too many writes to one node by one app; reads go on."""
    token, page = await emil(api), api.world.assets["page"]
    api.limit(replace(NONE, writes=2))
    codes = [(await api.call(f"/{page}/feed", token, "POST", message="x")).status_code for _ in range(3)]
    assert codes == [200, 200, 400]
    assert error(await api.call(f"/{page}/feed", token, "POST", message="x")) == (400, 613, None)
    assert len((await api.get(f"/{page}/feed", token))["data"]) == 2
    assert (await api.call(f"/{api.world.assets['page2']}/feed", token, "POST", message="x")).status_code == 200


@pytest.mark.anyio
async def test_every_operation_counts(api: Api) -> None:
    """MT-36, wire 9.17: neither a batch nor ?ids= evades a limit: each operation and each id is a call."""
    token, assets = await emil(api), api.world.assets
    operations = [{"method": "GET", "relative_url": "me"} for _ in range(5)]
    api.limit(replace(NONE, user=3))
    answer = await api.client.post("/", data={"batch": json.dumps(operations), "access_token": token})
    assert answer.status_code == 200
    assert [one["code"] for one in answer.json()] == [200, 200, 200, 400, 400]
    shown = [{one["name"]: one["value"] for one in each["headers"]} for each in answer.json()]
    assert all("x-app-usage" in one for one in shown)
    api.limit(replace(NONE, user=3))
    ids = ",".join(str(assets[name]) for name in ("page", "ads", "catalog", "pixel"))
    assert error(await api.call("/", token, ids=ids))[1] == 17


@pytest.mark.anyio
async def test_lists_are_work(api: Api) -> None:
    """wire §3.13: total_time grows with the nodes that lists show; who has shown 25 a call of the limit has used it up."""
    token = await emil(api)
    api.limit(replace(NONE, app=10))
    for _ in range(5):
        assert len((await api.get("/me/accounts", token))["data"]) == 2
    answer = await api.call("/me", token)
    assert used(answer) == {"call_count": 60, "total_cputime": 4, "total_time": 4}


@pytest.mark.anyio
async def test_a_bad_token_is_nobodys_call(api: Api) -> None:
    """MT-36: calls without a token that is stored count for nobody and carry no usage."""
    api.limit(replace(NONE, app=1))
    for token in ("EAAgarbage", "1|x", None):
        answer = await api.call("/me", token)
        assert answer.status_code == 400
        assert "x-app-usage" not in answer.headers


def test_the_apps_limit_grows_with_its_people() -> None:
    """wire §3.13: each person who called in the last one to two hours widens the app's limit; who stays away does not."""
    limits, told = Limits(replace(NONE, app=2, app_user=3)), dict[bytes, bytes]()
    start = datetime.fromisoformat("2026-01-01T10:00:00+00:00")

    def calls(person: int, now: datetime) -> int:
        done = 0
        while True:
            try:
                limits.count_app(1, person, now, told)
            except WireError:
                return done
            done += 1

    assert calls(1, start) == 5
    assert calls(2, start) == 3
    assert calls(3, start + 30 * MINUTE) == 3
    assert calls(1, start + HOUR) == 8
    assert calls(3, start + HOUR + 30 * MINUTE) == 3
    assert calls(4, start + 5 * HOUR) == 5


def test_several_processes_share() -> None:
    """wire §3.13: with n processes each admits an n-th, at least one call, so that all together never admit more."""
    limits = Limits(replace(NONE, app=10, user=3, processes=4))
    for _ in range(2):
        limits.count_app(1, None, T0, {})
    assert refused(lambda: limits.count_app(1, None, T0, {})).code == 4
    limits = Limits(replace(NONE, user=3, processes=4))
    limits.count_app(1, 7, T0, {})
    assert refused(lambda: limits.count_app(1, 7, T0, {})).code == 17


def test_no_limit() -> None:
    """house 25: 0 switches a limit off; the header then says nothing is used up."""
    limits, told = Limits(NONE), dict[bytes, bytes]()
    for _ in range(1000):
        limits.count_app(1, 2, T0, told)
        limits.count_asset(1, 3, NodeKind.PAGE, told)
        limits.count_write(1, 3, T0)
    assert told == {b"x-app-usage": b'{"call_count":0,"total_cputime":0,"total_time":0}'}


def test_a_clock_that_steps_back() -> None:
    """MT-34: when the clock steps back what is full stays full, nothing is negative, and it goes on when time has passed."""
    limits = Limits(replace(NONE, app=1))
    limits.count_app(1, None, T0, {})
    for now in (T0 - 2 * HOUR, T0 - TICK, T0, T0 + HOUR - MINUTE):
        found = refused(lambda now=now: limits.count_app(1, None, now, {}))  # type: ignore[misc]
        assert found.data is not None
        assert 0 < found.data["estimated_time_to_regain_access"] <= 60
    limits.count_app(1, None, T0 + HOUR, {})


def test_a_meter_equals_a_list_of_calls() -> None:
    """wire §3.13: at every minute the meter holds the calls of the last sixty minutes, as a plain list of them does."""
    meter, calls = Meter(1000, 0), list[int]()
    for minute in (0, 1, 1, 5, 30, 59, 60, 61, 61, 64, 65, 90, 119, 120, 121, 400, 401, 459, 460):
        meter.turn(minute)
        meter.count()
        calls.append(minute)
        kept = [one for one in calls if one > minute - 60]
        assert meter.calls == len(kept)
        assert meter.used == len(kept) * 100 // 1000
        full = Meter(len(kept), minute)
        assert full.wait() == 0
    meter.widen(2)
    assert meter.full
    assert meter.wait() == 59
