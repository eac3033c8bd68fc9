"""One catalog of refusals: what may not be known is missing, what is known says which right is missing (MT-40)."""

import msgspec
import pytest

from tests.commands._world import BASE, T0
from workbadge.access import Deny
from workbadge.commands import membership
from workbadge.graph.errors import TABLE, missing, refuse
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import Task

from ._api import ALL_SCOPES, Api, error

pytestmark = pytest.mark.anyio
NODE = "200000000000000007"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_row(reason: Reason) -> None:
    """MT-40: each reason has one row; where the node may not be known, its refusal is that of a missing node, to the byte."""
    row = TABLE[reason]
    hidden = refuse(Deny(reason, T0), NODE, 1, BASE, known=False, needs=("a_right",))
    if row.code in (100, 200) or not row.known:
        assert vars(hidden) == vars(missing(NODE))
    shown = refuse(Deny(reason, T0), NODE, 1, BASE, known=True, needs=("a_right",))
    if not row.known:
        assert vars(shown) == vars(missing(NODE))
    elif row.says:
        assert shown.data is not None and shown.data["reason"] == reason.value and shown.data["needs"] == ["a_right"]


async def test_a_missing_permission_is_named(api: Api) -> None:
    """MT-40: a token that selected a page and lacks the permission for an act is told which ones would do, and how to get one."""
    emil, page = api.world.people["emil"], api.world.assets["page"]
    scopes = tuple(one for one in ALL_SCOPES if one != "pages_manage_posts")
    token = await api.login(emil, "both", ("page",), scopes)
    answer = await api.call(f"/{page}/feed", token, "POST", message="x")
    assert error(answer)[:2] == (403, 200)
    found = answer.json()["error"]
    assert found["error_data"]["reason"] == Reason.SCOPE_MISSING.value
    assert found["error_data"]["needs"] == ["pages_manage_posts"]
    assert "pages_manage_posts" in found["error_user_msg"] and "auth_type=rerequest" in found["error_user_msg"]
    listed = await api.call("/me/adaccounts", await api.login(emil, "tokens", (), ("public_profile",)))
    assert error(listed)[:2] == (403, 200)
    assert "ads_read" in listed.json()["error"]["error_data"]["needs"]


async def test_a_missing_task_is_named(api: Api) -> None:
    """MT-40: a person whose task on a page does not allow an act is told which task would; a stranger is told that there is no page."""
    world = api.world
    page = world.assets["page"]
    place = (await world.people_list(T0))["emil@home.example"]
    await membership.assign(world.services, world.business, place, page, Task.ANALYZE, None, T0)
    token = await api.login(world.people["emil"], "both", ("page",))
    answer = await api.call(f"/{page}/feed", token, "POST", message="x")
    assert error(answer)[:2] == (403, 200)
    assert answer.json()["error"]["error_data"]["needs"] == ["CREATE_CONTENT", "MANAGE"]
    stranger = await api.login(world.people["paul"], "tokens")
    refused = await api.call(f"/{world.assets['page2']}/feed", stranger, "POST", message="x")
    assert error(refused) == (400, 100, 33)
    assert b"needs" not in msgspec.json.encode(refused.json())
