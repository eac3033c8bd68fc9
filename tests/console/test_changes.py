"""What admins change through the pages: apps, assets, shares, system users, sessions (M16, MT-22, I4)."""

import re

import httpx
import pytest

from workbadge.commands.install_token import swap_token
from workbadge.store import business_login, overview, rights

from ._site import PASSWORD, START, Site, csrf_of, login, make_client

pytestmark = pytest.mark.anyio


async def _send(client: httpx.AsyncClient, path: str, **data: object) -> httpx.Response:
    token = csrf_of((await client.get("/console/account")).text)
    return await client.post(path, data={"csrf": token, **data})


async def test_an_app_is_taken_off_the_business_only(site: Site) -> None:
    """Removing a person's app takes this business's assets from it; what it reaches elsewhere stays."""
    ada = await site.browser(login("ada"))
    now, business = site.world.clock.now(), site.demo.business_id
    async with site.world.services.store.read() as tx:
        rows = await overview.list_access(tx, business, now)
    grant = next(row for row in rows if row.name == "Emil Employee" and row.app == "Postbox")
    answer = await _send(ada, f"{site.business}/apps/{grant.grant_id}/remove")
    assert answer.status_code == 303
    async with site.world.services.store.read() as tx:
        rest = await overview.list_access(tx, business, now)
    assert [(row.app, row.name) for row in rows if row.grant_id != grant.grant_id] == [(r.app, r.name) for r in rest]
    emil = await site.browser(login("emil"))
    assert "Postbox" in (await emil.get("/console/account")).text
    assert (await _send(ada, f"{site.business}/apps/{grant.grant_id}/remove")).status_code == 404


async def test_an_admin_sets_title_and_permissions(site: Site) -> None:
    """wire §3.6: a person's title and permissions and a system user's permissions are set on the page of people, by admins."""
    ada = await site.browser(login("ada"))
    async with site.world.services.store.read() as tx:
        places = await rights.list_members(tx, site.demo.business_id)
    noor = next(one for one in places if one.account_id == site.ids["person:Noor Third"])
    path = f"{site.business}/people/{noor.id}/details"
    details = {"title": "Head of <Ads>", "finance_permission": "EDITOR", "ip_permission": ""}
    assert (await _send(ada, path, **details)).status_code == 303
    shown = (await ada.get(f"{site.business}/people")).text
    assert "Employee, Head of &lt;Ads&gt;" in shown and 'value="Head of &lt;Ads&gt;"' in shown
    assert re.search(r'<option value="EDITOR" selected', shown)
    assert (await _send(ada, path, title="", finance_permission="")).status_code == 303
    assert "Head of" not in (await ada.get(f"{site.business}/people")).text
    for wrong in ({"finance_permission": "KING"}, {"title": "x" * 101}):
        assert (await _send(ada, path, **wrong)).status_code == 400
    robots = await ada.get(f"{site.business}/people?show=system")
    robot = re.search(r'action="([^"]+/details)"', robots.text)
    assert robot is not None and "Title" not in robots.text
    assert (await _send(ada, robot[1], ip_permission="REVIEWER")).status_code == 303
    assert re.search(r'<option value="REVIEWER" selected', (await ada.get(f"{site.business}/people?show=system")).text)
    assert "Title or permissions changed" in (await ada.get(f"{site.business}/history")).text
    paul = await site.browser(login("paul"))
    partner = (await paul.get("/console")).text.split('href="/console/')[1].split('"')[0]
    assert (await _send(paul, f"/console/{partner}/people/{noor.id}/details", title="Mine")).status_code == 404


async def test_an_asset_is_shared_and_taken_back(site: Site) -> None:
    """A share reaches the partner's list at once and leaves it at once (MT-22); a foreign asset cannot be shared."""
    ada, paul = await site.browser(login("ada")), await site.browser(login("paul"))
    start = await paul.get("/console")
    partner = start.text.split('href="/console/')[1].split('"')[0]
    asset = site.ids["asset"]
    assert "Harbour Bakery" not in (await paul.get(f"/console/{partner}/assets")).text
    sent = {"asset": asset, "partner": partner}
    assert (await _send(ada, f"{site.business}/partners", action="share", **sent)).status_code == 303
    assert "lent by Harbour Coffee Company" in (await paul.get(f"/console/{partner}/assets/{asset}")).text
    foreign = {"asset": asset, "partner": site.demo.business_id}
    assert (await _send(paul, f"/console/{partner}/partners", action="share", **foreign)).status_code == 404
    assert (await _send(ada, f"{site.business}/partners", action="stop", **sent)).status_code == 303
    assert (await paul.get(f"/console/{partner}/assets/{asset}")).status_code == 404


