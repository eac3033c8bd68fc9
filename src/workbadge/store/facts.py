"""The one loader of ``Facts``. Nothing else builds them outside tests (``house.md`` §2).

One prepared read a question: branch 0 is the caller (token, app, grant, account) with the node, the other
branches are the ways from the account to the node: membership of the owner, share to a business the account is
in, direct role. Every branch starts from unique look-ups, so the cost does not depend on how many grants exist.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    String,
    Text,
    and_,
    bindparam,
    case,
    cast,
    literal_column,
    null,
    select,
    union_all,
)

from workbadge.access import (
    AccountFacts,
    AppFacts,
    Facts,
    GrantFacts,
    NodeFacts,
    Route,
    Standing,
    TokenFacts,
)
from workbadge.terms.ids import kind_of
from workbadge.terms.instants import Interval, from_micros
from workbadge.terms.kinds import AccountKind, Act, EndCause, NodeKind, Role, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import ADMIN_TASKS, TASKS_OF, Task

from .engine import HotQuery
from .losses import membership_end, persons_lapse, share_end
from .schema import (
    account,
    app,
    app_grant,
    asset,
    assignment,
    business,
    direct_role,
    grant_target,
    membership,
    share,
    token,
)


class Reader(Protocol):
    """A store or an open transaction."""

    async def hot(self, query: HotQuery, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a prepared read; raw tuples."""
        ...

    def memo(self) -> dict[Any, Any] | None:
        """Where facts may be kept as long as nothing is committed; None: nowhere."""
        ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """Facts, and what a caller of the wire needs beside them. ``name``/``details``: of the node, if there is one. ``limits``:
    what is stopped for the app, as it is stored (``terms.apps``). ``loses_at``: before that instant nothing that the token
    selected has ended; None: nothing of it has an end. ``standing``: what was decided about these facts by the ordinary Ask
    of an act on this node, for as long as it stands; lives and goes with them."""

    facts: Facts
    app_id: int
    grant_id: int | None
    app_secret: bytes
    require_proof: bool
    name: str = ""
    details: str = "{}"
    limits: str | None = None
    loses_at: datetime | None = None
    standing: dict[Act, Standing] = field(init=False, default_factory=dict, compare=False)


_parent = token.alias("parent")


def _lapses() -> ColumnElement[Any]:
    """``lifecycle.data_access.lapses_at`` in SQL."""
    system = literal_column(f"'{AccountKind.SYSTEM.value}'", String)
    return case((account.c.kind != system, persons_lapse(app_grant)), else_=null())


_TOKEN_COLUMNS: tuple[tuple[str, ColumnElement[Any], Any], ...] = (
    ("kind", token.c.kind, String),
    ("app_id", token.c.app_id, BigInteger),
    ("page_id", token.c.page_id, BigInteger),
    ("scopes", token.c.scopes, Text),
    ("authorized_at", token.c.authorized_at, BigInteger),
    ("expires_at", token.c.expires_at, BigInteger),
    ("revoked_at", token.c.revoked_at, BigInteger),
    ("revoked_because", token.c.revoked_because, String),
    ("parent_revoked_at", _parent.c.revoked_at, BigInteger),
    ("disabled_at", app.c.disabled_at, BigInteger),
    ("secret", app.c.secret, LargeBinary),
    ("require_proof", app.c.require_proof, Integer),
    ("limits", app.c.limits, Text),
    ("grant_id", token.c.grant_id, BigInteger),
    ("grant_scopes", app_grant.c.scopes, Text),
    ("grant_revoked_at", app_grant.c.revoked_at, BigInteger),
    ("grant_lapses_at", _lapses(), BigInteger),
    ("membership_end", membership_end(), BigInteger),
    ("share_end", share_end(), BigInteger),
)
_ACCOUNT_COLUMNS: tuple[tuple[str, ColumnElement[Any], Any], ...] = (
    ("account_id", account.c.id, BigInteger),
    ("account_kind", account.c.kind, String),
    ("suspended_at", account.c.suspended_at, BigInteger),
    ("deleted_at", account.c.deleted_at, BigInteger),
)


_ENDS = frozenset({"membership_end", "share_end"})
_ENDS_TAG = 9


def _nothing(kind: Any) -> ColumnElement[Any]:
    return cast(null(), kind)


