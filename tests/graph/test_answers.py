"""What is asked in roundabout ways: app tokens, posts and seats as nodes, nested lists, repeated writes, faults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.commands._world import SCOPES, T0
from workbadge.commands import grant as grant_commands
from workbadge.commands import portfolio
from workbadge.commands import token as token_commands
from workbadge.graph import routes
from workbadge.graph.fields import parse_fields, write_fields
from workbadge.keys.proof import app_secret_proof
from workbadge.store import rights
from workbadge.store.engine import StoreBusyError
from workbadge.terms.ids import make_id
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import Task
from workbadge.web.wire import WireError

from ._api import Api, error, same_refusal

pytestmark = pytest.mark.anyio
MINE = ("page", "page2", "ads", "catalog", "pixel")


async def emil(api: Api, app: str = "both") -> str:
    """A token of an employee who chose every asset and the business."""
    world = api.world
    return await api.login(world.people["emil"], app, MINE, businesses=(world.business,))


async def test_an_app_token_shows_the_app_and_nothing_else(api: Api) -> None:
    """``id|secret`` and a client-credentials token read their own app; /me is 2500, all else does not exist (§3.2)."""
    world = api.world
    own, page = world.apps["both"], world.assets["page"]
    issued = await token_commands.app_token(world.services, own, T0)
    for token in (await api.app_token("both"), issued):
        assert (await api.get(f"/{own}", token, fields="name"))["name"] == "App both"
        assert list(await api.get("/", token, ids=str(own), fields="name")) == [str(own)]
        assert error(await api.call("/me", token)) == (400, 2500, None)
        assert error(await api.call("/me/accounts", token)) == (400, 2500, None)
        ghost = str(make_id(NodeKind.PAGE, 1))
        one, other = await api.call(f"/{page}", token), await api.call(f"/{ghost}", token)
        assert error(one) == (400, 100, 33)
        assert same_refusal(one, str(page), other, ghost)
        for path in (f"/{world.apps['tokens']}", f"/{page}/feed", f"/{world.business}/owned_pages"):
            assert error(await api.call(path, token)) == (400, 100, 33), path
        assert error(await api.call(f"/{page}/feed", token, "POST", message="x")) == (400, 100, 33)
    wrong = f"{own}|{await api.secret('tokens')}"
    for path in (f"/{own}", "/me", f"/{page}"):
        assert error(await api.call(path, wrong)) == (400, 190, None), path


async def test_a_proof_of_an_app_token_is_checked(api: Api) -> None:
    """A wrong ``appsecret_proof`` is refused beside an app token too, at its node and at debug_token (9.18, MT-13)."""
    token, caller = await emil(api), await api.app_token("both")
    right = app_secret_proof(await api.secret("both"), caller)
    own = f"/{api.world.apps['both']}"
    assert (await api.call("/debug_token", caller, input_token=token, appsecret_proof=right)).status_code == 200
    assert (await api.call(own, caller, appsecret_proof=right)).status_code == 200
    for wrong in ("", right.upper(), app_secret_proof(await api.secret("both"), token)):
        assert error(await api.call("/debug_token", caller, input_token=token, appsecret_proof=wrong)) == (
            400,
            100,
            None,
        )
        assert error(await api.call(own, caller, appsecret_proof=wrong)) == (400, 100, None)


async def test_two_different_tokens_are_refused(api: Api) -> None:
    """A parameter on which it depends who asks for what is not chosen from two values (WB-14)."""
    token, page = await emil(api), api.world.assets["page"]
    other = await api.login(api.world.people["selma"], "both", MINE)
    for path, name, values in (
        (f"/{page}", "access_token", (token, other)),
        ("/", "ids", (str(page), str(api.world.assets["page2"]))),
        ("/debug_token", "input_token", (token, other)),
    ):
        pairs = [(name, value) for value in values]
        if name != "access_token":
            pairs.append(("access_token", token))
        answer = await api.client.get(path, params=pairs)
        assert error(answer) == (400, 100, None)
        assert name in answer.json()["error"]["message"]
    split = await api.client.post(f"/{page}/feed?access_token={other}", data={"access_token": token, "message": "x"})
    assert error(split) == (400, 100, None)
    same = await api.client.get(f"/{page}", params=[("access_token", token)] * 2)
    assert same.status_code == 200


async def test_a_post_is_a_node_of_its_page(api: Api) -> None:
    """What POST answers can be read by whoever reads the page, and is unknown to everybody else (I10, MT-01)."""
    world, token = api.world, await emil(api)
    page, page2 = world.assets["page"], world.assets["page2"]
    made = (await api.call(f"/{page}/feed", token, "POST", message="Hello")).json()["id"]
    found = await api.get(f"/{made}", token)
    assert found == {"id": made, "message": "Hello", "created_time": T0.strftime("%Y-%m-%dT%H:%M:%S+0000")}
    partner = await api.login(world.people["paul"], "both", ("page",))
    assert (await api.get(f"/{made}", partner))["id"] == made
    stranger = await api.login(world.people["selma"], "both", ("page2",))
    ghost = f"{page}_{make_id(NodeKind.POST, 1)}"
    for who in (token, stranger):
        asked = made if who is stranger else f"{page2}_{made.partition('_')[2]}"
        one, other = await api.call(f"/{asked}", who), await api.call(f"/{ghost}", who)
        assert error(one) == (400, 100, 33)
        assert same_refusal(one, asked, other, ghost)
    assert error(await api.call(f"/{made.partition('_')[2]}", token)) == (400, 100, 33)
    for text in (f"{page}_", f"{page}_1", f"_{page}", f"{page}_{page}", f"{made}_1"):
        assert error(await api.call(f"/{text}", token)) == (404, 803, None), text


async def test_seats_are_listed_exactly_when_they_can_be_read(api: Api) -> None:
    """Every listed person and system user reads as a node; a place handed over does neither (I10)."""
    world = api.world
    token, bare = await emil(api), await api.login(world.people["selma"], "both", ("page",), ("pages_show_list",))
    bob = await api.login(world.people["bob"], "both", MINE, businesses=(world.business,))
    await api.system("both", ("page",))
    before = await api.names(f"/{world.business}/business_users", token)
    robots = await api.names(f"/{world.business}/system_users", token)
    assert (len(before), len(robots)) == (4, 1)
    for one in before | robots:
        assert (await api.get(f"/{one}", token, fields="name,role"))["id"] == one
        assert error(await api.call(f"/{one}", bare)) == (400, 100, 33)
    await world.claim(await world.start("emil", now=T0), "emil", T0)
    after = await api.names(f"/{world.business}/business_users", bob)
    assert len(after) == 4 and len(after - before) == 1
    for one in before | after:
        status = (await api.call(f"/{one}", bob)).status_code
        assert status == (200 if one in after else 400), one


async def test_a_lost_asset_says_whose_access_it_was(api: Api) -> None:
    """The error of a lost asset names the person as the app knows them, on reads, writes and page tokens (L6)."""
    world, token = api.world, await emil(api)
    page, me = world.assets["page"], (await api.get("/me", token))["id"]
    of_page = await api.page_token(token)
    cut_off = (await world.claim(await world.start("emil", now=T0), "emil", T0)).cut_off
    assert cut_off is not None
    api.now = cut_off
    for answer in (
        await api.call(f"/{page}", token),
        await api.call(f"/act_{world.assets['ads']}", token),
        await api.call(f"/{page}/feed", token, "POST", message="x"),
        await api.call("/me", of_page),
    ):
        assert error(answer) == (400, 100, None)
        assert answer.json()["error"]["error_data"]["user_id"] == me


async def test_nested_lists_page_as_they_were_asked(api: Api) -> None:
    """``next`` of a list inside a node keeps its fields and its limit, and leads to the rest (§3.9, 9.16)."""
    token = await emil(api)
    found = (await api.get("/me", token, fields="accounts.limit(1).summary(true){name,business{id}}"))["accounts"]
    names = [one["name"] for one in found["data"]]
    while "next" in found["paging"]:
        assert found["summary"] == {"total_count": 2}
        found = (await api.client.get(found["paging"]["next"])).json()
        assert [set(one) for one in found["data"]] == [{"id", "name", "business"}]
        names += [one["name"] for one in found["data"]]
    assert sorted(names) == ["page", "page2"]


@pytest.mark.parametrize(
    "text",
    [
        "id",
        "id,name",
        "accounts.limit(3){id,tasks}",
        "a.as(b).order(x y){c{d.limit(1)},e}",
        "picture.width(9).height(9)",
    ],
)
def test_fields_are_written_as_they_are_read(text: str) -> None:
    """Writing parsed fields and reading them again gives the same fields (§3.9)."""
    assert parse_fields(write_fields(parse_fields(text))) == parse_fields(text)


async def test_the_owner_of_an_asset_opens_only_to_its_readers(api: Api) -> None:
    """``business`` gives id and name; anything more is decided for that business, hop by hop (MT-02)."""
    world, token = api.world, await emil(api)
    page = f"/{world.assets['page']}"
    assert (await api.get(page, token, fields="business"))["business"] == {"id": str(world.business), "name": "Harbour"}
    nested = await api.get(page, token, fields="business{name,owned_pages{name}}")
    assert {one["name"] for one in nested["business"]["owned_pages"]["data"]} == {"page", "page2"}
    unknown = await api.call(page, token, fields="business{shoe}")
    assert "node type (Business)" in unknown.json()["error"]["message"]
    partner = await api.login(world.people["paul"], "both", ("page",))
    assert (await api.get(page, partner, fields="business{name}"))["business"]["name"] == "Harbour"
    for fields in ("business{owned_pages}", "business{business_users{email}}", "business{created_time}"):
        assert error(await api.call(page, partner, fields=fields)) == (400, 100, 33), fields


async def test_an_asset_without_a_business_has_none(api: Api) -> None:
    """A page that belongs to no business leaves the field out (A2, §2.2)."""
    world = api.world
    async with world.services.store.write() as tx:
        lone = await portfolio.add_asset(tx, world.services, NodeKind.PAGE, "Lone", None, T0)
        await rights.add_direct_role(tx, world.people["emil"], lone, Task.MANAGE)
    world.assets["lone"] = lone
    token = await _login_alone(api, lone)
    assert await api.get(f"/{lone}", token, fields="business,tasks") == {"id": str(lone), "tasks": ["MANAGE"]}


async def _login_alone(api: Api, node_id: int) -> str:
    """A token for one asset that was chosen in no business's name."""
    world = api.world
    async with world.services.store.write() as tx:
        consent = grant_commands.Consent(world.people["emil"], world.apps["both"], SCOPES, (), {node_id: None})
        granted = await grant_commands.record_consent(tx, world.services, consent, T0)
        return (await token_commands.issue_user_token(tx, world.services, granted, T0, lifetime=DAY)).text


