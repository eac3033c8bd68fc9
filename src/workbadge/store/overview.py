"""What the console shows of a business: its assets, the apps that reach it, its partners. Reading only; who may look is
decided before."""

from datetime import datetime
from functools import reduce
from operator import or_ as united
from typing import Any

from sqlalchemy import ColumnElement, Label, Row, Select, and_, distinct, func, or_, select

from workbadge.terms.kinds import Role
from workbadge.terms.tasks import NONE, Task

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import account, app, app_grant, asset, assignment, business, grant_target, membership, share


async def list_business_assets(tx: Tx, business_id: int, now: datetime) -> list[Row[Any]]:
    """Assets that a business owns or was lent: id, kind, name, business_id, owner (name), by kind and name."""
    return await tx.rows(_business_assets(business_id, now).order_by(asset.c.kind, asset.c.name, asset.c.id))


async def find_business_asset(tx: Tx, business_id: int, asset_id: int, now: datetime) -> Row[Any] | None:
    """One of these, with the same columns."""
    return await tx.one(_business_assets(business_id, now).where(asset.c.id == asset_id))


def _business_assets(business_id: int, now: datetime) -> Select[Any]:
    lent = select(share.c.asset_id).where(share.c.partner_business_id == business_id, _open_share(now))
    return (
        select(asset.c.id, asset.c.kind, asset.c.name, asset.c.business_id, business.c.name.label("owner"))
        .join(business, business.c.id == asset.c.business_id)
        .where(asset.c.removed_at.is_(None), or_(asset.c.business_id == business_id, asset.c.id.in_(lent)))
    )


def _open_share(now: datetime) -> ColumnElement[bool]:
    return and_(share.c.starts <= now, or_(share.c.ends.is_(None), share.c.ends > now))


async def lent_tasks(tx: Tx, asset_id: int, business_id: int, now: datetime) -> Task:
    """The tasks with which an asset is lent to a business; none where it is not."""
    rows = await tx.rows(
        select(share.c.tasks).where(
            share.c.asset_id == asset_id, share.c.partner_business_id == business_id, _open_share(now)
        )
    )
    return reduce(united, (Task(row.tasks) for row in rows), NONE)


async def count_people_per_asset(tx: Tx, business_id: int, now: datetime) -> dict[int, int]:
    """Asset id to the number of people and system users of a business with tasks on it (admins reach everything anyway)."""
    rows = await tx.rows(
        select(assignment.c.asset_id, func.count().label("total"))
        .join(membership, membership.c.id == assignment.c.membership_id)
        .where(
            membership.c.business_id == business_id,
            membership.c.handed_over.is_(None),
            or_(membership.c.ends.is_(None), membership.c.ends > now),
        )
        .group_by(assignment.c.asset_id)
    )
    return {row.asset_id: row.total for row in rows}


def _holds() -> ColumnElement[bool]:
    """The place holds tasks on the asset, or is an admin's: a selection alone reaches nothing."""
    return or_(membership.c.role == Role.ADMIN.value, assignment.c.tasks != 0)


