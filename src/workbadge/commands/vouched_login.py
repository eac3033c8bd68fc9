"""Signing in through an organization's identity provider: the way there, the way back, whose account it is (O4, M4)."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workbadge.keys import hash_secret, same
from workbadge.lifecycle.changes import Audit
from workbadge.store import identity_providers, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import address_key, domain_of, parse_address
from workbadge.terms.connections import ConnectionState, Purpose
from workbadge.terms.kinds import AccountKind

from .domains import is_good
from .errors import CommandError, Problem, conflict, forbidden, not_found
from .portfolio import add_person
from .services import Services

LIFE = timedelta(minutes=10)
"""How long somebody may stay at the identity provider."""

_SECRETS = "connection_attempt.secrets"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login that goes to an identity provider. ``state``, ``nonce``, ``verifier``: random texts."""

    state: str
    nonce: str
    verifier: str
    purpose: Purpose
    leads_to: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider vouched for. ``email``: only where the provider says that it is verified; ``amr``, ``acr``: how."""

    subject: str
    email: str | None
    name: str | None
    sid: str | None = None
    amr: tuple[str, ...] = ()
    acr: str | None = None
    authenticated_at: datetime | None = None


async def begin(
    tx: Tx, services: Services, connection_id: int, browser: str, purpose: Purpose, leads_to: str, now: datetime
) -> Attempt:
    """A login on its way out, for the browser with that secret; good for ten minutes, once."""
    entropy = services.entropy
    made = Attempt(entropy.text(43), entropy.text(43), entropy.text(64), purpose, leads_to)
    secrets = json.dumps({"nonce": made.nonce, "verifier": made.verifier})
    await identity_providers.add_attempt(
        tx,
        {
            "state_hash": hash_secret(made.state),
            "connection_id": connection_id,
            "browser_hash": hash_secret(browser),
            "purpose": purpose.value,
            "secrets": services.sealer.seal(secrets, _SECRETS),
            "leads_to": leads_to,
            "ends": now + LIFE,
        },
    )
    return made


async def take_attempt(
    tx: Tx, services: Services, connection_id: int, state: str, browser: str, now: datetime
) -> Attempt:
    """The login that comes back: to the browser and the connection that it went out from, in time, once (RP-11, RP-12).

    Raises NOT_FOUND, alike for everything that is wrong with it.
    """
    hashed = hash_secret(state)
    row = await identity_providers.find_attempt(tx, hashed)
    if row is None or row.connection_id != connection_id or now >= row.ends:
        raise not_found("login under way")
    if not same(bytes(row.browser_hash).hex(), hash_secret(browser).hex()):
        raise not_found("login under way")
    await identity_providers.drop_attempt(tx, hashed)
    secrets = json.loads(services.sealer.open(bytes(row.secrets), _SECRETS))
    return Attempt(state, secrets["nonce"], secrets["verifier"], Purpose(row.purpose), row.leads_to)


async def find_account(tx: Tx, services: Services, connection_id: int, identity: Identity, now: datetime) -> int:
    """Whose account a connection's subject stands for. A subject that is not known yet is linked by its verified address, once, if
    the address lies in a domain routed to this very connection (O4).

    Raises CommandError: NOT_FOUND for a connection that is not on, FORBIDDEN for somebody who may not sign in, CONFLICT for an
    address whose account another subject of this connection stands for already (RP-19).
    """
    connection = await identity_providers.find_connection(tx, connection_id)
    if connection is None or connection.state != ConnectionState.ON.value:
        raise not_found("connection")
    account = await identity_providers.find_identity(tx, connection_id, identity.subject)
    if account is None:
        account = await _link(tx, services, connection, identity, now)
    if account.suspended_at is not None or account.deleted_at is not None:
        raise forbidden("This work account cannot sign in.", "a work account that is not suspended")
    if account.organization_id != connection.organization_id:
        raise forbidden("This work account cannot sign in here.", "a work account of the connection's organization")
    return int(account.id)


async def _link(tx: Tx, services: Services, connection: Any, identity: Identity, now: datetime) -> Any:
    """The account of a subject that signs in for the first time, from now on linked to it."""
    address = await check_address(tx, connection, identity.email, now)
    account = await identity_providers.find_managed(tx, connection.organization_id, address)
    if account is not None and await identity_providers.has_identity(tx, connection.id, account.id):
        raise conflict(
            "This work account belongs to another person of the identity provider.",
            "an admin of the organization to decide whose account it is",
        )
    if account is None:
        account = await _open_account(tx, services, connection, identity, address, now)
    await identity_providers.add_identity(tx, connection.id, identity.subject, account.id, now)
    entry = Audit(
        "connection.link", account.id, None, connection.organization_id, {"connection": connection.id, "email": address}
    )
    await write_audit(tx, (entry,), account.id, services.entropy.new_id, now)
    return account


async def check_address(tx: Tx, connection: Any, email: str | None, now: datetime) -> str:
    """The address of a connection's person, if it is one to be believed: verified, in a domain routed to the connection (O4,
    RP-16, RP-17). Raises FORBIDDEN."""
    expected = "an address that the provider says is verified, in a domain of this connection"
    try:
        address = parse_address(email or "")
    except ValueError as error:
        raise forbidden("The identity provider gave no verified e-mail address.", expected) from error
    domain = await records.find_domain(tx, domain_of(address))
    routed = domain is not None and domain.connection_id == connection.id
    if not routed or not await is_good(tx, connection.organization_id, domain_of(address), now):
        raise forbidden(f"Addresses of {domain_of(address)} do not sign in through this connection.", expected)
    return address


async def _open_account(
    tx: Tx, services: Services, connection: Any, identity: Identity, address: str, now: datetime
) -> Any:
    """A managed account without a password, where first sign-ins may open one, or where a migration invited the address."""
    invited = await identity_providers.is_invited(tx, connection.organization_id, address, now)
    if not connection.creates_accounts and not invited:
        raise forbidden("There is no work account for this address.", "an account that an admin has opened for you")
    name = identity.name or address.partition("@")[0]
    try:
        made = await add_person(
            tx, services, AccountKind.MANAGED, name[:200], address, None, now, connection.organization_id
        )
    except CommandError as error:
        if error.problem is not Problem.INVALID or error.field != "name":
            raise
        made = await add_person(
            tx, services, AccountKind.MANAGED, address_key(address), address, None, now, connection.organization_id
        )
    entry = Audit("account.open", made, None, connection.organization_id, {"connection": connection.id})
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)
    found = await records.find_account(tx, made)
    assert found is not None
    return found


async def keep_vouched(tx: Tx, session_hash: bytes, account_id: int, connection_id: int, identity: Identity) -> None:
    """What the provider said of how somebody signed in, for as long as the session knows them (O6)."""
    await identity_providers.add_vouched(
        tx,
        {
            "session_hash": session_hash,
            "account_id": account_id,
            "connection_id": connection_id,
            "subject": identity.subject,
            "sid": identity.sid,
            "amr": ",".join(identity.amr),
            "acr": identity.acr,
            "authenticated_at": identity.authenticated_at,
        },
    )
