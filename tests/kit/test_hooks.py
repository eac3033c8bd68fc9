"""Webhooks: handshake, signature over the raw body, each message once, rows of the right app alone (MT-11)."""

import hashlib
import hmac
import json
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from regrant import App, AsyncHooks, HookError, Hooks, Secret, State, WrongAssetError
from tests.kit._forms import Form
from tests.kit.conftest import BEGIN, Place, World
from tests.sandbox.test_control_apps import VERIFY, receiver

OURS, THEIRS = App("11", Secret("our secret")), App("22", Secret("their secret"))


@pytest.fixture
def hooks(place: Place, form: Form) -> Callable[..., Any]:
    """The receiver of an app."""

    def opened(app: App = OURS) -> Any:
        return form.of(form.pick(Hooks, AsyncHooks)(app, place.raw, place.keys, Secret(VERIFY), place.clock))

    return opened


def signed(app: App, body: bytes) -> str:
    """The header of the platform."""
    return "sha256=" + hmac.new(app.secret.reveal().encode(), body, hashlib.sha256).hexdigest()


def message(entry: str, object: str = "page", field: str = "feed", value: Any = None, at: int | None = None) -> bytes:
    """A message about one thing."""
    told = {"id": entry, "time": at or int(BEGIN.timestamp()), "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": object, "entry": [told]}).encode()


def expiry(person: str, until: str | None) -> bytes:
    """A message that a window begins, moves or (None) is taken back."""
    value = {"user_id": person, "migration_expire_time": until}
    return message(person, "managed_meta_account", "migration_expire_time", value)


def kept(vault: Any, app: App, asset: str, holder: str = "500", token: str = "EAAtoken") -> Any:
    """A row of an asset."""
    connection = vault.add_connection(app.id)
    stored = vault.add_token(connection.id, Secret(f"EAAperson{asset}"), holder=holder)
    return vault.put(connection.id, asset, stored, kind="page", page_token=Secret(token + asset))


def test_a_real_migration_is_told_and_believed(
    world: World, place: Place, form: Form, hooks: Callable[..., Any]
) -> None:
    """MT-11, wire 1.6, 6.2, 6.3: what a real server sends about a claim and an extension is verified, taken once, and moves the expiry
    of that person's rows of that app."""
    client, pages = world.client(form), world.pages
    token = world.token(pages)
    person, vault = client.person(token).id, place.vault()
    connection = vault.add_connection(world.app.id)
    stored = vault.add_token(connection.id, token, holder=person)
    for page in pages:
        vault.put(connection.id, page, stored, kind="page", page_token=client.page_token(page, token).secret)
    other = kept(place.vault("globex"), THEIRS, pages[0], holder=person)
    control = world.sandbox.control
    with receiver() as hook:
        wanted = {"object": "managed_meta_account", "callback_url": hook.url, "verify_token": VERIFY}
        control("POST", f"/apps/{world.app.id}/webhooks", wanted)
        world.migrate()
        (headers, body), *_ = hook.wait(1)
    assert hooks(world.app).receive(body, headers["x-hub-signature-256"])[0].about == person
    until = world.clock() + timedelta(days=30)
    assert {(one.state, one.until) for one in vault.assets()} == {(State.EXPIRING, until)}
    assert client.access_ends(pages, token) == dict.fromkeys(pages, until)
    assert place.vault("globex").asset(other.connection, pages[0]).state is State.OK
    assert hooks(world.app).receive(body, headers["x-hub-signature-256"]) == []
    with pytest.raises(HookError, match="not this app's"):
        hooks(THEIRS).receive(body, headers["x-hub-signature-256"])


def test_the_handshake(hooks: Callable[..., Any]) -> None:
    """MT-11, wire 6.2: the challenge goes back to who knows the verify token, and to nobody else."""
    right = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": VERIFY}
    assert hooks().handshake(right) == "42"
    for wrong in ({"hub.verify_token": "x"}, {"hub.verify_token": ""}, {"hub.mode": "unsubscribe"}):
        with pytest.raises(HookError):
            hooks().handshake({**right, **wrong})
    for missing in right:
        with pytest.raises(HookError):
            hooks().handshake({name: value for name, value in right.items() if name != missing})


