"""People of a business: assigning, taking away, changing roles, removing, leaving (A5, M16, I9).

Rows are locked in one order (memberships of the business's admins first where the last admin is at stake), so that two
admins who remove each other at once end with one left (AC-38).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from workbadge.lifecycle import membership as plans
from workbadge.lifecycle.changes import CancelDue, Due, DueKind, MembershipState, Plan, SetMembershipEnd
from workbadge.store import invitations, migrations, records, rights
from workbadge.store.apply import apply_plan
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import TASKS_OF, Task

from .errors import invalid, not_found
from .logout import end_every_login
from .narrow_users import follow_own_user
from .organization import is_last_owner
from .refusals import check_plan
from .services import Services
from .transaction import in_transaction


@dataclass(frozen=True, slots=True)
class Member:
    """One place in a business, for lists."""

    membership_id: int
    account_id: int
    name: str
    email: str | None
    kind: AccountKind
    role: Role
    assets: int
    starts: datetime
    ends: datetime | None
    handed_over: datetime | None


async def list_people(tx: Tx, business_id: int, now: datetime) -> list[Member]:
    """People and system users with an open place, by name; old logins in grace among them."""
    states = [one for one in await rights.list_members(tx, business_id) if one.is_open(now)]
    accounts = await records.list_accounts(tx, [one.account_id for one in states])
    members = [
        Member(
            state.id,
            state.account_id,
            accounts[state.account_id].name,
            accounts[state.account_id].email,
            AccountKind(accounts[state.account_id].kind),
            state.role,
            len(state.assignments),
            state.starts,
            state.ends,
            state.handed_over,
        )
        for state in states
    ]
    return sorted(
        members,
        key=lambda one: (
            one.kind is AccountKind.SYSTEM,
            one.name.lower(),
            one.membership_id,
        ),
    )


async def _locked(
    tx: Tx, business_id: int, membership_id: int, now: datetime
) -> tuple[MembershipState, tuple[MembershipState, ...]]:
    """A place of this business and the graces that hang on it, locked. Raises NOT_FOUND for another business's."""
    await rights.lock_admins(tx, business_id)
    state = await rights.find_membership(tx, membership_id, lock=True)
    if state is None or state.business_id != business_id:
        raise not_found("person in this business")
    return state, tuple(await rights.list_graces(tx, state.account_id, now, business_id))


async def _with_announcements(tx: Tx, plan: Plan, places: tuple[MembershipState, ...], now: datetime) -> Plan:
    """Where a plan ends a grace early, its reminders stop and the apps hear the new instant (L5, ``wire.md`` §1.6)."""
    ended = [change.membership_id for change in plan.changes if isinstance(change, SetMembershipEnd)]
    early = [one.id for one in places if one.handed_over is not None and one.id in ended]
    persons = await migrations.list_claimed_of(tx, early) if early else []
    return replace(
        plan,
        changes=(*plan.changes, *(CancelDue(one) for one in persons)),
        due=(*plan.due, *(Due(now, DueKind.ANNOUNCE, one) for one in persons)),
    )


MakePlan = Callable[[Tx, MembershipState, tuple[MembershipState, ...]], Awaitable[Plan]]


