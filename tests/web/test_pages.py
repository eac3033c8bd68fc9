"""The gallery in headless Chromium: both widths and themes, accessibility, policy, behaviour with and without scripts."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from .gallery.app import BASE, PAGES, application

AXE = Path(__file__).resolve().parents[1] / "vendor/axe.min.js"
SIZES = {"wide": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The gallery on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}{BASE}"
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("install chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone's window with scripts."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    yield context
    context.close()


def _open(context: BrowserContext, url: str) -> tuple[Page, list[str]]:
    page, complaints = context.new_page(), list[str]()
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.wait_for_load_state("networkidle")
    return page, complaints


def _findings(context: BrowserContext, page: Page) -> list[Any]:
    """Serious and critical findings of axe. It is put in by the debugger, so the page's policy stays as it is."""
    context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text()})
    found: list[Any] = page.evaluate(
        "axe.run().then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => [v.id, v.nodes.map(n => n.target.join(' '))]))"
    )
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("path", sorted(PAGES))
def test_a_page_is_clean(browser: Browser, site: str, path: str, size: str, theme: Any) -> None:
    """A page breaks no policy, logs nothing, does not scroll sideways, and axe finds nothing serious."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    try:
        page, complaints = _open(context, site + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
        assert page.evaluate("document.fonts.check('16px Inter')")
        assert _findings(context, page) == []
        assert complaints == []
    finally:
        context.close()


def test_open_menus_and_dialogs_are_clean(phone: BrowserContext, site: str) -> None:
    """The drawer, the menus and a dialog open, are accessible and close with Escape."""
    page, complaints = _open(phone, f"{site}/migration")
    page.get_by_role("button", name="Open the menu").click()
    assert page.get_by_role("link", name="Single sign-on").is_visible()
    assert _findings(phone, page) == []
    page.keyboard.press("Escape")
    assert page.locator("#wb-nav").is_hidden()
    page.locator("summary", has_text="Ada Marlow").click()
    assert page.get_by_role("button", name="Sign out").is_visible()
    assert _findings(phone, page) == []
    page.keyboard.press("Escape")
    assert page.get_by_role("button", name="Sign out").is_hidden()
    page.locator("#rows summary").first.click()
    page.get_by_role("button", name="Roll back").first.click()
    dialog = page.get_by_role("dialog", name="Roll back Ada Marlow?")
    assert dialog.is_visible()
    assert _findings(phone, page) == []
    dialog.get_by_role("button", name="Cancel").click()
    assert dialog.is_hidden()
    assert complaints == []


def test_the_theme_is_remembered(phone: BrowserContext, site: str) -> None:
    """Choosing a theme holds over pages; choosing the system's again follows the system again."""
    page, _ = _open(phone, f"{site}/sign-in")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.goto(f"{site}/home")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("localStorage.getItem('wb-theme')") is None


def test_the_consent_tree_counts_and_searches(phone: BrowserContext, site: str) -> None:
    """Select-all takes what is visible, half a group shows as half, and one click takes what the app had before."""
    page, complaints = _open(phone, f"{site}/consent")
    chosen = page.locator("input[name=assets]:checked")
    assert chosen.count() == 0
    page.get_by_label("Select all Pages of Harbour Coffee Group").check()
    assert chosen.count() == 3
    page.locator("input[value='103']").uncheck()
    assert page.locator("[data-tree-all]").first.evaluate("box => box.indeterminate")
    page.get_by_label("Search assets").fill("ads eur")
    assert page.locator("[data-tree-item]:visible").count() == 1
    page.get_by_label("Search assets").fill("nowhere")
    assert page.get_by_text("Nothing matches.").is_visible()
    page.get_by_label("Search assets").fill("")
    page.get_by_role("button", name="Select the 4 assets this app had before").click()
    assert page.get_by_text("4 selected").is_visible()
    assert sorted(chosen.evaluate_all("all => all.map(one => one.value)")) == [
        "101",
        "102",
        "201",
        "301",
    ]
    assert complaints == []


def test_search_swaps_the_rows(phone: BrowserContext, site: str) -> None:
    """Typing into a search box swaps the rows by htmx, under the strict policy."""
    page, complaints = _open(phone, f"{site}/migration")
    page.get_by_label("Search people").fill("ines")
    expect(page.locator("#rows tr")).to_have_count(1)
    assert "Ines Okafor" in page.locator("#rows").inner_text()
    assert complaints == []


def test_a_secret_is_shown_on_request(phone: BrowserContext, site: str) -> None:
    """A secret is masked until its button is pressed."""
    page, _ = _open(phone, f"{site}/components")
    button = page.get_by_role("button", name="Show App secret")
    assert page.locator(".wb-masked").count() == 1
    button.click()
    assert page.locator(".wb-masked").count() == 0
    assert button.get_attribute("aria-pressed") == "true"


def test_pages_work_without_scripts(browser: Browser, site: str) -> None:
    """Without scripts secrets are readable, dialogs open in place, and nothing useless is shown."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    try:
        page = context.new_page()
        page.goto(f"{site}/migration")
        page.get_by_role("button", name="Extend grace").first.click()
        assert page.locator("#extend").is_visible()
        page.goto(f"{site}/migration")
        page.get_by_role("button", name="Open the menu").click()
        assert page.get_by_role("link", name="Single sign-on").is_visible()
        page.goto(f"{site}/consent")
        assert page.locator(".wb-needs-js:visible").count() == 0
        assert page.locator("input[name=assets]:visible").count() == 7
    finally:
        context.close()
