"""What an app is told about a person, and how a token is presented."""

from typing import Any

import pytest

from tests.oauth._site import LoginSite

from ._app import App, refused

pytestmark = pytest.mark.anyio
PATH = "/oauth/userinfo"


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_claims_follow_the_scopes(site: LoginSite, app: App) -> None:
    """OIDF oidcc-userinfo-get, -post-header, -post-body, oidcc-scope-profile, -email: the same claims in three ways, by scope."""
    tokens = await app.tokens(scope="openid profile email")
    form = {"access_token": tokens["access_token"]}
    answers = [
        await site.token("GET", PATH, headers=_bearer(tokens["access_token"])),
        await site.token("POST", PATH, headers=_bearer(tokens["access_token"])),
        await site.token("POST", PATH, data=form),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json() == answers[0].json()
    me = await site.graph("/me?fields=id,name", tokens["access_token"])
    assert answers[0].json() == {
        "sub": me["id"],
        "is_work_account": False,
        "name": me["name"],
        "given_name": "Emil",
        "picture": "https://badge.example/static/avatar.svg",
        "locale": "en-US",
        "email": "emil@home.example",
        "email_verified": False,
    }
    bare = await app.tokens("selma", scope="openid")
    told = (await site.token("GET", PATH, headers=_bearer(bare["access_token"]))).json()
    assert set(told) == {"sub", "is_work_account"}


async def test_a_work_account_is_told(site: LoginSite, app: App) -> None:
    """A3, O4: a managed account is marked, and its address, of a domain that its organization proved, counts as verified."""
    await site.migrate("emil")
    browser = site.browser()
    await browser.sign_in("emil@work.example", "correct horse battery")
    answer = await browser.allow(await browser.get(app.address(scope="openid email")))
    token = (await app.redeem(answer.query["code"])).json()["access_token"]
    told = (await site.token("GET", PATH, headers=_bearer(token))).json()
    assert (told["is_work_account"], told["email"], told["email_verified"]) == (True, "emil@work.example", True)


async def test_tokens_are_presented_in_one_way(site: LoginSite, app: App) -> None:
    """OA-35: scheme in any case; header and body at once, two headers, no token, three words are 400; the query is not read."""
    token = (await app.tokens())["access_token"]
    for scheme in ("bearer", "BEARER", "bEaReR", "Bearer "):
        assert (await site.token("GET", PATH, headers={"authorization": f"{scheme} {token}"})).status_code == 200
    wrong: list[dict[str, Any]] = [
        {"headers": _bearer(token), "data": {"access_token": token}},
        {"headers": {"authorization": "Bearer"}},
        {"headers": {"authorization": f"Bearer {token} {token}"}},
        {"headers": {"authorization": "Bearer" + " " * 10_000 + token}},
        {"headers": {"authorization": "Bearer é".encode()}},
    ]
    for way in wrong:
        answer = await site.token("POST", PATH, **way)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), way
    twice = [("authorization", f"Bearer {token}")] * 2
    assert (await site.token("GET", PATH, headers=twice)).status_code == 400
    query = await site.token("GET", PATH, params={"access_token": token})
    assert query.status_code == 401
    assert query.headers["www-authenticate"] == 'Bearer realm="workbadge"'


async def test_dead_tokens_and_other_texts_are_refused(site: LoginSite, app: App) -> None:
    """OA-43: id token, refresh token, code, app token, a secret and a dead token are no bearer tokens; without openid it is 403."""
    tokens = await app.tokens()
    code = (await app.log_in()).query["code"]
    own = (await app.post("/oauth/token", {"grant_type": "client_credentials"})).json()["access_token"]
    for text in (tokens["id_token"], tokens["refresh_token"], code, own, own.partition("|")[2], await site.secret()):
        answer = await site.token("GET", PATH, headers=_bearer(text))
        refused(answer, "invalid_token", 401)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    await app.post("/oauth/revoke_token", {"token": tokens["access_token"]})
    refused(await site.token("GET", PATH, headers=_bearer(tokens["access_token"])), "invalid_token", 401)
    plain = (await app.tokens("selma", scope="email"))["access_token"]
    answer = await site.token("GET", PATH, headers=_bearer(plain))
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert 'scope="openid"' in answer.headers["www-authenticate"]


async def test_only_the_clients_own_pages_may_call(site: LoginSite, app: App) -> None:
    """OA-61: only an origin of the client's redirect addresses is reflected, never with credentials; ``null`` and look-alikes are
    not, in the preflight neither."""
    token = (await app.tokens())["access_token"]
    right = "https://both.example"
    wrong = (
        "null",
        "https://evil.example",
        "https://both.example.evil.example",
        "https://sub.both.example",
        "http://both.example",
        "https://both.example:444",
        "https:",
        "https://%",
    )
    who = await app.credentials()
    for origin in (right, *wrong):
        reflected = right if origin == right else None
        for answer in (
            await site.token("GET", PATH, headers={**_bearer(token), "origin": origin}),
            await site.token("POST", "/oauth/token", data={"grant_type": "x"}, headers={**who, "origin": origin}),
            await site.token("OPTIONS", PATH, headers={"origin": origin, "access-control-request-method": "GET"}),
        ):
            assert answer.headers.get("access-control-allow-origin") == reflected, origin
            assert "access-control-allow-credentials" not in answer.headers
            assert "origin" in answer.headers["vary"].lower()
    other = await site.token("GET", PATH, headers={**_bearer(token), "origin": "https://tokens.example"})
    assert "access-control-allow-origin" not in other.headers
    closed = await site.token("OPTIONS", "/oauth/introspect", headers={"origin": right})
    assert "access-control-allow-origin" not in closed.headers
    public = await site.token("OPTIONS", "/oauth/jwks", headers={"origin": "https://anybody.example"})
    assert public.headers["access-control-allow-origin"] == "*"