_NODE_TYPES = (
    ("node_id", BigInteger),
    ("selected_at", BigInteger),
    ("node_business", BigInteger),
    ("node_name", Text),
    ("node_details", Text),
)
_ROUTE_TYPES = (
    ("role", String),
    ("tasks", Integer),
    ("starts", BigInteger),
    ("ends", BigInteger),
    ("end_cause", String),
    ("handed_over", BigInteger),
    ("share_tasks", Integer),
    ("share_starts", BigInteger),
    ("share_ends", BigInteger),
    ("business_suspended", BigInteger),
)

_hash = bindparam("hash", type_=LargeBinary)
_node = bindparam("node", type_=BigInteger)
_account = bindparam("account", type_=BigInteger)

_SIZES = (4, 16, 64, 256)
"""Numbers of nodes that a prepared read for many is made for; free places repeat the last node."""


def _is_asked(node: Any, size: int) -> ColumnElement[bool]:
    """``node.id`` is the asked one, or among the ``size`` asked ones."""
    if size == 0:
        return node.c.id == _node  # type: ignore[no-any-return]
    places = [bindparam(f"n{i}", type_=BigInteger) for i in range(size)]
    return node.c.id.in_(places)  # type: ignore[no-any-return]


def _tag(number: int) -> ColumnElement[Any]:
    return literal_column(str(number), Integer).label("tag")


def _head(by_token: bool, node: FromClause | None, size: int = 0) -> Select[Any]:
    """Branch 0: the caller and the node."""
    columns: list[ColumnElement[Any]] = [_tag(0)]
    columns += [
        (c if by_token and not (size and name in _ENDS) else _nothing(kind)).label(name)
        for name, c, kind in _TOKEN_COLUMNS
    ]
    columns += [c.label(name) for name, c, _ in _ACCOUNT_COLUMNS]
    if node is None:
        columns += [_nothing(kind).label(name) for name, kind in _NODE_TYPES]
    else:
        selected = grant_target.c.selected_at if by_token else _nothing(BigInteger)
        owner = asset.c.business_id if node is asset else business.c.id
        details = asset.c.details if node is asset else literal_column("'{}'", Text)
        columns += [
            node.c.id.label("node_id"),
            selected.label("selected_at"),
            owner.label("node_business"),
            node.c.name.label("node_name"),
            details.label("node_details"),
        ]
    columns += [_nothing(kind).label(name) for name, kind in _ROUTE_TYPES]
    source: Any
    if by_token:
        source = (
            token.join(app, app.c.id == token.c.app_id)
            .outerjoin(app_grant, app_grant.c.id == token.c.grant_id)
            .outerjoin(account, account.c.id == token.c.account_id)
            .outerjoin(_parent, _parent.c.hash == token.c.parent_hash)
        )
    else:
        source = account
    if node is asset:
        source = source.outerjoin(asset, and_(_is_asked(asset, size), asset.c.removed_at.is_(None)))
    elif node is business:
        source = source.outerjoin(business, _is_asked(business, size))
    if node is not None and by_token:
        source = source.outerjoin(
            grant_target,
            and_(
                grant_target.c.grant_id == token.c.grant_id,
                grant_target.c.target_id == node.c.id,
            ),
        )
    where = token.c.hash == _hash if by_token else account.c.id == _account
    return select(*columns).select_from(source).where(where)


def _ends() -> Select[Any]:
    """The ends of what the token selected, once for many nodes."""
    columns: list[ColumnElement[Any]] = [literal_column(str(_ENDS_TAG), Integer).label("tag")]
    columns += [(c if name in _ENDS else _nothing(kind)).label(name) for name, c, kind in _TOKEN_COLUMNS]
    columns += [_nothing(kind).label(name) for name, _, kind in _ACCOUNT_COLUMNS]
    columns += [_nothing(kind).label(name) for name, kind in (*_NODE_TYPES, *_ROUTE_TYPES)]
    return select(*columns).select_from(token).where(token.c.hash == _hash)


def _route(
    tag: int,
    by_token: bool,
    source: Any,
    node: FromClause,
    shared: bool,
    tasks: ColumnElement[Any],
    member: bool,
) -> Select[Any]:
    """One branch of ways: everything but the node's id and the route's columns is empty."""
    columns: list[ColumnElement[Any]] = [_tag(tag)]
    columns += [_nothing(kind).label(name) for name, _, kind in (*_TOKEN_COLUMNS, *_ACCOUNT_COLUMNS)]
    columns.append(node.c.id.label("node_id"))
    columns += [_nothing(kind).label(name) for name, kind in _NODE_TYPES[1:]]
    given: dict[str, ColumnElement[Any]] = {"tasks": tasks}
    if member:
        given |= {
            "role": membership.c.role,
            "starts": membership.c.starts,
            "ends": membership.c.ends,
            "end_cause": membership.c.end_cause,
            "handed_over": membership.c.handed_over,
            "business_suspended": business.c.suspended_at,
        }
    if shared:
        given |= {
            "share_tasks": share.c.tasks,
            "share_starts": share.c.starts,
            "share_ends": share.c.ends,
        }
    columns += [given.get(name, _nothing(kind)).label(name) for name, kind in _ROUTE_TYPES]
    statement = select(*columns).select_from(source)
    return statement.where(token.c.hash == _hash) if by_token else statement.where(account.c.id == _account)


