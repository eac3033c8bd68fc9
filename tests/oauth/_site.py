"""The application in this process, and people in front of it with browsers that know forms and cookies."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

import httpx

from tests._dialog import _Forms as Forms
from tests.commands._world import PASSWORD, T0, World
from workbadge.commands import claim
from workbadge.commands.claim import Claimed
from workbadge.main import make_application
from workbadge.store import client_terms, records
from workbadge.web.clock import SettableClock
from workbadge.web.state import Site

HOST = "http://badge.example"
SECURE = "https://badge.example"
ASKED = "email,pages_show_list,pages_read_engagement,ads_read,business_management"


@dataclass(frozen=True)
class Answer:
    """What came back to an app: parameters of the query and of the fragment, each once."""

    address: str

    def _part(self, text: str) -> dict[str, str]:
        found = parse_qs(text, keep_blank_values=True, strict_parsing=bool(text))
        assert all(len(values) == 1 for values in found.values()), found
        return {key: values[0] for key, values in found.items()}

    @property
    def query(self) -> dict[str, str]:
        return self._part(urlsplit(self.address).query)

    @property
    def fragment(self) -> dict[str, str]:
        return self._part(urlsplit(self.address).fragment)


class LoginSite:
    """A site on the world of ``tests/commands``. ``secure``: behind https, with the cookies of that."""

    def __init__(self, world: World, secure: bool = False, clock: SettableClock | None = None) -> None:
        self.world = world
        self.clock = clock or SettableClock(T0)
        self.host = SECURE if secure else HOST
        self.site = Site(world.services, self.clock, secure_cookies=secure)
        self.application = make_application(self.site)

    @property
    def now(self) -> datetime:
        """The site's instant."""
        return self.clock.now()

    def advance(self, **time: float) -> None:
        """Move the clock forward."""
        self.clock.set(self.clock.now() + timedelta(**time))

    def secured(self) -> "LoginSite":
        """The same site behind https."""
        return LoginSite(self.world, True, self.clock)

    async def give_passwords(self) -> None:
        """Everybody's password is ``<name> has a password``."""
        for name, account_id in self.world.people.items():
            hashed = await self.world.services.passwords.hash(f"{name} has a password")
            async with self.world.services.store.write() as tx:
                await records.set_password(tx, account_id, hashed, self.now)

    async def migrate(self, name: str, password: str | None = None) -> Claimed:
        """Invite a person and claim at once; the managed account gets ``password``."""
        services = self.world.services
        started = await self.world.start(name, now=self.now)
        made = await claim.claim_for(services, started.migration_id, self.world.people[name], self.now)
        hashed = await services.passwords.hash(password or PASSWORD)
        async with services.store.write() as tx:
            await records.set_password(tx, made.managed_id, hashed, self.now)
        return made

    async def secret(self, app: str = "both") -> str:
        """An app's secret."""
        services = self.world.services
        async with services.store.read() as tx:
            row = await records.find_app(tx, self.world.apps[app])
        assert row is not None
        return services.sealer.open(row.secret, "app.secret")

    async def set_redirects(self, app: str, *uris: str) -> None:
        """Give an app other redirect addresses."""
        async with self.world.services.store.write() as tx:
            await client_terms.set_app(tx, self.world.apps[app], {"redirect_uris": json.dumps(uris)})

    def back(self, app: str = "both") -> str:
        """An app's redirect address."""
        return f"https://{app}.example/back"

    def dialog(self, app: str = "both", version: str = "/v26.0", **values: str | None) -> str:
        """The address of the dialog for an app; a value of None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "client_id": str(self.world.apps[app]),
            "redirect_uri": self.back(app),
            "state": "a state",
            "scope": ASKED,
            **values,
        }
        return f"{version}/dialog/oauth?" + urlencode({k: v for k, v in asked.items() if v is not None})

    def browser(self, **headers: str) -> "Browser":
        """A fresh browser."""
        return Browser(self, headers)

    async def token(self, method: str = "POST", path: str = "/v26.0/oauth/access_token", **more: Any) -> httpx.Response:
        """One call of the token endpoint, from an app's server."""
        transport = httpx.ASGITransport(self.application)
        async with httpx.AsyncClient(transport=transport, base_url=self.host) as client:
            return await client.request(method, path, **more)

    async def graph(self, path: str, token: str) -> dict[str, Any]:
        """One read of the graph."""
        sign = "&" if "?" in path else "?"
        answer: dict[str, Any] = (await self.token("GET", f"/v26.0{path}{sign}access_token={quote(token)}")).json()
        return answer

    async def code(
        self, name: str = "emil", app: str = "both", assets: tuple[str, ...] = ("page",), **values: str
    ) -> str:
        """The code of a whole login."""
        answer = await self.browser().log_in(name, self.dialog(app, **values), assets)
        return answer.query["code"]

    async def exchange(self, code: str, app: str = "both", **more: str) -> dict[str, Any]:
        """Exchange a code with the app's credentials."""
        client = {"client_id": str(self.world.apps[app]), "client_secret": await self.secret(app)}
        data = {**client, "redirect_uri": self.back(app), "code": code, **more}
        answer: dict[str, Any] = (await self.token(data=data)).json()
        return answer


