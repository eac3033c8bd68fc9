"""Every write with everything that stands in the tables sent along: what is not a parameter of it changes nothing."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import httpx
import msgspec
import pytest
from sqlalchemy import Integer, insert, select
from sqlalchemy.exc import IntegrityError

from tests.console._site import UNWATCHED, Site, csrf_of
from workbadge.commands.app_settings import SETTINGS
from workbadge.commands.errors import CommandError
from workbadge.commands.install import NewInstall, install_app
from workbadge.console.routes import ROUTES
from workbadge.graph.applications import APP_CALLS
from workbadge.graph.changes import NODE_WRITES, SEAT_WRITES
from workbadge.graph.extension import BUSINESS_POSTS, EXTENSION
from workbadge.graph.page_apps import SUBSCRIBED_APPS
from workbadge.graph.parameters import PARAMETERS
from workbadge.keys import app_secret_proof
from workbadge.main import make_application
from workbadge.sandbox import requests as sandbox
from workbadge.store import postgres, sqlite
from workbadge.store.schema import Instant, app_role, membership, metadata
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import TASKS_OF, task_names

from ._stage import Stage, build_stage

pytestmark = pytest.mark.anyio

STEERING = {
    *("access_token", "fields", "method", "_method", "ids", "batch", "appsecret_proof", "appsecret_time", "csrf"),
    *("limit", "after", "before", "order", "summary", "input_token"),
}
"""Parameters of every request: they say how to answer."""
NAMES = {
    **{"owner_id": "business", "owner": "business", "created_by": "account", "from": "account", "user_id": "account"},
    **{"status": "active", "verified": "1", "is_admin": "1", "grace_until": "2030-01-01T00:00:00+0000"},
    **{"role": "ADMIN", "kind": "managed", "level": "advanced", "review": "approved", "mode": "live"},
}
"""Names that an attacker would try besides the columns', and values of columns that would mean something."""
REFUSED = {
    ("business", "POST", "owned_pages"): "the page has to be nobody's and its direct admin has to ask",
    ("business", "POST", "owned_ad_accounts"): "as of pages",
    ("app", "POST", "subscriptions"): "the receiver has to answer a handshake",
    "POST /console/join/{link}": "the person has to have been invited under the own address",
}
"""Writes that this story refuses for a reason of their own: they are sent with everything, and change nothing."""
WRITE_NOTHING = {("extension", "POST", "commerce_partner_integrations_repair")}
"""Calls that are answered and change nothing anyway."""


@dataclass
class Undone:
    """What stood in the tables at the end of each write, which was then rolled back."""

    found: list[dict[str, list[Any]]] = field(default_factory=list)
    known: set[Any] = field(default_factory=set)

    def plain(self, value: Any) -> Any:
        """A value without what is random: ids and secrets that were made just now."""
        if isinstance(value, int) and value >= 10**17:
            return value if value in self.known else "new"
        if isinstance(value, bytes):
            return value if value in self.known else "new"
        if isinstance(value, str):
            value = re.sub(r"\d{18}", lambda one: one[0] if int(one[0]) in self.known else "new", value)
            value = re.sub(r"\w+@testuser", "new@testuser", value)
            return "new" if value.startswith("$argon2") and value not in self.known else value
        return value

    async def dump(self, tx: Any) -> dict[str, list[Any]]:
        """All tables but those that looking changes."""
        return {
            table.name: sorted(repr([self.plain(value) for value in row]) for row in await tx.rows(select(table)))
            for table in metadata.sorted_tables
            if table.name not in UNWATCHED | {"first_answer"}
        }


class _Undo(Exception):
    """Rolls a write back."""


def _undoing(undone: Undone, patch: pytest.MonkeyPatch) -> None:
    """From now on every write is looked at when it is complete, and rolled back."""

    def wrap(real: Any) -> Any:
        @asynccontextmanager
        async def write(self: Any) -> AsyncIterator[Any]:
            try:
                async with real(self) as tx:
                    yield tx
                    undone.found.append(await undone.dump(tx))
                    raise _Undo
            except _Undo:
                return

        return write

    for kind in (sqlite.SqliteStore, postgres.PostgresStore):
        patch.setattr(kind, "write", wrap(kind.write))


@dataclass(frozen=True)
class Write:
    """One write that succeeds. ``allowed``: what may be sent with it."""

    key: Any
    who: str
    method: str
    path: str
    values: dict[str, Any]
    allowed: frozenset[str]


