"""Which nodes may this caller see: one query that takes ``now`` (``house.md`` §2, I10).

It must agree with ``access.decide`` on every node; ``tests/store/test_visible.py`` builds random worlds and
demands that. It answers ids in order; what each shows, and until when, comes from ``facts`` and ``decide``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.sql.selectable import CompoundSelect

from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import TASKS_OF

from .engine import Tx
from .schema import (
    asset,
    assignment,
    business,
    direct_role,
    grant_target,
    membership,
    name_key,
    share,
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. ``grant_id`` and ``authorized``: of the presented token; None for a person's own session.
    ``page_id``: of a page token, which sees nothing but its page.

    The caller has already been found alive by ``decide`` (token, app, grant, account, scope).
    """

    account_id: int
    account_kind: AccountKind
    grant_id: int | None = None
    authorized: datetime | None = None
    page_id: int | None = None


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


def _open(starts: ColumnElement[Any], ends: ColumnElement[Any], now: datetime) -> ColumnElement[bool]:
    """The interval covers ``now``."""
    return and_(starts <= now, or_(ends.is_(None), ends > now))


def _member(viewer: Viewer, now: datetime) -> ColumnElement[bool]:
    """The membership is an open way for this viewer: interval, business, hand-over."""
    handed_over = or_(membership.c.handed_over.is_(None), membership.c.handed_over > now)
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


def _selected(statement: Select[Any], viewer: Viewer, node: ColumnElement[Any], now: datetime) -> Select[Any]:
    """With a token: only nodes that its grant selected."""
    if viewer.page_id is not None:
        statement = statement.where(node == viewer.page_id)
    if viewer.grant_id is None:
        return statement
    return statement.where(
        grant_target.c.grant_id == viewer.grant_id,
        grant_target.c.target_id == node,
        grant_target.c.selected_at <= now,
    )


@dataclass(frozen=True, slots=True)
class _Range:
    """Where a page lies among the ids; each way is cut to it before the ways are put together."""

    after: int | None = None
    before: int | None = None

    def cut(self, node: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The conditions on an id."""
        cuts: list[ColumnElement[bool]] = []
        if self.after is not None:
            cuts.append(node > self.after)
        if self.before is not None:
            cuts.append(node < self.before)
        return cuts


def _mask(kinds: list[NodeKind]) -> ColumnElement[int]:
    """Tasks that exist on the asset's kind: others in an assignment or a share give no way (``terms.tasks``)."""
    if len(kinds) == 1:
        return literal(int(TASKS_OF.get(kinds[0], 0)), Integer)
    whens = [(asset.c.kind == kind.value, int(TASKS_OF[kind])) for kind in kinds if kind in TASKS_OF]
    return case(*whens, else_=0)


def _named(text: str, key: ColumnElement[str]) -> ColumnElement[bool]:
    """The text occurs in the name, whatever the case."""
    return key.contains(name_key(text), autoescape=True)


def _wanted(wanted: Filter, now: datetime) -> list[ColumnElement[bool]]:
    """What is asked of an asset whoever looks."""
    here: list[ColumnElement[bool]] = [
        asset.c.kind.in_(sorted(kind.value for kind in wanted.kinds)),
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
        here.append(_named(wanted.text, asset.c.name_key))
    return here


def _assets(viewer: Viewer, wanted: Filter, now: datetime, cut: _Range) -> list[Select[Any]]:
    """Ids of visible assets, by each kind of way."""
    here = [*_wanted(wanted, now), *cut.cut(asset.c.id)]
    mask = _mask(sorted(wanted.kinds))
    admin = membership.c.role == Role.ADMIN.value
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
        .where(or_(admin, assignment.c.tasks.bitwise_and(mask) != 0))
    )
    lent = share.c.tasks.bitwise_and(mask)
    shared = (
        select(asset.c.id)
        .join(share, share.c.asset_id == asset.c.id)
        .join(membership, membership.c.business_id == share.c.partner_business_id)
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(assignment, tasks)
        .where(*here, _member(viewer, now), _open(share.c.starts, share.c.ends, now))
        .where(lent != 0, or_(admin, assignment.c.tasks.bitwise_and(lent) != 0))
    )
    ways = [owned, shared]
    if viewer.account_kind is AccountKind.PERSONAL:
        ways.append(
            select(asset.c.id)
            .join(direct_role, direct_role.c.asset_id == asset.c.id)
            .where(*here, asset.c.business_id.is_(None))
            .where(direct_role.c.account_id == viewer.account_id)
            .where(direct_role.c.tasks.bitwise_and(mask) != 0)
        )
    return [_selected(way, viewer, asset.c.id, now) for way in ways]


def _businesses(viewer: Viewer, wanted: Filter, now: datetime, cut: _Range) -> list[Select[Any]]:
    """Ids of visible businesses."""
    statement = (
        select(business.c.id)
        .join(membership, membership.c.business_id == business.c.id)
        .where(_member(viewer, now), *cut.cut(business.c.id))
    )
    if wanted.text:
        statement = statement.where(_named(wanted.text, business.c.name_key))
    return [_selected(statement, viewer, business.c.id, now)]


def _query(viewer: Viewer, wanted: Filter, now: datetime, cut: _Range) -> CompoundSelect[Any]:
    """One ``union`` of all ways. Each way is ``distinct`` too: a union of one is not, and somebody may be a member twice."""
    ways: list[Select[Any]] = []
    if NodeKind.BUSINESS in wanted.kinds:
        ways += _businesses(viewer, wanted, now, cut)
    if wanted.kinds != {NodeKind.BUSINESS}:
        ways += _assets(viewer, wanted, now, cut)
    return union(*(way.distinct() for way in ways))


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
    cut = _Range(None if before is not None else after, before)
    ids = _query(viewer, wanted, now, cut).subquery("visible")
    order = ids.c.id if before is None else ids.c.id.desc()
    statement = select(ids.c.id).order_by(order).limit(limit + 1)
    found = [int(row.id) for row in await tx.rows(statement)]
    kept = found[:limit]
    return Page(kept if before is None else kept[::-1], len(found) > limit)


async def count(tx: Tx, viewer: Viewer, wanted: Filter, now: datetime) -> int:
    """How many nodes are visible in all."""
    ids = _query(viewer, wanted, now, _Range()).subquery("visible")
    row = await tx.one(select(func.count().label("total")).select_from(ids))
    return int(row.total) if row is not None else 0
