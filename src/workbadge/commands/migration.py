"""Starting and steering a migration (M1, M3, M7, M10-M12). The plans are ``lifecycle.migration``'s."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from workbadge.keys import hash_secret
from workbadge.lifecycle import migration as plans
from workbadge.lifecycle.changes import MembershipState, Plan, Refusal
from workbadge.lifecycle.migration import PersonRecord
from workbadge.store import migrations, records, rights
from workbadge.store.apply import apply_plan
from workbadge.store.engine import Tx
from workbadge.terms.addresses import address_key
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import AccountKind, NodeKind, PersonState

from .coverage import count_coverage, reconnected_apps
from .errors import CommandError, Problem, conflict, not_found
from .portfolio import check_address, check_work_address
from .services import Services


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to invite. ``deadline`` None: the migration's."""

    personal_id: int
    work_email: str
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class InvitedPerson:
    """An invitation; the claim link's secret itself only goes out by mail."""

    person_id: int
    personal_id: int


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


def check_plan(plan: Plan) -> None:
    """Raises CommandError for a plan that refuses."""
    if plan.refusal is not None:
        message, expected = _SAYS.get(
            plan.refusal, ("This cannot be done now.", "another state")
        )
        limit = f" ({to_wire(plan.limit)})" if plan.limit is not None else ""
        raise conflict(message + limit, expected, plan.refusal, plan.limit)


_SAYS: dict[Refusal, tuple[str, str]] = {
    Refusal.NOT_INVITED: ("This invitation is no longer open.", "an open invitation"),
    Refusal.LINK_EXPIRED: (
        "This claim link has expired.",
        "a fresh link: ask an admin to send the invitation again",
    ),
    Refusal.ALREADY_CLAIMED: (
        "The managed account was claimed already.",
        "somebody who has not claimed",
    ),
    Refusal.WRONG_PERSON: (
        "The logins do not belong to the invited person.",
        "the logins of the invited person",
    ),
    Refusal.NOT_A_MEMBER: (
        "The person is not a member of this business any more.",
        "an open membership",
    ),
    Refusal.NOT_CLAIMED: (
        "The person is not in grace.",
        "somebody who has claimed and was not rolled back",
    ),
    Refusal.AFTER_CUT_OFF: ("The cut-off is over.", "an instant before the cut-off"),
    Refusal.BEYOND_LIMIT: (
        "This is beyond the longest grace that the platform allows.",
        "an earlier instant",
    ),
    Refusal.NOT_LATER: (
        "A grace can only be made longer.",
        "an instant after the present cut-off",
    ),
    Refusal.IN_THE_PAST: ("The deadline lies in the past.", "a later instant"),
    Refusal.LAST_ADMIN: ("At least one admin must remain.", "another admin first"),
    Refusal.NOTHING_TO_DO: ("It is so already.", "a change"),
}


async def propose_people(tx: Tx, business_id: int, now: datetime) -> list[Proposed]:
    """Members with personal accounts, by name, each with a proposed work address (their local part, a verified domain)."""
    business = await records.find_business(tx, business_id)
    if business is None:
        raise not_found("business")
    domains = (
        []
        if business.organization_id is None
        else await records.list_domains(tx, business.organization_id)
    )
    verified = [row.name for row in domains if row.verified_at is not None]
    members = [
        one
        for one in await rights.list_members(tx, business_id)
        if one.is_open(now) and not one.handed_over
    ]
    accounts = await records.list_accounts(tx, [one.account_id for one in members])
    proposed: list[Proposed] = []
    for member in members:
        account = accounts[member.account_id]
        if account.kind != AccountKind.PERSONAL.value:
            continue
        local = account.email.rpartition("@")[0]
        own = account.email if account.email.rpartition("@")[2] in verified else None
        work = own or (f"{local}@{verified[0]}" if verified else "")
        invited = (
            await migrations.find_open_invitation(tx, business_id, member.account_id)
            is not None
        )
        proposed.append(
            Proposed(
                member.account_id,
                account.name,
                account.email,
                work,
                member.role.value,
                invited,
            )
        )
    return sorted(proposed, key=lambda one: (one.name, one.personal_id))


