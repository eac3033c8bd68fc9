"""What an app may ask the dialog for, and what is refused where (wire §3.1)."""

from urllib.parse import quote

import pytest
from sqlalchemy import update

from workbadge.store.schema import app

from ._site import ASKED, Answer, LoginSite

pytestmark = pytest.mark.anyio

GOOD = "https://both.example/back"
BAD_REDIRECTS = [
    "https://both.example.evil.example/back",
    "https://evil-both.example/back",
    "https://both.example@evil.example/back",
    "https://evil.example/back",
    "https://both.example/back/../x",
    "https://both.example/back/..%2Fx",
    "https://both.example/back/%252e%252e",
    "https://both.example/back/..;/",
    "https://both.example//back",
    "https://both.example\\back",
    "https://both.example/back\t",
    "https://both.example/back ",
    "https://both.example/back?a=b",
    "https://both.example/back?",
    "https://both.example/back#x",
    "https://both.example/back/",
    "HTTPS://both.example/back",
    "https://BOTH.example/back",
    "https://both.example/BACK",
    "https://both.example:443/back",
    "https://both.example./back",
    "https://both．example/back",
    "http://both.example/back",
    "//both.example/back",
    "javascript:alert(1)",
    "",
]


async def test_only_the_registered_address_is_answered(site: LoginSite) -> None:
    """OA-06, OA-07: any other redirect address, however near, gets a page with code 191 and no redirect."""
    for redirect in BAD_REDIRECTS:
        answer = await site.browser().client.get(site.dialog(redirect_uri=redirect))
        assert (answer.status_code, "location" in answer.headers) == (400, False), redirect
        assert "Error 191" in answer.text, redirect


async def test_the_registered_address_is_answered(site: LoginSite) -> None:
    """Wire 9.7: the very string that was registered leads to signing in, percent-encoded or not."""
    browser = site.browser()
    raw = site.dialog(redirect_uri=None) + f"&redirect_uri={GOOD}"
    for address in (site.dialog(), raw):
        answer = await browser.client.get(address)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")


async def test_an_unknown_app_gets_a_page(site: LoginSite) -> None:
    """Wire §3.1: an unknown client_id gets a page with code 101 and no redirect."""
    for client in (None, "", "1", "9" * 18, "３" * 18, "1e17", "-1", "' or 1=1 --", "9" * 4000):
        answer = await site.browser().client.get(site.dialog(client_id=client))
        assert (answer.status_code, "location" in answer.headers) == (400, False), client
        assert "Error 101" in answer.text, client


async def test_a_doubled_parameter_is_refused(site: LoginSite) -> None:
    """OA-09, WB-14: a parameter that comes twice is refused with a page, whichever value would have been right."""
    for more in (
        f"client_id={site.world.apps['both']}",
        "client_id=1",
        f"redirect_uri={quote(GOOD)}",
        "redirect_uri=https%3A%2F%2Fevil.example",
        "state=x",
        "scope=email",
        "response_type=code&response_type=token",
        "code_challenge=a&code_challenge=b",
        "auth_nonce=a&auth_nonce=b",
    ):
        answer = await site.browser().client.get(site.dialog() + "&" + more)
        assert (answer.status_code, "location" in answer.headers) == (400, False), more
        assert "Error 100" in answer.text, more


CHALLENGE = "a" * 43


WRONG: list[dict[str, str]] = [
    {"response_type": "id_token"},
    {"response_type": "code id_token"},
    {"response_type": "password"},
    {"auth_type": "something"},
    {"scope": "email,no_such_scope"},
    {"scope": 'email,"><script>'},
    {"scope": "email\x00"},
    {"config_id": "123"},
    {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
    {"code_challenge": CHALLENGE},
    {"code_challenge": CHALLENGE, "code_challenge_method": "S512"},
    {"code_challenge_method": "S256"},
    {"code_challenge": CHALLENGE[:-1], "code_challenge_method": "S256"},
    {"code_challenge": CHALLENGE + "a", "code_challenge_method": "S256"},
    {"code_challenge": "~" + CHALLENGE[1:], "code_challenge_method": "S256"},
    {"auth_nonce": "x" * 501},
    {"state": "x" * 4097},
]


async def test_what_cannot_be_answered_goes_back_to_the_app(site: LoginSite) -> None:
    """Wire §3.1, OA-12, OA-14, OA-15, OA-23: a wrong request of a known app goes back as error_code and error_message."""
    for values in WRONG:
        answer = await site.browser().client.get(site.dialog(**values))
        assert answer.status_code == 303, values
        back = Answer(answer.headers["location"])
        assert back.address.startswith(GOOD + "?"), values
        assert back.query["error_code"] == "100", values
        assert back.query["error_message"], values
        assert back.query.get("state") == (None if "state" in values else "a state"), values


async def test_scopes_are_separated_by_commas_or_spaces(site: LoginSite) -> None:
    """Wire 9.6: scopes by comma, by space, doubled and with blanks between are the same request."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    seen = set()
    for scope in (ASKED, ASKED.replace(",", " "), ASKED.replace(",", ", "), ASKED + "," + ASKED):
        page = await browser.get(site.dialog(scope=scope))
        seen.add(tuple(browser.boxes(page, "scope")))
    assert len(seen) == 1
    assert set(seen.pop()) == set(ASKED.split(","))


async def test_the_dialog_needs_little(site: LoginSite) -> None:
    """Wire 9.1, 9.6: without version, state, response_type and scope, with a trailing slash, it logs in all the same."""
    for number, start in enumerate(("/dialog/oauth", "/dialog/oauth/", "/v3.1/dialog/oauth", "/v3.1/dialog/oauth/")):
        browser = site.browser()
        address = start + site.dialog(state=None, scope=None).partition("/dialog/oauth")[2]
        answer = await browser.log_in(("ada", "bob", "emil", "selma")[number], address)
        assert set(answer.query) == {"code"}


async def test_the_state_comes_back_byte_for_byte(site: LoginSite) -> None:
    """OA-13, OA-62: whatever the state is, it comes back as it was, and only as a parameter."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    for state in ("", "a b+c%20d", '{"a":"ü"}', "<b>&#x27;", "x" * 4096, "\u202e\U0001f600", "a\r\nb: c", "&code=1#x"):
        answer = await browser.allow(await browser.get(site.dialog(state=state, scope="email")))
        assert answer.query["state"] == state
        assert set(answer.query) == {"code", "state"}


async def test_a_disabled_app_gets_a_page(site: LoginSite) -> None:
    """Wire §3.1: an app that is switched off is as unknown; also between two steps."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await browser.get(site.dialog())
    async with site.world.services.store.write() as tx:
        await tx.run(update(app).where(app.c.id == site.world.apps["both"]).values(disabled_at=site.now))
    assert "Error 101" in (await browser.submit(page, action="next")).text
    assert "Error 101" in (await browser.get(site.dialog())).text