def _extras(stage: Stage, allowed: frozenset[str]) -> dict[str, str]:
    """Every column's name, and what else is tried, with values of the other tenant's."""
    twin = stage.twins[1]
    ids = {
        "business": twin.ids[stage.business],
        "account": twin.ids[stage.accounts["selma"]],
        "asset": twin.ids[stage.made["page"]],
        "app": twin.ids[stage.made["app"]],
        "organization": next(one for one in twin.own if kind_of(one) is NodeKind.ORGANIZATION),
    }
    found: dict[str, str] = {}
    for table in metadata.sorted_tables:
        for column in table.c:
            target = next((one.column.table.name for one in column.foreign_keys), table.name)
            if isinstance(column.type, Instant):
                value: object = "2030-01-01T00:00:00+0000"
            elif column.foreign_keys or column.primary_key or column.name.endswith("_id"):
                value = ids.get(target, ids["business"])
            else:
                value = 1 if isinstance(column.type, Integer) else "owned"
            found.setdefault(column.name, str(value))
    found |= {name: str(ids.get(value, value)) for name, value in NAMES.items()}
    return {name: value for name, value in found.items() if name not in STEERING | allowed}


def _task(asset: int) -> str:
    kind = kind_of(asset)
    assert kind is not None
    return task_names(TASKS_OF[kind])[0]


def _graph_values(stage: Stage) -> dict[tuple[str, str, str], dict[str, str]]:
    """What each write of a business and of what is inside it needs."""
    made, twin = stage.made, stage.twins[1]
    seat, app = str(stage.site.ids["membership"]), str(made["app"])
    by_kind = {kind_of(one): one for one in reversed(stage.assets)}
    page, ads = by_kind[NodeKind.PAGE], by_kind[NodeKind.AD_ACCOUNT]
    partner = str(made["partner"])
    shop = {"fbe_external_business_id": "shop-1"}
    proof = {"appsecret_proof": made_proof(stage)}
    values: dict[tuple[str, str, str], dict[str, str]] = {
        ("business", "POST", ""): {"name": "Harbour anew"},
        ("business", "POST", "business_asset_groups"): {"name": "Another"},
        ("business", "POST", "owned_businesses"): {"name": "Below"},
        ("business", "POST", "owned_apps"): {"app_id": str(stage.site.demo.apps[2].id)},
        ("business", "POST", "business_users"): {"email": "somebody@mail.example"},
        ("business", "POST", "system_users"): {"name": "Robot", "role": "EMPLOYEE"},
        ("business", "POST", "owned_pages"): {"page_id": str(twin.ids[page])},
        ("business", "POST", "owned_ad_accounts"): {"adaccount_id": str(twin.ids[ads])},
        ("business", "POST", "client_pages"): {"page_id": str(twin.ids[page]), "permitted_tasks": _task(page)},
        ("business", "POST", "client_ad_accounts"): {"adaccount_id": str(twin.ids[ads]), "permitted_tasks": _task(ads)},
        ("business", "DELETE", "pages"): {"page_id": str(page)},
        ("business", "DELETE", "ad_accounts"): {"adaccount_id": str(ads)},
        ("business", "DELETE", "agencies"): {"business": partner},
        ("business", "DELETE", "clients"): {"business": partner},
        ("business", "POST", "access_token"): {**proof, "app_id": app, "scope": "pages_show_list", **shop},
        ("business", "POST", "system_user_access_tokens"): {**proof, "asset": str(page)},
        ("membership", "POST", ""): {"role": "EMPLOYEE"},
        ("account", "POST", ""): {"name": "Renamed", "role": "EMPLOYEE"},
        ("account", "POST", "applications"): {"business_app": app},
        ("account", "POST", "access_tokens"): {**proof, "business_app": app, "scope": "business_management"},
        ("account", "DELETE", "access_tokens"): {"business_app": app},
        ("asset_group", "POST", ""): {"name": "Renamed"},
    }
    contained = {"contained_pages": NodeKind.PAGE, "contained_adaccounts": NodeKind.AD_ACCOUNT}
    contained |= {"contained_productcatalogs": NodeKind.PRODUCT_CATALOG, "contained_pixels": NodeKind.PIXEL}
    for edge, kind in contained.items():
        for method in ("POST", "DELETE"):
            values["asset_group", method, edge] = {"asset_id": str(by_kind[kind])}
    for kind, one in by_kind.items():
        values[str(kind), "POST", "assigned_users"] = {"user": seat, "tasks": _task(one)}
        values[str(kind), "DELETE", "assigned_users"] = {"user": seat}
        values[str(kind), "POST", "agencies"] = {"business": partner, "permitted_tasks": _task(one)}
        values[str(kind), "DELETE", "agencies"] = {"business": partner}
    values["page", "POST", "feed"] = {"message": "Hello"}
    return values


