"""The claim: both logins proven in one browser, then one transaction (M4, M5, M10, M18)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from workbadge.keys import PasswordError, hash_secret
from workbadge.lifecycle import migration as plans
from workbadge.lifecycle.changes import Audit, MembershipState, OpenMembership, Plan
from workbadge.lifecycle.migration import Claim
from workbadge.store import migrations, place_profiles, records, rights
from workbadge.store.apply import apply_plan, write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import domain_of
from workbadge.terms.ids import NodeId
from workbadge.terms.kinds import AccountKind, NodeKind, Role

from .connections import Route, find_route
from .coverage import Connection, list_connections
from .errors import CommandError, Problem, invalid, not_found
from .migration import grace_of
from .organization import follow_claim
from .refusals import check_plan
from .registration import check_name
from .services import Services
from .transaction import in_transaction


@dataclass(frozen=True, slots=True)
class MovingAsset:
    """An asset whose tasks move to the managed account."""

    id: int
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class ClaimView:
    """What a claim page shows before anything is confirmed. Reading it consumes nothing (AC-23). ``route``: the connection by
    which the work login is proven, where the organization has one for the address."""

    person_id: int
    migration_id: int
    business_id: int
    business_name: str
    organization_name: str
    personal_id: int
    personal_name: str
    personal_email: str
    work_email: str
    managed_id: int | None
    role: Role
    assets: tuple[MovingAsset, ...]
    sees_everything: bool
    connections: tuple[Connection, ...]
    deadline: datetime | None
    cut_off_if_now: datetime | None
    grace: timedelta
    link_expires: datetime
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """After a claim. ``cut_off``: end of the old login in this business."""

    managed_id: int
    membership_id: int
    business_id: int
    email: str
    cut_off: datetime | None
    password: str | None = None


NEUTRAL = "This claim link cannot be used (any more)."
NEUTRAL_EXPECTED = "an open invitation of one's own; an admin of the business can send a fresh one"


def _neutral() -> CommandError:
    """Used, expired, cancelled or foreign links all read alike (AC-22)."""
    return CommandError(Problem.NOT_FOUND, NEUTRAL, NEUTRAL_EXPECTED)


def _is_usable(row: Any, now: datetime) -> bool:
    """Whether a link's invitation is open: not used, not taken back, not expired (true before its end, false at it)."""
    return (
        row.claimed_at is None and row.rolled_back_at is None and row.excluded_at is None and now < row.link_expires_at
    )


async def open_claim(tx: Tx, services: Services, link: str, now: datetime) -> ClaimView:
    """What the link stands for. Raises NOT_FOUND, neutrally, for any link that cannot be used."""
    row = await migrations.find_person_by_link(tx, hash_secret(link))
    if row is None or not _is_usable(row, now):
        raise _neutral()
    personal = await rights.find_membership(tx, row.personal_membership_id)
    business = await records.find_business(tx, row.business_id)
    organization = await records.find_organization(tx, row.organization_id)
    account = await records.find_account(tx, row.personal_id)
    managed = await records.find_account_by_address(tx, AccountKind.MANAGED, row.work_email)
    assert personal is not None and business is not None and organization is not None and account is not None
    found = await records.list_assets(tx, sorted(personal.assignments))
    connections = await list_connections(
        tx, services.base_url, row.business_id, now, row.personal_id, claimed_only=False
    )
    return ClaimView(
        row.id,
        row.migration_id,
        row.business_id,
        business.name,
        organization.name,
        row.personal_id,
        account.name,
        account.email,
        row.work_email,
        None if managed is None else managed.id,
        personal.role,
        tuple(MovingAsset(one.id, one.name, one.kind) for one in found.values()),
        personal.role is Role.ADMIN,
        tuple(connections),
        row.deadline,
        now + grace_of(organization, services) if personal.is_open(now) else None,
        grace_of(organization, services),
        row.link_expires_at,
        await find_route(tx, domain_of(row.work_email), now),
    )


@dataclass(frozen=True, slots=True)
class ClaimProof:
    """What this browser proved. ``personal_id``: the personal account signed in. Either ``managed_id`` (the managed
    account signed in) or ``password`` for the managed account that is opened now."""

    personal_id: int
    managed_id: int | None = None
    password: str | None = None
    name: str | None = None


async def confirm_claim(services: Services, link: str, proof: ClaimProof, now: datetime) -> Claimed:
    """Take the managed account. Of two browsers that confirm at once exactly one wins (M18, AC-26).

    Raises CommandError: NOT_FOUND (link unusable, also for another person), UNAUTHENTICATED (a proof is missing).
    """
    hashed = None if proof.password is None else await _hash(services, proof.password)

    async def work(tx: Tx) -> Claimed | None:
        row = await migrations.find_person_by_link(tx, hash_secret(link), lock=True)
        if row is None or not _is_usable(row, now):
            return None
        if row.personal_id != proof.personal_id:
            await _note_stranger(tx, services, row, proof.personal_id, now)
            return None
        await _check_route(tx, row, proof, now)
        plan, claimed = await _claim(tx, services, row, proof, hashed, now)
        await _apply(tx, services, row, plan, claimed, now)
        return None if plan.refusal is not None else claimed

    done = await in_transaction(services, work)
    if done is None:
        raise _neutral()
    return done


