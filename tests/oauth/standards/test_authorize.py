"""The authorization request: who it comes from, where it goes back to, what it says."""

import base64
import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.commands._world import BASE
from tests.oauth._site import Answer, LoginSite

from ._app import SCOPE, App, challenge

pytestmark = pytest.mark.anyio


async def test_a_login_comes_back_with_code_state_and_issuer(app: App) -> None:
    """OA-13, RFC 9207 §2: a success carries code, state byte for byte, and iss; state and nonce may be long."""
    for state in ("a state", "é&=%2F \"'<>#", "s" * 4096):
        answer = await app.log_in(state=state, nonce="n" * 500)
        assert answer.address.startswith(app.back + "?")
        assert set(answer.query) == {"code", "state", "iss"}
        assert answer.query["state"] == state
        assert answer.query["iss"] == BASE
        assert len(answer.query["code"]) >= 43


async def test_a_refusal_by_the_person_comes_back_as_an_error(site: LoginSite, app: App) -> None:
    """OA-13: declining is access_denied, with state and iss."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    page = await browser.get(app.address())
    back = await browser.submit(page, action="cancel")
    query = Answer(back.headers["location"]).query
    assert (query["error"], query["state"], query["iss"]) == ("access_denied", "a state", BASE)


async def test_errors_come_back_with_state_and_issuer(app: App) -> None:
    """OA-12, OA-13, OA-14, OA-15, OA-67: what is wrong with a request is said by its code at the redirect address."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "magic"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": challenge()[:42]}, "invalid_request"),
        ({"code_challenge": challenge() + "A"}, "invalid_request"),
        ({"code_challenge": challenge()[:42] + "+"}, "invalid_request"),
        ({"scope": "openid  email"}, "invalid_scope"),
        ({"scope": " openid"}, "invalid_scope"),
        ({"scope": 'openid "email"'}, "invalid_scope"),
        ({"scope": "openid\temail"}, "invalid_scope"),
        ({"scope": "nothing_known at_all"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"nonce": "n" * 501}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://both.example/request"}, "request_uri_not_supported"),
        ({"id_token_hint": "no token"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ]
    for values, error in wrong:
        assert (await app.refusal(**values))["error"] == error, values
    long = await app.site.browser().client.get(app.address(state="s" * 4097))
    assert Answer(long.headers["location"]).query["error"] == "invalid_request"


async def test_nobody_is_sent_to_an_address_that_is_not_registered(site: LoginSite, app: App) -> None:
    """OA-06, OA-07: only the byte-identical address passes; anything else is a page on this host without a way there."""
    await site.set_redirects("both", "https://app.example/cb")
    app.back = "https://app.example/cb"
    mutations = [
        "https://app.example.evil.example/cb",
        "https://evil-app.example/cb",
        "https://app.example@evil.example/cb",
        "https://app.example/cb/../x",
        "https://app.example/cb/..%2Fx",
        "https://app.example/cb/%252e%252e/x",
        "https://app.example/cb/..;/x",
        "https://app.example//cb",
        "https://app.example\\cb",
        "https://app.example/cb\t",
        "https://app.example/cb?x=1",
        "https://app.example/cb#f",
        "https://app.example/cb/",
        "HTTPS://app.example/cb",
        "https://APP.example/cb",
        "https://app.example/CB",
        "https://app.example:444/cb",
        "https://app.example:443/cb",
        "https://app.example./cb",
        "https://app\uff0eexample/cb",
        "http://app.example/cb",
        "",
        None,
    ]
    for uri in mutations:
        answer = await site.browser().client.get(app.address(redirect_uri=uri))
        assert answer.status_code == 400, uri
        assert "location" not in answer.headers
        assert "text/html" in answer.headers["content-type"]
    assert (await app.refusal(prompt="none"))["error"] == "login_required"


async def test_two_addresses_and_none_named_is_a_page(site: LoginSite, app: App) -> None:
    """OA-08: a client with two redirect addresses must name one; so must one with a single address."""
    await site.set_redirects("both", "https://app.example/cb", "https://app.example/other")
    answer = await site.browser().client.get(app.address(redirect_uri=None))
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_parameters_that_come_twice_are_refused(site: LoginSite, app: App) -> None:
    """OA-09: any parameter that comes twice, with the same or another value, in query, body or both, is refused; without a
    redirect when it is the client or its address."""
    browser = site.browser()
    for name in ("client_id", "redirect_uri", "scope", "state", "code_challenge", "response_type", "nonce", "prompt"):
        value = {"client_id": app.id, "redirect_uri": app.back, "state": "a state"}.get(name, "x")
        for again in (value, "another"):
            pair = f"{name}={quote(again, safe='')}"
            path = app.address(**({} if name in ("client_id", "redirect_uri", "state") else {name: "x"}))
            query, form = path.partition("?")[2], {"content-type": "application/x-www-form-urlencoded"}
            answers = [
                await browser.client.get(f"{path}&{pair}"),
                await browser.client.post("/oauth/authorize", content=f"{query}&{pair}", headers=form),
                await browser.client.post(path, content=pair, headers=form),
            ]
            for answer in answers:
                if name in ("client_id", "redirect_uri"):
                    assert (answer.status_code, "location" in answer.headers) == (400, False)
                else:
                    back = Answer(answer.headers["location"]).query
                    assert (back["error"], back["iss"]) == ("invalid_request", BASE)
                    assert (back.get("state") is None) == (name == "state")


async def test_unknown_clients_get_a_page(site: LoginSite, app: App) -> None:
    """OA-06: a client that is missing, misspelt or unknown leads nowhere."""
    for client_id in (None, "", "0" * 18, app.id[:-1], app.id + " ", "１" * 18, "16" + "9" * 16):
        answer = await site.browser().client.get(app.address(client_id=client_id))
        assert (answer.status_code, "location" in answer.headers) == (400, False), client_id


async def test_native_apps_come_back_to_any_port(site: LoginSite, app: App) -> None:
    """OA-11: a native app's loopback address passes with another port, on the same literal and path only."""
    await app.register("none", "native", uri="http://127.0.0.1/cb")
    for uri in ("http://127.0.0.1:8123/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1/cb"):
        app.back = uri
        assert (await app.refusal(prompt="none"))["error"] == "login_required"
    for uri in (
        "http://[::1]:8123/cb",
        "http://localhost:8123/cb",
        "http://127.0.0.1:8123/other",
        "http://127.0.0.1:8123/cb/",
        "http://127.0.0.1:8123/cb?x",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:٣/cb",
        "http://127.0.0.1:/cb",
        "https://127.0.0.1:8123/cb",
    ):
        answer = await site.browser().client.get(app.address(redirect_uri=uri))
        assert (answer.status_code, "location" in answer.headers) == (400, False), uri
    await app.register("none", "web")
    answer = await site.browser().client.get(app.address(redirect_uri="http://127.0.0.1:8123/cb"))
    assert answer.status_code == 400


async def test_a_native_app_is_confirmed_each_time(site: LoginSite, app: App) -> None:
    """OA-49: a public client behind a loopback address is never answered silently; one behind https is."""
    await app.register("none", "native", uri="http://127.0.0.1/cb")
    browser = site.browser()
    first = await app.log_in(browser=browser)
    assert "code" in first.query
    page = await browser.get(app.address())
    assert page.status_code == 200
    silent = Answer((await browser.client.get(app.address(prompt="none"))).headers["location"]).query
    assert silent["error"] == "consent_required"
    await app.register("none", "web", uri="https://both.example/back")
    again = await browser.client.get(app.address())
    assert "code" in Answer(again.headers["location"]).query


async def test_a_request_may_be_posted(site: LoginSite, app: App) -> None:
    """OpenID Connect Core §3.1.2.1: a request by form leads through the sign-in page and back, as one by query does."""
    browser = site.browser()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    query = app.address().partition("?")[2]
    page = await browser.follow(await browser.client.post("/oauth/authorize", content=query, headers=headers))
    assert page.url.path == "/login"
    page = await browser.submit(page, email="emil@home.example", password="emil has a password")
    assert "code" in (await browser.allow(page, ("page",))).query
    json = await browser.client.post("/oauth/authorize", json={"client_id": app.id})
    assert (json.status_code, "location" in json.headers) == (400, False)


async def test_what_is_not_known_is_left_out(site: LoginSite, app: App) -> None:
    """OIDF oidcc-ensure-request-with-unknown-parameter-succeeds, -display, -ui-locales, -claims-locales, -acr-values: accepted."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    more = {"extra": "foobar", "display": "popup", "ui_locales": "se no", "claims_locales": "se", "acr_values": "1 2"}
    page = await browser.get(
        app.address(**more, claims='{"userinfo":{"name":{"essential":true}}}', scope=SCOPE + " address")
    )
    assert page.status_code == 200
    assert "code" in (await browser.allow(page, ("page",))).query


async def test_only_fresh_sign_ins_answer_when_asked(site: LoginSite, app: App) -> None:
    """OIDF oidcc-prompt-login, oidcc-max-age-1, oidcc-max-age-10000: who signed in too long ago must sign in again."""
    browser = site.browser()
    await app.log_in(browser=browser)
    site.advance(seconds=5)
    for values in ({"prompt": "login"}, {"max_age": "1"}, {"max_age": "0"}):
        page = await browser.get(app.address(**values))
        assert page.url.path == "/login", values
        back = await browser.submit(page, email="emil@home.example", password="emil has a password")
        assert "code" in Answer(back.headers["location"]).query, values
        site.advance(seconds=5)
    back = await browser.client.get(app.address(max_age="10000"))
    assert "code" in Answer(back.headers["location"]).query
    silent = await browser.client.get(app.address(max_age="1", prompt="none"))
    assert Answer(silent.headers["location"]).query["error"] == "login_required"


async def test_silence_is_answered_when_nothing_is_to_be_asked(site: LoginSite, app: App) -> None:
    """OA-45, OA-50, OIDF oidcc-prompt-none-logged-in: a standing consent is answered silently; a scope or asset more is
    consent_required; two accounts are account_selection_required unless a hint picks one."""
    browser = site.browser()

    async def silent(**values: str) -> dict[str, str]:
        answer = await browser.client.get(app.address(prompt="none", **values))
        return Answer(answer.headers["location"]).query

    await browser.sign_in_as("emil")
    assert (await silent())["error"] == "consent_required"
    await app.log_in(browser=browser)
    assert "code" in await silent()
    assert (await silent(scope=SCOPE + " catalog_management"))["error"] == "consent_required"
    await browser.sign_in_as("selma")
    assert (await silent())["error"] == "account_selection_required"
    assert "code" in await silent(login_hint="emil@home.example")
    assert (await silent(login_hint="selma@home.example"))["error"] == "consent_required"


async def test_consent_can_be_asked_for_again(site: LoginSite, app: App) -> None:
    """OpenID Connect Core §3.1.2.1: prompt=consent asks although the consent stands; select_account shows the chooser."""
    browser = site.browser()
    await app.log_in(browser=browser)
    asked = await browser.get(app.address(prompt="consent"))
    assert "wants to connect" in asked.text
    chooser = await browser.get(app.address(prompt="select_account"))
    assert "Choose an account" in chooser.text


async def test_a_hint_fills_the_form_and_picks_an_account_but_binds_nobody(site: LoginSite, app: App) -> None:
    """OIDF oidcc-login-hint: the address stands in the sign-in form; of several accounts the hinted one goes ahead; "Use another
    account" leads to the chooser, without the hint."""
    browser = site.browser()
    page = await browser.get(app.address(login_hint="emil@home.example"))
    assert 'value="emil@home.example"' in page.text
    await browser.sign_in_as("emil")
    await browser.sign_in_as("selma")
    asked = await browser.get(app.address(login_hint="emil@home.example"))
    assert "wants to connect" in asked.text
    assert "Emil" in asked.text
    assert "Selma" not in asked.text
    other = re.search(r'href="(/login[^"]+)">Use another account', asked.text)
    assert other is not None
    again = unescape(other[1])
    assert "login_hint" not in again
    leads_to = parse_qs(urlsplit(again).query)["next"][0]
    assert "Choose an account" in (await browser.get(leads_to)).text


async def test_the_order_of_scopes_and_parameters_does_not_matter(site: LoginSite, app: App) -> None:
    """OIDF oidcc-alternate-happy-flow, FAPI2 ensure-other-scope-order-succeeds: turned around, a request leads to the same."""
    head, _, query = app.address(scope=" ".join(reversed(SCOPE.split()))).partition("?")
    browser = site.browser()
    await browser.sign_in_as("emil")
    turned = head + "?" + "&".join(reversed(query.split("&")))
    code = (await browser.allow(await browser.get(turned), ("page",))).query["code"]
    tokens = (await app.redeem(code)).json()
    assert set(tokens["scope"].split()) == set(SCOPE.split())
    assert "id_token" in tokens


async def test_an_address_may_have_a_query_of_its_own(site: LoginSite, app: App) -> None:
    """OIDF oidcc-redirect-uri-query-OK, -mismatch, -added: a registered query stays, with the answer behind it; another one, or one
    that was added, is no registered address."""
    await site.set_redirects("both", "https://app.example/cb?foo=bar", "https://app.example/plain")
    answer = await site.browser().client.get(app.address(redirect_uri="https://app.example/cb?foo=bar", prompt="none"))
    assert answer.headers["location"].startswith("https://app.example/cb?foo=bar&error=login_required&")
    for uri in ("https://app.example/cb?foo=baz", "https://app.example/cb", "https://app.example/plain?foo=bar"):
        answer = await site.browser().client.get(app.address(redirect_uri=uri))
        assert (answer.status_code, "location" in answer.headers) == (400, False), uri


async def test_a_login_needs_neither_nonce_nor_state(site: LoginSite, app: App) -> None:
    """OIDF oidcc-ensure-request-without-nonce-succeeds-for-code-flow, FAPI2 ensure-authorization-request-without-state-success:
    without them the answer has no state and the ID token no nonce."""
    answer = await app.log_in(nonce=None, state=None)
    assert set(answer.query) == {"code", "iss"}
    tokens = (await app.redeem(answer.query["code"])).json()
    payload = tokens["id_token"].split(".")[1]
    assert "nonce" not in json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
