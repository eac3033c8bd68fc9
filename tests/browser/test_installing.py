"""Installing an app in a business, in headless Chromium: every page at both widths and themes, with scripts and without."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests._browser import Watched, chromium
from tests._sandbox import Sandbox, running_sandbox
from tests.browser.test_dialog import BACK, Login

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("dialog")]

BUSINESS = "Harbour Coffee Company"
SCOPES = ["business_management", "pages_show_list", "ads_read", "catalog_management"]
SHOP = "manage_business_extension,catalog_management,pages_read_engagement"
EXTRAS = {
    "setup": {
        "external_business_id": "shop-1",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "business_vertical": "ECOMMERCE",
    }
}


class Installing(Login):
    """An app with a configuration for system users."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        super().__init__(sandbox, name)
        body = {"name": "Sales", "token": "system_user", "scopes": SCOPES}
        self.config = sandbox.control("POST", f"/apps/{self.app['id']}/configurations", body)["id"]

    def install(self) -> str:
        """The dialog's address for the configuration."""
        return self.address(
            config_id=self.config, response_type="code", override_default_response_type="true", scope=""
        )

    def shop(self) -> str:
        """The dialog's address of a shop's plugin."""
        return self.address(scope=SHOP, extras=json.dumps(EXTRAS))

    def exchange(self, code: str) -> str:
        """The token for a code, asked for without redirect_uri."""
        data = {"client_id": self.app["id"], "client_secret": self.app["secret"], "code": code}
        answer = httpx.post(f"{self.sandbox.base}/v26.0/oauth/access_token", data=data, trust_env=False).json()
        return str(answer["access_token"])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One world for all tests of this file, whose admin administers another business, too."""
    with running_sandbox() as found:
        member = {"account": found.personal("admin"), "role": "ADMIN"}
        found.control("POST", "/businesses", {"name": "Books and Beans", "members": [member]})
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with chromium() as found:
        yield found


def _context(browser: Browser, scripts: bool = True) -> BrowserContext:
    """A fresh window in which the app's own site answers."""
    context = browser.new_context(java_script_enabled=scripts)
    context.route("https://maker.example/**", lambda route: route.fulfill(body="<title>Back</title>welcome back"))
    return context


def _sign_in(page: Page, who: tuple[str, str]) -> None:
    page.get_by_label("E-mail").fill(who[0])
    page.get_by_label("Password").fill(who[1])
    page.get_by_role("button", name="Sign in", exact=True).click()


