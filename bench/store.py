"""What the store costs, without a server: ``python -m bench.store [grants] [postgresql://…]``.

CPU time of this process per call (on PostgreSQL: of the client only), and how long durable commits hold the event loop.
"""

import asyncio
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from workbadge.store import facts, visible
from workbadge.store.engine import Store, StoreSettings
from workbadge.store.opening import open_store
from workbadge.store.schema import metadata
from workbadge.store.visible import Filter, Viewer
from workbadge.terms.ids import make_id
from workbadge.terms.kinds import AccountKind, NodeKind

T0 = datetime(2026, 5, 4, 10, tzinfo=UTC)
PAGES = 1_000
BATCH = 20_000
CALLS = 5_000


def nid(kind: NodeKind, number: int) -> int:
    return int(make_id(kind, number))


class Unkept:
    """A reader that keeps no facts between calls."""

    def __init__(self, store: Store) -> None:
        self.hot = store.hot

    def memo(self) -> None:
        return None


def person(number: int) -> dict[str, dict[str, Any]]:
    """One member with a grant, a target and a token."""
    account, grant = nid(NodeKind.ACCOUNT, number), nid(NodeKind.RECORD, number)
    member, page = nid(NodeKind.MEMBERSHIP, number), nid(NodeKind.PAGE, 2 * (number % (PAGES // 2)))
    scopes = "pages_show_list,public_profile"
    business, app = nid(NodeKind.BUSINESS, 0), nid(NodeKind.APP, 1)
    made = {"created_at": T0}
    return {
        "account": {"id": account, "kind": "personal", "name": "", "email_key": str(number), "locale": "", **made},
        "membership": {"id": member, "account_id": account, "business_id": business, "role": "EMPLOYEE", "starts": T0},
        "assignment": {"membership_id": member, "asset_id": page, "tasks": 3},
        "app_grant": {
            **{"id": grant, "account_id": account, "app_id": app, "scopes": scopes, "declined": ""},
            **{"consented_at": T0, **made},
        },
        "grant_target": {"grant_id": grant, "target_id": page, "business_id": business, "selected_at": T0},
        "token": {
            **{"hash": hash_of(number), "kind": "user", "app_id": app, "grant_id": grant, "account_id": account},
            **{"scopes": scopes, "authorized_at": T0, "issued_at": T0, "expires_at": T0 + timedelta(days=60)},
        },
    }


def hash_of(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


async def fill(store: Store, grants: int) -> None:
    await store.create()
    common = {"name": "", "created_at": T0}
    async with store.write() as tx:
        businesses = [{"id": nid(NodeKind.BUSINESS, number), **common} for number in range(2)]
        await tx.run(insert(metadata.tables["business"]), businesses)
        app = {"id": nid(NodeKind.APP, 1), "secret": b"s", "redirect_uris": "[]", "require_proof": 0, **common}
        await tx.run(insert(metadata.tables["app"]), [app])
        pages = [
            {
                "id": nid(NodeKind.PAGE, n),
                "kind": "page",
                "business_id": businesses[n % 2]["id"],
                "details": "{}",
                **common,
            }
            for n in range(PAGES)
        ]
        await tx.run(insert(metadata.tables["asset"]), pages)
    for start in range(0, grants, BATCH):
        people = [person(number) for number in range(start, min(start + BATCH, grants))]
        async with store.write() as tx:
            for table in people[0]:
                await tx.run(insert(metadata.tables[table]), [one[table] for one in people])


async def timed(name: str, call: Callable[[int], Awaitable[Any]], numbers: list[int]) -> None:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for number in numbers:
            await call(number)
        best = min(best, (time.process_time() - start) / len(numbers))
    print(f"{name:44}{best * 1e6:8.1f} µs")


async def reads(store: Store, grants: int) -> None:
    unkept = Unkept(store)
    numbers = random.Random(1).sample(range(grants), min(CALLS, grants))

    def page(number: int) -> int:
        return nid(NodeKind.PAGE, 2 * (number % (PAGES // 2)))

    many = [nid(NodeKind.PAGE, 2 * number) for number in range(25)]
    await timed("facts of token and asset", lambda n: facts.load(unkept, hash_of(n), page(n)), numbers)
    await timed("facts of token alone", lambda n: facts.load(unkept, hash_of(n)), numbers)
    await timed(
        "facts of token and business", lambda n: facts.load(unkept, hash_of(n), nid(NodeKind.BUSINESS, 0)), numbers
    )
    await timed("facts of token and 25 assets", lambda n: facts.load_many(unkept, hash_of(n), many), numbers[:500])
    await timed("facts of token and asset, kept", lambda n: facts.load(store, hash_of(n), page(n)), numbers)
    async with store.read() as tx:
        wanted = Filter(frozenset({NodeKind.PAGE}))

        async def listed(number: int) -> None:
            viewer = Viewer(nid(NodeKind.ACCOUNT, number), AccountKind.PERSONAL, nid(NodeKind.RECORD, number), T0)
            assert (await visible.page(tx, viewer, wanted, T0, 25)).ids == [page(number)]

        await timed("list of a token's pages", listed, numbers)


async def commits(store: Store, grants: int) -> None:
    """How long the loop stands still while durable commits run one after the other and hot reads go on."""
    unkept = Unkept(store)
    choice = random.Random(2)
    gaps: list[float] = []
    done = False

    async def probe() -> None:
        last = time.perf_counter()
        while not done:
            number = choice.randrange(grants)
            await facts.load(unkept, hash_of(number), nid(NodeKind.PAGE, 2 * (number % (PAGES // 2))))
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    probing = asyncio.create_task(probe())
    table = metadata.tables["setting"]
    start, count = time.perf_counter(), 500
    for number in range(count):
        async with store.write() as tx:
            await tx.run(insert(table), [{"name": str(number), "value": "x" * 500}])
    took = time.perf_counter() - start
    done = True
    await probing
    gaps.sort()
    print(f"{'durable commits, one after another':44}{count / took:8.0f} /s")
    print(f"{'turns of the loop meanwhile, a read each: median':44}{gaps[len(gaps) // 2] * 1e6:8.1f} µs")
    print(f"{'  99.9 %':44}{gaps[int(len(gaps) * 0.999)] * 1e6:8.1f} µs")
    print(f"{'  longest':44}{gaps[-1] * 1e6:8.1f} µs")


async def main(grants: int, url: str) -> None:
    async with open_store(StoreSettings(url)) as store:
        await fill(store, grants)
        print(f"{store.engine}, {grants} grants")
        await reads(store, grants)
        await commits(store, grants)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1:]
        asyncio.run(main(int(given[0]) if given else 10_000, given[1] if given[1:] else f"sqlite:///{folder}/bench.db"))
