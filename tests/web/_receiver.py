"""An app's receiver of webhooks: a real HTTP server on this machine that keeps what it gets."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Got:
    """One request as it came."""

    method: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries of a webhook, in order."""
        return list(json.loads(self.body)["entry"])

    @property
    def entry(self) -> dict[str, Any]:
        """The one entry of a webhook."""
        (found,) = json.loads(self.body)["entry"]
        return dict(found)

    def signed_by(self, secret: str) -> bool:
        """Whether both signatures are those of the raw body under the secret (wire.md 6.3)."""
        return all(
            self.headers[header] == f"{name}={hmac.new(secret.encode(), self.body, made).hexdigest()}"
            for header, name, made in (
                ("x-hub-signature-256", "sha256", hashlib.sha256),
                ("x-hub-signature", "sha1", hashlib.sha1),
            )
        )


@dataclass
class Hook:
    """``status``, ``get_status``: what a POST and a handshake are answered; ``echo``: what a handshake is answered (None: its challenge); ``answer``: the
    body of the answer to a POST."""

    verify_token: str = "open sesame"
    status: int = 200
    get_status: int = 200
    echo: bytes | None = None
    answer: bytes = b""
    port: int = 0
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The receiver's address."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def posts(self) -> list[Got]:
        """Requests without handshakes."""
        return [one for one in self.got if one.method == "POST"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        query = {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
        self.got.append(Got(method, query, headers, body))
        status, answer = self.status, self.answer
        if method == "GET":
            status = self.get_status if query.get("hub.verify_token") == self.verify_token else 403
            answer = query.get("hub.challenge", "").encode() if self.echo is None else self.echo
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode() + answer
        )
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(hook: Hook | None = None) -> AsyncIterator[Hook]:
    """The receiver listens during the block."""
    made = hook or Hook()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