def _who(by_token: bool) -> tuple[Any, ColumnElement[Any]]:
    """Where a branch of ways starts, and its account."""
    return (token, token.c.account_id) if by_token else (account, account.c.id)


def _asset_query(by_token: bool, size: int = 0) -> HotQuery:
    start, who = _who(by_token)
    here = start.join(asset, and_(_is_asked(asset, size), asset.c.removed_at.is_(None)))
    with_tasks = and_(
        assignment.c.membership_id == membership.c.id,
        assignment.c.asset_id == asset.c.id,
    )
    owned = (
        here.join(
            membership,
            and_(
                membership.c.account_id == who,
                membership.c.business_id == asset.c.business_id,
            ),
        )
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(assignment, with_tasks)
    )
    lent = (
        here.join(membership, membership.c.account_id == who)
        .join(
            share,
            and_(
                share.c.asset_id == asset.c.id,
                share.c.partner_business_id == membership.c.business_id,
            ),
        )
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(assignment, with_tasks)
    )
    direct = here.join(
        direct_role,
        and_(
            direct_role.c.account_id == who,
            direct_role.c.asset_id == asset.c.id,
            asset.c.business_id.is_(None),
        ),
    )
    return HotQuery(
        union_all(
            _head(by_token, asset, size),
            *([_ends()] if by_token and size else []),
            _route(1, by_token, owned, asset, False, assignment.c.tasks, True),
            _route(2, by_token, lent, asset, True, assignment.c.tasks, True),
            _route(3, by_token, direct, asset, False, direct_role.c.tasks, False),
        )
    )


def _business_query(by_token: bool, size: int = 0) -> HotQuery:
    start, who = _who(by_token)
    inside = start.join(membership, membership.c.account_id == who).join(
        business,
        and_(business.c.id == membership.c.business_id, _is_asked(business, size)),
    )
    return HotQuery(
        union_all(
            _head(by_token, business, size),
            *([_ends()] if by_token and size else []),
            _route(4, by_token, inside, business, False, _nothing(Integer), True),
        )
    )


_BY_TOKEN = {
    None: HotQuery(_head(True, None)),
    NodeKind.BUSINESS: _business_query(True),
    NodeKind.PAGE: _asset_query(True),
}
_BY_ACCOUNT = {
    None: HotQuery(_head(False, None)),
    NodeKind.BUSINESS: _business_query(False),
    NodeKind.PAGE: _asset_query(False),
}


@cache
def _for_many(by_token: bool, key: NodeKind, size: int) -> HotQuery:
    """The prepared read for up to ``size`` nodes."""
    make = _business_query if key is NodeKind.BUSINESS else _asset_query
    return make(by_token, size)


def _which(node_id: int | None) -> tuple[NodeKind | None, NodeKind | None]:
    """Key of the query for a node, and the node's kind."""
    kind = None if node_id is None else kind_of(node_id)
    if kind is NodeKind.BUSINESS:
        return kind, kind
    return (NodeKind.PAGE, kind) if kind in TASKS_OF else (None, kind)


async def load(reader: Reader, token_hash: bytes, node_id: int | None = None) -> Loaded | None:
    """Everything about a stored token and, when asked, one node; None when no such token is stored.

    One query, or none while nothing was committed since the last (SQLite). ``facts.node`` is None when the node does
    not exist, was removed, or is of a kind without routes.
    """
    memo = reader.memo()
    if memo is not None:
        known = memo.get((token_hash, node_id))
        if known is not None:
            return known  # type: ignore[no-any-return]
    key, kind = _which(node_id)
    rows = await reader.hot(_BY_TOKEN[key], {"hash": token_hash, "node": node_id})
    loaded = _build(rows, node_id, kind, True) if rows else None
    if memo is not None and loaded is not None:
        memo[token_hash, node_id] = loaded
    return loaded


