"""An organization with a connection, and people who go to its provider and back."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.oauth._site import Browser, LoginSite
from workbadge.commands import connections, portfolio
from workbadge.commands.connections import NewConnection
from workbadge.store import identity_providers
from workbadge.store.engine import Tx
from workbadge.terms.connections import ClientProof
from workbadge.terms.kinds import AccountKind
from workbadge.web.openid_provider import discover

from ._provider import CLIENT, SECRET, Provider

PASSWORD = "a password for work"


@dataclass
class Company:
    """``people``: managed accounts by name."""

    site: LoginSite
    provider: Provider
    connection: int = 0
    people: dict[str, int] = field(default_factory=dict)

    async def open_account(self, name: str, domain: str = "work.example") -> int:
        """A managed account with a password."""
        services = self.site.world.services
        hashed = await services.passwords.hash(PASSWORD)
        async with services.store.write() as tx:
            self.people[name] = await portfolio.add_person(
                tx,
                services,
                AccountKind.MANAGED,
                name.title(),
                f"{name}@{domain}",
                hashed,
                self.site.now,
                self.site.world.organization,
            )
        return self.people[name]

    async def change(self, work: Any) -> None:
        """Change the connection: ``work(tx, services, row)``."""
        services = self.site.world.services
        async with services.store.write() as tx:
            await work(tx, services, await identity_providers.find_connection(tx, self.connection))

    async def route(self, *domains: str, required: bool = False) -> None:
        """Route domains to the connection."""
        await self.change(
            lambda tx, services, row: connections.route_domains(
                tx, services, row, domains, None, self.site.now, required
            )
        )

    async def switch(self, on: bool) -> None:
        """On or off."""
        await self.change(lambda tx, services, row: connections.switch(tx, services, row, on, None, self.site.now))

    async def leave(self, browser: Browser, **query: str) -> str:
        """Begin in a browser; where the provider's sign-in page is."""
        page = await browser.get(f"/sso/{self.connection}/login" + (f"?next={query['next']}" if query else ""))
        assert page.status_code == 200, page.text[:300]
        return page.headers["refresh"].removeprefix("0;url=")

    async def sign_in(self, browser: Browser, **query: Any) -> httpx.Response:
        """Out to the provider and back, as whom it says."""
        back = self.provider.answer(await self.leave(browser), **query)
        return await browser.get(back.removeprefix(self.site.site.services.base_url))

    async def signed_in(self, browser: Browser) -> list[str]:
        """Addresses of who is signed in in a browser."""
        page = await browser.get("/logout")
        return sorted(set(re.findall(r"Sign out ([\w.-]+@[\w.-]+)", page.text)))


async def connect(company: Company, name: str = "Harbour ID", domains: tuple[str, ...] = ("work.example",)) -> int:
    """A connection to the company's provider, tested and on."""
    site = company.site
    services = site.world.services
    provider = await discover(site.site, company.provider.base)
    new = NewConnection(
        site.world.organization,
        name,
        company.provider.base,
        CLIENT,
        SECRET,
        provider.as_text(),
        ClientProof.SECRET_BASIC,
    )
    async with services.store.write() as tx:
        made = await connections.add_connection(tx, services, new, None, site.now)
        row = await _row(tx, made)
        await connections.route_domains(tx, services, row, domains, None, site.now)
        await connections.note_test(tx, services, row, True, (), site.now)
        await connections.switch(tx, services, await _row(tx, made), True, None, site.now)
    return made


async def _row(tx: Tx, connection_id: int) -> Any:
    return await identity_providers.find_connection(tx, connection_id)
