"""Starting and steering a migration (M1, M3, M7, M10-M12). The plans are ``lifecycle.migration``'s."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workbadge.keys import hash_secret
from workbadge.lifecycle import migration as plans
from workbadge.lifecycle.changes import Audit, MembershipState, Plan, Refusal, refuse
from workbadge.lifecycle.migration import PersonRecord
from workbadge.store import migrations, records, rights
from workbadge.store.apply import apply_plan, write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import address_key
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind, EndCause, NodeKind, PersonState

from .coverage import count_coverage, reconnected_apps
from .domains import list_good
from .errors import conflict, invalid, not_found
from .invitation import Invitations, InvitedPerson
from .organization import follow_claim
from .refusals import check_plan
from .services import Services
from .transaction import in_transaction


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to invite. ``deadline`` None: the migration's."""

    personal_id: int
    work_email: str
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A migration that was started."""

    migration_id: int
    people: tuple[InvitedPerson, ...]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A member with a personal account, and the work address proposed for the managed one."""

    personal_id: int
    name: str
    personal_email: str
    work_email: str
    role: str
    invited: bool


@dataclass(frozen=True, slots=True)
class PersonView:
    """One person of a migration as it stands."""

    person_id: int
    personal_id: int
    name: str
    personal_email: str
    work_email: str
    state: PersonState
    deadline: datetime | None
    claimed_at: datetime | None
    cut_off: datetime | None
    managed_id: int | None
    apps_at_risk: int
    apps_covered: int


@dataclass(frozen=True, slots=True)
class MigrationView:
    """A migration as it stands."""

    id: int
    business_id: int
    business_name: str
    started_at: datetime
    deadline: datetime | None
    people: tuple[PersonView, ...]

    def count(self, state: PersonState) -> int:
        """How many people are in a state."""
        return sum(1 for person in self.people if person.state is state)


@dataclass(frozen=True, slots=True)
class RolledBack:
    """After a rollback: apps that had already been reconnected with the managed account."""

    reconnected_apps: tuple[int, ...]


async def propose_people(tx: Tx, business_id: int, now: datetime) -> list[Proposed]:
    """Members with personal accounts, by name, each with a proposed work address (their local part, a verified domain)."""
    business = await records.find_business(tx, business_id)
    if business is None:
        raise not_found("business")
    verified = [] if business.organization_id is None else await list_good(tx, business.organization_id, now)
    members = [one for one in await rights.list_members(tx, business_id) if one.is_open(now) and not one.handed_over]
    accounts = await records.list_accounts(tx, [one.account_id for one in members])
    invited = await migrations.list_invited_memberships(tx, business_id)
    taken: set[str] = set()
    proposed: list[Proposed] = []
    for member in members:
        account = accounts[member.account_id]
        if account.kind == AccountKind.PERSONAL.value:
            work = _propose_address(account.email, verified, taken)
            proposed.append(
                Proposed(
                    member.account_id,
                    account.name,
                    account.email,
                    work,
                    member.role.value,
                    member.id in invited,
                )
            )
    return sorted(proposed, key=lambda one: (one.name, one.personal_id))


def _propose_address(email: str, verified: list[str], taken: set[str]) -> str:
    """The own address where it lies in a verified domain, else the local part in the first one, numbered where two
    people have the same; empty without a verified domain."""
    local, _, domain = email.rpartition("@")
    if not verified:
        return ""
    home = domain if domain in verified else verified[0]
    work, number = f"{local}@{home}", 1
    while address_key(work) in taken:
        number += 1
        work = f"{local}{number}@{home}"
    taken.add(address_key(work))
    return work


