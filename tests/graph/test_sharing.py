"""Who has tasks on an asset: assigning people and system users, and what that means for old logins in grace."""

from typing import Any

import pytest

from tests.commands._world import T0, World
from workbadge.store import audit
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind
from workbadge.terms.tasks import TASKS_OF, Task, task_names

from ._api import Api, error

pytestmark = pytest.mark.anyio

ASSETS = ("page", "page2", "ads", "catalog", "pixel")
EVERY_PAGE_TASK = task_names(TASKS_OF[NodeKind.PAGE])


async def admin(api: Api, who: str = "bob") -> str:
    """A token of an admin who chose everything of the business."""
    return await api.login(api.world.people[who], "both", ASSETS, businesses=(api.world.business,))


async def entries(world: World, act: str) -> list[Any]:
    """Audit entries of the business with that act, newest first."""
    async with world.services.store.read() as tx:
        return await audit.list_entries(tx, world.business, 100, (act,))


async def tasks_on(api: Api, token: str, name: str, path: str = "page") -> dict[str, list[str]]:
    """Name to tasks of whoever is assigned to an asset in the business."""
    asset, business = api.world.assets[path], str(api.world.business)
    found = await api.get(f"/{asset}/assigned_users", token, business=business, fields="name,tasks,user_type")
    return {one["name"]: one["tasks"] for one in found["data"]} if name == "" else {name: _of(found, name)}


def _of(found: Any, name: str) -> list[str]:
    return next((one["tasks"] for one in found["data"] if one["name"] == name), [])


async def seat(api: Api, name: str, now: Any = T0) -> str:
    """The BusinessUser id of a person."""
    return str((await api.world.people_list(now))[f"{name}@home.example"])


async def test_assigning_and_taking_away(api: Api) -> None:
    """wire §3.6: POST gives exactly the tasks, DELETE takes them, both answer success, each with one audit entry (9.19, I11)."""
    token, page = await admin(api), api.world.assets["page"]
    user = await seat(api, "emil")
    path = f"/{page}/assigned_users"
    assert await tasks_on(api, token, "Emil") == {"Emil": EVERY_PAGE_TASK}
    body = {"user": user, "tasks": ["ANALYZE", "MESSAGING"], "id": "1", "access_token": token}
    answer = await api.client.post(path, json=body)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert await tasks_on(api, token, "Emil") == {"Emil": ["ANALYZE", "MESSAGING"]}
    assert [one.subject_id for one in await entries(api.world, "assignment.put")] == [api.world.people["emil"]]
    assert (await api.call(path, token, "DELETE", user=user)).json() == {"success": True}
    assert (await api.call(path, token, "DELETE", user=user)).json() == {"success": True}
    assert await tasks_on(api, token, "Emil") == {"Emil": []}
    assert len(await entries(api.world, "assignment.take_away")) == 1
    reader = await api.login(api.world.people["emil"], "both", ("page2",))
    assert error(await api.call(f"/{page}", reader))[1:] == (100, 33)


async def test_forms_of_tasks_and_users(api: Api) -> None:
    """wire §3.10: tasks as JSON, commas or PROFILE_PLUS names; user as BusinessUser, SystemUser or the app's own id."""
    token, world = await admin(api), api.world
    path = f"/{world.assets['page']}/assigned_users"
    employee = await api.login(world.people["emil"], "both", ("page",))
    own = str((await api.get("/me", employee))["id"])
    await api.system("both", ())
    (robot,) = (await api.get(f"/{world.business}/system_users", token))["data"]
    for user, tasks, held in (
        (own, '["ANALYZE"]', ["ANALYZE"]),
        (await seat(api, "emil"), "ANALYZE, MODERATE", ["ANALYZE", "MODERATE"]),
        (own, '["PROFILE_PLUS_MESSAGING"]', ["MESSAGING"]),
        (own, "PROFILE_PLUS_FULL_CONTROL", EVERY_PAGE_TASK),
        (robot["id"], "MANAGE", ["MANAGE"]),
    ):
        assert (await api.call(path, token, "POST", user=user, tasks=tasks)).json() == {"success": True}, user
        name = "Robot" if user == robot["id"] else "Emil"
        assert await tasks_on(api, token, name) == {name: held}
    listed = await api.get(path, token, business=str(world.business), fields="id,name,business,user_type")
    assert {one["name"]: one["user_type"] for one in listed["data"]} == {
        "Emil": "business_user",
        "Selma": "business_user",
        "Robot": "system_user",
    }
    assert listed["data"][0]["business"] == {"id": str(world.business), "name": "Harbour"}