def made_proof(stage: Stage) -> str:
    """The proof of the admin's token under the app's secret."""
    return app_secret_proof(stage.tokens["app"].partition("|")[2], stage.tokens["ada"])


def graph_writes(stage: Stage) -> Iterator[Write]:
    """Every write of the route tables."""
    made, values = stage.made, _graph_values(stage)
    nodes = {kind_of(one): one for one in reversed(stage.assets)} | {NodeKind.BUSINESS: stage.business}
    inner = {
        **{NodeKind.MEMBERSHIP: stage.site.ids["membership"], NodeKind.ACCOUNT: made["robot"]},
        **{NodeKind.RECORD: made["invitation"], NodeKind.ASSET_GROUP: made["group"]},
    }
    calls = [(kind, nodes[kind], one) for kind, writes in NODE_WRITES.items() for one in writes]
    calls += [(kind, inner[kind], one) for kind, writes in SEAT_WRITES.items() for one in writes]
    calls += [(NodeKind.BUSINESS, stage.business, ("POST", edge)) for edge in BUSINESS_POSTS]
    for kind, node, (method, edge) in calls:
        yield _write(str(kind), "ada", method, f"/{node}", edge, values.get((str(kind), method, edge), {}))
    for method in SUBSCRIBED_APPS.keys() - {"GET"}:
        given = {"subscribed_fields": "feed"} if method == "POST" else {}
        yield _write("page", "page", method, f"/{made['page']}", "subscribed_apps", given)
    of_app = {
        ("POST", "accounts"): {"name": "Tester"},
        ("DELETE", "accounts"): {"uid": str(made["tester"])},
        ("POST", "subscriptions"): {"object": "user", "fields": "email", "callback_url": "https://away.example/hook"},
        ("DELETE", "subscriptions"): {"object": "user"},
    }
    for edge, methods in APP_CALLS.items():
        for method in methods.keys() - {"GET"}:
            given = of_app[method, edge.partition("/")[0]]
            yield _write("app", "app", method, f"/{made['app']}", edge, given)
    for method, path in EXTENSION:
        if method != "GET":
            given = {"fbe_external_business_id": "shop-1"}
            given |= {"business_config": '{"business":{"name":"Shop"}}'} if path == "fbe_business" else {}
            yield _write("extension", "ada", method, "", path, given)
    yield _write("user", "ada", "DELETE", "/me", "permissions", {"permission": "email"})


def _write(kind: str, who: str, method: str, node: str, edge: str, values: dict[str, str]) -> Write:
    names = {one.name for one in PARAMETERS[method, edge]} | values.keys()
    return Write((kind, method, edge), who, method, f"{node}/{edge}".rstrip("/"), values, frozenset(names))


ELSEWHERE = {
    *(f"/console/account/{name}" for name in ("confirm/{account}", "security/{account}", "security/{account}/app")),
    "/console/account/security/{account}/passkey",
    *(
        f"/console/organizations/{{organization}}/{name}"
        for name in ("domains", "domains/{claim}", "policy", "roles", "people/import", "people/import/confirm")
    ),
    *(f"/console/organizations/{{organization}}/{name}" for name in ("people/{account}", "invitations/{person}")),
}
"""Forms of organizations and of one's own security, which are not sent here yet. It may only shrink."""


