"""A migration as apps see it on the wire: before the claim, in the window, from the cut-off on (wire.md §2.3)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from tests.commands._world import BASE, T0, TICK
from workbadge.commands import due, migration
from workbadge.commands.claim import Claimed
from workbadge.commands.migration import Started
from workbadge.terms.instants import DAY, to_wire

from ._api import Api, error

pytestmark = pytest.mark.anyio
MINE = ("page", "page2", "ads", "catalog", "pixel", "other")
LOST = ("page", "page2", "ads", "catalog", "pixel")
FIELD = "user_access_expire_time"
CLAIM = T0 + DAY
CUT_OFF = CLAIM + 30 * DAY
EDGES = ("accounts", "adaccounts", "businesses", "assigned_product_catalogs", "assigned_pages", "assigned_ad_accounts")


@dataclass
class Move:
    """Emil's way to a managed account, with every kind of token that was there before."""

    api: Api
    personal: str
    page_token: str
    system: str
    partner: str
    started: Started
    claimed: Claimed | None = None
    managed: str = ""

    @property
    def five(self) -> dict[str, str]:
        """Paths of the five node types that have the field, all of the business that moves."""
        world = self.api.world
        return {**{name: f"/{world.assets[name]}" for name in LOST}, "business": f"/{world.business}"}

    async def claim(self) -> Claimed:
        """Claim at CLAIM, then consent again with the managed account."""
        api, world = self.api, self.api.world
        api.now = CLAIM
        self.claimed = await world.confirm(await world.link("emil"), "emil", CLAIM)
        await due.run(world.services, CLAIM)
        api.now = CLAIM + TICK
        self.managed = await api.login(self.claimed.managed_id, "both", LOST)
        return self.claimed


async def begin(api: Api) -> Move:
    """Everything up to the invitation."""
    world = api.world
    personal = await api.login(world.people["emil"], "both", MINE, businesses=(world.business,))
    return Move(
        api,
        personal,
        await api.page_token(personal),
        await api.system("both", ("page", "catalog")),
        await api.login(world.people["paul"], "both", ("page",)),
        await world.start("emil"),
    )


def as_field(at: datetime) -> str:
    """The form of the field."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


async def look(api: Api, path: str, token: str) -> Any:
    """The field beside the name."""
    return await api.get(path, token, fields=f"{FIELD},name")


async def test_field_in_three_phases(api: Api) -> None:
    """The field is left out before the claim, a timestamp on the five types in the window, error 100 after (9.22, MT-31)."""
    move = await begin(api)
    for at in (T0, CLAIM - TICK):
        api.now = at
        for path in move.five.values():
            assert set(await look(api, path, move.personal)) == {"id", "name"}
    await move.claim()
    for at in (CLAIM, CLAIM + TICK, CUT_OFF - DAY, CUT_OFF - TICK):
        api.now = at
        for path in move.five.values():
            assert (await look(api, path, move.personal))[FIELD] == as_field(CUT_OFF), (path, at)
    for at in (CUT_OFF, CUT_OFF + TICK, CUT_OFF + 30 * DAY):
        api.now = at
        for name, path in move.five.items():
            for fields in (FIELD, "name", ""):
                answer = await api.call(path, move.personal, fields=fields)
                assert error(answer) == (400, 100, None), (path, at)
                found = answer.json()["error"]
                assert found["type"] == "OAuthException"
                assert found["message"].startswith(
                    "(#100) Object does not exist, cannot be loaded due to missing permission or reviewable feature, "
                    "or does not support this operation."
                )
                assert ("pages_read_engagement" in found["message"]) == name.startswith("page")
                assert found["error_data"]["reason"] == "grace_ended"
                assert found["error_data"]["since"] == to_wire(CUT_OFF)
                assert found["error_data"]["reconnect"].startswith(f"{BASE}/dialog/oauth?client_id=")


async def test_other_types_do_not_have_the_field(api: Api) -> None:
    """User, SystemUser, BusinessUser and Application refuse the field by name (wire.md §2.1)."""
    move, world = await begin(api), api.world
    seat = (await world.people_list(api.now))["emil@home.example"]
    for path, token, name in (
        ("/me", move.personal, "User"),
        ("/me", move.system, "SystemUser"),
        (f"/{seat}", move.personal, "BusinessUser"),
        (f"/{world.apps['both']}", move.personal, "Application"),
    ):
        answer = await api.call(path, token, fields=FIELD)
        assert error(answer) == (400, 100, None)
        assert answer.json()["error"]["message"] == (
            f"(#100) Tried accessing nonexisting field ({FIELD}) on node type ({name})"
        )


async def test_forms_of_instants(api: Api) -> None:
    """`id` stands beside the absent field; the field has +00:00, created_time has +0000, the webhook Z (9.23)."""
    move = await begin(api)
    page = f"/{api.world.assets['page']}"
    assert await api.get(page, move.personal, fields=FIELD) == {"id": page[1:]}
    await api.call(f"{page}/feed", move.personal, "POST", message="hello")
    post = (await api.get(f"{page}/feed", move.personal))["data"][0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", post["created_time"])
    await move.claim()
    field = (await api.get(page, move.personal, fields=FIELD))[FIELD]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", field)
    hooks = [one.body for one in await api.world.outbox() if one.channel == "webhook"]
    assert hooks
    assert all(re.search(r"\d\d:\d\d:\d\d(\.\d+)?Z", body) and "+00:00" not in body for body in hooks)


async def test_managed_account_and_bystanders(api: Api) -> None:
    """System user, partner and managed account work without the field, whatever the old login's phase (9.22, 9.25)."""
    move = await begin(api)
    page, catalog = f"/{api.world.assets['page']}", f"/{api.world.assets['catalog']}"

    async def bystanders(at: datetime) -> None:
        api.now = at
        for path, token in ((page, move.system), (catalog, move.system), (page, move.partner)):
            assert set(await look(api, path, token)) == {"id", "name"}
            assert path[1:] in await api.names("/me/accounts", token) or path == catalog
        for token in (move.system, move.partner):
            assert (await api.call(f"{page}/feed", token, "POST", message="still here")).status_code == 200

    await bystanders(T0)
    await move.claim()
    for at in (CLAIM + TICK, CUT_OFF - TICK, CUT_OFF, CUT_OFF + TICK):
        await bystanders(at)
        for path in move.five.values():
            assert set(await look(api, path, move.managed)) == {"id", "name"}


