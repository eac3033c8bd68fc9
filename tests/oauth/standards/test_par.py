"""Pushed authorization requests: RFC 9126, OA-39."""

from typing import Any

import httpx
import pytest

from tests.commands._world import BASE
from tests.oauth._site import Answer

from ._app import App
from ._forge import new_key
from ._key_app import KeyApp, dpop

pytestmark = pytest.mark.anyio

PAR = "/oauth/par"


async def push(app: App, **values: str | None) -> httpx.Response:
    """Push a request."""
    return await app.post(PAR, app.request(**values))


async def pushed(app: App, **values: str | None) -> str:
    """The name of a pushed request."""
    answer = await push(app, **values)
    assert answer.status_code == 201, answer.text
    assert answer.json()["expires_in"] == 60
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["request_uri"])


def short(app: App, uri: str, **more: str) -> dict[str, str | None]:
    """The parameters of an authorization request that names a pushed one."""
    away = dict.fromkeys(app.request(), None)
    return {**away, "client_id": app.id, "request_uri": uri, **more}


async def test_a_pushed_request_logs_somebody_in(app: App) -> None:
    """RFC 9126 §4: client_id and request_uri suffice; state, nonce and address come from what was pushed."""
    answer = await app.log_in(**short(app, await pushed(app, state="of the pushed one")))
    assert answer.address.startswith(app.back)
    assert answer.query["code"] and answer.query["state"] == "of the pushed one" and answer.query["iss"] == BASE


async def test_pushed_values_win(app: App) -> None:
    """OA-39: plain parameters beside request_uri change nothing."""
    uri = await pushed(app, state="pushed", scope="openid")
    plain = short(app, uri, state="plain", redirect_uri="https://evil.example/", scope="email pages_show_list")
    answer = await app.log_in(assets=(), **plain)
    assert answer.address.startswith(app.back) and answer.query["state"] == "pushed"


async def test_a_long_request_is_pushed(app: App) -> None:
    """RFC 9126 §1: what is too long for an address can be pushed."""
    answer = await app.log_in(**short(app, await pushed(app, state="x" * 4_000)))
    assert answer.query["state"] == "x" * 4_000


async def test_a_name_is_good_for_one_answer(app: App) -> None:
    """OA-39: after an answer the name is dead, for the same browser and for another; so it is after a refusal."""
    uri = await pushed(app)
    browser = app.site.browser()
    await browser.sign_in_as("emil")
    again = await browser.get(app.address(**short(app, uri)))
    assert again.status_code == 200, "opening it twice before the answer is no harm"
    assert (await app.log_in(browser=browser, **short(app, uri))).query["code"]
    for other in (browser, app.site.browser()):
        page = await other.client.get(app.address(**short(app, uri)))
        assert page.status_code == 400 and "location" not in page.headers
    declined = await pushed(app)
    page = await browser.get(app.address(**short(app, declined), prompt="consent"))
    if page.status_code == 200:
        assert (
            Answer((await browser.submit(page, action="cancel")).headers["location"]).query["error"] == "access_denied"
        )
    assert (await browser.client.get(app.address(**short(app, declined)))).status_code == 400


async def test_two_browsers_answer_one_name_once(app: App) -> None:
    """RFC 9126 §7.3: of two browsers that opened a request in time one gets a code."""
    uri = await pushed(app)
    first, second = app.site.browser(), app.site.browser()
    await first.sign_in_as("emil")
    await second.sign_in_as("selma")
    pages = [await one.get(app.address(**short(app, uri))) for one in (first, second)]
    assert [page.status_code for page in pages] == [200, 200]
    assert (await first.allow(pages[0], ("page",))).query["code"]
    page = await second.submit(pages[1], action="next")
    page = await second.submit(page, action="next", target=[app.site.world.assets["page"]])
    page = await second.submit(page, action="allow")
    assert page.status_code == 400 and "location" not in page.headers


async def test_a_name_lives_for_a_minute(app: App) -> None:
    """OA-39: a request_uri is good until a minute has passed, and not at its end."""
    early, late = await pushed(app), await pushed(app)
    app.site.advance(seconds=59)
    assert (await app.site.browser().client.get(app.address(**short(app, early)))).status_code == 303
    app.site.advance(seconds=1)
    page = await app.site.browser().client.get(app.address(**short(app, late)))
    assert page.status_code == 400 and "location" not in page.headers


async def test_who_opened_it_in_time_may_take_an_hour(app: App) -> None:
    """RFC 9126 §2.2: signing in may take longer than a minute: who opened the request in time goes on, for an hour."""
    uri = await pushed(app)
    browser = app.site.browser()
    page = await browser.get(app.address(**short(app, uri)))
    app.site.advance(minutes=10)
    page = await browser.submit(page, email="emil@home.example", password="emil has a password")
    assert (await browser.allow(page, ("page",))).query["code"]
    uri = await pushed(app)
    slow = app.site.browser()
    page = await slow.get(app.address(**short(app, uri)))
    app.site.advance(hours=1)
    page = await slow.submit(page, email="emil@home.example", password="emil has a password")
    assert page.status_code == 400 and "location" not in page.headers


