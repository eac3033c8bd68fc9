"""The monitor, through a real migration and against servers that fail (rule P2)."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from regrant import AsyncMonitor, LocalKeys, Monitor, Secret, State
from regrant.rounds import next_look
from tests.kit._forms import Form
from tests.kit.conftest import BEGIN, SCOPES, Offline, Place, World

APP = Offline.app
ENDS = (BEGIN + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
LOST = {
    "message": "(#100) Object does not exist, cannot be loaded due to missing permission or reviewable feature",
    "code": 100,
}
GONE = {"message": "Unsupported get request.", "code": 100, "error_subcode": 33}
ENDED = {"message": "Error validating access token: Session has expired", "code": 190, "error_subcode": 463}


class Watched:
    """A monitor of a place, on a client that goes where it is told. ``calls``: what was sent."""

    def __init__(self, place: Place, form: Form, client: Any) -> None:
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        self.pauses = pauses
        kind = form.pick(Monitor, AsyncMonitor)
        wait = form.pick(pauses.append, pause)
        self.it = kind(client.it, place.raw, place.keys, place.clock, wait)
        self.plain = form.of(self.it)
        self.form = form

    def check(self, limit: int = 100) -> Any:
        """One round."""
        return self.plain.check(limit)

    def watch(self, count: int, idle: float = 60.0) -> list[Any]:
        """The first changes that it tells of for ever."""
        if self.form.name == "sync":
            changes = self.it.watch(idle)
            return [next(changes) for _ in range(count)]

        async def some() -> list[Any]:
            changes = self.it.watch(idle)
            found = [await anext(changes) for _ in range(count)]
            await changes.aclose()
            return found

        found: list[Any] = self.form.finish(some())
        return found


@pytest.fixture
def monitor(place: Place, form: Form) -> Callable[..., Watched]:
    """A monitor whose server is a function: it gets the ids asked for and the token, and answers id to node or error.

    It may also give a whole answer, or raise. ``calls`` of the function counts; ``alive`` is what debug_token says of each token.
    """

    def made(answer: Callable[[list[str], str], Any], alive: bool = True) -> Watched:
        watched = _watched(place, form, answer, alive)
        return watched

    return made


def _watched(place: Place, form: Form, answer: Callable[[list[str], str], Any], alive: bool) -> Watched:
    calls: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        if request.method == "POST":
            ops = json.loads(parse_qs(request.content.decode())["batch"][0])
            if ops[0]["relative_url"].startswith("debug_token"):
                calls.append("debug_token")
                told = {"data": {"is_valid": alive, "app_id": APP.id}}
                return httpx.Response(200, json=[{"code": 200, "body": json.dumps(told)}])
            ids = [one["relative_url"].partition("?")[0] for one in ops]
            calls.append(f"batch {len(ids)}")
            found = answer(ids, token)
            if isinstance(found, httpx.Response):
                return found
            return httpx.Response(200, json=[_member(found[id]) for id in ids])
        ids = (
            request.url.params["ids"].split(",")
            if "ids" in request.url.params
            else [request.url.path.rpartition("/")[2]]
        )
        calls.append(f"ids {len(ids)}")
        found = answer(ids, token)
        if isinstance(found, httpx.Response):
            return found
        broken = next((found[id] for id in ids if "code" in found[id]), None)
        if broken is not None:
            return httpx.Response(400, json={"error": broken})
        return httpx.Response(200, json={id: found[id] for id in ids} if "ids" in request.url.params else found[ids[0]])

    client = Offline().client(form, APP, transport=httpx.MockTransport(serve), clock=place.clock)
    watched = Watched(place, form, client)
    watched.calls = calls  # type: ignore[attr-defined]
    return watched


def _member(found: dict[str, Any]) -> dict[str, Any]:
    broken = "code" in found
    return {"code": 400 if broken else 200, "body": json.dumps({"error": found} if broken else found)}


def kept(place: Place, assets: list[str], tenant: str = "acme", token: str = "EAAone", **known: Any) -> Any:
    """A connection with a token that reaches these assets."""
    vault = place.vault(tenant)
    connection = vault.add_connection(APP.id)
    stored = vault.add_token(connection.id, Secret(token), holder="500", **known)
    for asset in assets:
        vault.put(connection.id, asset, stored, kind="ad_account")
    return connection.id


def fine(ids: list[str], token: str) -> dict[str, Any]:
    """Every asset is reached, without an end."""
    return {id: {"id": id} for id in ids}


def states(place: Place, tenant: str = "acme") -> dict[str, tuple[str, str | None]]:
    """Asset to state and reason."""
    return {row.asset: (row.state.value, row.reason) for row in place.vault(tenant).assets()}


def test_a_real_migration_is_noticed_from_claim_to_cut_off(place: Place, world: World, form: Form) -> None:
    """P2, wire 2.3, 8.5: without a webhook the claim is noticed within a day, an extension within another, the cut-off within the hour;
    the history tells it."""
    client, assets = world.client(form), [*world.pages, world.ad_account]
    place.now = world.clock()
    vault, token = place.vault(), world.token(assets)
    connection = vault.add_connection(world.app.id)
    stored = vault.add_token(
        connection.id, token, holder="1", scopes=SCOPES, expires_at=client.extend(token).expires_at
    )
    for asset in assets:
        vault.put(connection.id, asset, stored, kind="page")
    watched = Watched(place, form, client)

    def go(duration: str) -> Any:
        world.advance(duration)
        place.now = world.clock()
        return watched.check()

    assert watched.check().changes == () and watched.check().tokens == 0
    world.migrate()
    ends = world.clock() + timedelta(days=30)
    assert {(one.after.state, one.after.until) for one in go("P1D").changes} == {(State.EXPIRING, ends)}
    person = world.sandbox.personal("employee")
    later = {"account": person, "to": (ends + timedelta(days=5)).isoformat()}
    world.sandbox.control("POST", f"/migrations/{world.migration}/extensions", later)
    assert {one.after.until for one in go("P1D").changes} == {ends + timedelta(days=5)}
    assert go("P31D").changes == () and go("PT1H").tokens == 1
    assert go("P1DT23H").changes and set(states(place).values()) == {("lost", "lost_reach")}
    assert [line.state for line in vault.history(connection.id, assets[0])] == ["ok", "expiring", "expiring", "lost"]


def test_fifty_assets_go_into_a_call(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: 120 assets of a token take three calls, and nothing else is asked while all is well."""
    kept(place, [str(number) for number in range(120)])
    watched = monitor(fine)
    assert watched.check().tokens == 1
    assert watched.calls == ["ids 50", "ids 50", "ids 20"]


