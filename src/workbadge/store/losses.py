"""When a grant lapses, and what of a token's selections ends: nodes whose business its account leaves, or whose share into such a business ends.

Everything starts from the account's memberships, of which there are few, and goes on by index, so that the cost does not
grow with what a grant selected or a partner borrows. Whether something is lost is never read from here: ``decide`` says it.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, func, literal_column, or_, select, type_coerce

from workbadge.lifecycle.data_access import UNUSED
from workbadge.terms.instants import EPOCH, to_micros

from .schema import business, grant_target, membership, share, token

_UNUSED = literal_column(str(to_micros(EPOCH + UNUSED)), BigInteger)


def persons_lapse(grant: Any) -> ColumnElement[int]:
    """``lifecycle.data_access.lapses_at`` for a person's grant, in microseconds; ``grant``: the table or an alias of it."""
    consented, used = grant.c.consented_at, grant.c.last_used_at
    return type_coerce(case((used > consented, used), else_=consented), BigInteger) + _UNUSED


SAMPLE = 16
"""Nodes of one business that are looked at to find out whether anything of it is lost."""


def _ending() -> ColumnElement[bool]:
    """The membership has an end, or its business is suspended, or it was handed over."""
    return or_(
        membership.c.ends.is_not(None), membership.c.handed_over.is_not(None), business.c.suspended_at.is_not(None)
    )


def _end(authorized: ColumnElement[Any]) -> ColumnElement[Any]:
    """From when on a membership gives nothing to what was authorized at an instant; null: no end is known (M5)."""
    after = and_(membership.c.handed_over.is_not(None), membership.c.handed_over < authorized)
    suspended = and_(
        business.c.suspended_at.is_not(None),
        or_(membership.c.ends.is_(None), business.c.suspended_at < membership.c.ends),
    )
    return case((after, membership.c.handed_over), (suspended, business.c.suspended_at), else_=membership.c.ends)


def membership_end() -> ColumnElement[Any]:
    """The first end of a membership by which the enclosing query's ``token`` selected something; null: there is none."""
    owned = (
        select(grant_target.c.target_id)
        .where(grant_target.c.business_id == membership.c.business_id, grant_target.c.grant_id == token.c.grant_id)
        .correlate(membership, token)
        .exists()
    )
    lent = (
        select(share.c.id)
        .join(grant_target, grant_target.c.target_id == share.c.asset_id)
        .where(share.c.partner_business_id == membership.c.business_id, grant_target.c.grant_id == token.c.grant_id)
        .correlate(membership, token)
        .exists()
    )
    return (
        select(func.min(_end(token.c.authorized_at)))
        .select_from(membership.join(business, business.c.id == membership.c.business_id))
        .where(membership.c.account_id == token.c.account_id, _ending(), or_(owned, lent))
        .correlate(token)
        .scalar_subquery()
    )


def share_end() -> ColumnElement[Any]:
    """The first end of a share by which the enclosing query's ``token`` selected something; null: there is none."""
    return (
        select(func.min(share.c.ends))
        .select_from(
            membership.join(share, share.c.partner_business_id == membership.c.business_id).join(
                grant_target, grant_target.c.target_id == share.c.asset_id
            )
        )
        .where(
            membership.c.account_id == token.c.account_id,
            share.c.ends.is_not(None),
            grant_target.c.grant_id == token.c.grant_id,
        )
        .correlate(token)
        .scalar_subquery()
    )


def ending_targets(grant: ColumnElement[Any], account: ColumnElement[Any]) -> Select[Any]:
    """``target_id`` and ``business_id`` of selected nodes on a way that ends or ended, ``SAMPLE`` of each business at most."""
    mine = and_(grant_target.c.grant_id == grant, membership.c.account_id == account)
    owned = (
        select(grant_target.c.target_id, grant_target.c.business_id)
        .select_from(
            membership.join(business, business.c.id == membership.c.business_id).join(
                grant_target, grant_target.c.business_id == membership.c.business_id
            )
        )
        .where(mine, _ending())
    )
    lent = (
        select(grant_target.c.target_id, grant_target.c.business_id)
        .select_from(
            membership.join(business, business.c.id == membership.c.business_id)
            .join(share, share.c.partner_business_id == membership.c.business_id)
            .join(grant_target, grant_target.c.target_id == share.c.asset_id)
        )
        .where(mine, or_(_ending(), share.c.ends.is_not(None)))
    )
    both = owned.union(lent).subquery("ending")
    place = func.row_number().over(partition_by=both.c.business_id, order_by=both.c.target_id).label("place")
    ranked = select(both.c.target_id, both.c.business_id, place).subquery("ranked")
    columns = (ranked.c.target_id, ranked.c.business_id)
    return select(*columns).where(ranked.c.place <= SAMPLE).order_by(ranked.c.business_id, ranked.c.target_id)