def test_a_forged_message_does_nothing(place: Place, hooks: Callable[..., Any]) -> None:
    """MT-11, wire 6.3: without this app's signature over these very bytes nothing is done, and the real one is still taken."""
    row = kept(place.vault(), OURS, "200")
    body = expiry("500", "2026-04-01T09:00:00Z")
    right = signed(OURS, body)
    wrong = [
        None,
        "",
        "sha256=",
        right[7:],
        right[:-1],
        right.upper(),
        right + "0",
        "sha1=" + right[7:],
        signed(THEIRS, body),
        "sha256=é",
    ]
    for signature in wrong:
        with pytest.raises(HookError):
            hooks().receive(body, signature)
    with pytest.raises(HookError):
        hooks().receive(body.replace(b"2026", b"2036"), right)
    with pytest.raises(HookError):
        hooks().receive(body + b" ", right)
    assert place.vault().asset(row.connection, "200") == row
    assert hooks().receive(body, right)[0].assets[0].state is State.EXPIRING


def test_a_message_leads_to_the_assets_of_its_app(place: Place, hooks: Callable[..., Any]) -> None:
    """MT-11: a message about page A leads to rows of page A under the app that it was sent to, of each tenant that has one."""
    one = kept(place.vault("acme"), OURS, "200")
    two = kept(place.vault("globex"), OURS, "200")
    kept(place.vault("acme"), OURS, "201")
    kept(place.vault("acme"), THEIRS, "200")
    body = message("200")
    (told,) = hooks().receive(body, signed(OURS, body))
    assert [(row.tenant, row.connection, row.asset) for row in told.assets] == [
        (row.tenant, row.connection, "200") for row in sorted((one, two), key=lambda row: row.tenant)
    ]
    assert (told.object, told.field, told.about) == ("page", "feed", "200")


def test_a_message_about_a_is_not_handled_with_the_token_of_b(
    place: Place, world: World, form: Form, hooks: Callable[..., Any]
) -> None:
    """MT-11: the token that belongs to a message's row is refused for any other page before it leaves."""
    row = kept(place.vault(), OURS, "200")
    kept(place.vault(), OURS, "201")
    body = message("200", value={"item": "post", "post_id": "201_7"})
    (told,) = hooks().receive(body, signed(OURS, body))
    vault = place.vault(told.assets[0].tenant)
    token = vault.token_of(told.assets[0])
    assert token.asset == "200" and token.secret.reveal() == "EAAtoken200" and row.asset == "200"
    with pytest.raises(WrongAssetError):
        world.client(form).get(told.value["post_id"], token)


def test_a_repeated_message_is_done_once(place: Place, hooks: Callable[..., Any]) -> None:
    """MT-11, wire 6.3: the platform's repetition, to another process too, and a replay years later, do nothing."""
    kept(place.vault(), OURS, "200")
    body = message("200")
    assert len(hooks().receive(body, signed(OURS, body))) == 1
    assert hooks().receive(body, signed(OURS, body)) == []
    place.pass_time(days=4)
    fresh = message("200", at=int(place.now.timestamp()))
    assert len(hooks().receive(fresh, signed(OURS, fresh))) == 1
    assert hooks().receive(body, signed(OURS, body)) == []
    place.pass_time(days=400)
    assert hooks().receive(body, signed(OURS, body)) == []


def test_a_message_whose_handling_failed_comes_again(place: Place, hooks: Callable[..., Any]) -> None:
    """MT-11: when the database fails while a message is handled, its repetition is handled as new."""
    kept(place.vault(), OURS, "200")
    body, held = expiry("500", "2026-04-01T09:00:00Z"), place.raw.held_by

    def dies(*args: Any) -> Any:
        raise OSError("no database")

    place.raw.held_by = dies
    with pytest.raises(OSError):
        hooks().receive(body, signed(OURS, body))
    place.raw.held_by = held
    assert hooks().receive(body, signed(OURS, body))[0].assets[0].state is State.EXPIRING