def test_looks_come_closer_towards_the_end(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: a token is looked at daily, hourly in the last three days, at the very end, and spread over the interval."""
    connection = kept(place, ["1"])
    watched = monitor(lambda ids, token: {id: {"id": id, "user_access_expire_time": ENDS} for id in ids})
    gaps = []
    while place.now < BEGIN + timedelta(days=30):
        assert watched.check().tokens == 1
        (stored,) = place.storage.tokens("acme")
        gaps.append((BEGIN + timedelta(days=30) - place.now, stored.check_at - place.now))
        place.now = stored.check_at
    assert place.now == BEGIN + timedelta(days=30)
    early = [gap for left, gap in gaps if left > timedelta(days=4)]
    late = [gap for left, gap in gaps if timedelta(hours=1) < left <= timedelta(days=3)]
    assert all(timedelta(hours=12) <= gap <= timedelta(days=1) for gap in early) and len(set(early)) > 5
    assert all(timedelta(minutes=30) <= gap <= timedelta(hours=1) for gap in late) and len(late) > 70
    assert place.vault().asset(connection, "1").until == BEGIN + timedelta(days=30)


def test_a_lost_asset_is_doubted_once_and_the_others_stay(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2, wire 8.4: error 100 on one asset asks debug_token once, then this asset is lost and the others are not."""
    kept(place, ["1", "2", "3"])
    watched = monitor(lambda ids, token: {id: LOST if id in ("1", "3") else {"id": id} for id in ids})
    changes = watched.check().changes
    assert {one.after.asset for one in changes} == {"1", "3"} and watched.calls.count("debug_token") == 1
    assert states(place) == {"1": ("lost", "lost_reach"), "2": ("ok", None), "3": ("lost", "lost_reach")}
    place.pass_time(days=1)
    assert monitor(fine).check().changes and states(place)["1"] == ("ok", None)


def test_a_dead_token_is_no_lost_reach(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2, wire 8.4: when debug_token says that the token is dead, that is the reason, whatever the asset said."""
    kept(place, ["1", "2"])
    monitor(lambda ids, token: dict.fromkeys(ids, LOST), alive=False).check()
    assert set(states(place).values()) == {("lost", "login_ended")}


def test_an_ended_login_loses_all_its_assets_and_no_other(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2, wire 8.5: 190 loses what that token reached; another token of the same tenant goes on."""
    kept(place, ["1", "2"])
    kept(place, ["3"], token="EAAtwo")
    watched = monitor(
        lambda ids, token: dict.fromkeys(ids, ENDED) if token == "EAAone" else fine(ids, token), alive=False
    )
    watched.check()
    assert states(place) == {"1": ("lost", "login_ended"), "2": ("lost", "login_ended"), "3": ("ok", None)}


def test_one_false_alarm_loses_nothing(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: a 190 that debug_token does not confirm, and that does not come twice, changes nothing."""
    kept(place, ["1"])
    said = [dict.fromkeys(["1"], ENDED)]
    watched = monitor(lambda ids, token: said.pop() if said else fine(ids, token))
    assert watched.check().changes == () and states(place)["1"] == ("ok", None)


def test_what_is_gone_is_tried_with_another_token(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2, wire 8.5: 100/33 is tried with another token of the tenant: reached by it, only this token lost its reach; else it is gone."""
    kept(place, ["1", "2"])
    kept(place, ["1"], token="EAAtwo")
    kept(place, ["2"], tenant="globex", token="EAAtwo")
    watched = monitor(lambda ids, token: dict.fromkeys(ids, GONE) if token == "EAAone" else fine(ids, token))
    watched.check()
    reasons = [(row.asset, row.reason) for row in place.vault().assets() if row.state is State.LOST]
    assert sorted(reasons) == [("1", "lost_reach"), ("2", "gone")]
    assert states(place, "globex")["2"] == ("ok", None)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, text="<html>"),
        httpx.Response(200, text="{"),
        httpx.Response(400, json={"error": {"code": 100, "message": "Bad field"}}),
        httpx.Response(200, json={}),
    ],
)
def test_an_outage_loses_nothing_and_is_survived(
    place: Place, monitor: Callable[..., Watched], answer: httpx.Response
) -> None:
    """P2: while the server fails, or talks nonsense, no asset changes its state; the tokens are looked at again within minutes."""
    for number in range(5):
        kept(place, [str(number)], token=f"EAA{number}")
    watched = monitor(
        lambda ids, token: httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)
    )
    done = watched.check()
    assert done.changes == () and set(states(place).values()) == {("ok", None)}
    place.pass_time(minutes=16)
    assert monitor(fine).check().tokens == 5


