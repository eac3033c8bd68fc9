"""Every node and edge of the route table against everybody, and a small oracle that shares no code with the product.

The oracle is the tables of this module: who owns and borrows what, what each principal chose, what it has lost. An
edge that is added to the graph without a row here fails.
"""

from dataclasses import dataclass, field

import pytest

from tests.commands._world import T0, World
from workbadge.commands import membership, portfolio
from workbadge.graph.applications import APP_CALLS
from workbadge.graph.changes import NODE_WRITES, SEAT_WRITES
from workbadge.graph.edges import NODE_EDGES, ROBOT_EDGES, SEAT_EDGES, USER_EDGES
from workbadge.graph.extension import BUSINESS_POSTS, EXTENSION
from workbadge.graph.groups import CONTAINED, GROUP_EDGES
from workbadge.graph.page_apps import SUBSCRIBED_APPS
from workbadge.graph.routes import APP_EDGES
from workbadge.keys import app_secret_proof
from workbadge.store import records
from workbadge.terms.ids import make_id
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import TASKS_OF, Task

from ._api import ALL_SCOPES, Api, error, same_refusal

pytestmark = pytest.mark.anyio

SCOPES = (*ALL_SCOPES, "instagram_basic", "whatsapp_business_management", "pages_manage_metadata")
NOW = T0 + 40 * DAY
GHOST = 1_234_567_890_123_456
KINDS = {
    "page": NodeKind.PAGE,
    "page2": NodeKind.PAGE,
    "ads": NodeKind.AD_ACCOUNT,
    "catalog": NodeKind.PRODUCT_CATALOG,
    "pixel": NodeKind.PIXEL,
    "insta": NodeKind.INSTAGRAM_ACCOUNT,
    "whatsapp": NodeKind.WHATSAPP_ACCOUNT,
    "other": NodeKind.PAGE,
    "other_ads": NodeKind.AD_ACCOUNT,
    "other_catalog": NodeKind.PRODUCT_CATALOG,
    "other_pixel": NodeKind.PIXEL,
    "other_insta": NodeKind.INSTAGRAM_ACCOUNT,
    "other_whatsapp": NodeKind.WHATSAPP_ACCOUNT,
    "business": NodeKind.BUSINESS,
    "partner": NodeKind.BUSINESS,
    "elsewhere": NodeKind.BUSINESS,
}
OURS = frozenset({"page", "page2", "ads", "catalog", "pixel", "insta", "whatsapp"})
THEIRS = frozenset(name for name in KINDS if name.startswith("other"))
OWNED = {"business": OURS, "elsewhere": THEIRS, "partner": frozenset[str]()}
LENT = {"business": frozenset[str](), "elsewhere": frozenset[str](), "partner": frozenset({"page"})}
SEATS = {"seat_bob": "business", "seat_tess": "elsewhere", "seat_paul": "partner"}
"""Open places by their business; ``seat_selma`` has ended and is nobody's."""
PEOPLE = {
    "business": ["Ada", "Bob", "Emil"],
    "elsewhere": ["Emil", "Selma", "Tess"],
    "partner": ["Paul"],
}
ROBOTS = {"business": ["Robot"], "elsewhere": [], "partner": []}

