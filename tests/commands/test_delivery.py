"""Delivery: mails to a real mail server, webhooks to a real receiver, failures, secrets, private addresses (L5, B5; AC-14,
WB-16 to WB-18, FT-05, FT-23, FT-24)."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import update

from workbadge.commands import outbox
from workbadge.commands.mails import one_line
from workbadge.commands.migration import NewPerson, start_migration
from workbadge.commands.outbox import MAIL, WEBHOOK, Outgoing, enqueue
from workbadge.commands.registration import SECRET_PLACE
from workbadge.store import records, schema
from workbadge.terms.instants import DAY
from workbadge.web.clock import SettableClock
from workbadge.web.outgoing import Outgoing as Sender
from workbadge.web.outgoing import OutgoingError
from workbadge.web.state import Site
from workbadge.web.worker import PER_APP, Worker

from ._world import T0, World

pytestmark = pytest.mark.anyio


@dataclass
class Receiver:
    """A small HTTP server that keeps what it gets. ``status``: what it answers; ``pause``: seconds before that."""

    status: int = 200
    pause: float = 0
    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body))
        await asyncio.sleep(self.pause)
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    """The receiver listens during the block."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


class Postbox:
    """A mail server's handler that keeps messages, or refuses recipients with ``refusal``."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.refusal = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """Take or refuse a recipient."""
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep a message."""
        self.got.append(message_from_bytes(envelope.content))
        return "250 OK"


@contextmanager
def mail_server(postbox: Postbox) -> Iterator[str]:
    """A real mail server on this machine; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(postbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def site_of(world: World) -> tuple[Site, SettableClock]:
    """A site at T0 whose clock stands still."""
    clock = SettableClock(T0)
    return Site(world.services, clock), clock


async def put(world: World, *outgoing: Outgoing) -> None:
    """Write into the outbox."""
    async with world.services.store.write() as tx:
        await enqueue(tx, world.services, list(outgoing), T0)


async def test_a_webhook_is_signed_over_its_bytes(world: World) -> None:
    """The receiver verifies the raw body with the app's secret; the body is ASCII; the delivery has a stable id (wire.md 6.3)."""
    site, _ = site_of(world)
    app_id = world.apps["tokens"]
    async with world.services.store.read() as tx:
        app = await records.find_app(tx, app_id)
    assert app is not None
    secret = world.services.sealer.open(app.secret, SECRET_PLACE)
    async with receiving(Receiver()) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook?x=1"
        await put(
            world,
            Outgoing(WEBHOOK, "test", url, "s", json.dumps({"name": "Zoë"}), app_id=app_id),
        )
        assert await Worker(lambda: site, allow_private=True).step()
    ((headers, body),) = receiver.got
    assert body.isascii()
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
    assert headers["content-type"] == "application/json"
    (sent,) = await world.outbox()
    assert headers["x-workbadge-delivery"] == str(sent.id)
    assert sent.state == "sent"


async def test_a_receiver_that_is_down_is_tried_later_and_later(world: World) -> None:
    """Each failure waits about twice as long, what waits for the same address waits too, others are served; fifteen tries."""
    site, clock = site_of(world)
    worker = Worker(lambda: site, allow_private=True)
    app_id = world.apps["tokens"]
    async with receiving(Receiver(status=500)) as down, receiving(Receiver()) as up:
        bad = f"http://127.0.0.1:{down.port}/hook"
        await put(world, Outgoing(WEBHOOK, "first", bad, "s", "{}", app_id=app_id))
        await worker.step()
        first = (await world.outbox())[0]
        assert (first.state, first.tries) == ("waiting", 1)
        assert first.last_error == "OutgoingError: expected 200, got 500"
        await put(
            world,
            Outgoing(WEBHOOK, "second", bad, "s", "{}", app_id=app_id),
            Outgoing(
                WEBHOOK,
                "good",
                f"http://127.0.0.1:{up.port}/hook",
                "s",
                "{}",
                app_id=app_id,
            ),
        )
        await worker.step()
        assert len(up.got) == 1
        waits = []
        for _ in range(40):
            waiting = [one for one in await world.outbox() if one.state == "waiting"]
            if not waiting:
                break
            nearest = min(one.next_try_at for one in waiting if one.next_try_at is not None)
            waits.append(nearest - clock.now())
            clock.set(max(nearest, clock.now()))
            await worker.step()
        assert [one.state for one in await world.outbox()] == [
            "failed",
            "failed",
            "sent",
        ]
        assert len(down.got) == 30
        assert max(waits) <= DAY / 4 * 1.2
        assert max(waits) > DAY / 4 * 0.9


