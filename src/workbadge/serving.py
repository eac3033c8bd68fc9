"""Running a server process: a socket, uvicorn, and a word when it is ready."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp


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


def settings_for(application: ASGIApp, lifespan: bool = False) -> uvicorn.Config:
    """uvicorn's settings for every server here."""
    return uvicorn.Config(
        application,
        lifespan="on" if lifespan else "off",
        log_level="warning",
        access_log=False,
        server_header=False,
        http="httptools",
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


async def serve(servers: list[tuple[ASGIApp, socket.socket]], ready: Callable[[], None]) -> None:
    """Serve every application on its socket until the process is told to stop; ``ready`` is called once, when all are."""
    waiting = len(servers)

    def one_ready() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            ready()

    running = [_Server(settings_for(application), one_ready) for application, _ in servers]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listening]))
        for server, (_, listening) in zip(running, servers, strict=True)
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
