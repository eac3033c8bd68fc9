"""Receivers that are slow, endless, packed, redirecting or gone, and rows that cannot be sent (WB-17, WB-18, FT-23, FT-26)."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.commands._world import T0, World
from workbadge.commands import outbox
from workbadge.commands.grant import Consent, record_consent
from workbadge.commands.outbox import WEBHOOK
from workbadge.commands.portfolio import stop_sharing
from workbadge.commands.token import issue_user_token
from workbadge.commands.webhooks import Entry, NewSubscription, follow_page, notify, subscribe
from workbadge.keys import Sealer, hash_secret
from workbadge.web import outgoing
from workbadge.web.clock import SettableClock
from workbadge.web.outgoing import ANSWER_LIMIT, Outgoing, OutgoingError
from workbadge.web.state import Site
from workbadge.web.worker import Worker

from ._receiver import listening
from .test_webhooks import PAGE_SCOPES, Post, numbers, tell, write
from .test_webhooks import subscribe as subscribe_hook

pytestmark = pytest.mark.anyio

CANARY: list[bytes] = []


@asynccontextmanager
async def answering(*parts: bytes, pause: float = 0, endless: bool = False) -> AsyncIterator[str]:
    """A server that answers every request with exactly these bytes; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/stolen" in head:
            CANARY.append(head)
        await asyncio.sleep(pause)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            while endless:
                writer.write(parts[-1])
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()


OK = b"HTTP/1.1 200 OK\r\n"


async def test_an_endless_answer_is_cut_off() -> None:
    """WB-18: an answer without an end is read up to the limit and no further; the delivery counts as taken."""
    sender = Outgoing(allow_private=True)
    body = b"x" * 65_536
    async with answering(OK + b"Connection: close\r\n\r\n", body, endless=True) as url:
        async with asyncio.timeout(5):
            assert await sender.post(url, b"{}", {}) == b"x" * ANSWER_LIMIT
    await sender.close()


async def test_a_packed_answer_is_not_unpacked() -> None:
    """WB-18: a compressed answer, asked for or not, is kept as it came: nothing is unpacked."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    sender = Outgoing(allow_private=True)
    async with answering(head + bomb) as url:
        assert await sender.post(url, b"{}", {}) == bomb
    await sender.close()
    assert len(bomb) < ANSWER_LIMIT


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary", b"308 Permanent"])
async def test_a_redirect_is_not_followed(status: bytes) -> None:
    """WB-17, WB-18: a redirect is a failed try; what it points to is never asked."""
    CANARY.clear()
    sender = Outgoing(allow_private=True)
    async with answering(OK + b"Content-Length: 0\r\n\r\n") as other:
        to = other.replace("/hook", "/stolen").encode()
        async with answering(b"HTTP/1.1 " + status + b"\r\nLocation: " + to + b"\r\nContent-Length: 0\r\n\r\n") as url:
            with pytest.raises(OutgoingError, match="expected 200, got 30"):
                await sender.post(url, b"{}", {})
            with pytest.raises(OutgoingError, match="expected 200, got 30"):
                await sender.get(url)
    await sender.close()
    assert CANARY == []


async def test_a_hanging_receiver_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """WB-18, FT-23: a receiver that says nothing for longer than the limit is a failed try."""
    monkeypatch.setattr(outgoing, "SECONDS", 0.1)
    sender = Outgoing(allow_private=True)
    async with answering(OK + b"Content-Length: 0\r\n\r\n", pause=5) as url:
        async with asyncio.timeout(2):
            with pytest.raises(OutgoingError):
                await sender.post(url, b"{}", {})
    await sender.close()


async def test_nothing_is_kept_between_deliveries() -> None:
    """WB-18, WB-34: neither a cookie nor a connection of one delivery is used for the next: hosts that share an address are
    strangers, and a connection is verified for one name alone."""
    seen: list[bytes] = []
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                seen.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
                writer.write(OK + b"Set-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sender = Outgoing(allow_private=True)
    for _ in range(3):
        await sender.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", b"{}", {})
    await sender.close()
    server.close()
    assert (len(seen), len(connections)) == (3, 3)
    assert all(b"cookie" not in head.lower() for head in seen)


async def test_a_verified_address_is_checked_again_at_each_delivery(world: World) -> None:
    """MT-38, WB-17: an address that answered its handshake and leads to this machine by now gets nothing."""
    clock = SettableClock(T0)
    site = Site(world.services, clock)
    async with listening() as hook:
        await subscribe_hook(world, hook, "application")
        await tell(world, "application", "business_integration_install", 1)
        await Worker(lambda: site, allow_private=False).step()
    assert hook.got == []
    (row,) = await world.outbox()
    assert row.last_error == "OutgoingError: 127.0.0.1 is not a public address"


async def test_a_slow_app_does_not_hold_others_up(world: World) -> None:
    """FT-23: while one app's receivers hang, the running worker delivers to another app at once, again and again."""
    clock = SettableClock(T0)
    site = Site(world.services, clock)
    services, slow = world.services, world.apps["tokens"]
    async with answering(OK + b"Content-Length: 0\r\n\r\n", pause=8) as hanging, listening() as quick:
        async with services.store.write() as tx:
            for name, field in (("application", "business_integration_install"), ("user", "fbe_install")):
                await subscribe(tx, services, slow, NewSubscription(name, hanging, None, True), True, T0)
                for _ in range(20):
                    await notify(tx, services, slow, name, Entry("1", ((field, 0),)), T0)
        await subscribe_hook(world, quick, "application")
        worker = Worker(lambda: site, allow_private=True)
        async with worker.running():
            async with asyncio.timeout(6):
                for count in range(1, 6):
                    await tell(world, "application", "business_integration_install", count)
                    while len(quick.posts) < count:
                        await asyncio.sleep(0.02)
    assert numbers(quick) == [1, 2, 3, 4, 5]


