"""Coverage: which assets an app reached through old logins and reaches again through new ones (B1-B3).

One query for a whole business or for one person; never one per asset.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, exists, or_, select

from workbadge.terms.kinds import Role, TokenKind

from .engine import Tx
from .schema import (
    app,
    app_grant,
    asset,
    assignment,
    grant_target,
    membership,
    migration_person,
    token,
)

_CARRYING = (TokenKind.USER.value, TokenKind.PAGE.value)


async def coverage_rows(
    tx: Tx,
    business_id: int,
    now: datetime,
    personal_id: int | None = None,
    claimed_only: bool = True,
) -> list[Row[Any]]:
    """One row for each (person, app, asset) that an old login's live tokens carry in a business.

    Columns: personal_id, managed_id, claimed_at, ends (of the old login), app_id, scopes (of the old grant),
    last_used_at, asset_id, name, kind, covered (0/1: the managed account's grant for the same app reaches it).
    Ordered by person, app, asset. ``claimed_only`` False: invited people too. Apps that work only with system-user
    tokens have no such rows (B2).
    """
    person, mine, old = (
        migration_person.c,
        membership.alias("mine"),
        app_grant.alias("old"),
    )
    selected, tasks = grant_target.alias("selected"), assignment.alias("tasks")
    theirs, new = membership.alias("theirs"), app_grant.alias("new")
    again, new_tasks = grant_target.alias("again"), assignment.alias("new_tasks")
    live = exists().where(
        token.c.grant_id == old.c.id,
        token.c.kind.in_(_CARRYING),
        token.c.revoked_at.is_(None),
        or_(token.c.expires_at.is_(None), token.c.expires_at > now),
    )
    covered = and_(
        again.c.target_id.is_not(None),
        or_(theirs.c.ends.is_(None), theirs.c.ends > now),
        or_(theirs.c.role == Role.ADMIN.value, new_tasks.c.tasks != 0),
    )
    source = (
        migration_person.join(mine, mine.c.id == person.personal_membership_id)
        .join(
            old,
            and_(old.c.account_id == person.personal_id, old.c.revoked_at.is_(None)),
        )
        .join(
            selected,
            and_(
                selected.c.grant_id == old.c.id,
                selected.c.business_id == person.business_id,
            ),
        )
        .join(
            asset,
            and_(asset.c.id == selected.c.target_id, asset.c.removed_at.is_(None)),
        )
        .outerjoin(
            tasks,
            and_(tasks.c.membership_id == mine.c.id, tasks.c.asset_id == asset.c.id),
        )
        .outerjoin(theirs, theirs.c.id == person.managed_membership_id)
        .outerjoin(
            new,
            and_(
                new.c.account_id == person.managed_id,
                new.c.app_id == old.c.app_id,
                new.c.revoked_at.is_(None),
            ),
        )
        .outerjoin(
            again, and_(again.c.grant_id == new.c.id, again.c.target_id == asset.c.id)
        )
        .outerjoin(
            new_tasks,
            and_(
                new_tasks.c.membership_id == theirs.c.id,
                new_tasks.c.asset_id == asset.c.id,
            ),
        )
    )
    statement = (
        select(
            person.personal_id,
            person.managed_id,
            person.claimed_at,
            mine.c.ends,
            old.c.app_id,
            old.c.scopes,
            old.c.last_used_at,
            asset.c.id.label("asset_id"),
            asset.c.name,
            asset.c.kind,
            case((covered, 1), else_=0).label("covered"),
        )
        .select_from(source)
        .where(
            person.business_id == business_id,
            person.rolled_back_at.is_(None),
            person.excluded_at.is_(None),
            or_(
                mine.c.handed_over.is_(None),
                selected.c.selected_at <= mine.c.handed_over,
            ),
            or_(
                mine.c.end_cause.is_(None), mine.c.end_cause.in_(("grace", "deadline"))
            ),
            or_(mine.c.role == Role.ADMIN.value, tasks.c.tasks != 0),
            live,
        )
        .order_by(person.personal_id, old.c.app_id, asset.c.id)
    )
    if personal_id is not None:
        statement = statement.where(person.personal_id == personal_id)
    if claimed_only:
        statement = statement.where(person.claimed_at.is_not(None))
    return await tx.rows(statement)


async def apps_by_id(tx: Tx, ids: list[int]) -> dict[int, Row[Any]]:
    """Apps by id."""
    return {row.id: row for row in await tx.rows(select(app).where(app.c.id.in_(ids)))}


async def apps_with_selections(
    tx: Tx, account_id: int, business_id: int
) -> list[Row[Any]]:
    """Apps with a live grant of an account that has selections of a business, by id."""
    return await tx.rows(
        select(app)
        .where(
            exists().where(
                app_grant.c.app_id == app.c.id,
                app_grant.c.account_id == account_id,
                app_grant.c.revoked_at.is_(None),
                grant_target.c.grant_id == app_grant.c.id,
                grant_target.c.business_id == business_id,
            )
        )
        .order_by(app.c.id)
    )
