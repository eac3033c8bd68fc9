"""Answers that are written in one piece (decision record 13) differ from others in nothing that a client sees."""

import asyncio
import re
from pathlib import Path

import pytest
import uvicorn

from tests.commands._world import T0, make_services
from workbadge.main import make_application
from workbadge.oauth.rfc6749.call import Answer, send_answer
from workbadge.serving import bind, settings_for
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store
from workbadge.web.clock import SettableClock
from workbadge.web.state import Site
from workbadge.web.wire import find_whole, send_json

GOOD = b"POST /v26.0/1/instruments HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n"
CLOSE = b"connection: close\r\n"


async def _said(folder: Path, sent: list[bytes], secure: bool = False, plain: bool = False) -> bytes:
    """What a real server says to bytes on one connection, until it closes it. ``plain``: without the extension."""
    async with open_store(StoreSettings(f"sqlite:///{folder / f'{secure}{plain}.db'}")) as store:
        await store.create()
        inner = make_application(Site(make_services(store), SettableClock(T0), secure_cookies=secure))

        async def application(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
            if plain:
                scope.pop("extensions", None)
            await inner(scope, receive, send)

        listening = bind("127.0.0.1", 0)
        listening.listen()
        server = uvicorn.Server(settings_for(application))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        for one in sent:
            writer.write(one)
            await writer.drain()
        heard = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        server.should_exit = True
        await task
        return heard


def _steady(answer: bytes) -> list[bytes]:
    """The lines of an answer in order of their names, without what differs at each request."""
    text = re.sub(rb"x-fb-(request|trace)-id: [0-9a-f]+", rb"x-fb-\1-id: n", answer)
    text = re.sub(rb"date: [^\r]+", b"date: d", text)
    return sorted(text.split(b"\r\n"))


@pytest.mark.parametrize("secure", [False, True])
def test_an_answer_in_one_piece_has_the_same_headers(tmp_path: Path, secure: bool) -> None:
    """wire §3.13, WB-01: written at once or not, an answer has the same status, headers and body."""
    two = [GOOD + b"\r\n", GOOD + CLOSE + b"\r\n"]  # the one that closes goes the ordinary way in either case
    whole = asyncio.run(_said(tmp_path, two, secure))
    plain = asyncio.run(_said(tmp_path, two, secure, plain=True))

    assert whole.count(b"HTTP/1.1 200") == 2
    assert _steady(whole) == _steady(plain)
    assert (b"strict-transport-security" in whole.partition(b'{"success"')[0]) is secure


def test_requests_that_come_at_once_are_answered_in_order(tmp_path: Path) -> None:
    """wire §3.13: pipelined requests are answered one after the other, each whole."""
    bad = b"GET /v99.0/me HTTP/1.1\r\nhost: x\r\n"
    heard = asyncio.run(_said(tmp_path, [GOOD + b"\r\n" + bad + b"\r\n" + GOOD + b"\r\n" + GOOD + CLOSE + b"\r\n"]))

    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200", b"400", b"200", b"200"]


def test_head_has_no_body_and_an_old_client_is_let_go(tmp_path: Path) -> None:
    """RFC 9110 §9.3.2: HEAD is answered without a body; a client of HTTP/1.0 is answered and the connection closed."""
    head = b"HEAD /v26.0/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    heard = asyncio.run(_said(tmp_path, [head]))
    assert heard.startswith(b"HTTP/1.1 400") and heard.endswith(b"\r\n\r\n")

    old = GOOD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n"
    heard = asyncio.run(_said(tmp_path, [old]))
    assert heard.count(b"200 OK") == 1 and heard.endswith(b'{"success":true}')


def test_a_reader_that_is_slow_gets_the_ordinary_way() -> None:
    """When the server cannot write at once, the answer goes through the ordinary events, whole and once."""
    sent: list[dict[str, object]] = []

    async def send(message) -> None:  # type: ignore[no-untyped-def]
        sent.append(message)

    refusing = find_whole({"extensions": {"workbadge.whole": lambda status, head, body: False}})
    asyncio.run(send_json(send, {"id": "1"}, "26.0", "0a", whole=refusing))

    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b'{"id":"1"}'


def test_usage_goes_in_the_same_piece() -> None:
    """wire §3.13: headers that tell the caller of its use stand among the others, in either way of writing."""
    wholes: list[tuple[int, bytes, bytes]] = []
    sent: list[dict[str, object]] = []

    def whole(status: int, lines: bytes, body: bytes) -> bool:
        wholes.append((status, lines, body))
        return True

    async def send(message) -> None:  # type: ignore[no-untyped-def]
        sent.append(message)

    usage = ((b"x-app-usage", b'{"call_count":1}'),)
    asyncio.run(send_json(send, {"id": "1"}, "26.0", "0a", headers=usage, whole=whole))
    asyncio.run(send_json(send, {"id": "1"}, "26.0", "0a", headers=usage))

    ((status, lines, body),) = wholes
    plain = b"".join(b"%s: %s\r\n" % one for one in sent[0]["headers"])  # type: ignore[attr-defined]
    assert (status, body, sent[1]["body"]) == (200, b'{"id":"1"}', b'{"id":"1"}')
    assert sorted(lines.split(b"\r\n")) == sorted(plain.split(b"\r\n"))
    assert b'x-app-usage: {"call_count":1}\r\n' in lines


def test_an_introspection_goes_in_one_piece_too() -> None:
    """OA-34: answers of the OAuth side that nobody may keep are written at once with the very same headers; all others are not."""
    wholes: list[tuple[int, bytes, bytes]] = []
    sent: list[dict[str, object]] = []

    def whole(status: int, lines: bytes, body: bytes) -> bool:
        wholes.append((status, lines, body))
        return True

    async def send(message) -> None:  # type: ignore[no-untyped-def]
        sent.append(message)

    asyncio.run(send_answer(send, Answer({"active": False}), whole=whole))
    asyncio.run(send_answer(send, Answer({"active": False})))
    ((status, lines, body),) = wholes
    plain = b"".join(b"%s: %s\r\n" % one for one in sent[0]["headers"])  # type: ignore[attr-defined]
    assert (status, body, sent[1]["body"]) == (200, b'{"active":false}', b'{"active":false}')
    assert sorted(lines.split(b"\r\n")) == sorted(plain.split(b"\r\n"))

    others = (Answer(status=204), Answer({}, 400), Answer(b"x", content_type=b"application/jwt"), Answer({}, kept=60))
    for other in others:
        asyncio.run(send_answer(send, other, whole=whole))
    asyncio.run(send_answer(send, Answer({}), [(b"vary", b"Origin")], whole))
    assert len(wholes) == 1 and len(sent) == 2 * (2 + len(others))
