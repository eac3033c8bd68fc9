"""The client against a real sandbox, and against servers that fail (wire.md §3, §8)."""

import json
import logging
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from regrant import Action, AssetToken, GraphError, Op, Reason, Secret, WrongAssetError
from regrant.answers import read_instant
from regrant.errors import ACTIONS, classify
from regrant.usage import usage_of
from tests.kit._forms import Form
from tests.kit.conftest import CALLBACK, SCOPES, Offline, World


def test_nodes_are_read_and_written(world: World, form: Form) -> None:
    """wire 3.9, 3.10: a node is read by fields, an edge is walked page after page, a post is made and deleted."""
    client, token = world.client(form), world.token(world.pages)
    page = world.pages[0]
    assert client.get(page, token, fields=["id", "name"])["name"]
    names = [one["id"] for one in form.finish(client.it.each("me/accounts", token, fields=["id"], limit=1))]
    assert sorted(names) == sorted(world.pages)
    own = client.page_token(page, token)
    made = client.post(f"{page}/feed", own, message="Good morning")
    assert client.get(made["id"], own, fields=["message"])["message"] == "Good morning"
    assert client.get("me", own, fields=["id"])["id"] == page


def test_pages_come_with_tokens_of_their_own(world: World, form: Form) -> None:
    """wire 3.6: each page that was selected comes with tasks and a token that is good for it and shown to nobody."""
    client = world.client(form)
    pages = client.pages(world.token(world.pages[:1]))
    assert [one.id for one in pages] == world.pages[:1]
    assert pages[0].tasks and pages[0].token.secret.reveal().startswith("EAA")
    assert "EAA" not in repr(pages) and "EAA" not in repr(client.get("me/accounts", world.token(world.pages)))


def test_a_page_that_was_not_selected_has_no_token(world: World, form: Form) -> None:
    """wire 8.5: the token of a page that was not selected is refused with what to do."""
    with pytest.raises(GraphError) as caught:
        world.client(form).page_token(world.pages[1], world.token(world.pages[:1]))
    assert caught.value.reason in (Reason.GONE, Reason.PERMISSION_MISSING)


def test_many_nodes_in_one_call_and_each_error_apart(world: World, form: Form) -> None:
    """wire 3.9, 803: fifty ids go into one call; an id that fails is an error of its own, and the others come all the same."""
    client, token = world.client(form), world.token([*world.pages, world.ad_account])
    found = client.many([*world.pages, world.ad_account], token, fields=["id", "name"])
    assert list(found) == [*world.pages, world.ad_account] and all(one["name"] for one in found.values())
    mixed = client.many([world.pages[0], "199999999999999999"], token, fields=["id"])
    assert mixed[world.pages[0]] == {"id": world.pages[0]}
    assert mixed["199999999999999999"].reason is Reason.GONE
    assert mixed["199999999999999999"].action is Action.CHECK


def test_a_batch_of_sixty_operations(world: World, form: Form) -> None:
    """wire 3.11: more than fifty operations go in several batches; answers keep their order, with a token for each operation."""
    client, token = world.client(form), world.token(world.pages)
    own = client.page_token(world.pages[0], token)
    ops = [Op("GET", "me", {"fields": "id"}, own if number % 2 else None) for number in range(60)]
    answers = client.batch([*ops, Op("GET", "me/nonsense")], token)
    person = world.sandbox.personal("employee")
    assert [one["id"] == world.pages[0] for one in answers[:60]] == [bool(number % 2) for number in range(60)]
    assert answers[0]["id"] == client.person(token).id and person
    assert isinstance(answers[60], GraphError)


