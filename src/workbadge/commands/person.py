"""What those who run an organization do about one of its people: suspend, let in again, sign out everywhere (A5, O8).

Each loads the actor's role, decides and writes in one transaction; nobody but an owner acts on a role as high as the own (AC-48).
"""

from datetime import datetime

from workbadge.lifecycle.changes import Audit, Plan, Refusal, RestoreAccount, refuse
from workbadge.store import records, sessions
from workbadge.store.apply import apply_plan, write_audit
from workbadge.store.engine import Tx
from workbadge.terms.organizations import OrganizationAct

from .errors import conflict
from .logout import end_every_login
from .membership import suspend_in
from .organization import demand_over
from .refusals import check_plan
from .services import Services
from .transaction import in_transaction


async def suspend_person(
    services: Services, organization_id: int, account_id: int, actor_id: int, now: datetime
) -> None:
    """A5: sessions, the tokens' reach and linked graces end in this transaction. Raises CommandError: NOT_FOUND, FORBIDDEN,
    CONFLICT for oneself, the last admin of a business and the last owner (I9, O7)."""

    async def work(tx: Tx) -> Plan:
        await demand_over(tx, organization_id, actor_id, OrganizationAct.MANAGE_PEOPLE, account_id)
        if account_id == actor_id:
            raise conflict("You cannot suspend yourself.", "somebody else")
        found = await records.find_account(tx, account_id)
        if found is None or found.suspended_at is not None:
            return refuse(Refusal.NOTHING_TO_DO)
        return await suspend_in(tx, services, account_id, organization_id, actor_id, now)

    check_plan(await in_transaction(services, work))


async def restore_person(
    services: Services, organization_id: int, account_id: int, actor_id: int, now: datetime
) -> None:
    """Let a suspended person sign in again. Tokens of before stay dead, graces stay over (AC-36). Raises CommandError."""

    async def work(tx: Tx) -> Plan:
        await demand_over(tx, organization_id, actor_id, OrganizationAct.MANAGE_PEOPLE, account_id)
        found = await records.find_account(tx, account_id)
        if found is None or found.suspended_at is None:
            return refuse(Refusal.NOTHING_TO_DO)
        entry = Audit("account.restore", account_id, None, organization_id)
        plan = Plan(changes=(RestoreAccount(account_id, now),), audit=(entry,))
        await apply_plan(tx, plan, actor_id, services.entropy.new_id, now)
        return plan

    check_plan(await in_transaction(services, work))


async def sign_out_person(
    services: Services, organization_id: int, account_id: int, actor_id: int, now: datetime
) -> None:
    """End every session of a person; apps that want to know are told. What apps may do goes on. Raises CommandError."""

    async def work(tx: Tx) -> None:
        await demand_over(tx, organization_id, actor_id, OrganizationAct.RESET_ACCESS, account_id)
        await end_every_login(tx, services, account_id, None, now)
        await sessions.drop_everywhere(tx, account_id, None)
        entry = Audit("account.sign_out", account_id, None, organization_id)
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)

    await in_transaction(services, work)
