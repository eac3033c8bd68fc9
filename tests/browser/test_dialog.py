"""The login dialog in headless Chromium: both widths and themes, axe, no console message, with scripts and without."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from tests._browser import Watched, chromium
from tests._sandbox import Sandbox, running_sandbox
from tests.commands._world import World, make_services
from tests.oauth._site import LoginSite
from workbadge.commands.portfolio import add_asset
from workbadge.serving import bind, settings_for
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store
from workbadge.terms.kinds import NodeKind

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("dialog")]

BACK = "https://maker.example/back"
EVIL = "http://evil.example/"
SCOPES = "email,user_birthday,business_management,pages_show_list,ads_read,catalog_management"


class Login:
    """A sandbox, an app of its own for each test, and the dialog's address for it."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox = sandbox
        self.app = sandbox.control("POST", "/apps", {"name": name, "redirect_uris": [BACK, "com.maker.app://back"]})

    def address(self, **values: str) -> str:
        asked = {"client_id": self.app["id"], "redirect_uri": BACK, "state": "a b&c", "scope": SCOPES, **values}
        return f"{self.sandbox.base}/v26.0/dialog/oauth?{urlencode(asked)}"

    def who(self, role: str) -> tuple[str, str]:
        login = self.sandbox.account(role)["personal"]
        return login["email"], login["password"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One world for all tests of this file."""
    with running_sandbox() as found:
        yield found


@pytest.fixture
def login(sandbox: Sandbox) -> Login:
    """An app that nobody allowed yet."""
    return Login(sandbox, "Maker's Café")


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


def test_a_whole_login_is_clean_on_every_screen(browser: Browser, login: Login) -> None:
    """L1, L2: each page of a login is clean at 1280 and 390 px, light and dark; nothing is ticked; the code arrives."""
    watched = Watched(_context(browser).new_page())
    page = watched.page
    page.goto(login.address())
    watched.check("sign in")
    _sign_in(page, (login.who("employee")[0], "wrong"))
    expect(page.get_by_text("E-mail or password is wrong.")).to_be_visible()
    watched.said.clear()  # Chromium logs the 401
    watched.check("sign in again")
    _sign_in(page, login.who("employee"))
    expect(page.get_by_role("heading", name="Maker's Café wants to connect")).to_be_visible()
    watched.check("permissions")
    page.get_by_label("See your birthday").uncheck()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Nothing selected")).to_be_visible()
    expect(page.locator("[name=target]:checked")).to_have_count(0)
    watched.check("assets")
    page.get_by_label("Harbour Bakery").check()
    page.get_by_label("Select all ad accounts of Harbour Coffee Company").check()
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="On 3 assets")).to_be_visible()
    watched.check("review")
    page.get_by_role("button", name="Allow").click()
    back = _came_back(page)
    assert set(back) == {"code", "state"}
    assert back["state"] == "a b&c"


def test_a_whole_login_without_scripts(browser: Browser, login: Login) -> None:
    """L2: without scripts everything works: search, all of a kind, back and forth, and Allow."""
    page = _context(browser, scripts=False).new_page()
    page.goto(login.address())
    _sign_in(page, login.who("employee"))
    page.get_by_role("button", name="Continue").click()
    page.locator("#f-q").fill("ads")
    page.locator("#f-q").press("Enter")
    expect(page.locator("[name=target][type=checkbox]")).to_have_count(2)
    page.get_by_role("button", name="Select all ad accounts found").click()
    page.locator("#f-q").fill("")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("[name=target]:checked")).to_have_count(2)
    page.get_by_label("Harbour Beans").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Back").click()
    expect(page.locator("[name=target]:checked")).to_have_count(3)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").click()
    assert set(_came_back(page)) == {"code", "state"}


def test_the_tree_helps_and_selects_nothing_by_itself(browser: Browser, login: Login) -> None:
    """L2: searching hides what does not match, all of a kind means what is shown, and Return goes on without ticking."""
    page = _context(browser).new_page()
    page.goto(login.address())
    _sign_in(page, login.who("employee"))
    page.get_by_role("button", name="Continue").click()
    page.get_by_placeholder("Search assets").fill("america")
    expect(page.get_by_label("Harbour Ads Europe")).to_be_hidden()
    page.get_by_placeholder("Search assets").press("Enter")
    page.get_by_label("Select all ad accounts of Harbour Coffee Company").check()
    page.get_by_placeholder("Search assets").fill("")
    expect(page.locator("[name=target]:checked")).to_have_count(1)
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.get_by_label("Harbour Bakery").press("Enter")
    expect(page.get_by_role("heading", name="On 1 asset")).to_be_visible()


def test_what_is_typed_before_the_script_runs_counts(browser: Browser, login: Login) -> None:
    """L2: who types faster than the page's script comes finds what was typed all the same."""
    page = _context(browser).new_page()
    page.goto(login.address())
    _sign_in(page, login.who("employee"))
    page.wait_for_load_state()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/app.js*", hold)
    page.get_by_role("button", name="Continue").click(no_wait_after=True)
    page.get_by_placeholder("Search assets").fill("america")
    expect(page.get_by_label("Harbour Ads Europe")).to_be_visible()
    held[-1].continue_()
    expect(page.get_by_label("Harbour Ads Europe")).to_be_hidden()


def test_what_the_app_had_before_is_one_click(browser: Browser, login: Login) -> None:
    """L2: when the selection is reopened nothing is ticked; one click ticks what the app had, with scripts and without."""
    page_id = login.sandbox.asset("page", 1)["id"]
    login.sandbox.consent(login.sandbox.personal("employee"), login.app, ["pages_show_list"], [page_id])
    for scripts in (True, False):
        page = _context(browser, scripts).new_page()
        page.goto(login.address(auth_type="rerequest"))
        _sign_in(page, login.who("employee"))
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("[name=target]:checked")).to_have_count(0)
        page.get_by_role("button", name="Select the 1 asset this app had before").click()
        expect(page.get_by_label("Harbour Bakery")).to_be_checked()
        expect(page.locator("[name=target]:checked")).to_have_count(1)
        page.goto(login.address(auth_type="rerequest"))
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Harbour Coffee", exact=True).press("Enter")
        expect(page.locator("[name=target]:checked")).to_have_count(0)