async def test_a_mark_that_somebody_made_up_opens_nothing(app: App) -> None:
    """RFC 9126 §7.3: the parameter that says "opened in time" cannot be made, nor taken from another request."""
    uri, other = await pushed(app), await pushed(app)
    page = await app.site.browser().client.get(app.address(**short(app, other)))
    mark = httpx.URL(httpx.URL(page.headers["location"]).params["next"]).params["wb_opened"]
    app.site.advance(minutes=2)
    for wrong in (mark, "1.0", "x", "9999999999999999." + "0" * 64):
        page = await app.site.browser().client.get(app.address(**short(app, uri, wb_opened=wrong)))
        assert page.status_code == 400


async def test_only_its_own_client_uses_a_name(app: App) -> None:
    """OA-39: another client's request_uri, a made-up one, two of them: a page, no redirect."""
    other = App(app.site, "tokens")
    uri = await pushed(other)
    made_up = "urn:ietf:params:oauth:request_uri:" + "x" * 43
    browser = app.site.browser()
    for address in (
        app.address(**short(app, uri)),
        app.address(**short(app, made_up)),
        app.address(**short(app, uri)) + f"&request_uri={made_up}",
        app.address(**{**short(app, uri), "client_id": None}),
    ):
        page = await browser.client.get(address)
        assert page.status_code == 400 and "location" not in page.headers


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"client_id": "140000000000000000"}, "invalid_client"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://app.example/request"}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"scope": 'open"id'}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"resource": "relative"}, "invalid_target"),
        ({"dpop_jkt": "short"}, "invalid_request"),
    ],
    ids=str,
)
async def test_a_wrong_request_is_refused_when_it_is_pushed(app: App, values: dict[str, Any], error: str) -> None:
    """RFC 9126 §2.1: a request is checked when it is pushed, as it would be at the authorization endpoint."""
    answer = await push(app, **values)
    assert answer.json()["error"] == error, answer.text
    assert answer.status_code == (401 if error == "invalid_client" else 400)


async def test_pushing_needs_the_client(app: App) -> None:
    """OA-39: GET, a request without authentication, with a wrong secret, with a parameter twice: refused; nothing is kept."""
    site = app.site
    assert (await site.token("GET", PAR, params=app.request())).status_code == 405
    assert (await site.token("POST", PAR, data=app.request())).status_code == 401
    assert (await site.token("POST", PAR, data={**app.request(), "client_secret": "wrong"})).status_code == 401
    twice = await site.token(
        "POST", PAR, content="state=a&state=b", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    in_query = await app.site.token("POST", PAR, params=app.request(), headers=await app.credentials())
    assert in_query.status_code == 400


async def test_a_public_client_pushes_too(app: App) -> None:
    """RFC 9126 §2: a public client pushes by its name; the name is good for it."""
    await app.register("none")
    answer = await app.site.token("POST", PAR, data=app.request())
    assert answer.status_code == 201
    assert (await app.log_in(**short(app, answer.json()["request_uri"]))).query["code"]


async def test_a_client_that_agreed_to_push_must(app: App) -> None:
    """RFC 9126 §6: a client that agreed to push its requests is refused with a plain one, and goes on with a pushed one."""
    client = await KeyApp(app.site).agree(require_pushed=True)
    refused = await client.refusal()
    assert refused["error"] == "invalid_request"
    answer = await client.call(PAR, client.request())
    assert (await client.log_in(**short(client, answer.json()["request_uri"]))).query["code"]
    only_uri = await client.refusal(request_uri="https://app.example/request")
    assert only_uri["error"] == "request_uri_not_supported"


async def test_a_proof_at_the_push_is_kept(app: App) -> None:
    """RFC 9449 §10.1: a DPoP proof beside a pushed request is checked; one of another key than dpop_jkt, or used before, is refused."""
    client = await KeyApp(app.site).agree()
    key, other = new_key(), new_key()
    good = dpop(client, key, PAR)
    assert (await client.call(PAR, client.request(), good)).status_code == 201
    for proof, jkt in (
        (good, None),
        (dpop(client, key, PAR), other.thumbprint()),
        (dpop(client, key, "/oauth/token"), None),
        (dpop(client, key, PAR, "GET"), None),
        ("nonsense", None),
    ):
        answer = await client.call(PAR, client.request(dpop_jkt=jkt), proof)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert (
        await client.call(PAR, client.request(dpop_jkt=key.thumbprint()), dpop(client, key, PAR))
    ).status_code == 201


async def test_the_metadata_tells(app: App) -> None:
    """RFC 9126 §5: the metadata names the endpoint, which asks nobody but those who agreed."""
    metadata = (await app.site.token("GET", "/.well-known/oauth-authorization-server")).json()
    assert metadata["pushed_authorization_request_endpoint"] == BASE + PAR
    assert metadata["require_pushed_authorization_requests"] is False
    assert "ES256" in metadata["dpop_signing_alg_values_supported"]