async def test_token_stays_valid_and_lists_shrink(api: Api) -> None:
    """After the cut-off /me, permissions and debug_token stand; target_ids and lists lose the business (9.24)."""
    move, world = await begin(api), api.world
    owner, other = await api.app_token("both"), str(world.assets["other"])

    async def targets() -> set[str]:
        data = (await api.get("/debug_token", owner, input_token=move.personal))["data"]
        assert data["is_valid"] is True
        return {one for scope in data["granular_scopes"] for one in scope.get("target_ids", [])}

    everything = {str(world.assets[name]) for name in MINE} | {str(world.business), str(world.elsewhere)}
    me, permissions = await api.get("/me", move.personal), await api.get("/me/permissions", move.personal)
    assert await targets() == everything
    await move.claim()
    for at in (CLAIM, CUT_OFF - TICK):
        api.now = at
        assert await targets() == everything
        assert await api.names("/me/accounts", move.personal) == {
            str(world.assets[name]) for name in ("page", "page2", "other")
        }
    for at in (CUT_OFF, CUT_OFF + TICK):
        api.now = at
        assert await targets() == {other, str(world.elsewhere)}
        assert await api.get("/me", move.personal) == me
        assert await api.get("/me/permissions", move.personal) == permissions
        assert await api.names("/me/accounts", move.personal) == {other}
        assert await api.names("/me/businesses", move.personal) == {str(world.elsewhere)}
        assert await api.names("/me/adaccounts", move.personal) == set()
        counted = await api.get("/me/accounts", move.personal, summary="true")
        assert counted["summary"] == {"total_count": 1, "withheld": 2}
        assert set(await api.get(f"/{other}", move.personal)) == {"id", "name"}
        assert error(await api.call(f"/{world.business}/owned_pages", move.personal)) == (400, 100, None)


async def test_lists_show_exactly_what_can_be_read(api: Api) -> None:
    """A list leaves out, for every token and phase, exactly what a single read refuses (I10)."""
    move, world = await begin(api), api.world
    nodes = {f"act_{one}" if name == "ads" else str(one) for name, one in world.assets.items()}
    nodes |= {str(world.business), str(world.elsewhere), str(world.partner)}
    nodes.discard(str(world.assets["pixel"]))  # no list of the caller shows pixels
    await move.claim()
    for at in (CLAIM + TICK, CUT_OFF - TICK, CUT_OFF, CUT_OFF + TICK):
        api.now = at
        for token in (move.personal, move.system, move.partner, move.managed):
            listed: set[str] = set()
            for edge in EDGES:
                answer = await api.call(f"/me/{edge}", token, fields="id")
                assert answer.status_code == 200 or error(answer)[1] == 200
                listed |= {one["id"] for one in answer.json().get("data", [])}
            readable = {one for one in nodes if (await api.call(f"/{one}", token)).status_code == 200}
            assert listed == readable, at


