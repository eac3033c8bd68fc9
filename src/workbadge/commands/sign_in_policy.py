"""What an organization demands of the sign-ins of its managed accounts: a second factor, how long a session lasts (O6).

The grace in which a second factor may still be missing is counted once for each account, and never anew: neither by
switching the demand off and on, nor by removing a factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import factors, sign_in_policies
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.methods import Method, read_method
from workbadge.terms.organizations import OrganizationAct

from .errors import invalid
from .organization import demand
from .services import Services
from .transaction import in_transaction

LONGEST_GRACE = timedelta(days=90)
SHORTEST_SESSION = timedelta(minutes=15)
SHORTEST_IDLE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """``since``: from when a second factor is demanded; None: it is not. ``grace``: for how long after that, or after the account
    was opened, it may be missing. ``session``, ``idle``: at most; None: what the platform allows."""

    since: datetime | None = None
    grace: timedelta = timedelta(days=14)
    session: timedelta | None = None
    idle: timedelta | None = None

    def deadline(self, created_at: datetime, stored: datetime | None) -> datetime | None:
        """Until when an account may sign in without a second factor; None: for ever."""
        if self.since is None:
            return None
        return stored if stored is not None else max(self.since, created_at) + self.grace


def satisfies(method: str) -> bool:
    """Whether a sign-in of that method meets the demand for a second factor. An identity provider's own rules stand in for it."""
    known = read_method(method)
    return known is Method.SSO or (known is not None and known.strong)


class Step(StrEnum):
    """What a sign-in asks for after the password."""

    NONE = "none"
    PROVE = "prove"
    ENROL = "enrol"


def read_policy(row: Any) -> SignInPolicy:
    """The policy of a row that has its columns; the empty one for None."""
    if row is None or row.grace_seconds is None:
        return SignInPolicy()
    session = None if row.session_seconds is None else timedelta(seconds=row.session_seconds)
    idle = None if row.idle_seconds is None else timedelta(seconds=row.idle_seconds)
    return SignInPolicy(row.second_factor_since, timedelta(seconds=row.grace_seconds), session, idle)


async def load_policy(tx: Tx, organization_id: int) -> SignInPolicy:
    """An organization's policy; where none was set, the empty one."""
    return read_policy(await sign_in_policies.find_policy(tx, organization_id))


async def set_policy(
    services: Services, organization_id: int, actor_id: int, wanted: SignInPolicy, now: datetime
) -> None:
    """Set an organization's policy; it holds for the sessions that are open, too. A demand that stands
    keeps its beginning. Nobody is locked out by it: whoever lacks a
    second factor enrols one at the next sign-in (O7). Raises CommandError: NOT_FOUND, FORBIDDEN, INVALID."""
    _check(services, wanted)

    async def work(tx: Tx) -> None:
        await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_POLICY)
        row = await sign_in_policies.find_policy(tx, organization_id, lock=True)
        before = read_policy(row)
        lengths = {
            "grace_seconds": _seconds(wanted.grace),
            "session_seconds": _seconds(wanted.session),
            "idle_seconds": _seconds(wanted.idle),
        }
        since = None if wanted.since is None else before.since or wanted.since
        await sign_in_policies.put_policy(
            tx, organization_id, {"second_factor_since": since, **lengths}, row is not None
        )
        detail: dict[str, str | int | None] = {"second_factor": int(since is not None), **lengths}
        entry = Audit("organization.policy", organization_id, None, organization_id, detail)
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)

    await in_transaction(services, work)


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())


def _check(services: Services, wanted: SignInPolicy) -> None:
    """Raises INVALID."""
    limits: Mapping[str, tuple[timedelta | None, timedelta, timedelta, str]] = {
        "grace": (wanted.grace, timedelta(0), LONGEST_GRACE, "0 to 90 days"),
        "session": (
            wanted.session,
            SHORTEST_SESSION,
            services.policy.session,
            "15 minutes to what the platform allows",
        ),
        "idle": (wanted.idle, SHORTEST_IDLE, services.policy.session_idle, "5 minutes to what the platform allows"),
    }
    for field, (given, least, most, expected) in limits.items():
        if given is not None and not least <= given <= most:
            raise invalid(field, "This length cannot be used.", expected)


async def find_deadline(tx: Tx, account_id: int) -> datetime | None:
    """Until when an account may sign in without a second factor; None where none is demanded."""
    row = await sign_in_policies.find_demand(tx, account_id)
    return None if row is None else read_policy(row).deadline(row.created_at, row.deadline)


async def find_steps(services: Services, account_ids: tuple[int, ...], now: datetime) -> dict[int, Step]:
    """What each account is asked for after its password. Where its organization demands a second factor that is missing yet,
    the deadline is noted at the first sign-in."""

    async def work(tx: Tx) -> dict[int, Step]:
        held = await factors.list_protected(tx, account_ids)
        return {one: Step.PROVE if one in held else await _without(tx, one, now) for one in account_ids}

    return await in_transaction(services, work)


async def _without(tx: Tx, account_id: int, now: datetime) -> Step:
    row = await sign_in_policies.find_demand(tx, account_id)
    ends = None if row is None else read_policy(row).deadline(row.created_at, row.deadline)
    if row is None or ends is None:
        return Step.NONE
    if row.deadline is None:
        await sign_in_policies.add_deadline(tx, account_id, ends)
    return Step.NONE if now < ends else Step.ENROL
