"""Security of one's own login in a browser: authenticator apps, recovery codes, sessions; both widths and themes, axe."""

import re

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests._browser import Watched
from tests.console._site import EMIL_AT_WORK, at_work, login

from .test_console import REFUSED, Served, _sign_in, browser, served

__all__ = ["browser", "served"]
pytestmark = pytest.mark.browser


def _code(served: Served, key: str) -> str:
    return pyotp.TOTP(key).at(served.site.world.clock.now())


def _open_security(page: Page, served: Served) -> str:
    page.goto(f"{served.base}/console/account/security/{served.site.ids['person:Selma Second']}")
    return page.url


def test_an_authenticator_app_from_its_qr_code_to_the_second_step(browser: Browser, served: Served) -> None:
    """O6: enrolled from the page, recovery codes kept, asked for at the next sign-in; each page is clean, also with errors."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("selma"))
    security = _open_security(page, served)
    expect(page.get_by_text("Only a password protects this login")).to_be_visible()
    watched.check("security, no factor")
    page.get_by_role("link", name="Add an authenticator app").click()
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    assert page.evaluate("document.querySelector('.wb-qr').naturalWidth") > 100
    watched.check("enrol")
    key = page.locator(".wb-key").inner_text().replace(" ", "")
    page.get_by_label("Code").fill("12345")
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_text("The app was not added")).to_be_visible()
    watched.said = [one for one in watched.said if one != REFUSED]
    watched.check("enrol, wrong code")
    page.get_by_label("Code").fill(_code(served, key))
    page.get_by_label("Name").fill("Phone")
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert page.locator(".wb-codes li").count() == 10
    watched.check("recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("button", name="Remove Phone")).to_be_visible()
    watched.check("security, with factor")
    served.advance(1)
    page.context.clear_cookies()
    page.goto(security)
    page.get_by_label("E-mail").fill(login("selma")[0])
    page.get_by_label("Password").fill(login("selma")[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    watched.check("second step")
    page.get_by_label("Code").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    watched.said = [one for one in watched.said if "401" not in one]
    watched.check("second step, wrong code")
    page.get_by_label("Code").fill(_code(served, key))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Security")).to_be_visible()
    page.goto(security.replace("/security/", "/confirm/"))
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    watched.check("confirm")


def test_a_policy_is_set_and_met_at_the_next_sign_in(browser: Browser, served: Served) -> None:
    """O6, O7: the Policy page, with an error and saved; the sign-in that sets the factor up; what support sees: each page is clean."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, at_work("itta"))
    policy = f"{served.base}/console/organizations/{served.site.ids['organization']}/policy"
    page.goto(policy)
    watched.check("policy")
    page.get_by_label("Demand a second factor").check()
    page.get_by_label("Days in which it may still be missing").fill("365")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing was saved")).to_be_visible()
    watched.said = [one for one in watched.said if one != REFUSED]
    watched.check("policy, wrong")
    page.get_by_label("Days in which it may still be missing").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    page.locator("summary.wb-account").click()
    page.get_by_role("link", name="Security").click()
    expect(page.get_by_text("Your organization demands a second factor")).to_be_visible()
    watched.check("security, demanded")
    served.advance(1)
    page.goto(policy)
    page.get_by_label("E-mail").fill(EMIL_AT_WORK[0])
    page.get_by_label("Password").fill(EMIL_AT_WORK[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    watched.check("enrol while signing in")
    page.get_by_label("Code").fill(_code(served, page.locator(".wb-key").inner_text().replace(" ", "")))
    page.get_by_role("button", name="Set it up and sign in").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    watched.check("codes while signing in")
