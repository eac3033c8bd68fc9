"""Passwords of accounts: proving one, changing one."""

from dataclasses import dataclass
from datetime import datetime

from workbadge.keys import PasswordError
from workbadge.lifecycle.changes import Audit
from workbadge.store import grants, records, sessions
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import address_key, domain_of, parse_address
from workbadge.terms.kinds import AccountKind
from workbadge.terms.reasons import Reason

from .connections import find_route, sso_needed, takes_no_password
from .errors import CommandError, Problem, invalid, not_found
from .limits import Throttle
from .logout import end_every_login
from .services import Services
from .transaction import in_transaction


def _wrong() -> CommandError:
    """The same for a wrong password, an unknown address and an account that may not sign in (OA-58)."""
    return CommandError(
        Problem.UNAUTHENTICATED, "E-mail or password is wrong.", "the address and its password", "password"
    )


@dataclass(frozen=True, slots=True)
class Proven:
    """The accounts whose address and password were given: one, or the work and the personal one when both have the same
    address and the same password; the work account comes first."""

    ids: tuple[int, ...]


async def prove_password(services: Services, email: str, password: str, client: str, now: datetime) -> Proven:
    """Whose address and password these are. A work and a personal account may share an address (A1): the password tells
    them apart. It takes as long and answers the same for known and unknown addresses (OA-58).

    ``client``: the network address that asks, for throttling. Raises CommandError: UNAUTHENTICATED, TOO_MANY; FORBIDDEN for
    a domain whose work accounts sign in through their organization (O6), whatever the password.
    """
    try:
        address = parse_address(email.strip())
    except ValueError:
        address = ""
    throttle = Throttle(services, f"login:{address_key(address)}", client)
    await throttle.check(now)
    async with services.store.read() as tx:
        found = [
            await records.find_account_by_address(tx, kind, address or "-")
            for kind in (AccountKind.MANAGED, AccountKind.PERSONAL)
        ]
        route = await find_route(tx, domain_of(address), now) if address else None
        barred = [one is not None and await takes_no_password(tx, one, now) for one in found]
    proven: list[int] = []
    for account, sso_only in zip(found, barred, strict=True):
        usable = account is not None and account.suspended_at is None and account.deleted_at is None and not sso_only
        right = await services.passwords.verify(None if account is None else account.password_hash, password)
        if account is not None and usable and right:
            proven.append(account.id)
    if not proven:
        await throttle.failed(now)
        raise _wrong() if route is None or not route.required else sso_needed(route)
    await throttle.succeeded()
    return Proven(tuple(proven))


async def prove_password_again(services: Services, account_id: int, password: str, client: str, now: datetime) -> None:
    """The password of an account that is signed in, once more. Raises UNAUTHENTICATED, TOO_MANY."""
    throttle = Throttle(services, f"password:{account_id}", client)
    await throttle.check(now)
    async with services.store.read() as tx:
        account = await records.find_account(tx, account_id)
    usable = account is not None and account.suspended_at is None and account.deleted_at is None
    right = await services.passwords.verify(None if account is None else account.password_hash, password)
    if not usable or not right:
        await throttle.failed(now)
        raise CommandError(Problem.UNAUTHENTICATED, "The password is wrong.", "the present password", "password")
    await throttle.succeeded()


async def change_password(
    services: Services, account_id: int, present: str, new: str, keep: bytes | None, client: str, now: datetime
) -> None:
    """Change an account's password: its other sessions end, and every token of it is dead (``wire.md`` §3.12, 190/460).

    ``keep``: hash of the session that stays. Raises CommandError: NOT_FOUND, UNAUTHENTICATED for a wrong ``present``,
    TOO_MANY, INVALID for a password that cannot be used.
    """
    try:
        services.passwords.check_form(new)
    except PasswordError as error:
        raise invalid("new", "This password cannot be used.", str(error)) from error
    throttle = Throttle(services, f"password:{account_id}", client)
    await throttle.check(now)
    async with services.store.read() as tx:
        account = await records.find_account(tx, account_id)
    if account is None or account.suspended_at is not None or account.deleted_at is not None:
        raise not_found("account")
    if not await services.passwords.verify(account.password_hash, present):
        await throttle.failed(now)
        raise CommandError(Problem.UNAUTHENTICATED, "The present password is wrong.", "the present password", "present")
    await throttle.succeeded()
    hashed = await services.passwords.hash(new)

    async def work(tx: Tx) -> None:
        await records.set_password(tx, account_id, hashed, now)
        await end_every_login(tx, services, account_id, keep, now)
        await sessions.drop_everywhere(tx, account_id, keep)
        await grants.revoke_account(tx, account_id, Reason.PASSWORD_CHANGED, now)
        entry = Audit("account.password", account_id, None, None, {})
        await write_audit(tx, (entry,), account_id, services.entropy.new_id, now)

    await in_transaction(services, work)
