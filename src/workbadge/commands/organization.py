"""Who runs an organization: roles of O8, the one guard of all its commands and pages, the last owner (O7, I9).

Whoever acts on somebody's role or suspends somebody locks the organization's roles first (after the places of businesses'
admins, where those are locked too), so that two owners who remove each other at once end with one left (AC-38).
"""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import organizations, records, rights
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind
from workbadge.terms.organizations import OrganizationAct, OrganizationRole, may, may_act_on, roles_for

from .errors import conflict, forbidden, invalid, not_found
from .services import Services


async def load_role(tx: Tx, organization_id: int, account_id: int) -> OrganizationRole | None:
    """The role of an account that may sign in; None where it has none."""
    row = await organizations.find_role(tx, organization_id, account_id)
    return None if row is None else OrganizationRole(row.role)


async def demand(tx: Tx, organization_id: int, account_id: int, act: OrganizationAct) -> OrganizationRole:
    """The account's role, one that may do ``act``. Raises NOT_FOUND, the same for an organization that does not exist, and
    FORBIDDEN with the roles that may."""
    role = await load_role(tx, organization_id, account_id)
    if role is None:
        raise not_found("organization")
    if not may(role, act):
        raise forbidden("Your role in this organization does not allow that.", roles_for(act))
    return role


async def demand_over(
    tx: Tx, organization_id: int, account_id: int, act: OrganizationAct, subject_id: int
) -> OrganizationRole:
    """As ``demand``, for an act on a managed account of the organization (AC-48). Raises NOT_FOUND for any other account, and
    FORBIDDEN for one whose role the actor's does not outrank."""
    role = await demand(tx, organization_id, account_id, act)
    subject = await records.find_account(tx, subject_id)
    mine = subject is not None and subject.kind == AccountKind.MANAGED.value and subject.deleted_at is None
    if subject is None or not mine or subject.organization_id != organization_id:
        raise not_found("person in this organization")
    held = {row.account_id: row.role for row in await organizations.list_roles(tx, organization_id)}
    theirs = OrganizationRole(held[subject_id]) if subject_id in held else None
    if not may_act_on(role, theirs):
        raise forbidden("This person's role is as high as yours, or higher.", "the role owner")
    return role


async def give_role(
    tx: Tx,
    services: Services,
    organization_id: int,
    account_id: int,
    role: OrganizationRole,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Give somebody a role, in place of another one. ``actor_id`` None: the platform itself.

    Raises CommandError: NOT_FOUND, FORBIDDEN, INVALID for an account that can have none, CONFLICT when the last owner with a
    way in would be lost (O7).
    """
    if await records.find_organization(tx, organization_id) is None:
        raise not_found("organization")
    held = {row.account_id: row.role for row in await organizations.lock_roles(tx, organization_id)}
    if actor_id is not None:
        await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_ROLES)
    await _check_able(tx, organization_id, account_id, now)
    if role is not OrganizationRole.OWNER:
        await _check_last(tx, held, account_id)
    await organizations.put_role(tx, organization_id, account_id, role.value, account_id in held, now)
    await _note(tx, services, "organization.role", organization_id, account_id, role.value, actor_id, now)


async def take_role(
    tx: Tx, services: Services, organization_id: int, account_id: int, actor_id: int | None, now: datetime
) -> None:
    """Take somebody's role away. Raises CommandError: NOT_FOUND, FORBIDDEN, CONFLICT for the last owner with a way in (O7)."""
    held = {row.account_id: row.role for row in await organizations.lock_roles(tx, organization_id)}
    if actor_id is not None:
        await demand(tx, organization_id, actor_id, OrganizationAct.MANAGE_ROLES)
    if account_id not in held:
        raise not_found("person with a role in this organization")
    await _check_last(tx, held, account_id)
    await organizations.drop_role(tx, organization_id, account_id)
    await _note(tx, services, "organization.role_end", organization_id, account_id, None, actor_id, now)


async def is_last_owner(tx: Tx, organization_id: int, account_id: int) -> bool:
    """Whether the organization would have no owner with a way in without this account (O7). Holds the roles until the end."""
    held = {row.account_id: row.role for row in await organizations.lock_roles(tx, organization_id)}
    return await _is_last(tx, held, account_id)


async def follow_claim(
    tx: Tx, services: Services, organization_id: int, from_id: int, to_id: int, actor_id: int | None, now: datetime
) -> None:
    """A person's role goes along with the claim to the managed account, and back with a rollback (M4, M12): whoever ran the
    organization before still does. Where the other account has a role, each keeps its own; where it has no
    way in of its own and the organization no other owner with one, the role stays (O7)."""
    held = {row.account_id: row.role for row in await organizations.lock_roles(tx, organization_id)}
    if from_id not in held or to_id in held:
        return
    if await _is_last(tx, held, from_id) and not await organizations.list_with_way_in(tx, [to_id]):
        return
    await organizations.move_role(tx, organization_id, from_id, to_id)
    await _note(tx, services, "organization.role_end", organization_id, from_id, None, actor_id, now)
    await _note(tx, services, "organization.role", organization_id, to_id, held[from_id], actor_id, now)


async def _check_able(tx: Tx, organization_id: int, account_id: int, now: datetime) -> None:
    """A role is for the organization's own managed accounts, and for personal logins that work in one of its businesses (the
    people who set managed accounts up). A stranger's account is answered as one that does not exist."""
    account = await records.find_account(tx, account_id)
    if account is None or account.deleted_at is not None or account.kind == AccountKind.SYSTEM.value:
        raise not_found("person")
    if account.kind == AccountKind.MANAGED.value:
        if account.organization_id != organization_id:
            raise not_found("person")
    else:
        mine = {row.id for row in await organizations.list_businesses(tx, organization_id)}
        places = await rights.list_memberships(tx, account_id)
        if not any(one.business_id in mine and one.is_open(now) and one.handed_over is None for one in places):
            raise not_found("person")
    if account.suspended_at is not None:
        raise invalid("account", "This account is suspended.", "an account that may sign in")


async def _check_last(tx: Tx, held: dict[int, str], account_id: int) -> None:
    if await _is_last(tx, held, account_id):
        raise conflict("At least one owner with a way in must remain.", "another owner with a password first")


async def _is_last(tx: Tx, held: dict[int, str], account_id: int) -> bool:
    if held.get(account_id) != OrganizationRole.OWNER.value:
        return False
    others = [one for one, role in held.items() if role == OrganizationRole.OWNER.value and one != account_id]
    return not await organizations.list_with_way_in(tx, others)


async def _note(
    tx: Tx,
    services: Services,
    act: str,
    organization_id: int,
    account_id: int,
    role: str | None,
    actor_id: int | None,
    now: datetime,
) -> None:
    entry = Audit(act, account_id, None, organization_id, {} if role is None else {"role": role})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
