"""The console's story with something in every table, both kinds of twin beside it, and everything that its people can ask."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import Integer, LargeBinary, Table, insert, select, update

from tests.console._site import EMIL_AT_WORK, START, Site, login
from workbadge.commands.extension import Extras, Setup, as_text
from workbadge.commands.grant import Consent, record_consent, selectable
from workbadge.commands.portfolio import NewSystemUser, add_asset, add_system_user
from workbadge.commands.registration import SECRET_PLACE
from workbadge.commands.token import issue_user_token
from workbadge.console.routes import ROUTES
from workbadge.graph.applications import APP_CALLS
from workbadge.graph.edges import NODE_EDGES, ROBOT_EDGES, SEAT_EDGES, USER_EDGES
from workbadge.graph.extension import EXTENSION
from workbadge.graph.groups import GROUP_EDGES
from workbadge.graph.parameters import PARAMETERS
from workbadge.graph.routes import APP_EDGES
from workbadge.store import records, rights
from workbadge.store.schema import Instant, account, asset, metadata
from workbadge.terms.ids import kind_of
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, PersonState
from workbadge.terms.scopes import SCOPES, Audience
from workbadge.terms.tasks import TASKS_OF

from ._twin import Twin, add_twin

ALL_SCOPES = tuple(SCOPES)
BUSINESS_SCOPES = tuple(name for name, one in SCOPES.items() if one.audience is Audience.BUSINESS)
CANARY, STRANGER = "kanarienvogel", "fremdling"
"""In the names of the twin whose apps are the same, and of the twin with apps of its own."""


@dataclass(frozen=True)
class Ask:
    """One request that only reads. ``who``: a token's title or a browser's. ``of_app``: a maker's or an app's own."""

    who: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    of_app: bool = False

    def __str__(self) -> str:
        return f"{self.who} {self.path} {dict(self.params)}"


@dataclass
class Stage:
    """Everybody and everything. ``made``: ids by name of what was added to the story."""

    site: Site
    tokens: dict[str, str] = field(default_factory=dict)
    browsers: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    assets: list[int] = field(default_factory=list)
    twins: list[Twin] = field(default_factory=list)

    @property
    def business(self) -> int:
        """The business of the callers."""
        return self.site.demo.business_id

    async def send(self, ask: Ask) -> httpx.Response:
        """Ask. What is raised instead of an answer is one: 500 with nothing in it."""
        try:
            return await self._send(ask)
        except Exception as error:
            return httpx.Response(500, text=type(error).__name__)

    async def _send(self, ask: Ask) -> httpx.Response:
        if ask.who in self.browsers:
            return await self.browsers[ask.who].get(ask.path, params=dict(ask.params))
        params = {"access_token": self.tokens[ask.who], **dict(ask.params)}
        return await self.client.get(ask.path, params=params)

    @property
    def client(self) -> httpx.AsyncClient:
        """A client of nobody's."""
        return self.browsers["nobody"]

    async def write(self, who: str, path: str, method: str = "POST", **values: str) -> Any:
        """A write that must succeed."""
        answer = await self.client.request(method, path, params={"access_token": self.tokens[who], **values})
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def known(self, ask: Ask) -> set[Any]:
        """What comes with a request: whose it is, and the ids that it names."""
        named = {int(one) for one in re.findall(r"\d{18}", " ".join((ask.path, *(value for _, value in ask.params))))}
        return {*named, *self.apps_of(ask.who), *([self.accounts[ask.who]] if ask.who in self.accounts else [])}

    def apps_of(self, who: str) -> list[int]:
        """The app whose secret a token is."""
        return [int(self.tokens[who].partition("|")[0])] if "|" in self.tokens.get(who, "") else []


def row_of(table: Table, now: datetime, number: int = 0, **given: Any) -> dict[str, Any]:
    """A row of a table in which everything has a value that must have one."""
    row = dict(given)
    for column in table.c:
        if column.nullable or column.name in row or column.name == "name_key":
            continue
        if isinstance(column.type, LargeBinary):
            row[column.name] = f"{table.name}.{column.name}.{number}".encode().ljust(32, b".")[:32]
        elif isinstance(column.type, Instant):
            row[column.name] = now
        else:
            row[column.name] = 0 if isinstance(column.type, Integer) else "x"
    return row


