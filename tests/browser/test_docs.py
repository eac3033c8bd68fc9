"""The reference of the API in headless Chromium."""

from collections.abc import Iterator

import pytest

from tests._browser import Watched, chromium
from tests._sandbox import Sandbox, running_sandbox

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A world."""
    with running_sandbox() as found:
        yield found


def test_the_reference_is_clean(sandbox: Sandbox) -> None:
    """Issue 3 line 10: /docs is clean at 1280 and 390 px, light and dark, closed and opened, and links to openapi.json; so is that of
    the control API."""
    with chromium() as browser:
        watched = Watched(browser.new_page())
        page = watched.page
        page.goto(f"{sandbox.base}/docs")
        watched.check("closed")
        for number in (0, 3, 12):
            page.locator("details").nth(number).locator("summary").click()
        assert page.locator("details[open]").count() == 3
        watched.check("opened")
        assert page.get_by_role("link", name="openapi.json").get_attribute("href") == "/openapi.json"
        page.goto(f"{sandbox.about['control_url']}/docs")
        page.locator("details").nth(2).locator("summary").click()
        watched.check("control, opened")
        assert page.get_by_role("link", name="openapi.json").get_attribute("href") == "/control/openapi.json"
