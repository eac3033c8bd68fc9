"""Looking up a domain's proof: the TXT record through a resolver of the operator's choice, the file over HTTPS (O1, AC-02 – AC-04).

A look takes bounded time and never raises: whatever goes wrong is an outcome. What is due is looked at here and noted by
``commands.domains``.
"""

import asyncio
import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rcode
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from workbadge.commands.domains import note_found
from workbadge.commands.errors import CommandError, not_found
from workbadge.commands.services import Services
from workbadge.commands.transaction import in_transaction
from workbadge.keys import Entropy
from workbadge.store import domains as rows
from workbadge.terms.domains import FILE, Found, Method, Outcome, proof_value, record_name

from .outgoing import Outgoing, OutgoingError

SECONDS = 5.0
"""For one question; a look asks two at most."""

MOST_RECORDS = 100
SHOWN = 200
BUSY_FOR = timedelta(minutes=2)
"""A claim that is being looked at is left alone for so long; a crash delays it by that at most."""


def read_resolvers(text: str) -> tuple[tuple[str, int], ...]:
    """Addresses of resolvers with their ports from ``192.0.2.1, [2001:db8::1]:5353``; empty: the system's. Raises ValueError."""
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        host, _, port = one.rpartition(":") if one.count(":") == 1 or "]:" in one else (one, "", "53")
        try:
            address = str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            raise ValueError(f"expected IP addresses of DNS resolvers, got {one[:80]!r}") from None
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError(f"expected a port from 1 to 65535, got {one[:80]!r}")
        found.append((address, int(port)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class DomainProofs:
    """Looks proofs up. ``resolvers``: addresses with ports, empty: the system's. ``file_url``: where the file lies, by ``name``."""

    outgoing: Outgoing
    resolvers: tuple[tuple[str, int], ...] = ()
    file_url: str = f"https://{{name}}/{FILE}"
    entropy: Entropy = field(default_factory=Entropy)
    seconds: float = SECONDS

    async def look(self, name: str, token: str, method: Method) -> Found:
        """Look for one proof of ``name`` (an A-label form) with ``token``. A code that was mailed cannot be looked up: an admin may
        have published the record since, else the proof has run out."""
        if method is Method.FILE:
            return await self._file(name, token)
        found = await self._record(name, token)
        return Found(Outcome.TOO_OLD) if method is Method.MAIL and found.outcome is not Outcome.FOUND else found

    async def _record(self, name: str, token: str) -> Found:
        """One exact value at the exact label, by no alias and no wildcard (AC-03)."""
        found, values = await self._ask(record_name(name))
        if found is not None:
            return found
        expected = proof_value(token)
        if expected not in values:
            return Found(Outcome.WRONG, "; ".join(values)[:SHOWN])
        _, others = await self._ask(f"_workbadge-{self.entropy.text(16).lower()}.{name}")
        return Found(Outcome.WILDCARD, expected) if expected in others else Found(Outcome.FOUND)

    async def _ask(self, label: str) -> tuple[Found | None, list[str]]:
        """The TXT values at ``label``, or why there are none."""
        try:
            resolver = self._resolver()
            async with asyncio.timeout(self.seconds * 2):
                answer = await resolver.resolve(label, "TXT", search=False, lifetime=self.seconds)
        except dns.resolver.NXDOMAIN:
            return Found(Outcome.NO_DOMAIN), []
        except dns.resolver.NoAnswer as error:
            alias = error.response().answer  # type: ignore[no-untyped-call]
            return (Found(Outcome.ALIAS, str(alias[0])[:SHOWN]) if alias else Found(Outcome.MISSING)), []
        except (dns.exception.DNSException, OSError, TimeoutError, ValueError, EOFError) as error:
            return Found(Outcome.NO_ANSWER, type(error).__name__), []
        if answer.canonical_name != dns.name.from_text(label):
            return Found(Outcome.ALIAS, f"CNAME {answer.canonical_name}"[:SHOWN]), []
        texts = [b"".join(one.strings) for one in list(answer)[:MOST_RECORDS] if isinstance(one, TXT)]
        return None, [_printable(one) for one in texts]

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=not self.resolvers)
        if self.resolvers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in self.resolvers]
        return resolver

    async def _file(self, name: str, token: str) -> Found:
        """The file says exactly the value, but for blanks around it. No redirect is followed."""
        try:
            body = await self.outgoing.get(self.file_url.format(name=name))
        except OutgoingError as error:
            said = str(error)
            outcome = Outcome.MISSING if said.endswith(("404", "410")) else Outcome.NO_ANSWER
            return Found(outcome, said[:SHOWN])
        if body.strip() == proof_value(token).encode():
            return Found(Outcome.FOUND)
        return Found(Outcome.WRONG, _printable(body.strip()[:SHOWN]))


def _printable(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


async def check_due(services: Services, proofs: DomainProofs, now: datetime, limit: int = 20) -> int:
    """Look at the domains whose time has come, at most ``limit``, earliest first. How many. Several workers share them."""
    for count in range(limit):
        async with services.store.read() as tx:
            if not await rows.has_check(tx, now):
                return count
        claim = await in_transaction(services, lambda tx: rows.take_check(tx, now, now + BUSY_FOR))
        if claim is None:
            return count
        await _check(services, proofs, claim.id, claim.name, claim.token, claim.method, now)
    return limit


async def check_now(services: Services, proofs: DomainProofs, claim_id: int, method: Method, now: datetime) -> Found:
    """Look at one claim because somebody asked; what was found is noted. Raises NOT_FOUND."""
    async with services.store.read() as tx:
        claim = await rows.find_claim(tx, claim_id)
    if claim is None:
        raise not_found("claim of a domain")
    found = await proofs.look(claim.name, claim.token, method)
    await in_transaction(services, lambda tx: note_found(tx, services, claim_id, claim.token, method, found, now))
    return found


async def _check(
    services: Services, proofs: DomainProofs, claim_id: int, name: str, token: str, method: str | None, now: datetime
) -> None:
    how = Method.DNS if method is None else Method(method)
    found = await proofs.look(name, token, how)
    if how is Method.MAIL and found.outcome is Outcome.FOUND:
        how = Method.DNS
    try:
        await in_transaction(services, lambda tx: note_found(tx, services, claim_id, token, how, found, now))
    except CommandError:
        return
