"""Work that has become due: taken in order, each row in a transaction of its own, each carried out once (B5, L5, S2).

A row is carried out as of its own instant, however late the worker comes. Nothing here ends anybody's access: that
is decided at each request from the timestamps (M9).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from workbadge.keys import hash_secret
from workbadge.lifecycle import migration as plans
from workbadge.lifecycle.changes import DueKind, MembershipState
from workbadge.store import coverage, migrations, records, rights
from workbadge.store import due as rows
from workbadge.store.apply import apply_plan
from workbadge.store.engine import StoreBusyError, StoreConflictError, Tx
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import EndCause

from . import mails
from .coverage import AppCoverage, list_connections
from .grant import scoped_id
from .migration import grace_of
from .outbox import MAIL, Outgoing, enqueue
from .services import Services
from .webhooks import MANAGED_META_ACCOUNT, Entry, notify

log = structlog.get_logger()
RETRY = timedelta(minutes=1)
"""First pause after a failed try; doubled each time."""

MOST_TRIES = 5
MOST_MET = 20
"""So often one run meets somebody else's writes before it leaves the rest to the next."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One thing that was carried out."""

    at: datetime
    kind: str
    subject: int


@dataclass(frozen=True, slots=True)
class _Case:
    """The person a row is about, with everything that texts need. ``at``: the row's instant."""

    tx: Tx
    services: Services
    at: datetime
    row: Any
    account: Any
    business: Any
    organization: Any
    personal: MembershipState

    @property
    def ends(self) -> datetime | None:
        """End of the old login in this business."""
        return self.personal.ends

    @property
    def in_grace(self) -> bool:
        """Claimed, not rolled back, and not ended by anything but the cut-off."""
        return self.personal.cause is EndCause.GRACE and self.row.rolled_back_at is None

    @property
    def invited(self) -> bool:
        """Not claimed yet, and still somebody to be migrated."""
        gone = (EndCause.REMOVED, EndCause.LEAVER)
        return self.row.claimed_at is None and self.row.excluded_at is None and self.personal.cause not in gone

    async def apps(self) -> list[AppCoverage]:
        """Affected apps of the person in this business as of ``at``."""
        found = await list_connections(
            self.tx,
            self.services.base_url,
            self.row.business_id,
            self.at,
            self.row.personal_id,
        )
        return [one.app for one in found]

    async def mail(self, kind: str, to: str, text: tuple[str, str]) -> None:
        """Put a mail into the outbox."""
        subject, body = text
        outgoing = Outgoing(MAIL, kind, to, subject, body, self.row.business_id, self.row.personal_id)
        await enqueue(self.tx, self.services, [outgoing], self.at)


async def run(services: Services, now: datetime, limit: int = 100_000) -> list[Ran]:
    """Carry out what is due by ``now``, earliest first, at most ``limit`` rows. Several workers share the work.

    A row that fails is rolled back, counted and tried again later; after five tries it is parked (FT-26).
    """
    done: list[Ran] = []
    met = 0
    while len(done) < limit:
        async with services.store.read() as tx:
            if not await rows.has_due(tx, now):
                return done
        row: Any = None
        try:
            async with services.store.write() as tx:
                row = await rows.take_due(tx, now)
                if row is None:
                    return done
                await _carry_out(tx, services, row)
                await rows.mark_done(tx, row.id, now)
        except StoreConflictError:
            met += 1
            if met > MOST_MET:
                raise
        except StoreBusyError:
            raise
        except Exception as error:
            if row is None:
                raise
            await _failed(services, row, error, now)
        else:
            done.append(Ran(row.at, row.kind, row.subject))
    return done


async def _failed(services: Services, row: Any, error: Exception, now: datetime) -> None:
    """Count a failed try, in a transaction of its own."""
    log.error("due_failed", due=row.id, kind=row.kind, exc_info=error)
    last = row.tries + 1 >= MOST_TRIES
    async with services.store.write() as tx:
        await rows.mark_due_failed(
            tx,
            row.id,
            f"{type(error).__name__}: {error}",
            None if last else now + RETRY * 2**row.tries,
            now if last else None,
        )


