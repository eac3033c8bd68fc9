"""Which nodes may this caller see: one query that takes ``now`` (``house.md`` §2, I10).

It must agree with ``access.decide`` on every node; ``tests/store/test_visible.py`` builds random worlds and
demands that. It answers ids in order; what each shows, and until when, comes from ``facts`` and ``decide``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, union
from sqlalchemy.sql.selectable import CompoundSelect

from workbadge.terms.kinds import AccountKind, NodeKind, Role

from .engine import Tx
from .schema import (
    asset,
    assignment,
    business,
    direct_role,
    grant_target,
    membership,
    share,
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. ``grant_id`` and ``authorized``: of the presented token; None for a person's own session.

    The caller has already been found alive by ``decide`` (token, app, grant, account, scope).
    """

    account_id: int
    account_kind: AccountKind
    grant_id: int | None = None
    authorized: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for. ``owned_by``/``lent_to``: only assets of, or lent to, that business. ``text``: in the name."""

    kinds: frozenset[NodeKind]
    owned_by: int | None = None
    lent_to: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Ids in ascending order; ``more``: some follow after the last (or precede the first, when paging back)."""

    ids: list[int]
    more: bool


def _open(
    starts: ColumnElement[Any], ends: ColumnElement[Any], now: datetime
) -> ColumnElement[bool]:
    """The interval covers ``now``."""
    return and_(starts <= now, or_(ends.is_(None), ends > now))


def _member(viewer: Viewer, now: datetime) -> ColumnElement[bool]:
    """The membership is an open way for this viewer: interval, business, hand-over."""
    handed_over = or_(
        membership.c.handed_over.is_(None), membership.c.handed_over > now
    )
    if viewer.grant_id is not None and viewer.authorized is not None:
        before = and_(
            membership.c.handed_over >= viewer.authorized,
            grant_target.c.selected_at <= membership.c.handed_over,
        )
        handed_over = or_(handed_over, before)
    return and_(
        membership.c.account_id == viewer.account_id,
        _open(membership.c.starts, membership.c.ends, now),
        or_(business.c.suspended_at.is_(None), business.c.suspended_at > now),
        handed_over,
    )


def _selected(
    statement: Select[Any], viewer: Viewer, node: ColumnElement[Any], now: datetime
) -> Select[Any]:
    """With a token: only nodes that its grant selected."""
    if viewer.grant_id is None:
        return statement
    return statement.where(
        grant_target.c.grant_id == viewer.grant_id,
        grant_target.c.target_id == node,
        grant_target.c.selected_at <= now,
    )


def _assets(viewer: Viewer, wanted: Filter, now: datetime) -> CompoundSelect[Any]:
    """Ids of visible assets, by each kind of way."""
    kinds = sorted(kind.value for kind in wanted.kinds)
    here: list[ColumnElement[bool]] = [
        asset.c.kind.in_(kinds),
        asset.c.removed_at.is_(None),
    ]
    if wanted.owned_by is not None:
        here.append(asset.c.business_id == wanted.owned_by)
    if wanted.lent_to is not None:
        lent = share.alias("lent")
        here.append(
            exists().where(
                lent.c.asset_id == asset.c.id,
                lent.c.partner_business_id == wanted.lent_to,
                _open(lent.c.starts, lent.c.ends, now),
            )
        )
    if wanted.text:
        here.append(
            func.lower(asset.c.name).contains(wanted.text.lower(), autoescape=True)
        )
    tasks = and_(
        assignment.c.membership_id == membership.c.id,
        assignment.c.asset_id == asset.c.id,
    )
    owned = (
        select(asset.c.id)
        .join(membership, membership.c.business_id == asset.c.business_id)
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(assignment, tasks)
        .where(*here, _member(viewer, now))
        .where(or_(membership.c.role == Role.ADMIN.value, assignment.c.tasks != 0))
    )
    shared = (
        select(asset.c.id)
        .join(share, share.c.asset_id == asset.c.id)
        .join(membership, membership.c.business_id == share.c.partner_business_id)
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(assignment, tasks)
        .where(
            *here,
            _member(viewer, now),
            _open(share.c.starts, share.c.ends, now),
            share.c.tasks != 0,
        )
        .where(
            or_(
                membership.c.role == Role.ADMIN.value,
                assignment.c.tasks.op("&")(share.c.tasks) != 0,
            ),
        )
    )
    ways = [owned, shared]
    if viewer.account_kind is AccountKind.PERSONAL:
        ways.append(
            select(asset.c.id)
            .join(direct_role, direct_role.c.asset_id == asset.c.id)
            .where(
                *here,
                asset.c.business_id.is_(None),
                direct_role.c.account_id == viewer.account_id,
            )
            .where(direct_role.c.tasks != 0)
        )
    return union(*(_selected(way, viewer, asset.c.id, now) for way in ways))


def _businesses(viewer: Viewer, wanted: Filter, now: datetime) -> CompoundSelect[Any]:
    """Ids of visible businesses."""
    statement = (
        select(business.c.id)
        .join(membership, membership.c.business_id == business.c.id)
        .where(_member(viewer, now))
    )
    if wanted.text:
        statement = statement.where(
            func.lower(business.c.name).contains(wanted.text.lower(), autoescape=True)
        )
    return union(_selected(statement, viewer, business.c.id, now))


def _query(viewer: Viewer, wanted: Filter, now: datetime) -> CompoundSelect[Any]:
    if wanted.kinds == {NodeKind.BUSINESS}:
        return _businesses(viewer, wanted, now)
    return _assets(viewer, wanted, now)


async def page(
    tx: Tx,
    viewer: Viewer,
    wanted: Filter,
    now: datetime,
    limit: int,
    after: int | None = None,
    before: int | None = None,
) -> Page:
    """At most ``limit`` visible ids after ``after`` (or the last ``limit`` before ``before``), ascending."""
    ids = _query(viewer, wanted, now).subquery("visible")
    statement = select(ids.c.id)
    if before is not None:
        statement = statement.where(ids.c.id < before).order_by(ids.c.id.desc())
    else:
        statement = statement.where(ids.c.id > (after or 0)).order_by(ids.c.id)
    found = [int(row.id) for row in await tx.rows(statement.limit(limit + 1))]
    kept = found[:limit]
    return Page(kept if before is None else kept[::-1], len(found) > limit)


async def count(tx: Tx, viewer: Viewer, wanted: Filter, now: datetime) -> int:
    """How many nodes are visible in all."""
    ids = _query(viewer, wanted, now).subquery("visible")
    row = await tx.one(select(func.count().label("total")).select_from(ids))
    return int(row.total) if row is not None else 0