async def list_access(tx: Tx, business_id: int, now: datetime) -> list[Row[Any]]:
    """Who lets which app use how much of a business: one row for each grant with selections in its name.

    Columns: grant_id, app_id, app, account_id, name, kind, scopes, assets, last_used_at, ends and handed_over (of the
    account's place here), help and support of the app. By app and person.
    """
    named = (
        app_grant.c.id.label("grant_id"),
        app.c.id.label("app_id"),
        app.c.name.label("app"),
        app.c.user_support_url,
        app.c.user_support_email,
        account.c.id.label("account_id"),
        account.c.name,
        account.c.kind,
        app_grant.c.scopes,
        app_grant.c.last_used_at,
    )
    counted = (
        func.max(membership.c.ends).label("ends"),
        func.max(membership.c.handed_over).label("handed_over"),
        func.count(distinct(asset.c.id)).label("assets"),
    )
    return await tx.rows(
        select(*named, *counted)
        .join(grant_target, grant_target.c.grant_id == app_grant.c.id)
        .join(asset, and_(asset.c.id == grant_target.c.target_id, asset.c.removed_at.is_(None)))
        .join(app, app.c.id == app_grant.c.app_id)
        .join(account, account.c.id == app_grant.c.account_id)
        .join(membership, and_(membership.c.account_id == account.c.id, membership.c.business_id == business_id))
        .outerjoin(assignment, and_(assignment.c.membership_id == membership.c.id, assignment.c.asset_id == asset.c.id))
        .where(
            _holds(),
            grant_target.c.business_id == business_id,
            app_grant.c.revoked_at.is_(None),
            membership.c.starts <= now,
            or_(membership.c.ends.is_(None), membership.c.ends > now),
        )
        .group_by(*(one.element if isinstance(one, Label) else one for one in named))
        .order_by(app.c.name, app.c.id, account.c.name, account.c.id)
    )


async def list_asset_access(tx: Tx, business_id: int, asset_id: int, now: datetime) -> list[Row[Any]]:
    """The same for one asset: app, name, kind, last_used_at, ends, handed_over."""
    statement = (
        select(
            app.c.name.label("app"),
            account.c.name,
            account.c.kind,
            app_grant.c.last_used_at,
            membership.c.ends,
            membership.c.handed_over,
        )
        .join(app_grant, app_grant.c.app_id == app.c.id)
        .join(grant_target, grant_target.c.grant_id == app_grant.c.id)
        .join(account, account.c.id == app_grant.c.account_id)
        .join(membership, and_(membership.c.account_id == account.c.id, membership.c.business_id == business_id))
        .outerjoin(assignment, and_(assignment.c.membership_id == membership.c.id, assignment.c.asset_id == asset_id))
        .where(
            _holds(),
            grant_target.c.target_id == asset_id,
            grant_target.c.business_id == business_id,
            app_grant.c.revoked_at.is_(None),
            membership.c.starts <= now,
            or_(membership.c.ends.is_(None), membership.c.ends > now),
        )
        .order_by(app.c.name, account.c.name)
    )
    return await fenced_rows(tx, statement, Fence.around(membership.c.business_id, business_id))


async def list_shares(tx: Tx, business_id: int, now: datetime) -> list[Row[Any]]:
    """Open shares of what a business owns: id, asset_id, asset, kind, partner_id, partner, tasks, starts, ends."""
    statement = (
        select(
            share.c.id,
            asset.c.id.label("asset_id"),
            asset.c.name.label("asset"),
            asset.c.kind,
            business.c.id.label("partner_id"),
            business.c.name.label("partner"),
            share.c.tasks,
            share.c.starts,
            share.c.ends,
        )
        .join(asset, asset.c.id == share.c.asset_id)
        .join(business, business.c.id == share.c.partner_business_id)
        .where(
            asset.c.business_id == business_id,
            share.c.starts <= now,
            or_(share.c.ends.is_(None), share.c.ends > now),
        )
        .order_by(business.c.name, asset.c.name, share.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(asset.c.business_id, business_id))


async def list_places(tx: Tx, account_ids: list[int]) -> list[Row[Any]]:
    """Places of several accounts: business_id, business, account_id, role, starts, ends, end_cause, handed_over; by name."""
    statement = (
        select(
            business.c.id.label("business_id"),
            business.c.name.label("business"),
            membership.c.account_id,
            membership.c.role,
            membership.c.starts,
            membership.c.ends,
            membership.c.end_cause,
            membership.c.handed_over,
        )
        .join(membership, membership.c.business_id == business.c.id)
        .where(membership.c.account_id.in_(account_ids))
        .order_by(business.c.name, business.c.id)
    )
    return await fenced_rows(tx, statement, Fence.among(membership.c.account_id, account_ids))
