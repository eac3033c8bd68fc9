"""Passkeys in Chromium with its virtual authenticator (O6, AC-45); both widths and themes, axe."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests._browser import Watched
from tests.console._site import build_site, csrf_of, login
from workbadge.serving import bind, settings_for

from .test_console import Served, _sign_in, browser

__all__ = ["browser"]
pytestmark = pytest.mark.browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A site whose address is a name: passkeys are bound to one."""
    listening = bind("127.0.0.1", 0)
    base = f"http://localhost:{listening.getsockname()[1]}"
    ready, made, servers = threading.Event(), list[Served](), list[uvicorn.Server]()

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


def _device(page: Page, verified: bool = True) -> tuple[CDPSession, str]:
    """An authenticator in the browser that keeps passkeys and knows its person."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verified,
        "automaticPresenceSimulation": True,
    }
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return devtools, str(made["authenticatorId"])


def _security(served: Served) -> str:
    return f"{served.base}/console/account/security/{served.site.ids['person:Selma Second']}"


def _register(page: Page, served: Served, name: str) -> None:
    page.goto(_security(served) + "/passkey")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the passkey").click()


def test_a_passkey_is_made_and_signs_in_without_a_password(browser: Browser, served: Served) -> None:
    """AC-45, O6: made on the security page, it signs in alone, as the second step, and confirms; each page is clean."""
    watched = Watched(browser.new_context().new_page())
    page = watched.page
    _device(page)
    _sign_in(page, served, login("selma"))
    page.goto(_security(served) + "/passkey")
    watched.check("make a passkey")
    _register(page, served, "Laptop")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.goto(_security(served))
    expect(page.get_by_role("button", name="Remove Laptop")).to_be_visible()
    expect(page.get_by_text("not used yet")).to_be_visible()
    watched.check("security with a passkey")
    page.context.clear_cookies()
    page.goto(_security(served))
    watched.check("sign in, passkey offered")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Security")).to_be_visible()
    expect(page.get_by_text("with a second factor").first).to_be_visible()
    served.advance(1)
    page.context.clear_cookies()
    page.goto(_security(served))
    page.get_by_label("E-mail").fill(login("selma")[0])
    page.get_by_label("Password").fill(login("selma")[1])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    watched.check("second step with a passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Security")).to_be_visible()
    page.goto(_security(served).replace("/security/", "/confirm/"))
    watched.check("confirm with a passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Security")).to_be_visible()


def test_a_person_who_is_not_verified_or_has_no_passkey_is_told(browser: Browser, served: Served) -> None:
    """AC-45: without verification on the device, or without a passkey on it, the page says so and nobody is signed in."""
    watched = Watched(browser.new_context().new_page())
    page = watched.page
    _device(page, verified=False)
    _sign_in(page, served, login("selma"))
    _register(page, served, "Laptop")
    expect(page.get_by_text("No passkey was used")).to_be_visible(timeout=30_000)
    page.context.clear_cookies()
    page.goto(served.base + "/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("No passkey was used")).to_be_visible(timeout=30_000)
    watched.check("no passkey")


def _catch(page: Page, path: str) -> list[dict[str, str]]:
    """The forms that the page sends to ``path``; they do not arrive."""
    sent: list[dict[str, str]] = []

    def take(route: Any) -> None:
        sent.append(dict(httpx.QueryParams(route.request.post_data or "").items()))
        route.abort()

    page.route(f"**{path}", take)
    return sent


def _forged(credential: str) -> dict[str, str]:
    """Answers of which one thing is wrong, by what it is."""
    given = json.loads(credential)

    def put(**changes: str) -> str:
        return json.dumps({**given, **{k: v for k, v in changes.items() if k in given}} | _inner(given, changes))

    flipped = given["response"]["signature"][:-6] + (
        "AAAAAA" if not given["response"]["signature"].endswith("AAAAAA") else "BBBBBB"
    )
    return {
        "signature": put(signature=flipped),
        "authenticator data": put(authenticatorData="A" * 50),
        "client data": put(clientDataJSON="e30"),
        "id is not rawId": put(id="AAAA"),
        "unknown id": put(id="AAAA", rawId="AAAA"),
        "user handle": put(userHandle="AAAA"),
        "type": put(type="password"),
        "no answer": "{}",
        "no json": "[" * 20_000,
        "nothing": "null",
    }


def _inner(given: dict[str, Any], changes: dict[str, str]) -> dict[str, Any]:
    return {"response": {**given["response"], **{k: v for k, v in changes.items() if k not in given}}}


def test_forged_and_replayed_answers_are_refused(browser: Browser, served: Served) -> None:
    """AC-45: of a real answer, each forgery, another browser's challenge and a replay are refused; the true one passes once; a
    counter that does not go forward never."""
    page = browser.new_context().new_page()
    devtools, device = _device(page)
    _sign_in(page, served, login("selma"))
    _register(page, served, "Laptop")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.context.clear_cookies()
    page.goto(served.base + "/login")
    sent = _catch(page, "/login/passkey")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_timeout(1500)
    assert sent
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}  # type: ignore[typeddict-item]
    with httpx.Client(base_url=served.base, cookies=cookies) as client, httpx.Client(base_url=served.base) as other:
        for what, credential in _forged(sent[0]["credential"]).items():
            answer = client.post("/login/passkey", data={**sent[0], "credential": credential})
            assert answer.status_code == 401, what
        form = csrf_of(other.get("/login").text)
        assert other.post("/login/passkey", data={**sent[0], "csrf": form}).status_code == 403
        assert client.post("/login/passkey", data=sent[0]).status_code == 303
        assert client.post("/login/passkey", data=sent[0]).status_code == 401
    kept = devtools.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"][0]
    devtools.send("WebAuthn.removeCredential", {"authenticatorId": device, "credentialId": kept["credentialId"]})
    devtools.send("WebAuthn.addCredential", {"authenticatorId": device, "credential": {**kept, "signCount": 0}})
    page.unroute("**/login/passkey")
    page.goto(served.base + "/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey was not accepted")).to_be_visible()