def console_writes(stage: Stage, links: dict[str, str]) -> Iterator[Write]:
    """Every form of the console."""
    site, ids, ada = stage.site, stage.site.ids, str(stage.accounts["ada"])
    asset = {"asset": str(ids["asset"])}
    new = {"name": "Robot", "app": str(stage.made["app"]), "scope": "pages_show_list", **asset}
    people = {"action": "start", "person": ada, f"work_{ada}": "ada@example.com", "deadline": ""}
    secret = "a new secret of mine 1"
    present = {"present": "harbour-demo-2026", "new": secret, "again": secret}
    forms: dict[str, tuple[str, dict[str, Any], str]] = {
        "/console/account": ("admin", {"account": ada, "action": "end_others"}, "app delete"),
        "/console/account/password/{account}": ("admin", present, ""),
        "/console/claim/{link}": ("employee", {"password": secret, "again": secret}, ""),
        "/console/apps/{app}": ("maker", {"mode": "development"}, ""),
        "/console/apps/{app}/settings": ("maker", {"name": "Postbox anew"}, " ".join(SETTINGS)),
        "/console/apps/{app}/roles": (
            "maker",
            {"action": "give", "role": "testers", "email": "ada@mail.example"},
            "account",
        ),
        "/console/apps/{app}/configurations": (
            "maker",
            {"action": "add", "name": "Login", "token": "user", "scope": "pages_show_list"},
            "configuration kind expires",
        ),
        "/console/apps/{app}/webhooks": (
            "maker",
            {"action": "unsubscribe", "object": "user"},
            "delivery fields callback_url verify_token include_values",
        ),
        "/console/join/{link}": ("employee", {"account": str(stage.accounts["selma"])}, ""),
        "/console/{business}/people/{membership}/role": ("admin", {"role": "EMPLOYEE"}, ""),
        "/console/{business}/people/{membership}/details": (
            "admin",
            {"title": "Head"},
            "finance_permission ip_permission",
        ),
        "/console/{business}/people/{membership}/remove": ("admin", {}, ""),
        "/console/{business}/assets/{asset}/people/{membership}": ("admin", {"action": "everything"}, "task"),
        "/console/{business}/apps/{grant}/remove": ("admin", {}, ""),
        "/console/{business}/installs/{install}/uninstall": ("admin", {}, ""),
        "/console/{business}/system-users": ("admin", new, ""),
        "/console/{business}/partners": (
            "admin",
            {**asset, "partner": str(stage.made["partner"]), "action": "share"},
            "",
        ),
        "/console/{business}/requests/new": ("admin", {"asset": str(stage.made["theirs"]), "task": "ANALYZE"}, ""),
        "/console/{business}/requests/{request}": ("admin", {"action": "accept", "task": "ANALYZE"}, ""),
        "/console/{business}/migration/plan": ("admin", people, ""),
        "/console/{business}/migration/{migration}/{person}": ("admin", {"action": "resend"}, "to"),
    }
    posted = [route for route in ROUTES if "POST" in (route.methods or ())]
    assert {route.path for route in posted} - set(forms) == ELSEWHERE
    for route in posted:
        if route.path in forms:
            who, values, more = forms[route.path]
            link = links["selma@example.com"] if "claim" in route.path else "notALink"
            path = route.path.format(**{**site.ids, "account": ada, "link": link})
            yield Write(f"POST {route.path}", who, "POST", path, values, frozenset({*values, *more.split()}))


async def _send(stage: Stage, write: Write, more: dict[str, str]) -> httpx.Response:
    values = {**write.values, **more}
    if write.who in stage.browsers:
        browser = stage.browsers[write.who]
        kept = httpx.Cookies(browser.cookies)
        token = csrf_of((await browser.get("/console/account")).text)
        try:
            return await browser.post(write.path, data={**values, "csrf": token})
        except IntegrityError:
            return httpx.Response(303, text="signing in to what was rolled back")
        finally:
            browser.cookies = kept  # the session that an answer begins was rolled back, too
    values["access_token"] = stage.tokens[write.who]
    key = "data" if write.method == "POST" else "params"
    return await stage.client.request(write.method, write.path, **{key: values})


async def _ready(site: Site) -> Stage:
    """The stage, where Ada also administers an app that nobody owns, and the ids of a partner and a test user."""
    stage = await build_stage(site)
    tables, ada = metadata.tables, stage.accounts["ada"]
    now = site.world.clock.now()
    async with site.world.services.store.write() as tx:
        role = {"app_id": int(site.demo.apps[2].id), "account_id": ada, "role": "administrators", "created_at": now}
        await tx.run(insert(app_role), [role])
        paul = await tx.one(select(membership.c.business_id).where(membership.c.account_id == stage.accounts["paul"]))
        twins = {one for twin in stage.twins for one in twin.own}
        testers = await tx.rows(select(tables["test_user"].c.account_id, tables["test_user"].c.app_id))
        shown = await tx.rows(select(tables["scoped_account"]))
        new = NewInstall(stage.made["app"], stage.business, ada, ("pages_show_list",), tuple(stage.assets[:1]))
        await install_app(tx, site.world.services, new, now)
    assert paul is not None
    stage.made |= {"partner": paul.business_id, "theirs": stage.twins[1].ids[stage.made["page"]]}
    tester = next(row.account_id for row in testers if row.account_id not in twins)
    scoped = [row.id for row in shown if row.account_id == tester and row.app_id == stage.made["app"]]
    stage.made["tester"] = scoped[0] if scoped else tester
    return stage


async def _known(stage: Stage) -> set[Any]:
    """Every id and every hash that stands somewhere."""
    found: set[Any] = set()
    async with stage.site.world.services.store.read() as tx:
        for table in metadata.sorted_tables:
            for row in await tx.rows(select(table)):
                found.update(value for value in row if isinstance(value, int | bytes | str))
    return found


