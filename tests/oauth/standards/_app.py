"""An app that speaks plain OAuth 2.0 and OpenID: its requests, and what came back."""

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.commands._world import BASE
from tests.oauth._site import Answer, Browser, LoginSite
from workbadge.commands.client import register_client

VERIFIER = "a-verifier-of-the-least-length-that-is-right"
SCOPE = "openid profile email offline_access pages_show_list ads_read"


def challenge(verifier: str = VERIFIER) -> str:
    """The S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def basic(user: str, password: str) -> dict[str, str]:
    """Headers of HTTP Basic."""
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class App:
    """One app of the world, as a client."""

    def __init__(self, site: LoginSite, name: str = "both") -> None:
        self.site = site
        self.name = name
        self.id = str(site.world.apps[name])
        self.back = site.back(name)

    async def register(
        self, method: str | None = None, kind: str = "web", alg: str = "RS256", uri: str | None = None
    ) -> "App":
        """Register it on the OAuth side; with ``uri`` that is its only redirect address."""
        async with self.site.world.services.store.write() as tx:
            await register_client(tx, int(self.id), method, kind, alg)
        if uri is not None:
            await self.site.set_redirects(self.name, uri)
            self.back = uri
        return self

    def request(self, **values: str | None) -> dict[str, str]:
        """The parameters of an authorization request; a value of None leaves one out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.back,
            "scope": SCOPE,
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            **values,
        }
        return {k: v for k, v in asked.items() if v is not None}

    def address(self, **values: str | None) -> str:
        """The address of an authorization request."""
        return "/oauth/authorize?" + urlencode(self.request(**values))

    async def refusal(self, **values: str | None) -> dict[str, str]:
        """What comes back at once for a request; it is checked that state and issuer do too."""
        answer = await self.site.browser().client.get(self.address(**values))
        assert answer.status_code == 303, answer.text
        location = answer.headers["location"]
        assert location.startswith(self.back + "?"), location
        query = Answer(location).query
        assert query["iss"] == BASE
        assert query.get("state") == values.get("state", "a state")
        return query

    async def log_in(
        self, person: str = "emil", assets: tuple[str, ...] = ("page",), browser: Browser | None = None, **values: Any
    ) -> Answer:
        """A whole login: everything allowed, on the assets."""
        browser = browser or self.site.browser()
        if not any(one.name == "wb" for one in browser.client.cookies.jar):
            await browser.sign_in_as(person)
        return await browser.allow(await browser.get(self.address(**values)), assets)

    async def credentials(self) -> dict[str, str]:
        """Headers that say who it is."""
        return basic(self.id, await self.site.secret(self.name))

    async def post(self, path: str, form: dict[str, str], **more: Any) -> httpx.Response:
        """One call of an endpoint with its credentials."""
        headers = {**await self.credentials(), **more.pop("headers", {})}
        return await self.site.token("POST", path, data=form, headers=headers, **more)

    async def redeem(self, code: str, **more: str) -> httpx.Response:
        """Redeem a code; a value of "-" leaves a parameter out."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.back,
            "code_verifier": VERIFIER,
            **more,
        }
        return await self.post("/oauth/token", {key: value for key, value in form.items() if value != "-"})

    async def tokens(self, person: str = "emil", assets: tuple[str, ...] = ("page",), **values: Any) -> dict[str, Any]:
        """What a whole login leads to."""
        code = (await self.log_in(person, assets, **values)).query["code"]
        answer = await self.redeem(code)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refresh(self, text: str, **more: str) -> httpx.Response:
        """Use a refresh token."""
        return await self.post("/oauth/token", {"grant_type": "refresh_token", "refresh_token": text, **more})

    async def is_alive(self, token: str) -> bool:
        """Whether an access token works on the Graph API."""
        return "error" not in await self.site.graph("/me", token)


def refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    """Check a refusal: its form, its headers, its code (OA-34)."""
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
    assert set(answer.json()) <= {"error", "error_description", "error_uri"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)