async def test_page_token_follows_its_parent(api: Api) -> None:
    """A page token of the personal login shows the field in the window and is refused with its parent (9.26)."""
    move = await begin(api)
    page = f"/{api.world.assets['page']}"
    assert set(await look(api, "/me", move.page_token)) == {"id", "name"}
    await move.claim()
    fresh = await api.page_token(move.managed)
    assert fresh != move.page_token
    for at, works in ((CUT_OFF - TICK, True), (CUT_OFF, False), (CUT_OFF + TICK, False)):
        api.now = at
        for path in ("/me", page, f"{page}/feed", "/me/feed"):
            answer = await api.call(path, move.page_token)
            assert answer.status_code == 200 if works else error(answer) == (400, 100, None), (path, at)
            assert (await api.call(path, fresh)).status_code == 200
        if works:
            assert (await look(api, "/me", move.page_token))[FIELD] == as_field(CUT_OFF)


async def test_writes_end_with_reads(api: Api) -> None:
    """Writing works in the window and is refused from the cut-off on, like reading (§2.3)."""
    move = await begin(api)
    feed = f"/{api.world.assets['page']}/feed"
    await move.claim()
    for at, status in ((CUT_OFF - TICK, 200), (CUT_OFF, 400), (CUT_OFF + TICK, 400)):
        api.now = at
        for token in (move.personal, move.page_token):
            answer = await api.call(feed, token, "POST", message="x")
            assert answer.status_code == status
            assert status == 200 or error(answer) == (400, 100, None)
    assert len((await api.get(feed, move.managed))["data"]) == 2


async def test_is_work_account(api: Api) -> None:
    """is_work_account is true for the managed account and left out for the personal one, for ever (9.27)."""
    move = await begin(api)
    await move.claim()
    for at in (CLAIM + TICK, CUT_OFF):
        api.now = at
        assert "is_work_account" not in await api.get("/me", move.personal, fields="is_work_account")
        managed = await api.get("/me", move.managed, fields="is_work_account,email")
        assert managed["is_work_account"] is True
        assert managed["email"] == "emil@work.example"
        assert managed["id"] != (await api.get("/me", move.personal))["id"]


async def test_extension_moves_every_expiry(api: Api) -> None:
    """An extension moves the timestamp of every asset at once and sends the webhook again (9.27)."""
    move, world = await begin(api), api.world
    await move.claim()

    async def hooks() -> int:
        return sum(1 for one in await world.outbox() if one.channel == "webhook")

    before = await hooks()
    later = CUT_OFF + 10 * DAY
    api.now = CUT_OFF - TICK
    await migration.extend_grace(world.services, move.started.migration_id, world.people["emil"], later, None, api.now)
    await due.run(world.services, api.now)
    assert await hooks() > before
    for at in (CUT_OFF, later - TICK):
        api.now = at
        for path in move.five.values():
            assert (await look(api, path, move.personal))[FIELD] == as_field(later)
    api.now = later
    for path in move.five.values():
        assert error(await api.call(path, move.personal)) == (400, 100, None)


async def test_new_login_lists_business_assets_only(api: Api) -> None:
    """A consent with the managed account reaches the business that moved and nothing else (9.28)."""
    move, world = await begin(api), api.world
    await move.claim()
    assert await api.names("/me/accounts", move.managed) == {str(world.assets[name]) for name in ("page", "page2")}
    assert await api.names("/me/businesses", move.managed) == {str(world.business)}
    for path in (f"/{world.assets['other']}", f"/{world.elsewhere}"):
        assert error(await api.call(path, move.managed)) == (400, 100, 33)


async def test_a_deadline_that_passed(api: Api) -> None:
    """Who does not claim loses the business at the deadline, not a microsecond before, and is told so (M10, MT-31)."""
    world = api.world
    token = await api.login(world.people["emil"], "both", MINE, businesses=(world.business,))
    deadline = T0 + 5 * DAY
    await world.start("emil", deadline=deadline)
    page = f"/{world.assets['page']}"
    api.now = deadline - TICK
    assert (await api.call(page, token)).status_code == 200
    for at in (deadline, deadline + TICK):
        api.now = at
        answer = await api.call(page, token)
        assert error(answer) == (400, 100, None)
        assert answer.json()["error"]["error_data"]["reason"] == "deadline_passed"
        assert await api.names("/me/accounts", token) == {str(world.assets["other"])}