def test_a_token_is_inspected_and_extended(world: World, form: Form) -> None:
    """wire 3.2, 3.3: debug_token tells app, holder, scopes and what was chosen; an exchange gives a token of sixty days."""
    client, token = world.client(form), world.token(world.pages[:1])
    seen = client.inspect(token)
    assert (seen.valid, seen.app, seen.kind, seen.holder) == (True, world.app.id, "USER", client.person(token).id)
    assert set(SCOPES) <= seen.scopes and seen.targets["pages_show_list"] == {world.pages[0]}
    longer = client.extend(token)
    assert timedelta(days=59) < longer.expires_at - world.clock() <= timedelta(days=60)
    assert client.inspect(longer.secret).holder == seen.holder
    assert client.inspect(Secret("EAAnonsense")).valid is False


def test_the_expiry_of_each_asset_is_read(world: World, form: Form) -> None:
    """wire 2.3, 8.5: none before the claim, an instant in the window, after it error 100 that says reconnect, while /me lives."""
    client, token = world.client(form), world.token([*world.pages, world.ad_account])
    all_of_them = [*world.pages, world.ad_account]
    assert client.access_ends(all_of_them, token) == dict.fromkeys(all_of_them)
    world.migrate()
    ends = world.clock() + timedelta(days=30)
    assert client.access_ends(all_of_them, token) == dict.fromkeys(all_of_them, ends)
    world.advance("P30D")
    after = client.access_ends(all_of_them, token)
    assert {(one.reason, one.action, one.code) for one in after.values()} == {
        (Reason.LOST_REACH, Action.RECONNECT, 100)
    }
    assert client.person(token).id and client.inspect(token).valid


def test_the_kind_of_account_is_told(world: World, form: Form) -> None:
    """wire 2.4: a managed account is told from a personal one."""
    client = world.client(form)
    assert not client.person(world.token(world.pages)).managed
    managed = world.migrate()["id"]
    token = world.sandbox.consent(managed, {"id": world.app.id}, SCOPES, world.pages)
    assert client.person(Secret(token)).managed


def test_an_app_that_requires_proof_is_served(world: World, form: Form) -> None:
    """wire 3.7: every call, each operation of a batch and the inspection carry a proof that a strict app accepts."""
    app = world.other_app(require_proof=True)
    client, token = world.client(form, app), world.token(world.pages, app=app)
    assert client.get(world.pages[0], token)["id"] == world.pages[0]
    assert client.batch([Op("GET", "me")], token)[0]["id"] and client.inspect(token).valid
    assert client.many(world.pages, token) and client.extend(token).secret


def test_the_login_address_asks_for_what_is_wanted(world: World, form: Form) -> None:
    """wire 3.1: the dialog's address has the app, the callback, the state, the scopes, and rerequest where it is wanted."""
    url = world.client(form).login_url(CALLBACK, "s", ["pages_show_list", "ads_read"], rerequest=True)
    query = dict(httpx.URL(url).params)
    assert query == {
        "client_id": world.app.id,
        "redirect_uri": CALLBACK,
        "state": "s",
        "response_type": "code",
        "scope": "pages_show_list,ads_read",
        "auth_type": "rerequest",
    }


def test_a_page_token_does_not_leave_for_another_page(world: World, form: Form) -> None:
    """MT-11: a call for page A with the token of page B is an error before it leaves, alone, by ids, in a batch, and on edges."""
    client, token = world.client(form), world.token(world.pages)
    a, b = world.pages[:2]
    of_b = client.page_token(b, token)
    counted: list[Any] = []
    blind = world.client(
        form, transport=httpx.MockTransport(lambda request: counted.append(request) or httpx.Response(500))
    )
    for attempt in (
        lambda: blind.get(a, of_b),
        lambda: blind.get(f"/{a}/feed", of_b),
        lambda: blind.get(f"{a}_77", of_b),
        lambda: blind.post(f"{a}/feed", of_b, message="x"),
        lambda: blind.delete(a, of_b),
        lambda: blind.many([b, a], of_b),
        lambda: blind.batch([Op("GET", b), Op("GET", a)], of_b),
        lambda: blind.batch([Op("GET", a, token=of_b)], token),
        lambda: blind.get("77", of_b),
        lambda: blind.get("77", of_b, of=a),
        lambda: blind.get(f"{b}0", of_b),
    ):
        with pytest.raises(WrongAssetError, match="token of"):
            attempt()
    assert counted == []
    assert client.get(b, of_b)["id"] == b and client.get("me", of_b, of=b)["id"] == b