async def load_session(reader: Reader, account_id: int, node_id: int | None = None) -> Loaded | None:
    """Everything about an account acting by itself (console, consent dialog) and, when asked, one node. One query."""
    key, kind = _which(node_id)
    rows = await reader.hot(_BY_ACCOUNT[key], {"account": account_id, "node": node_id})
    return _build(rows, node_id, kind, False) if rows else None


async def load_many(reader: Reader, token_hash: bytes, ids: Collection[int]) -> dict[int, Loaded]:
    """What ``load`` would say about each of ``ids``, in their order; empty when no such token is stored.

    One query for all assets, one for all businesses, one if there is anything else (for each 256 ids).
    """
    memo = reader.memo()
    known: dict[int, Loaded] = {}
    if memo is not None:
        known = {one: memo[token_hash, one] for one in ids if (token_hash, one) in memo}
    missing = [one for one in ids if one not in known]
    loaded = await _load_each(reader, {"hash": token_hash}, missing, True)
    if memo is not None:
        memo.update({(token_hash, one): found for one, found in loaded.items()})
    loaded.update(known)
    return {one: loaded[one] for one in ids if one in loaded}


async def load_session_many(reader: Reader, account_id: int, ids: Collection[int]) -> dict[int, Loaded]:
    """What ``load_session`` would say about each of ``ids``, in their order; empty when there is no such account."""
    loaded = await _load_each(reader, {"account": account_id}, ids, False)
    return {one: loaded[one] for one in ids if one in loaded}


async def _load_each(reader: Reader, who: dict[str, Any], ids: Collection[int], by_token: bool) -> dict[int, Loaded]:
    groups: dict[NodeKind | None, list[int]] = {}
    for one in dict.fromkeys(ids):
        groups.setdefault(_which(one)[0], []).append(one)
    loaded: dict[int, Loaded] = {}
    for key, members in groups.items():
        if key is None:
            query = (_BY_TOKEN if by_token else _BY_ACCOUNT)[None]
            rows = await reader.hot(query, {**who, "node": None})
            loaded.update(_build_each(rows, members, by_token))
            continue
        for start in range(0, len(members), _SIZES[-1]):
            chunk = members[start : start + _SIZES[-1]]
            size = next(size for size in _SIZES if size >= len(chunk))
            places = {f"n{i}": chunk[min(i, len(chunk) - 1)] for i in range(size)}
            rows = await reader.hot(_for_many(by_token, key, size), {**who, **places})
            loaded.update(_build_each(rows, chunk, by_token))
    return loaded


def _build_each(rows: list[tuple[Any, ...]], ids: list[int], by_token: bool) -> dict[int, Loaded]:
    """Facts for each id: its own rows, and for an unknown one the caller's half of any row."""
    if not rows:
        return {}
    mine: dict[int | None, list[tuple[Any, ...]]] = {}
    ends: tuple[Any, ...] | None = None
    for row in rows:
        if row[0] == _ENDS_TAG:
            ends = tuple(row[_FIRST_END : _FIRST_END + 2])
        else:
            mine.setdefault(row[_FIRST_NODE], []).append(row)
    head = tuple(next(row for row in rows if row[0] == 0))
    unknown = [head[:_FIRST_NODE] + (None,) * len(_NODE_TYPES) + head[_FIRST_ROUTE:]]
    loaded: dict[int, Loaded] = {}
    first: Facts | None = None
    for one in ids:
        built = _build(mine.get(one, unknown), one, kind_of(one), by_token, ends, first)
        if built is not None:
            loaded[one] = built
            first = first or built.facts
    return loaded


@lru_cache(maxsize=4096)
def scope_set(text: str) -> frozenset[str]:
    """The set that a stored comma list of scopes means."""
    return frozenset(text.split(",")) if text else frozenset()


def scope_list(text: str) -> list[str]:
    """The stored comma list of scopes, in order."""
    return [name for name in text.split(",") if name]


_instant = lru_cache(maxsize=16_384)(from_micros)
"""Instants recur (a claim's, an app's, an hour's of tokens): looking one up costs a sixth of making it."""


def _at(micros: int | None) -> Any:
    return None if micros is None else _instant(micros)


_FIRST_END = 1 + len(_TOKEN_COLUMNS) - len(_ENDS)
_FIRST_NODE = 1 + len(_TOKEN_COLUMNS) + len(_ACCOUNT_COLUMNS)
_FIRST_ROUTE = _FIRST_NODE + len(_NODE_TYPES)


