"""Building the portfolio: organizations, domains, businesses, people, assets, shares, apps, system users.

These commands are the platform's own (no actor is checked): the demo, the sandbox and the pages above decide who
may call them; pages go through ``authority`` first.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit, MembershipState, OpenMembership, Plan
from workbadge.lifecycle.membership import plan_assign
from workbadge.lifecycle.migration import plan_exclude
from workbadge.store import apps, migrations, place_profiles, records, rights
from workbadge.store.apply import apply_plan, write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import canonical_domain, domain_of, parse_address
from workbadge.terms.ids import NodeId
from workbadge.terms.kinds import ASSET_KINDS, AccountKind, NodeKind, Role, TokenKind
from workbadge.terms.tasks import TASKS_OF, Task

from .domains import gives_addresses
from .errors import conflict, invalid, not_found
from .grant import Consent, record_consent
from .registration import check_name
from .services import Services
from .sharing import tasks_held
from .token import Issued, issue_user_token


def check_address(text: str, field: str = "email") -> str:
    """An address as it is stored. Raises CommandError."""
    try:
        return parse_address(text.strip())
    except ValueError as error:
        raise invalid(field, str(error), "name@example.com") from error


async def add_organization(tx: Tx, services: Services, name: str, domain: str | None, now: datetime) -> NodeId:
    """An organization, with ``domain`` verified at once when given."""
    organization_id = services.entropy.new_id(NodeKind.ORGANIZATION)
    await records.add_organization(tx, organization_id, check_name(name), now)
    if domain is not None:
        await _add_domain(tx, organization_id, domain, now)
    return organization_id


async def add_verified_domain(tx: Tx, organization_id: int, domain: str, now: datetime) -> str:
    """A domain of an organization that counts as verified, as a world takes it; its canonical name. Raises CommandError."""
    if await records.find_organization(tx, organization_id) is None:
        raise not_found("organization")
    return await _add_domain(tx, organization_id, domain, now)


async def _add_domain(tx: Tx, organization_id: int, domain: str, now: datetime) -> str:
    try:
        canonical = canonical_domain(domain)
    except ValueError as error:
        raise invalid("domain", str(error), "example.com") from error
    if await records.find_domain(tx, canonical) is not None:
        raise conflict(
            f"{canonical} belongs to an organization already.",
            "a domain that is not taken",
        )
    await records.add_domain(tx, canonical, organization_id, now, now)
    return canonical


async def add_business(tx: Tx, services: Services, name: str, organization_id: int | None, now: datetime) -> NodeId:
    """A business, of an organization or of none."""
    if organization_id is not None and await records.find_organization(tx, organization_id) is None:
        raise not_found("organization")
    business_id = services.entropy.new_id(NodeKind.BUSINESS)
    await records.add_business(tx, business_id, check_name(name), organization_id, now)
    return business_id


async def add_person(
    tx: Tx,
    services: Services,
    kind: AccountKind,
    name: str,
    email: str,
    password_hash: str | None,
    now: datetime,
    organization_id: int | None = None,
) -> NodeId:
    """A personal or managed account. ``password_hash`` comes from ``Passwords.hash`` (hash before the transaction).

    A managed account's address must lie in a verified domain of its organization (A1).
    """
    address = check_address(email)
    if await records.find_account_by_address(tx, kind, address) is not None:
        raise conflict(
            f"{address} has a {kind.value} account already.",
            "an address without an account of that kind",
        )
    if kind is AccountKind.MANAGED:
        await check_work_address(tx, address, organization_id, now)
    account_id = services.entropy.new_id(NodeKind.ACCOUNT)
    await records.add_account(
        tx,
        account_id,
        kind,
        check_name(name),
        now,
        address,
        password_hash,
        organization_id=organization_id,
    )
    return account_id


async def check_work_address(tx: Tx, address: str, organization_id: int | None, now: datetime) -> None:
    """A work address lies in a verified or trusted domain of the organization, one that is good at ``now`` (A1, O1, O2). Raises
    CommandError."""
    if not await gives_addresses(tx, organization_id, domain_of(address), now):
        raise invalid(
            "work_email",
            f"{domain_of(address)} is not a verified or trusted domain of this organization, or it is suspended.",
            "an address in one of its verified domains",
        )


async def add_member(
    tx: Tx,
    services: Services,
    account_id: int,
    business_id: int,
    role: Role,
    assignments: dict[int, Task],
    actor_id: int | None,
    now: datetime,
) -> NodeId:
    """Put an account into a business. Raises CONFLICT when it is in already, and for test users of apps: they reach nothing
    of anybody's business (``wire.md`` §6.7).

    Invitations to hand over an earlier, ended place there are closed: whoever comes back is invited anew, and an old link
    cannot hand over a place that it was not made for (M5, M18).
    """
    if await apps.find_test_app(tx, account_id) is not None:
        raise conflict("A test user of an app cannot join a business.", "the account of a person")
    if await rights.find_member(tx, account_id, business_id, now, lock=True) is not None:
        raise conflict(
            "This account is in the business already.",
            "an account that is not a member",
        )
    for row in await migrations.list_open_invitations(tx, business_id, account_id):
        former = await rights.find_membership(tx, row.personal_membership_id, lock=True)
        if row.claimed_at is None and former is not None:
            closing = plan_exclude(migrations.as_record(row), former, now)
            await apply_plan(tx, closing, actor_id, services.entropy.new_id, now)
    membership_id = services.entropy.new_id(NodeKind.MEMBERSHIP)
    state = MembershipState(membership_id, account_id, business_id, role, now, assignments=assignments)
    audit = Audit("membership.add", account_id, business_id, None, {"role": role.value})
    plan = Plan(changes=(OpenMembership(state),), audit=(audit,))
    await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
    if actor_id is not None:
        await place_profiles.put_profile(tx, membership_id, {"created_by": actor_id})
    return membership_id


async def add_asset(
    tx: Tx,
    services: Services,
    kind: NodeKind,
    name: str,
    business_id: int | None,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> NodeId:
    """An asset of a business, or of none (then give somebody a direct role)."""
    if kind not in ASSET_KINDS:
        raise invalid(
            "type",
            f"{kind.value} is not a kind of asset.",
            ", ".join(one.value for one in ASSET_KINDS),
        )
    if business_id is not None and await records.find_business(tx, business_id) is None:
        raise not_found("business")
    asset_id = services.entropy.new_id(kind)
    await records.add_asset(tx, asset_id, kind, check_name(name), business_id, details or {}, now)
    return asset_id


async def share_asset(
    tx: Tx,
    services: Services,
    asset_id: int,
    partner_business_id: int,
    tasks: Task | None,
    actor_id: int | None,
    now: datetime,
    ends: datetime | None = None,
) -> NodeId:
    """Lend an asset to a partner business (default: every task). Raises NOT_FOUND, CONFLICT (own business)."""
    asset = await records.find_asset(tx, asset_id)
    if asset is None or asset.business_id is None:
        raise not_found("asset")
    if await records.find_business(tx, partner_business_id) is None:
        raise not_found("business")
    if asset.business_id == partner_business_id:
        raise conflict("An asset cannot be shared with its own business.", "another business")
    share_id = services.entropy.new_id(NodeKind.RECORD)
    lent = TASKS_OF[NodeKind(asset.kind)] if tasks is None else tasks
    await rights.end_shares(tx, asset_id, partner_business_id, now)
    await rights.add_share(tx, share_id, asset_id, partner_business_id, lent, now, ends)
    entry = Audit(
        "share.add",
        asset_id,
        asset.business_id,
        None,
        {"partner": partner_business_id, "tasks": int(lent)},
    )
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    return share_id


@dataclass(frozen=True, slots=True)
class SystemUserCreated:
    """A system user and its first token."""

    id: NodeId
    token: Issued


@dataclass(frozen=True, slots=True)
class NewSystemUser:
    """``assets`` are assigned with every task and selected for the app; an ADMIN sees all assets anyway."""

    business_id: int
    app_id: int
    name: str
    scopes: tuple[str, ...]
    assets: tuple[int, ...] = ()
    role: Role = Role.EMPLOYEE


async def add_system_user(
    tx: Tx, services: Services, new: NewSystemUser, actor_id: int | None, now: datetime
) -> SystemUserCreated:
    """A system user of a business with a token for one app, without an end. Raises NOT_FOUND, INVALID, FORBIDDEN. An asset that the business
    does not have is one that does not exist."""
    if await records.find_business(tx, new.business_id) is None:
        raise not_found("business")
    assignments: dict[int, Task] = {}
    for asset_id, asset in (await records.list_assets(tx, list(new.assets))).items():
        assignments[asset_id] = TASKS_OF[NodeKind(asset.kind)]
    for asset_id in new.assets:
        if asset_id not in assignments or not await tasks_held(tx, new.business_id, asset_id, now):
            raise not_found("asset")
    account_id = services.entropy.new_id(NodeKind.ACCOUNT)
    await records.add_account(
        tx,
        account_id,
        AccountKind.SYSTEM,
        check_name(new.name),
        now,
        business_id=new.business_id,
    )
    await add_member(tx, services, account_id, new.business_id, new.role, assignments, actor_id, now)
    targets: dict[int, int | None] = dict.fromkeys(new.assets, new.business_id)
    targets[new.business_id] = new.business_id
    granted = await record_consent(tx, services, Consent(account_id, new.app_id, new.scopes, (), targets), now)
    token = await issue_user_token(tx, services, granted, now, kind=TokenKind.SYSTEM_USER, endless=True)
    return SystemUserCreated(account_id, token)


async def assign_new(
    tx: Tx,
    services: Services,
    member: MembershipState,
    asset_id: int,
    tasks: Task,
    now: datetime,
) -> None:
    """Give a member tasks on an asset that was just made (nobody else's rights are touched)."""
    await apply_plan(
        tx,
        plan_assign(member, (), asset_id, tasks, now),
        None,
        services.entropy.new_id,
        now,
    )


async def stop_sharing(
    tx: Tx, services: Services, asset_id: int, partner_business_id: int, actor_id: int | None, now: datetime
) -> None:
    """End every open share of an asset with a partner (MT-22): from now on the partner reaches it no more. Idempotent."""
    asset = await records.find_asset(tx, asset_id)
    if asset is None:
        raise not_found("asset")
    if await rights.end_shares(tx, asset_id, partner_business_id, now):
        entry = Audit("share.end", asset_id, asset.business_id, None, {"partner": partner_business_id})
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