def _came_back(page: Page) -> dict[str, str]:
    page.wait_for_url(BACK + "**")
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def _next(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def test_an_install_is_clean_on_every_screen(browser: Browser, sandbox: Sandbox) -> None:
    """Wire §4, 9.12: each page of an install is clean at 1280 and 390 px, light and dark, and says that the app becomes a system
    user of the business; so is the page on which an admin takes it off again."""
    login = Installing(sandbox, "Maker's Café")
    watched = Watched(_context(browser).new_page())
    page = watched.page
    page.goto(login.install())
    _sign_in(page, login.who("admin"))
    expect(page.get_by_role("heading", name="Maker's Café wants to be installed in your business")).to_be_visible()
    expect(page.get_by_text("It acts as a system user of the business")).to_be_visible()
    expect(page.locator("[name=scope][type=checkbox]")).to_have_count(0)
    watched.check("permissions")
    _next(page)
    expect(page.get_by_role("heading", name="Where is Maker's Café to be installed?")).to_be_visible()
    watched.check("business")
    page.get_by_label(BUSINESS).check()
    _next(page)
    expect(page.locator("[name=target]:checked")).to_have_count(0)
    watched.check("assets")
    page.get_by_label("Harbour Bakery").check()
    _next(page)
    expect(page.get_by_role("heading", name=f"Install Maker's Café in {BUSINESS}?")).to_be_visible()
    expect(page.get_by_text(f"It acts as a system user of {BUSINESS}")).to_be_visible()
    watched.check("review")
    page.get_by_role("button", name="Install").click()
    back = _came_back(page)
    assert set(back) == {"code", "state"}
    token = login.exchange(back["code"])
    me = sandbox.graph("/me", token, fields="name,client_business_id")
    assert me["name"] == "Maker's Café System User"
    assert me["client_business_id"] == sandbox.about["business"]["id"]
    page.goto(f"{sandbox.base}/console/{sandbox.about['business']['id']}/apps")
    expect(page.get_by_text("Uses its system user")).to_be_visible()
    watched.check("apps")
    page.get_by_role("button", name="Uninstall").first.click()
    watched.check("uninstall")
    page.get_by_role("dialog").get_by_role("button", name="Uninstall").click()
    expect(page.get_by_text("The app was uninstalled")).to_be_visible()
    assert sandbox.graph("/me", token)["error"]["error_subcode"] == 458


def test_an_install_without_scripts(browser: Browser, sandbox: Sandbox) -> None:
    """Wire §4: without scripts an install works, back and forth; a business that was not chosen is asked for."""
    login = Installing(sandbox, "Plain")
    page = _context(browser, scripts=False).new_page()
    page.goto(login.install())
    _sign_in(page, login.who("admin"))
    _next(page)
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", name="Plain wants to be installed in your business")).to_be_visible()
    _next(page)
    page.get_by_label(BUSINESS).check()
    _next(page)
    page.locator("#f-q").fill("bakery")
    page.locator("#f-q").press("Enter")
    page.get_by_label("Harbour Bakery").check()
    _next(page)
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Harbour Bakery")).to_be_checked()
    _next(page)
    page.get_by_role("button", name="Install").click()
    assert set(_came_back(page)) == {"code", "state"}


def test_a_shop_is_set_up(browser: Browser, sandbox: Sandbox) -> None:
    """Wire §5.1: the dialog of a shop's plugin is clean on every screen; permissions besides its own can be declined."""
    login = Installing(sandbox, "Shop Plugin")
    watched = Watched(_context(browser).new_page())
    page = watched.page
    page.goto(login.shop())
    _sign_in(page, login.who("admin"))
    expect(page.get_by_role("heading", name="Shop Plugin wants to be set up in your business")).to_be_visible()
    expect(page.locator("[name=scope][type=checkbox]")).to_have_count(2)
    watched.check("permissions")
    _next(page)
    page.get_by_label(BUSINESS).check()
    _next(page)
    page.get_by_label("Harbour Bakery").check()
    _next(page)
    watched.check("review")
    page.get_by_role("button", name="Install").click()
    assert set(_came_back(page)) == {"code", "state"}
    page.goto(f"{sandbox.base}/console/{sandbox.about['business']['id']}/apps")
    expect(page.get_by_text("Still uses a person's login")).to_be_visible()
    watched.check("apps")


def test_an_old_login_is_told(browser: Browser) -> None:
    """Wire §4, M5: an admin's old login in grace, which administers nothing any more, finds a clean page that says what to do."""
    with running_sandbox() as world:
        login = Installing(world, "Maker")
        person = world.personal("admin")
        moved = world.control("POST", "/migrations", {"business": world.about["business"]["id"], "accounts": [person]})
        made = world.control("POST", f"/migrations/{moved['id']}/claims", {"account": person})["managed"]
        watched = Watched(_context(browser).new_page())
        page = watched.page
        page.goto(login.install())
        _sign_in(page, login.who("admin"))
        expect(page.get_by_role("heading", name="You administer no business")).to_be_visible()
        watched.said.clear()  # Chromium logs the 403
        watched.check("no business")
        page.get_by_role("link", name="Use another account").click()
        _sign_in(page, (made["email"], made["password"]))
        page.get_by_role("button", name="Work account").click()
        _next(page)
        expect(page.get_by_label("Harbour Bakery")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        assert _came_back(page)["error"] == "access_denied"