BUSINESS_ROWS: dict[str, tuple[dict[str, frozenset[str]], NodeKind]] = {
    "owned_pages": (OWNED, NodeKind.PAGE),
    "client_pages": (LENT, NodeKind.PAGE),
    "owned_ad_accounts": (OWNED, NodeKind.AD_ACCOUNT),
    "client_ad_accounts": (LENT, NodeKind.AD_ACCOUNT),
    "owned_product_catalogs": (OWNED, NodeKind.PRODUCT_CATALOG),
    "client_product_catalogs": (LENT, NodeKind.PRODUCT_CATALOG),
    "adspixels": (OWNED, NodeKind.PIXEL),
    "client_pixels": (LENT, NodeKind.PIXEL),
}
SEAT_ROWS = {"business_users": PEOPLE, "system_users": ROBOTS}
USER_ROWS = {
    "accounts": NodeKind.PAGE,
    "adaccounts": NodeKind.AD_ACCOUNT,
    "businesses": NodeKind.BUSINESS,
    "assigned_pages": NodeKind.PAGE,
    "assigned_ad_accounts": NodeKind.AD_ACCOUNT,
    "assigned_product_catalogs": NodeKind.PRODUCT_CATALOG,
    "assigned_whatsapp_business_accounts": NodeKind.WHATSAPP_ACCOUNT,
    "permissions": None,
    "assigned_applications": None,
    "assigned_business_asset_groups": None,
    "applications": None,
    "business_users": None,
    "personal_ad_accounts": None,
    "ids_for_apps": None,
    "ids_for_business": None,
    "ids_for_pages": None,
    "picture": None,
}
"""The caller's own lists, with the kind of node where a list is all that the caller reads of that kind."""
FOLLOW = "/{}/subscribed_apps"
WRITES = (
    ("POST", "/{}/feed"),
    ("POST", "/{}"),
    ("DELETE", "/{}"),
    ("DELETE", "/{}/feed"),
    ("POST", FOLLOW),
    ("GET", FOLLOW),
    ("DELETE", FOLLOW),
)
MINTING = {"access_token", "system_user_access_tokens"}
"""What is posted to a business for a token; who may is the table of ``test_extension.py`` and ``test_installs.py``."""
EXTENSION_ROWS = {"fbe_business", "fbe_business/fbe_installs", "fbe_business/fbe_rollout_switches"} | {
    "commerce_partner_integrations_repair"
}
APP_ROWS = dict.fromkeys(
    ("reconnects", "connected_client_businesses", "authorized_adaccounts"), frozenset({"app token"})
)
CALL_ROWS = {
    *(
        (edge, method)
        for edge in ("subscriptions", "accounts", "accounts/test-users")
        for method in ("GET", "POST", "DELETE")
    ),
    ("roles", "GET"),
    ("permissions", "GET"),
}
"""Calls that are for the app's own token alone: everybody else who knows the app is refused by right."""
"""Edges of an app, by who reads them; other callers that know the app are told that they may not."""
NONE_ROWS = {
    "pending_users",
    "owned_businesses",
    "owned_apps",
    "business_asset_groups",
    "pending_client_pages",
    "pending_client_ad_accounts",
    "pending_owned_pages",
    "pending_owned_ad_accounts",
}
"""Edges of a business that are empty here."""
CLIENT_APPS = {"business": ["App both"], "elsewhere": [], "partner": []}
"""Apps that act as system users of a business."""
PARTNER_ROWS = {
    "agencies": {"business": {"partner"}, "elsewhere": set[str](), "partner": set[str]()},
    "clients": {"business": set[str](), "elsewhere": set[str](), "partner": {"business"}},
}
BUSINESS_WRITES = {
    ("POST", ""),
    ("POST", "owned_businesses"),
    ("POST", "business_asset_groups"),
    ("POST", "owned_apps"),
    ("POST", "business_users"),
    ("POST", "system_users"),
    ("POST", "owned_pages"),
    ("POST", "owned_ad_accounts"),
    ("POST", "client_pages"),
    ("POST", "client_ad_accounts"),
    ("DELETE", "pages"),
    ("DELETE", "ad_accounts"),
    ("DELETE", "agencies"),
    ("DELETE", "clients"),
}
"""Each needs a parameter: called without one, whoever manages the business is told so, and nothing changes."""
ASSET_ROWS = {"assigned_users", "agencies"}
PAGE_ROWS = {"feed", "roles", *ASSET_ROWS}
SHARED_KINDS = tuple(kind for kind in TASKS_OF if kind is not NodeKind.PAGE)
ASSIGNED = {
    **{("business", name): ["Emil"] for name in OURS},
    **{("business", name): ["Emil", "Robot"] for name in ("page", "catalog")},
}
"""Who has tasks on an asset in a business."""
MANAGES = {
    "admin": "business",
    "sibling": "business",
    "managed admin": "business",
    "partner": "partner",
    "late": "elsewhere",
    "other tenant": "elsewhere",
}
"""Who manages which business; in grace, as an employee and by a page's token nobody does (M5, MT-18)."""
SEAT_KINDS = {
    "assigned_pages": NodeKind.PAGE,
    "assigned_ad_accounts": NodeKind.AD_ACCOUNT,
    "assigned_product_catalogs": NodeKind.PRODUCT_CATALOG,
    "assigned_whatsapp_business_accounts": NodeKind.WHATSAPP_ACCOUNT,
}
INNER_WRITES = {
    NodeKind.MEMBERSHIP: {("POST", ""), ("DELETE", "")},
    NodeKind.ACCOUNT: {("POST", ""), ("POST", "applications"), ("POST", "access_tokens"), ("DELETE", "access_tokens")},
    NodeKind.RECORD: {("DELETE", "")},
    NodeKind.ASSET_GROUP: {(method, edge) for method in ("POST", "DELETE") for edge in ("", *CONTAINED)},
}
"""Called without parameters, whoever manages the business is told what is missing, or (DELETE) does it last of all."""
SEAT_OF = {business: seat for seat, business in SEATS.items()}
MANAGED_WRITES = {(method, edge) for method in ("POST", "DELETE") for edge in ASSET_ROWS}


