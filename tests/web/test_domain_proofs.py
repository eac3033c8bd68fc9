"""Looking up a domain's proof against a DNS server and a web server of the tests' own (AC-02 – AC-04)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests._dns import EMPTY, GARBAGE, OTHER_ID, SERVFAIL, SILENT, TRUNCATED, DnsServer, serve_dns
from workbadge.config import ConfigError, load_config
from workbadge.terms.domains import Found, Method, Outcome, proof_value, record_name
from workbadge.web.domain_proofs import DomainProofs, read_resolvers
from workbadge.web.outgoing import Outgoing

pytestmark = pytest.mark.anyio
NAME, TOKEN = "harbour-goods.com", "T0ken" * 8
VALUE, AT = proof_value(TOKEN), record_name(NAME)


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    """A DNS server with nothing in it."""
    async with serve_dns() as dns:
        yield dns


async def look(server: DnsServer, seconds: float = 1.0) -> Found:
    """Look for the record."""
    return await DomainProofs(Outgoing(False), server.resolvers, seconds=seconds).look(NAME, TOKEN, Method.DNS)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([VALUE], Outcome.FOUND),
        (["v=spf1 -all", VALUE], Outcome.FOUND),
        ([*(f"other-{number}" for number in range(60)), VALUE], Outcome.FOUND),
        ([(VALUE[:20], VALUE[20:])], Outcome.FOUND),
        ([VALUE[:20], VALUE[20:]], Outcome.WRONG),
        (["nonsense"], Outcome.WRONG),
        ([f'"{VALUE}"'], Outcome.WRONG),
        ([VALUE.upper()], Outcome.WRONG),
        ([VALUE + " "], Outcome.WRONG),
        ([f"see {VALUE} here"], Outcome.WRONG),
        ([TOKEN], Outcome.WRONG),
    ],
)
async def test_only_the_exact_value_is_found(
    server: DnsServer, values: list[str | tuple[str, ...]], outcome: Outcome
) -> None:
    """AC-03: alone, among others, or in several strings of one record; never quoted, in another case, longer, or in pieces."""
    server.texts[AT] = values
    found = await look(server)
    assert found.outcome is outcome
    assert found.received or outcome is Outcome.FOUND


async def test_only_the_exact_label_counts(server: DnsServer) -> None:
    """AC-03: the value at the domain itself or at another label is not seen."""
    server.texts[NAME] = server.texts[f"_workbadge.{NAME}"] = [VALUE]
    assert (await look(server)).outcome is Outcome.NO_DOMAIN


async def test_a_wildcard_proves_nothing(server: DnsServer) -> None:
    """AC-03: where any label is answered with the value it says nothing; a wildcard with other texts does no harm."""
    server.wild[NAME] = [VALUE]
    assert (await look(server)).outcome is Outcome.WILDCARD
    server.wild[NAME] = ["v=spf1 -all"]
    server.texts[AT] = [VALUE]
    assert (await look(server)).outcome is Outcome.FOUND


async def test_an_alias_proves_nothing(server: DnsServer) -> None:
    """AC-03: a CNAME to a zone that says the value is refused, with or without the value at its end, and a loop too."""
    server.aliases[AT], server.texts["x.elsewhere.com"] = "x.elsewhere.com", [VALUE]
    found = await look(server)
    assert found.outcome is Outcome.ALIAS and "x.elsewhere.com" in found.received
    server.aliases["x.elsewhere.com"] = AT
    assert (await look(server)).outcome in (Outcome.ALIAS, Outcome.NO_ANSWER)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (SERVFAIL, Outcome.NO_ANSWER),
        (SILENT, Outcome.NO_ANSWER),
        (GARBAGE, Outcome.NO_ANSWER),
        (OTHER_ID, Outcome.NO_ANSWER),
        (EMPTY, Outcome.MISSING),
        (TRUNCATED, Outcome.FOUND),
    ],
)
async def test_a_broken_server_costs_bounded_time(server: DnsServer, fault: str, outcome: Outcome) -> None:
    """AC-04: SERVFAIL, silence, rubbish, an answer to another question and an empty one prove nothing, within seconds, without an
    error; a cut answer is asked for again over TCP."""
    server.texts[AT], server.faults[AT] = [VALUE], fault
    began = time.monotonic()
    assert (await look(server, 0.5)).outcome is outcome
    assert time.monotonic() - began < 5


async def test_a_huge_answer_is_read_in_part(server: DnsServer) -> None:
    """AC-04: 60 kB of texts are answered over TCP; what is shown of them is short."""
    server.texts[AT] = [("x" * 250, "y" * 250)] * 1 + [f"{number:05}" + "z" * 240 for number in range(230)]
    found = await look(server)
    assert found.outcome is Outcome.WRONG and len(found.received) <= 200


async def test_nobody_there_is_no_answer() -> None:
    """AC-04: a resolver that does not listen is an outcome, no error."""
    async with serve_dns() as dns:
        gone = dns.resolvers
    proofs = DomainProofs(Outgoing(False), gone, seconds=0.5)
    assert (await proofs.look(NAME, TOKEN, Method.DNS)).outcome is Outcome.NO_ANSWER


async def test_a_mailed_code_runs_out(server: DnsServer) -> None:
    """O1: a proof by e-mail code cannot be looked up again; a record that was published since stands in for it."""
    proofs = DomainProofs(Outgoing(False), server.resolvers, seconds=1.0)
    assert (await proofs.look(NAME, TOKEN, Method.MAIL)).outcome is Outcome.TOO_OLD
    server.texts[AT] = [VALUE]
    assert (await proofs.look(NAME, TOKEN, Method.MAIL)).outcome is Outcome.FOUND


class _Here(Outgoing):
    """Every host is this machine."""

    async def _resolve(self, host: str, port: int) -> str:
        return "127.0.0.1"


@pytest.fixture
async def serve_file() -> AsyncIterator[Callable[[bytes], object]]:
    """Make a web server that gives one raw answer to everything; its port."""
    listeners: list[asyncio.Server] = []

    async def start(answer: bytes) -> int:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        listener = await asyncio.start_server(talk, "127.0.0.1", 0)
        listeners.append(listener)
        port: int = listener.sockets[0].getsockname()[1]
        return port

    yield start
    for one in listeners:
        one.close()


def page(body: str, status: str = "200 OK", more: str = "") -> bytes:
    """A whole answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (page(VALUE), Outcome.FOUND),
        (page(VALUE + "\r\n"), Outcome.FOUND),
        (page(f"<html>{VALUE}</html>"), Outcome.WRONG),
        (page("x" * 1000), Outcome.WRONG),
        (page(VALUE, "404 Not Found"), Outcome.MISSING),
        (page(VALUE, "302 Found", "Location: https://elsewhere.com/\r\n"), Outcome.NO_ANSWER),
        (page(VALUE, "500 Oops"), Outcome.NO_ANSWER),
        (b"rubbish", Outcome.NO_ANSWER),
    ],
)
async def test_a_file_proves_a_domain(serve_file: Callable[[bytes], object], answer: bytes, outcome: Outcome) -> None:
    """O1: a file that says exactly the value proves the domain; a page that repeats it, a redirect and an error do not."""
    port = await serve_file(answer)  # type: ignore[misc]
    proofs = DomainProofs(_Here(True), file_url=f"http://{{name}}:{port}/workbadge-verification.html")
    found = await proofs.look(NAME, TOKEN, Method.FILE)
    assert found.outcome is outcome and len(found.received) <= 200


async def test_a_file_is_not_fetched_from_inside(serve_file: Callable[[bytes], object]) -> None:
    """WB-17: a name that resolves to a private address is not asked."""
    port = await serve_file(page(VALUE))  # type: ignore[misc]
    proofs = DomainProofs(Outgoing(False), file_url=f"http://localhost:{port}/")
    found = await proofs.look(NAME, TOKEN, Method.FILE)
    assert found.outcome is Outcome.NO_ANSWER and "not a public address" in found.received


def test_resolvers_are_read_from_the_settings() -> None:
    """O1: the operator names resolvers by address; anything else is refused at the start, with what was expected."""
    assert read_resolvers("") == ()
    assert read_resolvers("192.0.2.1, [2001:db8::1]:5353 ,127.0.0.1:53000, ::1") == (
        ("192.0.2.1", 53),
        ("2001:db8::1", 5353),
        ("127.0.0.1", 53_000),
        ("::1", 53),
    )
    for text in ("dns.example", "192.0.2.1:x", "192.0.2.1:70000", "300.1.1.1"):
        with pytest.raises(ConfigError, match="dns_resolvers"):
            load_config(None, {"WORKBADGE_DNS_RESOLVERS": text})