async def _carry_out(tx: Tx, services: Services, due: Any) -> None:
    person = await migrations.find_person(tx, due.subject)
    if person is None:
        return
    personal = await rights.find_membership(tx, person.personal_membership_id)
    account = await records.find_account(tx, person.personal_id)
    business = await records.find_business(tx, person.business_id)
    organization = await records.find_organization(tx, person.organization_id)
    assert personal is not None and account is not None and business is not None
    assert organization is not None
    case = _Case(tx, services, due.at, person, account, business, organization, personal)
    await _WORK[DueKind(due.kind)](case)


async def _invite(case: _Case) -> None:
    """The claim mail. The link's secret is made here, so that only the mail has it; an earlier link is dead (M3)."""
    if not case.invited:
        return
    secret = case.services.entropy.text(43)
    expires = case.at + case.services.policy.claim_link
    await migrations.replace_link(case.tx, case.row.id, hash_secret(secret), expires)
    link = f"{case.services.base_url}/console/claim/{secret}"
    text = mails.invitation(
        case.account.name,
        case.business.name,
        case.organization.name,
        case.row.work_email,
        link,
        case.row.deadline,
        grace_of(case.organization, case.services),
    )
    await case.mail("invitation", case.row.work_email, text)


async def _remind_claim(case: _Case) -> None:
    if case.invited and case.row.deadline is not None:
        text = mails.claim_reminder(case.account.name, case.business.name, case.row.deadline)
        await case.mail("claim_reminder", case.row.work_email, text)


async def _deadline(case: _Case) -> None:
    if not case.invited:
        return
    record = migrations.as_record(case.row)
    plan = plans.plan_missed_deadline(record, case.personal, case.at)
    if plan.refusal is None:
        await apply_plan(case.tx, plan, None, case.services.entropy.new_id, case.at)
        text = mails.deadline_missed(case.account.name, case.business.name)
        await case.mail("deadline_missed", case.row.work_email, text)


async def _announce(case: _Case) -> None:
    """The webhook of ``wire.md`` §1.6 to every app that holds the old login's grant on this business (L5).

    It shows the end that holds now, also one that came early (removed, left); after a rollback there is none.
    """
    rolled_back = case.row.rolled_back_at is not None
    await _webhooks(case, "migration_expire_time", None if rolled_back else case.ends)


async def _webhooks(case: _Case, kind: str, ends: datetime | None) -> None:
    for app in await coverage.apps_with_selections(case.tx, case.row.personal_id, case.row.business_id):
        user_id = str(await scoped_id(case.tx, case.services, app.id, case.row.personal_id))
        value: dict[str, str | None] = {
            "user_id": user_id,
            "migration_expire_time": None if ends is None else ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        entry = Entry(user_id, (("migration_expire_time", value),))
        business_id = case.row.business_id
        await notify(case.tx, case.services, app.id, MANAGED_META_ACCOUNT, entry, case.at, kind, business_id)


async def _claimed(case: _Case) -> None:
    apps = await case.apps()
    text = mails.claimed(
        case.account.name,
        case.business.name,
        case.ends if case.in_grace else None,
        apps,
    )
    await case.mail("claimed", case.row.work_email, text)


async def _remind_reconnect(case: _Case) -> None:
    """Only while something is missing (B5)."""
    apps = [app for app in await case.apps() if not app.covered]
    if not case.in_grace or case.ends is None or not apps:
        return
    days = -(-(case.ends - case.at) // DAY)
    text = mails.reconnect_reminder(case.account.name, case.business.name, case.ends, days, apps)
    await case.mail("reconnect_reminder", case.row.work_email, text)


async def _cut_off(case: _Case) -> None:
    if not case.in_grace or case.ends is None or case.ends > case.at:
        return
    apps = [app for app in await case.apps() if not app.covered]
    text = mails.cut_off_reached(case.account.name, case.business.name, apps)
    await case.mail("cut_off", case.row.work_email, text)
    await _webhooks(case, "cut_off", case.ends)


_WORK: dict[DueKind, Callable[[_Case], Awaitable[None]]] = {
    DueKind.INVITE: _invite,
    DueKind.REMIND_CLAIM: _remind_claim,
    DueKind.DEADLINE: _deadline,
    DueKind.ANNOUNCE: _announce,
    DueKind.CLAIMED: _claimed,
    DueKind.REMIND_RECONNECT: _remind_reconnect,
    DueKind.CUT_OFF: _cut_off,
}