async def test_a_row_that_cannot_be_opened_is_parked(world: World) -> None:
    """FT-26: a body sealed under a key that is gone is a dead letter with the reason; what stands behind it goes on."""
    mail = Post(world)
    foreign = replace(world.services, sealer=Sealer({"lost": b"x" * 32}, world.services.entropy))
    async with listening() as hook:
        await subscribe_hook(world, hook, "application")
        async with world.services.store.write() as tx:
            entry = Entry("1", (("business_integration_install", 0),))
            await notify(tx, foreign, world.apps["both"], "application", entry, T0)
        await tell(world, "application", "business_integration_install", 1)
        await mail.deliver()
        assert numbers(hook) == [1]
    async with world.services.store.read() as tx:
        rows = await outbox.rows.list_of_app(tx, world.apps["both"], 10, parked=True)
    assert [row.last_error for row in rows] == ["given up: the body cannot be opened with the keys of this platform"]


async def test_a_row_that_ends_its_worker_is_parked(world: World) -> None:
    """FT-26: a row that was taken fifteen times and never came to a result is parked, and the next one is sent."""
    mail = Post(world)
    async with listening() as hook:
        await subscribe_hook(world, hook, "application")
        await tell(world, "application", "business_integration_install", 1, 2)
        for number in range(outbox.MOST_TRIES):
            mail.clock.set(T0 + number * outbox.CLAIM_FOR)
            assert await outbox.take(world.services, [WEBHOOK], mail.clock.now()) is not None
        mail.clock.set(mail.clock.now() + outbox.CLAIM_FOR)
        await mail.deliver()
    assert numbers(hook) == [2]
    first, second = await world.outbox()
    assert (first.state, second.state) == ("failed", "sent")
    assert first.last_error == "given up: taken 15 times without a result"


async def test_an_unforeseen_fault_of_one_row_is_a_failed_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """FT-26: whatever goes wrong with one delivery is counted and tried later; the others of the round are sent."""
    mail = Post(world)
    async with listening() as hook:
        await subscribe_hook(world, hook, "application")
        await tell(world, "application", "business_integration_install", 1)
        monkeypatch.setattr("workbadge.web.worker.sign", lambda *_: 1 / 0)
        await mail.worker.step()
        monkeypatch.undo()
        (row,) = await world.outbox()
        assert (row.state, row.tries, row.last_error) == ("waiting", 1, "ZeroDivisionError: division by zero")
        mail.clock.set(T0 + timedelta(minutes=1))
        await mail.deliver()
    assert numbers(hook) == [1]


async def test_events_of_a_shared_page_stop_with_the_share(world: World) -> None:
    """MT-22: a partner's app that follows a lent page is told nothing from the end of the share on, queued events included; the
    owner's own app goes on."""
    services, page = world.services, world.assets["page"]
    emil = await world.consent(world.people["emil"], "tokens", ("page",), scopes=PAGE_SCOPES)
    from_partner = await partner_token(world)
    mail = Post(world)
    async with listening() as partner, listening() as owner:
        await subscribe_hook(world, partner, "page")
        await subscribe_hook(world, owner, "page", app="tokens")
        async with services.store.write() as tx:
            await follow_page(tx, services, world.apps["both"], page, ("feed",), from_partner, T0)
            await follow_page(tx, services, world.apps["tokens"], page, ("feed",), emil, T0)
        await write(world, "queued")
        async with services.store.write() as tx:
            await stop_sharing(tx, services, page, world.partner, None, T0)
        await write(world, "after")
        await mail.deliver()
    assert partner.got == []
    assert [len(one.entries) for one in owner.posts] == [2]


async def partner_token(world: World) -> bytes:
    """Paul of the partner lets an app in on the page that his business was lent."""
    targets: dict[int, int | None] = {world.assets["page"]: world.partner}
    async with world.services.store.write() as tx:
        consent = Consent(world.people["paul"], world.apps["both"], PAGE_SCOPES, (), targets)
        granted = await record_consent(tx, world.services, consent, T0)
        issued = await issue_user_token(tx, world.services, granted, T0)
    return hash_secret(issued.text)