async def change_place(
    tx: Tx,
    services: Services,
    business_id: int,
    membership_id: int,
    make_plan: MakePlan,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Plan on locked rows and write it into ``tx``; what an install's system user loses, its narrower ones lose (MT-12).
    Raises CommandError where the plan refuses."""
    state, graces = await _locked(tx, business_id, membership_id, now)
    plan = await _with_announcements(tx, await make_plan(tx, state, graces), (state, *graces), now)
    check_plan(plan)
    await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
    await follow_own_user(tx, services, state.account_id, business_id, actor_id, now)


async def _change(
    services: Services,
    business_id: int,
    membership_id: int,
    make_plan: MakePlan,
    actor_id: int | None,
    now: datetime,
) -> None:
    """``change_place`` in a transaction of its own."""

    async def work(tx: Tx) -> None:
        await change_place(tx, services, business_id, membership_id, make_plan, actor_id, now)

    await in_transaction(services, work)


def assigning(business_id: int, asset_id: int, tasks: Task, now: datetime) -> MakePlan:
    """Set somebody's tasks on an asset the business owns or was lent; they fit its kind."""

    async def plan(tx: Tx, state: MembershipState, graces: tuple[MembershipState, ...]) -> Plan:
        asset = await records.find_asset(tx, asset_id, lock=True)
        lent = await rights.list_lent(tx, [asset_id], [business_id], now)
        if asset is None or (asset.business_id != business_id and asset_id not in lent):
            raise not_found("asset")
        if not tasks or tasks & ~TASKS_OF[NodeKind(asset.kind)]:
            raise invalid("tasks", "These tasks do not fit the asset.", "tasks of its kind")
        return plans.plan_assign(state, graces, asset_id, tasks, now)

    return plan


def taking_away(asset_id: int, now: datetime) -> MakePlan:
    """Take an asset from somebody, and from the old login in grace (M16)."""

    async def plan(tx: Tx, state: MembershipState, graces: tuple[MembershipState, ...]) -> Plan:
        return plans.plan_take_away(state, graces, asset_id, now)

    return plan


def giving_role(role: Role, now: datetime) -> MakePlan:
    """Change somebody's role; the last admin stays one (I9)."""

    async def plan(tx: Tx, state: MembershipState, graces: tuple[MembershipState, ...]) -> Plan:
        others = await rights.count_other_admins(tx, state.business_id, state.id, now)
        return plans.plan_role(state, graces, role, others, now)

    return plan


def removing(now: datetime) -> MakePlan:
    """Remove somebody now, with the grace that hangs on a managed account (M16)."""

    async def plan(tx: Tx, state: MembershipState, graces: tuple[MembershipState, ...]) -> Plan:
        others = await rights.count_other_admins(tx, state.business_id, state.id, now)
        return plans.plan_remove(state, graces, others, now)

    return plan


async def assign(
    services: Services,
    business_id: int,
    membership_id: int,
    asset_id: int,
    tasks: Task,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Set somebody's tasks on an asset the business owns or was lent. Raises CommandError."""
    await _change(services, business_id, membership_id, assigning(business_id, asset_id, tasks, now), actor_id, now)


async def take_away(
    services: Services,
    business_id: int,
    membership_id: int,
    asset_id: int,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Take an asset from somebody, and from the old login in grace (M16). Raises CommandError."""
    await _change(services, business_id, membership_id, taking_away(asset_id, now), actor_id, now)


async def change_role(
    services: Services,
    business_id: int,
    membership_id: int,
    role: Role,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Change somebody's role; the last admin stays one (I9). Raises CommandError."""
    await _change(services, business_id, membership_id, giving_role(role, now), actor_id, now)


async def remove_member(
    services: Services,
    business_id: int,
    membership_id: int,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Remove somebody now, with the grace that hangs on a managed account (M16). Raises CommandError."""
    await _change(services, business_id, membership_id, removing(now), actor_id, now)


async def suspend_account(services: Services, account_id: int, actor_id: int | None, now: datetime) -> None:
    """Suspend a managed account: sessions, reach and linked graces end in this transaction (A5); apps that want to know are
    told. Raises CommandError."""

    async def work(tx: Tx) -> Plan:
        account = await records.find_account(tx, account_id)
        if account is None or account.kind != AccountKind.MANAGED.value:
            raise not_found("managed account")
        return await suspend_in(tx, services, account_id, account.organization_id, actor_id, now)

    check_plan(await in_transaction(services, work))


async def suspend_in(
    tx: Tx, services: Services, account_id: int, organization_id: int, actor_id: int | None, now: datetime
) -> Plan:
    """The same in ``tx``, for a managed account of that organization; the plan, which may have refused. Invitations of its
    businesses that wait for the address are withdrawn (SC-15)."""
    last = await _is_last_admin(tx, account_id, now) or await is_last_owner(tx, organization_id, account_id)
    graces = [
        one
        for one in await rights.list_graces(tx, account_id, now)
        if await _belongs_to(tx, one.business_id, organization_id)
    ]
    persons = await migrations.list_person_ids_of(tx, account_id)
    plan = plans.plan_leaver(account_id, organization_id, tuple(graces), tuple(persons), last, now)
    plan = await _with_announcements(tx, plan, tuple(graces), now)
    if plan.refusal is None:
        await end_every_login(tx, services, account_id, None, now)
        account = await records.find_account(tx, account_id)
        if account is not None and account.email:
            await invitations.withdraw_of(tx, organization_id, account.email, now)
    await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
    return plan


async def _is_last_admin(tx: Tx, account_id: int, now: datetime) -> bool:
    """Whether some business would have no admin without the account (I9); the admins' places are held."""
    places = [one for one in await rights.list_memberships(tx, account_id) if one.is_open(now)]
    for place in sorted(places, key=lambda one: one.business_id):
        await rights.lock_admins(tx, place.business_id)
        if place.role is Role.ADMIN:
            others = await rights.count_other_admins(tx, place.business_id, place.id, now)
            if others < 1:
                return True
    return False


async def _belongs_to(tx: Tx, business_id: int, organization_id: int) -> bool:
    """Whether a business belongs to an organization."""
    business = await records.find_business(tx, business_id)
    return business is not None and business.organization_id == organization_id
