"""System users of a business: made by its admins, each acts for software (MT-18). The caller has decided that it manages it."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind, NodeKind, Role

from .errors import conflict
from .portfolio import add_member
from .registration import check_name
from .services import Services

MOST = 1000
"""So many system users one business may have."""


async def create_system_user(
    tx: Tx, services: Services, business_id: int, name: str, role: Role, actor_id: int, now: datetime
) -> int:
    """A system user without assets, apps and tokens; its account's id. Raises CommandError: INVALID name, CONFLICT too many."""
    if await records.count_system_accounts(tx, business_id) >= MOST:
        raise conflict(f"The business has {MOST} system users.", "to go on with those")
    account_id: int = services.entropy.new_id(NodeKind.ACCOUNT)
    await records.add_account(tx, account_id, AccountKind.SYSTEM, check_name(name), now, business_id=business_id)
    await add_member(tx, services, account_id, business_id, role, {}, actor_id, now)
    return account_id


async def rename_system_user(
    tx: Tx, services: Services, account_id: int, business_id: int, name: str, actor_id: int, now: datetime
) -> None:
    """Give a system user another name. Raises INVALID."""
    await records.rename_account(tx, account_id, check_name(name))
    entry = Audit("account.rename", account_id, business_id)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
