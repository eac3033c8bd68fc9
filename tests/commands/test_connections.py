"""The headline counted in SQL equals the plain computation, connection by connection, in random worlds on both engines (B3).

Worlds are drawn around people whose old login does carry something; the walk goes one microsecond before, at and after each
instant that the world mentions (``house.md`` 30). Each of the four states is held to the same in ``test_coverage``.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests._postgres import Postgres
from tests.store._rows import DAY, T0, nid, put
from tests.store.test_visible import opened
from workbadge.commands.coverage import Share, connections_in, count_states, share_of
from workbadge.store.coverage import Whose
from workbadge.store.engine import Store
from workbadge.terms.kinds import NodeKind

K = NodeKind
BUSINESSES = tuple(nid(K.BUSINESS, n) for n in range(2))
PEOPLE = tuple(nid(K.ACCOUNT, n) for n in range(3))
MANAGED = tuple(nid(K.ACCOUNT, 10 + n) for n in range(3))
ROBOT = nid(K.ACCOUNT, 20)
APPS = tuple(nid(K.APP, n) for n in range(2))
ASSETS = (nid(K.PAGE, 1), nid(K.PAGE, 2), nid(K.AD_ACCOUNT, 1))
SCOPES = (*("pages_show_list,ads_read",) * 4, "pages_show_list", "business_management")

instants = st.integers(0, 4).map(lambda days: T0 + days * DAY)
later = st.integers(2, 6).map(lambda days: T0 + days * DAY)
maybe = st.none() | instants
tasks = st.sampled_from((8191, 1, 0))
seldom = st.sampled_from((None, None, None, None, T0, T0 + 3 * DAY))
Tables = dict[str, list[dict[str, Any]]]


def _number(kind: NodeKind, *parts: int) -> int:
    return nid(kind, int("1" + "".join(f"{one:02}" for one in parts)))


@st.composite
def worlds(draw: st.DrawFn) -> Tables:
    """Three people of two businesses who move, with old and new grants for two apps on three assets, and an install."""
    found: Tables = {
        "organization": [{"id": nid(K.ORGANIZATION, 1)}],
        "business": [{"id": one} for one in BUSINESSES],
        "account": [
            *({"id": one, "kind": "personal"} for one in PEOPLE),
            *({"id": one, "kind": "managed", "organization_id": nid(K.ORGANIZATION, 1)} for one in MANAGED),
            {"id": ROBOT, "kind": "system", "business_id": BUSINESSES[0]},
        ],
        "app": [
            {"id": APPS[0], "redirect_uris": "[]"},
            {"id": APPS[1], "redirect_uris": "[]", "disabled_at": draw(st.none() | st.none() | st.just(T0))},
        ],
        "asset": [
            {"id": one, "kind": kind, "business_id": draw(st.sampled_from((*(BUSINESSES[0],) * 3, BUSINESSES[1])))}
            for one, kind in zip(ASSETS, ("page", "page", "ad_account"), strict=True)
        ],
        "migration": [
            {"id": nid(K.RECORD, n), "business_id": one, "organization_id": nid(K.ORGANIZATION, 1)}
            for n, one in enumerate(BUSINESSES)
        ],
        **{name: [] for name in ("membership", "assignment", "migration_person", "share", "app_grant", "grant_target")},
        **{name: [] for name in ("token", "install")},
    }
    for n in range(draw(st.integers(0, 2))):
        row = {"asset_id": draw(st.sampled_from(ASSETS)), "partner_business_id": draw(st.sampled_from(BUSINESSES))}
        found["share"].append({"id": nid(K.RECORD, 50 + n), **row, "tasks": 8191, "ends": draw(st.none() | later)})
    for place, person in enumerate(PEOPLE):
        _old_login(draw, found, place, person)
    _robot(draw, found)
    return found


def _place(draw: st.DrawFn, found: Tables, membership_id: int, **row: Any) -> None:
    found["membership"].append(
        {"id": membership_id, "role": draw(st.sampled_from(("ADMIN", "ADMIN", "EMPLOYEE"))), **row}
    )
    for asset in ASSETS:
        if draw(st.booleans()):
            given_tasks = {"membership_id": membership_id, "asset_id": asset, "tasks": draw(tasks)}
            found["assignment"].append(given_tasks)


def _old_login(draw: st.DrawFn, found: Tables, number: int, person: int) -> None:
    """A person's places in one or both businesses, with what became of them in the migration, and their grants."""
    for at, business in enumerate(BUSINESSES[: draw(st.integers(1, 2))]):
        claimed = draw(st.sampled_from((T0 + DAY, T0 + DAY, T0 + 2 * DAY, T0, None)))
        ends = draw(later) if claimed is not None else draw(st.none() | later)
        cause = None if ends is None else draw(st.sampled_from(("grace", "grace", "deadline", "removed")))
        old, new = _number(K.MEMBERSHIP, number, at, 1), _number(K.MEMBERSHIP, number, at, 2)
        row = {"account_id": person, "business_id": business}
        _place(draw, found, old, **row, ends=ends, end_cause=cause, handed_over=claimed)
        if claimed is not None:
            _place(draw, found, new, account_id=MANAGED[number], business_id=business, ends=draw(seldom))
        found["migration_person"].append(
            {
                "id": _number(K.RECORD, number, at),
                "migration_id": nid(K.RECORD, at),
                "business_id": business,
                "organization_id": nid(K.ORGANIZATION, 1),
                "personal_id": person,
                "personal_membership_id": old,
                "link_hash": bytes([number, at]) * 16,
                "claimed_at": claimed,
                "managed_id": None if claimed is None else MANAGED[number],
                "managed_membership_id": None if claimed is None else new,
                "rolled_back_at": draw(st.sampled_from((None,) * 6 + (T0,))),
                "excluded_at": draw(st.sampled_from((None,) * 6 + (T0,))),
            }
        )
    for app in APPS:
        for again in range(draw(st.sampled_from((1, 1, 2, 0)))):
            _grant(draw, found, person, app, T0 + again * DAY, draw(seldom) if again == 0 else None)
        if draw(st.sampled_from((True, True, False))):
            _grant(draw, found, MANAGED[number], app, T0, draw(seldom))


