"""Logging out at the wish of an app, and telling apps: RP-Initiated Logout 1.0, Back-Channel Logout 1.0, OA-04."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.commands._world import PASSWORD
from tests.oauth._site import Browser, LoginSite
from workbadge.commands import membership
from workbadge.commands.account import change_password
from workbadge.commands.client_terms import DEFAULT, save_terms
from workbadge.commands.errors import CommandError
from workbadge.commands.logout import EVENT, LOGOUT, TYPE, logout_token
from workbadge.commands.outbox import Sent
from workbadge.commands.signing import read_own_jwt
from workbadge.web.worker import Worker

from ._app import VERIFIER, App
from ._forge import jwks, new_key, raw, signed

pytestmark = pytest.mark.anyio

BYE = "https://both.example/bye"
OUT = "https://both.example/out"


@pytest.fixture
async def client(app: App) -> App:
    """An app that registered where to go after a logout, and where it wants to be told."""
    await agree(app, post_logout_redirect_uris=(BYE, f"{BYE}?a=b"), backchannel_logout_uri=OUT)
    return app


async def agree(app: App, **terms: Any) -> None:
    """Set an app's terms."""
    async with app.site.world.services.store.write() as tx:
        await save_terms(tx, int(app.id), replace(DEFAULT, **terms), app.site.now)


async def log_in(app: App, browser: Browser, person: str = "emil") -> dict[str, Any]:
    """A whole login in a browser; the answer of the token endpoint."""
    code = (await app.log_in(person, browser=browser)).query["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.back, "code_verifier": VERIFIER}
    answer = await app.post("/oauth/token", form)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def address(**values: str | None) -> str:
    """A logout request."""
    return "/oauth/end_session?" + urlencode({k: v for k, v in values.items() if v is not None})


async def is_signed_in(browser: Browser) -> bool:
    """Whether anybody is signed in in a browser."""
    return (await browser.client.get("/logout")).status_code == 200


async def claims_of(site: LoginSite, text: str, kind: str = "JWT") -> dict[str, Any]:
    """What a token of ours says."""
    found = await read_own_jwt(site.world.services, text, site.now, kind)
    assert found is not None
    return found


async def test_a_login_has_the_name_of_its_session(client: App) -> None:
    """Back-Channel Logout §2.1: an ID token names its session; the same in one browser and app, another in another."""
    site, browser = client.site, client.site.browser()
    one = await claims_of(site, (await log_in(client, browser))["id_token"])
    again = await claims_of(site, (await log_in(client, browser))["id_token"])
    elsewhere = await claims_of(site, (await log_in(client, site.browser()))["id_token"])
    assert one["sid"] == again["sid"] != elsewhere["sid"]
    assert len(one["sid"]) == 43


async def test_with_the_id_token_of_this_session_somebody_leaves_at_once(client: App) -> None:
    """OA-04: hint, registered address and state: signed out, and back at the address with the state, byte for byte."""
    browser = client.site.browser()
    token = (await log_in(client, browser))["id_token"]
    answer = await browser.client.get(address(id_token_hint=token, post_logout_redirect_uri=BYE, state="a b&c"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BYE}?state=a%20b%26c")
    assert not await is_signed_in(browser)


async def test_state_and_address_may_be_missing(client: App) -> None:
    """OA-04, OIDF oidcc-rp-initiated-logout-no-state, -no-post-logout-redirect-uri: with the hint alone somebody is signed out
    too, and stays on a page here; without a state the address comes back bare."""
    for values, leads in (({"post_logout_redirect_uri": BYE}, BYE), ({}, None)):
        browser = client.site.browser()
        token = (await log_in(client, browser))["id_token"]
        answer = await browser.client.get(address(id_token_hint=token, **values))
        assert answer.headers.get("location") == leads
        assert answer.status_code == (303 if leads else 200)
        assert not await is_signed_in(browser)


async def test_the_request_may_be_a_form(client: App) -> None:
    """RP-Initiated Logout §2: POST does the same as GET; a query in the registered address is kept."""
    browser = client.site.browser()
    token = (await log_in(client, browser))["id_token"]
    form = [("id_token_hint", token), ("post_logout_redirect_uri", f"{BYE}?a=b"), ("state", "s")]
    answer = await browser.post("/oauth/end_session", form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BYE}?a=b&state=s")


async def test_an_old_id_token_will_do(client: App) -> None:
    """RP-Initiated Logout §4: an ID token that has expired still says whose session is meant."""
    browser = client.site.browser()
    token = (await log_in(client, browser))["id_token"]
    client.site.advance(hours=1, minutes=30)
    answer = await browser.client.get(address(id_token_hint=token, post_logout_redirect_uri=BYE))
    assert (answer.status_code, answer.headers["location"]) == (303, BYE)


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        f"{BYE}/",
        f"{BYE}?x=y",
        f"{BYE}#a",
        "http://both.example/bye",
        "https://BOTH.example/bye",
        "//x",
    ],
)
async def test_another_address_is_never_gone_to(client: App, uri: str) -> None:
    """OA-54: an address that is not registered, or with anything added, is answered by a page; nobody is signed out."""
    browser = client.site.browser()
    token = (await log_in(client, browser))["id_token"]
    answer = await browser.client.get(address(id_token_hint=token, post_logout_redirect_uri=uri, state="s"))
    assert answer.status_code == 400 and "location" not in answer.headers
    assert await is_signed_in(browser)