def test_a_message_about_a_person_lets_the_monitor_look(place: Place, hooks: Callable[..., Any]) -> None:
    """P2, wire 6.5: a change of somebody's permissions, or of the person, makes that person's tokens due at once, and no others."""
    row, other = kept(place.vault(), OURS, "200"), kept(place.vault(), OURS, "201", holder="501")
    for kind in ("permissions", "user"):
        place.pass_time(hours=1)
        body = message("500", kind, "connected", at=int(place.now.timestamp()))
        hooks().receive(body, signed(OURS, body))
        assert place.vault().stored_token(row.token).check_at == place.now
    assert place.vault().stored_token(other.token).check_at == BEGIN


def test_messages_that_overtake_each_other(place: Place, hooks: Callable[..., Any]) -> None:
    """MT-11, wire 1.6: a later expiry is believed at once; an earlier one, which may be an old message, is left to the monitor to look up."""
    row = kept(place.vault(), OURS, "200")
    for until, shown in (
        ("2026-04-01T09:00:00Z", timedelta(days=30)),
        ("2026-04-11T09:00:00Z", timedelta(days=40)),
        ("2026-04-05T09:00:00Z", timedelta(days=40)),
        (None, timedelta(days=40)),
    ):
        place.pass_time(minutes=1)
        body = expiry("500", until)
        hooks().receive(body, signed(OURS, body))
        now = place.vault().asset(row.connection, "200")
        assert now.until == BEGIN + shown
        assert place.vault().stored_token(row.token).check_at == place.now


def test_what_is_lost_or_removed_stays_so(place: Place, hooks: Callable[..., Any]) -> None:
    """P1: a message about an expiry does not bring back what was lost, nor what the customer removed."""
    vault = place.vault()
    lost, removed = kept(vault, OURS, "200"), kept(vault, OURS, "201")
    vault.mark(lost, State.LOST, "lost_reach")
    vault.mark(removed, State.REMOVED)
    body = expiry("500", "2026-04-01T09:00:00Z")
    hooks().receive(body, signed(OURS, body))
    assert [one.state for one in vault.assets(lost.connection) + vault.assets(removed.connection)] == [
        State.LOST,
        State.REMOVED,
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"object": "page"}',
        b'{"object": 1, "entry": []}',
        b'{"object": "page", "entry": [5]}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_message_is_refused(hooks: Callable[..., Any], body: bytes) -> None:
    """MT-11: a signed body that is no message of webhooks is refused, not guessed at."""
    with pytest.raises(HookError):
        hooks().receive(body, signed(OURS, body))


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"id": None},
        {"id": "200"},
        {"id": "200", "changes": "x"},
        {"id": "200", "changes": [1, {"field": 3}]},
        {"uid": "200", "changed_fields": ["a"]},
        {"id": "500", "time": "never", "changes": [{"field": "migration_expire_time", "value": "x"}]},
        {
            "id": "500",
            "changes": [
                {"field": "migration_expire_time", "value": {"user_id": "500", "migration_expire_time": "soon"}}
            ],
        },
    ],
)
def test_strange_entries_change_nothing(place: Place, hooks: Callable[..., Any], entry: Any) -> None:
    """MT-11: entries without the expected members are told as far as they go, and change no row."""
    row = kept(place.vault(), OURS, "200")
    body = json.dumps({"object": "managed_meta_account", "entry": [entry]}).encode()
    hooks().receive(body, signed(OURS, body))
    assert place.vault().asset(row.connection, "200") == row


def test_what_was_told_stays_out_of_logs(place: Place, hooks: Callable[..., Any]) -> None:
    """P1: the value of a message, which may hold tokens (wire 5.2), is in no repr, and no traceback with its variables."""
    value = {"access_token": "EAAsecret", "merchant_access_token": "EAAsecret"}
    body = message("200", "user", "fbe_install", value)
    (told,) = hooks().receive(body, signed(OURS, body))
    assert "EAA" not in repr(told) and told.value["access_token"].reveal() == "EAAsecret"
    again = message("200", "user", "fbe_install", {**value, "n": 1})
    signature = signed(OURS, again)

    def dies(*args: Any) -> Any:
        raise OSError("no database")

    place.raw.held_by = dies
    with pytest.raises(OSError) as caught:
        hooks().receive(again, signature)
    whole = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    del whole.stack[0]
    shown = [frame for frame in whole.stack if "kit/src/regrant" in frame.filename]
    assert shown and "EAA" not in "".join(traceback.format_list(shown)) + repr([frame.locals for frame in shown])