async def build_stage(site: Site, twins: bool = True) -> Stage:
    """Everything, and the twins at the end."""
    stage = Stage(site)
    for name, logins in {
        "nobody": (),
        "admin": (login("ada"),),
        "employee": (login("selma"),),
        "managed": (EMIL_AT_WORK,),
        "maker": (login("mia"),),
        "partner": (login("paul"),),
    }.items():
        stage.browsers[name] = await site.browser(*logins)
    await _tokens(stage)
    await _through_the_graph(stage)
    await _rows(stage)
    if twins:
        async with site.world.services.store.write() as tx:
            stage.twins.append(await add_twin(tx, CANARY, False))
            stage.twins.append(await add_twin(tx, STRANGER, True, stage.twins[0]))
    return stage


async def _account(stage: Stage, email: str) -> int:
    async with stage.site.world.services.store.read() as tx:
        row = await records.find_account_by_address(tx, AccountKind.PERSONAL, email)
    assert row is not None
    return int(row.id)


async def _tokens(stage: Stage) -> None:
    services, now = stage.site.world.services, stage.site.world.clock.now()
    app_id = int(stage.site.demo.apps[0].id)
    async with services.store.write() as tx:
        found = await tx.rows(select(asset).where(asset.c.business_id == stage.business).order_by(asset.c.id))
        stage.assets = [row.id for row in found]
        for kind in (NodeKind.INSTAGRAM_ACCOUNT, NodeKind.WHATSAPP_ACCOUNT):
            stage.assets.append(await add_asset(tx, services, kind, f"Harbour {kind}", stage.business, now))
    for who, email in (("ada", "ada@mail.example"), ("selma", "selma@mail.example"), ("paul", "paul@mail.example")):
        person = await _account(stage, email)
        stage.accounts[who] = person
        async with services.store.write() as tx:
            places = await rights.list_memberships(tx, person)
            business = next(
                (one.business_id for one in places if one.business_id == stage.business), places[0].business_id
            )
            wanted: dict[int, int | None] = dict.fromkeys([*stage.assets, business], business)
            may = await selectable(tx, person, wanted, now)
            targets = {one: named for one, named in wanted.items() if one in may}
            granted = await record_consent(tx, services, Consent(person, app_id, ALL_SCOPES, (), targets), now)
            issued = await issue_user_token(tx, services, granted, now, lifetime=60 * DAY)
        stage.tokens[who] = issued.text
    new = NewSystemUser(stage.business, app_id, "Harbour robot", BUSINESS_SCOPES, tuple(stage.assets))
    async with services.store.write() as tx:
        made = await add_system_user(tx, services, new, None, now)
        row = await records.find_app(tx, app_id)
    stage.tokens["robot"] = made.token.text
    assert row is not None
    stage.tokens["app"] = f"{app_id}|{services.sealer.open(row.secret, SECRET_PLACE)}"
    page = next(one for one in stage.assets if kind_of(one) is NodeKind.PAGE)
    stage.made |= {"page": page, "app": app_id}
    read = await stage.client.get(f"/{page}", params={"access_token": stage.tokens["ada"], "fields": "access_token"})
    stage.tokens["page"] = read.json()["access_token"]


async def _through_the_graph(stage: Stage) -> None:
    """What an admin adds."""
    own, page = stage.business, stage.made["page"]
    async with stage.site.world.services.store.read() as tx:
        foreign = await tx.one(select(asset.c.id).where(asset.c.name == "Corner Books"))
        robot = await tx.one(select(account.c.id).where(account.c.name == "Harbour robot"))
    assert foreign is not None and robot is not None
    stage.made["robot"] = robot.id
    group = await stage.write("ada", f"/{own}/business_asset_groups", name="Harbour group")
    stage.made["group"] = int(group["id"])
    await stage.write("ada", f"/{group['id']}/contained_pages", asset_id=str(page))
    invited = await stage.write("ada", f"/{own}/business_users", email="new@mail.example")
    stage.made["invitation"] = int(invited["id"])
    stage.made["child"] = int((await stage.write("ada", f"/{own}/owned_businesses", name="Harbour child"))["id"])
    await stage.write("ada", f"/{own}/client_pages", page_id=str(foreign.id), permitted_tasks="ANALYZE")
    await stage.write("ada", f"/{page}/feed", message="Harbour post")
    await stage.write("page", f"/{page}/subscribed_apps", subscribed_fields="feed")
    await stage.write("app", f"/{stage.made['app']}/accounts/test-users", name="Harbour tester")


