"""Real server processes of the live platform on one database, spoken to over HTTP only."""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 120
"""How long a process may take to be ready on a busy machine."""


@dataclass(frozen=True)
class Node:
    """One process. Sealing keys are those of ``tests.commands._world``."""

    url: str
    process: "subprocess.Popen[bytes]"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _start(database: str, folder: Path, port: int, base_url: str) -> "subprocess.Popen[bytes]":
    settings = {
        "WORKBADGE_DATABASE": database,
        "WORKBADGE_PORT": str(port),
        "WORKBADGE_BASE_URL": base_url,
        "WORKBADGE_KEY_FILE": str(folder / "workbadge.key"),
    }
    return subprocess.Popen([sys.executable, "-m", "workbadge.cli", "serve"], env={**os.environ, **settings})


def _await_ready(node: Node) -> None:
    """Ask until it is ready."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert node.process.poll() is None, f"the node ended with code {node.process.returncode}"
        try:
            if httpx.get(f"{node.url}/ready", timeout=10, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"{node.url} was not ready within {START_SECONDS} s")


@contextmanager
def running_nodes(database: str, folder: Path, count: int) -> Iterator[list[Node]]:
    """So many processes on a database, all ready, with one public address; stopped at the end."""
    (folder / "workbadge.key").write_text(f"k:{base64.b64encode(bytes(32)).decode()}\n")
    ports = [_free_port() for _ in range(count)]
    base_url = f"http://127.0.0.1:{ports[0]}"
    with ExitStack() as stack:
        nodes = []
        for port in ports:
            process = _start(database, folder, port, base_url)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            nodes.append(Node(f"http://127.0.0.1:{port}", process))
        for node in nodes:
            _await_ready(node)
        yield nodes