async def test_a_system_user_gets_nothing_of_another_business(site: Site) -> None:
    """A system user on an asset that the business does not own or hold is refused as on one that does not exist, and nothing is made (MT-40)."""
    paul = await site.browser(login("paul"))
    partner = (await paul.get("/console")).text.split('href="/console/')[1].split('"')[0]
    page = await paul.get(f"/console/{partner}/system-users")
    app = page.text.split('<option value="')[1].split('"')[0]
    before = await site.dump()
    sent = {"name": "Taker", "app": app, "scope": "pages_show_list", "asset": site.ids["asset"]}
    answer = await _send(paul, f"/console/{partner}/system-users", **sent)
    assert answer.status_code == 404
    assert await site.dump() == before


async def test_other_sessions_end_and_apps_are_disconnected(site: Site) -> None:
    """From the own page a person signs out everywhere else and disconnects an app; nobody else's account is touched."""
    here, there, ada = [await site.browser(login(one)) for one in ("emil", "emil", "ada")]
    emil = site.ids["person:Emil Employee"]
    before = await site.dump()
    assert (await _send(ada, "/console/account", account=emil, action="end_others")).status_code == 404
    assert (await there.get("/console/account")).status_code == 200
    assert (await _send(here, "/console/account", account=emil, action="end_others")).status_code == 303
    assert (await there.get("/console/account")).status_code == 303
    assert await site.dump() == before
    page = await here.get("/console/account")
    app = page.text.split('name="app" value="')[1].split('"')[0]
    offer = f'name="app" value="{app}"><input type="hidden" name="action" value="disconnect"'
    assert offer in page.text
    assert (await _send(here, "/console/account", account=emil, app=app, action="disconnect")).status_code == 303
    left = (await here.get("/console/account")).text
    assert offer not in left and f'name="app" value="{app}"' in left  # it can still be asked to delete what it holds


async def test_a_site_below_a_base_path_stays_there(site: Site) -> None:
    """Below a base path every link, form and redirect of the console carries it (S1)."""
    root = "/w/one"
    client = make_client(site.world, root)
    sent = await client.get("/console")
    assert sent.headers["location"].startswith(f"{root}/login?next=%2Fconsole")
    token = csrf_of((await client.get("/login")).text)
    data = {"email": "ada@mail.example", "password": PASSWORD, "csrf": token, "next": site.business}
    answer = await client.post("/login", data=data)
    assert answer.headers["location"] == root + site.business
    move = f"/migration/{site.ids['migration']}"
    for path in ("", "/people", "/assets", "/apps", "/system-users", "/partners", "/history", "/migration/plan", move):
        page = await client.get(site.business + path)
        assert page.status_code == 200
        for target in re.findall(r'(?:href|action|src)="([^"]*)"', page.text):
            assert target.startswith((f"{root}/", "#", "mailto:", "http")) or target == root, (path, target)


async def test_an_installed_app_is_uninstalled(site: Site) -> None:
    """Wire §4, L4: the page of apps shows what is installed, as whom, and whether it still rests on a login; an admin ends it."""
    ada, selma = await site.browser(login("ada")), await site.browser(login("selma"))
    services, install = site.world.services, site.ids["install"]
    async with services.store.write() as tx:
        row = await business_login.find_install(tx, install)
        token = (await swap_token(tx, services, row, ("pages_show_list",), site.ids["person"], START)).text
        await business_login.change_install(tx, install, {"swapped_at": None})
    page = f"/{site.ids['asset']}?access_token={token}"
    assert (await ada.get(page)).status_code == 200
    shown = (await ada.get(f"{site.business}/apps")).text
    assert "Postbox System User (FBE)" in shown and "Still uses a person" in shown and "by Bruno Admin" in shown
    assert "Uninstall Postbox?" in shown
    assert "Uninstall" not in (await selma.get(f"{site.business}/apps")).text
    async with services.store.write() as tx:
        await business_login.mark_swapped(tx, install, START)
    assert "Uses its system user" in (await ada.get(f"{site.business}/apps")).text
    answer = await _send(ada, f"{site.business}/installs/{install}/uninstall")
    assert answer.status_code == 303
    told = (await ada.get(answer.headers["location"])).text
    assert "The app was uninstalled" in told and "Postbox System User (FBE)" not in told
    assert (await ada.get(page)).json()["error"]["error_subcode"] == 458
    assert "Postbox System User" not in (await ada.get(f"{site.business}/system-users")).text