def test_straight_back_from_signing_in_and_from_the_chooser(browser: Browser, login: Login) -> None:
    """Wire §3.1: the policy of the pages lets a standing consent lead on to the app from the sign-in form and the chooser."""
    for role in ("employee", "second_employee"):
        login.sandbox.consent(login.sandbox.personal(role), login.app, ["email", "public_profile"], [])
    watched = Watched(_context(browser).new_page())
    page = watched.page
    page.goto(login.address(scope="email"))
    _sign_in(page, login.who("employee"))
    assert set(_came_back(page)) == {"code", "state"}
    page.goto(f"{login.sandbox.base}/login?another=1&next=/logout")
    _sign_in(page, login.who("second_employee"))
    watched.check("signed in here")
    page.goto(login.address(scope="email"))
    watched.check("choose an account")
    page.get_by_role("button", name=re.compile("Selma Second")).click()
    assert set(_came_back(page)) == {"code", "state"}


def test_cancel_and_refusals(browser: Browser, login: Login) -> None:
    """Wire §3.1, OA-06: Cancel leads back with the triple; an unknown redirect address leads nowhere, on a clean page."""
    watched = Watched(_context(browser).new_page())
    page = watched.page
    page.goto(login.address())
    _sign_in(page, login.who("employee"))
    page.get_by_role("button", name="Cancel").click()
    assert _came_back(page)["error"] == "access_denied"
    page.goto(login.address(redirect_uri=EVIL))
    expect(page.get_by_role("heading", name="This login cannot be opened")).to_be_visible()
    watched.said.clear()  # Chromium logs the 400
    watched.check("refused")


def test_a_work_account_in_a_mobile_app(browser: Browser) -> None:
    """L3: a work account that comes from a mobile app finds a clean page that leads to the web."""
    with running_sandbox() as world:
        login = Login(world, "Maker")
        employee = world.personal("employee")
        business = world.about["business"]["id"]
        moved = world.control("POST", "/migrations", {"business": business, "accounts": [employee]})
        made = world.control("POST", f"/migrations/{moved['id']}/claims", {"account": employee})["managed"]
        watched = Watched(_context(browser).new_page())
        page = watched.page
        page.goto(login.address(redirect_uri="com.maker.app://back"))
        _sign_in(page, (made["email"], made["password"]))
        expect(page.get_by_role("heading", name="Please continue on the web")).to_be_visible()
        expect(page.get_by_text("Work account of Harbour Group")).to_be_visible()
        watched.said.clear()  # Chromium logs the 403
        watched.check("mobile")
        page.get_by_role("link", name="Use another account").click()
        _sign_in(page, login.who("employee"))
        page.get_by_role("button", name=re.compile("Personal account")).click()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Harbour Coffee Company moved to your work account")).to_be_visible()
        watched.said.clear()
        watched.check("moved")