def test_every_edge_has_a_row() -> None:
    """An edge of the route tables without a row in the oracle fails (MT-01)."""
    assert set(NODE_EDGES) == {NodeKind.BUSINESS, NodeKind.PAGE, *SHARED_KINDS}
    assert set(NODE_EDGES[NodeKind.BUSINESS]) == set(BUSINESS_ROWS) | set(SEAT_ROWS) | NONE_ROWS | {
        *PARTNER_ROWS,
        "client_apps",
    }
    assert set(NODE_EDGES[NodeKind.PAGE]) == PAGE_ROWS
    assert set(USER_EDGES) == set(USER_ROWS)
    assert set(BUSINESS_POSTS) == MINTING
    assert {path for _, path in EXTENSION} == EXTENSION_ROWS
    assert set(APP_EDGES) == set(APP_ROWS)
    assert {(name, method) for name, methods in APP_CALLS.items() for method in methods} == CALL_ROWS
    assert set(SUBSCRIBED_APPS) == {"GET", "POST", "DELETE"}
    assert set(SEAT_EDGES) == {*SEAT_KINDS, "assigned_business_asset_groups"}
    assert set(ROBOT_EDGES) == {*SEAT_EDGES, "applications", "assigned_applications"}
    assert set(GROUP_EDGES) == set(CONTAINED)
    assert {kind: set(writes) for kind, writes in SEAT_WRITES.items()} == INNER_WRITES
    assert set(NODE_WRITES) == {NodeKind.BUSINESS, NodeKind.PAGE, *SHARED_KINDS}
    assert set(NODE_WRITES[NodeKind.BUSINESS]) == BUSINESS_WRITES
    for kind in SHARED_KINDS:
        assert set(NODE_EDGES[kind]) == ASSET_ROWS
        assert set(NODE_WRITES[kind]) == MANAGED_WRITES
    assert set(NODE_WRITES[NodeKind.PAGE]) == {("POST", "feed"), *MANAGED_WRITES}


@dataclass
class Principal:
    """Somebody who calls. ``sees``: nodes by name; ``lost``: once chosen, gone now; ``refused``: the code of all calls.
    ``nobody``: an app's own token, which stands for no account and sees nothing but its app."""

    token: str | None
    sees: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    refused: int | None = None
    page: str | None = None
    app: str = "both"
    nobody: str = ""


@dataclass
class Stage:
    """Everybody and everything, at NOW."""

    api: Api
    ids: dict[str, int] = field(default_factory=dict)
    everybody: dict[str, Principal] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """An id as it stands in a list."""
        return f"act_{self.ids[name]}" if KINDS.get(name) is NodeKind.AD_ACCOUNT else str(self.ids[name])


async def _assets(world: World) -> None:
    async with world.services.store.write() as tx:
        for name, kind in KINDS.items():
            if kind is not NodeKind.BUSINESS and name not in world.assets:
                business = world.elsewhere if name in THEIRS else world.business
                world.assets[name] = await portfolio.add_asset(tx, world.services, kind, name, business, T0)
        for name in ("tess", "nobody"):
            world.people[name] = await portfolio.add_person(
                tx, world.services, AccountKind.PERSONAL, name.title(), f"{name}@home.example", None, T0
            )
        tess = world.people["tess"]
        await portfolio.add_member(tx, world.services, tess, world.elsewhere, Role.ADMIN, {}, None, T0)
    places = await world.people_list(T0)
    for who in ("emil@home.example", "selma@home.example"):
        for name in ("insta", "whatsapp"):
            asset, tasks = world.assets[name], TASKS_OF[KINDS[name]]
            await membership.assign(world.services, world.business, places[who], asset, tasks, None, T0)


