"""A reconnect link in headless Chromium, from the wrong account to the app's new code."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests._browser import Watched, chromium
from tests._sandbox import running_sandbox

pytestmark = pytest.mark.browser
BACK = "https://maker.example/back"


def test_a_person_follows_a_reconnect_link() -> None:
    """L2, B1: the link asks for the work account, lists only what would be lost, takes it with one click, and every page of it is
    clean at 1280 and 390 px, light and dark."""
    with running_sandbox() as sandbox, chromium() as browser:
        app = sandbox.control("POST", "/apps", {"name": "Maker's Café", "redirect_uris": [BACK]})
        emil = sandbox.personal("employee")
        assets = [sandbox.asset("page")["id"], sandbox.asset("page", 1)["id"]]
        sandbox.consent(emil, app, ["public_profile", "pages_show_list"], assets)
        body = {"business": sandbox.about["business"]["id"], "accounts": [emil]}
        migration = sandbox.control("POST", "/migrations", body)["id"]
        managed = sandbox.control("POST", f"/migrations/{migration}/claims", {"account": emil})["managed"]
        (at_risk,) = sandbox.graph(f"/{app['id']}/reconnects", f"{app['id']}|{app['secret']}")["data"]
        context = browser.new_context()
        context.route("https://maker.example/**", lambda route: route.fulfill(body="<title>Back</title>"))
        watched = Watched(context.new_page())
        page, login = watched.page, sandbox.account("employee")["personal"]

        def sign_in(email: str, password: str) -> None:
            page.get_by_label("E-mail").fill(email)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in", exact=True).click()

        page.goto(at_risk["login_url"] + "&state=mine")
        sign_in(login["email"], login["password"])
        expect(page.get_by_role("heading", name="This link is for another account")).to_be_visible()
        watched.said.clear()  # Chromium logs the 403
        watched.check("another account")
        page.get_by_role("link", name="Sign in with the work account").click()
        sign_in(managed["email"], managed["password"])
        expect(page.get_by_role("heading", name="Maker's Café wants to connect")).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Only what Maker's Café would lose is listed")).to_be_visible()
        assert sorted(page.locator("[name=target]").evaluate_all("all => all.map(one => one.value)")) == sorted(assets)
        expect(page.locator("[name=target]:checked")).to_have_count(0)
        watched.check("assets")
        page.get_by_role("button", name="had before").click()
        expect(page.locator("[name=target]:checked")).to_have_count(2)
        page.get_by_role("button", name="Continue").click()
        watched.check("review")
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url(BACK + "**")
        assert parse_qs(urlsplit(page.url).query)["state"] == ["mine"]
        assert sandbox.graph(f"/{app['id']}/reconnects", f"{app['id']}|{app['secret']}")["data"] == []
