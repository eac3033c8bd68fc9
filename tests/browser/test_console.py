"""Every page of the console in headless Chromium: both widths and themes, axe, no console message, without scripts too."""

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from tests._browser import Watched, chromium
from tests.console._site import EMIL_AT_WORK, START, Site, add_crowd, build_site, login
from workbadge.serving import bind, settings_for
from workbadge.terms.instants import DAY

pytestmark = pytest.mark.browser
REFUSED = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
"""What Chromium itself says of a form that comes back with what is wrong."""


@dataclass
class Served:
    """A running site. ``links``: claim links by address."""

    site: Site
    base: str
    links: dict[str, str]
    loop: asyncio.AbstractEventLoop

    @property
    def home(self) -> str:
        """Address of the business."""
        return self.base + self.site.business

    def advance(self, days: int) -> None:
        """Move the clock to so many days after the story's first instant."""
        asyncio.run_coroutine_threadsafe(self.site.world.advance(START + days * DAY), self.loop).result(20)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A site of one's own on a free port."""
    listening = bind("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    ready = threading.Event()
    made: list[Served] = []
    servers: list[uvicorn.Server] = []

    async def main() -> None:
        site = await build_site(tmp_path, base)
        made.append(Served(site, base, await site.links(), asyncio.get_running_loop()))
        servers.append(uvicorn.Server(settings_for(site.world)))
        ready.set()
        await servers[0].serve(sockets=[listening])
        await site.world.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield made[0]
    servers[0].should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with chromium() as found:
        yield found


def _sign_in(page: Page, served: Served, who: tuple[str, str]) -> None:
    page.goto(f"{served.base}/login")
    page.get_by_label("E-mail").fill(who[0])
    page.get_by_label("Password").fill(who[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile("/console"))


def test_the_pages_of_an_admin_are_clean(browser: Browser, served: Served) -> None:
    """Each page that an admin has is clean at 1280 and 390 px, light and dark."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("ada"))
    ids = served.site.ids
    move = f"/migration/{ids['migration']}"
    for path in (
        "",
        "/people",
        "/people?show=old",
        "/people?q=admin",
        "/people?q=nothing-like-it",
        "/assets",
        "/assets?q=nothing-like-it",
        f"/assets/{ids['asset']}",
        f"/assets/{ids['asset']}/people",
        f"/assets/{ids['asset']}/people?q=nothing-like-it",
        f"/assets/{ids['asset']}/people/{ids['membership']}",
        "/apps",
        "/system-users",
        "/partners",
        "/requests",
        "/requests?show=sent",
        "/requests?show=answered",
        f"/requests/{ids['request']}",
        "/requests/new",
        f"/requests/new?asset={ids['asset']}",
        "/history",
        "/migration",
        "/migration/plan",
        move,
        f"{move}?show=in_grace",
        f"{move}?q=nothing-like-it",
        f"{move}/{ids['person:Emil Employee']}",
        f"{move}/{ids['person:Selma Second']}",
    ):
        answer = page.goto(served.home + path)
        assert answer is not None and answer.status == 200, path
        watched.check(path)
    for path in ("/console", "/console/account", "/console/outbox"):
        page.goto(served.base + path)
        watched.check(path)


def test_an_employee_claims_and_sees_what_to_reconnect(browser: Browser, served: Served) -> None:
    """From the invitation mail over both proofs and the review to the Help Center: each step is clean (M4, B1, B4)."""
    watched = Watched(browser.new_page())
    page = watched.page
    page.goto(f"{served.base}/console/claim/{served.links['selma@example.com']}")
    watched.check("whose invitation")
    page.get_by_role("link", name="Sign in with my present login").click()
    page.get_by_label("E-mail").fill(login("selma")[0])
    page.get_by_label("Password").fill(login("selma")[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="What you must redo")).to_be_visible()
    watched.check("review")
    page.get_by_label("Choose a password").fill("a-password-for-work-1")
    page.get_by_label("The same password again").fill("a-password-for-work-1")
    page.get_by_role("button", name="Claim my work account").click()
    expect(page.get_by_role("heading", name="Help Center")).to_be_visible()
    assert served.links["selma@example.com"] not in page.url
    watched.check("help center")
    page.goto(served.home)
    banner = page.get_by_role("region", name="Reconnect your apps: Harbour Coffee Company")
    expect(banner).to_contain_text("30 days left")
    expect(banner.get_by_role("link", name="Reconnect Postbox")).to_have_attribute(
        "href", re.compile("/postbox/connect")
    )
    expect(banner.get_by_role("button")).to_have_count(0)
    watched.check("home with banner")


@pytest.mark.parametrize(("days", "says"), [(1, "29 days left"), (29, "1 day left"), (30, None)])
def test_the_banner_counts_down_and_goes(browser: Browser, served: Served, days: int, says: str | None) -> None:
    """The banner shows the days that are left on every page, and is gone at the cut-off (B1, M7)."""
    served.advance(days)
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, EMIL_AT_WORK)
    for path in ("", "/people", "/assets", "/apps", "/claimed"):
        page.goto(served.home + path)
        banner = page.get_by_role("region", name=re.compile("Reconnect your apps"))
        if says is None:
            expect(banner).to_have_count(0)
        else:
            expect(banner).to_contain_text(says.split(" ")[0])
    watched.check(f"after {days} days")


def test_a_rollback_works_without_scripts(browser: Browser, served: Served) -> None:
    """Without JavaScript the confirmation shows in place, and confirming rolls back (M12)."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    _sign_in(page, served, login("ada"))
    ids = served.site.ids
    page.goto(f"{served.home}/migration/{ids['migration']}/{ids['person:Emil Employee']}")
    page.get_by_role("button", name="Roll back …").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("Rolled back: everything is as before the claim")).to_be_visible()
    context.close()


def test_a_system_users_token_is_shown_once(browser: Browser, served: Served) -> None:
    """A new system user's token can be revealed on the page that made it and on no later one."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("ada"))
    page.goto(f"{served.home}/system-users")
    page.get_by_label("Name").fill("Nightly export")
    page.get_by_label("Read content and numbers of your pages").check()
    page.get_by_label("Harbour Bakery (page)").check()
    page.get_by_role("button", name="Create and show the token").click()
    secret = page.locator(".wb-secret-value")
    assert (secret.text_content() or "").startswith("EAA")
    watched.check("token shown")
    page.goto(f"{served.home}/system-users")
    expect(page.locator(".wb-secret-value")).to_have_count(0)
    expect(page.get_by_text("Nightly export")).to_be_visible()


def test_a_person_changes_the_password(browser: Browser, served: Served) -> None:
    """wire 3.12: from the account menu to the form, a mistake said at its field, and the change: each step is clean."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("emil"))
    page.goto(f"{served.base}/console/account")
    page.locator("summary.wb-account").click()
    page.get_by_role("link", name="Change password").first.click()
    expect(page.get_by_text("2 apps lose access through this login")).to_be_visible()
    watched.check("password form")
    page.get_by_label("Present password").fill("not the present one")
    page.get_by_label("New password", exact=True).fill("a quite different phrase")
    page.get_by_label("The new password once more").fill("a quite different phrase")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_label("Present password")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert").get_by_role("link", name="The present password is wrong.")).to_be_visible()
    assert watched.said == [REFUSED]
    watched.said.clear()
    watched.check("password refused")
    page.get_by_label("Present password").fill(login("emil")[1])
    page.get_by_label("New password", exact=True).fill("a quite different phrase")
    page.get_by_label("The new password once more").fill("a quite different phrase")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status").filter(has_text="The password was changed.")).to_be_visible()
    watched.check("password changed")


def test_tasks_are_chosen_taken_and_given_back(browser: Browser, served: Served) -> None:
    """M16: from an asset to one person's tasks, a confirmed taking away, and the way back: each step is clean."""
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("ada"))
    page.goto(f"{served.home}/assets/{served.site.ids['asset']}")
    selma = page.get_by_role("row", name=re.compile("selma@mail.example"))
    page.get_by_role("link", name="Change the tasks of Selma Second").click()
    page.get_by_label("Manage leads").uncheck()
    page.get_by_role("button", name="Save these tasks").click()
    expect(selma).not_to_contain_text("Manage leads")
    expect(selma).to_contain_text("Manage job offers")
    watched.check("single tasks")
    page.get_by_role("link", name="Change the tasks of Selma Second").click()
    page.get_by_role("button", name="Take away …").click()
    dialog = page.get_by_role("dialog", name="Take Harbour Bakery from Selma Second?")
    expect(dialog).to_be_visible()
    watched.check("take away?")
    dialog.get_by_role("button", name="Take away").click()
    expect(page.get_by_text("Selma Second no longer reaches Harbour Bakery")).to_be_visible()
    watched.check("taken away")
    page.get_by_role("button", name="Give it back").click()
    expect(selma).to_contain_text("Manage job offers")


def test_a_long_list_is_walked_by_keyboard(browser: Browser, served: Served) -> None:
    """I10: the pages of a list are links in a named navigation; a search's count is put into a live region."""
    asyncio.run_coroutine_threadsafe(add_crowd(served.site, 120), served.loop).result(20)
    watched = Watched(browser.new_page())
    page = watched.page
    _sign_in(page, served, login("ada"))
    page.goto(f"{served.home}/people")
    pager = page.get_by_role("navigation", name="Pages of this list")
    pager.get_by_role("link", name="Next").focus()
    page.keyboard.press("Enter")
    expect(pager.get_by_role("link", name="Previous")).to_be_visible()
    watched.check("second page")
    page.get_by_role("searchbox", name="Search by name or e-mail").fill("crowd0001")
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("10 matches"))
    expect(page.locator("#wb-live")).to_have_text("10 people for “crowd0001”")
    watched.check("found")
