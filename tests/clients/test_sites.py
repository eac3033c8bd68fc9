"""django-allauth, social-auth and passport-facebook: sites that people log in to, in a real browser (§7.2-7.4)."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests._browser import chromium
from tests._sandbox import Sandbox

pytestmark = [pytest.mark.clients, pytest.mark.browser, pytest.mark.xdist_group("clients")]
JS = Path(__file__).parent / "js"


def node() -> list[str]:
    """The command for Node.js. Debian's (18) has the web's cryptography, which openid-client needs, behind a switch."""
    found = shutil.which("node")
    assert found is not None, "install nodejs (Debian: apt-get install nodejs npm), then npm ci in tests/clients/js"
    return [found, "--experimental-global-webcrypto"]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _site(command: list[str], sandbox: Sandbox, callbacks: list[str], **more: str) -> Iterator[None]:
    """A site as a process of its own, with an app of its own."""
    app = sandbox.control("POST", "/apps", {"name": "A site", "redirect_uris": callbacks})
    environment = {**os.environ, "GRAPH": sandbox.base, "APP_ID": app["id"], "APP_SECRET": app["secret"], **more}
    environment |= {"NO_PROXY": "*", "no_proxy": "*"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of its own."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def django(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Django site's address."""
    port = _free_port()
    home = f"http://localhost:{port}"
    callbacks = [f"{home}/accounts/facebook/login/callback/", f"{home}/social/complete/facebook/"]
    database = str(tmp_path_factory.mktemp("site") / "site.sqlite3")
    command = [sys.executable, "-m", "tests.clients.django_site", str(port)]
    with _site(command, sandbox, callbacks, SITE_DB=database):
        yield home


@pytest.fixture(scope="module")
def passport(sandbox: Sandbox) -> Iterator[str]:
    """The passport site's address."""
    port = _free_port()
    with _site([*node(), str(JS / "site.js"), str(port)], sandbox, [f"http://localhost:{port}/callback"]):
        yield f"http://localhost:{port}"


def _log_in(page: Page, sandbox: Sandbox, role: str = "employee") -> None:
    """What the person does in the dialog. Who allowed this app before is not asked again."""
    login = sandbox.account(role)["personal"]
    page.fill("[name=email]", login["email"])
    page.fill("[name=password]", login["password"])
    page.click("button:has-text('Sign in')")
    page.click("button:has-text('Allow')")


def test_django_allauth_logs_in(sandbox: Sandbox, django: str, page: Page) -> None:
    """9.30, wire §7.3: django-allauth logs in through the dialog, exchanges for a long token and reads its eleven fields."""
    page.goto(django + "/accounts/facebook/login/")
    _log_in(page, sandbox)
    page.wait_for_url("**/whoami/")
    said = json.loads(page.inner_text("body"))
    assert said["user"] == sandbox.account("employee")["personal"]["email"]
    assert said["allauth"] == ["facebook"]


def test_django_allauth_takes_a_token(sandbox: Sandbox, django: str) -> None:
    """9.30, wire §7.3: the token path asks debug_token with an app token and compares app_id as a string."""
    page = httpx.get(django + "/accounts/facebook/login/", trust_env=False)
    app_id = httpx.URL(page.headers["location"]).params["client_id"]
    app = {"id": app_id}
    token = sandbox.consent(sandbox.personal("second_employee"), app, ["email", "public_profile"], [])
    body = {"access_token": token}
    answer = httpx.post(django + "/accounts/facebook/login/token/", data=body, trust_env=False)
    assert answer.status_code == 302, answer.text[:500]
    stranger = sandbox.consent(sandbox.personal("second_employee"), sandbox.about["app"], ["email"], [])
    refused = httpx.post(django + "/accounts/facebook/login/token/", data={"access_token": stranger}, trust_env=False)
    assert refused.status_code != 302


def test_social_auth_logs_in_and_revokes(sandbox: Sandbox, django: str, page: Page) -> None:
    """9.30, wire §7.4: social-auth sends a raw redirect_uri and return_scopes, reads granted_scopes, and logs in."""
    page.goto(django + "/start/")
    page.click("button")
    _log_in(page, sandbox, "admin")
    page.wait_for_url("**/whoami/**")
    said = json.loads(page.inner_text("body"))
    assert said["social_auth"] == ["facebook"]


def test_social_auth_sees_a_refused_code(sandbox: Sandbox, django: str, page: Page) -> None:
    """9.30, wire §7.9: social-auth turns a refused code into its AuthProviderError, whatever the envelope says."""
    page.goto(django + "/start/")
    page.click("button")
    page.wait_for_url(f"{sandbox.base}/**")
    asked = httpx.URL(httpx.URL(page.url).params.get("next", page.url)).params
    answer = page.goto(
        f"{asked['redirect_uri']}{'&' if '?' in asked['redirect_uri'] else '?'}code=nonsense&state={asked['state']}"
    )
    assert answer is not None
    assert answer.status == 500
    assert "AuthProviderError" in page.content()


def test_passport_facebook_logs_in_with_proof(sandbox: Sandbox, passport: str, page: Page) -> None:
    """9.30, wire §7.2: passport-facebook logs in and reads the profile with appsecret_proof."""
    page.goto(passport + "/login")
    _log_in(page, sandbox)
    page.wait_for_url("**/callback**")
    said = json.loads(page.inner_text("body"))
    assert said["name"] == "Emil Employee"
    assert said["emails"] == [{"value": sandbox.account("employee")["personal"]["email"]}]


def test_passport_facebook_understands_cancel_and_errors(sandbox: Sandbox, passport: str, page: Page) -> None:
    """9.30, wire §3.1, §7.2, §7.9: a cancel is a failure, a used code a FacebookTokenError with code and subcode."""
    page.goto(passport + "/login?again")
    login = sandbox.account("second_employee")["personal"]
    page.fill("[name=email]", login["email"])
    page.fill("[name=password]", login["password"])
    page.click("button:has-text('Sign in')")
    page.click("button:has-text('Cancel')")
    page.wait_for_url("**/callback**")
    assert "failed" in json.loads(page.inner_text("body"))
    answer = httpx.get(passport + "/callback?code=nonsense", trust_env=False).json()
    assert (answer["name"], answer["code"]) == ("FacebookTokenError", 100)
    inside = httpx.get(passport + "/callback?error_code=100&error_message=Invalid", trust_env=False).json()
    assert inside["name"] == "FacebookAuthorizationError"
