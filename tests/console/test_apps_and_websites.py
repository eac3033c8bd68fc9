"""The apps of a person on the own page: disconnecting, asking for deletion, what came of it (wire.md 6.1)."""

import json

import pytest

from tests.web._receiver import Hook, listening
from workbadge.commands.app_settings import change_settings
from workbadge.store import grants
from workbadge.web.worker import Worker

from ._site import START, Site, csrf_of, login

pytestmark = pytest.mark.anyio


async def test_disconnecting_and_asking_for_deletion(site: Site) -> None:
    """wire 6.1: one form disconnects the app and asks it to delete; the page shows that it waits, then the code and the way to
    the state; a foreign account in the form reaches nothing."""
    services = site.world.services
    selma = site.ids["person:Selma Second"]
    answer = {"url": "https://maker.example/state", "confirmation_code": "K-42"}
    async with services.store.read() as tx:
        app_id = (await grants.list_grants(tx, selma))[0].app_id
    browser = await site.browser(login("selma"))
    page = await browser.get("/console/account")
    assert "Ask the app to delete what it holds about me" in page.text
    form = {"csrf": csrf_of(page.text), "action": "disconnect", "app": str(app_id), "delete": "1"}
    async with listening(Hook(answer=json.dumps(answer).encode())) as hook:
        async with services.store.write() as tx:
            await change_settings(tx, services, app_id, {"data_deletion_url": hook.url}, None, START)
        foreign = await browser.post("/console/account", data={**form, "account": str(site.ids["person:Bruno Admin"])})
        assert foreign.status_code == 404
        done = await browser.post("/console/account", data={**form, "account": str(selma)})
        assert done.headers["location"].endswith("?done=deletion")
        waiting = await browser.get("/console/account")
        assert "Waiting for the app" in waiting.text
        assert f'value="{app_id}"' not in waiting.text
        while await Worker(lambda: site.world.site, allow_private=True, run_due=False).step():
            pass
    assert len(hook.posts) == 1
    after = await browser.get("/console/account")
    assert "Code K-42" in after.text
    assert 'href="https://maker.example/state"' in after.text
    again = {"csrf": csrf_of(after.text), "action": "ask_deletion", "app": str(app_id), "account": str(selma)}
    assert (await browser.post("/console/account", data=again)).status_code == 303