async def _build(api: Api) -> Stage:
    world = api.world
    await _assets(world)
    people, ours, theirs = world.people, tuple(sorted(OURS)), tuple(sorted(THEIRS))
    both = (*ours, *theirs)
    us, them = (world.business,), (world.elsewhere,)
    everybody = {"anonymous": Principal(None, refused=104)}

    def put(name: str, token: str, sees: frozenset[str], lost: frozenset[str] = frozenset(), **more: str) -> None:
        everybody[name] = Principal(token, sees, lost, **more)

    async def login(who: str, names: tuple[str, ...], businesses: tuple[int, ...], app: str = "both") -> str:
        return await api.login(people[who], app, names, SCOPES, businesses=businesses)

    ours_all, theirs_all = OURS | {"business"}, THEIRS | {"elsewhere"}
    put("stranger", await login("nobody", (), ()), frozenset())
    bob = await login("bob", ours, us)
    put("admin", bob, ours_all)
    put("page token", await api.page_token(bob), frozenset({"page"}), page="page")
    put("sibling", await login("bob", ("page",), (), "tokens"), frozenset({"page", "business"}), app="tokens")
    put("grace", await login("ada", ours, us), ours_all)
    put("partner", await api.login(people["paul"], scopes=SCOPES, businesses=(world.partner, world.assets["page"])),
        frozenset({"page", "partner"}))  # fmt: skip
    put("system user", await api.system("both", ("page", "catalog")), frozenset({"page", "catalog", "business"}))
    late = await login("emil", both, (*us, *them))
    put("late page token", await api.page_token(late), frozenset(), frozenset({"page"}), page="page")
    put("late", late, theirs_all, ours_all)
    put("ended member", await login("selma", ours, us), frozenset(), ours_all)
    put("other tenant", await login("tess", theirs, them), theirs_all)
    put("app token", await api.app_token("both"), frozenset(), nobody="yes")

    async with world.services.store.read() as tx:
        places = {
            f"seat_{one.email.partition('@')[0]}": one.membership_id
            for business in (world.business, world.elsewhere, world.partner)
            for one in reversed(await membership.list_people(tx, business, T0))
            if one.email and not (business == world.elsewhere and one.email.startswith("selma"))
        }
    started = await world.start("emil", "ada")
    api.now = T0 + DAY
    managed = (await world.claim(started, "emil", api.now)).managed_id
    place = (await world.people_list(api.now))["selma@home.example"]
    places["seat_selma"] = place
    await membership.remove_member(world.services, world.business, place, None, api.now)
    api.now = NOW - DAY
    admin = (await world.claim(started, "ada", api.now)).managed_id
    api.now = NOW
    put("managed admin", await api.login(admin, "both", ours, SCOPES, businesses=us), ours_all)
    put("managed", await api.login(managed, "both", ours, SCOPES, businesses=us), ours_all)

    stage = Stage(api, {name: world.assets[name] for name in KINDS if name in world.assets}, everybody)
    stage.ids |= {"business": world.business, "partner": world.partner, "elsewhere": world.elsewhere}
    stage.ids |= {name: places[name] for name in (*SEATS, "seat_selma")}
    return stage


@pytest.fixture
async def stage(api: Api) -> Stage:
    """Everybody and everything."""
    return await _build(api)


async def _refused(stage: Stage, who: Principal, path: str, ghost: str, name: str, method: str = "GET") -> None:
    """A refusal of a node: for the lost ones with their reason, else the same bytes as for what never existed."""
    api, asked = stage.api, stage.text(name)
    answer = await api.call(path.format(asked), who.token, method)
    unknown = await api.call(path.format(ghost), who.token, method)
    if who.refused is not None:
        assert error(answer)[1] == error(unknown)[1] == who.refused
    elif name in who.lost:
        assert error(answer) == (400, 100, None)
        assert answer.json()["error"]["error_data"]["since"]
        return
    else:
        assert error(answer) == (400, 100, 33)
    assert same_refusal(answer, asked, unknown, ghost)


def _ghost(kind: NodeKind) -> str:
    """An id that never existed, as it would stand in a list."""
    text = str(make_id(kind, GHOST))
    return f"act_{text}" if kind is NodeKind.AD_ACCOUNT else text


