"""Second factors: authenticator apps and recovery codes, enrolled, proven, removed (O6; RFC 6238)."""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyotp

from workbadge.keys import hash_secret
from workbadge.lifecycle.changes import Audit
from workbadge.store import factors, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import NodeKind
from workbadge.terms.methods import FactorKind, Method

from .errors import CommandError, Problem, conflict, invalid, not_found
from .limits import Throttle
from .services import Services
from .transaction import in_transaction

STEP_SECONDS = 30
CODES = 10
MOST = 10
"""Factors of one account."""

_PLACE = "factor.secret"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 4
_SIX_DIGITS = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An authenticator app to be set up. ``key``: what it is given, in base 32; ``uri``: the same for a QR code."""

    key: str
    uri: str

    @property
    def spaced(self) -> str:
        """The key in groups of four, to be typed."""
        return " ".join(self.key[at : at + 4] for at in range(0, len(self.key), 4))


def _wrong() -> CommandError:
    """The same for wrong, old, used and unknown codes (AC-43)."""
    return CommandError(
        Problem.UNAUTHENTICATED,
        "This code is wrong, or it was used already.",
        "the six digits that your app shows now, or an unused recovery code",
        "code",
    )


async def load_active(tx: Tx, account_id: int) -> Any:
    """The account, if it may sign in. Raises NOT_FOUND."""
    account = await records.find_account(tx, account_id)
    if account is None or account.suspended_at is not None or account.deleted_at is not None:
        raise not_found("account")
    return account


async def note(tx: Tx, services: Services, account: Any, act: str, now: datetime, **detail: Any) -> None:
    """The audit entry of an account's own act (I11)."""
    entry = Audit(act, account.id, None, account.organization_id, detail)
    await write_audit(tx, (entry,), account.id, services.entropy.new_id, now)


def make_key(services: Services) -> str:
    """A fresh key of an authenticator app: 160 bits (RFC 4226 §4)."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "".join(letters[services.entropy.below(32)] for _ in range(32))


def enrolment_of(services: Services, key: str, email: str) -> Enrolment:
    """What an authenticator app is shown for a key."""
    host = services.base_url.partition("://")[2]
    return Enrolment(key, pyotp.TOTP(key).provisioning_uri(name=email, issuer_name=f"Workbadge {host}"))


def matching_step(key: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is: the present one, or the one before or after it (AC-41). None: a wrong code."""
    if not _SIX_DIGITS.fullmatch(code):
        return None
    present, generator = int(now.timestamp()) // STEP_SECONDS, pyotp.TOTP(key)
    for step in (present, present - 1, present + 1):
        if hmac.compare_digest(generator.generate_otp(step), code):
            return step
    return None


async def add_totp(
    services: Services, account_id: int, key: str, code: str, name: str, now: datetime, only_first: bool = False
) -> tuple[str, ...]:
    """Enrol an authenticator app that proves with ``code`` that it has ``key``. The first factor of an account brings its
    recovery codes: they are returned, and stored as hashes alone. ``only_first``: not beside another factor. Raises UNAUTHENTICATED, INVALID, CONFLICT, NOT_FOUND."""
    name = check_factor_name(name or "Authenticator app")
    step = matching_step(key, code.strip(" "), now)
    if step is None:
        raise CommandError(
            Problem.UNAUTHENTICATED,
            "This is not the code of the key above.",
            "the six digits that the app shows now, on a device whose clock is right",
            "code",
        )

    async def work(tx: Tx) -> tuple[str, ...]:
        account = await load_active(tx, account_id)
        held = await check_room(tx, account_id)
        if held and only_first:
            raise conflict("There is a second factor already.", "to sign in with it")
        factor_id = services.entropy.new_id(NodeKind.RECORD)
        sealed = services.sealer.seal(key, _PLACE)
        await factors.add_totp(tx, factor_id, account_id, name, sealed, step, now)
        await note(tx, services, account, "account.factor_added", now, kind=FactorKind.TOTP.value)
        return () if held else await fresh_codes(tx, services, account_id)

    return await in_transaction(services, work)


