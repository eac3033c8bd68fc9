"""Test users of an app: real accounts to rehearse logins with, which reach nothing of anybody's business (``wire.md`` §6.7)."""

from dataclasses import dataclass
from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import apps, records, sessions
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind

from .errors import conflict, not_found
from .grant import Consent, record_consent, remove_app, scoped_id
from .portfolio import add_person
from .registration import check_name
from .services import Services
from .token import issue_user_token
from .transaction import in_transaction

MOST = 10
DOMAIN = "testuser.invalid"
"""Addresses of test users lie in a domain that does not exist (RFC 2606), so that no mail ever reaches anybody."""


@dataclass(frozen=True, slots=True)
class TestUser:
    """One test user. ``id``: app-scoped. ``password`` and ``token`` are known when it is made, and never again; ``token`` is
    None where the app was not installed."""

    __test__ = False

    id: int
    name: str
    email: str
    password: str
    token: str | None


async def add_test_user(
    services: Services, app_id: int, name: str | None, installed: bool, scopes: tuple[str, ...], now: datetime
) -> TestUser:
    """A test user, with the app installed and ``scopes`` granted where ``installed``; ten at most for an app.

    Raises CommandError: NOT_FOUND app, CONFLICT for the eleventh, INVALID name or scope.
    """
    password = services.entropy.text(16)
    hashed = await services.passwords.hash(password)
    shown = check_name(name) if name else f"Test User {services.entropy.text(4).upper()}"

    async def work(tx: Tx) -> TestUser:
        if await apps.lock_app(tx, app_id) is None:
            raise not_found("app")
        if len(await apps.list_test_users(tx, app_id)) >= MOST:
            raise conflict(f"This app has {MOST} test users already.", "to delete one first")
        email = f"{services.entropy.text(16).lower()}@{DOMAIN}"
        account_id = await add_person(tx, services, AccountKind.PERSONAL, shown, email, hashed, now)
        await apps.add_test_user(tx, app_id, account_id, now)
        token = None
        if installed:
            granted = await record_consent(tx, services, Consent(account_id, app_id, scopes), now)
            issued = await issue_user_token(tx, services, granted, now, lifetime=services.policy.long_token)
            token = issued.text
        entry = Audit("app.test_user", app_id, None, None, {"account": account_id})
        await write_audit(tx, (entry,), None, services.entropy.new_id, now)
        return TestUser(await scoped_id(tx, services, app_id, account_id), shown, email, password, token)

    return await in_transaction(services, work)


async def delete_test_user(tx: Tx, services: Services, app_id: int, user_id: int, now: datetime) -> None:
    """Delete one of an app's test users, by the app-scoped id: it cannot sign in, and its tokens are dead. Raises NOT_FOUND,
    the same for people who are no test users of this app."""
    row = await records.find_by_scoped_id(tx, user_id)
    known = {one.account_id for one in await apps.list_test_users(tx, app_id)}
    if row is None or row.app_id != app_id or row.account_id not in known:
        raise not_found("test user of this app")
    await remove_app(tx, services, row.account_id, app_id, now)
    await sessions.drop_everywhere(tx, row.account_id, None)
    await records.delete_account(tx, row.account_id, now)
    entry = Audit("app.test_user_end", app_id, None, None, {"account": row.account_id})
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)
