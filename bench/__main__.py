"""Measures: one server process on one core, load from the other. ``python -m bench [--quick]``."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from tests._postgres import Postgres

from .measuring import QUICK, Row, free_port, load, server
from .peers import AUTHLIB, HERE, MEMORY, TOOLKIT, measure_peer, on_postgres, posting
from .report import report

CALLBACK = "https://app.example/callback"
LIMITS = ("APP", "USER", "ASSET", "BUSINESS", "WRITES")


def rotating(pairs: list[tuple[str, str]]) -> str:
    """A wrk script that asks with another token at each request."""
    paths = ",".join(f'"/v26.0/{page}?fields=user_access_expire_time&access_token={token}"' for token, page in pairs)
    return f"local paths = {{{paths}}}\nlocal n = 0\nrequest = function() n = n % #paths + 1; return wrk.format('GET', paths[n]) end\n"


def exchanging(data: dict[str, object]) -> str:
    """A wrk script that exchanges another code at each request and stops when there is none left."""
    codes = ",".join(f'"{code}"' for code in data["codes"])  # type: ignore[attr-defined]
    base = urlencode(
        {"client_id": data["app"], "client_secret": data["secret"], "redirect_uri": CALLBACK}, quote_via=quote
    )
    return (
        f"local codes = {{{codes}}}\nlocal n = 0\n"
        "request = function() n = n + 1; if n >= #codes then wrk.thread:stop() end\n"
        f'return wrk.format("GET", "/v26.0/oauth/access_token?{base}&code=" .. codes[math.min(n, #codes)]) end\n'
    )


@contextmanager
def workbadge(database: str, folder: Path, grants: int) -> Iterator[tuple[int, str, dict[str, object]]]:
    """The live server on a seeded database: pid, address, what the load needs."""
    port = free_port()
    environment = {
        **{f"WORKBADGE_LIMIT_{name}": "0" for name in LIMITS},  # counted and told as ever, but never reached
        "WORKBADGE_DATABASE": database,
        "WORKBADGE_BASE_URL": f"http://127.0.0.1:{port}",
        "WORKBADGE_PORT": str(port),
        "WORKBADGE_KEY_FILE": str(folder / f"key-{port}"),
    }
    begun = time.monotonic()
    seeding = [sys.executable, "-m", "bench.seed", str(grants)]
    out = subprocess.run(seeding, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout
    print(f"seeded {grants} grants in {time.monotonic() - begun:.0f} s", flush=True)
    command = [str(Path(sys.executable).parent / "workbadge"), "serve"]
    with server(command, port, environment) as pid:
        yield pid, f"http://127.0.0.1:{port}", json.loads(out)


def batching(data: dict[str, Any]) -> str:
    """A wrk script that reads fifty different assets in one request."""
    urls = [f"{page}?fields=user_access_expire_time" for page in data["pages"]]
    batch = json.dumps([{"method": "GET", "relative_url": url} for url in urls])
    body = urlencode({"access_token": data["token"], "include_headers": "false", "batch": batch}, quote_via=quote)
    return (
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\nwrk.body = "{body}"\n'
    )


def measure(engine: str, database: str, folder: Path, grants: int, full: bool) -> list[Row]:
    """All measurements on one database."""
    with workbadge(database, folder, grants) as (pid, base, data):
        one = f"{base}/v26.0/{data['page']}?fields=user_access_expire_time&access_token={data['token']}"
        answer = httpx.get(one, trust_env=False).json()
        assert "user_access_expire_time" in answer, answer
        size = f"{grants:.0e}".replace("e+0", "e")
        in_turn = rotating(data["rotating"])
        rows = [
            load(f"{engine}, {size} grants: (a) asset read, one token", pid, one),
            load(f"{engine}, {size} grants: (a) asset read, 3 000 tokens in turn", pid, base, in_turn),
        ]
        if not full:
            return rows
        debug = urlencode({"input_token": data["token"], "access_token": f"{data['app']}|{data['secret']}"})
        rows.append(load(f"{engine}: (b) debug_token", pid, f"{base}/v26.0/debug_token?{debug}"))
        rows.append(load(f"{engine}: (c) code exchange", pid, base, exchanging(data), 3, warm=False))
        ask = urlencode({"client_id": data["app"], "redirect_uri": CALLBACK, "state": "s", "scope": "public_profile"})
        cookie = f'wrk.headers["Cookie"] = "wb={data["cookie"]}"'
        rows.append(load(f"{engine}: (d) login dialog to code", pid, f"{base}/dialog/oauth?{ask}", cookie, 3))
        rows.append(load(f"{engine}: batch of 50 asset reads", pid, f"{base}/v26.0", batching(data)))
        rows.append(introspect(engine, pid, base, data))
        return rows


def introspect(engine: str, pid: int, base: str, data: dict[str, Any]) -> Row:
    """Introspection of one live token, with the expiry of each asset that it reaches."""
    basic = "Basic " + base64.b64encode(f"{data['app']}:{data['secret']}".encode()).decode()
    address = f"{base}/oauth/introspect"
    answer = httpx.post(
        address, data={"token": data["token"]}, headers={"Authorization": basic}, trust_env=False
    ).json()
    assert answer["active"] is True, answer
    return load(f"{engine}: introspection", pid, address, posting(f"token={data['token']}", basic))


def bare() -> Row:
    port = free_port()
    with server([sys.executable, "-m", "bench.constant", str(port)], port) as pid:
        return load("bare Starlette, a constant", pid, f"http://127.0.0.1:{port}/v26.0")


def main() -> None:
    """Everything in one run; the peers that a goal compares with come right beside what they are compared to."""
    postgres = Postgres()
    with tempfile.TemporaryDirectory(prefix="workbadge-bench-") as name:
        folder = Path(name)
        rows = [bare(), measure_peer(MEMORY, folder)]
        rows += measure("SQLite", f"sqlite:///{folder}/small.db", folder, 10_000, True)
        if not QUICK:
            rows += measure("SQLite", f"sqlite:///{folder}/large.db", folder, 1_000_000, False)
        rows.append(measure_peer(on_postgres(postgres.empty_database()), folder))
        rows += measure("PostgreSQL", postgres.empty_database(), folder, 10_000, True)
        rows += [measure_peer(peer, folder) for peer in (TOOLKIT, AUTHLIB)]
    (HERE / "README.md").write_text(report(rows))
    print((HERE / "README.md").read_text())


if __name__ == "__main__":
    main()
