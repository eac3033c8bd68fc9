"""Which apps, businesses and system users belong together: owners of apps, apps installed on system users. Rows carry ``id``,
``name``, ``made``."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, select, union

from .engine import Tx
from .fence import Fence, count_rows, fenced_rows
from .schema import account, app, app_grant, app_role, grant_target
from .schema.portfolio import app_owner
from .window import Rows, Window, read_window


def _apps(where: ColumnElement[bool]) -> Select[Any]:
    return select(*app.c, app.c.created_at.label("made")).where(where)


def _installed_on(account_id: int) -> ColumnElement[bool]:
    """The app has a live grant of an account."""
    mine = select(app_grant.c.app_id).where(app_grant.c.account_id == account_id, app_grant.c.revoked_at.is_(None))
    return app.c.id.in_(mine)


def _used_by(account_id: int) -> Fence:
    """Apps that the account ever let in."""
    here = select(func.max(app_grant.c.account_id)).where(
        app_grant.c.app_id == app.c.id, app_grant.c.account_id == account_id
    )
    return Fence.around(here.correlate(app).scalar_subquery(), account_id)


async def list_installed(tx: Tx, account_id: int, window: Window) -> Rows:
    """Apps that are installed on a system user."""
    statement = _apps(_installed_on(account_id))
    return await read_window(tx, statement, _used_by(account_id), window, app.c.id, app.c.created_at)


async def count_installed(tx: Tx, account_id: int) -> int:
    """How many apps are installed on a system user."""
    return await count_rows(tx, _apps(_installed_on(account_id)), _used_by(account_id))


def _of_business(business_id: int, owned: bool) -> ColumnElement[bool]:
    """Apps that a business owns, or (``owned`` False) others that are installed on its system users."""
    mine = app.c.id.in_(select(app_owner.c.app_id).where(app_owner.c.business_id == business_id))
    if owned:
        return mine
    robots = select(account.c.id).where(account.c.business_id == business_id, account.c.kind == "system")
    used = select(app_grant.c.app_id).where(app_grant.c.account_id.in_(robots), app_grant.c.revoked_at.is_(None))
    return and_(app.c.id.in_(used), ~mine)


def _about(business_id: int, owned: bool) -> Fence:
    """Apps whose owner is the business, or (``owned`` False) that some account of the business ever let in."""
    if owned:
        owner = select(app_owner.c.business_id).where(app_owner.c.app_id == app.c.id)
    else:
        owner = (
            select(func.max(account.c.business_id))
            .join(app_grant, app_grant.c.account_id == account.c.id)
            .where(app_grant.c.app_id == app.c.id, account.c.business_id == business_id)
        )
    return Fence.around(owner.correlate(app).scalar_subquery(), business_id)


async def list_business_apps(tx: Tx, business_id: int, owned: bool, window: Window) -> Rows:
    """Apps that a business owns, or others that act as its system users."""
    statement, fence = _apps(_of_business(business_id, owned)), _about(business_id, owned)
    return await read_window(tx, statement, fence, window, app.c.id, app.c.created_at)


async def count_business_apps(tx: Tx, business_id: int, owned: bool) -> int:
    """How many ``list_business_apps`` lists."""
    return await count_rows(tx, _apps(_of_business(business_id, owned)), _about(business_id, owned))


async def list_choices(tx: Tx, business_id: int, account_id: int) -> dict[int, str]:
    """id and name, by name, of the apps among which a business chooses for its system users: those that it owns, that anybody
    lets use something of it, or on which the account works. Other apps are no business of it."""
    used = select(app_grant.c.app_id, grant_target.c.business_id.label("whose")).join(
        grant_target, grant_target.c.grant_id == app_grant.c.id
    )
    owned = select(app_owner.c.app_id, app_owner.c.business_id)
    made = select(app_role.c.app_id, app_role.c.account_id)
    known = union(
        used.where(grant_target.c.business_id == business_id),
        owned.where(app_owner.c.business_id == business_id),
        made.where(app_role.c.account_id == account_id),
    ).subquery("known")
    statement = select(app.c.id, app.c.name).join(known, known.c.app_id == app.c.id).order_by(app.c.name, app.c.id)
    rows = await fenced_rows(tx, statement, Fence.among(known.c.whose, (business_id, account_id)))
    return {row.id: row.name for row in rows}


async def find_owner(tx: Tx, app_id: int) -> Row[Any] | None:
    """app_id, business_id, claimed_by, claimed_at of an app that a business owns."""
    return await tx.one(select(app_owner).where(app_owner.c.app_id == app_id))


async def add_owner(tx: Tx, app_id: int, business_id: int, claimed_by: int, now: datetime) -> None:
    """An app is a business's from now on."""
    row = {"app_id": app_id, "business_id": business_id, "claimed_by": claimed_by, "claimed_at": now}
    await tx.run(insert(app_owner), [row])


async def list_sibling_apps(tx: Tx, app_id: int) -> list[Row[Any]]:
    """id and name of the apps that the owner of an app owns, itself among them; empty when no business owns it."""
    owner = select(app_owner.c.business_id).where(app_owner.c.app_id == app_id)
    mine = select(app_owner.c.app_id).where(app_owner.c.business_id.in_(owner))
    return await tx.rows(select(app.c.id, app.c.name).where(app.c.id.in_(mine)).order_by(app.c.id))
