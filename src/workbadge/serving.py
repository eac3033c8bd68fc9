"""Running a server process: a socket, uvicorn, and a word when it is ready."""

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from workbadge.web.wire import WHOLE


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which also takes a whole answer in one piece (decision record 13)."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: dict[str, Any] = cycle.scope  # type: ignore[assignment]
        scope["extensions"] = {WHOLE: partial(_write_whole, cycle)}
        super()._start_asgi_task(cycle, app)


def _write_whole(cycle: RequestResponseCycle, status: int, head: bytes, body: bytes) -> bool:
    """Write an answer at once: ``head`` is its header lines. False when nothing was written and it has to go the ordinary way:
    the reader is slow, gone, or wants no body, or the connection is to be closed."""
    if cycle.response_started or cycle.disconnected or cycle.flow.write_paused or not cycle.keep_alive:
        return False
    if cycle.scope["method"] == "HEAD":
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    standing = b"".join([b"%s: %s\r\n" % one for one in cycle.default_headers])
    cycle.transport.write(b"".join((STATUS_LINE[status], standing, head, b"\r\n", body)))
    cycle.message_event.set()
    cycle.on_response()
    return True


@dataclass(frozen=True, slots=True)
class Tls:
    """What a server presents: PEM files."""

    chain: Path
    key: Path


def settings_for(application: ASGIApp, lifespan: bool = False, tls: Tls | None = None) -> uvicorn.Config:
    """uvicorn's settings for every server here."""
    return uvicorn.Config(
        application,
        interface="asgi3",
        lifespan="on" if lifespan else "off",
        log_level="warning",
        access_log=False,
        server_header=False,
        http=_Protocol,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        ssl_certfile=None if tls is None else tls.chain,
        ssl_keyfile=None if tls is None else tls.key,
    )


def leave_startup_alone() -> None:
    """From here on the garbage collector looks only at what requests make. A full collection of all that was loaded holds the event
    loop for some 50 ms, every few thousand requests."""
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            leave_startup_alone()
            self._ready()


Listener: TypeAlias = tuple[ASGIApp, socket.socket] | tuple[ASGIApp, socket.socket, Tls]
"""An application, the socket it is served on, and how, when that is TLS."""


async def serve(servers: Sequence[Listener], ready: Callable[[], None]) -> None:
    """Serve every application on its socket until the process is told to stop; ``ready`` is called once, when all are."""
    waiting = len(servers)

    def one_ready() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            ready()

    running = [_Server(settings_for(one[0], tls=one[2] if len(one) == 3 else None), one_ready) for one in servers]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listening]))
        for server, (_, listening, *_tls) in zip(running, servers, strict=True)
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for server in running:
            server.should_exit = True
        await asyncio.gather(*tasks)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run an async program on uvloop."""
    uvloop.run(main)
