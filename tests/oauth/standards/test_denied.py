"""What belongs to another client reads like what never existed, at every endpoint of the OAuth side; a missing right is named."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.oauth._site import LoginSite
from workbadge.commands.configuration import NewConfiguration, add_configuration
from workbadge.oauth.standards import AUTHORIZE, ROUTES
from workbadge.terms.ids import make_id
from workbadge.terms.kinds import NodeKind

from ._app import App
from ._key_app import KeyApp

pytestmark = pytest.mark.anyio
GHOST = 1_234_567_890_123
ITS_OWN = {"date", "set-cookie", "content-length", "x-fb-trace-id", "x-fb-request-id", "etag"}


class Two:
    """Two clients of one site: one asks for what is the other's."""

    def __init__(self, app: App) -> None:
        self.site: LoginSite = app.site
        self.mine = KeyApp(app.site)
        self.other = App(app.site, "tokens")

    async def prepare(self) -> "Two":
        """Both registered, the other with a login of Emil's."""
        await self.mine.register()
        await self.other.register()
        self.theirs = await self.other.tokens(scope="openid offline_access pages_show_list")
        self.code = (await self.other.log_in()).query["code"]
        answer = await self.site.token(
            data={"grant_type": "client_credentials"}, path="/oauth/token", headers=await self.mine.credentials()
        )
        self.own = str(answer.json()["access_token"])
        return self

    async def managing(self, scope: str) -> str:
        """An app token of mine with a scope."""
        form = {"grant_type": "client_credentials", "scope": scope}
        found = (await self.mine.post("/oauth/token", form)).json()
        return str(found["access_token"])


def plain(answer: httpx.Response, asked: str) -> tuple[int, str, dict[str, str]]:
    """An answer without what was asked for and what is the connection's own."""
    text = re.sub(r'"(csrf|fbtrace_id)"[^,}]*', "", answer.text.replace(asked, "ASKED"))
    text = re.sub(r'name="csrf" value="\w+"', "", text)
    headers = {k: v.replace(asked, "ASKED") for k, v in answer.headers.items() if k not in ITS_OWN}
    return answer.status_code, text, headers


Asking = Callable[[Two, str], Awaitable[httpx.Response]]


async def _redeem(two: Two, code: str) -> httpx.Response:
    return await two.mine.redeem(code, redirect_uri=two.other.back)


async def _refresh(two: Two, text: str) -> httpx.Response:
    return await two.mine.refresh(text)


async def _inspect(two: Two, text: str) -> httpx.Response:
    return await two.mine.post("/oauth/introspect", {"token": text})


async def _revoke(two: Two, text: str) -> httpx.Response:
    return await two.mine.post("/oauth/revoke_token", {"token": text})


async def _grant(two: Two, grant_id: str, method: str = "GET") -> httpx.Response:
    token = await two.managing("grant_management_query grant_management_revoke")
    return await two.site.token(method, f"/oauth/grants/{grant_id}", headers={"authorization": f"Bearer {token}"})


async def _end_grant(two: Two, grant_id: str) -> httpx.Response:
    return await _grant(two, grant_id, "DELETE")


