"""Outgoing HTTP to addresses that somebody else chose: every address is checked, and the checked one is connected to.

No redirects, no proxies from the environment, small answers, short time. Sources: WB-17, WB-18, ``house.md`` §7.
"""

import asyncio
import ipaddress
import socket
import ssl
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx2

SECONDS = 10
ANSWER_LIMIT = 65_536


class OutgoingError(Exception):
    """A delivery failed; the message says why in words that are safe to show. ``final``: do not try again. ``gone``: the
    receiver says that it is gone for good."""

    def __init__(self, message: str, final: bool = False, gone: bool = False) -> None:
        super().__init__(message)
        self.final = final or gone
        self.gone = gone


class Outgoing:
    """Requests to URLs of apps. ``allow_private``: also private and loopback addresses (test set-ups)."""

    def __init__(self, allow_private: bool) -> None:
        self.allow_private = allow_private

    @cached_property
    def _client(self) -> httpx2.AsyncClient:
        """Made when first used: most sites never call anybody. It keeps nothing from one request to the next: no cookies, for
        hosts that share an address are strangers, and no connection, for it was verified for one host's name alone."""
        nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        single = httpx2.Limits(max_keepalive_connections=0)
        return httpx2.AsyncClient(
            timeout=SECONDS, follow_redirects=False, trust_env=False, cookies=nothing, limits=single
        )

    async def close(self) -> None:
        """Close the client."""
        if "_client" in vars(self):
            await self._client.aclose()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> bytes:
        """POST a body (JSON unless ``headers`` say otherwise); 2xx is success. The answer's first 64 KiB. Raises OutgoingError."""
        status, answer = await self._send("POST", url, body, {"Content-Type": "application/json", **headers})
        if not 200 <= status < 300:
            raise OutgoingError(f"expected 200, got {status}", gone=status == 410)
        return answer

    async def get(self, url: str, headers: dict[str, str] | None = None) -> bytes:
        """GET; only 200 is success. The answer's first 64 KiB. Raises OutgoingError."""
        status, answer = await self._send("GET", url, None, headers or {})
        if status != 200:
            raise OutgoingError(f"expected 200, got {status}")
        return answer

    async def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and the first 64 KiB of the answer. Raises OutgoingError."""
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
            raise OutgoingError("expected an http(s) address with a host")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await self._resolve(parts.hostname, port)
        host = f"[{address}]" if ":" in address else address
        target = f"{parts.scheme}://{host}:{port}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
        sent = {**headers, "Host": parts.netloc, "User-Agent": "Workbadge", "Accept-Encoding": "identity"}
        extensions = {"sni_hostname": parts.hostname}
        try:
            async with (
                asyncio.timeout(SECONDS * 2),
                self._client.stream(method, target, content=body, headers=sent, extensions=extensions) as answer,
            ):
                return answer.status_code, await self._drain(answer)
        except (httpx2.HTTPError, ssl.SSLError, TimeoutError, OSError) as error:
            raise OutgoingError(f"{type(error).__name__} from {parts.hostname}") from error

    async def _drain(self, answer: httpx2.Response) -> bytes:
        """As much of the answer as is looked at, as it was sent: nothing is unpacked (WB-18)."""
        kept = b""
        async for part in answer.aiter_raw():
            kept += part
            if len(kept) > ANSWER_LIMIT:
                return kept[:ANSWER_LIMIT]
        return kept

    async def _resolve(self, host: str, port: int) -> str:
        """One address of the host, all of whose addresses are allowed. Raises OutgoingError."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise OutgoingError(f"{host} does not resolve") from error
        addresses = [str(one[4][0]) for one in found]
        if not addresses or not all(self._allowed(one) for one in addresses):
            raise OutgoingError(f"{host} is not a public address")
        return addresses[0]

    def _allowed(self, address: str) -> bool:
        """A public address, in every form that one can be written in."""
        return self.allow_private or is_public(address)


def is_public(address: str) -> bool:
    """Whether an IP address is public, in every form that one can be written in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    teredo = getattr(ip, "teredo", None)
    inner = [one for one in (mapped, *(teredo or ())) if one is not None]
    if ip in ipaddress.ip_network("64:ff9b::/96") if ip.version == 6 else False:
        inner.append(ipaddress.ip_address(int(ip) & 0xFFFFFFFF))
    return all(one.is_global and not one.is_multicast for one in (ip, *inner))


_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")


def is_private_name(host: str) -> bool:
    """Whether a host can be seen, without looking it up, to be no public one: an address that is not public in any notation
    that a resolver takes, a local name, or a name without a dot."""
    plain = host.rstrip(".").lower()
    try:
        return not is_public(plain)
    except ValueError:
        pass
    try:
        return not is_public(socket.inet_ntoa(socket.inet_aton(plain)))
    except OSError:
        return "." not in plain or any(plain == one or plain.endswith(f".{one}") for one in _LOCAL_NAMES)
