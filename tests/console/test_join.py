"""The page of an invitation to join a business: looking, signing in, accepting."""

import re

import pytest

from workbadge.commands import joining
from workbadge.commands.outbox import list_outbox
from workbadge.commands.portfolio import add_business
from workbadge.store import rights
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import Role

from ._site import Site, csrf_of, login

pytestmark = pytest.mark.anyio


async def invitation(site: Site, address: str) -> tuple[int, str]:
    """A fresh business that invites an address, and the path of its page."""
    services, now = site.world.services, site.world.clock.now()
    async with services.store.write() as tx:
        actor = (await rights.list_members(tx, site.demo.business_id))[0].account_id
        business = await add_business(tx, services, "Newcomers", None, now)
        await joining.invite_to_join(tx, services, business, address, Role.EMPLOYEE, actor, now)
    async with services.store.read() as tx:
        mail = [one for one in await list_outbox(tx, services) if one.kind == "joining"][-1]
    found = re.search(r"(/console/join/[0-9A-Za-z]+)\n", mail.body)
    assert found is not None
    return business, found[1]


async def test_joining(site: Site) -> None:
    """A4, AC-23: looking consumes nothing, signed out or as somebody else; the invited login joins and lands inside."""
    address, _ = login("paul")
    business, path = await invitation(site, address)
    for browser in (await site.browser(), await site.browser(login("selma"))):
        page = await browser.get(path)
        assert page.status_code == 200 and "Newcomers" in page.text and "Join with" not in page.text
        forged = {"csrf": csrf_of(page.text) if 'name="csrf"' in page.text else "", "account": "1"}
        answer = await browser.post(path, data=forged)
        assert answer.status_code in (401, 403, 404)
    paul = await site.browser(login("paul"))
    page = await paul.get(path)
    account = re.search(r'name="account" value="(\d+)"', page.text)
    assert account is not None
    answer = await paul.post(path, data={"csrf": csrf_of(page.text), "account": account[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/{business}")
    assert (await paul.get(f"/console/{business}")).status_code == 200
    assert (await paul.get(path)).status_code == 404, "a link works once"


async def test_links_that_cannot_be_used_read_alike(site: Site) -> None:
    """AC-22: an expired link and one that never existed give the same page; a form without its token is refused."""
    address, _ = login("paul")
    _, path = await invitation(site, address)
    paul = await site.browser(login("paul"))
    refused = await paul.post(path, data={"account": "1"})
    assert refused.status_code == 403
    ghost = await paul.get("/console/join/never")
    await site.world.advance(site.world.clock.now() + 30 * DAY)
    again = await site.browser(login("paul"))
    late = await again.get(path)
    assert (late.status_code, ghost.status_code) == (404, 404)
    assert re.findall(r"<h1.*?</h1>", late.text) == re.findall(r"<h1.*?</h1>", ghost.text)