async def _rows(stage: Stage) -> None:
    """Rows that no short way makes."""
    site, now = stage.site, START
    app_id, other = stage.made["app"], int(site.demo.apps[1].id)
    ids = site.world.services.entropy.new_id
    selma, ada = stage.accounts["selma"], stage.accounts["ada"]
    services = site.world.services
    async with services.store.write() as tx:
        loose = await add_asset(tx, services, NodeKind.AD_ACCOUNT, "Harbour private", None, now)
        tables = metadata.tables
        grant = await tx.one(select(tables["app_grant"]).where(tables["app_grant"].c.account_id == ada))
        token = await tx.one(select(tables["token"]).where(tables["token"].c.account_id == ada))
        signed_in = await tx.one(select(tables["session"]))
        assert grant is not None and token is not None and signed_in is not None
        code = row_of(tables["code"], now, app_id=app_id, grant_id=grant.id, account_id=ada, token_hash=token.hash)
        family = {"app_id": app_id, "grant_id": grant.id, "account_id": ada, "code_hash": code["hash"]}
        connection = ids(NodeKind.RECORD)
        given: dict[str, dict[str, Any]] = {
            "direct_role": {"account_id": selma, "asset_id": loose, "tasks": int(TASKS_OF[NodeKind.AD_ACCOUNT])},
            "code": code,
            "refresh_family": family,
            "refresh_token": {"code_hash": code["hash"]},
            "narrow_user": {"install_id": site.ids["install"], "account_id": ada},
            "session_app": {"session_hash": signed_in.hash, "app_id": app_id, "account_id": ada},
            "app_owner": {"app_id": other, "business_id": stage.business},
            "app_permission": {"app_id": other, "scope": "email", "level": "standard", "review": "approved"},
            "app_enforcement": {"id": ids(NodeKind.RECORD), "app_id": other, "ends": now},
            "webhook_subscription": {"id": ids(NodeKind.RECORD), "app_id": app_id, "object": "user", "stopped_at": now},
            "login_configuration": {
                "id": ids(NodeKind.RECORD),
                "app_id": app_id,
                "token_kind": "user",
                "asset_kinds": "",
            },
            "data_deletion": {"id": ids(NodeKind.RECORD), "app_id": app_id, "account_id": selma},
            "place_profile": {"membership_id": site.ids["membership"]},
            "oauth_client": {"app_id": other},
            "client_terms": {"app_id": other, "about": "{}", "post_logout_redirect_uris": "[]", "frontends": "[]"},
            "pushed_request": {"app_id": other},
            **_at_a_provider(connection, ada, signed_in.hash, site.ids["organization"]),
        }
        setup = as_text(Extras(Setup("shop-1", "Europe/Berlin", "EUR", "ECOMMERCE")))
        await tx.run(update(tables["install"]).values(setup=setup))
        for name, row in given.items():
            await tx.run(insert(tables[name]), [row_of(tables[name], now, **row)])
    stage.made["loose"] = loose


def _at_a_provider(connection: int, person: int, session: bytes, organization: int) -> dict[str, dict[str, Any]]:
    """A connection to an identity provider, somebody who signed in through it, and somebody on the way."""
    linked = {"connection_id": connection, "subject": "subject-1", "account_id": person}
    return {
        "connection": {"id": connection, "organization_id": organization, "kind": "oidc", "state": "draft"},
        "connection_identity": linked,
        "connection_attempt": {"connection_id": connection, "purpose": "sign_in"},
        "vouched_login": {**linked, "session_hash": session},
    }


LISTED = ({"limit": "100"}, {"limit": "1", "summary": "true", "order": "reverse_chronological"})
"""How every list is asked for."""


def graph_asks(stage: Stage) -> Iterator[Ask]:
    """Every list of the graph by everybody, every field that is a list, and every filter with what is another tenant's."""
    own, made = stage.business, stage.made
    nodes: list[tuple[str, Any]] = [("me", USER_EDGES), (str(own), NODE_EDGES[NodeKind.BUSINESS])]
    nodes += [(str(one), NODE_EDGES[kind_of(one) or NodeKind.PAGE]) for one in one_of_each(stage.assets)]
    nodes += [(str(stage.site.ids["membership"]), SEAT_EDGES), (str(made["robot"]), ROBOT_EDGES)]
    nodes += [(str(made["group"]), GROUP_EDGES), (str(made["invitation"]), {})]
    for who in ("ada", "selma", "robot", "page", "paul"):
        for node, edges in nodes:
            yield Ask(who, f"/{node}")
            for edge in edges:
                yield from _list(stage, who, f"/{node}/{edge}", edge)
            lists = ",".join(f"{edge}.limit(50)" for edge in edges if edge not in ("picture", "assigned_users"))
            yield Ask(who, f"/{node}", (("fields", f"id,{lists}"),))
        for _, path in EXTENSION:
            yield Ask(who, f"/{path}", (("fbe_external_business_id", "shop-1"),))
        yield Ask(who, f"/{made['page']}/subscribed_apps")
    for edge in (*APP_EDGES, *(name for name, methods in APP_CALLS.items() if "GET" in methods)):
        for ask in _list(stage, "app", f"/{made['app']}/{edge}", edge):
            yield Ask(ask.who, ask.path, ask.params, True)


