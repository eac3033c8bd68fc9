"""The table of checks. Each is one rule on one screen.

A check answers ``Held`` (with the instant at which it would stop holding) or ``Deny``. All must hold; the
order picks only which reason is shown. Groups, in this order: token alive · app alive · grant covers · account
active · route to the node, where per route: share open · membership open, business active · migration and
grace · tasks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from workbadge.terms.instants import earliest
from workbadge.terms.kinds import AccountKind, Act, EndCause, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import TASKS_OF

from .facts import Ask, Deny, Facts, Route


@dataclass(slots=True)
class Held:
    """The check holds, until (None: no end known); ``because`` only where a check decides the answer's cause."""

    until: datetime | None = None
    because: Reason | None = None


HOLDS = Held()


def _until(ends: datetime | None) -> Held:
    """The check holds until ``ends``: an end that is known is never left out, whatever it is the end of (I8)."""
    return HOLDS if ends is None else Held(ends)


Check: TypeAlias = Callable[[Facts, Ask, datetime], Held | Deny]
RouteCheck: TypeAlias = Callable[[Route, Facts, Ask, datetime], Held | Deny]


# --- token alive -----------------------------------------------------------------------------------------


def token_not_revoked(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A revoked token is dead from that instant on; a page token dies with its parent (9.26)."""
    token = facts.token
    if token is None or (token.revoked is None and token.parent_revoked is None):
        return HOLDS
    if token.revoked is not None and token.revoked <= now:
        return Deny(token.revoked_because, token.revoked)
    if token.parent_revoked is not None and token.parent_revoked <= now:
        return Deny(Reason.PARENT_REVOKED, token.parent_revoked)
    return _until(earliest(token.revoked, token.parent_revoked))


def token_not_expired(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A token holds for ``now < expires``, without leeway (OA-66)."""
    token = facts.token
    if token is None or token.expires is None:
        return HOLDS
    return Held(token.expires) if now < token.expires else Deny(Reason.TOKEN_EXPIRED, token.expires)


def page_token_on_its_page(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A page token reaches its own page and nothing else (MT-10)."""
    token = facts.token
    if token is None or token.kind is not TokenKind.PAGE or ask.personal:
        return HOLDS
    return HOLDS if facts.node is not None and facts.node.id == token.page_id else Deny(Reason.OTHER_PAGE)


# --- app alive -------------------------------------------------------------------------------------------


def app_not_disabled(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A disabled app reaches nothing."""
    disabled = facts.app.disabled if facts.app is not None else None
    if disabled is not None and disabled <= now:
        return Deny(Reason.APP_DISABLED, disabled)
    return _until(disabled)


def somebody_is_meant(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """An app token stands for no account: it reaches neither assets nor personal data."""
    return Deny(Reason.NO_ACCOUNT) if facts.account is None else HOLDS


# --- grant covers ----------------------------------------------------------------------------------------


def grant_stands(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A token lives under a grant that nobody took back (``wire.md`` §3.5)."""
    if facts.token is None or facts.token.kind is TokenKind.APP:
        return HOLDS
    grant = facts.grant
    if grant is None:
        return Deny(Reason.APP_REMOVED)
    if grant.revoked is not None and grant.revoked <= now:
        return Deny(Reason.APP_REMOVED, grant.revoked)
    return _until(grant.revoked)


def grant_in_use(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """What an app has not used for ninety days it must be granted again (``wire.md`` §6.8). The token stays valid: whom it
    stands for is still told."""
    grant = facts.grant
    if grant is None or grant.lapses is None or (ask.personal and not ask.scopes):
        return HOLDS
    return Held(grant.lapses) if now < grant.lapses else Deny(Reason.GRANT_LAPSED, grant.lapses)


def scope_granted(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """One of the needed scopes stands in the grant and stood in the token's own consent."""
    if facts.token is None or not ask.scopes:
        return HOLDS
    granted = facts.grant.scopes if facts.grant is not None else frozenset[str]()
    if ask.scopes.isdisjoint(facts.token.scopes & granted):
        return Deny(Reason.SCOPE_MISSING)
    return HOLDS


def node_selected(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """The account chose this node for this app; later assets are never included by themselves (MT-16)."""
    if facts.token is None or ask.personal:
        return HOLDS
    selected = facts.grant.selected if facts.grant is not None else None
    return HOLDS if selected is not None and selected <= now else Deny(Reason.NOT_SELECTED)


# --- account active --------------------------------------------------------------------------------------


def account_active(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A suspended or deleted account reaches nothing (A5, I7)."""
    account = facts.account
    if account is None or (account.suspended is None and account.deleted is None):
        return HOLDS
    if account.deleted is not None and account.deleted <= now:
        return Deny(Reason.ACCOUNT_DELETED, account.deleted)
    if account.suspended is not None and account.suspended <= now:
        return Deny(Reason.ACCOUNT_SUSPENDED, account.suspended)
    return _until(earliest(account.suspended, account.deleted))


# --- route to the node -----------------------------------------------------------------------------------


def direct_only_for_personal(route: Route, facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """Only a personal account reaches an asset without a business (A2)."""
    if route.membership is None and facts.account is not None and facts.account.kind is not AccountKind.PERSONAL:
        return Deny(Reason.NO_ROUTE)
    return HOLDS


def share_open(route: Route, facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A lent asset is reached while the share runs."""
    if route.share is None:
        return HOLDS
    if route.share.covers(now):
        return Held(route.share.ends)
    return Deny(Reason.SHARE_ENDED, route.share.ends) if route.share.starts <= now else Deny(Reason.NO_ROUTE)


_ENDED = {
    EndCause.GRACE: Reason.GRACE_ENDED,
    EndCause.DEADLINE: Reason.DEADLINE_PASSED,
    EndCause.LEAVER: Reason.LEAVER,
}


def membership_open(route: Route, facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A membership holds for ``starts <= now < ends``: the cut-off is decided here, by nothing else (M7, M9)."""
    if route.membership is None:
        return HOLDS
    if route.membership.covers(now):
        return Held(route.membership.ends)
    if now < route.membership.starts:
        return Deny(Reason.NO_ROUTE)
    cause = route.end_cause
    return Deny(
        _ENDED.get(cause, Reason.MEMBERSHIP_ENDED) if cause else Reason.MEMBERSHIP_ENDED,
        route.membership.ends,
    )


def business_active(route: Route, facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """A suspended business gives no way to anything."""
    if route.business_suspended is not None and route.business_suspended <= now:
        return Deny(Reason.BUSINESS_SUSPENDED, route.business_suspended)
    return _until(route.business_suspended)


def authorized_before_handover(route: Route, facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """From the claim on, only what was authorized before still goes by the old login (M5, M6).

    Both count: the token's own consent, and the selection of this node. A person's session in the console or
    in the dialog has neither, so it is refused at once. What was authorized in the very instant of the claim
    counts as before it (a world's clock stands still); a consent that comes after a claim in the same instant is
    written as authorized one microsecond later (``commands.grant``). Managing is the managed account's alone: what an
    old token gave away in grace would outlive the cut-off (I2, I6, M5, MT-18).
    """
    handed_over = route.handed_over
    if handed_over is None:
        return HOLDS
    token, grant = facts.token, facts.grant
    selected = None if grant is None else grant.selected
    if token is not None and selected is not None and max(token.authorized, selected) <= handed_over:
        if ask.act is not Act.MANAGE:
            return HOLDS
        return Held(handed_over) if now < handed_over else Deny(Reason.MANAGING_MOVED, handed_over)
    return Held(handed_over) if now < handed_over else Deny(Reason.HANDED_OVER, handed_over)


def tasks_suffice(route: Route, facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """One of the asked tasks holds on this way. None asked: any task on an asset, for other nodes any way will do."""
    if ask.tasks:
        return HOLDS if int.__and__(route.tasks, ask.tasks) else Deny(Reason.TASK_MISSING)
    asset = facts.node is not None and facts.node.kind in TASKS_OF
    return HOLDS if route.tasks or not asset else Deny(Reason.TASK_MISSING)


ROUTE_CHECKS: tuple[RouteCheck, ...] = (
    direct_only_for_personal,
    share_open,
    membership_open,
    business_active,
    authorized_before_handover,
    tasks_suffice,
)


def _because(route: Route, facts: Facts, now: datetime) -> Reason:
    """The name of the way that a route is."""
    if route.handed_over is not None and route.handed_over <= now:
        return Reason.GRACE
    if facts.account is not None and facts.account.kind is AccountKind.SYSTEM:
        return Reason.SYSTEM_USER
    if route.share is not None:
        return Reason.SHARE
    return Reason.MEMBERSHIP if route.membership is not None else Reason.DIRECT_ROLE


def _walk(route: Route, facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """One route: until the earliest end on it, or the first reason why it is closed."""
    until: datetime | None = None
    for check in ROUTE_CHECKS:
        answer = check(route, facts, ask, now)
        if answer is HOLDS:
            continue
        if isinstance(answer, Deny):
            return answer
        ends = answer.until
        if ends is not None and (until is None or ends < until):
            until = ends
    return Held(until, _because(route, facts, now))


def some_route_open(facts: Facts, ask: Ask, now: datetime) -> Held | Deny:
    """Some way leads from the account to the node; the answer ends with the last of them (M15)."""
    if ask.personal:
        return Held(None, Reason.PERSONAL_DATA)
    if facts.node is None:
        return Deny(Reason.NODE_UNKNOWN)
    best: Held | None = None
    refusal = Deny(Reason.NO_ROUTE)
    for route in facts.routes:
        answer = _walk(route, facts, ask, now)
        if isinstance(answer, Deny):
            if (answer.since is not None and (refusal.since is None or answer.since > refusal.since)) or (
                refusal.since is None and refusal.reason is Reason.NO_ROUTE
            ):
                refusal = answer
        elif best is None or _later(answer, best):
            best = answer
    return best if best is not None else refusal


def _later(one: Held, other: Held) -> bool:
    """Whether ``one`` is to be told instead of ``other``: it ends later (without an end is after any end).

    Of ways that end together a grace is told, so that the expiry is shown in whatever order the ways stand (I8).
    """
    if one.until == other.until:
        return one.because is Reason.GRACE
    if other.until is None:
        return False
    return one.until is None or one.until > other.until


CHECKS: tuple[Check, ...] = (
    token_not_revoked,
    token_not_expired,
    app_not_disabled,
    somebody_is_meant,
    grant_stands,
    account_active,
    page_token_on_its_page,
    some_route_open,
    node_selected,
    grant_in_use,
    scope_granted,
)