async def test_nodes_and_their_edges(stage: Stage) -> None:
    """Everybody reads exactly what the oracle says; foreign and never-existing ids are alike to the byte (MT-01, MT-10)."""
    api = stage.api
    for title, who in stage.everybody.items():
        for name, kind in KINDS.items():
            asked, ghost = stage.text(name), _ghost(kind)
            edges = ["", *(f"/{edge}" for edge in NODE_EDGES.get(kind, {}))]
            for edge in edges:
                path = "/{}" + edge
                if name not in who.sees:
                    await _refused(stage, who, path, ghost, name)
                    continue
                if kind is not NodeKind.BUSINESS and edge[1:] in ASSET_ROWS:
                    await _assigned(stage, title, who, name)
                    await _agencies(stage, title, who, name)
                    continue
                answer = await api.call(path.format(asked), who.token, limit="100")
                if edge == "/roles" and title == "partner":
                    assert error(answer)[:2] == (403, 200)
                    continue
                assert answer.status_code == 200, (title, name, edge, answer.text)
                if not edge:
                    assert answer.json()["id"] == asked
                elif kind is NodeKind.BUSINESS:
                    found = answer.json()["data"]
                    if edge[1:] == "client_apps":
                        assert [one["name"] for one in found] == CLIENT_APPS[name], (title, name)
                    elif edge[1:] in NONE_ROWS:
                        assert found == []
                    elif edge[1:] in PARTNER_ROWS:
                        expected = {stage.text(one) for one in PARTNER_ROWS[edge[1:]][name]}
                        assert {one["id"] for one in found} == expected, (title, name, edge)
                    elif edge[1:] in SEAT_ROWS:
                        assert sorted(one["name"] for one in found) == SEAT_ROWS[edge[1:]][name], (title, name, edge)
                    else:
                        held, of_kind = BUSINESS_ROWS[edge[1:]]
                        expected = {stage.text(one) for one in held[name] & who.sees if KINDS[one] is of_kind}
                        assert {one["id"] for one in found} == expected, (title, name, edge)


async def test_posts_for_tokens(stage: Stage) -> None:
    """Tokens of a business are refused to whom it is not open as for one that never existed (MT-01, MT-18, MT-20)."""
    api = stage.api
    ghost = _ghost(NodeKind.BUSINESS)
    values = {"app_id": str(api.world.apps["both"]), "scope": "business_management", "fbe_external_business_id": "shop"}
    for title, who in stage.everybody.items():
        proof = "" if who.token is None else app_secret_proof(await api.secret(who.app), who.token)
        sent = values if not proof else {**values, "appsecret_proof": proof}
        for edge in sorted(MINTING):
            for name in ("business", "partner", "elsewhere"):
                answer = await api.call(f"/{stage.text(name)}/{edge}", who.token, "POST", **sent)
                unknown = await api.call(f"/{ghost}/{edge}", who.token, "POST", **sent)
                assert 400 <= answer.status_code < 500, (title, edge, name)
                if name not in who.sees and name not in who.lost and edge == "access_token":
                    assert same_refusal(answer, stage.text(name), unknown, ghost), (title, edge, name)
        for method, path in EXTENSION:
            known = await api.call(f"/{path}", who.token, method, **sent, business_config="{}")
            assert known.status_code == 200 or error(known)[1] in (100, 104, 190, 803), (title, path)
            if known.status_code == 200:
                assert known.json() == {"data": []}, (title, path)


async def _assigned(stage: Stage, title: str, who: Principal, name: str) -> None:
    """Who has tasks on an asset is told of each business that the caller reads, too."""
    path = f"/{stage.text(name)}/assigned_users"
    for business in ("business", "partner", "elsewhere"):
        answer = await stage.api.call(path, who.token, business=stage.text(business), limit="100")
        if business in who.sees:
            names = sorted(one["name"] for one in answer.json()["data"])
            assert names == ASSIGNED.get((business, name), []), (title, name, business)
        else:
            unknown = await stage.api.call(path, who.token, business=_ghost(NodeKind.BUSINESS), limit="100")
            assert error(unknown) == (400, 100, 33)
            if business not in who.lost:
                assert same_refusal(answer, stage.text(business), unknown, _ghost(NodeKind.BUSINESS))


async def _agencies(stage: Stage, title: str, who: Principal, name: str) -> None:
    """Whom an asset is lent to is told to who reads its owner, and of its own business to who reads that."""
    answer = await stage.api.get(f"/{stage.text(name)}/agencies", who.token)
    lent = {one for one in LENT if name in LENT[one]}
    owner = next(one for one in OWNED if name in OWNED[one])
    expected = {stage.text(one) for one in lent if owner in who.sees or one in who.sees}
    assert {one["id"] for one in answer["data"]} == expected, (title, name)