async def test_a_receiver_that_is_down_is_not_asked_for_each_row(world: World) -> None:
    """Once it failed, everything else for that address waits: thirty rows make one round of tries (FT-23)."""
    site, _ = site_of(world)
    worker = Worker(lambda: site, allow_private=True)
    async with receiving(Receiver(status=500)) as down:
        url = f"http://127.0.0.1:{down.port}/"
        await put(world, *[Outgoing(WEBHOOK, "test", url, "s", "{}", app_id=world.apps["tokens"])] * 30)
        for _ in range(4):
            await worker.step()
    assert 1 <= len(down.got) <= PER_APP


async def test_what_has_no_address_is_kept(world: World) -> None:
    """The webhook of an app without an address can be read in the outbox and is never tried."""
    site, _ = site_of(world)
    await put(world, Outgoing(WEBHOOK, "test", "", "s", "{}", app_id=world.apps["tokens"]))
    assert [one.state for one in await world.outbox()] == ["kept"]
    assert not await Worker(lambda: site, allow_private=True).step()
    assert [one.tries for one in await world.outbox()] == [0]


async def test_a_host_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """All addresses of a host must be public, not only one (WB-18)."""

    async def both(*_: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)),
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    sender = Sender(allow_private=False)
    with pytest.raises(OutgoingError, match="not a public address"):
        await sender.post("http://both.example/", b"{}", {})
    await sender.close()


def test_names_are_put_on_one_line() -> None:
    """Line breaks, controls and runs of blanks become one blank (WB-16)."""
    assert one_line("A\r\nB\x1b[1m\u2028 C\x00D") == "A B [1m C D"


async def test_a_receiver_that_is_gone_is_not_tried_again(world: World) -> None:
    """410 ends it at once (FT-23)."""
    site, _ = site_of(world)
    async with receiving(Receiver(status=410)) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        await put(
            world,
            Outgoing(WEBHOOK, "test", url, "s", "{}", app_id=world.apps["tokens"]),
        )
        await Worker(lambda: site, allow_private=True).step()
    assert [one.state for one in await world.outbox()] == ["failed"]


async def test_a_slow_receiver_holds_nobody_up(world: World) -> None:
    """Deliveries of one round run together: three slow ones take as long as one (FT-23)."""
    site, _ = site_of(world)
    slow = [Receiver(pause=1) for _ in range(3)]
    async with receiving(slow[0]), receiving(slow[1]), receiving(slow[2]):
        rows = [
            Outgoing(
                WEBHOOK,
                "test",
                f"http://127.0.0.1:{one.port}/",
                "s",
                "{}",
                app_id=world.apps["tokens"],
            )
            for one in slow
        ]
        await put(world, *rows)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await Worker(lambda: site, allow_private=True).step()
        assert loop.time() - begun < 2.5
    assert [one.state for one in await world.outbox()] == ["sent"] * 3


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "http://localhost:8000/hook",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://0/",
        "https://user:secret@203.0.113.1/",
        "ftp://example.com/",
        "file:///etc/passwd",
    ],
)
async def test_no_webhook_goes_to_a_private_address(url: str) -> None:
    """Loopback, link-local and private addresses, in whatever spelling, are refused before anything is sent (WB-17, WB-18)."""
    sender = Sender(allow_private=False)
    with pytest.raises(OutgoingError):
        await sender.post(url, b"{}", {})
    await sender.close()


async def test_an_invitation_reaches_the_mail_server(world: World) -> None:
    """It arrives once, for the invited address alone, with the link; then the row is sent."""
    site, _ = site_of(world)
    postbox = Postbox()
    await world.start("emil")
    link = await world.link("emil")
    with mail_server(postbox) as smtp:
        worker = Worker(lambda: site, smtp=smtp, mail_from="Workbadge <badge@work.example>")
        await worker.step()
        await worker.step()
    (message,) = postbox.got
    assert message["To"] == "emil@work.example"
    assert message["From"] == "Workbadge <badge@work.example>"
    assert message["Subject"] == "Claim your work account for Harbour"
    assert f"/console/claim/{link}" in message.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert [one.state for one in await world.outbox()] == ["sent"]


