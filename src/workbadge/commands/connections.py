"""Connections of an organization to identity providers: set up, routed by domain, switched (O3, O6, O7)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import identity_providers, organizations, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import canonical_domain, domain_of
from workbadge.terms.connections import ClientProof, ConnectionKind, ConnectionState
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.organizations import OrganizationRole

from .domains import is_good
from .errors import CommandError, conflict, forbidden, invalid, not_found
from .registration import check_name
from .services import Services

SECRET = "connection.secret"
LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class NewConnection:
    """An OpenID Connect connection. ``provider``: what the issuer published of itself, checked, as JSON. ``client_secret`` None:
    this server proves itself by a signature (``private_key_jwt``)."""

    organization_id: int
    name: str
    issuer: str
    client_id: str | None
    client_secret: str | None
    provider: str
    proof: ClientProof
    creates_accounts: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Where people with an address of a domain sign in."""

    connection_id: int
    organization_id: int
    name: str
    required: bool


async def add_connection(tx: Tx, services: Services, new: NewConnection, actor_id: int | None, now: datetime) -> int:
    """A connection, not switched on. Raises CommandError: NOT_FOUND, INVALID."""
    if await records.find_organization(tx, new.organization_id) is None:
        raise not_found("organization")
    connection_id = services.entropy.new_id(NodeKind.RECORD)
    values = {
        "id": connection_id,
        "organization_id": new.organization_id,
        "kind": ConnectionKind.OIDC.value,
        "name": check_name(new.name),
        "state": ConnectionState.DRAFT.value,
        "issuer": new.issuer,
        "provider": new.provider,
        "discovered_at": now,
        "creates_accounts": int(new.creates_accounts),
        "created_at": now,
        **_client(services, new.client_id, new.client_secret, new.proof),
    }
    await identity_providers.add_connection(tx, values)
    await _note(tx, services, "connection.add", new.organization_id, connection_id, actor_id, now, issuer=new.issuer)
    return connection_id


def _client(services: Services, client_id: str | None, secret: str | None, proof: ClientProof) -> dict[str, Any]:
    """How this server is known at the provider, as columns. Raises INVALID."""
    for field, text in (("client_id", client_id), ("client_secret", secret)):
        if text is not None and not (1 <= len(text) <= LONGEST and text.isprintable() and text == text.strip()):
            raise invalid(
                field, f"This {field} cannot be used.", f"1 to {LONGEST} characters without blanks around them"
            )
    sealed = None if secret is None else services.sealer.seal(secret, SECRET)
    kept = ClientProof.KEY if secret is None else proof
    return {"client_id": client_id, "secret": sealed, "client_proof": kept.value}


async def set_client(
    tx: Tx,
    services: Services,
    row: Any,
    client_id: str,
    secret: str | None,
    proof: ClientProof,
    actor_id: int | None,
    now: datetime,
) -> None:
    """How this server is known at the provider; the connection must be tested again. Raises INVALID."""
    values = {**_client(services, client_id, secret, proof), "state": ConnectionState.DRAFT.value, "last_test": None}
    await identity_providers.change_connection(tx, row.id, values)
    await _note(tx, services, "connection.client", row.organization_id, row.id, actor_id, now, client_id=client_id)


async def find_of(tx: Tx, organization_id: int, connection_id: int) -> Any:
    """A connection of an organization. Raises NOT_FOUND, for those of others as well."""
    row = await identity_providers.find_connection(tx, connection_id)
    if row is None or row.organization_id != organization_id:
        raise not_found("connection")
    return row


async def route_domains(
    tx: Tx,
    services: Services,
    row: Any,
    names: Sequence[str],
    actor_id: int | None,
    now: datetime,
    required: bool = False,
) -> None:
    """Route verified domains of the organization to its connection; earlier ones of it are not, any more.

    ``required``: the passwords of their managed accounts are not taken (O6). Raises INVALID.
    """
    wanted = [await _own_domain(tx, row.organization_id, name, now) for name in dict.fromkeys(names)]
    if required:
        await _check_way_in(tx, row.organization_id)
    for old in await identity_providers.list_routes(tx, row.id):
        await identity_providers.route_domain(tx, old.name, None, False)
    for name in wanted:
        await identity_providers.route_domain(tx, name, row.id, required)
    said = {"domains": ",".join(wanted), "required": str(required).lower()}
    await _note(tx, services, "connection.route", row.organization_id, row.id, actor_id, now, **said)