def _serve(context: BrowserContext, body: str) -> None:
    """Another site with one page."""
    context.route(EVIL + "**", lambda route: route.fulfill(body=body, content_type="text/html"))


def test_other_sites_can_neither_frame_nor_send(browser: Browser, login: Login) -> None:
    """OA-47, OA-48, WB-04, WB-05: another site's frame stays empty, and its forms sign nobody in or out and allow nothing."""
    context = _context(browser)
    page = context.new_page()
    page.goto(login.address())
    _sign_in(page, login.who("employee"))
    expect(page.get_by_role("heading", name="Maker's Café wants to connect")).to_be_visible()
    form = {box.get_attribute("name"): box.get_attribute("value") for box in page.locator("form input").all()}
    assert form["request"] and form["csrf"]
    base = login.sandbox.base
    hidden = "".join(f'<input name="{name}" value="{value}">' for name, value in form.items())
    _serve(context, f'<iframe name="there" src="{base}/login"></iframe>')
    page.goto(EVIL)
    page.wait_for_timeout(300)
    assert page.frames[1].url in ("", "chrome-error://chromewebdata/")
    for path, fields in (
        ("/dialog/step", hidden),
        ("/logout", f'<input name="csrf" value="{form["csrf"]}">'),
        ("/login", '<input name="email" value="x@mail.example"><input name="password" value="y">'),
    ):
        context.unroute(EVIL + "**")
        _serve(context, f'<form method="post" action="{base}{path}">{fields}<button>Win a prize</button></form>')
        page.goto(EVIL)
        with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            page.get_by_role("button").click()
        assert answered.value.status in (400, 403), path
    page.goto(f"{base}/logout")
    expect(page.get_by_text("Emil Employee")).to_be_visible()


def test_nothing_is_loaded_from_elsewhere_or_told_to_it(browser: Browser, login: Login) -> None:
    """OA-53: pages whose address carries secrets load nothing from other hosts, and the app's site sees no referrer."""
    context = browser.new_context()
    asked: list[Request] = []

    def app(route: Route) -> None:
        asked.append(route.request)
        route.fulfill(body="back")

    context.route("https://maker.example/**", app)
    page = context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda one: hosts.add(urlsplit(one.url).netloc))
    page.goto(login.address(scope="email"))
    _sign_in(page, login.who("employee"))
    page.get_by_role("button", name="Allow").click()
    _came_back(page)
    assert hosts == {urlsplit(login.sandbox.base).netloc, "maker.example"}
    assert "referer" not in asked[0].headers


@contextmanager
def _large_site(folder: Path) -> Iterator[str]:
    """A site on which Emil's other business has 2 000 pages; the dialog's address for the app ``both``."""
    listening = bind("127.0.0.1", 0)
    ready, servers, addresses = threading.Event(), list[uvicorn.Server](), list[str]()

    async def main() -> None:
        async with open_store(StoreSettings(f"sqlite:///{folder / 'large.db'}", durable=False)) as store:
            await store.create()
            site = LoginSite(await World(make_services(store)).build())
            await site.give_passwords()
            async with store.write() as tx:
                for number in range(2000):
                    name = f"Branch {number:04}"
                    await add_asset(tx, site.world.services, NodeKind.PAGE, name, site.world.elsewhere, site.now)
            addresses.append(f"http://127.0.0.1:{listening.getsockname()[1]}{site.dialog(scope='pages_show_list')}")
            servers.append(uvicorn.Server(settings_for(site.application)))
            ready.set()
            await servers[0].serve(sockets=[listening])

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield addresses[0]
    servers[0].should_exit = True
    thread.join(10)


def test_a_large_portfolio_stays_quick(browser: Browser, tmp_path: Path) -> None:
    """L2: with 2 000 assets the page searches and selects all in the time of a blink, and fits a phone."""
    with _large_site(tmp_path) as address:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.route("https://both.example/**", lambda route: route.fulfill(body="welcome back"))
        page.goto(address)
        _sign_in(page, ("emil@home.example", "emil has a password"))
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/dialog/step")
        page.wait_for_load_state("load")
        took = page.evaluate(
            """() => {
                const field = document.querySelector("[data-tree-search]"), from = performance.now();
                field.value = "branch 19"; field.dispatchEvent(new Event("input", {bubbles: true}));
                document.body.offsetHeight; return performance.now() - from }"""
        )
        found = sum("19" in f"{number:04}" for number in range(2000))
        expect(page.locator("[data-tree-item]:not([hidden])")).to_have_count(found)
        assert took < 1000
        page.get_by_label("Select all pages of Books").check()
        expect(page.get_by_text(f"{found} selected")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url("https://both.example/back?code=**")