async def test_refusals_say_what_was_expected(api: Api) -> None:
    """wire §3.12: missing, foreign and unfit parameters, and who does not manage, are refused, and nothing is changed."""
    token, world = await admin(api), api.world
    page, user = f"/{world.assets['page']}/assigned_users", await seat(api, "emil")
    for more in (
        {},
        {"user": user},
        {"user": user, "tasks": ""},
        {"user": user, "tasks": "FLY"},
        {"user": user, "tasks": '["ANALYZE"'},
        {"user": user, "tasks": ",".join(f"T{n}" for n in range(101))},
        {"user": str(world.business), "tasks": "ANALYZE"},
        {"user": "me", "tasks": "ANALYZE"},
        {"tasks": "ANALYZE"},
        {"user": user, "tasks": "ANALYZE", "business": user},
    ):
        assert error(await api.call(page, token, "POST", **more))[:2] == (400, 100), more
    assert error(await api.call(page, token))[:2] == (400, 100)
    assert error(await api.call(page, token, business=str(world.assets["page"])))[:2] == (400, 100)
    elsewhere = {"user": user, "tasks": "ANALYZE", "business": str(world.elsewhere)}
    assert error(await api.call(page, token, "POST", **elsewhere))[:2] == (403, 200)
    without = await api.login(world.people["bob"], "tokens", ("page",), ("pages_show_list",))
    employee = await api.login(world.people["selma"], "both", ("page",), businesses=(world.business,))
    for caller in (without, employee, await api.page_token(token)):
        assert error(await api.call(page, caller, "POST", user=user, tasks="ANALYZE"))[:2] == (403, 200)
    assert await tasks_on(api, token, "Emil") == {"Emil": EVERY_PAGE_TASK}


async def test_a_partner_gives_no_more_than_it_was_lent(api: Api) -> None:
    """MT-23: an admin of the partner assigns its own people within the lent tasks, and nobody of the owner."""
    world = api.world
    paul = await api.login(world.people["paul"], "both", (), businesses=(world.partner, world.assets["page"]))
    path = f"/{world.assets['page']}/assigned_users"
    places = (await api.get(f"/{world.partner}/business_users", paul))["data"]
    assert (await api.call(path, paul, "POST", user=places[0]["id"], tasks="ANALYZE")).json() == {"success": True}
    theirs = await api.get(path, paul, business=str(world.partner))
    assert theirs["data"] == [{"id": places[0]["id"], "name": "Paul", "tasks": ["ANALYZE"]}]
    assert error(await api.call(path, paul, "POST", user=await seat(api, "emil"), tasks="ANALYZE"))[:2] == (403, 200)
    assert error(await api.call(path, paul, business=str(world.business)))[1:] == (100, 33)
    bob = await admin(api)
    assert set(await tasks_on(api, bob, "")) == {"Emil", "Selma"}
    less = {"business": str(world.partner), "permitted_tasks": "ANALYZE,MODERATE"}
    assert (await api.call(f"/{world.assets['page']}/agencies", bob, "POST", **less)).json() == {"success": True}
    for tasks, status in (("ANALYZE,MODERATE", 200), ("MODERATE,MANAGE", 403), ("MANAGE", 403)):
        answer = await api.call(path, paul, "POST", user=places[0]["id"], tasks=tasks)
        assert answer.status_code == status, tasks
    held = (await api.get(path, paul, business=str(world.partner)))["data"]
    assert held[0]["tasks"] == ["ANALYZE", "MODERATE"]


