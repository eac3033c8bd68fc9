"""Places in businesses as apps see them: who holds one, who has tasks on an asset. Handed-over places are not among them.

Rows carry ``id`` (the membership's), ``made`` (since when), ``role``, ``business_id``, ``business_name``, ``account_id``,
``name``, ``email``, ``kind``, ``created_at`` (the account's), ``ends`` (the place's), ``title``, ``finance_permission``,
``ip_permission``, ``created_by`` (an account); those of an asset also ``tasks``.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select

from workbadge.terms.kinds import AccountKind
from workbadge.terms.tasks import Task

from .engine import Tx
from .fence import Fence, count_rows
from .schema import account, assignment, business, membership
from .schema.portfolio import place_profile
from .window import Rows, Window, read_window

_SYSTEM = AccountKind.SYSTEM.value


def _open(now: datetime) -> ColumnElement[bool]:
    """A place that is open and was not handed over."""
    return and_(
        membership.c.starts <= now,
        or_(membership.c.ends.is_(None), membership.c.ends > now),
        or_(membership.c.handed_over.is_(None), membership.c.handed_over > now),
    )


def _seats(now: datetime) -> Select[Any]:
    """Open places with who holds them and where."""
    return (
        select(
            membership.c.id,
            membership.c.starts.label("made"),
            membership.c.role,
            membership.c.business_id,
            business.c.name.label("business_name"),
            membership.c.account_id,
            account.c.name,
            account.c.email,
            account.c.kind,
            account.c.created_at,
            membership.c.ends,
            place_profile.c.title,
            place_profile.c.finance_permission,
            place_profile.c.ip_permission,
            place_profile.c.created_by,
        )
        .join(account, account.c.id == membership.c.account_id)
        .join(business, business.c.id == membership.c.business_id)
        .outerjoin(place_profile, place_profile.c.membership_id == membership.c.id)
        .where(_open(now))
    )


def _kind(system: bool) -> ColumnElement[bool]:
    return account.c.kind == _SYSTEM if system else account.c.kind != _SYSTEM


def _in_business(business_id: int, system: bool, now: datetime) -> Select[Any]:
    return _seats(now).where(membership.c.business_id == business_id, _kind(system))


async def list_seats(tx: Tx, business_id: int, system: bool, now: datetime, window: Window) -> Rows:
    """People (or system users) who hold a place in a business at ``now``."""
    statement, fence = _in_business(business_id, system, now), Fence.around(membership.c.business_id, business_id)
    return await read_window(tx, statement, fence, window, membership.c.id, membership.c.starts)


async def count_seats(tx: Tx, business_id: int, system: bool, now: datetime) -> int:
    """How many people (or system users) hold a place in a business."""
    fence = Fence.around(membership.c.business_id, business_id)
    return await count_rows(tx, _in_business(business_id, system, now), fence)


def _of_account(account_id: int, business_ids: list[int], now: datetime) -> Select[Any]:
    return _seats(now).where(membership.c.account_id == account_id, membership.c.business_id.in_(business_ids))


async def list_places(tx: Tx, account_id: int, business_ids: list[int], now: datetime, window: Window) -> Rows:
    """The places of an account in some businesses."""
    statement, fence = _of_account(account_id, business_ids, now), Fence.around(membership.c.account_id, account_id)
    return await read_window(tx, statement, fence, window, membership.c.id, membership.c.starts)


async def count_places(tx: Tx, account_id: int, business_ids: list[int], now: datetime) -> int:
    """How many places ``list_places`` lists."""
    fence = Fence.around(membership.c.account_id, account_id)
    return await count_rows(tx, _of_account(account_id, business_ids, now), fence)


async def find_seat(
    tx: Tx, now: datetime, membership_id: int | None = None, account_id: int | None = None
) -> Row[Any] | None:
    """One place that ``list_seats`` would list, by its membership or (a system user's) by its account."""
    which = membership.c.account_id == account_id if membership_id is None else membership.c.id == membership_id
    return await tx.one(_seats(now).where(which).order_by(membership.c.id))


def _on_asset(asset_id: int, business_id: int, lent: Task, now: datetime) -> Select[Any]:
    held = assignment.c.tasks.bitwise_and(int(lent))
    return (
        _seats(now)
        .add_columns(held.label("tasks"))
        .join(assignment, assignment.c.membership_id == membership.c.id)
        .where(assignment.c.asset_id == asset_id, membership.c.business_id == business_id, held != 0)
    )


async def list_assigned(tx: Tx, asset_id: int, business_id: int, lent: Task, now: datetime, window: Window) -> Rows:
    """Who of a business has tasks on an asset; ``lent``: those that the business has on it at all."""
    statement, fence = _on_asset(asset_id, business_id, lent, now), Fence.around(assignment.c.asset_id, asset_id)
    return await read_window(tx, statement, fence, window, membership.c.id, membership.c.starts)


async def count_assigned(tx: Tx, asset_id: int, business_id: int, lent: Task, now: datetime) -> int:
    """How many of a business have tasks on an asset."""
    fence = Fence.around(assignment.c.asset_id, asset_id)
    return await count_rows(tx, _on_asset(asset_id, business_id, lent, now), fence)
