"""Coverage: which assets an app reached through old logins and reaches again through new ones (B1-B3).

Two queries for a whole business, for one person, or for a page of an app's people; never one per asset or per token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
)

from workbadge.terms.kinds import EndCause, Role, TokenKind

from .engine import Tx
from .losses import persons_lapse
from .schema import (
    app,
    app_grant,
    asset,
    assignment,
    grant_target,
    membership,
    migration_person,
    share,
    token,
)
from .schema.business_login import install

_CARRYING = (TokenKind.USER.value, TokenKind.PAGE.value)
_WITHOUT_END = 2**62
"""Stands for "no end" where ends are compared as numbers."""

_mine = membership.alias("mine")
_old = app_grant.alias("old")
_selected = grant_target.alias("selected")


def _old_grants() -> FromClause:
    """People of migrations with the old login's membership and its grants, taken back ones too."""
    person = migration_person.c
    return migration_person.join(_mine, _mine.c.id == person.personal_membership_id).join(
        _old, _old.c.account_id == person.personal_id
    )


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose connections are looked at; what is None does not narrow. ``pairs``: of business and personal account.
    ``claimed_only`` False: invited people too."""

    business_id: int | None = None
    personal_id: int | None = None
    app_id: int | None = None
    pairs: Sequence[tuple[int, int]] | None = None
    claimed_only: bool = True


def _meant(whose: Whose) -> list[ColumnElement[bool]]:
    """Which people are looked at: those whose old login ends (or will end) by the migration."""
    person = migration_person.c
    where: list[ColumnElement[bool]] = [
        person.rolled_back_at.is_(None),
        person.excluded_at.is_(None),
        or_(
            _mine.c.end_cause.is_(None),
            _mine.c.end_cause.in_((EndCause.GRACE.value, EndCause.DEADLINE.value)),
        ),
    ]
    if whose.business_id is not None:
        where.append(person.business_id == whose.business_id)
    if whose.personal_id is not None:
        where.append(person.personal_id == whose.personal_id)
    if whose.app_id is not None:
        where.append(_not_first(_old.c.app_id) == whose.app_id)
    if whose.pairs is not None:
        where.append(tuple_(person.business_id, person.personal_id).in_(whose.pairs))
    if whose.claimed_only:
        where.append(person.claimed_at.is_not(None))
    return where


def _not_first(column: ColumnElement[int]) -> ColumnElement[int]:
    """A column by whose index SQLite must not begin: the way in is by the people, who are few, while the grants of an app or the
    selections of a business may be millions."""
    return column + 0


async def carried_until(tx: Tx, whose: Whose) -> dict[tuple[int, int, int], dict[int | None, int]]:
    """(business_id, personal_id, grant id) to: page id, or None for user tokens, to the last end (microseconds) of such
    tokens."""
    found: dict[tuple[int, int, int], dict[int | None, int]] = {}
    for row in await tx.rows(carrying(whose)):
        found.setdefault((row.business_id, row.personal_id, row.grant_id), {})[row.page_id] = row.ends
    return found


def carrying(whose: Whose) -> Select[Any]:
    """business_id, personal_id, grant_id, page_id (None: user tokens), ends: the last end of such tokens, or of their grant when
    that lapses earlier because the app does not use it.

    Only tokens of consents before the hand-over count: later ones reach nothing here (M5).
    """
    parent = token.alias("parent")
    ends = _least(
        func.coalesce(type_coerce(token.c.expires_at, BigInteger), _WITHOUT_END),
        func.coalesce(type_coerce(token.c.revoked_at, BigInteger), _WITHOUT_END),
        func.coalesce(type_coerce(parent.c.revoked_at, BigInteger), _WITHOUT_END),
        persons_lapse(_old),
    )
    person = migration_person.c
    source = (
        _old_grants().join(token, token.c.grant_id == _old.c.id).outerjoin(parent, parent.c.hash == token.c.parent_hash)
    )
    return (
        select(
            person.business_id,
            person.personal_id,
            _old.c.id.label("grant_id"),
            token.c.page_id,
            func.max(ends).label("ends"),
        )
        .select_from(source)
        .where(
            *_meant(whose),
            token.c.kind.in_(_CARRYING),
            or_(
                _mine.c.handed_over.is_(None),
                token.c.authorized_at <= _mine.c.handed_over,
            ),
        )
        .group_by(person.business_id, person.personal_id, _old.c.id, token.c.page_id)
    )


def _least(first: ColumnElement[int], *others: ColumnElement[int]) -> ColumnElement[int]:
    """The smallest of several numbers; both engines have it under different names."""
    least = first
    for other in others:
        least = case((other < least, other), else_=least)
    return least


async def coverage_rows(tx: Tx, whose: Whose, now: datetime) -> list[Row[Any]]:
    """One row for each (person, grant of the old login, asset selected in this business's name).

    Columns: business_id, personal_id, managed_id, claimed_at; of the old login's membership: ends, handed_over; of its grant:
    app_id, grant_id, scopes, revoked_at, last_used_at; asset_id, name, kind, lent_until (of one that is lent
    here; None: the business owns it, or no end); of the managed account's grant for the same app: new_scopes, again_at
    (when it selected the asset; None: not, or it does not reach it). Ordered by business, person, app, asset, grant.

    Not among them: assets that left the business, apps that are switched off, and what the old login goes on reaching by
    another way after the cut-off (M15).
    """
    person = migration_person.c
    order = (person.business_id, person.personal_id, _old.c.app_id, asset.c.id, _old.c.created_at)
    return await tx.rows(covering(whose, now).order_by(*order))


def covering(whose: Whose, now: datetime) -> Select[Any]:
    """What ``coverage_rows`` answers, in no order, with ``created_at`` of the old login's grant."""
    person, tasks = migration_person.c, assignment.alias("tasks")
    theirs, new = membership.alias("theirs"), app_grant.alias("new")
    again, new_tasks = grant_target.alias("again"), assignment.alias("new_tasks")
    few = whose.pairs is not None or whose.personal_id is not None
    reached = and_(
        or_(theirs.c.ends.is_(None), theirs.c.ends > now),
        or_(theirs.c.role == Role.ADMIN.value, new_tasks.c.tasks != 0),
    )
    source = (
        _old_grants()
        .join(app, and_(app.c.id == _old.c.app_id, app.c.disabled_at.is_(None)))
        .join(
            _selected,
            and_(
                _selected.c.grant_id == _old.c.id,
                (_not_first(_selected.c.business_id) if few else _selected.c.business_id) == person.business_id,
            ),
        )
        .join(
            asset,
            and_(asset.c.id == _selected.c.target_id, asset.c.removed_at.is_(None)),
        )
        .outerjoin(
            tasks,
            and_(tasks.c.membership_id == _mine.c.id, tasks.c.asset_id == asset.c.id),
        )
        .outerjoin(theirs, theirs.c.id == person.managed_membership_id)
        .outerjoin(
            new,
            and_(
                new.c.account_id == person.managed_id,
                new.c.app_id == _old.c.app_id,
                new.c.revoked_at.is_(None),
            ),
        )
        .outerjoin(again, and_(again.c.grant_id == new.c.id, again.c.target_id == asset.c.id))
        .outerjoin(
            new_tasks,
            and_(
                new_tasks.c.membership_id == theirs.c.id,
                new_tasks.c.asset_id == asset.c.id,
            ),
        )
    )
    return (
        select(
            person.business_id,
            person.personal_id,
            person.managed_id,
            person.claimed_at,
            _mine.c.ends,
            _mine.c.handed_over,
            _old.c.app_id,
            _old.c.id.label("grant_id"),
            _old.c.scopes,
            _old.c.revoked_at,
            _old.c.last_used_at,
            _old.c.created_at,
            asset.c.id.label("asset_id"),
            asset.c.name,
            asset.c.kind,
            case((asset.c.business_id != person.business_id, _lent_until(person, now))).label("lent_until"),
            new.c.scopes.label("new_scopes"),
            case((reached, again.c.selected_at)).label("again_at"),
        )
        .select_from(source)
        .where(
            *_meant(whose),
            or_(
                _mine.c.handed_over.is_(None),
                _selected.c.selected_at <= _mine.c.handed_over,
            ),
            or_(_mine.c.role == Role.ADMIN.value, tasks.c.tasks != 0),
            or_(asset.c.business_id == person.business_id, _lent(person, now)),
            ~_other_way(now),
        )
    )


def _open_share(now: datetime) -> ColumnElement[bool]:
    return and_(share.c.starts <= now, or_(share.c.ends.is_(None), share.c.ends > now))


def _lent(person: Any, now: datetime) -> ColumnElement[bool]:
    """The asset is lent to the person's business."""
    return exists().where(
        share.c.asset_id == asset.c.id,
        share.c.partner_business_id == person.business_id,
        _open_share(now),
    )


def _lent_until(person: Any, now: datetime) -> ColumnElement[datetime]:
    """When the last share by which the asset is lent to the person's business ends; None: never."""
    last = func.max(func.coalesce(type_coerce(share.c.ends, BigInteger), _WITHOUT_END))
    found = select(func.nullif(last, _WITHOUT_END)).where(
        share.c.asset_id == asset.c.id, share.c.partner_business_id == person.business_id, _open_share(now)
    )
    return type_coerce(found.correlate(asset, migration_person).scalar_subquery(), share.c.ends.type)


def _other_way(now: datetime) -> ColumnElement[bool]:
    """The old login has another membership, not handed over, that reaches the asset and outlives this one."""
    other, held = membership.alias("other"), assignment.alias("held")
    here = or_(
        other.c.business_id == asset.c.business_id,
        exists()
        .where(
            share.c.asset_id == asset.c.id,
            share.c.partner_business_id == other.c.business_id,
            _open_share(now),
        )
        .correlate(other, asset),
    )
    holds = or_(
        other.c.role == Role.ADMIN.value,
        exists()
        .where(
            held.c.membership_id == other.c.id,
            held.c.asset_id == asset.c.id,
            held.c.tasks != 0,
        )
        .correlate(other, asset),
    )
    outlives = or_(
        other.c.ends.is_(None),
        and_(other.c.ends > now, other.c.ends > _mine.c.ends),
    )
    return exists().where(
        other.c.account_id == _mine.c.account_id,
        other.c.id != _mine.c.id,
        other.c.handed_over.is_(None),
        other.c.starts <= now,
        outlives,
        here,
        holds,
    )


async def held_by_system_users(tx: Tx, business_ids: list[int], app_ids: list[int], now: datetime) -> list[Row[Any]]:
    """Assets that system users of installs hold for apps that took a token of theirs (L4): business_id, app_id, asset_id,
    scopes, swapped_at, selected_at."""
    return await tx.rows(held(now).where(install.c.business_id.in_(business_ids), install.c.app_id.in_(app_ids)))


def held(now: datetime) -> Select[Any]:
    """What ``held_by_system_users`` answers, of all businesses and apps."""
    place, tasks = membership.alias("place"), assignment.alias("tasks")
    return (
        select(
            install.c.business_id,
            install.c.app_id,
            tasks.c.asset_id,
            app_grant.c.scopes,
            install.c.swapped_at,
            grant_target.c.selected_at,
        )
        .join(place, and_(place.c.account_id == install.c.account_id, place.c.business_id == install.c.business_id))
        .join(tasks, and_(tasks.c.membership_id == place.c.id, tasks.c.tasks != 0))
        .join(
            app_grant,
            and_(
                app_grant.c.account_id == install.c.account_id,
                app_grant.c.app_id == install.c.app_id,
                app_grant.c.revoked_at.is_(None),
            ),
        )
        .join(
            grant_target,
            and_(grant_target.c.grant_id == app_grant.c.id, grant_target.c.target_id == tasks.c.asset_id),
        )
        .where(
            install.c.uninstalled_at.is_(None),
            install.c.swapped_at.is_not(None),
            place.c.starts <= now,
            or_(place.c.ends.is_(None), place.c.ends > now),
        )
    )


async def people_of_app(
    tx: Tx,
    whose: Whose,
    limit: int,
    until: datetime | None,
    after: tuple[int, int] | None,
    before: tuple[int, int] | None,
) -> list[tuple[int, int]]:
    """(business, personal account) of the people in ``whose`` whose old login ends by ``until``, ascending: the first
    ``limit`` after a pair, or the last ``limit`` before one."""
    person = migration_person.c
    pair = tuple_(person.business_id, person.personal_id)
    where = _meant(whose)
    if until is not None:
        where.append(_mine.c.ends <= until)
    if after is not None:
        where.append(pair > after)
    if before is not None:
        where.append(pair < before)
    order = (person.business_id, person.personal_id)
    rows = await tx.rows(
        select(*order)
        .distinct()
        .select_from(_old_grants())
        .where(*where)
        .order_by(*(one.desc() if before is not None else one.asc() for one in order))
        .limit(limit)
    )
    found = [(row.business_id, row.personal_id) for row in rows]
    return found if before is None else found[::-1]


async def apps_by_id(tx: Tx, ids: list[int]) -> dict[int, Row[Any]]:
    """Apps by id."""
    return {row.id: row for row in await tx.rows(select(app).where(app.c.id.in_(ids)))}


async def apps_with_selections(tx: Tx, account_id: int, business_id: int) -> list[Row[Any]]:
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
