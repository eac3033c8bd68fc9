"""The headline counted where the rows are: how many connections are in which state (B3, design.md §1).

It must be what ``commands.coverage`` finds connection by connection; ``tests/commands/test_connections.py`` builds random worlds
and demands that.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, and_, case, func, literal, or_, select, type_coerce

from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import Act
from workbadge.terms.scopes import scopes_for
from workbadge.terms.tasks import TASKS_OF

from .coverage import Whose, carrying, covering, held
from .engine import Tx
from .schema import asset
from .schema.business_login import install


@dataclass(frozen=True, slots=True)
class Counts:
    """How many connections are in each state."""

    at_risk: int
    reconnected: int
    lost: int
    recovered: int


async def count_connections(tx: Tx, whose: Whose, now: datetime) -> Counts:
    """How many of the connections in ``whose`` are at risk, reconnected before the old login ended, lost, recovered later."""
    row = await tx.one(_states(_connections(_latest(_assets(whose, now))), now))
    return Counts(*(0, 0, 0, 0)) if row is None else Counts(*(int(one or 0) for one in row))


def _micros(column: Any) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def _reads(scopes: ColumnElement[str], kind: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a grant's scopes suffice to read an asset of a kind."""
    listed = literal(",") + scopes + literal(",")
    return or_(
        *(
            and_(kind == one.value, or_(*(listed.contains(f",{name},", autoescape=True) for name in sorted(names))))
            for one in TASKS_OF
            if (names := scopes_for(one, Act.READ))
        )
    )


def _since(whose: Whose, now: datetime) -> CTE:
    """business_id, app_id, asset_id, since: from when an app reaches an asset as a system user of the business (L4)."""
    where: list[ColumnElement[bool]] = []
    if whose.business_id is not None:
        where.append(install.c.business_id == whose.business_id)
    if whose.app_id is not None:
        where.append(install.c.app_id == whose.app_id)
    found = held(now).where(*where).subquery("held_here")
    swapped, selected = _micros(found.c.swapped_at), _micros(found.c.selected_at)
    since = func.min(case((swapped > selected, swapped), else_=selected))
    keys = (found.c.business_id, found.c.app_id, found.c.asset_id)
    statement = select(*keys, since.label("since")).join(asset, asset.c.id == found.c.asset_id)
    return statement.where(_reads(found.c.scopes, asset.c.kind)).group_by(*keys).cte("since")


def _assets(whose: Whose, now: datetime) -> CTE:
    """Each asset that live tokens of an old login carry, by grant: the keys, ends (of the old login), and since when the app
    reaches it without that login (None: it does not). ``commands.coverage`` says why."""
    row, live, since = covering(whose, now).cte("covering"), carrying(whose).cte("carrying"), _since(whose, now)
    user, page = live.alias("by_user"), live.alias("by_page")
    ends, handed = _micros(row.c.ends), _micros(row.c.handed_over)
    new = case((_reads(row.c.new_scopes, row.c.kind), _micros(row.c.again_at)))
    again = case((or_(new.is_(None), since.c.since < new), func.coalesce(since.c.since, new)), else_=new)
    at = case(
        (and_(handed.is_not(None), again.is_not(None)), handed),
        (ends < to_micros(now), ends),
        else_=literal(to_micros(now), BigInteger),
    )
    theirs = (row.c.business_id, row.c.personal_id, row.c.grant_id)

    def of(tokens: Any) -> ColumnElement[bool]:
        return and_(*(tokens.c[key.name] == key for key in theirs))

    source = (
        row.outerjoin(user, and_(of(user), user.c.page_id.is_(None)))
        .outerjoin(page, and_(of(page), page.c.page_id == row.c.asset_id))
        .outerjoin(since, and_(*(since.c[name] == row.c[name] for name in ("business_id", "app_id", "asset_id"))))
    )
    keys = (row.c.business_id, row.c.personal_id, row.c.app_id, row.c.asset_id, row.c.created_at)
    return (
        select(*keys, ends.label("ends"), again.label("again"))
        .select_from(source)
        .where(
            or_(since.c.since.is_(None), since.c.since > handed),
            or_(row.c.revoked_at.is_(None), _micros(row.c.revoked_at) > at),
            or_(user.c.ends > at, page.c.ends > at),
            _reads(row.c.scopes, row.c.kind),
        )
        .cte("carried")
    )


def _latest(assets: CTE) -> CTE:
    """Each asset once, by the newest grant that carries it; ``ends``: those of the connection's first asset."""
    theirs = (assets.c.business_id, assets.c.personal_id, assets.c.app_id)
    newest = _micros(assets.c.created_at).desc()
    place = func.row_number().over(partition_by=(*theirs, assets.c.asset_id), order_by=newest)
    ends = func.first_value(assets.c.ends).over(partition_by=theirs, order_by=(assets.c.asset_id, newest))
    ranked = select(*theirs, assets.c.again, ends.label("ends"), place.label("place")).subquery("ranked")
    return select(ranked).where(ranked.c.place == 1).cte("latest")


def _connections(latest: CTE) -> CTE:
    """Each connection: when the old login ends, and when the last of its assets was reached again (None: one is missing)."""
    all_again = func.count(latest.c.again) == func.count()
    covered = case((all_again, func.max(latest.c.again)))
    return (
        select(func.min(latest.c.ends).label("ends"), covered.label("covered"))
        .group_by(latest.c.business_id, latest.c.personal_id, latest.c.app_id)
        .cte("connections")
    )


def _states(found: CTE, now: datetime) -> Select[Any]:
    """The counts, in the order of ``Counts``."""
    covered, ends = found.c.covered, found.c.ends
    in_time = or_(ends.is_(None), covered < ends)
    over = and_(ends.is_not(None), ends <= to_micros(now))
    wanted = (
        and_(covered.is_(None), ~over),
        and_(covered.is_not(None), in_time),
        and_(covered.is_(None), over),
        and_(covered.is_not(None), ~in_time),
    )
    return select(*(func.sum(case((one, 1), else_=0)) for one in wanted))
