"""The rules said once more, plainly and slowly, over the rows of a world: what ``decide`` must agree with.

Nothing of ``workbadge.access`` is used here. It answers yes or no and knows no reasons and no ends.
"""

from datetime import datetime

from tests.access.worlds import Node, World
from workbadge.lifecycle.changes import MembershipState
from workbadge.terms.kinds import AccountKind, Act, NodeKind, Role, TokenKind
from workbadge.terms.scopes import scopes_for
from workbadge.terms.tasks import TASKS_OF, tasks_for


def naive(
    world: World, act: Act, node: int, now: datetime, token: str | None = None, account: int | None = None
) -> bool:
    """Whether a token, or an account in its own session, may do ``act`` on a node."""
    if token is not None:
        account = world.tokens[token].account
        if not _token_lets(world, act, node, now, token):
            return False
    if account is None:
        return False
    who = world.accounts[account]
    if any(end is not None and now >= end for end in (who.suspended, who.deleted)):
        return False
    target = world.nodes[node]
    if who.kind is AccountKind.PERSONAL and world.direct.get((account, node), 0) & tasks_for(target.kind, act):
        return True
    places = [place for place in world.memberships.values() if place.account_id == account]
    return any(_place_lets(world, place, act, target, now, token) for place in places)


def _token_lets(world: World, act: Act, node: int, now: datetime, name: str) -> bool:
    """The token lives, its consent covers the scope, and the node was chosen."""
    token = world.tokens[name]
    facts = token.facts
    if token.grant is None or any(
        end is not None and now >= end for end in (facts.revoked, facts.parent_revoked, facts.expires)
    ):
        return False
    if facts.kind is TokenKind.PAGE and facts.page_id != node:
        return False
    grant = world.grants[token.grant]
    if not scopes_for(world.nodes[node].kind, act) & grant.scopes & facts.scopes:
        return False
    if grant.lapses is not None and now >= grant.lapses:
        return False
    chosen = grant.selected.get(node)
    return chosen is not None and now >= chosen


def _place_lets(world: World, place: MembershipState, act: Act, target: Node, now: datetime, token: str | None) -> bool:
    """One membership leads to the node: it is open, not handed over for this caller, and has the tasks."""
    if now < place.starts or (place.ends is not None and now >= place.ends):
        return False
    if place.handed_over is not None and now >= place.handed_over:
        if token is None:
            return False
        grant = world.grants[world.tokens[token].grant or ""]
        consented, chosen = world.tokens[token].facts.authorized, grant.selected[target.id]
        if act is Act.MANAGE or consented > place.handed_over or chosen > place.handed_over:
            return False
    admin = place.role is Role.ADMIN
    if target.kind is NodeKind.BUSINESS:
        return place.business_id == target.id and (admin or act not in (Act.WRITE, Act.MANAGE))
    held = TASKS_OF[target.kind] if admin else place.assignments.get(target.id, 0)
    needed = tasks_for(target.kind, act)
    if place.business_id == target.owner and held & needed:
        return True
    return any(
        held & share.tasks & needed
        for share in world.shares.values()
        if share.asset == target.id
        and share.partner == place.business_id
        and share.runs.starts <= now
        and (share.runs.ends is None or now < share.runs.ends)
    )
