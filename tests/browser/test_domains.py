"""The pages of an organization's domains in headless Chromium: both widths and themes, axe, no console message."""

import pytest
from playwright.sync_api import Browser, expect

from tests._browser import Watched
from tests.console._site import login

from .test_console import Served, _sign_in, browser, served

__all__ = ["browser", "served"]
pytestmark = pytest.mark.browser


def test_the_pages_of_domains_are_clean(browser: Browser, served: Served) -> None:
    """O1, O2: the list, a refused name, one domain with its record to copy, and one whose code waits are clean at 1280 and 390 px,
    light and dark."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("ada"))
    base = f"{served.base}/console/organizations/{served.site.ids['organization']}/domains"
    page.goto(base)
    page.get_by_label("Domain").last.fill("sister-goods.com")
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.get_by_text("Waits for approval")).to_be_visible()
    watched.check("domains")
    page.goto(f"{base}/{served.site.ids['claim']}")
    expect(page.get_by_text("_workbadge-challenge.harbour-goods.com")).to_be_visible()
    watched.check("a domain to be proven")
    page.get_by_role("button", name="Send a code").click()
    expect(page.get_by_label("Code")).to_be_visible()
    watched.check("a domain with a code")
