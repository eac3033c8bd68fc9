"""The decision: who reaches what, until when, and why not. Pure; imports ``terms`` only.

Read ``_checks`` top to bottom: ``CHECKS`` is the policy. ``decide`` walks it. Everything that shows an expiry
(the wire's field, the banner, mails, webhooks) shows what came out of here (I8).
"""

from ._checks import CHECKS, ROUTE_CHECKS
from ._decide import decide
from ._next_change import Standing, next_change, stand
from .facts import (
    AccountFacts,
    Allow,
    AppFacts,
    Ask,
    Decision,
    Deny,
    Facts,
    GrantFacts,
    NodeFacts,
    Route,
    TokenFacts,
)

__all__ = [
    "CHECKS",
    "ROUTE_CHECKS",
    "AccountFacts",
    "Allow",
    "AppFacts",
    "Ask",
    "Decision",
    "Deny",
    "Facts",
    "GrantFacts",
    "NodeFacts",
    "Route",
    "Standing",
    "TokenFacts",
    "decide",
    "next_change",
    "stand",
]