class Browser:
    """Cookies, forms, redirects. Redirects that leave the site are not followed."""

    def __init__(self, site: LoginSite, headers: dict[str, str]) -> None:
        self.site = site
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(site.application), base_url=site.host, headers=headers
        )

    async def get(self, path: str) -> httpx.Response:
        """Open an address and follow redirects on this site."""
        return await self.follow(await self.client.get(path))

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Follow redirects as long as they stay here."""
        for _ in range(8):
            if answer.status_code != 303:
                return answer
            target = urljoin(str(answer.url), answer.headers["location"])
            if urlsplit(target).netloc != urlsplit(self.site.host).netloc:
                return answer
            answer = await self.client.get(target)
        raise AssertionError("too many redirects")

    def fields(self, page: httpx.Response, number: int = 0, **fields: Any) -> list[tuple[str, str]]:
        """What a form of a page would send, with ``fields`` put in their places."""
        parser = Forms()
        parser.feed(page.text)
        form: Any = parser.forms[number]
        pairs = [one for one in form["values"] if one[0] not in fields]
        pairs += [pair for pair, on in form["boxes"] if on and pair[0] not in fields]
        for name, value in fields.items():
            pairs += [(name, str(one)) for one in (value if isinstance(value, (list, tuple)) else [value])]
        return pairs

    def ticked(self, page: httpx.Response, name: str) -> list[str]:
        """Values of the ticked boxes with that name."""
        return [value for key, value in self.fields(page) if key == name]

    def boxes(self, page: httpx.Response, name: str) -> list[str]:
        """Values of all boxes with that name."""
        return re.findall(rf'type="checkbox"[^>]*name="{name}"[^>]*value="([^"]+)"', page.text)

    async def post(self, path: str, pairs: list[tuple[str, str]], **headers: str) -> httpx.Response:
        """Send a form."""
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self.client.post(path, content=urlencode(pairs), headers=sent)

    async def submit(self, page: httpx.Response, number: int = 0, **fields: Any) -> httpx.Response:
        """Send a form of a page, and follow."""
        parser = Forms()
        parser.feed(page.text)
        action = urljoin(str(page.url), str(parser.forms[number]["action"]))
        return await self.follow(await self.post(action, self.fields(page, number, **fields)))

    async def sign_in(self, email: str, password: str, path: str = "/login?another=1") -> httpx.Response:
        """Sign in on the sign-in page."""
        page = await self.get(path)
        return await self.submit(page, email=email, password=password)

    async def sign_in_as(self, name: str) -> httpx.Response:
        """Sign a person's personal account in."""
        return await self.sign_in(f"{name}@home.example", f"{name} has a password")

    async def log_in(self, name: str, dialog: str, assets: tuple[str, ...] = ()) -> Answer:
        """The whole dialog with a person's personal account: everything allowed, on the assets."""
        await self.sign_in_as(name)
        return await self.allow(await self.get(dialog), assets)

    async def allow(self, page: httpx.Response, assets: tuple[str, ...] = ()) -> Answer:
        """From the permissions page on (or already back): all permissions, the assets, allow."""
        if page.status_code == 200:
            page = await self.submit(page, action="next")
        if page.status_code == 200:
            page = await self.submit(page, action="next", target=[self.site.world.assets[one] for one in assets])
            page = await self.submit(page, action="allow")
        assert page.status_code == 303, page.text
        return Answer(page.headers["location"])
