"""What is denied reads like what is missing where its existence is no business of the asker, and names the right where it is."""

import re

import httpx
import pytest
from starlette.requests import Request

from workbadge.commands import outbox
from workbadge.commands.errors import CommandError, Problem
from workbadge.console.frame import plain_error
from workbadge.store import rights
from workbadge.terms.ids import kind_of, make_id
from workbadge.terms.kinds import NodeKind

from ._site import Site
from .test_routes import ADMIN, MAKER, MAKER_ADMIN, MEMBER, POLICY, STRANGERS, _actors, _call

pytestmark = pytest.mark.anyio
GHOST = 1_234_567_890_123
ITS_OWN = {"date", "set-cookie", "content-length"}
PLACES = re.compile(r"{(\w+)}")
RIGHTS = {ADMIN: "the role ADMIN", MAKER_ADMIN: "the role administrators"}
"""What a refusal names, by whom a route is for."""

FORMS = (
    ("POST /console/{business}/system-users", "asset", "asset", {"name": "Robot", "scope": "pages_show_list"}),
    ("POST /console/{business}/partners", "asset", "asset", {"action": "share"}),
    ("POST /console/{business}/migration/plan", "person", "person", {"action": "start"}),
    ("POST /console/account", "account", "account", {"action": "end_others"}),
    ("POST /console/account", "app", "app", {"action": "ask_deletion"}),
    ("POST /console/apps/{app}/webhooks", "delivery", "delivery", {"action": "replay"}),
    ("POST /console/apps/{app}/roles", "account", "account", {"action": "take"}),
)
"""Ids that stand in a form: route, field, whose id of ``Site.ids``, the rest of the form."""


def ghost_of(number: int) -> int:
    """An id of the same kind that never existed."""
    kind = kind_of(number)
    assert kind is not None
    return make_id(kind, GHOST)


def plain(answer: httpx.Response, *ids: int) -> tuple[int, str, dict[str, str]]:
    """An answer without the ids that were asked for, and without what is the connection's own."""
    text = answer.text
    for one in ids:
        text = text.replace(str(one), "ID")
    text = re.sub(r"person=\w+|work_\w+|until_\w+", "", text)
    return answer.status_code, text, {k: v for k, v in answer.headers.items() if k not in ITS_OWN}


async def alike(client: httpx.AsyncClient, key: str, ids: dict[str, int], asked: tuple[str, ...]) -> None:
    """A route with these ids is refused with the same bytes whether those that are asked for exist or not."""
    method, path = key.split(" ")
    values = {name: ids.get(name, "notALink") for name in PLACES.findall(path)}
    ghosts = {name: ghost_of(ids[name]) for name in asked}
    every = [*(ids[name] for name in asked), *ghosts.values()]
    data = {"action": "remove", "role": "EMPLOYEE"}
    real = await _call(client, method, path.format(**values), data)
    never = await _call(client, method, path.format(**{**values, **ghosts}), data)
    assert real.status_code == 404, (key, asked, real.text)
    assert plain(real, *every) == plain(never, *every), (key, asked)


@pytest.mark.parametrize("problem", Problem)
async def test_there_is_one_catalog(shared: Site, problem: Problem) -> None:
    """MT-40: every way in which a command says no has its status and title in one place; only a missing right is 403."""
    error = CommandError(problem, "What is wrong.", "what would be right")
    scope = {"type": "http", "method": "GET", "path": "/console", "headers": [], "query_string": b"", "root_path": ""}
    scope |= {"workbadge.site": shared.world.site, "workbadge.now": shared.world.clock.now()}
    answer = plain_error(Request(scope), error)
    assert answer.status_code in (400, 401, 403, 404, 409, 429)
    assert (answer.status_code == 403) == (problem is Problem.FORBIDDEN)
    assert (answer.status_code == 404) == (problem is Problem.NOT_FOUND)
    assert "What is wrong. Expected: what would be right." in bytes(answer.body).decode()


@pytest.mark.parametrize("key", sorted(key for key, who in POLICY.items() if who in (MEMBER, ADMIN)))
async def test_a_business_that_is_not_ones_own_is_missing(shared: Site, key: str) -> None:
    """MT-40: strangers, former members and handed-over logins get for a business's routes the bytes of one that never existed."""
    actors = await _actors(shared)
    before = await shared.dump()
    for name in STRANGERS:
        await alike(actors[name], key, shared.ids, ("business",))
    assert await shared.dump() == before


