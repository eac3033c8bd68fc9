"""Which nodes may this caller see: one query that takes ``now`` (``house.md`` §2, I10).

It must agree with ``access.decide`` on every node; ``tests/store/test_visible.py`` builds random worlds and
demands that. It answers ids in order; what each shows, and until when, comes from ``facts`` and ``decide``.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union,
)

from workbadge.terms.instants import from_micros, to_micros
from workbadge.terms.kinds import AccountKind, NodeKind, Role
from workbadge.terms.tasks import TASKS_OF

from .engine import HotQuery, Tx
from .keyset import beyond, in_order
from .schema import (
    asset,
    assignment,
    business,
    direct_role,
    grant_target,
    membership,
    name_pattern,
    share,
)
from .schema.portfolio import asset_group_member, business_profile
from .window import Order, Place, Window


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
    """What is looked for. ``owned_by``/``lent_to``: only assets of, or lent to, that business; ``held_by``: either.
    ``assigned_to``: only those on which that membership of ``held_by`` has tasks. ``unowned``: only those of no business.
    ``child_of``: only businesses right below that one. ``in_group``: only assets in that group. ``text``: in the name."""

    kinds: frozenset[NodeKind]
    owned_by: int | None = None
    lent_to: int | None = None
    text: str = ""
    held_by: int | None = None
    assigned_to: int | None = None
    unowned: bool = False
    child_of: int | None = None
    in_group: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Ids in the list's order; ``more``: some follow after the last (or precede the first, when paging back).

    ``places``: where each of them stands.
    """

    ids: list[int]
    more: bool
    places: list[Place] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Everything about a question that changes its statement; the rest are parameters of a prepared read."""

    kinds: frozenset[NodeKind]
    personal: bool
    by_token: bool
    one_page: bool
    owned_by: bool
    lent_to: bool
    text: bool
    place: str
    """``after`` or ``before`` a place, from the ``start``, or ``all`` to be counted."""
    order: Order = Order.ID
    held_by: bool = False
    assigned_to: bool = False
    unowned: bool = False
    child_of: bool = False
    in_group: bool = False


_now = bindparam("now", type_=BigInteger)
_account = bindparam("account", type_=BigInteger)
_grant = bindparam("grant", type_=BigInteger)
_authorized = bindparam("authorized", type_=BigInteger)
_page = bindparam("page", type_=BigInteger)
_place = bindparam("place", type_=BigInteger)
_at = bindparam("at", type_=BigInteger)
_owned_by = bindparam("owned_by", type_=BigInteger)
_lent_to = bindparam("lent_to", type_=BigInteger)
_held_by = bindparam("held_by", type_=BigInteger)
_assigned_to = bindparam("assigned_to", type_=BigInteger)
_child_of = bindparam("child_of", type_=BigInteger)
_in_group = bindparam("in_group", type_=BigInteger)
_text = bindparam("text", type_=Text)
_limit = bindparam("limit", type_=Integer)


def _open(starts: ColumnElement[Any], ends: ColumnElement[Any]) -> ColumnElement[bool]:
    """The interval covers ``now``."""
    return and_(starts <= _now, or_(ends.is_(None), ends > _now))


def _member(shape: _Shape) -> ColumnElement[bool]:
    """The membership is an open way for this viewer: interval, business, hand-over."""
    handed_over = or_(membership.c.handed_over.is_(None), membership.c.handed_over > _now)
    if shape.by_token:
        before = and_(
            membership.c.handed_over >= _authorized,
            grant_target.c.selected_at <= membership.c.handed_over,
        )
        handed_over = or_(handed_over, before)
    return and_(
        membership.c.account_id == _account,
        _open(membership.c.starts, membership.c.ends),
        or_(business.c.suspended_at.is_(None), business.c.suspended_at > _now),
        handed_over,
    )


def _falling(shape: _Shape) -> bool:
    """Whether the page is read from large to small: backwards, or in the reverse order."""
    return (shape.place == "before") is not (shape.order is Order.REVERSE)


def _keys(shape: _Shape, node: Any, made: Any) -> list[ColumnElement[Any]]:
    """What the page is ordered by."""
    return [node] if shape.order is Order.ID else [made, node]


def _finish(way: Select[Any], shape: _Shape, node: ColumnElement[Any], made: ColumnElement[Any]) -> Select[Any]:
    """With a token: only nodes that its grant selected. Each way is cut to the page before all are put together."""
    if shape.one_page:
        way = way.where(node == _page)
    if shape.order is not Order.ID:
        way = way.add_columns(made.label("made"))
    if shape.place in ("after", "before"):
        way = way.where(beyond(_keys(shape, node, made), _keys(shape, _place, _at), _falling(shape)))
    if not shape.by_token:
        return way
    return way.where(
        grant_target.c.grant_id == _grant,
        grant_target.c.target_id == node,
        grant_target.c.selected_at <= _now,
    )


def _mask(kinds: list[NodeKind]) -> ColumnElement[int]:
    """Tasks that exist on the asset's kind: others in an assignment or a share give no way (``terms.tasks``)."""
    if len(kinds) == 1:
        return literal(int(TASKS_OF.get(kinds[0], 0)), Integer)
    whens = [(asset.c.kind == kind.value, int(TASKS_OF[kind])) for kind in kinds if kind in TASKS_OF]
    return case(*whens, else_=0)