async def test_own_edges(stage: Stage) -> None:
    """The caller's own lists hold exactly what the oracle lets it read (MT-01, MT-10, I10)."""
    api = stage.api
    for title, who in stage.everybody.items():
        for edge, kind in USER_ROWS.items():
            answer = await api.call(f"/me/{edge}", who.token, limit="100")
            if who.refused is not None:
                assert error(answer)[1] in (2500, 190), title
            elif who.nobody:
                assert error(answer) == (400, 2500, None)
            elif who.page is not None:
                assert error(answer)[:2] == (400, 100), title
            elif title == "system user" and kind is NodeKind.WHATSAPP_ACCOUNT:
                assert error(answer)[:2] == (403, 200), "its app has no such permission"
            elif kind is not None:
                expected = {stage.text(one) for one in who.sees if KINDS[one] is kind}
                assert {one["id"] for one in answer.json()["data"]} == expected, (title, edge)
                inner = await api.get("/me", who.token, fields=f"{edge}.limit(100){{id}}")
                assert {one["id"] for one in inner[edge]["data"]} == expected, (title, edge)
            elif edge == "permissions" or answer.status_code == 200:
                assert answer.status_code == 200
            else:
                assert title == "system user" and error(answer)[:2] == (403, 200), (title, edge, answer.text)


async def test_writes(stage: Stage) -> None:
    """Whoever may not read a page may not write on it, and is told the same as of one that never existed (MT-01, MT-05)."""
    api = stage.api
    for title, who in stage.everybody.items():
        for name, kind in KINDS.items():
            ghost = _ghost(kind)
            for method, path in WRITES:
                if name not in who.sees:
                    await _refused(stage, who, path, ghost, name, method)
                    continue
                more = {"message": "x", "subscribed_fields": "feed"}
                answer = await api.call(path.format(stage.text(name)), who.token, method, **more)
                allowed = (method, path) == ("POST", "/{}/feed") and kind is NodeKind.PAGE
                allowed |= "subscribed_apps" in path and kind is NodeKind.PAGE and who.page is not None
                assert answer.status_code in ((200,) if allowed else (400, 403)), (title, name, method, answer.text)


async def test_managed_writes(stage: Stage) -> None:
    """People and shares are changed by who manages a business that has the asset, and by nobody else (MT-01, MT-18, MT-23)."""
    api = stage.api
    for title, who in stage.everybody.items():
        mine = MANAGES.get(title, "")
        for name, kind in KINDS.items():
            for method, edge in NODE_WRITES.get(kind, {}):
                if edge != "assigned_users":
                    continue
                path = "/{}/" + edge
                if name not in who.sees:
                    await _refused(stage, who, path, _ghost(kind), name, method)
                    continue
                owner = next(one for one in OWNED if name in OWNED[one])
                may = mine == owner or name in LENT.get(mine, ())
                seat = stage.text(SEAT_OF[mine or owner])
                tasks = (TASKS_OF[kind] & ~Task.MANAGE_JOBS).name or ""
                more = {"user": seat, "tasks": tasks.replace("|", ",")}
                answer = await api.call(path.format(stage.text(name)), who.token, method, **more)
                assert error(answer)[:2] == (403, 200) if not may else answer.json() == {"success": True}, (title, name)
                stranger = {**more, "user": stage.text(SEAT_OF["elsewhere" if owner == "business" else "business"])}
                ghost = {**more, "user": _ghost(NodeKind.MEMBERSHIP)}
                both = [
                    await api.call(path.format(stage.text(name)), who.token, method, **one) for one in (stranger, ghost)
                ]
                assert error(both[0])[1] in (100, 200)
                assert same_refusal(both[0], stranger["user"], both[1], ghost["user"]), (title, name)


