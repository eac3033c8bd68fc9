"""Callbacks with signed_request to real receivers: the app was taken off, a person wants data deleted (wire.md 6.1)."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.commands._world import T0, World
from workbadge.commands import callbacks, grant, outbox
from workbadge.commands.app_settings import change_settings
from workbadge.commands.errors import CommandError, Problem
from workbadge.store import deletions, records
from workbadge.terms.instants import DAY, to_micros

from ._receiver import Got, Hook, listening
from .test_webhooks import Post, secret_of, subscribe

pytestmark = pytest.mark.anyio


def open_signed(got: Got, secret: str) -> dict[str, Any]:
    """The payload of the form, after verifying it as an app would: raw HMAC over the encoded payload."""
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    (text,) = parse_qs(got.body.decode(), strict_parsing=True)["signed_request"]
    signature, payload = text.split(".")
    assert "=" not in text
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)) == expected
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


async def setting(world: World, **given: str) -> None:
    """Settings of the app."""
    async with world.services.store.write() as tx:
        await change_settings(tx, world.services, world.apps["both"], given, None, T0)


async def remove(world: World, ask: bool = False) -> None:
    """Emil takes the app off."""
    emil, app = world.people["emil"], world.apps["both"]
    async with world.services.store.write() as tx:
        await grant.remove_app(tx, world.services, emil, app, T0)
        if ask:
            await callbacks.ask_deletion(tx, world.services, emil, app, T0)


async def scoped(world: World) -> str:
    """Emil's id for the app."""
    async with world.services.store.read() as tx:
        return str(await records.find_scoped_id(tx, world.apps["both"], world.people["emil"]))


async def asked(world: World) -> list[Any]:
    """Emil's wishes."""
    async with world.services.store.read() as tx:
        return await deletions.list_deletions(tx, world.people["emil"])


async def test_taking_an_app_off_calls_it_back(world: World) -> None:
    """wire 6.1: the app gets a form with signed_request: algorithm, issued_at and the app-scoped user id, beside the webhook."""
    async with listening() as hook, listening() as events:
        await setting(world, deauth_callback_url=hook.url)
        await subscribe(world, events, "permissions")
        await world.consent(world.people["emil"], "both", ("page",))
        await remove(world)
        await remove(world)
        await Post(world).deliver()
    (got,) = hook.posts
    assert open_signed(got, await secret_of(world, "both")) == {
        "algorithm": "HMAC-SHA256",
        "issued_at": to_micros(T0) // 1_000_000,
        "user_id": await scoped(world),
    }
    assert events.posts[-1].entries[-1]["changes"][-1] == {"field": "connected", "value": {"verb": "revoked"}}


async def test_a_callback_is_tried_again(world: World) -> None:
    """wire 6.1, FT-23: an app that is down is called back later, at the address that it has by then, signed under one secret."""
    mail = Post(world)
    async with listening(Hook(status=500)) as down, listening() as up:
        await setting(world, deauth_callback_url=down.url)
        await world.consent(world.people["emil"], "both", ("page",))
        await remove(world)
        await mail.deliver()
        await setting(world, deauth_callback_url=up.url)
        mail.clock.set(T0 + timedelta(minutes=1))
        await mail.deliver()
    assert (len(down.posts), len(up.posts)) == (1, 1)
    assert down.posts[0].body == up.posts[0].body


async def test_an_app_without_address_is_not_called(world: World) -> None:
    """An app that names no address gets no callback; one that takes its address back gets none of those that wait."""
    mail = Post(world)
    await world.consent(world.people["emil"], "both", ("page",))
    await remove(world)
    assert [one for one in await world.outbox() if one.channel == "callback"] == []
    async with listening() as hook:
        await setting(world, deauth_callback_url=hook.url)
        await world.consent(world.people["emil"], "both", ("page",))
        await remove(world)
        await setting(world, deauth_callback_url="")
        await mail.deliver()
    assert hook.got == []
    (waiting,) = [one for one in await world.outbox() if one.channel == "callback"]
    assert waiting.last_error == "OutgoingError: the app has no address for this any more"