async def start_migration(
    services: Services,
    business_id: int,
    people: list[NewPerson],
    actor_id: int | None,
    now: datetime,
    deadline: datetime | None = None,
) -> Started:
    """Start a migration and invite (M1, M3). All or nothing: whoever cannot be invited is named, and nothing is written.

    The claim link's secret is made when its mail is written (``due``), so that only the mail ever has it; sending the mail
    again makes a new link, and the old one is dead.

    Raises CommandError: NOT_FOUND business or person, INVALID address, CONFLICT (no organization, invited already, address
    taken, deadline in the past).
    """
    if not people:
        raise invalid("people", "Nobody was chosen.", "at least one member")

    async def work(tx: Tx) -> Started:
        business = await records.find_business(tx, business_id)
        if business is None:
            raise not_found("business")
        if business.organization_id is None:
            raise conflict(
                "This business belongs to no organization.",
                "a business of an organization",
            )
        migration_id = services.entropy.new_id(NodeKind.RECORD)
        organization_id = business.organization_id
        await migrations.add_migration(tx, migration_id, business_id, organization_id, actor_id, deadline, now)
        invitations = await Invitations.load(tx, services, organization_id, now)
        for new in people:
            record = PersonRecord(
                id=services.entropy.new_id(NodeKind.RECORD),
                migration_id=migration_id,
                business_id=business_id,
                organization_id=organization_id,
                personal_id=new.personal_id,
                work_email=new.work_email,
                deadline=new.deadline or deadline,
                invited=now,
                link_expires=now + services.policy.claim_link,
            )
            await invitations.invite(record, actor_id)
        return Started(migration_id, invitations.finish())

    return await in_transaction(services, work)


async def load_migration(tx: Tx, migration_id: int, now: datetime) -> MigrationView:
    """A migration with its people, by name. Raises NOT_FOUND."""
    row = await migrations.find_migration(tx, migration_id)
    if row is None:
        raise not_found("migration")
    business = await records.find_business(tx, row.business_id)
    covered = await count_coverage(tx, row.business_id, now)
    return await _view(tx, row, business.name if business else "", covered, now)


async def _view(
    tx: Tx,
    row: Any,
    business_name: str,
    covered: dict[int, tuple[int, int]],
    now: datetime,
) -> MigrationView:
    """The view of one migration; ``covered`` as ``count_coverage`` gives it."""
    people = await migrations.list_people(tx, row.id)
    return MigrationView(
        row.id,
        row.business_id,
        business_name,
        row.started_at,
        row.deadline,
        tuple(person_view(person, covered.get(person.personal_id, (0, 0)), now) for person in people),
    )


def person_view(person: Any, covered: tuple[int, int], now: datetime) -> PersonView:
    """The view of a row of ``store.migrations.list_people``; ``covered``: connections, reconnected ones."""
    record = migrations.as_record(person)
    ends = person.ends if person.claimed_at is not None and person.end_cause in ("grace", "removed", "leaver") else None
    at_risk, done = covered
    return PersonView(
        person.id,
        person.personal_id,
        person.name,
        person.email,
        person.work_email,
        plans.state_of(record, _membership(person), now),
        person.deadline,
        person.claimed_at,
        ends if person.rolled_back_at is None else None,
        person.managed_id,
        at_risk,
        done,
    )


def _membership(person: object) -> MembershipState:
    """As much of the personal membership as a person's state depends on."""
    return rights.interval_state(person)


async def _locked(
    tx: Tx, migration_id: int, personal_id: int
) -> tuple[PersonRecord, MembershipState, MembershipState | None]:
    """A person with both memberships, all locked. Raises NOT_FOUND."""
    row = await migrations.find_person_of(tx, migration_id, personal_id, lock=True)
    if row is None:
        raise not_found("person in this migration")
    personal = await rights.find_membership(tx, row.personal_membership_id, lock=True)
    assert personal is not None
    managed = None
    if row.managed_membership_id is not None:
        managed = await rights.find_membership(tx, row.managed_membership_id, lock=True)
    return migrations.as_record(row), personal, managed


async def _business_of(tx: Tx, migration_id: int) -> int:
    """The business that a migration is of. Raises NOT_FOUND."""
    row = await migrations.find_migration(tx, migration_id)
    if row is None:
        raise not_found("migration")
    return int(row.business_id)


async def _steer(
    services: Services,
    migration_id: int,
    personal_id: int,
    make_plan: Callable[[PersonRecord, MembershipState, MembershipState | None], Plan],
    actor_id: int | None,
    now: datetime,
) -> None:
    """Plan for one person on locked rows and write it; raises CommandError where the plan refuses."""

    async def work(tx: Tx) -> Plan:
        plan = make_plan(*await _locked(tx, migration_id, personal_id))
        await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
        return plan

    check_plan(await in_transaction(services, work))


async def extend_grace(
    services: Services,
    migration_id: int,
    personal_id: int,
    to: datetime,
    actor_id: int | None,
    now: datetime,
) -> None:
    """A later cut-off for one person (M11). Raises CommandError."""
    limit = services.policy.extension_limit
    await _steer(
        services,
        migration_id,
        personal_id,
        lambda person, personal, _: plans.plan_extension(person, personal, to, limit, now),
        actor_id,
        now,
    )