_ACCOUNT_KINDS = {kind.value: kind for kind in AccountKind}
_TOKEN_KINDS = {kind.value: kind for kind in TokenKind}
_CAUSES = {cause.value: cause for cause in EndCause}
_REASONS = {reason.value: reason for reason in Reason}
_ADMIN = Role.ADMIN.value
_EVERY: dict[NodeKind | None, int] = {kind: int(tasks) for kind, tasks in ADMIN_TASKS.items()}


@lru_cache(maxsize=4096)
def _tasks(held: int, lent: int | None) -> Task:
    """A stored set of tasks, at most what was lent."""
    return Task(held) if lent is None else Task(held) & Task(lent)


def _build(
    rows: list[tuple[Any, ...]],
    node_id: int | None,
    kind: NodeKind | None,
    by_token: bool,
    ends: tuple[Any, ...] | None = None,
    first: Facts | None = None,
) -> Loaded | None:
    """Facts from the branches' rows. Branch 0 is among them unless the token vanished (it is then None).

    ``ends``: of what the token selected, where branch 0 does not hold them. ``first``: facts of another node from the same
    reading, whose parts these share where they say the same.
    """
    head: tuple[Any, ...] | None = None
    routes: list[Route] = []
    for row in rows:
        if row[0] == 0:
            head = row if type(row) is tuple else tuple(row)
        else:
            routes.append(_build_route(row[_FIRST_ROUTE : _FIRST_ROUTE + 10], kind))
    if head is None:
        return None
    (
        _,
        token_kind,
        app_id,
        page_id,
        scopes,
        authorized,
        expires,
        revoked,
        because,
        parent_revoked,
    ) = head[:10]
    disabled = head[10]
    grant_id, grant_scopes, grant_revoked, lapses = head[14:18]
    (account_id, account_kind, suspended, deleted) = head[20:24]
    selected, node_business, name = head[25:28]
    node = None if node_id is None or kind is None or name is None else NodeFacts(node_id, kind, node_business)
    grant = (
        None
        if grant_id is None
        else GrantFacts(scope_set(grant_scopes), _at(grant_revoked), _at(selected), _at(lapses))
    )
    if first is not None:
        grant = first.grant if first.grant == grant else grant
        return _loaded(Facts(first.account, first.token, first.app, grant, node, tuple(routes)), head, ends)
    facts = Facts(
        account=None
        if account_id is None
        else AccountFacts(account_id, _ACCOUNT_KINDS[account_kind], _at(suspended), _at(deleted)),
        token=TokenFacts(
            _TOKEN_KINDS[token_kind],
            _instant(authorized),
            scope_set(scopes),
            _at(expires),
            _at(revoked),
            _REASONS[because] if because else Reason.TOKEN_REVOKED,
            _at(parent_revoked),
            page_id,
        )
        if by_token
        else None,
        app=AppFacts(app_id, _at(disabled)) if by_token else None,
        grant=grant,
        node=node,
        routes=tuple(routes),
    )
    return _loaded(facts, head, ends)


def _loaded(facts: Facts, head: tuple[Any, ...], ends: tuple[Any, ...] | None) -> Loaded:
    """Facts with what else branch 0 says."""
    app_id, (secret, require_proof, limits, grant_id) = head[2], head[11:15]
    name, details = head[27:29]
    return Loaded(
        facts,
        app_id or 0,
        grant_id,
        secret or b"",
        bool(require_proof),
        name or "",
        details or "{}",
        limits,
        _first(*(ends or head[18:20])),
    )


def _first(one: int | None, other: int | None) -> datetime | None:
    """The earlier of two stored ends."""
    if one is None and other is None:
        return None
    return _at(min(end for end in (one, other) if end is not None))  # type: ignore[no-any-return]


@lru_cache(maxsize=4096)
def _build_route(columns: tuple[Any, ...], kind: NodeKind | None) -> Route:
    """One way: an admin holds every task, a share limits them to what was lent. Equal ways are one object."""
    (
        role,
        tasks,
        starts,
        ends,
        cause,
        handed_over,
        lent,
        share_starts,
        share_ends,
        suspended,
    ) = columns
    held = _EVERY.get(kind, 0) if role == _ADMIN else tasks or 0
    return Route(
        tasks=_tasks(held, lent),
        membership=None if starts is None else Interval(_instant(starts), _at(ends)),
        end_cause=_CAUSES[cause] if cause else None,
        handed_over=_at(handed_over),
        share=None if lent is None else Interval(_instant(share_starts), _at(share_ends)),
        business_suspended=_at(suspended),
    )