async def _own_domain(tx: Tx, organization_id: int, text: str, now: datetime) -> str:
    """A verified domain of the organization. Raises INVALID."""
    try:
        name = canonical_domain(text)
    except ValueError as error:
        raise invalid("domains", str(error), "example.com") from error
    if not await is_good(tx, organization_id, name, now):
        raise invalid(
            "domains", f"{name} is not a verified domain of this organization.", "one of its verified domains"
        )
    return name


async def _check_way_in(tx: Tx, organization_id: int) -> None:
    """Somebody who owns the organization can sign in with a password, however the connection is (O7). Raises CONFLICT."""
    owners = [
        one.account_id
        for one in await organizations.list_roles(tx, organization_id)
        if one.role == OrganizationRole.OWNER.value
    ]
    if not await organizations.list_with_way_in(tx, owners):
        raise conflict(
            "Nobody could get in if this connection broke.",
            "an owner of the organization who has a password (break-glass)",
        )


async def switch(tx: Tx, services: Services, row: Any, on: bool, actor_id: int | None, now: datetime) -> None:
    """Let people sign in through a connection, or not any more. Raises CONFLICT for one that no live test has passed."""
    if on and row.tested_at is None:
        raise conflict("This connection has not passed a live test.", "a live test that signs in, shown as passed")
    state = ConnectionState.ON if on else ConnectionState.OFF
    await identity_providers.change_connection(tx, row.id, {"state": state.value})
    await _note(tx, services, f"connection.{state.value}", row.organization_id, row.id, actor_id, now)


async def set_creates_accounts(
    tx: Tx, services: Services, row: Any, creates: bool, actor_id: int | None, now: datetime
) -> None:
    """Whether a first sign-in opens a managed account for whoever has none."""
    await identity_providers.change_connection(tx, row.id, {"creates_accounts": int(creates)})
    said = {"creates_accounts": str(creates).lower()}
    await _note(tx, services, "connection.change", row.organization_id, row.id, actor_id, now, **said)


async def note_test(
    tx: Tx, services: Services, row: Any, passed: bool, shown: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Keep the outcome of a live test: what was expected beside what came. A draft that passed is tested."""
    values: dict[str, Any] = {"last_test": json.dumps({"passed": passed, "rows": list(shown), "at": now.isoformat()})}
    if passed:
        values["tested_at"] = now
        if row.state == ConnectionState.DRAFT.value:
            values["state"] = ConnectionState.TESTED.value
    await identity_providers.change_connection(tx, row.id, values)
    await _note(tx, services, "connection.test", row.organization_id, row.id, None, now, passed=str(passed).lower())


async def find_route(tx: Tx, domain: str, now: datetime) -> Route | None:
    """The connection, switched on, that people with addresses of a domain sign in through, while the domain is good (O1)."""
    found = await records.find_domain(tx, domain)
    if found is None or found.connection_id is None or not await is_good(tx, found.organization_id, domain, now):
        return None
    row = await identity_providers.find_connection(tx, found.connection_id)
    if row is None or row.state != ConnectionState.ON.value or row.organization_id != found.organization_id:
        return None
    return Route(row.id, row.organization_id, row.name, bool(found.sso_required))


async def takes_no_password(tx: Tx, account: Any, now: datetime) -> bool:
    """Whether an account must sign in through its organization's connection (O6). Whoever owns the organization, or is marked as
    its break-glass admin, keeps the password (O7)."""
    if account.kind != AccountKind.MANAGED.value or account.email is None:
        return False
    route = await find_route(tx, domain_of(account.email), now)
    if route is None or not route.required or route.organization_id != account.organization_id:
        return False
    held = await organizations.find_role(tx, account.organization_id, account.id)
    return held is None or not (held.break_glass or held.role == OrganizationRole.OWNER.value)


def sso_needed(route: Route) -> CommandError:
    """Passwords of this domain are not taken."""
    return forbidden(
        "Work accounts of this domain sign in through their organization; passwords are not taken here.",
        f"single sign-on with {route.name}",
    )


async def _note(
    tx: Tx,
    services: Services,
    action: str,
    organization_id: int,
    connection_id: int,
    actor_id: int | None,
    now: datetime,
    **said: str,
) -> None:
    entry = Audit(action, connection_id, None, organization_id, dict(said))
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