def _owner(shape: _Shape) -> ColumnElement[int]:
    """The asset's business. With a token it is no way to find assets by: its selections are, which are far fewer.

    The sum keeps both planners from the index that begins with the business.
    """
    return asset.c.business_id + 0 if shape.by_token else asset.c.business_id


def _wanted(shape: _Shape, kinds: list[NodeKind]) -> list[ColumnElement[bool]]:
    """What is asked of an asset whoever looks."""
    here: list[ColumnElement[bool]] = [
        or_(*(asset.c.kind == kind.value for kind in kinds)),
        asset.c.removed_at.is_(None),
    ]
    if shape.owned_by:
        here.append(_owner(shape) == _owned_by)
    if shape.lent_to:
        lent = share.alias("lent")
        here.append(
            exists().where(
                lent.c.asset_id == asset.c.id,
                lent.c.partner_business_id == _lent_to,
                _open(lent.c.starts, lent.c.ends),
            )
        )
    if shape.held_by:
        here.append(_held(shape, kinds))
    if shape.in_group:
        member = asset_group_member.c
        here.append(exists().where(member.group_id == _in_group, member.asset_id == asset.c.id))
    if shape.unowned:
        here.append(asset.c.business_id.is_(None))
    if shape.text:
        here.append(asset.c.name_key.like(_text, escape="/"))
    return here


def _held(shape: _Shape, kinds: list[NodeKind]) -> ColumnElement[bool]:
    """The business owns the asset or was lent it; where a place is meant, with tasks of that place on it."""
    lent, given, mask = share.alias("lent_here"), assignment.alias("given"), _mask(kinds)
    borrowed = [lent.c.asset_id == asset.c.id, lent.c.partner_business_id == _held_by]
    borrowed.append(_open(lent.c.starts, lent.c.ends))
    if not shape.assigned_to:
        return or_(_owner(shape) == _held_by, exists().where(*borrowed))
    place = [given.c.asset_id == asset.c.id, given.c.membership_id == _assigned_to]
    tasks = given.c.tasks.bitwise_and(mask)
    return or_(
        and_(_owner(shape) == _held_by, exists().where(*place, tasks != 0)),
        exists().where(*borrowed, *place, tasks.bitwise_and(lent.c.tasks) != 0),
    )


