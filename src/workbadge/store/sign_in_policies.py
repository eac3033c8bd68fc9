"""What organizations demand of their managed accounts' sign-ins, and until when a second factor may be missing (O6)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from .engine import Tx
from .schema import account
from .schema.factors import factor_deadline, sign_in_policy


async def find_policy(tx: Tx, organization_id: int, lock: bool = False) -> Row[Any] | None:
    """All columns of an organization's policy."""
    statement = select(sign_in_policy).where(sign_in_policy.c.organization_id == organization_id)
    return await tx.one(statement.with_for_update() if lock else statement)


async def put_policy(tx: Tx, organization_id: int, values: dict[str, Any], known: bool) -> None:
    """Write an organization's policy."""
    if known:
        mine = sign_in_policy.c.organization_id == organization_id
        await tx.run(update(sign_in_policy).where(mine).values(**values))
    else:
        await tx.run(insert(sign_in_policy), [{"organization_id": organization_id, **values}])


async def find_demand(tx: Tx, account_id: int) -> Row[Any] | None:
    """What an account's organization demands, with the account's creation and its stored deadline; None where it demands
    nothing."""
    return await tx.one(
        select(sign_in_policy, account.c.created_at, factor_deadline.c.ends.label("deadline"))
        .join(account, account.c.organization_id == sign_in_policy.c.organization_id)
        .outerjoin(factor_deadline, factor_deadline.c.account_id == account.c.id)
        .where(account.c.id == account_id)
    )


async def add_deadline(tx: Tx, account_id: int, ends: datetime) -> None:
    """Note until when an account may sign in without a second factor; it is never moved."""
    await tx.run(insert(factor_deadline), [{"account_id": account_id, "ends": ends}])
