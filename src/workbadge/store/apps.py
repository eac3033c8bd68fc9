"""Apps as their makers and the operator see them: settings, roles, permissions, restrictions, test users."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, exists, insert, select, update

from .engine import Tx
from .fence import Fence, count_rows, fenced_rows
from .schema import account, app, app_enforcement, app_permission, app_role, test_user
from .schema.portfolio import app_owner
from .window import Rows, Window, read_window


async def set_columns(tx: Tx, app_id: int, values: dict[str, Any]) -> int:
    """Change columns of an app. How many apps that were."""
    return await tx.run(update(app).where(app.c.id == app_id).values(values))


async def find_role(tx: Tx, app_id: int, account_id: int) -> str | None:
    """The role of an account on an app."""
    row = await tx.one(select(app_role.c.role).where(app_role.c.app_id == app_id, app_role.c.account_id == account_id))
    return None if row is None else str(row.role)


async def list_roles(tx: Tx, app_id: int) -> list[Row[Any]]:
    """account_id, role, name, email, kind of everybody with a role on an app, by role and name. Locks nothing."""
    statement = (
        select(app_role.c.account_id, app_role.c.role, account.c.name, account.c.email, account.c.kind)
        .join(account, account.c.id == app_role.c.account_id)
        .where(app_role.c.app_id == app_id)
        .order_by(app_role.c.role, account.c.name, account.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(app_role.c.app_id, app_id))


async def lock_roles(tx: Tx, app_id: int) -> list[Row[Any]]:
    """account_id and role of everybody with a role on an app, locked in one order."""
    statement = select(app_role).where(app_role.c.app_id == app_id).order_by(app_role.c.account_id)
    return await tx.rows(statement.with_for_update())


async def put_role(tx: Tx, app_id: int, account_id: int, role: str, known: bool, now: datetime) -> None:
    """Give somebody a role, or (``known``) another one."""
    if known:
        where = (app_role.c.app_id == app_id, app_role.c.account_id == account_id)
        await tx.run(update(app_role).where(*where).values(role=role))
        return
    await tx.run(insert(app_role), [{"app_id": app_id, "account_id": account_id, "role": role, "created_at": now}])


async def drop_role(tx: Tx, app_id: int, account_id: int) -> None:
    """Take somebody's role away."""
    await tx.run(delete(app_role).where(app_role.c.app_id == app_id, app_role.c.account_id == account_id))


async def list_apps_of(tx: Tx, account_ids: list[int]) -> list[Row[Any]]:
    """Apps on which one of the accounts has a role: id, name, mode, limits, disabled_at, account_id, role; by name."""
    statement = (
        select(
            app.c.id, app.c.name, app.c.mode, app.c.limits, app.c.disabled_at, app_role.c.account_id, app_role.c.role
        )
        .join(app_role, app_role.c.app_id == app.c.id)
        .where(app_role.c.account_id.in_(account_ids))
        .order_by(app.c.name, app.c.id, app_role.c.account_id)
    )
    return await fenced_rows(tx, statement, Fence.among(app_role.c.account_id, account_ids))


def _role_apps(account_id: int, business_ids: list[int]) -> Select[Any]:
    mine = select(app_role.c.app_id).where(app_role.c.account_id == account_id)
    others = exists().where(app_owner.c.app_id == app.c.id, app_owner.c.business_id.not_in(business_ids))
    return select(*app.c, app.c.created_at.label("made")).where(app.c.id.in_(mine), ~others)


def _has_role(account_id: int) -> ColumnElement[Any]:
    """Whose role on the app counts: the account, or nobody."""
    mine = select(app_role.c.account_id).where(app_role.c.app_id == app.c.id, app_role.c.account_id == account_id)
    return mine.correlate(app).scalar_subquery()


async def list_role_apps(tx: Tx, account_id: int, business_ids: list[int], window: Window) -> Rows:
    """Apps of these businesses, or of none, on which an account has a role, each also with ``made``."""
    fence = Fence.around(_has_role(account_id), account_id)
    return await read_window(tx, _role_apps(account_id, business_ids), fence, window, app.c.id, app.c.created_at)


async def count_role_apps(tx: Tx, account_id: int, business_ids: list[int]) -> int:
    """How many ``list_role_apps`` lists."""
    fence = Fence.around(_has_role(account_id), account_id)
    return await count_rows(tx, _role_apps(account_id, business_ids), fence)


async def list_permissions(tx: Tx, app_id: int) -> list[Row[Any]]:
    """scope, level, review, changed_at of the permissions about which something was decided, by scope."""
    statement = select(app_permission).where(app_permission.c.app_id == app_id).order_by(app_permission.c.scope)
    return await fenced_rows(tx, statement, Fence.around(app_permission.c.app_id, app_id))


async def put_permission(tx: Tx, app_id: int, scope: str, level: str, review: str, now: datetime) -> None:
    """Decide about a permission, in place of what was decided before."""
    where = (app_permission.c.app_id == app_id, app_permission.c.scope == scope)
    values = {"level": level, "review": review, "changed_at": now}
    if await tx.run(update(app_permission).where(*where).values(values)) == 0:
        await tx.run(insert(app_permission), [{"app_id": app_id, "scope": scope, **values}])


async def lock_app(tx: Tx, app_id: int) -> Row[Any] | None:
    """An app's row, locked until the transaction ends."""
    return await tx.one(select(app).where(app.c.id == app_id).with_for_update())


async def list_enforcements(tx: Tx, app_id: int) -> list[Row[Any]]:
    """All columns of every restriction that was ever put on an app, newest first."""
    statement = (
        select(app_enforcement)
        .where(app_enforcement.c.app_id == app_id)
        .order_by(app_enforcement.c.starts.desc(), app_enforcement.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(app_enforcement.c.app_id, app_id))


async def add_enforcement(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a restriction."""
    await tx.run(insert(app_enforcement), [values])


async def end_enforcement(tx: Tx, enforcement_id: int, now: datetime) -> None:
    """Lift a restriction."""
    await tx.run(update(app_enforcement).where(app_enforcement.c.id == enforcement_id).values(ends=now))


async def add_test_user(tx: Tx, app_id: int, account_id: int, now: datetime) -> None:
    """Mark an account as a test user of an app."""
    await tx.run(insert(test_user), [{"account_id": account_id, "app_id": app_id, "created_at": now}])


async def find_test_app(tx: Tx, account_id: int) -> int | None:
    """The app whose test user an account is."""
    row = await tx.one(select(test_user.c.app_id).where(test_user.c.account_id == account_id))
    return None if row is None else int(row.app_id)


async def list_test_users(tx: Tx, app_id: int) -> list[Row[Any]]:
    """account_id, name, email, created_at of an app's living test users, oldest first."""
    statement = (
        select(test_user.c.account_id, account.c.name, account.c.email, test_user.c.created_at)
        .join(account, account.c.id == test_user.c.account_id)
        .where(test_user.c.app_id == app_id, account.c.deleted_at.is_(None))
        .order_by(test_user.c.created_at, test_user.c.account_id)
    )
    return await fenced_rows(tx, statement, Fence.around(test_user.c.app_id, app_id))