async def test_a_wrong_hint_never_redirects(client: App) -> None:
    """OA-04: a modified hint (alg none), a foreign key's, another app's, an access token, garbage: a page, nobody leaves."""
    site, browser = client.site, client.site.browser()
    tokens = await log_in(client, browser)
    token: str = tokens["id_token"]
    claims = await claims_of(site, token)
    head, body, mark = token.split(".")
    other = App(site, "tokens")
    await agree(other, post_logout_redirect_uris=(BYE,))
    foreign = new_key()
    for hint in (
        raw('{"alg":"none"}', json.dumps(claims)),
        f"{head}.{body}.",
        f"{head}.{body}.{mark[:-4]}AAAA",
        signed(foreign, {"alg": "ES256", "kid": "x"}, claims),
        signed(foreign, {"alg": "ES256", "jwk": json.loads(jwks(foreign))["keys"][0]}, claims),
        tokens["access_token"],
        "garbage",
        "x" * 20_000,
    ):
        for more in ({}, {"client_id": client.id}):
            answer = await browser.client.get(address(id_token_hint=hint, post_logout_redirect_uri=BYE, **more))
            assert answer.status_code == 400 and "location" not in answer.headers, hint[:80]
    mixed = await browser.client.get(address(id_token_hint=token, client_id=other.id, post_logout_redirect_uri=BYE))
    assert mixed.status_code == 400
    assert await is_signed_in(browser)


async def test_without_a_hint_the_person_is_asked(client: App) -> None:
    """OA-04: no hint, no parameters, only a state: a page asks, and nobody is signed out before the answer."""
    for values in (
        {},
        {"state": "s"},
        {"client_id": client.id},
        {"client_id": client.id, "post_logout_redirect_uri": BYE},
    ):
        browser = client.site.browser()
        await browser.sign_in_as("emil")
        page = await browser.client.get(address(**values))
        assert page.status_code == 200 and "Sign out?" in page.text
        assert await is_signed_in(browser)
        left = await browser.submit(page, action="sign_out")
        assert not await is_signed_in(browser)
        if "post_logout_redirect_uri" in values:
            assert (left.status_code, left.headers["location"]) == (303, BYE)
        else:
            assert left.status_code == 200 and "You are signed out" in left.text


async def test_who_stays_stays(client: App) -> None:
    """RP-Initiated Logout §2: who says no at the page is still signed in."""
    browser = client.site.browser()
    await browser.sign_in_as("emil")
    page = await browser.client.get(address(client_id=client.id, post_logout_redirect_uri=BYE))
    answer = await browser.submit(page, action="stay")
    assert "location" not in answer.headers
    assert await is_signed_in(browser)


async def test_an_address_without_its_client_is_refused(client: App) -> None:
    """OA-04: an address without hint and client_id is nobody's: a page; an unknown client_id, or a parameter twice, too."""
    browser = client.site.browser()
    await browser.sign_in_as("emil")
    for path in (
        address(post_logout_redirect_uri=BYE),
        address(post_logout_redirect_uri=BYE, state="s"),
        address(client_id="7", post_logout_redirect_uri=BYE),
        address(client_id=client.id, post_logout_redirect_uri=BYE) + "&state=a&state=b",
    ):
        answer = await browser.client.get(path)
        assert answer.status_code == 400 and "location" not in answer.headers
    assert await is_signed_in(browser)