async def test_partner_writes(stage: Stage) -> None:
    """Sharing is changed by who manages the owner, and a business by who manages it, and by nobody else (MT-01, MT-22, MT-23)."""
    api, ghost_business = stage.api, _ghost(NodeKind.BUSINESS)
    for title, who in stage.everybody.items():
        for name, kind in KINDS.items():
            for method, edge in sorted(NODE_WRITES.get(kind, {})):
                if edge in ("feed", "assigned_users"):
                    continue
                path = "/{}/" + edge if edge else "/{}"
                if name not in who.sees:
                    await _refused(stage, who, path, _ghost(kind), name, method)
                    continue
                owner = name if kind is NodeKind.BUSINESS else next(one for one in OWNED if name in OWNED[one])
                more = {} if kind is NodeKind.BUSINESS else {"business": ghost_business, "permitted_tasks": "ANALYZE"}
                if kind not in (NodeKind.BUSINESS, NodeKind.PAGE):
                    more["permitted_tasks"] = "ADVERTISE"
                answer = await api.call(path.format(stage.text(name)), who.token, method, **more)
                if MANAGES.get(title) != owner:
                    assert error(answer)[:2] == (403, 200), (title, name, method, edge)
                elif kind is not NodeKind.BUSINESS and method == "DELETE":
                    assert answer.json() == {"success": True}, "nothing was lent there: nothing happens"
                else:
                    assert error(answer)[:2] == (400, 100), (title, name, method, edge, answer.text)


async def test_many_at_once(stage: Stage) -> None:
    """?ids= decides each id by itself, alone or among allowed ones (MT-03)."""
    api = stage.api
    for who in stage.everybody.values():
        for name, kind in KINDS.items():
            asked, ghost = stage.text(name), _ghost(kind)
            if name in who.sees:
                assert set(await api.get("/", who.token, ids=asked)) == {asked}
            elif name not in who.lost:
                mixed = [stage.text(one) for one in sorted(who.sees)]
                answers = [await api.call("/", who.token, ids=",".join([*mixed, one])) for one in (asked, ghost)]
                assert same_refusal(answers[0], asked, answers[1], ghost)


async def test_people_apps_and_inner_ids(stage: Stage) -> None:
    """Places, people, apps and inner ids are shown to whom they concern and to nobody else (MT-01, MT-10)."""
    api, world = stage.api, stage.api.world
    async with world.services.store.read() as tx:
        bob = await records.find_scoped_id(tx, world.apps["both"], world.people["bob"])
        foreign = await records.find_scoped_id(tx, world.apps["tokens"], world.people["bob"])
    assert bob and foreign
    stage.ids |= {
        "bob": bob,
        "bob elsewhere": foreign,
        "tess": world.people["tess"],
        "organization": world.organization,
    }
    stage.ids |= {f"app {name}": one for name, one in world.apps.items()}
    stage.ids |= {"post": make_id(NodeKind.POST, 1), "record": make_id(NodeKind.RECORD, 1)}
    shown = {
        "bob": {"admin"},
        "bob elsewhere": {"sibling"},
        "tess": {"other tenant"},
        "app both": {title for title, who in stage.everybody.items() if who.app == "both" and who.refused is None},
        "app tokens": {"sibling"},
    }
    shown |= {
        seat: {title for title, who in stage.everybody.items() if business in who.sees}
        for seat, business in SEATS.items()
    }
    kinds = {
        "bob": NodeKind.SCOPED_ACCOUNT,
        "bob elsewhere": NodeKind.SCOPED_ACCOUNT,
        "tess": NodeKind.ACCOUNT,
        "organization": NodeKind.ORGANIZATION,
        "post": NodeKind.POST,
        "record": NodeKind.RECORD,
        **dict.fromkeys((*SEATS, "seat_selma"), NodeKind.MEMBERSHIP),
        **{f"app {name}": NodeKind.APP for name in world.apps},
    }
    for title, who in stage.everybody.items():
        for name, kind in kinds.items():
            if title in shown.get(name, ()):
                answer = await api.call(f"/{stage.text(name)}", who.token)
                assert answer.status_code == 200, (title, name, answer.text)
            else:
                await _refused(stage, who, "/{}", _ghost(kind), name)
            if kind is NodeKind.APP:
                await _app_edges(stage, title, name, title in shown.get(name, ()))
            if kind in (NodeKind.SCOPED_ACCOUNT, NodeKind.ACCOUNT) and title not in shown[name]:
                for edge in USER_ROWS:
                    await _refused(stage, who, "/{}/" + edge, _ghost(kind), name)
                await _refused(stage, who, "/{}/permissions", _ghost(kind), name, "DELETE")


