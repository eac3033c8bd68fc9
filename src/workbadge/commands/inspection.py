"""What a token is and reaches now: one truth for ``/debug_token`` (``wire.md`` §3.3) and introspection (RFC 7662)."""

from dataclasses import dataclass
from datetime import datetime

from workbadge.access import Allow, Ask, Decision, Facts, decide, next_change
from workbadge.store import facts, inspections
from workbadge.store.engine import Store
from workbadge.store.facts import Loaded, Reader
from workbadge.store.inspections import About
from workbadge.terms.apps import read_limits
from workbadge.terms.ids import kind_of
from workbadge.terms.instants import earliest
from workbadge.terms.kinds import ASSET_KINDS, Act, NodeKind
from workbadge.terms.scopes import SCOPES
from workbadge.terms.tasks import tasks_for

from .app_status import closed_scopes

_ALIVE = Ask(Act.READ, personal=True)
_ASKS = {kind: Ask(Act.LIST, tasks=tasks_for(kind, Act.LIST)) for kind in (*ASSET_KINDS, NodeKind.BUSINESS)}
_RANK = {name: place for place, name in enumerate(SCOPES)}


@dataclass(frozen=True, slots=True)
class Inspected:
    """A stored token. ``decision``: whether it is alive. ``scopes``: that it has and its grant still grants, in their order."""

    loaded: Loaded
    about: About
    decision: Decision
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """One selected node that the token reaches now. ``allow``: until when, and why."""

    id: int
    kind: NodeKind
    allow: Allow


def scopes_at(known: Facts, now: datetime) -> frozenset[str]:
    """The scopes that a token has and that its grant grants at ``now``: none once the grant was not used for too long."""
    token, grant = known.token, known.grant
    if token is None or grant is None or is_lapsed(known, now):
        return frozenset()
    return token.scopes & grant.scopes


def is_lapsed(known: Facts, now: datetime) -> bool:
    """Whether a grant was not used for too long (``lifecycle.data_access``)."""
    grant = known.grant
    return grant is not None and grant.lapses is not None and grant.lapses <= now


async def scopes_in_force(store: Store, found: Inspected) -> tuple[str, ...] | None:
    """The scopes that count at present, without those that were taken from the app or to which its access is standard; None when
    every call of the app is stopped (``wire.md`` §6.8). ``/debug_token`` goes on telling what a token is."""
    limits = read_limits(found.loaded.limits)
    if limits.api:
        return None
    account = found.loaded.facts.account
    closed = await closed_scopes(store, limits, found.loaded.app_id, None if account is None else account.id)
    return tuple(one for one in found.scopes if one not in closed) if closed else found.scopes


async def inspect_token(reader: Reader, token_hash: bytes, now: datetime) -> Inspected | None:
    """What is known about a token; None when none with this hash is stored."""
    loaded = await facts.load(reader, token_hash)
    if loaded is None:
        return None
    known, account = loaded.facts, loaded.facts.account
    about = await inspections.find_about(reader, token_hash, None if account is None else account.id)
    if known.token is None or about is None:
        return None
    scopes = tuple(sorted(scopes_at(known, now), key=_RANK.__getitem__))
    return Inspected(loaded, about, decide(known, _ALIVE, now), scopes)


async def list_reached(reader: Reader, token_hash: bytes, loaded: Loaded, now: datetime) -> list[Reached]:
    """The selected nodes that an alive token reaches, by id: each decided like a call that lists it (I10, ``wire.md`` §2.3)."""
    return (await reach(reader, token_hash, loaded, now))[0]


async def reach(
    reader: Reader, token_hash: bytes, loaded: Loaded, now: datetime
) -> tuple[list[Reached], datetime | None]:
    """What ``list_reached`` says, and the first instant after ``now`` at which that can be something else, the token's own life
    included, while nothing is committed (None: there is none)."""
    change = next_change(loaded.facts, now)
    if loaded.grant_id is None:
        return [], change
    targets = await inspections.list_target_ids(reader, loaded.grant_id)
    found = await facts.load_many(reader, token_hash, targets)
    reached = []
    for node_id, each in found.items():
        kind = kind_of(node_id)
        ask = None if kind is None else _ASKS.get(kind)
        if kind is None or ask is None or each.facts.node is None:
            continue
        change = earliest(change, next_change(each.facts, now))
        decision = decide(each.facts, ask, now)
        if isinstance(decision, Allow):
            reached.append(Reached(node_id, kind, decision))
    return reached, change