async def test_what_is_no_parameter_changes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-08: every write of the graph and every form of the console, sent with the name of every column and another tenant's
    values, is refused or leaves exactly the rows that it leaves without them."""
    stage = await _ready(site)
    links = await site.links()
    undone = Undone(known=await _known(stage))
    async with site.world.services.store.read() as tx:
        before = await undone.dump(tx)
    _undoing(undone, monkeypatch)
    wrong: list[str] = []
    for write in [*graph_writes(stage), *console_writes(stage, links)]:
        undone.found.clear()
        plain = await _send(stage, write, {})
        alone = list(undone.found)
        undone.found.clear()
        stuffed = await _send(stage, write, _extras(stage, write.allowed))
        if write.key in REFUSED:
            assert plain.status_code >= 400 and stuffed.status_code >= 400, write.key
            assert all(found == before for found in undone.found), write.key
            continue
        if plain.status_code >= 400 or "error" in plain.text[:10]:
            wrong.append(f"{write.key} was refused: {plain.status_code} {re.sub('<[^>]*>', '', plain.text)[-300:]}")
        elif not alone and write.key not in WRITE_NOTHING:
            wrong.append(f"{write.key} wrote nothing")
        elif stuffed.status_code == 400:
            assert all(found == before for found in undone.found), write.key
        elif stuffed.status_code != plain.status_code or undone.found != alone:
            changed = [
                name
                for one, other in zip(undone.found, alone, strict=False)
                for name in one
                if one[name] != other[name]
            ]
            wrong.append(f"{write.key} {stuffed.status_code} for {plain.status_code}: {changed} {stuffed.text[:200]}")
    assert not wrong, "\n".join(wrong)


async def test_the_comparison_sees_a_difference(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-08: what is compared is not blind: another value of a real parameter leaves other rows, and the same value the same."""
    stage = await _ready(site)
    undone = Undone(known=await _known(stage))
    _undoing(undone, monkeypatch)
    path = f"/{stage.site.ids['membership']}"
    for role in ("EMPLOYEE", "EMPLOYEE", "ADMIN"):
        await _send(stage, Write("", "ada", "POST", path, {"role": role}, frozenset()), {})
    one, same, other = undone.found
    assert one == same != other
    made = [f"/{stage.business}/{edge}" for edge in ("owned_businesses", "business_asset_groups")]
    for place in made:
        undone.found.clear()
        for _ in range(2):
            await _send(stage, Write("", "ada", "POST", place, {"name": "Same"}, frozenset()), {})
        assert undone.found[0] == undone.found[1] != one


async def test_a_registration_takes_what_is_its_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-08: a client that registers itself with the name of every column gets what it gets without them."""
    stage = await _ready(site)
    world = site.world
    policy = replace(world.services.policy, open_registration=True)
    world.site = replace(world.site, services=replace(world.services, policy=policy))
    world._application = make_application(world.site)
    undone = Undone(known=await _known(stage))
    _undoing(undone, monkeypatch)
    known = {"redirect_uris", "post_logout_redirect_uris", "grant_types", "jwks", "jwks_uri", "backchannel_logout_uri"}
    extras = _extras(stage, frozenset(known | {"scope", "application_type", "frontends", "resources"}))
    left = []
    for more in ({}, extras):
        undone.found.clear()
        body = {"redirect_uris": ["https://app.example/back"], "client_name": "Client", **more}
        with suppress(CommandError):  # what was registered is read again, and was rolled back
            await stage.client.post("/oauth/register", json=body)
        left.append(list(undone.found))
    alone, stuffed = left
    assert alone == stuffed and any("Client" in row for row in alone[-1]["app"])


def test_the_sandbox_refuses_what_it_does_not_know() -> None:
    """MT-08: every body of the control API refuses a member that it does not name, whatever column it is called like."""
    bodies = [one for one in vars(sandbox).values() if isinstance(one, type) and issubclass(one, sandbox.Body)]
    assert len(bodies) > 5
    columns = {column.name for table in metadata.sorted_tables for column in table.c}
    for body in bodies:
        fields = msgspec.structs.fields(body)
        for name in columns - {one.encode_name for one in fields}:
            with pytest.raises(msgspec.ValidationError, match=r"unknown field|required|Expected"):
                msgspec.json.decode(msgspec.json.encode({name: "x"}), type=body)
        assert body.__struct_config__.forbid_unknown_fields, body
        nested = [one for each in fields for one in get_args(each.type) if isinstance(one, type)]
        assert all(one.__struct_config__.forbid_unknown_fields for one in nested if issubclass(one, msgspec.Struct)), (
            body
        )
