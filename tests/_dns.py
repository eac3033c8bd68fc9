"""An authoritative DNS server on loopback whose answers are scripted, over UDP and TCP."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

SILENT, SERVFAIL, TRUNCATED, GARBAGE, OTHER_ID, EMPTY = (
    "silent",
    "servfail",
    "truncated",
    "garbage",
    "other_id",
    "empty",
)


@dataclass
class DnsServer:
    """``texts``: TXT values by name (a tuple is one record of several strings); ``wild``: by the name above any label;
    ``aliases``: CNAME targets; ``faults``: how a name is answered instead. Any other name is NXDOMAIN. ``asked``: names, in order."""

    texts: dict[str, list[str | tuple[str, ...]]] = field(default_factory=dict)
    wild: dict[str, list[str | tuple[str, ...]]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def resolvers(self) -> tuple[tuple[str, int], ...]:
        """For ``DomainProofs``."""
        return (("127.0.0.1", self.port),)

    def answer(self, wire: bytes, tcp: bool) -> bytes | None:
        """The reply to a question; None: none."""
        query = dns.message.from_wire(wire)
        asked = query.question[0].name
        name = asked.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        fault = self.faults.get(name)
        if fault == SILENT:
            return None
        if fault == GARBAGE:
            return wire[:2] + b"\xff" * 30
        reply = dns.message.make_response(query)
        if fault == SERVFAIL:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif fault == TRUNCATED and not tcp:
            reply.flags |= dns.flags.TC
        elif fault != EMPTY:
            self._fill(reply, asked)
        raw: bytes = reply.to_wire(max_size=65_535)
        return bytes([raw[0] ^ 0xFF]) + raw[1:] if fault == OTHER_ID else raw

    def _fill(self, reply: dns.message.Message, asked: dns.name.Name) -> None:
        name, seen = asked, set()
        while (target := self.aliases.get(_plain(name))) is not None and name not in seen:
            seen.add(name)
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", f"{target}."))
            name = dns.name.from_text(target)
        values = self.texts.get(_plain(name)) or self.wild.get(_plain(name.parent()))
        if values:
            records = [(one,) if isinstance(one, str) else one for one in values]
            quoted = [
                " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in one) for one in records
            ]
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
        elif not reply.answer:
            reply.set_rcode(dns.rcode.NXDOMAIN)


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._server.answer(data, tcp=False)
        if reply is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def serve_dns() -> AsyncIterator[DnsServer]:
    """A server with nothing in it, on one free port of both protocols."""
    server = DnsServer()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        reply = server.answer(await reader.readexactly(size), tcp=True)
        if reply is not None:
            writer.write(struct.pack("!H", len(reply)) + reply)
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(server), local_addr=("127.0.0.1", server.port))
    try:
        yield server
    finally:
        transport.close()
        listener.close()
