"""Apps that register themselves, and manage what they registered by a token of their own (RFC 7591, RFC 7592)."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from workbadge.keys import hash_secret, same
from workbadge.lifecycle.changes import Audit
from workbadge.store import apps, client_terms, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.apps import Level, Review
from workbadge.terms.scopes import SCOPES, STANDARD_SCOPES

from .app_status import ALWAYS
from .client import Client, find_client, register_client
from .client_terms import DEFAULT, Terms, load_terms, save_terms
from .errors import CommandError, Problem, not_found
from .registration import SECRET_PLACE, NewApp, add_app
from .services import Services
from .transaction import in_transaction

PREFIX = "WBM"
"""How a registration access token starts: no other place takes one."""


_SETTINGS = {"policy_uri": "privacy_policy_url", "tos_uri": "terms_of_service_url"}
"""What is a setting of the app, too, and kept there alone: the registration's name of it, and the column."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client registers. ``login_uri``: where its own login starts (B1)."""

    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    application_type: str
    id_token_alg: str
    login_uri: str | None
    terms: Terms


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it stands. ``secret``: None for one that needs none; ``token``: only at the registration, shown once."""

    client: Client
    terms: Terms
    login_uri: str | None
    registered_at: datetime
    secret: str | None
    token: str | None = None


async def register(services: Services, new: Registration, now: datetime) -> Registered:
    """Register a client; it gets an id, a secret unless it needs none, and a token to manage its registration.

    Nobody has looked at it: it may learn who logs in, and nothing beyond the login until the operator raises its access.
    """
    token = _new_token(services)

    async def work(tx: Tx) -> int:
        made = await add_app(tx, services, NewApp(new.name, new.redirect_uris, new.login_uri), now)
        await _save(tx, made.id, new, now)
        await client_terms.set_terms(tx, made.id, {"registration_hash": hash_secret(token)}, True)
        for scope in SCOPES:
            if scope not in ALWAYS and scope not in STANDARD_SCOPES:
                await apps.put_permission(tx, made.id, scope, Level.STANDARD, Review.NOT_REQUESTED, now)
        entry = Audit("client.register", made.id, None, None, {"auth_method": new.auth_method})
        await write_audit(tx, (entry,), None, services.entropy.new_id, now)
        return made.id

    app_id = await in_transaction(services, work)
    return await _read(services, app_id, token)


def _new_token(services: Services) -> str:
    return PREFIX + services.entropy.text(64)


async def hand_over(tx: Tx, services: Services, app_id: int, actor_id: int | None, now: datetime) -> str:
    """A fresh token by which an app that was registered otherwise manages its registration; an earlier one is dead. Raises
    CommandError NOT_FOUND."""
    app = await client_terms.lock_app(tx, app_id)
    if app is None or app.disabled_at is not None:
        raise not_found("app")
    if await client_terms.find_terms(tx, app_id) is None:
        await save_terms(tx, app_id, DEFAULT, now)
    token = _new_token(services)
    await client_terms.set_terms(tx, app_id, {"registration_hash": hash_secret(token)}, True)
    entry = Audit("client.hand_over", app_id, None, None, {})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    return token


async def _save(tx: Tx, app_id: int, new: Registration, now: datetime) -> None:
    await register_client(tx, app_id, new.auth_method, new.application_type, new.id_token_alg)
    about = {name: value for name, value in new.terms.about.items() if name not in _SETTINGS}
    await save_terms(tx, app_id, replace(new.terms, about=about), now)
    settings = {column: new.terms.about.get(member) for member, column in _SETTINGS.items()}
    await client_terms.set_app(tx, app_id, settings)


async def _read(services: Services, app_id: int, token: str | None = None) -> Registered:
    async with services.store.read() as tx:
        row: Any = await client_terms.find_terms(tx, app_id)
        terms = await load_terms(tx, app_id)
        app: Any = await records.find_app(tx, app_id)
        client = await find_client(tx, str(app_id))
    if client is None or row is None:
        raise _refused()
    settings = {member: getattr(app, column) for member, column in _SETTINGS.items()}
    about = terms.about | {member: value for member, value in settings.items() if value}
    needs_secret = client.row.auth_method in ("client_secret_basic", "client_secret_post", None)
    secret = services.sealer.open(app.secret, SECRET_PLACE) if needs_secret else None
    return Registered(client, replace(terms, about=about), app.login_uri, row.registered_at, secret, token)


def _refused() -> CommandError:
    return CommandError(Problem.UNAUTHENTICATED, "The registration access token is not one of this client.")


async def _check(tx: Tx, app_id: int, token: str) -> None:
    """Raises UNAUTHENTICATED, for a client that does not exist just as for a wrong token (RFC 7592 §2.1)."""
    row = await client_terms.find_terms(tx, app_id)
    app = await client_terms.lock_app(tx, app_id)
    known = b"" if row is None or app is None or app.disabled_at is not None else bytes(row.registration_hash or b"")
    if not token.startswith(PREFIX) or not same(known.hex(), hash_secret(token).hex()):
        raise _refused()


def registration_address(services: Services, app_id: int) -> str:
    """Where a client manages its registration (RFC 7592 §2)."""
    return f"{services.base_url}/oauth/register/{app_id}"


async def read_registration(services: Services, app_id: int, token: str) -> Registered:
    """What a client registered. Raises UNAUTHENTICATED."""
    await in_transaction(services, lambda tx: _check(tx, app_id, token))
    return await _read(services, app_id)


async def change_registration(
    services: Services, app_id: int, token: str, new: Registration, now: datetime
) -> Registered:
    """Replace what a client registered, as a whole (RFC 7592 §2.2). Raises UNAUTHENTICATED."""
    uris = json.dumps(new.redirect_uris)
    values = {"name": new.name, "redirect_uris": uris, "login_uri": new.login_uri}

    async def work(tx: Tx) -> None:
        await _check(tx, app_id, token)
        await client_terms.set_app(tx, app_id, values)
        await _save(tx, app_id, new, now)
        entry = Audit("client.change", app_id, None, None, {"auth_method": new.auth_method})
        await write_audit(tx, (entry,), None, services.entropy.new_id, now)

    await in_transaction(services, work)
    return await _read(services, app_id)


async def end_registration(services: Services, app_id: int, token: str, now: datetime) -> None:
    """The client is switched off: its tokens, secrets and this token are dead (RFC 7592 §2.3). Raises UNAUTHENTICATED."""

    async def work(tx: Tx) -> None:
        await _check(tx, app_id, token)
        await client_terms.set_app(tx, app_id, {"disabled_at": now})
        await client_terms.set_terms(tx, app_id, {"registration_hash": None}, True)
        entry = Audit("client.end", app_id, None, None, {})
        await write_audit(tx, (entry,), None, services.entropy.new_id, now)

    await in_transaction(services, work)