def test_a_failing_server_is_left_alone(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: after three failures in a row a round ends and says until when to wait."""
    for number in range(5):
        kept(place, [str(number)], token=f"EAA{number}")
    done = monitor(lambda ids, token: httpx.Response(503, text="<html>")).check()
    assert done.tokens == 3 and place.now < done.wait_until <= place.now + timedelta(minutes=10)


def test_a_full_allowance_ends_the_round(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2, wire 3.13: at nine tenths of the app's allowance, and at its limit, a round ends; the rest is still due."""
    for number in range(3):
        kept(place, [str(number)], token=f"EAA{number}")
    use = json.dumps({"call_count": 92, "total_cputime": 1, "total_time": 1})
    done = monitor(lambda ids, token: httpx.Response(200, json=fine(ids, token), headers={"x-app-usage": use})).check()
    assert done.tokens == 1 and done.wait_until > place.now
    limit = {"error": {"code": 4, "message": "(#4) Application request limit reached"}}
    done = monitor(lambda ids, token: httpx.Response(400, json=limit)).check()
    assert done.tokens == 1 and done.wait_until == place.now + timedelta(minutes=5)
    assert monitor(fine).check().tokens == 1
    place.pass_time(minutes=5)
    assert monitor(fine).check().tokens == 1


def test_a_monitor_that_dies_lets_another_go_on(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: who is killed in the middle of a round loses nothing: after a quarter of an hour the token is looked at by another."""
    kept(place, ["1"])

    class KilledError(BaseException):
        pass

    def dies(ids: list[str], token: str) -> Any:
        raise KilledError

    with pytest.raises(KilledError):
        monitor(dies).check()
    assert monitor(fine).check().tokens == 0
    place.pass_time(minutes=15)
    assert monitor(fine).check().tokens == 1


def test_two_monitors_share_the_work(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: no token is looked at twice, however many monitors run."""
    for number in range(6):
        kept(place, [str(number)], token=f"EAA{number}")
    one, two = monitor(fine), monitor(fine)
    assert [one.check(2).tokens, two.check(3).tokens, one.check().tokens, two.check().tokens] == [2, 3, 1, 0]


def test_what_was_removed_is_not_asked_for(place: Place, monitor: Callable[..., Watched]) -> None:
    """P1: what the customer removed is not looked at."""
    connection = kept(place, ["1", "2"])
    vault = place.vault()
    vault.mark(vault.asset(connection, "1"), State.REMOVED)
    watched = monitor(fine)
    watched.check()
    assert watched.calls == ["ids 1"]


def test_one_tenant_without_its_key_does_not_stop_the_others(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: a tenant whose key cannot be had is passed over, and comes again later; the others are looked at."""
    good = place.keys
    place.keys = LocalKeys({"m9": LocalKeys.new_key()}, "m9")
    kept(place, ["1"], tenant="lost")
    place.keys = good
    kept(place, ["2"], tenant="acme")
    watched = monitor(lambda ids, token: dict.fromkeys(ids, LOST))
    done = watched.check()
    assert done.tokens == 2 and [one.after.asset for one in done.changes] == ["2"]
    assert states(place, "lost")["1"] == ("ok", None)


def test_a_token_that_ends_by_itself_is_told(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: a week before a token ends by itself its assets are expiring, with the reason login."""
    kept(place, ["1"], expires_at=BEGIN + timedelta(days=10))
    watched = monitor(fine)
    assert watched.check().changes == ()
    place.pass_time(days=4)
    (change,) = watched.check().changes
    assert (change.after.reason, change.after.until) == ("login", BEGIN + timedelta(days=10))


def test_watching_tells_each_change_and_waits_between(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: watching tells every change once, waits while there is nothing to do, and survives a database that fails for a while."""
    kept(place, ["1"])
    kept(place, ["2"], token="EAAtwo")
    watched = monitor(lambda ids, token: dict.fromkeys(ids, LOST))
    claim, failures = place.raw.claim_due, [1, 1]

    def flaky(*args: Any) -> Any:
        if failures:
            failures.pop()
            raise OSError("no database")
        return claim(*args)

    place.raw.claim_due = flaky
    assert sorted(one.after.asset for one in watched.watch(2)) == ["1", "2"]
    assert len(watched.pauses) == 2 and 1 <= watched.pauses[0] <= 2 <= watched.pauses[1] <= 4


def test_a_database_that_stays_away_is_raised(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: watching gives up at the tenth failure of the database in a row."""

    def dies(*args: Any) -> Any:
        raise OSError("no database")

    place.raw.claim_due = dies
    watched = monitor(fine)
    with pytest.raises(OSError):
        watched.watch(1)
    assert len(watched.pauses) == 9


def test_clocks_that_differ_hide_no_cut_off(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: with a clock that is ahead of the server's, the end that is not over yet is looked at again within the hour."""
    kept(place, ["1"])
    place.now = BEGIN + timedelta(days=30, minutes=7)
    monitor(lambda ids, token: {id: {"id": id, "user_access_expire_time": ENDS} for id in ids}).check()
    assert states(place)["1"] == ("expiring", "migration")
    place.pass_time(hours=1)
    monitor(lambda ids, token: dict.fromkeys(ids, LOST)).check()
    assert states(place)["1"] == ("lost", "lost_reach")


def test_a_day_takes_few_calls_and_leaves_nothing_in_memory(place: Place, monitor: Callable[..., Watched]) -> None:
    """P2: a day costs one or two calls for each fifty assets of a token, spread over the day, and nothing of it stays in memory."""
    for number in range(40):
        kept(place, [f"{number}0{one}" for one in range(5)], token=f"EAA{number}")
    watched = monitor(fine)

    def day() -> list[int]:
        watched.calls.clear()  # type: ignore[attr-defined]
        hours = []
        for _ in range(24):
            place.pass_time(hours=1)
            hours.append(watched.check().tokens)
        assert 40 <= len(watched.calls) == sum(hours) <= 80  # type: ignore[attr-defined]
        return hours

    day()
    tracemalloc.start()
    day()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    spread = [day(), day()]
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert max(max(hours) for hours in spread) < 30
    assert grown < 40_000


def test_the_next_look_of_nothing_is_tomorrow() -> None:
    """P2: a token without assets is looked at within a day."""
    assert BEGIN + timedelta(hours=12) <= next_look([], BEGIN) <= BEGIN + timedelta(days=1)