def one_of_each(assets: list[int]) -> list[int]:
    """The first asset of every kind."""
    return list({kind_of(one): one for one in reversed(assets)}.values())


def _list(stage: Stage, who: str, path: str, edge: str) -> Iterator[Ask]:
    """One list in both ways, and with each of its filters set to something of another tenant."""
    more = {"business": str(stage.business)} if edge == "assigned_users" else {}
    for how in LISTED if who in ("ada", "robot", "app") else LISTED[:1]:
        yield Ask(who, path, tuple({**how, **more}.items()))
    for one in PARAMETERS.get(("GET", edge), ()):
        for value in _foreign(stage, one.name):
            yield Ask(who, path, tuple({**LISTED[0], **more, one.name: value}.items()))


def _foreign(stage: Stage, name: str) -> list[str]:
    """What a filter of that name may be set to, of the twins."""
    people = [one for one in stage.twins[0].ids.values() if kind_of(one) is NodeKind.SCOPED_ACCOUNT]
    found = {
        "business": [str(twin.ids[stage.business]) for twin in stage.twins],
        "email": [f"{twin.word}-new@mail.example" for twin in stage.twins],
        "person": [str(one) for one in people[:1]],
        "state": ["both"],
    }
    return found.get(name, [])


def console_asks(stage: Stage) -> Iterator[Ask]:
    """Every page of the console by everybody, searched, by groups, with the ids of another tenant in its path.

    But the outbox, which shows all mail of a sandbox and is not there elsewhere.
    """
    ids = {**stage.site.ids, "link": "notALink"}
    for who in ("admin", "employee", "managed", "maker", "partner"):
        for route in ROUTES:
            if "GET" not in (route.methods or ()) or route.path == "/console/outbox":
                continue
            of_app = "{app}" in route.path
            yield Ask(who, route.path.format(**ids), (), of_app)
            if who not in ("admin", "maker"):
                continue
            for shown in ("old", "system") if route.path.endswith("/people") else ():
                yield Ask(who, route.path.format(**ids), (("show", shown), ("q", "a")))
            for state in PersonState if route.path.endswith("/{migration}") else ():
                yield Ask(who, route.path.format(**ids), (("state", state.value),))
            for twin in stage.twins:
                for name in ("business", "app", "membership", "asset", "migration", "person", "request"):
                    if f"{{{name}}}" in route.path and ids[name] in twin.ids:
                        yield Ask(who, route.path.format(**{**ids, name: twin.ids[ids[name]]}), (), of_app)
                yield Ask(who, route.path.format(**ids), (("q", twin.word),), of_app)


def foreign_asks(stage: Stage) -> Iterator[Ask]:
    """What is the twin's, asked for by its id."""
    twin = stage.twins[0]
    for who in ("ada", "robot", "page"):
        for one in (stage.business, *one_of_each(stage.assets)):
            for edge in ("", *(f"/{name}" for name in NODE_EDGES[kind_of(one) or NodeKind.PAGE])):
                yield Ask(who, f"/{twin.ids[one]}{edge}")
        for one in (stage.site.ids["membership"], stage.made["robot"], stage.made["group"], stage.made["invitation"]):
            yield Ask(who, f"/{twin.ids[one]}")


def all_asks(stage: Stage) -> list[Ask]:
    """Everything that can be read."""
    return [*graph_asks(stage), *console_asks(stage), *foreign_asks(stage)]


def leaked(stage: Stage, ask: Ask, answer: httpx.Response) -> str:
    """A name or an id of a twin that an answer holds and the request did not; empty if none.

    An app's own lists, and its makers' pages, tell of every business that uses it: there only another app's are foreign.
    """
    asked, text = str(ask), answer.text
    for twin in stage.twins:
        if ask.of_app and twin.word == CANARY:
            continue
        if twin.word in text.lower() and twin.word not in asked:
            return twin.word
        ids = set(map(int, re.findall(r"\d{18}", text))) & twin.own
        foreign = sorted(one for one in ids if str(one) not in asked)
        if foreign:
            return f"{twin.word}: {foreign[0]}"
    return ""