async def _app_edges(stage: Stage, title: str, name: str, known: bool) -> None:
    """Edges of an app for one caller: read, refused by right, or as of an app that never existed."""
    who = stage.everybody[title]
    for edge, readers in APP_ROWS.items():
        path = "/{}/" + edge
        if not known:
            await _refused(stage, who, path, _ghost(NodeKind.APP), name)
            continue
        answer = await stage.api.call(path.format(stage.text(name)), who.token, business=stage.text("business"))
        assert answer.status_code == (200 if title in readers else 403), (title, name, edge, answer.text)
    for edge, method in sorted(CALL_ROWS):
        path = "/{}/" + edge
        if not known:
            await _refused(stage, who, path, _ghost(NodeKind.APP), name, method)
            continue
        answer = await stage.api.call(path.format(stage.text(name)), who.token, method)
        mine = who.nobody and answer.status_code in ((200,) if method == "GET" else (200, 400))
        assert mine or error(answer)[:2] == (403, 200), (title, name, edge, answer.text)


async def test_people_and_system_users_of_a_business(stage: Stage) -> None:
    """Who is in a business, and what each has there, is for who reads it; changing that for who manages it (MT-01, MT-18)."""
    api = stage.api
    bob = stage.everybody["admin"].token
    (robot,) = (await api.get(f"/{stage.text('business')}/system_users", bob))["data"]
    made = await api.call(f"/{stage.text('business')}/business_users", bob, "POST", email="new@home.example")
    group = await api.call(f"/{stage.text('business')}/business_asset_groups", bob, "POST", name="Group")
    stage.ids |= {"robot": int(robot["id"]), "invitation": int(made.json()["id"]), "group": int(group.json()["id"])}
    inner = {**SEATS, **dict.fromkeys(("robot", "invitation", "group"), "business")}
    kinds = {**dict.fromkeys(SEATS, NodeKind.MEMBERSHIP), "robot": NodeKind.ACCOUNT, "invitation": NodeKind.RECORD}
    kinds["group"] = NodeKind.ASSET_GROUP
    edges: dict[str, dict[str, NodeKind]] = {"group": CONTAINED, "invitation": {}}
    for title, who in stage.everybody.items():
        for name, business in inner.items():
            kind, ghost = kinds[name], _ghost(kinds[name])
            own = name == "robot" and title == "system user"
            if business not in who.sees or (who.page is not None):
                for edge in ROBOT_EDGES if name == "robot" else edges.get(name, SEAT_EDGES):
                    await _refused(stage, who, "/{}/" + edge, ghost, name)
                for method, edge in SEAT_WRITES[kind]:
                    await _refused(stage, who, "/{}/" + edge if edge else "/{}", ghost, name, method)
                continue
            for edge, of_kind in edges.get(name, SEAT_KINDS).items() if not own else ():
                if title == "system user" and of_kind is NodeKind.WHATSAPP_ACCOUNT:
                    continue
                found = await api.names(f"/{stage.text(name)}/{edge}", who.token, limit="100")
                assert found <= {stage.text(one) for one in who.sees if KINDS[one] is of_kind}, (title, name, edge)
            for method, edge in SEAT_WRITES[kind]:
                manages = MANAGES.get(title) == business
                if own or (manages and method == "DELETE" and not edge):
                    continue
                path = f"/{stage.text(name)}/{edge}".rstrip("/")
                answer = await api.call(path, who.token, method)
                assert error(answer)[:2] == ((400, 100) if manages else (403, 200)), (title, name, method, edge)
    assert (await api.call(f"/{stage.text('invitation')}", bob, "DELETE")).json() == {"success": True}


async def test_headers_and_parameters_do_not_choose_the_tenant(stage: Stage) -> None:
    """Only the token says who calls: no header, no parameter, no id in a body changes it (MT-05, MT-06, 9.20)."""
    api = stage.api
    token = stage.everybody["other tenant"].token
    bob = str(api.world.people["bob"])
    headers = dict.fromkeys(("x-org", "x-tenant", "x-user", "x-forwarded-user", "x-original-user"), bob)
    values = {
        "access_token": token,
        "user_id": bob,
        "business": stage.text("business"),
        "org_id": str(api.world.organization),
    }
    plain = await api.get("/me", token)
    answer = await api.client.get("/me", params=values, headers={**headers, "x-forwarded-host": "evil.example"})
    assert answer.json() == plain
    foreign = await api.client.get(f"/{stage.text('page')}", params=values, headers=headers)
    assert error(foreign) == (400, 100, 33)
    body = {"id": stage.text("page"), "message": "mine", "access_token": token, "from": bob, "created_time": "0"}
    written = await api.client.post(f"/{stage.text('other')}/feed", json=body)
    assert written.json()["id"].startswith(f"{stage.text('other')}_")
