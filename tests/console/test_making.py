"""An app's pages for its makers: settings, roles, mode, webhooks with replay, connections at risk (wire.md 6.2-6.9, B3)."""

from typing import Any

import httpx
import pytest

from tests.web._receiver import Hook, listening
from workbadge.commands.app_status import restrict, set_access
from workbadge.commands.outbox import list_deliveries
from workbadge.commands.webhooks import Entry, notify
from workbadge.store import apps, business_login, records, webhooks
from workbadge.terms.apps import Level, Restriction, Review
from workbadge.terms.instants import DAY
from workbadge.web.worker import Worker

from ._site import START, Site, csrf_of, login

pytestmark = pytest.mark.anyio

FORM = {
    "name": "Postbox",
    "redirect_uris": "https://apps.example/postbox/callback",
    "login_uri": "https://apps.example/postbox/connect",
    "app_domains": "apps.example\nwww.apps.example",
    "user_support_url": "https://postbox.example/help",
    "user_support_email": "support@postbox.example",
    "privacy_policy_url": "",
    "terms_of_service_url": "",
    "contact_email": "",
    "deauth_callback_url": "",
    "data_deletion_url": "",
}


async def row(site: Site) -> Any:
    """The app as it is stored."""
    async with site.world.services.store.read() as tx:
        return await records.find_app(tx, site.ids["app"])


