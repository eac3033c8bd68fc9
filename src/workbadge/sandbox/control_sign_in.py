"""The control API's calls about how an organization's people sign in: domains and connections (O1, O3)."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request

from workbadge.commands import connections, portfolio
from workbadge.commands.connections import NewConnection
from workbadge.commands.errors import invalid
from workbadge.store import identity_providers
from workbadge.terms.connections import ClientProof, ConnectionKind
from workbadge.terms.kinds import NodeKind
from workbadge.web.openid_provider import (
    Provider,
    ProviderError,
    callback_address,
    choose_proof,
    discover,
    sign_in_address,
)

from .requests import NewConnectionBody, NewDomainBody, node
from .world import World


class SignInControl:
    """The handlers, over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def domain(self, request: Request, body: NewDomainBody) -> Any:
        """``POST /domains``: a domain of an organization, verified at once."""
        services, now = self._world.services, self._world.clock.now()
        organization = node(body.organization, "organization", NodeKind.ORGANIZATION)
        async with services.store.write() as tx:
            name = await portfolio.add_verified_domain(tx, organization, body.domain, now)
        return {"organization": str(organization), "domain": name, "verified": True}

    async def connection(self, request: Request, body: NewConnectionBody) -> Any:
        """``POST /connections``: a connection to an identity provider, on at once."""
        if body.type != ConnectionKind.OIDC:
            raise invalid("type", f"{body.type[:40]!r} is not a type of connection.", ", ".join(ConnectionKind))
        if not body.issuer or not body.client_id:
            raise invalid("issuer" if not body.issuer else "client_id", "It is needed.", "issuer and client_id")
        provider = await self._discover(body.issuer)
        new = NewConnection(
            node(body.organization, "organization", NodeKind.ORGANIZATION),
            body.name,
            body.issuer,
            body.client_id,
            body.client_secret,
            provider.as_text(),
            ClientProof.KEY if body.client_secret is None else choose_proof(provider),
            body.creates_accounts,
        )
        connection_id = await self._add(new, body)
        site = self._world.site
        return {
            "id": str(connection_id),
            "type": body.type,
            "acs_url": None,
            "entity_id": None,
            "redirect_uri": callback_address(site, connection_id),
            "metadata_url": None,
            "login_url": sign_in_address(site, connection_id),
        }

    async def _discover(self, issuer: str) -> Provider:
        try:
            return await discover(self._world.site, issuer)
        except ProviderError as error:
            raise invalid("issuer", f"{error.what}: got {error.received}.", error.expected) from error

    async def _add(self, new: NewConnection, body: NewConnectionBody) -> int:
        """A world's connection counts as tested: whoever makes it this way tests it next."""
        services, now = self._world.services, self._world.clock.now()
        async with services.store.write() as tx:
            connection_id = await connections.add_connection(tx, services, new, None, now)
            row = await connections.find_of(tx, new.organization_id, connection_id)
            await connections.route_domains(tx, services, row, body.domains, None, now, body.required)
            await identity_providers.change_connection(tx, connection_id, {"tested_at": now})
            row = await connections.find_of(tx, new.organization_id, connection_id)
            await connections.switch(tx, services, row, True, None, now)
        return connection_id

    def table(self) -> tuple[tuple[str, str, Callable[..., Awaitable[Any]]], ...]:
        """Method, path and handler of each call."""
        return (("POST", "/domains", self.domain), ("POST", "/connections", self.connection))
