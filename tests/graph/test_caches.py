"""What stands between callers and the graph must not mix them up: MT-28."""

import pytest

from ._api import Api

pytestmark = pytest.mark.anyio


async def test_nothing_is_kept_for_somebody_else(api: Api) -> None:
    """MT-28: one address, two callers: each its own answer, none of them to be kept by
    anybody; another caller's ETag is never answered 304."""
    world = api.world
    page = f"/{world.assets['page']}"
    emil = await api.login(world.people["emil"], names=("page",))
    stranger = await api.login(world.people["paul"], "tokens")
    mine = await api.client.get(page, headers={"authorization": f"Bearer {emil}"})
    assert mine.status_code == 200
    assert mine.headers["cache-control"] == "private, no-cache, no-store, must-revalidate"
    mark = mine.headers["etag"]
    for token, status in ((emil, 200), (stranger, 400)):
        headers = {"authorization": f"Bearer {token}", "if-none-match": mark}
        answer = await api.client.get(page, headers=headers)
        assert answer.status_code == status
        assert "no-store" in answer.headers["cache-control"]
    refused = await api.client.get(page, headers={"authorization": f"Bearer {stranger}"})
    assert refused.headers["etag"] != mark
