"""What a living token has lost of what it was granted, told by business (``wire.md`` §2.3, L6)."""

from dataclasses import dataclass
from datetime import datetime

from workbadge.access import Ask, Deny, decide
from workbadge.store import facts, inspections
from workbadge.store.facts import Loaded, Reader
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import ASSET_KINDS, Act, NodeKind, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import tasks_for

_ALIVE = Ask(Act.READ, personal=True)
_ASKS = {kind: Ask(Act.LIST, tasks=tasks_for(kind, Act.LIST)) for kind in (*ASSET_KINDS, NodeKind.BUSINESS)}
ENDED = frozenset(
    {
        Reason.MEMBERSHIP_ENDED,
        Reason.SHARE_ENDED,
        Reason.BUSINESS_SUSPENDED,
        Reason.GRACE_ENDED,
        Reason.DEADLINE_PASSED,
        Reason.HANDED_OVER,
        Reason.LEAVER,
    }
)
"""Reasons that mean: it was so once, and has ended."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A business of which something that was selected is no longer reached: which, since when, why."""

    business_id: int
    since: datetime
    reason: Reason


async def list_lost(reader: Reader, token_hash: bytes, loaded: Loaded, now: datetime) -> list[Lost]:
    """By business id; empty for a token that is not alive. The cause is that of the first selected node that is lost.

    Each node is decided like a call that lists it; a few of each business are looked at. Without a query while what was
    read is kept, and without anything at all before ``loaded.loses_at``.
    """
    token, account = loaded.facts.token, loaded.facts.account
    if loaded.loses_at is None or now < loaded.loses_at or loaded.grant_id is None or account is None or token is None:
        return []
    if isinstance(decide(loaded.facts, _ALIVE, now), Deny):
        return []
    rows = await inspections.list_ending_targets(reader, loaded.grant_id, account.id)
    if token.kind is TokenKind.PAGE:
        rows = [(target, business) for target, business in rows if target == token.page_id]
    found = await facts.load_many(reader, token_hash, [target for target, _ in rows])
    lost: dict[int, Lost] = {}
    for target, business in rows:
        kind = kind_of(target)
        if business is None or business in lost or kind not in _ASKS or target not in found:
            continue
        decision = decide(found[target].facts, _ASKS[kind], now)
        if isinstance(decision, Deny) and decision.reason in ENDED and decision.since is not None:
            lost[business] = Lost(business, decision.since, decision.reason)
    return [lost[business] for business in sorted(lost)]