async def _check_route(tx: Tx, row: Any, proof: ClaimProof, now: datetime) -> None:
    """Where the organization has a connection for the address, a password of one's own choice proves nothing (M4). Raises
    UNAUTHENTICATED."""
    route = await find_route(tx, domain_of(row.work_email), now)
    if route is not None and proof.managed_id is None:
        expected = f"to be signed in as {row.work_email} through {route.name}"
        raise CommandError(Problem.UNAUTHENTICATED, "The work login was not proven.", expected)


async def _hash(services: Services, password: str) -> str:
    """The hash of a password that was chosen just now. Raises INVALID."""
    try:
        return await services.passwords.hash(password)
    except PasswordError as error:
        raise invalid("password", "This password cannot be used.", str(error)) from None


async def _note_stranger(tx: Tx, services: Services, row: Any, account_id: int, now: datetime) -> None:
    """Somebody tried to claim what somebody else was invited to: an audit entry (AC-24)."""
    entry = Audit(
        "migration.claim_refused",
        row.personal_id,
        row.business_id,
        row.organization_id,
        {"person": row.id, "tried_by": account_id},
    )
    await write_audit(tx, (entry,), account_id, services.entropy.new_id, now)


async def _apply(tx: Tx, services: Services, row: Any, plan: Plan, claimed: Claimed, now: datetime) -> None:
    """Carry the plan out. A place that the claim opens is known for the same as the one it takes over; a role in the
    organization goes along."""
    await apply_plan(tx, plan, row.personal_id, services.entropy.new_id, now)
    if plan.refusal is None:
        given = (row.organization_id, row.personal_id, claimed.managed_id, row.personal_id)
        await follow_claim(tx, services, *given, now)
    if any(isinstance(one, OpenMembership) for one in plan.changes):
        await place_profiles.copy_profile(tx, row.personal_membership_id, claimed.membership_id)


async def _claim(
    tx: Tx,
    services: Services,
    row: Any,
    proof: ClaimProof,
    hashed: str | None,
    now: datetime,
) -> tuple[Plan, Claimed]:
    """The plan of one claim, on locked rows."""
    personal = await rights.find_membership(tx, row.personal_membership_id, lock=True)
    organization = await records.find_organization(tx, row.organization_id)
    account = await records.find_account(tx, row.personal_id)
    assert personal is not None and organization is not None and account is not None
    existing = await records.find_account_by_address(tx, AccountKind.MANAGED, row.work_email)
    managed_id = await _work_identity(services, row, existing, proof, hashed)
    managed: MembershipState | None = None
    if existing is not None:
        managed = await rights.find_member(tx, existing.id, row.business_id, now, lock=True)
    membership_id: NodeId = services.entropy.new_id(NodeKind.MEMBERSHIP)
    claim = Claim(
        proven_personal=proof.personal_id,
        proven_work=row.work_email,
        managed_id=managed_id,
        membership_id=membership_id,
        name=check_name(proof.name or account.name),
        password_hash=hashed if existing is None else None,
    )
    grace = grace_of(organization, services)
    plan = plans.plan_claim(migrations.as_record(row), personal, managed, claim, grace, now)
    cut_off = now + grace if personal.is_open(now) else personal.ends
    held = membership_id if managed is None else managed.id
    return plan, Claimed(managed_id, held, row.business_id, row.work_email, cut_off)


async def _work_identity(services: Services, row: Any, existing: Any, proof: ClaimProof, hashed: str | None) -> int:
    """The managed account whose proof was given. Raises UNAUTHENTICATED."""
    if existing is None:
        if hashed is None:
            raise CommandError(
                Problem.UNAUTHENTICATED,
                "The work login was not proven.",
                "a password for the new account",
            )
        return services.entropy.new_id(NodeKind.ACCOUNT)
    if proof.managed_id != existing.id or existing.suspended_at or existing.deleted_at:
        raise CommandError(
            Problem.UNAUTHENTICATED,
            "The work login was not proven.",
            f"to be signed in as {row.work_email}",
        )
    return int(existing.id)


async def claim_for(services: Services, migration_id: int, personal_id: int, now: datetime) -> Claimed:
    """The claim as a sandbox makes it: both proofs are given by the world itself; the same plan. Raises CommandError."""
    password = services.entropy.text(14)
    hashed = await services.passwords.hash(password)

    async def work(tx: Tx) -> tuple[Plan, Claimed, bool]:
        row = await migrations.find_person_of(tx, migration_id, personal_id, lock=True)
        if row is None:
            raise not_found("person in this migration")
        existing = await records.find_account_by_address(tx, AccountKind.MANAGED, row.work_email)
        managed_id = None if existing is None else existing.id
        proof = ClaimProof(personal_id, managed_id, password)
        plan, claimed = await _claim(tx, services, row, proof, hashed, now)
        await _apply(tx, services, row, plan, claimed, now)
        return plan, claimed, existing is None

    plan, claimed, fresh = await in_transaction(services, work)
    check_plan(plan)
    return replace(claimed, password=password if fresh else None)