async def start_migration(
    services: Services,
    business_id: int,
    people: list[NewPerson],
    actor_id: int | None,
    now: datetime,
    deadline: datetime | None = None,
) -> Started:
    """Start a migration and invite (M1, M3). All or nothing: the first person that cannot be invited refuses all.

    Raises CommandError: NOT_FOUND business or person, INVALID address, CONFLICT (no organization, invited already, address
    taken, deadline in the past).
    """
    if not people:
        raise CommandError(
            Problem.INVALID, "Nobody was chosen.", "at least one member", "people"
        )
    migration_id = services.entropy.new_id(NodeKind.RECORD)
    invited: list[InvitedPerson] = []
    async with services.store.write() as tx:
        business = await records.find_business(tx, business_id)
        if business is None:
            raise not_found("business")
        if business.organization_id is None:
            raise conflict(
                "This business belongs to no organization.",
                "a business of an organization",
            )
        await migrations.add_migration(
            tx,
            migration_id,
            business_id,
            business.organization_id,
            actor_id,
            deadline,
            now,
        )
        for new in people:
            record = PersonRecord(
                id=services.entropy.new_id(NodeKind.RECORD),
                migration_id=migration_id,
                business_id=business_id,
                organization_id=business.organization_id,
                personal_id=new.personal_id,
                work_email=check_address(new.work_email, "work_email"),
                deadline=new.deadline or deadline,
                invited=now,
                link_expires=now + services.policy.claim_link,
            )
            await _invite(tx, services, record, actor_id, now)
            invited.append(InvitedPerson(record.id, record.personal_id))
    return Started(migration_id, tuple(invited))


async def _invite(
    tx: Tx,
    services: Services,
    record: PersonRecord,
    actor_id: int | None,
    now: datetime,
) -> None:
    """One invitation. The claim link is made when its mail is written (``due``), so that only the mail has it."""
    account = await records.find_account(tx, record.personal_id)
    personal = await rights.find_member(
        tx, record.personal_id, record.business_id, now, lock=True
    )
    if (
        account is None
        or account.kind != AccountKind.PERSONAL.value
        or personal is None
        or personal.handed_over
    ):
        raise CommandError(
            Problem.NOT_FOUND,
            f"{record.personal_id} is not a member with a personal login.",
            "such a member",
            "accounts",
        )
    await check_work_address(tx, record.work_email, record.organization_id)
    if (
        await migrations.find_open_invitation(
            tx, record.business_id, record.personal_id
        )
        is not None
    ):
        raise conflict(
            f"{account.name} was invited already.",
            "somebody who was not",
            Refusal.ALREADY_INVITED,
        )
    await _check_free(tx, record)
    completed = PersonRecord(
        **{
            **{name: getattr(record, name) for name in PersonRecord.__slots__},
            "prior_ends": personal.ends,
            "prior_cause": personal.cause,
        }
    )
    plan = plans.plan_invite(completed, personal, now)
    check_plan(plan)
    placeholder = hash_secret(services.entropy.bytes(32).hex())
    await migrations.add_person(tx, completed, personal.id, placeholder)
    await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)


async def _check_free(tx: Tx, record: PersonRecord) -> None:
    """Nobody else holds or is invited to that work address in this business (A1, M18)."""
    taken = await migrations.find_open_address(
        tx, record.business_id, record.work_email
    )
    if taken is not None and address_key(taken.work_email) == address_key(
        record.work_email
    ):
        raise conflict(
            f"{record.work_email} is taken by somebody else's invitation.",
            "an address of one's own",
        )
    managed = await records.find_account_by_address(
        tx, AccountKind.MANAGED, record.work_email
    )
    if managed is not None:
        links = await migrations.list_linked(tx, managed.id)
        if links and all(row.personal_id != record.personal_id for row in links):
            raise conflict(
                f"{record.work_email} is somebody else's managed account.",
                "an address of one's own",
            )


