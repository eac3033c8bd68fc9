"""An app's pages for its makers in headless Chromium: both widths and themes, axe, no console message, with what they show."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests._browser import Watched
from tests.console._site import START, login
from workbadge.commands import outbox, webhooks
from workbadge.commands.app_status import restrict, set_access
from workbadge.commands.webhooks import Entry, NewSubscription
from workbadge.terms.apps import Level, Restriction, Review

from .test_console import REFUSED, Served, _sign_in, browser, served

__all__ = ["browser", "served"]
pytestmark = pytest.mark.browser


def run(served: Served, work: Coroutine[Any, Any, None]) -> None:
    """Do it in the site's own loop."""
    asyncio.run_coroutine_threadsafe(work, served.loop).result(20)


async def fill(served: Served) -> None:
    """Subscriptions, deliveries in every state, a restriction, levels of access."""
    services, app = served.site.world.services, served.site.ids["app"]
    async with services.store.write() as tx:
        for name in ("managed_meta_account", "permissions", "page"):
            address = "https://postbox.example/a-rather-long-address-of-a-receiver/for/webhooks"
            await webhooks.subscribe(
                tx, services, app, NewSubscription(name, address, None, True), name != "page", START
            )
        entry = Entry("500000000000000001", (("connected", {"verb": "granted"}),))
        await webhooks.notify(tx, services, app, "permissions", entry, START)
        await restrict(
            tx, services, app, Restriction.PERMISSION, "Not needed for what it does.", ("read_insights",), None, START
        )
        await set_access(tx, services, app, "pages_manage_posts", Level.STANDARD, Review.IN_REVIEW, None, START)
        await set_access(tx, services, app, "pages_show_list", Level.ADVANCED, Review.APPROVED, None, START)
    first = await outbox.take(services, ["webhook"], START)
    assert first is not None
    await outbox.failed(services, first, "OutgoingError: ConnectError from postbox.example", START, final=True)
    async with services.store.write() as tx:
        for _ in range(2):
            await webhooks.notify(tx, services, app, "permissions", entry, START)
    second = await outbox.take(services, ["webhook"], START)
    assert second is not None
    await outbox.delivered(services, replace(second, behind=()), START)


def test_the_pages_of_an_app_are_clean(browser: Browser, served: Served) -> None:
    """Every page of an app is clean at 1280 and 390 px, light and dark, empty and full, and when a form comes back."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("mia"))
    base = f"{served.base}/console/apps/{served.site.ids['app']}"
    paths = ("", "/settings", "/roles", "/configurations", "/webhooks", "/webhooks?show=parked")
    page.goto(f"{served.base}/console/apps")
    expect(page.get_by_role("link", name="Postbox")).to_be_visible()
    watched.check("my apps")
    for full in (False, True):
        if full:
            run(served, fill(served))
        for path in paths:
            page.goto(base + path)
            watched.check(f"app{path} {'full' if full else 'empty'}")
    page.goto(f"{base}/settings")
    page.get_by_label("Privacy policy").fill("https://")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Privacy policy").fill("ftp://postbox.example/")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing was saved")).to_be_visible()
    watched.said = [one for one in watched.said if one != REFUSED]
    watched.check("settings with errors")


def test_a_dead_letter_is_replayed_and_the_mode_switched(browser: Browser, served: Served) -> None:
    """wire 6.3, 6.8: the Replay button sends a dead letter again; the dialog asks before the mode is switched."""
    page = browser.new_page()
    run(served, fill(served))
    _sign_in(page, served, login("mia"))
    base = f"{served.base}/console/apps/{served.site.ids['app']}"
    page.goto(f"{base}/webhooks?show=parked")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("The delivery is sent again")).to_be_visible()
    page.goto(f"{base}/webhooks?show=parked")
    expect(page.get_by_text("No dead letter")).to_be_visible()
    page.goto(base)
    page.get_by_role("button", name="Switch to development").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Switch to development").click()
    expect(page.get_by_text("The mode was changed")).to_be_visible()
    expect(page.get_by_text("In development", exact=True)).to_be_visible()


def test_roles_work_without_scripts(browser: Browser, served: Served) -> None:
    """Giving and taking a role works with scripts off."""
    page = browser.new_context(java_script_enabled=False).new_page()
    _sign_in(page, served, login("mia"))
    page.goto(f"{served.base}/console/apps/{served.site.ids['app']}/roles")
    page.get_by_label("E-mail of an account here").fill("selma@mail.example")
    page.get_by_role("button", name="Give the role").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_role("cell", name="Selma Second selma@mail.example")).to_be_visible()