async def test_a_name_cannot_write_headers(world: World) -> None:
    """A business whose name holds line breaks ends as one line of the subject (WB-16)."""
    site, _ = site_of(world)
    async with world.services.store.write() as tx:
        evil = "Harbour\r\nBcc: eve@evil.example\r\n\r\nHello"
        await tx.run(update(schema.business).where(schema.business.c.id == world.business).values(name=evil))
    postbox = Postbox()
    await world.start("emil")
    with mail_server(postbox) as smtp:
        await Worker(lambda: site, smtp=smtp).step()
    (message,) = postbox.got
    assert message["Bcc"] is None
    assert "Harbour Bcc: eve@evil.example Hello" in " ".join(message["Subject"].split())


async def test_a_refused_recipient_is_given_up_a_busy_server_is_not(
    world: World,
) -> None:
    """5xx ends it, 4xx is tried later; the reason is kept for the admin (FT-24)."""
    site, _ = site_of(world)
    postbox = Postbox()
    await put(world, Outgoing(MAIL, "a", "nobody@work.example", "s", "text"))
    with mail_server(postbox) as smtp:
        postbox.refusal = "451 try later"
        worker = Worker(lambda: site, smtp=smtp)
        await worker.step()
        (row,) = await world.outbox()
        assert (row.state, row.tries) == ("waiting", 1)
        assert "451" in (row.last_error or "")
        await put(world, Outgoing(MAIL, "b", "gone@work.example", "s", "text"))
        postbox.refusal = "550 no such user"
        await worker.step()
    states = {one.kind: one.state for one in await world.outbox()}
    assert states == {"a": "waiting", "b": "failed"}


async def test_without_a_mail_server_mails_are_kept(world: World) -> None:
    """They can be read in the outbox, and a mail server set up later does not send them after the fact."""
    site, _ = site_of(world)
    await world.start("emil")
    await Worker(lambda: site).step()
    assert [one.state for one in await world.outbox()] == ["kept"]
    postbox = Postbox()
    with mail_server(postbox) as smtp:
        await Worker(lambda: site, smtp=smtp).step()
    assert postbox.got == []


async def test_a_delivery_that_was_interrupted_is_taken_up_again(world: World, second: World) -> None:
    """A row taken by a worker that died is free again after two minutes, and by nobody else before (FT-04)."""
    await put(
        world,
        Outgoing(
            WEBHOOK,
            "test",
            "https://app.example/",
            "s",
            "{}",
            app_id=world.apps["tokens"],
        ),
    )
    taken = await outbox.take(world.services, [WEBHOOK], T0)
    assert taken is not None
    assert await outbox.take(second.services, [WEBHOOK], T0) is None
    assert await outbox.take(second.services, [WEBHOOK], T0 + outbox.CLAIM_FOR / 2) is None
    again = await outbox.take(second.services, [WEBHOOK], T0 + outbox.CLAIM_FOR)
    assert again is not None
    assert again == replace(taken, tries=1, next_try_at=T0 + outbox.CLAIM_FOR)


async def test_two_workers_deliver_each_row_once(world: World, second: World) -> None:
    """Twenty webhooks, two workers at once: twenty requests."""
    site, clock = site_of(world)
    other = Site(second.services, clock)
    async with receiving(Receiver()) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        rows = [Outgoing(WEBHOOK, "test", url, "s", f'{{"n":{n}}}', app_id=world.apps["tokens"]) for n in range(20)]
        await put(world, *rows)
        workers = [
            Worker(lambda: site, allow_private=True),
            Worker(lambda: other, allow_private=True),
        ]
        while any(await asyncio.gather(*(one.step() for one in workers))):
            pass
    assert sorted(body for _, body in receiver.got) == sorted(f'{{"n":{n}}}'.encode() for n in range(20))


async def test_the_worker_does_what_is_due_and_sends_it(world: World) -> None:
    """One loop: an invitation becomes due, is written and goes out, without any hand."""
    site, _ = site_of(world)
    postbox = Postbox()
    wanted = [NewPerson(world.people["emil"], "emil@work.example")]
    await start_migration(world.services, world.business, wanted, None, T0)
    with mail_server(postbox) as smtp:
        async with Worker(lambda: site, smtp=smtp).running(), asyncio.timeout(10):
            while not postbox.got:
                await asyncio.sleep(0.02)
    assert postbox.got[0]["To"] == "emil@work.example"