def _grant(draw: st.DrawFn, found: Tables, account: int, app: int, created: Any, revoked: Any) -> None:
    live = any(one["account_id"] == account and one["app_id"] == app for one in found["app_grant"])
    if live:
        for one in found["app_grant"]:
            if one["account_id"] == account and one["app_id"] == app and one["revoked_at"] is None:
                one["revoked_at"] = created
    grant = nid(K.RECORD, 1_000 + len(found["app_grant"]))
    row = {"account_id": account, "app_id": app, "scopes": draw(st.sampled_from(SCOPES))}
    found["app_grant"].append({"id": grant, **row, "created_at": created, "revoked_at": revoked})
    for asset in ASSETS:
        if draw(st.sampled_from((True, True, True, False))):
            target = {"target_id": asset, "business_id": draw(st.sampled_from((*(BUSINESSES[0],) * 3, BUSINESSES[1])))}
            at = draw(st.sampled_from((T0, T0, T0 + 2 * DAY, T0 + 4 * DAY)))
            found["grant_target"].append({"grant_id": grant, **target, "selected_at": at})
    for n in range(draw(st.integers(1, 2))):
        kind, page = draw(st.sampled_from((("user", None), ("user", None), ("page", ASSETS[0]), ("system_user", None))))
        found["token"].append(
            {
                "hash": grant.to_bytes(31, "big") + bytes([n]),
                "kind": kind,
                "page_id": page,
                **{"app_id": app, "grant_id": grant, "account_id": account},
                "authorized_at": draw(st.sampled_from((T0, T0, T0, T0 + 2 * DAY))),
                "expires_at": draw(st.none() | later),
                "revoked_at": draw(seldom),
            }
        )


def _robot(draw: st.DrawFn, found: Tables) -> None:
    """An install of an app in the first business, with a system user of its own, swapped or not."""
    _place(
        draw, found, nid(K.MEMBERSHIP, 900), account_id=ROBOT, business_id=BUSINESSES[0], ends=draw(st.none() | later)
    )
    _grant(draw, found, ROBOT, APPS[0], T0, None)
    found["install"].append(
        {
            "id": nid(K.RECORD, 900),
            **{"app_id": APPS[0], "business_id": BUSINESSES[0], "account_id": ROBOT, "installed_by": PEOPLE[0]},
            "swapped_at": draw(maybe),
            "uninstalled_at": draw(st.none() | st.none() | instants),
        }
    )


class _Undo(Exception):
    """Ends the example's transaction without a trace."""


async def check(store: Store, world: Tables, seen: list[Share]) -> None:
    """Compare both computations for every business and app, around every instant."""
    mentioned = {value for rows in world.values() for row in rows for value in row.values() if hasattr(value, "tzinfo")}
    nows = sorted({at + step * timedelta(microseconds=1) for at in mentioned if at > T0 for step in (-1, 0, 1)})
    some = [Whose(business_id=one, claimed_only=False) for one in BUSINESSES]
    some.append(Whose(app_id=APPS[0], claimed_only=False))
    try:
        async with store.write() as tx:
            for name, rows in world.items():
                if rows:
                    await put(tx, name, *rows)
            for now in nows:
                for whose in some:
                    plain = count_states([one.state(now) for one in await connections_in(tx, "", whose, now)])
                    assert await share_of(tx, whose, now) == plain, (whose, now)
                    seen.append(plain)
            raise _Undo
    except _Undo:
        pass


MORE = int(os.environ.get("WORKBADGE_EXAMPLES", "1"))


def _search(url: str, examples: int) -> None:
    seen: list[Share] = []
    with opened(url) as (runner, store):

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(worlds())
        def search(world: Tables) -> None:
            runner.run(check(store, world, seen))

        search()
    assert sum(1 for one in seen if one.total) > len(seen) / 20, "hardly anything was ever connected"


def test_the_count_is_the_plain_one_on_sqlite(tmp_path: Path) -> None:
    """B3: on SQLite the headline counts what the lists of connections show, at every edge of every interval."""
    _search(f"sqlite:///{tmp_path / 'count.db'}", 16 * MORE)


def test_the_count_is_the_plain_one_on_postgresql(postgres: Postgres) -> None:
    """The same on PostgreSQL."""
    url = postgres.empty_database()
    try:
        _search(url, 4 * MORE)
    finally:
        postgres.drop_database(url)