def test_a_persons_token_from_the_vault_is_for_its_asset(world: World, form: Form) -> None:
    """MT-11: a person's token that was taken for an ad account is not used for a page, nor for the person."""
    client, token = world.client(form), AssetToken(world.ad_account, world.token([*world.pages, world.ad_account]))
    assert client.get(world.ad_account, token)["id"] == world.ad_account
    for path in (world.pages[0], "me", ""):
        with pytest.raises(WrongAssetError):
            client.get(path, token)


@pytest.mark.parametrize(
    "path", ["https://evil.example/me", "../oauth/access_token", "me?access_token=x", "me#x", "a/../b"]
)
def test_what_is_no_path_is_refused(offline: Offline, form: Form, path: str) -> None:
    """P5: an address, a query or dots in a path are refused before anything is sent."""
    with pytest.raises(ValueError, match="a path like"):
        offline.client(form).get(path, Secret("EAAx"))


def test_parameters_may_have_any_name(offline: Offline, form: Form) -> None:
    """wire 3.10: names like path, token or about are parameters of the wire, not of the library."""
    sent: list[str] = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(request.content.decode())
        return httpx.Response(200, json={"id": "1"})

    client = offline.client(form, transport=httpx.MockTransport(keep))
    client.post("1", Secret("EAAx"), path="a", token="b", about="c")
    assert sent[0].startswith("path=a&token=b&about=c&")


def test_a_secret_among_the_parameters_of_a_read_is_refused(offline: Offline, form: Form) -> None:
    """P1: a parameter that is a secret would stand in the address, where proxies and logs keep it: nothing is sent."""
    with pytest.raises(ValueError, match="does not stand in an address"):
        offline.client(form).get("me", Secret("EAAx"), input_token=Secret("EAAy"))