async def post(browser: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    """A form of the page at ``path``."""
    page = await browser.get(path)
    return await browser.post(path, data={"csrf": csrf_of(page.text), **form})


async def test_settings_are_saved_or_nothing_is(site: Site) -> None:
    """wire 6.9: a developer saves settings; one that is wrong is named beside its field, what was typed stays, nothing is stored;
    a flag that is not ticked is off."""
    browser = await site.browser(login("dora"))
    path = f"/console/apps/{site.ids['app']}/settings"
    good = {**FORM, "deauth_callback_url": "https://postbox.example/off", "require_proof": "1"}
    done = await post(browser, path, **good)
    assert done.status_code == 303, done.text
    stored = await row(site)
    assert (stored.deauth_callback_url, stored.require_proof, stored.native) == ("https://postbox.example/off", 1, 0)
    assert stored.app_domains == "apps.example,www.apps.example"
    bad = {**FORM, "name": "Renamed", "privacy_policy_url": "javascript:alert(1)", "contact_email": "nobody"}
    answer = await post(browser, path, **bad)
    assert answer.status_code == 400
    assert answer.text.count('aria-invalid="true"') == 2
    assert 'value="Renamed"' in answer.text
    assert await row(site) == stored
    await post(browser, path, **FORM)
    assert (await row(site)).require_proof == 0


async def test_roles_are_given_and_taken(site: Site) -> None:
    """An administrator gives roles by e-mail and takes them; the last administrator stays; an unknown address is said beside the
    field; whoever lost the role loses the pages at once."""
    mia, dora = await site.browser(login("mia")), await site.browser(login("dora"))
    path = f"/console/apps/{site.ids['app']}/roles"
    assert (await post(mia, path, email="nobody@mail.example", role="testers")).status_code == 400
    assert (await post(mia, path, email="selma@mail.example", role="testers")).status_code == 303
    async with site.world.services.store.read() as tx:
        held = {one.name: one for one in await apps.list_roles(tx, site.ids["app"])}
    assert {name: one.role for name, one in held.items()} == {
        "Mia Maker": "administrators",
        "Dora": "developers",
        "Tina": "testers",
        "Selma Second": "testers",
    }
    assert (await dora.get(path)).status_code == 200
    assert (await post(mia, path, action="take", account=str(held["Dora"].account_id))).status_code == 303
    assert (await dora.get(path)).status_code == 404
    assert (await post(mia, path, action="take", account=str(held["Mia Maker"].account_id))).status_code == 409


async def test_the_mode_is_switched_after_asking(site: Site) -> None:
    """wire 6.8: the overview asks before it switches; then people without a role cannot log in, and it says so."""
    mia = await site.browser(login("mia"))
    path = f"/console/apps/{site.ids['app']}"
    assert "Switch Postbox to development?" in (await mia.get(path)).text
    assert (await post(mia, path, mode="development")).status_code == 303
    assert (await row(site)).mode == "development"
    page = await mia.get(path)
    assert "In development" in page.text and "Switch Postbox to live?" in page.text
    assert (await post(mia, path, mode="nonsense")).status_code == 404
    assert "In development" in (await mia.get("/console/apps")).text


async def test_the_overview_shows_who_must_reconnect(site: Site) -> None:
    """B3: the maker sees the app's connections at risk under app-scoped ids, without anybody's name; restrictions and levels of
    access with reasons; and of a business that was lost no name any more."""
    services, app = site.world.services, site.ids["app"]
    async with services.store.write() as tx:
        await restrict(tx, services, app, Restriction.WRITE, "Under review.", (), None, START)
        await set_access(tx, services, app, "pages_manage_posts", Level.STANDARD, Review.IN_REVIEW, None, START)
    mia = await site.browser(login("mia"))
    page = (await mia.get(f"/console/apps/{app}")).text
    async with services.store.read() as tx:
        scoped = await records.find_scoped_id(tx, app, site.ids["person:Emil Employee"])
    assert f"<code>{scoped}</code>" in page
    assert "Harbour Coffee Company" in page and "At risk" in page
    assert "Emil" not in page
    assert "Calls that change something are refused" in page and "Under review." in page
    assert "Standard: people with a role" in page
    await site.world.advance(START + 31 * DAY)
    late = (await (await site.browser(login("mia"))).get(f"/console/apps/{app}")).text
    assert ">Lost<" in late
    assert "Harbour Coffee Company" not in late


async def deliver(site: Site) -> None:
    """Send what waits."""
    while await Worker(lambda: site.world.site, allow_private=True, run_due=False).step():
        pass


async def test_subscribing_failing_and_replaying(site: Site) -> None:
    """wire 6.2, 6.3, FT-23: the page shakes hands, shows what was delivered and what was given up, sends a dead letter again
    under its id, and takes the subscription back; a failed handshake is said beside the address."""
    services, app = site.world.services, site.ids["app"]
    dora = await site.browser(login("dora"))
    path = f"/console/apps/{app}/webhooks"
    form = {"action": "subscribe", "object": "application", "fields": "", "include_values": "1"}
    async with listening(Hook(status=410)) as hook:
        wrong = await post(dora, path, **form, callback_url=hook.url, verify_token="guess")
        assert wrong.status_code == 400 and "The handshake failed" in wrong.text
        good = {**form, "callback_url": hook.url, "verify_token": hook.verify_token}
        assert (await post(dora, path, **good)).status_code == 303
        entry = Entry("1", (("business_integration_install", {"name": "<script>alert(1)</script>"}),))
        async with services.store.write() as tx:
            await notify(tx, services, app, "application", entry, START)
        await deliver(site)
        page = (await dora.get(f"{path}?show=parked")).text
        assert "Given up" in page and "expected 200, got 410" in page
        assert "Stopped: the receiver was gone" in page
        assert "<script>alert" not in page
        async with services.store.read() as tx:
            (dead,) = await list_deliveries(tx, services, app, 10, parked=True)
        hook.status = 200
        assert (await post(dora, path, action="replay", delivery=str(dead.id))).status_code == 409
        assert (await post(dora, path, **good)).status_code == 303
        assert (await post(dora, path, action="replay", delivery=str(dead.id))).status_code == 303
        await deliver(site)
    assert [one.headers["x-workbadge-delivery"] for one in hook.posts] == [str(dead.id)] * 2
    assert "Delivered" in (await dora.get(path)).text
    assert "No dead letter" in (await dora.get(f"{path}?show=parked")).text
    assert (await post(dora, path, action="unsubscribe", object="application")).status_code == 303
    async with services.store.read() as tx:
        assert await webhooks.find_subscription(tx, app, "application") is None


async def test_deliveries_of_another_app_are_not_replayed(site: Site) -> None:
    """MT-01: a developer of one app neither sees nor sends another app's deliveries."""
    services, other = site.world.services, site.ids["other_app"]
    async with listening() as hook:
        mia, dora = await site.browser(login("mia")), await site.browser(login("dora"))
        form = {
            "action": "subscribe",
            "object": "application",
            "callback_url": hook.url,
            "verify_token": hook.verify_token,
        }
        assert (await post(mia, f"/console/apps/{other}/webhooks", **form)).status_code == 303
        async with services.store.write() as tx:
            entry = Entry("1", (("business_integration_update", {}),))
            await notify(tx, services, other, "application", entry, START)
        await deliver(site)
        async with services.store.read() as tx:
            sent = await list_deliveries(tx, services, other, 1)
        path = f"/console/apps/{site.ids['app']}/webhooks"
        assert "business_integration_update" not in (await dora.get(path)).text
        assert (await post(dora, path, action="replay", delivery=str(sent[0].id))).status_code == 404
    assert len(hook.posts) == 1


async def test_deliveries_come_in_pages(site: Site) -> None:
    """The list of deliveries goes back page by page, each delivery once."""
    services, app = site.world.services, site.ids["app"]
    dora = await site.browser(login("dora"))
    path = f"/console/apps/{app}/webhooks"
    async with listening() as hook:
        form = {
            "action": "subscribe",
            "object": "application",
            "callback_url": hook.url,
            "verify_token": hook.verify_token,
        }
        assert (await post(dora, path, **form)).status_code == 303
        for number in range(60):
            async with services.store.write() as tx:
                entry = Entry(str(number), (("business_integration_update", {}),))
                await notify(tx, services, app, "application", entry, START)
    seen: list[str] = []
    address: str | None = path
    while address:
        page = (await dora.get(address)).text
        seen += [part.split("<")[0] for part in page.split('wb-identity-name">')[1:] if part.startswith("business_int")]
        found = [part.split('"')[0] for part in page.split('href="') if "before=" in part.split('"')[0]]
        address = found[-1].replace("&amp;", "&") if found else None
    assert len(seen) == 60


async def test_login_configurations_are_made_and_taken_out_of_use(site: Site) -> None:
    """wire 4: a developer makes a configuration, whose id stands on the page; a wrong one is named beside its field and stays
    typed; a removed one is refused by the dialog, another app's is not found."""
    dora = await site.browser(login("dora"))
    path = f"/console/apps/{site.ids['app']}/configurations"
    wrong = await post(dora, path, name="Sales", token="system_user", scope="user_photos", action="add")
    assert wrong.status_code == 400 and "is about a person" in wrong.text and 'value="Sales"' in wrong.text
    assert "ends after" in wrong.text
    made = await post(dora, path, name="Sales", token="system_user", scope="pages_show_list", expires="1", action="add")
    assert made.status_code == 303
    page = (await dora.get(path)).text
    assert "A system user, for sixty days" in page and "0 businesses" in page
    async with site.world.services.store.read() as tx:
        (row,) = await business_login.list_configurations(tx, site.ids["app"])
    assert str(row.id) in page
    asked = {
        "client_id": str(site.ids["app"]),
        "redirect_uri": "https://apps.example/postbox/callback",
        "config_id": str(row.id),
        "response_type": "code",
        "override_default_response_type": "true",
    }
    assert "error_code" not in (await dora.get("/dialog/oauth", params=asked)).headers.get("location", "")
    assert (await post(dora, path, action="remove", configuration=str(row.id))).status_code == 303
    assert "error_code" in (await dora.get("/dialog/oauth", params=asked)).headers["location"]
    for ghost in (str(row.id), str(site.ids["install"]), "x"):
        assert (await post(dora, path, action="remove", configuration=ghost)).status_code == 404