async def test_the_answer_needs_this_session_and_this_site(client: App) -> None:
    """OA-47: a forged answer, another session's, one from another site: nobody is signed out."""
    mine, other = client.site.browser(), client.site.browser()
    await mine.sign_in_as("emil")
    await other.sign_in_as("selma")
    page = await other.client.get(address(client_id=client.id, post_logout_redirect_uri=BYE))
    fields = other.fields(page, action="sign_out")
    for pairs, headers in (
        (fields, {}),
        ([("action", "sign_out")], {}),
        ([("action", "sign_out"), ("csrf", "x"), ("request", "x")], {}),
    ):
        assert (await mine.post("/logout/confirm", pairs, **headers)).status_code in (400, 403)
    foreign = await other.post("/logout/confirm", fields, **{"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert await is_signed_in(mine) and await is_signed_in(other)


async def test_only_the_account_of_the_login_leaves(client: App) -> None:
    """L1: with two accounts in one browser the hint signs out the one it is about."""
    browser = client.site.browser()
    token = (await log_in(client, browser))["id_token"]
    await browser.sign_in_as("selma")
    await browser.client.get(address(id_token_hint=token))
    page = await browser.client.get("/logout")
    assert "selma@home.example" in page.text and "emil@home.example" not in page.text


async def test_who_is_gone_already_goes_back(client: App) -> None:
    """RP-Initiated Logout §2: with nobody signed in there is nothing to ask: back to the registered address."""
    answer = await client.site.browser().client.get(
        address(client_id=client.id, post_logout_redirect_uri=BYE, state="s")
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BYE}?state=s")
    page = await client.site.browser().client.get(address())
    assert page.status_code == 200 and "You are signed out" in page.text


async def told(site: LoginSite) -> list[Sent]:
    """The messages to apps that wait."""
    return [one for one in await site.world.outbox() if one.channel == LOGOUT]


async def test_apps_are_told(client: App) -> None:
    """Back-Channel Logout §2.4: who signs out is told to each app of the session, in a token of its own type that lives
    two minutes, with subject and session, and without a nonce."""
    site, browser = client.site, client.site.browser()
    login = await claims_of(site, (await log_in(client, browser))["id_token"])
    await log_in(App(site, "tokens"), browser)
    await browser.submit(await browser.client.get("/logout"), number=-1)
    (one,) = await told(site)
    assert (one.address, one.app_id) == (OUT, int(client.id))
    text = await logout_token(site.world.services, one, site.now)
    assert text is not None
    claims = await claims_of(site, text, TYPE)
    assert (claims["iss"], claims["aud"]) == (login["iss"], client.id)
    assert (claims["sub"], claims["sid"]) == (login["sub"], login["sid"])
    assert claims["events"] == {EVENT: {}} and "nonce" not in claims and claims["jti"]
    assert claims["exp"] - claims["iat"] == 120
    again = await logout_token(site.world.services, replace(one, tries=one.tries + 1), site.now)
    assert again is not None and (await claims_of(site, again, TYPE))["jti"] != claims["jti"]


async def test_every_way_out_is_told(client: App) -> None:
    """Back-Channel Logout §2.3: at the app's wish, one account at the sign-out page, a new password: told each time, once."""
    site = client.site
    browser = site.browser()
    token = (await log_in(client, browser))["id_token"]
    await browser.client.get(address(id_token_hint=token))
    assert len(await told(site)) == 1
    await browser.client.get(address(id_token_hint=token))
    assert len(await told(site)) == 1
    second = site.browser()
    await log_in(client, second)
    site.advance(seconds=1)
    await second.sign_in_as("selma")
    await second.submit(await second.client.get("/logout"), number=0)
    assert len(await told(site)) == 2
    await log_in(client, site.browser())
    emil = site.world.people["emil"]
    present, new = "emil has a password", "emil has another password"
    await change_password(site.world.services, emil, present, new, None, "", site.now)
    assert len(await told(site)) == 3


async def test_the_message_arrives(client: App) -> None:
    """Back-Channel Logout §2.5: the token is posted as a form; an app that does not answer is asked again later."""
    site, browser = client.site, client.site.browser()
    seen: list[bytes] = []
    answers = [b"503 Busy", b"200 OK"]

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        seen.append(head.lower() + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % answers[len(seen) - 1])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await agree(client, backchannel_logout_uri=f"http://127.0.0.1:{port}/out")
        login = await claims_of(site, (await log_in(client, browser))["id_token"])
        await browser.submit(await browser.client.get("/logout"), number=-1)
        worker = Worker(lambda: site.site, allow_private=True, run_due=False)
        await worker.step()
        assert [one.state for one in await told(site)] == ["waiting"]
        site.advance(minutes=2)
        await worker.step()
        assert [one.state for one in await told(site)] == ["sent"]
    assert all(one.startswith(b"post /out http/1.1") for one in seen) and len(seen) == 2
    assert all(b"content-type: application/x-www-form-urlencoded" in one for one in seen)
    texts = [one.partition(b"logout_token=")[2].decode() for one in seen]
    assert (await claims_of(site, texts[1], TYPE))["sid"] == login["sid"]
    assert texts[0] != texts[1]


async def test_a_logout_token_is_no_id_token(client: App) -> None:
    """OA-43: a logout token is refused as a hint, though the same key signed it."""
    site, browser = client.site, client.site.browser()
    await log_in(client, browser)
    await browser.submit(await browser.client.get("/logout"), number=-1)
    (one,) = await told(site)
    text = await logout_token(site.world.services, one, site.now)
    answer = await browser.client.get(address(id_token_hint=text, post_logout_redirect_uri=BYE))
    assert answer.status_code == 400 and "location" not in answer.headers


async def test_a_suspended_person_is_told(client: App) -> None:
    """A5: whoever is suspended is logged out, and the apps of every session are told; a refused suspension tells nobody."""
    site = client.site
    made = await site.migrate("emil")
    for _ in range(2):
        browser = site.browser()
        await browser.sign_in("emil@work.example", PASSWORD)
        await log_in(client, browser)
    await membership.suspend_account(site.world.services, made.managed_id, None, site.now)
    assert len(await told(site)) == 2
    with pytest.raises(CommandError):
        await membership.suspend_account(site.world.services, site.world.people["selma"], None, site.now)
    assert len(await told(site)) == 2