async def test_tasks_are_those_that_would_let_the_call_through(api: Api) -> None:
    """``tasks`` names what is held on open ways only: assigned, and at most what was lent (M16)."""
    world = api.world
    only = {world.assets["page2"]: Task.ANALYZE | Task.CREATE_CONTENT}
    async with world.services.store.write() as tx:
        nora = await portfolio.add_person(
            tx, world.services, AccountKind.PERSONAL, "Nora", "nora@home.example", None, T0
        )
        await portfolio.add_member(tx, world.services, nora, world.business, Role.EMPLOYEE, only, None, T0)
    token = await api.login(nora, "both", ("page2",))
    found = await api.get(f"/{world.assets['page2']}", token, fields="tasks")
    assert found["tasks"] == ["ANALYZE", "CREATE_CONTENT"]


async def test_a_repeated_post_with_the_same_key_is_one_post(api: Api) -> None:
    """An ``Idempotency-Key`` gives the first answer again, to the same app, person and page only (house rule 18)."""
    world, token = api.world, await emil(api)
    page, page2 = world.assets["page"], world.assets["page2"]

    async def post(who: str, message: str, key: str, where: int = page) -> httpx.Response:
        data = {"access_token": who, "message": message}
        return await api.client.post(f"/{where}/feed", data=data, headers={"Idempotency-Key": key})

    first = (await post(token, "once", "k1")).json()["id"]
    api.now = T0 + DAY
    assert (await post(token, "once", "k1")).json()["id"] == first
    assert (await api.get(f"/{page}/feed", token, summary="true"))["summary"] == {"total_count": 1}
    assert error(await post(token, "twice", "k1")) == (400, 100, None)
    selma = await api.login(world.people["selma"], "both", MINE)
    others = [
        (await post(token, "once", "k2")).json()["id"],
        (await post(token, "once", "k1", page2)).json()["id"],
        (await post(await emil(api, "tokens"), "once", "k1")).json()["id"],
        (await post(selma, "once", "k1")).json()["id"],
    ]
    assert len({first, *others}) == 5
    for key in ("", "  ", "k" * 256):
        assert error(await post(token, "once", key)) == (400, 100, None), key


