"""Peers: other servers that do introspection, measured in the same run with the same load."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from .measuring import Row, free_port, load, server

HERE = Path(__file__).parent
AUTH = ("bench", "bench-secret")
BASIC = "Basic YmVuY2g6YmVuY2gtc2VjcmV0"


@dataclass(frozen=True)
class Peer:
    """One of them. ``command``: given its port and a folder of its own; ``form``: what a token is asked for with."""

    name: str
    command: Callable[[int, Path], list[str]]
    token: str
    introspection: str
    form: dict[str, str]


def _node(*more: str) -> Callable[[int, Path], list[str]]:
    node = shutil.which("node") or "node"
    return lambda port, folder: [node, str(HERE / "js" / "provider.mjs"), str(port), *more]


def _python(module: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: [sys.executable, "-m", module, str(port), str(folder)]


MEMORY = Peer(
    "oidc-provider (npm), in memory", _node(), "/token", "/token/introspection", {"grant_type": "client_credentials"}
)
TOOLKIT = Peer(
    "django-oauth-toolkit, SQLite",
    _python("bench.toolkit"),
    "/o/token/",
    "/o/introspect/",
    {"grant_type": "client_credentials", "scope": "introspection"},
)
AUTHLIB = Peer(
    "Authlib on Flask, SQLite",
    _python("bench.authlib_site"),
    "/token",
    "/introspect",
    {"grant_type": "client_credentials"},
)


def on_postgres(database: str) -> Peer:
    """The same as ``MEMORY`` with everything in PostgreSQL."""
    return Peer("oidc-provider (npm), PostgreSQL", _node(database), MEMORY.token, MEMORY.introspection, MEMORY.form)


def posting(body: str, basic: str = BASIC) -> str:
    """A wrk script that posts a form with a client's credentials."""
    return (
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n'
        f'wrk.headers["Authorization"] = "{basic}"\nwrk.body = "{body}"\n'
    )


def measure_peer(peer: Peer, folder: Path) -> Row:
    """Introspection of one live token."""
    port = free_port()
    environment = {"NODE_ENV": "production", "AUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with server(peer.command(port, folder), port, environment) as pid, httpx.Client(trust_env=False) as client:
        base = f"http://127.0.0.1:{port}"
        token = client.post(base + peer.token, data=peer.form, auth=AUTH).json()["access_token"]
        answer = client.post(base + peer.introspection, data={"token": token}, auth=AUTH).json()
        assert answer["active"] is True, answer
        return load(f"{peer.name}: introspection", pid, base + peer.introspection, posting(f"token={token}"))
