"""Facts, Ask, Decision: what is known, what is wanted, what comes out (``design.md`` §2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from workbadge.terms.instants import Interval
from workbadge.terms.kinds import AccountKind, Act, EndCause, NodeKind, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import NONE, Task


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A presented token.

    ``authorized`` is the instant of the consent that the token descends from: exchanges and page tokens
    inherit it, so that a token made in grace from an older one still counts as issued before (M6), and one
    from a newer consent does not (M5). ``scopes`` are those of that consent; they never grow.
    """

    kind: TokenKind
    authorized: datetime
    scopes: frozenset[str]
    expires: datetime | None = None
    revoked: datetime | None = None
    revoked_because: Reason = Reason.TOKEN_REVOKED
    parent_revoked: datetime | None = None
    page_id: int | None = None


@dataclass(frozen=True, slots=True)
class AppFacts:
    """The app that presents the token."""

    id: int
    disabled: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """The standing record between account and app. ``selected``: when the asked node was first selected, if it is.
    ``lapses``: when it gives no more access unless the app uses it before (``lifecycle.data_access``)."""

    scopes: frozenset[str]
    revoked: datetime | None = None
    selected: datetime | None = None
    lapses: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The account that the caller acts for."""

    id: int
    kind: AccountKind
    suspended: datetime | None = None
    deleted: datetime | None = None


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The asked node: an asset or a business."""

    id: int
    kind: NodeKind
    business_id: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One way from the account to the node.

    Direct role: ``membership`` None, ``share`` None. Owned here: ``membership``. Lent to the membership's
    business: ``membership`` and ``share``. ``tasks`` are those that hold on this way (an admin's: all; a
    share's: at most what was lent). ``handed_over``: when a claim handed this membership's business over to
    the managed account; from then on only what was authorized before goes this way (M5).
    """

    tasks: Task
    membership: Interval | None = None
    end_cause: EndCause | None = None
    handed_over: datetime | None = None
    share: Interval | None = None
    business_suspended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known about one Ask. ``token``, ``app`` and ``grant`` are None for a person's own session."""

    account: AccountFacts | None
    token: TokenFacts | None = None
    app: AppFacts | None = None
    grant: GrantFacts | None = None
    node: NodeFacts | None = None
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted. ``personal``: the account's own data, no node. ``scopes``: any one of them suffices, empty: none needed."""

    act: Act
    personal: bool = False
    scopes: frozenset[str] = frozenset()
    tasks: Task = NONE


@dataclass(frozen=True, slots=True)
class Allow:
    """Yes, until the earliest end of what the answer rests on (None: no end is known).

    ``reach_until`` is the end of the latest route alone, whatever the token's own life: the instant that
    ``user_access_expire_time``, banner, mails and webhooks show when ``because`` is GRACE (M15, I8).
    """

    until: datetime | None
    because: Reason
    reach_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deny:
    """No, why, and since when (None: it never was otherwise, or it is not known)."""

    reason: Reason
    since: datetime | None = None


Decision: TypeAlias = Allow | Deny
