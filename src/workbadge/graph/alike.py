"""Deciding many nodes of one caller at one instant: what is alike is decided once."""

from datetime import datetime

from workbadge.access import Ask, Decision, Facts, decide


class Alike:
    """``decide`` for one request of many reads. ``decide`` is pure, and an instant is fixed here: equal facts, equal answers.

    Nodes are alike when kind and business are equal and all else is the very same objects (``store.facts`` shares what one
    reading says twice). Their ids may differ: only a page's token is decided by the node's id, and that is never shared.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._known: dict[tuple[object, ...], tuple[Facts, Ask, Decision]] = {}

    def decide(self, facts: Facts, ask: Ask) -> Decision:
        """As ``access.decide`` at this instant."""
        node, token, grant = facts.node, facts.token, facts.grant
        if node is None or token is None or token.page_id is not None:
            return decide(facts, ask, self._now)
        routes = facts.routes
        way = id(routes[0]) if len(routes) == 1 else tuple(map(id, routes))
        key = (id(ask), node.kind, node.business_id, id(token), id(facts.app), id(grant), id(facts.account), way)
        found = self._known.get(key)
        if found is None:
            # Facts and ask are held, so that no other object can come to have the id of a part of them.
            found = self._known[key] = (facts, ask, decide(facts, ask, self._now))
        return found[2]