def _assets(shape: _Shape) -> list[Select[Any]]:
    """Ids of visible assets, by each kind of way."""
    kinds = sorted(kind for kind in shape.kinds if kind in TASKS_OF)
    here = _wanted(shape, kinds)
    mask = _mask(kinds)
    admin = membership.c.role == Role.ADMIN.value
    tasks = and_(
        assignment.c.membership_id == membership.c.id,
        assignment.c.asset_id == asset.c.id,
    )
    owned = (
        select(asset.c.id)
        .join(membership, membership.c.business_id == _owner(shape))
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(assignment, tasks)
        .where(*here, _member(shape))
        .where(or_(admin, assignment.c.tasks.bitwise_and(mask) != 0))
    )
    lent = share.c.tasks.bitwise_and(mask)
    shared = (
        select(asset.c.id)
        .join(share, share.c.asset_id == asset.c.id)
        .join(membership, membership.c.business_id == share.c.partner_business_id)
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(assignment, tasks)
        .where(*here, _member(shape), _open(share.c.starts, share.c.ends))
        .where(lent != 0, or_(admin, assignment.c.tasks.bitwise_and(lent) != 0))
    )
    ways = [owned, shared]
    if shape.personal:
        ways.append(
            select(asset.c.id)
            .join(direct_role, direct_role.c.asset_id == asset.c.id)
            .where(*here, asset.c.business_id.is_(None))
            .where(direct_role.c.account_id == _account)
            .where(direct_role.c.tasks.bitwise_and(mask) != 0)
        )
    return [_finish(way, shape, asset.c.id, type_coerce(asset.c.created_at, BigInteger)) for way in ways]


def _wanted_business(shape: _Shape) -> list[ColumnElement[bool]]:
    """What is asked of a business whoever looks."""
    here: list[ColumnElement[bool]] = []
    if shape.text:
        here.append(business.c.name_key.like(_text, escape="/"))
    if shape.child_of:
        below = select(business_profile.c.business_id).where(business_profile.c.parent_id == _child_of)
        here.append(business.c.id.in_(below))
    return here


def _businesses(shape: _Shape) -> list[Select[Any]]:
    """Ids of visible businesses."""
    way = select(business.c.id).join(membership, membership.c.business_id == business.c.id)
    way = way.where(_member(shape), *_wanted_business(shape))
    return [_finish(way, shape, business.c.id, type_coerce(business.c.created_at, BigInteger))]


@lru_cache(maxsize=512)
def _query(shape: _Shape) -> HotQuery:
    """All ways, each id once: somebody may be a member twice (a ``union`` of a single way would not see to that)."""
    ways: list[Select[Any]] = []
    if NodeKind.BUSINESS in shape.kinds:
        ways += _businesses(shape)
    if shape.kinds != {NodeKind.BUSINESS}:
        ways += _assets(shape)
    ids = (union(*ways) if ways[1:] else ways[0].distinct()).subquery("visible")
    if shape.place == "all":
        return HotQuery(select(func.count().label("total")).select_from(ids))
    columns = [ids.c.id] if shape.order is Order.ID else [ids.c.made, ids.c.id]
    order = in_order(columns, _falling(shape))
    # A bare parameter as the limit makes SQLite plan the statement anew each time it is bound; a sum does not.
    return HotQuery(select(*columns).order_by(*order).limit(_limit + 0))


def _shape_of(viewer: Viewer, wanted: Filter, where: str, order: Order = Order.ID) -> _Shape:
    return _Shape(
        wanted.kinds,
        viewer.account_kind is AccountKind.PERSONAL,
        viewer.grant_id is not None,
        viewer.page_id is not None,
        wanted.owned_by is not None,
        wanted.lent_to is not None,
        bool(wanted.text),
        where,
        order,
        wanted.held_by is not None,
        wanted.assigned_to is not None,
        wanted.unowned,
        wanted.child_of is not None,
        wanted.in_group is not None,
    )


