"""One measurement: a server process on one core, load from the other."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

QUICK = "--quick" in sys.argv
SECONDS = 3 if QUICK else 8


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
    """User and system time so far of a process and its workers."""
    spent = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(stat.parent.name) == pid or int(fields[1]) == pid:
            spent += int(fields[11]) + int(fields[12])
    return spent / os.sysconf("SC_CLK_TCK")


def load(name: str, pid: int, url: str, script: str = "", seconds: int = SECONDS, warm: bool = True) -> Row:
    """wrk on core 1, 32 connections; warmed up first, unless each request can be made only once."""
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c32", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        extra: list[str] = []
        if script:
            file.write(script)
            file.flush()
            extra = ["-s", file.name]
        if warm:
            subprocess.run([*command, "-d2", *extra, url], capture_output=True, check=True)
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