async def _registration(two: Two, client_id: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {await two.mine.registration_token()}"}
    return await two.site.token("GET", f"/oauth/register/{client_id}", headers=headers)


async def _authorize(two: Two, **values: str) -> httpx.Response:
    browser = two.site.browser()
    await browser.sign_in_as("emil")
    return await browser.client.get(two.mine.address(**values))


async def _merge(two: Two, grant_id: str) -> httpx.Response:
    return await _authorize(two, grant_id=grant_id, grant_management_action="merge")


async def _pushed(two: Two, uri: str) -> httpx.Response:
    return await _authorize(two, request_uri=uri)


async def _configured(two: Two, config_id: str) -> httpx.Response:
    browser = two.site.browser()
    await browser.sign_in_as("emil")
    return await browser.client.get(two.site.dialog(config_id=config_id))


ASKED: dict[str, tuple[tuple[str, Asking], ...]] = {
    "/oauth/token": (("code", _redeem), ("refresh token", _refresh)),
    "/oauth/introspect": (("access token", _inspect), ("refresh token", _inspect)),
    "/oauth/revoke_token": (("access token", _revoke), ("refresh token", _revoke)),
    "/oauth/grants/": (("grant", _grant), ("grant", _end_grant)),
    "/oauth/register/": (("client", _registration),),
    AUTHORIZE: (("grant", _merge), ("request", _pushed), ("configuration", _configured)),
}
"""By endpoint: what of another client can be named there, and how it is."""

NAMES_NOTHING = {
    "/.well-known/openid-configuration": "the same for everybody",
    "/.well-known/oauth-authorization-server": "the same for everybody",
    "/oauth/jwks": "the same for everybody",
    "/oauth/register": "makes a client",
    "/oauth/userinfo": "the token itself is all that is named",
    "/oauth/par": "its parameters are those of the authorization endpoint, judged there",
}


def test_every_endpoint_has_a_row() -> None:
    """MT-40: an endpoint that is added without saying what of others can be named there fails."""
    assert {one.path for one in ROUTES} | {AUTHORIZE} == set(ASKED) | set(NAMES_NOTHING)


async def _theirs(two: Two) -> dict[str, tuple[str, str]]:
    """What is the other client's, and beside it the like that never existed."""
    pushed = await two.other.post("/oauth/par", two.other.request())
    async with two.site.world.services.store.write() as tx:
        new = NewConfiguration(int(two.other.id), "Theirs", "user", ("pages_show_list",))
        made = await add_configuration(tx, two.site.world.services, new, two.site.now)
    theirs = {
        "code": two.code,
        "access token": two.theirs["access_token"],
        "refresh token": two.theirs["refresh_token"],
        "grant": str(two.theirs["grant_id"]) if "grant_id" in two.theirs else await _grant_id(two),
        "client": two.other.id,
        "request": pushed.json()["request_uri"],
        "configuration": str(made.id),
    }
    kinds = {"grant": NodeKind.RECORD, "client": NodeKind.APP, "configuration": NodeKind.RECORD}
    text = two.site.world.services.entropy.text
    prefix = "urn:ietf:params:oauth:request_uri:"
    never = {
        name: str(make_id(kinds[name], GHOST)) if name in kinds else _like(value, text, prefix)
        for name, value in theirs.items()
    }
    return {name: (theirs[name], never[name]) for name in theirs}


def _like(value: str, text: Callable[[int], str], prefix: str) -> str:
    """A text of the same form that nobody was given."""
    kept = len(prefix) if value.startswith(prefix) else 3
    return value[:kept] + text(len(value) - kept)


async def _grant_id(two: Two) -> str:
    found: dict[str, Any] = (await two.other.post("/oauth/introspect", {"token": two.theirs["access_token"]})).json()
    return str(found["grant_id"])


@pytest.mark.parametrize("path", sorted(ASKED))
async def test_what_is_another_clients_is_missing(app: App, path: str) -> None:
    """MT-40: a code, token, grant, registration, pushed request or configuration of another client gets the bytes of one that never
    existed; what it has goes on (a code that strangers tried is burned, OA-20)."""
    two = await Two(app).prepare()
    values = await _theirs(two)
    for name, ask in ASKED[path]:
        real, never = values[name]
        answers = [await ask(two, one) for one in (real, never)]
        assert plain(answers[0], real) == plain(answers[1], never), (path, name)
        if path == "/oauth/revoke_token":
            assert answers[0].status_code == 200
        elif path not in ("/oauth/introspect", AUTHORIZE):
            assert answers[0].status_code in (400, 401, 404)
    assert await two.other.is_alive(two.theirs["access_token"])
    assert (await two.other.refresh(two.theirs["refresh_token"])).status_code == 200


async def test_a_missing_right_is_named(app: App) -> None:
    """MT-40: a token that is known and lacks a scope is told which: 403 insufficient_scope with its name, in body and challenge."""
    two = await Two(app).prepare()
    code = (await two.mine.log_in(scope="pages_show_list")).query["code"]
    token = (await two.mine.redeem(code)).json()["access_token"]
    plain_app = await two.managing("grant_management_query")
    cases = (
        ("GET", "/oauth/userinfo", token, "openid"),
        ("DELETE", f"/oauth/grants/{make_id(NodeKind.RECORD, GHOST)}", plain_app, "grant_management_revoke"),
    )
    for method, path, text, scope in cases:
        answer = await two.site.token(method, path, headers={"authorization": f"Bearer {text}"})
        assert answer.status_code == 403 and answer.json()["error"] == "insufficient_scope", answer.text
        assert scope in answer.json()["error_description"]
        assert f'scope="{scope}"' in answer.headers["www-authenticate"]
