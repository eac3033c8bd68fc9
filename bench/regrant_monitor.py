"""The monitor of regrant at size: ``python -m bench.regrant_monitor [tokens] [assets of each]``.

A simulated day over a SQLite file, against a transport that answers from memory: calls, processor time of the process (that of the
answers included), and memory before and after. Nothing leaves the process.
"""

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import create_engine, event, insert

from regrant import App, Client, LocalKeys, Monitor, Secret, Vault, tables
from regrant.sql import SqlStorage

APP = App("11", Secret("our secret"), base="https://graph.example")
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
TENANTS = 100


class Bench:
    """A day that passes hour by hour."""

    def __init__(self, folder: Path) -> None:
        self.now = BEGIN
        self.calls = 0
        self.engine = create_engine(f"sqlite:///{folder / 'regrant.db'}")
        with self.engine.connect() as tx:
            tx.exec_driver_sql("PRAGMA journal_mode = WAL")
        event.listen(self.engine, "connect", lambda one, _: one.execute("PRAGMA synchronous = OFF"))
        self.storage = SqlStorage(self.engine)
        self.storage.create()
        self.keys = LocalKeys({"m1": LocalKeys.new_key()}, "m1")

    def fill(self, tokens: int, assets: int) -> None:
        """Tokens through the vault, their assets straight into the table."""
        vaults = [
            Vault(f"tenant{number}", self.storage, self.keys, lambda: self.now)
            for number in range(min(TENANTS, tokens))
        ]
        connections = [vault.add_connection(APP.id) for vault in vaults]
        for number in range(tokens):
            vault, connection = vaults[number % len(vaults)], connections[number % len(vaults)]
            token = vault.add_token(connection.id, Secret(f"EAA{number:0100}"), holder=str(number))
            row = {
                **{
                    "tenant": vault.tenant,
                    "connection": connection.id,
                    "app": APP.id,
                    "kind": "page",
                    "name": "",
                    "token": token.id,
                },
                **{"sealed": None, "state": "ok", "reason": None, "until": None, "changed_at": self.now, "version": 1},
            }
            with self.engine.begin() as tx:
                tx.execute(
                    insert(tables.asset), [{**row, "asset": f"{number * assets + one}"} for one in range(assets)]
                )

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Every asset is reached."""
        self.calls += 1
        return httpx.Response(200, json={id: {"id": id} for id in request.url.params["ids"].split(",")})

    def day(self) -> None:
        """Twenty-four hours, a round in each, with no limit."""
        http = httpx.Client(transport=httpx.MockTransport(self.answer))
        monitor = Monitor(Client(APP, http, clock=lambda: self.now), self.storage, self.keys, lambda: self.now)
        for _ in range(24):
            monitor.check(10**9)
            self.now += timedelta(hours=1)


def main() -> None:
    """Fill, let two days pass, tell of the second."""
    tokens, assets = (int(one) for one in (sys.argv[1:] + ["1000", "50"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.fill(tokens, assets)
        bench.day()
        first, bench.calls, began = _memory(), 0, time.process_time()
        bench.day()
        used = time.process_time() - began
        print(f"{tokens} tokens with {assets} assets each: {tokens * assets} assets")
        print(f"calls a day: {bench.calls} ({bench.calls / tokens:.2f} a token)")
        print(f"processor time: {used:.1f} s a day, {used / bench.calls * 1000:.2f} ms a call")
        print(f"most memory: {first} MiB after one day, {_memory()} MiB after two")


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
