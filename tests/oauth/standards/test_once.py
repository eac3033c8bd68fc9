"""What is good once, and secrets and keys that replace one another: RFC 7523 §3, RFC 9449 §11.1, OA-31."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests.oauth._site import LoginSite
from workbadge.commands.client_terms import (
    DEFAULT,
    Terms,
    is_second_secret,
    load_terms,
    save_terms,
)
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.used_proof import use_once
from workbadge.store.schema.standards import used_proof
from workbadge.web.outgoing import Outgoing, OutgoingError
from workbadge.web.remote_keys import RemoteKeys

from ._forge import jwks, new_key
from ._key_app import rotate

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


async def test_a_mark_is_good_once(site: LoginSite) -> None:
    """OA-32: a jti is taken once; of twenty at the same moment one is taken; what is too old is forgotten."""
    services, now = site.world.services, site.now
    assert await use_once(services, b"a" * 32, now + MINUTE, now)
    assert not await use_once(services, b"a" * 32, now + MINUTE, now)
    taken = await asyncio.gather(*(use_once(services, b"b" * 32, now + MINUTE, now) for _ in range(20)))
    assert sorted(taken) == [False] * 19 + [True]
    assert await use_once(services, b"c" * 32, now + 2 * MINUTE, now + MINUTE)
    async with services.store.read() as tx:
        row = await tx.one(select(func.count().label("n")).select_from(used_proof))
    assert row is not None and row.n == 1


async def test_both_secrets_are_good_for_a_day(site: LoginSite) -> None:
    """OA-31: after a rotation the old secret is good until the overlap ends, and not at its end; the new one is the app's."""
    services, app = site.world.services, site.world.apps["both"]
    old = await site.secret()
    new = await rotate(services, app, site.now)
    assert new != old and await site.secret() == new
    end = site.now + timedelta(days=1)
    for at, good in ((site.now, True), (end - timedelta(microseconds=1), True), (end, False)):
        assert await is_second_secret(services, app, old, at) is good
    assert not await is_second_secret(services, app, new, site.now)
    assert not await is_second_secret(services, app, "", site.now)
    await rotate(services, app, site.now)
    assert not await is_second_secret(services, app, old, site.now)
    assert await is_second_secret(services, app, new, site.now)
    with pytest.raises(CommandError) as caught:
        await rotate(services, app + 1, site.now)
    assert caught.value.problem is Problem.NOT_FOUND


async def test_terms_are_kept_beside_secrets(site: LoginSite) -> None:
    """RFC 7591 §2: terms come back as they were set; setting them again leaves a second secret alone."""
    services, app = site.world.services, site.world.apps["both"]
    async with services.store.read() as tx:
        assert await load_terms(tx, app) == DEFAULT
    old = await site.secret()
    await rotate(services, app, site.now)
    terms = Terms(
        "ES256", jwks(new_key()), None, ("authorization_code",), ("https://a.example/bye",), "https://a.example/out"
    )
    async with services.store.write() as tx:
        await save_terms(tx, app, terms, site.now)
        assert await load_terms(tx, app) == terms
    assert await is_second_secret(services, app, old, site.now)


class _Published:
    """A set of keys behind an address; counts how often it is fetched. None: it does not answer."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.fetched = 0

    async def get(self, url: str) -> bytes:
        self.fetched += 1
        if self.text is None:
            raise OutgoingError("it is down")
        return self.text.encode()


START = datetime.fromisoformat("2026-01-31T12:00:00+00:00")


async def test_published_keys_are_kept_and_rotated() -> None:
    """RFC 7517 §5: a set is kept for ten minutes; a key that is not in it makes it be fetched; when that
    does not bring it, not again for a minute."""
    one, two = new_key(), new_key()
    one, two = one.import_key({**one.as_dict(), "kid": "1"}), two.import_key({**two.as_dict(), "kid": "2"})
    there = _Published(jwks(one))
    keys = RemoteKeys(there.get)

    async def kids(kid: str | None, **later: float) -> list[str | None]:
        return [key.kid for key in await keys.load("https://k.example", kid, START + timedelta(**later))]

    assert await kids("1") == ["1"] and await kids("1", minutes=9) == ["1"] and there.fetched == 1
    there.text = jwks(one, two)
    assert await kids("2", minutes=9) == ["1", "2"] and there.fetched == 2
    assert await kids("3", minutes=9) == ["1", "2"] and await kids("3", minutes=9, seconds=59) and there.fetched == 3
    assert await kids("3", minutes=10) == ["1", "2"] and there.fetched == 4
    assert await kids("2", minutes=19, seconds=59) and there.fetched == 4
    there.text = jwks(two)
    assert await kids("1", minutes=20) == ["2"] and there.fetched == 5


async def test_keys_that_cannot_be_fetched_end() -> None:
    """OA-59: an address that does not answer, or with nonsense, leaves the last set good for an hour, then none."""
    there = _Published(None)
    keys = RemoteKeys(there.get)
    assert await keys.load("https://k.example", None, START) == ()
    assert await keys.load("https://k.example", None, START + timedelta(seconds=59)) == () and there.fetched == 1
    there.text = jwks(new_key())
    at = START + MINUTE
    assert len(await keys.load("https://k.example", None, at)) == 1
    for text in (None, "nonsense", "{}"):
        there.text = text
        assert len(await keys.load("https://k.example", None, at + timedelta(minutes=59))) == 1
    assert await keys.load("https://k.example", None, at + timedelta(minutes=60)) == ()


async def test_many_callers_fetch_once() -> None:
    """OA-59: callers that come at once make one fetch."""
    there = _Published(jwks(new_key()))
    keys = RemoteKeys(there.get)
    await asyncio.gather(*(keys.load("https://k.example", None, START) for _ in range(20)))
    assert there.fetched == 1


class _Sink:
    """A server on this machine that answers every request with one text; counts connections."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.met = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        await reader.readuntil(b"\r\n\r\n")
        body = self.text.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()


async def test_keys_inside_are_never_fetched() -> None:
    """OA-59: a jwks_uri at this machine, in any notation, is never connected to; where the operator allows it, it is."""
    there = _Sink(jwks(new_key()))
    async with await asyncio.start_server(there.answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        closed, opened = Outgoing(False), Outgoing(True)
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"):
            assert await RemoteKeys(closed.get).load(f"http://{host}:{port}/k", None, START) == ()
        assert there.met == 0
        assert len(await RemoteKeys(opened.get).load(f"http://127.0.0.1:{port}/k", None, START)) == 1
        assert there.met == 1
        await opened.close()
        await closed.close()
