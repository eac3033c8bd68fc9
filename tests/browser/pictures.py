"""The pictures of README.md and the guides, taken of the demo's story: ``python -m tests.browser.pictures [folder]``."""

import asyncio
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import uvicorn
from playwright.sync_api import Browser, Page

from tests._browser import chromium
from tests.console._site import EMIL_AT_WORK, START, build_site, login
from workbadge.commands.configuration import NewConfiguration, add_configuration
from workbadge.serving import bind, settings_for
from workbadge.terms.kinds import TokenKind
from workbadge.terms.tasks import Task

from .test_console import Served, _sign_in
from .test_making import fill, run

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


@contextmanager
def serving() -> Iterator[Served]:
    """The story on a free port, gone at the end."""
    listening, ready, found, servers = bind("127.0.0.1", 0), threading.Event(), list[Served](), list[uvicorn.Server]()
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"

    async def main(folder: Path) -> None:
        site = await build_site(folder, base)
        found.append(Served(site, base, await site.links(), asyncio.get_running_loop()))
        servers.append(uvicorn.Server(settings_for(site.world)))
        ready.set()
        await servers[0].serve(sockets=[listening])
        await site.world.close()

    with tempfile.TemporaryDirectory() as folder:
        thread = threading.Thread(target=asyncio.run, args=(main(Path(folder)),), daemon=True)
        thread.start()
        assert ready.wait(60)
        yield found[0]
        servers[0].should_exit = True
        thread.join(10)


async def _prepare(served: Served) -> None:
    """More for the pages to show: requests, subscriptions with deliveries, login configurations."""
    site = served.site
    await site.ask("Harbour Ads Europe", Task.ADVERTISE | Task.ANALYZE | Task.DRAFT)
    await site.ask("Harbour Events", Task.ANALYZE | Task.MODERATE)
    await fill(served)
    services, app = site.world.services, site.ids["app"]
    async with services.store.write() as tx:
        for name, token, scopes in (
            ("Shops", TokenKind.SYSTEM_USER, ("catalog_management", "pages_read_engagement", "business_management")),
            ("Agencies", TokenKind.USER, ("pages_show_list", "pages_manage_posts")),
        ):
            made = await add_configuration(tx, services, NewConfiguration(app, name, token.value, scopes), START)
            site.ids.setdefault("configuration", made.id)


def _window(browser: Browser, width: int, height: int, scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    return context.new_page()


def _dialog(served: Served, number: int, **more: str) -> str:
    """Address of the login dialog of one of the demo's apps."""
    app = served.site.demo.apps[number]
    back = f"https://apps.example/{app.slug}/callback"
    query = {"client_id": app.id, "redirect_uri": back, "state": "mine", "scope": app.scopes, **more}
    return f"{served.base}/v26.0/dialog/oauth?{urlencode({key: text for key, text in query.items() if text})}"


def _next(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()


def banner(browser: Browser, served: Served) -> Page:
    """An employee's overview in grace."""
    page = _window(browser, 1280, 620)
    _sign_in(page, served, EMIL_AT_WORK)
    page.goto(served.home)
    return page


def migration(browser: Browser, served: Served) -> Page:
    """A migration's progress."""
    page = _window(browser, 1280, 1049)
    _sign_in(page, served, login("ada"))
    page.goto(f"{served.home}/migration/{served.site.ids['migration']}")
    return page


def claim(browser: Browser, served: Served) -> Page:
    """What moves and what does not, before a claim is confirmed."""
    page = _window(browser, 1280, 1104)
    _sign_in(page, served, login("selma"))
    page.goto(f"{served.base}/console/claim/{served.links['selma@example.com']}")
    return page


def assets_phone(browser: Browser, served: Served) -> Page:
    """The choice of assets in the login dialog, on a phone."""
    page = _window(browser, 390, 1000, "dark")
    _sign_in(page, served, EMIL_AT_WORK)
    page.goto(_dialog(served, 1))
    _next(page)
    return page


def reconnect(browser: Browser, served: Served) -> Page:
    """The dialog behind a reconnect link: only what the app would lose."""
    app = served.site.demo.apps[0]
    answer = httpx.get(f"{served.base}/{app.id}/reconnects", params={"access_token": f"{app.id}|{app.secret}"})
    page = _window(browser, 760, 960)
    _sign_in(page, served, EMIL_AT_WORK)
    page.goto(answer.json()["data"][0]["login_url"])
    _next(page)
    return page


def install(browser: Browser, served: Served) -> Page:
    """The last look before an app is installed in a business."""
    page = _window(browser, 760, 1080)
    _sign_in(page, served, login("ada"))
    config = str(served.site.ids["configuration"])
    more = {"config_id": config, "response_type": "code", "override_default_response_type": "true", "scope": ""}
    page.goto(_dialog(served, 0, **more))
    _next(page)
    for name in ("Harbour Bakery", "Harbour Beans"):
        page.get_by_label(name).check()
    _next(page)
    return page


def requests(browser: Browser, served: Served) -> Page:
    """What a partner asks for."""
    page = _window(browser, 1280, 560)
    _sign_in(page, served, login("ada"))
    page.goto(f"{served.home}/requests")
    return page


def webhooks(browser: Browser, served: Served) -> Page:
    """An app's subscriptions and deliveries."""
    page = _window(browser, 1280, 1000)
    _sign_in(page, served, login("mia"))
    page.goto(f"{served.base}/console/apps/{served.site.ids['app']}/webhooks")
    return page


def configurations(browser: Browser, served: Served) -> Page:
    """An app's login configurations."""
    page = _window(browser, 1280, 900)
    _sign_in(page, served, login("mia"))
    page.goto(f"{served.base}/console/apps/{served.site.ids['app']}/configurations")
    return page


SHOTS: tuple[Callable[[Browser, Served], Page], ...] = (
    *(banner, migration, claim, assets_phone, reconnect, install, requests, webhooks, configurations),
)
"""One picture each, called like the function."""


def take(folder: Path) -> list[Path]:
    """Take every picture, of what a window of its size shows, into a folder."""
    taken = []
    with serving() as served, chromium() as browser:
        run(served, _prepare(served))
        for shot in SHOTS:
            page = shot(browser, served)
            page.mouse.move(0, 0)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(400)
            taken.append(folder / f"{re.sub('_', '-', shot.__name__)}.png")
            page.screenshot(path=taken[-1])
            page.context.close()
    return taken


if __name__ == "__main__":
    for path in take(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        print(f"{path}  {path.stat().st_size // 1000} kB")