def _params(viewer: Viewer, wanted: Filter, now: datetime) -> dict[str, Any]:
    return {
        "now": to_micros(now),
        "account": viewer.account_id,
        "grant": viewer.grant_id,
        "authorized": viewer.authorized and to_micros(viewer.authorized),
        "page": viewer.page_id,
        "owned_by": wanted.owned_by,
        "lent_to": wanted.lent_to,
        "held_by": wanted.held_by,
        "assigned_to": wanted.assigned_to,
        "child_of": wanted.child_of,
        "in_group": wanted.in_group,
        "text": name_pattern(wanted.text) if wanted.text else None,
    }


async def _ask(
    tx: Tx, viewer: Viewer, wanted: Filter, now: datetime, where: str, order: Order = Order.ID, **more: int | None
) -> list[tuple[Any, ...]]:
    shape = _shape_of(viewer, wanted, where, order)
    if shape.by_token and viewer.authorized is None:
        raise ValueError("expected the instant of the token's consent with its grant")
    params = {**_params(viewer, wanted, now), **more}
    return await tx.hot(_query(shape), params)


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
    asked = Window(limit, None if after is None else (None, after), None if before is None else (None, before))
    return await window(tx, viewer, wanted, now, asked)


async def window(tx: Tx, viewer: Viewer, wanted: Filter, now: datetime, asked: Window) -> Page:
    """The visible ids in a window, in its order."""
    back = asked.before is not None
    at, last = asked.before or asked.after or (None, None)
    where = "start" if last is None else "before" if back else "after"
    rows = await _ask(
        tx,
        viewer,
        wanted,
        now,
        where,
        asked.order,
        place=last,
        at=None if at is None else to_micros(at),
        limit=asked.limit + 1,
    )
    kept = rows[: asked.limit]
    if back:
        kept = kept[::-1]
    timed = asked.order is not Order.ID
    places = [(from_micros(row[0]) if timed else None, int(row[-1])) for row in kept]
    return Page([place[1] for place in places], len(rows) > asked.limit, places)


async def count(tx: Tx, viewer: Viewer, wanted: Filter, now: datetime) -> int:
    """How many nodes are visible in all."""
    return int((await _ask(tx, viewer, wanted, now, "all"))[0][0])


@lru_cache(maxsize=512)
def _granted_query(shape: _Shape) -> HotQuery:
    """How many existing nodes of the kinds the grant selected, reached or not."""
    chosen = and_(grant_target.c.grant_id == _grant, grant_target.c.selected_at <= _now)
    if shape.one_page:
        chosen = and_(chosen, grant_target.c.target_id == _page)
    ways: list[Select[Any]] = []
    if NodeKind.BUSINESS in shape.kinds:
        way = select(business.c.id).join(grant_target, grant_target.c.target_id == business.c.id)
        ways.append(way.where(chosen, *_wanted_business(shape)))
    kinds = sorted(kind for kind in shape.kinds if kind in TASKS_OF)
    if kinds:
        here = _wanted(replace(shape, lent_to=False), kinds)
        if shape.lent_to:
            lent = share.alias("lent")
            here.append(
                exists().where(
                    lent.c.asset_id == asset.c.id, lent.c.partner_business_id == _lent_to, lent.c.starts <= _now
                )
            )
        ways.append(select(asset.c.id).join(grant_target, grant_target.c.target_id == asset.c.id).where(chosen, *here))
    ids = (union(*ways) if ways[1:] else ways[0]).subquery("granted")
    return HotQuery(select(func.count().label("total")).select_from(ids))


async def count_granted(tx: Tx, viewer: Viewer, wanted: Filter, now: datetime) -> int:
    """How many such nodes the token's grant selected, whether they are visible now or not; 0 without a grant."""
    if viewer.grant_id is None:
        return 0
    shape = _shape_of(viewer, wanted, "all")
    return int((await tx.hot(_granted_query(shape), _params(viewer, wanted, now)))[0][0])