def failing(*answers: httpx.Response | Exception) -> httpx.MockTransport:
    """A server that gives these answers, one after another, the last one for ever."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return httpx.Response(one.status_code, headers=one.headers, content=one.content)

    return httpx.MockTransport(answer)


def refused(
    code: int, subcode: int = 0, status: int = 400, message: str = "", headers: Any = None, **more: Any
) -> httpx.Response:
    """An error envelope."""
    error = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, **more}
    return httpx.Response(status, json={"error": error}, headers=headers)


FINE = httpx.Response(200, json={"id": "1"})


@pytest.mark.parametrize(
    "failure",
    [
        refused(1, status=500),
        refused(2, status=503, is_transient=True),
        refused(9, is_transient=True),
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.Response(200, text='{"id": "1'),
        httpx.Response(200, text='"a text"'),
        httpx.Response(302, headers={"location": "https://evil.example/"}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"),
    ],
)
def test_a_read_is_repeated_after_a_fault(offline: Offline, form: Form, failure: Any) -> None:
    """wire 8.5: a fault, garbage, a cut-off answer or none at all is tried again after a growing pause, and then given up."""
    client = offline.client(form, transport=failing(failure, failure, FINE))
    assert client.get("1", Secret("EAAx")) == {"id": "1"}
    assert len(client.pauses) == 2 and 0.25 <= client.pauses[0] <= 0.5 <= client.pauses[1] <= 1.0
    with pytest.raises(GraphError) as caught:
        offline.client(form, transport=failing(failure), tries=3).get("1", Secret("EAAx"))
    assert caught.value.action is Action.RETRY


def test_a_write_is_not_repeated_when_it_may_have_arrived(offline: Offline, form: Form) -> None:
    """wire 8.5: a post that got no answer is not sent twice; one that was refused as faulty, or never left, is."""
    for failure in (httpx.ReadTimeout("slow"), httpx.Response(200, text="{")):
        with pytest.raises(GraphError):
            offline.client(form, transport=failing(failure, FINE)).post("1/feed", Secret("EAAx"), message="x")
    for failure in (httpx.ConnectError("no"), refused(2, status=503)):
        assert offline.client(form, transport=failing(failure, FINE)).post("1/feed", Secret("EAAx"), message="x") == {
            "id": "1"
        }


def test_a_full_allowance_is_waited_for_or_told(offline: Offline, form: Form) -> None:
    """wire 3.13: a limit is waited for when that is short, else the error says from when on; the headers say how long."""
    use = {
        "call_count": 100,
        "total_cputime": 1,
        "total_time": 1,
        "type": "pages",
        "estimated_time_to_regain_access": 7,
    }
    full = refused(80001, headers={"x-business-use-case-usage": json.dumps({"12": [use]})})
    client = offline.client(form, transport=failing(full, FINE))
    with pytest.raises(GraphError) as caught:
        client.get("1", Secret("EAAx"))
    assert caught.value.reason is Reason.LIMIT and caught.value.action is Action.BACK_OFF
    assert caught.value.until == offline.clock() + timedelta(minutes=7) and client.pauses == []
    assert client.usage.percent == 100
    patient = offline.client(form, transport=failing(full, FINE), patience=600.0)
    assert patient.get("1", Secret("EAAx")) == {"id": "1"} and patient.pauses == [420.0]


def test_a_real_limit_says_from_when_on(world: World, form: Form) -> None:
    """wire 3.13: the usage that a real server tells is read off each answer."""
    client = world.client(form)
    client.get(world.pages[0], world.token(world.pages))
    assert 0 <= client.usage.percent < 100 and client.usage.until is None


TABLE = [
    (
        100,
        0,
        "(#100) Object does not exist, cannot be loaded due to missing permission or reviewable feature",
        Reason.LOST_REACH,
    ),
    (100, 0, "(#100) Tried accessing nonexisting field (x) on node type (Page)", Reason.REFUSED),
    (100, 33, "Unsupported get request.", Reason.GONE),
    (803, 0, "", Reason.GONE),
    (190, 458, "", Reason.APP_REMOVED),
    *((190, subcode, "", Reason.LOGIN_ENDED) for subcode in (0, 459, 460, 463, 464, 467, 999)),
    (102, 0, "", Reason.LOGIN_ENDED),
    (190, 490, "", Reason.ROLE_LOST),
    (190, 492, "", Reason.ROLE_LOST),
    (
        190,
        0,
        "Any of the pages_read_engagement permission(s) must be granted before impersonating a user's page.",
        Reason.ROLE_LOST,
    ),
    *((code, 0, "", Reason.PERMISSION_MISSING) for code in (10, 200, 299)),
    *((code, 0, "", Reason.LIMIT) for code in (4, 17, 32, 341, 613, 80000, 80014)),
    (1, 99, "", Reason.FAULT),
    (2, 0, "", Reason.FAULT),
    (101, 0, "", Reason.REFUSED),
    (104, 0, "", Reason.REFUSED),
    (368, 0, "", Reason.REFUSED),
]


@pytest.mark.parametrize(("code", "subcode", "message", "reason"), TABLE)
def test_codes_decide_what_an_error_means(code: int, subcode: int, message: str, reason: Reason) -> None:
    """wire 8.5: each signal of the table leads to its conclusion; text decides only where one code has two meanings."""
    assert classify(code, subcode, False, message) is reason
    misleading = classify(code, subcode, False, message + " rate limit, Error validating access token, does not exist")
    assert misleading is reason


def test_each_reason_has_an_action() -> None:
    """wire 8.5: whatever failed, there is something to do."""
    assert set(ACTIONS) == set(Reason)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        '{"error": 5}',
        '{"error": {"code": true}}',
        "[1",
        "\ufeff{}",
        '{"error": {"code": "190"}}',
    ],
)
def test_garbage_is_never_taken_for_an_error_of_the_person(offline: Offline, form: Form, text: str) -> None:
    """P3: an answer that is no envelope never reads as a dead token."""
    client = offline.client(form, transport=failing(httpx.Response(400, text=text)), tries=1)
    with pytest.raises(GraphError) as caught:
        client.get("1", Secret("EAAx"))
    assert caught.value.action in (Action.RETRY, Action.FIX)


def test_a_batch_that_is_garbled_or_half_done(offline: Offline, form: Form) -> None:
    """wire 3.11: what was not begun is sent again; a member that cannot be read, or a list of another length, is an error."""
    part = [{"code": 200, "body": '{"id": "1"}'}, None, {"code": 200, "body": "{"}]
    rest = [{"code": 400, "body": '{"error": {"code": 190, "error_subcode": 463, "message": "x"}}'}]
    client = offline.client(form, transport=failing(httpx.Response(200, json=part), httpx.Response(200, json=rest)))
    first, second, third = client.batch([Op("GET", "1"), Op("GET", "2"), Op("GET", "3")], Secret("EAAx"))
    assert first == {"id": "1"} and second.reason is Reason.LOGIN_ENDED and third.reason is Reason.GARBLED
    with pytest.raises(GraphError, match="another length"):
        offline.client(form, transport=failing(httpx.Response(200, json=[]))).batch([Op("GET", "1")], Secret("EAAx"))
    never = offline.client(form, transport=failing(httpx.Response(200, json=[None])), tries=2)
    assert never.batch([Op("GET", "1")], Secret("EAAx"))[0].reason is Reason.FAULT


def test_tokens_stand_in_no_address_no_log_and_no_traceback(
    world: World, form: Form, caplog: pytest.LogCaptureFixture
) -> None:
    """P1: tokens and the app's secret are in no address, in no log of any library, and in no traceback with its variables."""
    caplog.set_level(logging.DEBUG)
    addresses: list[str] = []

    def broken(request: httpx.Request) -> httpx.Response:
        addresses.append(str(request.url))
        raise httpx.ReadTimeout(f"slow, sending {request.headers}")

    token = world.token(world.pages)
    client, real = world.client(form, transport=httpx.MockTransport(broken)), world.client(form)
    real.pages(token), real.inspect(token), real.extend(token)
    shown = ""
    for attempt in (
        lambda: client.get("me", token),
        lambda: client.extend(token),
        lambda: client.inspect(token),
        lambda: client.post("1/feed", token),
    ):
        with pytest.raises(GraphError) as caught:
            attempt()
        assert caught.value.__cause__ is None and caught.value.__suppress_context__
        whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        del whole.stack[:2]
        shown += "".join(whole.format())
    assert addresses and "regrant" in shown
    for hidden in (token.reveal(), world.app.secret.reveal()):
        for place in (shown, caplog.text, " ".join(addresses)):
            assert hidden not in place


@pytest.mark.parametrize(
    "value",
    [
        "2023-06-23T12:00:00+00:00",
        "2023-06-23T12:00:00+0000",
        "2023-06-23T12:00:00Z",
        1687521600,
        "2023-06-23T14:00:00+02:00",
    ],
)
def test_an_instant_is_read_in_each_form(value: Any) -> None:
    """wire 2.2: the field's form, the classic one, the webhook's and Unix seconds are the same instant."""
    assert read_instant(value) == datetime(2023, 6, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "soon", True, -1, 0, 10**30, "2023-06-23", 1.5, {}])
def test_what_is_no_instant_is_none(value: Any) -> None:
    """wire 2.2: what cannot be read as an instant is no expiry."""
    assert read_instant(value) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"a": {"b": [null, "x", {"call_count": 1e99}]}}', '{"call_count": -5}']
)
def test_usage_that_cannot_be_read_is_none(text: str) -> None:
    """wire 3.13: a usage header that makes no sense counts as none."""
    assert usage_of({"x-app-usage": text}, datetime(2026, 1, 1, tzinfo=UTC)).percent == 0