async def load_migration(tx: Tx, migration_id: int, now: datetime) -> MigrationView:
    """A migration with its people, by name. Raises NOT_FOUND."""
    row = await migrations.find_migration(tx, migration_id)
    if row is None:
        raise not_found("migration")
    business = await records.find_business(tx, row.business_id)
    people = await migrations.list_people(tx, migration_id)
    covered = await count_coverage(tx, row.business_id, now)
    views = []
    for person in people:
        record = migrations.as_record(person)
        ends = (
            person.ends
            if person.claimed_at is not None
            and person.end_cause in ("grace", "removed", "leaver")
            else None
        )
        at_risk, done = covered.get(person.personal_id, (0, 0))
        views.append(
            PersonView(
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
        )
    return MigrationView(
        row.id,
        row.business_id,
        business.name if business else "",
        row.started_at,
        row.deadline,
        tuple(views),
    )


def _membership(person: object) -> MembershipState:
    """As much of the personal membership as a person's state depends on."""
    return rights.interval_state(person)


async def list_migrations(
    tx: Tx, business_id: int, now: datetime
) -> list[MigrationView]:
    """Migrations of a business, newest first."""
    return [
        await load_migration(tx, row.id, now)
        for row in await migrations.list_migrations(tx, business_id)
    ]


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


async def _carry_out(
    tx: Tx, services: Services, plan: Plan, actor_id: int | None, now: datetime
) -> None:
    """Write what a plan says, also where it refuses; the caller raises afterwards, outside the transaction."""
    await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)


async def extend_grace(
    services: Services,
    migration_id: int,
    personal_id: int,
    to: datetime,
    actor_id: int | None,
    now: datetime,
) -> None:
    """A later cut-off for one person (M11). Raises CommandError."""
    async with services.store.write() as tx:
        person, personal, _ = await _locked(tx, migration_id, personal_id)
        plan = plans.plan_extension(
            person, personal, to, services.policy.extension_limit, now
        )
        await _carry_out(tx, services, plan, actor_id, now)
    check_plan(plan)


async def roll_back(
    services: Services,
    migration_id: int,
    personal_id: int,
    actor_id: int | None,
    now: datetime,
) -> RolledBack:
    """Back to the state before the claim (M12). Raises CommandError."""
    async with services.store.write() as tx:
        person, personal, managed = await _locked(tx, migration_id, personal_id)
        if managed is None:
            plan = plans.refuse(Refusal.NOT_CLAIMED)
            apps: list[int] = []
        else:
            apps = await reconnected_apps(tx, managed.account_id, person.business_id)
            plan = plans.plan_rollback(person, personal, managed, now)
        await _carry_out(tx, services, plan, actor_id, now)
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
    """Move or lift somebody's deadline (M1). Raises CommandError."""
    async with services.store.write() as tx:
        person, personal, _ = await _locked(tx, migration_id, personal_id)
        plan = plans.plan_deadline(person, personal, deadline, now)
        await _carry_out(tx, services, plan, actor_id, now)
    check_plan(plan)


async def exclude_person(
    services: Services,
    migration_id: int,
    personal_id: int,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Take somebody out who has not claimed. Raises CommandError."""
    async with services.store.write() as tx:
        person, personal, _ = await _locked(tx, migration_id, personal_id)
        plan = plans.plan_exclude(person, personal, now)
        await _carry_out(tx, services, plan, actor_id, now)
    check_plan(plan)


async def resend_invitation(
    services: Services,
    migration_id: int,
    personal_id: int,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Send the invitation again with a fresh link; the old link is dead. Raises CommandError."""
    async with services.store.write() as tx:
        person, _, _ = await _locked(tx, migration_id, personal_id)
        plan = plans.plan_resend(person, now)
        await _carry_out(tx, services, plan, actor_id, now)
    check_plan(plan)


def grace_of(organization: object, services: Services) -> timedelta:
    """The grace of an organization: its own, else the platform's (M7)."""
    own = getattr(organization, "grace_seconds", None)
    return services.policy.grace if own is None else timedelta(seconds=own)