def check_factor_name(name: str) -> str:
    """A name for a factor. Raises INVALID."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise invalid("name", "This name cannot be used.", "1 to 60 letters")
    return name


async def check_room(tx: Tx, account_id: int) -> int:
    """How many factors there are. Raises CONFLICT when there can be no more."""
    held = len(await factors.list_factors(tx, account_id))
    if held >= MOST:
        raise conflict(f"There are {held} second factors already.", "to remove one of them first")
    return held


async def fresh_codes(tx: Tx, services: Services, account_id: int) -> tuple[str, ...]:
    """New recovery codes, 79 bits each; all older ones are dead (AC-47)."""
    codes = tuple(_code(services) for _ in range(CODES))
    await factors.set_recovery_codes(tx, account_id, [_code_hash(account_id, one) for one in codes])
    return codes


def _code(services: Services) -> str:
    below = services.entropy.below
    groups = ("".join(_LETTERS[below(len(_LETTERS))] for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _code_hash(account_id: int, code: str) -> bytes:
    plain = "".join(one for one in code.lower() if one.isalnum())
    return hash_secret(f"recovery {account_id} {plain}")


async def list_protected(services: Services, account_ids: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the accounts that have a second factor, in the order given."""
    async with services.store.read() as tx:
        found = await factors.list_protected(tx, account_ids)
    return tuple(one for one in account_ids if one in found)


async def check_since(services: Services, account_id: int, since: datetime) -> None:
    """Raises CONFLICT when the account's password was changed after ``since``, or it may not sign in: its first step is
    worth nothing any more (AC-44)."""
    async with services.store.read() as tx:
        account = await records.find_account(tx, account_id)
    active = account is not None and account.suspended_at is None and account.deleted_at is None
    if account is None or not active or (account.password_changed_at or since) > since:
        raise conflict("This sign-in has ended.", "to sign in again")


async def prove_code(services: Services, account_id: int, code: str, client: str, now: datetime) -> Method:
    """Which second step ``code`` is for an account whose password was proven: six digits of an authenticator app, or a
    recovery code; it is used up. Guessing is slowed down per account and kind of code, from whatever address and
    session, so that the other kind still works (AC-42). Raises UNAUTHENTICATED, TOO_MANY, NOT_FOUND."""
    code = code.strip(" ")[:64]
    digits = code.isascii() and code.isdecimal()
    throttle = Throttle(services, f"{'totp' if digits else 'recovery'}:{account_id}", client)
    await throttle.check(now)

    async def work(tx: Tx) -> bool:
        account = await load_active(tx, account_id)
        if not digits:
            return await _use_recovery(tx, services, account, code, now)
        return await _use_totp(tx, services, account_id, code, now)

    if not await in_transaction(services, work):
        await throttle.failed(now)
        raise _wrong()
    await throttle.succeeded()
    return Method.PASSWORD_TOTP if digits else Method.PASSWORD_RECOVERY


async def _use_totp(tx: Tx, services: Services, account_id: int, code: str, now: datetime) -> bool:
    for one in await factors.list_factors(tx, account_id):
        if one.kind != FactorKind.TOTP:
            continue
        step = matching_step(services.sealer.open(bytes(one.secret), _PLACE), code, now)
        if step is not None and await factors.use_step(tx, one.id, step, now):
            return True
    return False


async def _use_recovery(tx: Tx, services: Services, account: Any, code: str, now: datetime) -> bool:
    if not await factors.use_recovery_code(tx, account.id, _code_hash(account.id, code), now):
        return False
    left = await factors.count_recovery_codes(tx, account.id)
    await note(tx, services, account, "account.recovery_used", now, left=left)
    return True


async def renew_codes(services: Services, account_id: int, now: datetime) -> tuple[str, ...]:
    """New recovery codes; the old ones are dead (AC-47). Raises CONFLICT without a second factor, NOT_FOUND."""

    async def work(tx: Tx) -> tuple[str, ...]:
        account = await load_active(tx, account_id)
        if not await factors.list_factors(tx, account_id):
            raise conflict("There is no second factor that codes could stand in for.", "to add one first")
        await note(tx, services, account, "account.recovery_renewed", now)
        return await fresh_codes(tx, services, account_id)

    return await in_transaction(services, work)


async def remove_factor(services: Services, account_id: int, factor_id: int, now: datetime) -> None:
    """Remove a factor; with the last one the recovery codes go. Raises NOT_FOUND."""

    async def work(tx: Tx) -> None:
        account = await load_active(tx, account_id)
        if not await factors.drop_factor(tx, account_id, factor_id):
            raise not_found("second factor")
        if not await factors.list_factors(tx, account_id):
            await factors.set_recovery_codes(tx, account_id, ())
        await note(tx, services, account, "account.factor_removed", now)

    await in_transaction(services, work)