async def test_a_message_that_cannot_be_stored_is_refused(api: Api) -> None:
    """NUL, which PostgreSQL does not store, is refused alike on both engines and writes nothing (WB-12)."""
    token, page = await emil(api), api.world.assets["page"]
    for message in ("\0", "a\0b", " ", "", "x" * 63_207):
        answer = await api.client.post(f"/{page}/feed", json={"access_token": token, "message": message})
        assert error(answer) == (400, 100, None), message[:3]
    assert (await api.get(f"/{page}/feed", token))["data"] == []
    name = "Ünïcödé ﷽ 👩‍👩‍👧 مرحبا"
    made = (await api.call(f"/{page}/feed", token, "POST", message=name)).json()["id"]
    assert (await api.get(f"/{made}", token))["message"] == name


async def test_edges_with_an_underscore_take_many_ids(api: Api) -> None:
    """``/owned_pages?ids=`` reads the edge of each id, as ``/feed?ids=`` does; its links name one id (9.16)."""
    token, business = await emil(api), str(api.world.business)
    found = await api.get("/owned_pages", token, ids=business, limit="1")
    assert len(found[business]["data"]) == 1
    rest = (await api.client.get(found[business]["paging"]["next"])).json()
    assert len(rest["data"]) == 1


async def test_times_of_making(api: Api) -> None:
    """Businesses, ad accounts and pixels say when they were made, with ``+0000`` (§2.2, 9.23)."""
    world, token = api.world, await emil(api)
    at = T0.strftime("%Y-%m-%dT%H:%M:%S+0000")
    assert (await api.get(f"/{world.business}", token, fields="created_time"))["created_time"] == at
    assert (await api.get(f"/act_{world.assets['ads']}", token, fields="created_time"))["created_time"] == at
    assert (await api.get(f"/{world.assets['pixel']}", token, fields="creation_time"))["creation_time"] == at