@pytest.mark.parametrize("key", sorted(k for k in POLICY if "{business}" in k and len(PLACES.findall(k)) > 1))
async def test_what_belongs_to_another_business_is_missing(shared: Site, key: str) -> None:
    """MT-40: an admin who puts an id of another business behind the own one's gets the bytes of one that never existed."""
    actors = await _actors(shared)
    async with shared.world.services.store.read() as tx:
        found = await rights.list_memberships(tx, shared.ids["person:Emil Employee"])
    books = next(one.business_id for one in found if one.business_id != shared.demo.business_id)
    inner = tuple(name for name in PLACES.findall(key) if name != "business")
    before = await shared.dump()
    for asked in {inner, *((one,) for one in inner)}:
        await alike(actors["handed_over"], key, {**shared.ids, "business": books}, asked)
    assert await shared.dump() == before


@pytest.mark.parametrize("key", sorted(key for key, who in POLICY.items() if who in (MAKER, MAKER_ADMIN)))
async def test_an_app_of_others_is_missing(shared: Site, key: str) -> None:
    """MT-40: pages of an app, webhooks among them, are missing to everybody without a role on it, as of an app that never existed."""
    actors = await _actors(shared)
    for name in (*STRANGERS, "employee", "admin", "tester"):
        await alike(actors[name], key, shared.ids, ("app",))
    await alike(actors["developer"], key, {**shared.ids, "app": shared.ids["other_app"]}, ("app",))


@pytest.mark.parametrize("key", sorted(key for key, who in POLICY.items() if who in RIGHTS))
async def test_a_right_that_is_missing_is_named(shared: Site, key: str) -> None:
    """MT-40: whoever may know a business or an app and lacks a right is told which: 403 and its name, on every such route."""
    actors = await _actors(shared)
    method, path = key.split(" ")
    path = path.format(**{name: shared.ids.get(name, "notALink") for name in PLACES.findall(path)})
    who = "employee" if POLICY[key] == ADMIN else "developer"
    answer = await _call(actors[who], method, path, {"role": "EMPLOYEE", "action": "exclude"})
    assert answer.status_code == 403
    assert RIGHTS[POLICY[key]] in answer.text


@pytest.mark.parametrize(("key", "field", "whose", "more"), FORMS, ids=lambda one: one if isinstance(one, str) else "")
async def test_foreign_ids_in_forms_are_missing(
    shared: Site, key: str, field: str, whose: str, more: dict[str, str]
) -> None:
    """MT-40: an id of another business, app or person in a form gets the bytes of one that never existed."""
    actors = await _actors(shared)
    ids = dict(shared.ids)
    async with shared.world.services.store.read() as tx:
        found = await rights.list_memberships(tx, ids["person:Emil Employee"])
        sent = await outbox.list_outbox(tx, shared.world.services, 10_000)
    books = next(one.business_id for one in found if one.business_id != shared.demo.business_id)
    ids["delivery"] = next(one.id for one in sent if one.app_id == ids["other_app"])
    method, path = key.split(" ")
    client = actors["developer" if "apps" in key or field == "app" else "handed_over"]
    form = {**more, "app": str(ids["app"])} if "system-users" in key else dict(more)
    if key == "POST /console/account" and field == "app":
        page = (await client.get("/console/account")).text
        form["account"] = str(re.search(r"/console/account/password/(\d+)", page)[1])  # type: ignore[index]
    if "partners" in key:
        form["partner"] = str(shared.demo.business_id)
    target = path.format(business=books, app=shared.ids["app"])
    real, never = ids[whose], ghost_of(ids[whose])
    before = await shared.dump()
    answers = [await _call(client, method, target, {**form, field: str(one)}) for one in (real, never)]
    assert answers[0].status_code in (400, 403, 404), answers[0].text
    assert plain(answers[0], real, never) == plain(answers[1], real, never)
    assert await shared.dump() == before


def test_ghosts_are_of_the_same_kind() -> None:
    """MT-40: what never existed is asked for by an id of the right kind, so that nothing but existence differs."""
    page = make_id(NodeKind.PAGE, 7)
    assert kind_of(ghost_of(page)) is NodeKind.PAGE and ghost_of(page) != page