async def test_a_wish_for_deletion_shows_what_the_app_answered(world: World) -> None:
    """wire 6.1: the app's answer, address and confirmation code, is kept for the person; while it is asked it is not asked again."""
    answer = {"url": "https://both.example/deletion?code=abc", "confirmation_code": "abc"}
    emil, app = world.people["emil"], world.apps["both"]
    async with listening(Hook(answer=json.dumps(answer).encode())) as hook:
        await setting(world, data_deletion_url=hook.url)
        await world.consent(emil, "both", ("page",))
        async with world.services.store.write() as tx:
            with pytest.raises(CommandError, match="still connected"):
                await callbacks.ask_deletion(tx, world.services, emil, app, T0)
        await remove(world, ask=True)
        async with world.services.store.write() as tx:
            with pytest.raises(CommandError, match="already"):
                await callbacks.ask_deletion(tx, world.services, emil, app, T0)
        (before,) = await asked(world)
        assert before.answered_at is None and before.next_try_at == T0
        await Post(world).deliver()
    (got,) = hook.posts
    assert open_signed(got, await secret_of(world, "both"))["user_id"] == await scoped(world)
    (after,) = await asked(world)
    assert (after.status_url, after.confirmation_code) == (answer["url"], "abc")
    assert (after.answered_at, after.next_try_at, after.parked_at) == (T0, None, None)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"true",
        b"{}",
        b'{"url": "https://x.example/"}',
        b'{"url": "javascript:alert(1)", "confirmation_code": "a"}',
        b'{"url": "https://x.example/", "confirmation_code": ""}',
        b'{"url": "https://x.example/", "confirmation_code": "a\\u202eb"}',
        b"[" * 100_000,
        b"\xff" * 10,
    ],
)
async def test_an_unusable_answer_is_a_failed_try(world: World, answer: bytes) -> None:
    """WB-13, WB-18, WB-23: what is not a web address with a printable code is not kept; the app is asked again later."""
    async with listening(Hook(answer=answer)) as hook:
        await setting(world, data_deletion_url=hook.url)
        await world.consent(world.people["emil"], "both", ("page",))
        await remove(world, ask=True)
        await Post(world).deliver()
    (row,) = await asked(world)
    assert (row.answered_at, row.confirmation_code) == (None, None)
    assert row.next_try_at is not None and row.next_try_at > T0
    assert "expected" in ((await world.outbox())[-1].last_error or "")


async def test_without_an_address_the_wish_is_kept(world: World) -> None:
    """The wish is shown with the app's help where the app names no address; somebody who never used the app cannot ask."""
    await world.consent(world.people["emil"], "both", ("page",))
    await remove(world, ask=True)
    (row,) = await asked(world)
    assert (row.delivery_id, row.next_try_at, row.user_support_url) == (None, None, "https://both.example/help")
    async with world.services.store.write() as tx:
        with pytest.raises(CommandError) as refused:
            await callbacks.ask_deletion(tx, world.services, world.people["selma"], world.apps["both"], T0)
    assert refused.value.problem is Problem.NOT_FOUND


async def test_a_given_up_callback_can_be_sent_again(world: World) -> None:
    """FT-23: a callback that was given up is a dead letter of its app and is sent again from there."""
    mail = Post(world)
    app = world.apps["both"]
    async with listening(Hook(status=410)) as hook:
        await setting(world, deauth_callback_url=hook.url)
        await world.consent(world.people["emil"], "both", ("page",))
        await remove(world)
        await mail.deliver()
        async with world.services.store.write() as tx:
            (dead,) = await outbox.list_deliveries(tx, world.services, app, 10, parked=True)
            assert await outbox.list_deliveries(tx, world.services, world.apps["tokens"], 10, parked=True) == []
            with pytest.raises(CommandError):
                await outbox.replay(tx, world.services, world.apps["tokens"], dead.id, T0)
            await outbox.replay(tx, world.services, app, dead.id, T0 + DAY)
        hook.status = 200
        mail.clock.set(T0 + DAY)
        await mail.deliver()
    assert len(hook.posts) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deauth_callback_url", "javascript:alert(1)"),
        ("deauth_callback_url", "https://"),
        ("data_deletion_url", "https://user:pw@x.example/"),
        ("privacy_policy_url", "ftp://x.example/"),
        ("user_support_email", "nobody"),
        ("app_domains", "exa mple..com"),
        ("redirect_uris", "http://elsewhere.example/back"),
        ("native", "maybe"),
        ("name", ""),
    ],
)
async def test_settings_are_checked(world: World, name: str, text: str) -> None:
    """wire 6.9, OA-10, WB-24: a setting that cannot be used is refused by its name, and nothing of the form is stored."""
    async with world.services.store.read() as tx:
        before = await records.find_app(tx, world.apps["both"])
    with pytest.raises(CommandError) as refused:
        await setting(world, terms_of_service_url="https://both.example/terms", **{name: text})
    assert refused.value.field == name
    assert refused.value.expected
    async with world.services.store.read() as tx:
        assert await records.find_app(tx, world.apps["both"]) == before