async def test_many_pages_are_read_with_few_statements(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list with page tokens asks the database as often for forty pages as for one (house rule 33)."""
    world = api.world
    async with world.services.store.write() as tx:
        more = [
            await portfolio.add_asset(tx, world.services, NodeKind.PAGE, f"P{n}", world.business, T0) for n in range(40)
        ]
    for number, one in enumerate(more):
        world.assets[f"p{number}"] = one
    bob = await api.login(world.people["bob"], "both", tuple(f"p{n}" for n in range(40)))
    opened = 0
    read = world.services.store.read

    @asynccontextmanager
    async def counted() -> AsyncIterator[object]:
        nonlocal opened
        async with read() as tx:
            opened += 1
            yield tx

    monkeypatch.setattr(world.services.store, "read", counted)
    counts = []
    for limit in ("1", "40"):
        opened = 0
        page = await api.get("/me/accounts", bob, limit=limit, fields="access_token,business{name}")
        assert len({one["access_token"] for one in page["data"]}) == int(limit)
        counts.append(opened)
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("fault", "answer"),
    [(StoreBusyError("locked"), (503, 2, None)), (RuntimeError("secret EAAtoken"), (500, 1, None))],
)
async def test_faults_are_told_in_the_dialect(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Exception,
    answer: tuple[int, int, None],
) -> None:
    """A busy database is 2 with 503, anything unforeseen 1 with 500; neither answer nor log repeats its text (9.21)."""

    async def fail(*args: object) -> None:
        raise fault

    token = await emil(api)
    monkeypatch.setattr(routes, "find_person", fail)
    got = await api.call("/me", token)
    assert error(got) == answer
    assert got.json()["error"].get("is_transient", False) is (answer[1] == 2)
    assert "EAAtoken" not in got.text + capsys.readouterr().out


async def test_statuses_follow_the_code(api: Api) -> None:
    """9.21: 190 is 400, 10 and 200 to 299 are 403, 803 is 404, 1 is 500, 2 is 503, all else 400."""
    token = await emil(api)
    assert error(await api.call("/me", "EAAgarbage"))[:2] == (400, 190)
    assert error(await api.call("/nobody.known", token))[:2] == (404, 803)
    plain = await api.login(api.world.people["emil"], "tokens", scopes=("public_profile",))
    assert error(await api.call("/me/accounts", plain))[:2] == (403, 200)
    others = (3, 17, 32, 33, 100, 101, 102, 104, 190, 199, 300, 341, 368, 506, 613, 2500, 80000, 1609005)
    expected = {
        1: 500,
        2: 503,
        4: 403,
        10: 403,
        803: 404,
        **dict.fromkeys(range(200, 300), 403),
        **dict.fromkeys(others, 400),
    }
    assert {code: WireError(code, "").status for code in expected} == expected