async def test_in_grace_the_old_login_changes_nobody(api: Api) -> None:
    """M5, MT-18: from the claim on the old login's token reads who is assigned and assigns nobody; the new one does."""
    old, world = await admin(api, "ada"), api.world
    path, user = f"/{world.assets['page']}/assigned_users", await seat(api, "emil")
    assert (await api.call(path, old, "POST", user=user, tasks="ANALYZE")).json() == {"success": True}
    started = await world.start("ada")
    api.now = T0 + DAY
    managed = (await world.claim(started, "ada", api.now)).managed_id
    assert await tasks_on(api, old, "Emil") == {"Emil": ["ANALYZE"]}
    refusal = await api.call(path, old, "POST", user=user, tasks="MANAGE")
    assert error(refusal)[:2] == (403, 200)
    body = refusal.json()["error"]
    assert body["error_data"]["reason"] == "managing_moved"
    assert body["error_data"]["since"] and "dialog/oauth" in body["error_data"]["reconnect"]
    assert (await api.call(f"/{world.assets['page']}/feed", old, "POST", message="still")).status_code == 200
    new = await api.login(managed, "both", ASSETS, businesses=(world.business,))
    assert (await api.call(path, new, "POST", user=user, tasks="MANAGE")).json() == {"success": True}
    assert await tasks_on(api, new, "Emil") == {"Emil": ["MANAGE"]}


async def test_what_is_taken_from_the_managed_account_is_taken_from_the_old_login(api: Api) -> None:
    """M16: in grace a smaller assignment of the managed account makes that of the old login smaller, and nothing larger."""
    world = api.world
    old = await api.login(world.people["emil"], "both", ("page",))
    started = await world.start("emil")
    api.now = T0 + DAY
    await world.claim(started, "emil", api.now)
    token = await admin(api)
    places = await world.people_list(api.now)
    path = f"/{world.assets['page']}"
    held = (await api.get(path, old, fields="tasks"))["tasks"]
    assert held == EVERY_PAGE_TASK
    managed = str(places["emil@work.example"])
    for tasks in (Task.ANALYZE | Task.MODERATE, TASKS_OF[NodeKind.PAGE]):
        names = ",".join(task_names(tasks))
        answer = await api.call(f"{path}/assigned_users", token, "POST", user=managed, tasks=names)
        assert answer.json() == {"success": True}
        assert (await api.get(path, old, fields="tasks"))["tasks"] == ["ANALYZE", "MODERATE"]
    former = str(places["emil@home.example"])
    assert error(await api.call(f"{path}/assigned_users", token, "POST", user=former, tasks="MANAGE"))[:2] == (400, 100)
    assert (await api.call(f"{path}/assigned_users", token, "DELETE", user=managed)).json() == {"success": True}
    assert error(await api.call(path, old))[:2] == (403, 200)


async def test_a_write_repeated_by_key_is_done_once(api: Api) -> None:
    """house 18: the same key gets the first answer and changes nothing again; another request under it is refused."""
    token, path = await admin(api), f"/{api.world.assets['page']}/assigned_users"
    user = await seat(api, "emil")

    async def post(key: str, tasks: str, method: str = "POST") -> Any:
        values = {"access_token": token, "user": user, "tasks": tasks}
        return await api.client.request(method, path, params=values, headers={"Idempotency-Key": key})

    assert (await post("one", "ANALYZE")).json() == {"success": True}
    assert (await api.call(path, token, "POST", user=user, tasks="MANAGE")).json() == {"success": True}
    assert (await post("one", "ANALYZE")).json() == {"success": True}
    assert await tasks_on(api, token, "Emil") == {"Emil": ["MANAGE"]}, "the repeated one did nothing"
    assert error(await post("one", "MODERATE"))[:2] == (400, 100)
    assert error(await post("one", "ANALYZE", "DELETE"))[:2] == (400, 100)
    assert error(await post(" ", "ANALYZE"))[:2] == (400, 100)
    assert error(await post("k" * 256, "ANALYZE"))[:2] == (400, 100)
    api.now = T0 + DAY
    assert (await post("one", "ANALYZE")).json() == {"success": True}
    assert await tasks_on(api, token, "Emil") == {"Emil": ["ANALYZE"]}, "a day later the key is free again"


async def test_assigned_users_as_a_field(api: Api) -> None:
    """wire §3.9: the list is a field of its asset, with its parameters as modifiers, and its pages go on at the edge."""
    token, world = await admin(api), api.world
    fields = f"id,assigned_users.business({world.business}).limit(1).summary(true){{name}}"
    found = (await api.get(f"/{world.assets['ads']}", token, fields=fields))["assigned_users"]
    assert [list(one) for one in found["data"]] == [["name", "id"]]
    assert found["summary"] == {"total_count": 2}
    rest = (await api.client.get(found["paging"]["next"])).json()
    assert {one["name"] for one in found["data"] + rest["data"]} == {"Emil", "Selma"}
    assert "next" not in rest["paging"]
