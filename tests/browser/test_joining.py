"""What people of other businesses meet: requests for access, and the invitation to join; both widths and themes, axe."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, expect

from tests._browser import Watched
from tests.console._site import START, login
from workbadge.commands import outbox, portfolio
from workbadge.commands.joining import invite_to_join
from workbadge.terms.kinds import AccountKind, Role

from .test_console import Served, _sign_in, browser, served

__all__ = ["browser", "served"]
pytestmark = pytest.mark.browser

Made = TypeVar("Made")
REFUSED = re.compile("Failed to load resource: the server responded with a status of 40[0-9]")


def run(served: Served, work: Coroutine[Any, Any, Made]) -> Made:
    """Do it in the site's own loop."""
    return asyncio.run_coroutine_threadsafe(work, served.loop).result(20)


async def invite(served: Served, email: str, business: str = "") -> str:
    """Path of an invitation's page."""
    services, ids = served.site.world.services, served.site.ids
    async with services.store.write() as tx:
        into = ids["business"]
        if business:
            into = await portfolio.add_business(tx, services, business, None, START)
        await invite_to_join(tx, services, into, email, Role.EMPLOYEE, ids["person"], START)
    async with services.store.read() as tx:
        sent = [one for one in await outbox.list_outbox(tx, services) if one.kind == "joining"]
    found = re.search(r"/console/join/\w+", sent[-1].body)
    assert found
    return found[0]


def test_a_request_is_answered(browser: Browser, served: Served) -> None:
    """MT-22: from the overview to the request, a confirmed no, and a yes after all with fewer tasks: each step is clean."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("ada"))
    page.goto(served.home)
    expect(page.get_by_role("link", name="Requests 1")).to_be_visible()
    watched.check("overview")
    page.get_by_role("link", name="Answer", exact=True).click()
    page.get_by_role("link", name="Answer Lighthouse Agency about Harbour Bakery").click()
    page.get_by_role("button", name="Decline …").click()
    dialog = page.get_by_role("dialog", name="Decline what Lighthouse Agency asks for?")
    expect(dialog).to_be_visible()
    watched.check("decline?")
    dialog.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("This request was declined")).to_be_visible()
    watched.check("declined")
    page.goto(f"{served.home}/requests?show=answered")
    watched.check("answered")
    page.get_by_role("link", name=re.compile("Accept after all")).click()
    for name in ("See numbers and results", "Create and run ads"):
        page.get_by_label(name).uncheck()
    page.get_by_role("button", name="Share it").click()
    expect(page.get_by_text("No task is ticked.")).to_be_visible()
    watched.said = [one for one in watched.said if not REFUSED.match(one)]
    watched.check("nothing ticked")
    page.get_by_label("See numbers and results").check()
    page.get_by_role("button", name="Share it").click()
    expect(page.get_by_text("The asset is shared.")).to_be_visible()
    page.goto(f"{served.home}/requests?show=answered")
    expect(page.get_by_text("Accepted", exact=True)).to_be_visible()


def test_a_request_is_sent_and_withdrawn_without_scripts(browser: Browser, served: Served) -> None:
    """MT-01: from an id over the tasks to the list of sent requests, and back by a confirmation, with scripts off."""
    page = browser.new_context(java_script_enabled=False).new_page()
    _sign_in(page, served, login("paul"))
    page.goto(f"{served.base}/console/{served.site.ids['agency']}/requests/new")
    page.get_by_label("Id of the asset").fill(str(served.site.ids["asset"]))
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Moderate comments").check()
    page.get_by_role("button", name="Send the request").click()
    expect(page.get_by_text("The request is on its way.")).to_be_visible()
    expect(page.get_by_role("cell", name="Moderate comments")).to_be_visible()
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("The request was withdrawn.")).to_be_visible()


def test_the_pages_of_an_invitation_are_clean(browser: Browser, served: Served) -> None:
    """AC-22: signed out, with another login, with the invited one, in the business already, used up: each page is clean."""
    path = run(served, invite(served, "paul@mail.example"))
    watched = Watched(browser.new_page())
    page = watched.page
    page.goto(served.base + path)
    expect(page.get_by_text("Bruno Admin invites")).to_be_visible()
    watched.check("signed out")
    _sign_in(page, served, login("dora"))
    page.goto(served.base + path)
    expect(page.get_by_text("You are signed in with another address")).to_be_visible()
    watched.check("another login")
    page.get_by_role("link", name="Sign in with paul@mail.example").click()
    page.get_by_label("E-mail").fill(login("paul")[0])
    page.get_by_label("Password").fill(login("paul")[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Join with my personal login")).to_be_visible()
    watched.check("invited login")
    page.get_by_role("button", name="Join with my personal login").click()
    page.wait_for_url(served.home)
    expect(page.get_by_role("heading", name="Harbour Coffee Company")).to_be_visible()
    watched.check("joined")
    page.goto(served.base + path)
    expect(page.get_by_role("heading", name="This invitation cannot be used")).to_be_visible()
    watched.said = [one for one in watched.said if not REFUSED.match(one)]
    watched.check("used up")


async def _add_long(served: Served, email: str) -> None:
    services = served.site.world.services
    hashed = await services.passwords.hash(login("ada")[1])
    async with services.store.write() as tx:
        await portfolio.add_person(tx, services, AccountKind.PERSONAL, "Leonie Long", email, hashed, START)


def test_long_names_fit_into_an_invitation(browser: Browser, served: Served) -> None:
    """A business's name and an address without a place to break at do not widen the page on a phone."""
    email = f"{'leonie' * 9}@{'mail' * 9}.example"
    run(served, _add_long(served, email))
    path = run(served, invite(served, email, "Harbourcoffeecompany" * 4))
    watched = Watched(browser.new_page())
    page = watched.page
    page.goto(served.base + path)
    watched.check("long, signed out")
    _sign_in(page, served, (email, login("ada")[1]))
    page.goto(served.base + path)
    expect(page.get_by_role("button", name="Join with my personal login")).to_be_visible()
    watched.check("long, signed in")
    page.get_by_role("button", name="Join with my personal login").click()
    expect(page.get_by_role("heading", name="Harbourcoffeecompany")).to_be_visible()
    watched.check("long, joined")
