"""The story of the demo, as a person lives it: a real browser, three third-party apps, thirty days."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests._browser import Watched, chromium

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("story")]
PASSWORD = "harbour-demo-2026"


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """A running ``workbadge demo``; its address."""
    command = [sys.executable, "-m", "workbadge.cli", "demo", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"http://localhost:\d+", line)
            if found is not None:
                break
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with chromium() as found:
        yield found


def _sign_in(page: Page, demo: str, email: str, leads_to: str = "/console") -> None:
    page.goto(f"{demo}/login?next={leads_to}")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.click("button:has-text('Sign in')")


def _claim_link(page: Page, demo: str, address: str) -> str:
    """The claim link of an invitation, as the demo's outbox shows it."""
    page.goto(f"{demo}/console/outbox")
    text = page.content()
    mail = re.search(rf"Yours is\s+{re.escape(address)}.*?(http://localhost:\d+/console/claim/\w+)", text, re.DOTALL)
    assert mail is not None
    return mail[1]


def _claim(page: Page, demo: str, who: str) -> None:
    """Prove the personal login, look, choose a password, confirm."""
    _sign_in(page, demo, f"{who}@mail.example")
    page.goto(_claim_link(page, demo, f"{who}@example.com"))
    Watched(page).check(f"claim of {who}")
    page.fill("[name=password]", "a password of my own")
    page.fill("[name=again]", "a password of my own")
    page.click("button:has-text('Claim my work account')")
    page.wait_for_url("**/claimed")


def test_the_story_in_a_browser(demo: str, browser: Browser) -> None:
    """M4-M8, M12, B1, B2, B4, L1, L2: claim, banner, reconnect one app, forget another, roll somebody back, cut-off."""
    emil = browser.new_context().new_page()
    ada = browser.new_context().new_page()
    selma = browser.new_context().new_page()

    # the app works through the personal login; the claim hands over
    emil.goto(f"{demo}/demo")
    apps = emil.get_attribute("a:has-text('third-party app Postbox')", "href") or ""
    emil.goto(apps)
    expect(emil.locator("td .ok")).to_have_count(4)
    _claim(emil, demo, "emil")
    assert emil.locator("main a[href='https://postbox.example/help']").count() > 0
    assert emil.locator("main a[href='mailto:support@adlens.example']").count() > 0
    assert "Stockfeed" not in emil.inner_text("main")  # B2: system users only
    Watched(emil).check("Help Center")

    # the banner counts down, on every page of the business, and cannot be dismissed
    emil.click("text=To the overview")
    banner = emil.locator("section.wb-countdown")
    assert "30" in banner.inner_text() and "Postbox" in banner.inner_text() and "Adlens" in banner.inner_text()
    assert "0 of 3 assets" in banner.inner_text()
    expect(banner.locator("button")).to_have_count(0)
    Watched(emil).check("home with banner")

    # the old login works until the cut-off, and says so
    emil.goto(apps)
    expect(emil.locator("td .soon")).to_have_count(3)
    expect(emil.locator("td .ok")).to_have_count(1)  # the other business

    # reconnect Postbox with the work account; everything is selected from scratch
    emil.goto(f"{demo}/console")
    emil.click("a:has-text('Harbour Coffee Company')")
    emil.click("[aria-label='Reconnect Postbox']")
    Watched(emil).check("account chooser")
    emil.click("button:has-text('emil@example.com')")
    Watched(emil).check("permissions")
    emil.click("button:has-text('Continue')")
    emil.wait_for_selector("button:has-text('this app had before')")
    expect(emil.locator("input[name=target]:checked")).to_have_count(0)  # L2
    Watched(emil).check("assets")
    emil.click("button:has-text('this app had before')")
    expect(emil.locator("input[name=target]:checked")).to_have_count(3)
    emil.click("button:has-text('Continue')")
    Watched(emil).check("review")
    emil.click("button:has-text('Allow')")
    emil.wait_for_url("**/postbox")
    assert "3 of 4 assets now go through the new login" in emil.inner_text("main")
    emil.goto(f"{demo}/console")
    emil.click("a:has-text('Harbour Coffee Company')")
    emil.wait_for_selector("section.wb-countdown")
    expect(emil.locator("[aria-label='Reconnect Postbox']")).to_have_count(0)
    expect(emil.locator("[aria-label='Reconnect Adlens']")).to_have_count(1)

    # Selma claims and is rolled back by an admin
    _claim(selma, demo, "selma")
    _sign_in(ada, demo, "ada@mail.example")
    ada.click("a:has-text('Harbour Coffee Company')")
    ada.click("nav[aria-label='Main'] a:has-text('Migration')")
    Watched(ada).check("migrations")
    ada.click("tbody a")
    Watched(ada).check("progress")
    ada.click("a:has-text('Selma')")
    Watched(ada).check("person in grace")
    ada.click("text=Roll back …")
    ada.click("dialog[open] button:has-text('Roll back')")
    ada.wait_for_selector("text=Rolled back: everything is as before the claim")
    assert "Rolled back: everything is as before the claim" in ada.inner_text("main")
    selma.goto(f"{demo}/console")
    assert "Harbour Coffee Company" in selma.inner_text("main")

    # the cut-off: only the forgotten app loses, only here
    emil.goto(f"{demo}/demo")
    Watched(emil).check("demo page")
    emil.click("button:has-text('To the next cut-off')")
    emil.wait_for_selector("text=The clock was moved")
    emil.goto(apps)
    expect(emil.locator("td .ok")).to_have_count(4)
    emil.goto(apps.replace("postbox", "adlens"))
    expect(emil.locator("td .lost")).to_have_count(3)
    assert "error 100" in emil.inner_text("main") and "error 190" not in emil.inner_text("main")
    expect(emil.locator("td .ok")).to_have_count(1)  # its system user
    emil.goto(apps.replace("postbox", "stockfeed"))
    expect(emil.locator("td .lost")).to_have_count(0)
