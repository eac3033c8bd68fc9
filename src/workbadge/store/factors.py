"""Second factors of accounts and their recovery codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update

from workbadge.terms.methods import FactorKind

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema.factors import factor, recovery_code


async def list_factors(tx: Tx, account_id: int) -> list[Row[Any]]:
    """All columns of an account's factors, oldest first."""
    statement = select(factor).where(factor.c.account_id == account_id)
    statement = statement.order_by(factor.c.created_at, factor.c.id)
    return await fenced_rows(tx, statement, Fence.around(factor.c.account_id, account_id))


async def list_protected(tx: Tx, account_ids: Sequence[int]) -> set[int]:
    """Those of the accounts that have a factor."""
    found = await tx.rows(select(factor.c.account_id).where(factor.c.account_id.in_(account_ids)).distinct())
    return {row.account_id for row in found}


async def add_totp(tx: Tx, factor_id: int, account_id: int, name: str, secret: bytes, step: int, now: datetime) -> None:
    """Insert an authenticator app, confirmed by the code of ``step``."""
    row = {"id": factor_id, "account_id": account_id, "kind": FactorKind.TOTP.value, "name": name}
    await tx.run(insert(factor), [{**row, "secret": secret, "last_step": step, "created_at": now, "last_used_at": now}])


async def use_step(tx: Tx, factor_id: int, step: int, now: datetime) -> bool:
    """Use an authenticator app's time step; False when it or a later one was used before (RFC 6238 §5.2)."""
    unused = factor.c.id == factor_id, or_(factor.c.last_step.is_(None), factor.c.last_step < step)
    return await tx.run(update(factor).where(*unused).values(last_step=step, last_used_at=now)) == 1


async def find_passkey(tx: Tx, credential_id: bytes) -> Row[Any] | None:
    """All columns of the passkey with that id."""
    return await tx.one(select(factor).where(factor.c.credential_id == credential_id))


async def add_passkey(
    tx: Tx,
    factor_id: int,
    account_id: int,
    name: str,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    now: datetime,
) -> None:
    """Insert a passkey; ``public_key`` in COSE's form."""
    row = {"id": factor_id, "account_id": account_id, "kind": FactorKind.PASSKEY.value, "name": name}
    key = {"credential_id": credential_id, "public_key": public_key, "sign_count": sign_count}
    await tx.run(insert(factor), [{**row, **key, "created_at": now}])


async def use_passkey(tx: Tx, factor_id: int, before: int, after: int, now: datetime) -> bool:
    """Move a passkey's counter; False when somebody else did meanwhile."""
    same = factor.c.id == factor_id, factor.c.sign_count == before
    return await tx.run(update(factor).where(*same).values(sign_count=after, last_used_at=now)) == 1


async def drop_factor(tx: Tx, account_id: int, factor_id: int) -> bool:
    """Delete a factor of an account; whether there was one."""
    mine = factor.c.id == factor_id, factor.c.account_id == account_id
    return await tx.run(delete(factor).where(*mine)) == 1


async def set_recovery_codes(tx: Tx, account_id: int, hashes: Sequence[bytes]) -> None:
    """Replace all recovery codes of an account; none: it has no more."""
    await tx.run(delete(recovery_code).where(recovery_code.c.account_id == account_id))
    if hashes:
        await tx.run(insert(recovery_code), [{"hash": one, "account_id": account_id} for one in hashes])


async def use_recovery_code(tx: Tx, account_id: int, hashed: bytes, now: datetime) -> bool:
    """Use a recovery code; False when there is no such one, or it was used before."""
    unused = (
        recovery_code.c.hash == hashed,
        recovery_code.c.account_id == account_id,
        recovery_code.c.used_at.is_(None),
    )
    return await tx.run(update(recovery_code).where(*unused).values(used_at=now)) == 1


async def count_recovery_codes(tx: Tx, account_id: int) -> int:
    """How many an account has left."""
    left = recovery_code.c.account_id == account_id, recovery_code.c.used_at.is_(None)
    row = await tx.one(select(func.count().label("left")).where(*left))
    return 0 if row is None else int(row.left)