async def roll_back(
    services: Services,
    migration_id: int,
    personal_id: int,
    actor_id: int | None,
    now: datetime,
) -> RolledBack:
    """Back to the state before the claim (M12). Raises CommandError."""

    async def work(tx: Tx) -> tuple[Plan, list[int]]:
        business_id = await _business_of(tx, migration_id)
        await rights.lock_admins(tx, business_id)
        person, personal, managed = await _locked(tx, migration_id, personal_id)
        if managed is None:
            return refuse(Refusal.NOT_CLAIMED), []
        others = await rights.count_other_admins(tx, business_id, managed.id, now)
        apps = await reconnected_apps(tx, managed.account_id, person.business_id)
        plan = plans.plan_rollback(person, personal, managed, others, now)
        await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
        if plan.refusal is None:
            given = (person.organization_id, managed.account_id, personal_id, actor_id)
            await follow_claim(tx, services, *given, now)
        return plan, apps

    plan, apps = await in_transaction(services, work)
    check_plan(plan)
    return RolledBack(tuple(apps))


async def set_deadline(
    services: Services,
    migration_id: int,
    personal_id: int,
    deadline: datetime | None,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Move or lift somebody's deadline (M1); the last admin stays until the claim (I9). Raises CommandError."""

    async def work(tx: Tx) -> Plan:
        await rights.lock_admins(tx, await _business_of(tx, migration_id))
        person, personal, _ = await _locked(tx, migration_id, personal_id)
        others = await rights.count_other_admins(tx, person.business_id, personal.id, now)
        plan = plans.plan_deadline(person, personal, deadline, others, now)
        await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
        return plan

    check_plan(await in_transaction(services, work))


async def exclude_person(
    services: Services,
    migration_id: int,
    personal_id: int,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Take somebody out who has not claimed. Raises CommandError."""
    await _steer(
        services,
        migration_id,
        personal_id,
        lambda person, personal, _: plans.plan_exclude(person, personal, now),
        actor_id,
        now,
    )


async def resend_invitation(
    services: Services,
    migration_id: int,
    personal_id: int,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Send the invitation again with a fresh link; the old link is dead at once. Raises CommandError."""

    async def work(tx: Tx) -> Plan:
        person, personal, _ = await _locked(tx, migration_id, personal_id)
        if personal.cause in (EndCause.REMOVED, EndCause.LEAVER):
            return refuse(Refusal.NOT_A_MEMBER)
        plan = plans.plan_resend(person, now)
        if plan.refusal is None:
            nobody_knows = hash_secret(services.entropy.bytes(32).hex())
            await migrations.replace_link(tx, person.id, nobody_knows, now)
        await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
        return plan

    check_plan(await in_transaction(services, work))


async def set_grace(
    services: Services,
    organization_id: int,
    grace: timedelta | None,
    actor_id: int | None,
    now: datetime,
) -> None:
    """An organization's own grace for claims from now on; None: the platform's (M7). Raises NOT_FOUND, INVALID."""
    longest = services.policy.extension_limit
    if grace is not None and not timedelta(0) < grace <= longest:
        raise invalid(
            "grace",
            "This grace cannot be set.",
            f"more than nothing, {longest // DAY} days at most",
        )

    async def work(tx: Tx) -> None:
        if await records.find_organization(tx, organization_id) is None:
            raise not_found("organization")
        seconds = None if grace is None else int(grace.total_seconds())
        await records.set_grace_seconds(tx, organization_id, seconds)
        entry = Audit(
            "organization.grace",
            organization_id,
            None,
            organization_id,
            {"seconds": seconds},
        )
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)

    await in_transaction(services, work)


async def load_grace(tx: Tx, services: Services, business_id: int) -> timedelta:
    """The grace that a claim in a business would have now (M7). Raises NOT_FOUND."""
    business = await records.find_business(tx, business_id)
    if business is None:
        raise not_found("business")
    organization = None
    if business.organization_id is not None:
        organization = await records.find_organization(tx, business.organization_id)
    return grace_of(organization, services)


def grace_of(organization: object, services: Services) -> timedelta:
    """The grace of an organization: its own, else the platform's (M7)."""
    own = getattr(organization, "grace_seconds", None)
    return services.policy.grace if own is None else timedelta(seconds=own)
