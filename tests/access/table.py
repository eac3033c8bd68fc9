"""The whole policy as a text table for reviewers: ``python -m tests.access.table`` writes ``tests/tables/access.out``.

Every kind of actor × every kind of node × {read, write, list, manage, consent} × every phase of a migration. A change of policy
shows as a difference of that file (``house.md`` 27).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tests.access.worlds import DAY, TICK, World, ask_for
from workbadge.access import Allow, AppFacts, Ask, Deny, Facts, NodeFacts, TokenFacts, decide
from workbadge.lifecycle.membership import plan_leaver
from workbadge.lifecycle.migration import Claim, PersonRecord, plan_claim, plan_invite, plan_rollback
from workbadge.terms.instants import EPOCH, Interval
from workbadge.terms.kinds import ASSET_KINDS, AccountKind, Act, NodeKind, Role, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.tasks import TASKS_OF

PATH = Path(__file__).parent.parent / "tables" / "access.out"

START = EPOCH
CLAIM, LEFT, CUT_OFF, SHARE_ENDS = (START + days * DAY for days in (10, 15, 40, 50))
HOME, PARTNER = 102, 104
KINDS = (*ASSET_KINDS, NodeKind.BUSINESS)
NODE = {kind: 200 + number for number, kind in enumerate(ASSET_KINDS)} | {NodeKind.BUSINESS: HOME}
OWN = {kind: 300 + number for number, kind in enumerate(ASSET_KINDS)}
LENT = (NodeKind.PAGE, NodeKind.AD_ACCOUNT, NodeKind.PRODUCT_CATALOG)
ACTS = (Act.READ, Act.WRITE, Act.LIST, Act.MANAGE, Act.CONSENT)

EMPLOYEE, ADMIN, MISSED, LEAVER, BOTH, AGENT, STRANGER = 1, 2, 3, 4, 5, 6, 7
ROBOT_ADMIN, ROBOT, PARTNERS_ROBOT = 21, 22, 23
MANAGED = {EMPLOYEE: 11, ADMIN: 12, LEAVER: 14, BOTH: 15}


def world_at_start() -> World:
    """The business before anything happens: people, software, a partner who was lent three of six assets until day 50."""
    world = World()
    for account in (EMPLOYEE, ADMIN, MISSED, LEAVER, BOTH, AGENT, STRANGER):
        world.account(account)
    for account in (ROBOT_ADMIN, ROBOT, PARTNERS_ROBOT):
        world.account(account, AccountKind.SYSTEM)
    world.node(HOME, NodeKind.BUSINESS, HOME)
    world.node(PARTNER, NodeKind.BUSINESS, PARTNER)
    for kind in ASSET_KINDS:
        world.node(NODE[kind], kind, HOME)
        world.node(OWN[kind], kind, None)
        world.direct[EMPLOYEE, OWN[kind]] = TASKS_OF[kind]
        world.direct[ROBOT, OWN[kind]] = TASKS_OF[kind]
    for number, kind in enumerate(LENT):
        world.share(number, NODE[kind], PARTNER, TASKS_OF[kind], Interval(START, SHARE_ENDS))
    every = {NODE[kind]: TASKS_OF[kind] for kind in ASSET_KINDS}
    for account in (EMPLOYEE, MISSED, LEAVER, BOTH, ROBOT):
        world.member(50 + account, account, HOME, every, starts=START)
    for account in (ADMIN, ROBOT_ADMIN):
        world.member(50 + account, account, HOME, role=Role.ADMIN, starts=START)
    for account in (AGENT, PARTNERS_ROBOT):
        world.member(50 + account, account, PARTNER, role=Role.ADMIN, starts=START)
    world.member(99, BOTH, PARTNER, every, starts=START)
    everything = dict.fromkeys(world.nodes, START)
    for account in world.accounts.copy():
        kind = TokenKind.SYSTEM_USER if world.accounts[account].kind is AccountKind.SYSTEM else TokenKind.USER
        world.consent(f"{account}", account, everything, START, kind=kind)
    world.page_token("page before", f"{EMPLOYEE}", NODE[NodeKind.PAGE])
    return world


def claimed() -> World:
    """After the claims of day 10: a reconnect with each managed account, newer consents of the old login, a page token
    that is derived in grace; one person misses the deadline of the same day; one leaves on day 15."""
    world = world_at_start()
    for account in (EMPLOYEE, ADMIN, MISSED, LEAVER, BOTH):
        record = PersonRecord(account, 80, HOME, 3, account, f"{account}@w.example", None, START, START + 999 * DAY)
        if account == MISSED:
            record = replace(record, deadline=CLAIM)
        world.persons[account] = record
        world.apply(plan_invite(record, world.memberships[50 + account], 1, START))
    everything = dict.fromkeys(world.nodes, CLAIM)
    for account, managed in MANAGED.items():
        claim = Claim(account, f"{account}@w.example", managed, 60 + account, "-", "-")
        world.apply(
            plan_claim(world.persons[account], world.memberships[50 + account], None, claim, CUT_OFF - CLAIM, CLAIM)
        )
        world.consent(f"{managed}", managed, everything, CLAIM)
    world.page_token("page in grace", f"{EMPLOYEE}", NODE[NodeKind.PAGE])
    world.consent("newer", EMPLOYEE, dict.fromkeys(world.nodes, START), CLAIM + TICK)
    return world


def left() -> World:
    """From day 15 on one of the managed accounts is suspended."""
    world = claimed()
    graces = (world.memberships[50 + LEAVER],)
    world.apply(plan_leaver(MANAGED[LEAVER], 3, graces, (LEAVER,), False, LEFT))
    return world


def rolled_back() -> World:
    """The claims were rolled back on day 20."""
    world = left()
    for account, managed in MANAGED.items():
        if account != LEAVER:
            person, place = world.persons[account], world.memberships[50 + account]
            plan = plan_rollback(person, place, world.memberships[60 + account], 1, START + 20 * DAY)
            assert plan.refusal is None
            assert managed == person.managed_id
            world.apply(plan)
    return world


PHASES: tuple[tuple[str, Callable[[], World], datetime], ...] = (
    ("before the claim (day 9)", world_at_start, START + 9 * DAY),
    ("in grace (day 20)", left, START + 20 * DAY),
    ("1 µs before the cut-off", left, CUT_OFF - TICK),
    ("at the cut-off (day 40)", left, CUT_OFF),
    ("after (day 60)", left, START + 60 * DAY),
    ("rolled back (day 21)", rolled_back, START + 21 * DAY),
)


@dataclass(frozen=True)
class Actor:
    """Who asks: by a token (consent is then the account's own session) or by nothing but a session."""

    says: str
    token: str
    session: int | None
    nodes: dict[NodeKind, int]


ACTORS = (
    Actor("personal login, employee", f"{EMPLOYEE}", EMPLOYEE, NODE),
    Actor("personal login, admin", f"{ADMIN}", ADMIN, NODE),
    Actor("personal login, consented anew in grace", "newer", EMPLOYEE, NODE),
    Actor("personal login, on assets of nobody's business", f"{EMPLOYEE}", EMPLOYEE, OWN),
    Actor("personal login, also a member of the partner", f"{BOTH}", BOTH, NODE),
    Actor("personal login, missed the deadline (day 10)", f"{MISSED}", MISSED, NODE),
    Actor("personal login of a leaver (left on day 15)", f"{LEAVER}", LEAVER, NODE),
    Actor("managed account, employee", f"{MANAGED[EMPLOYEE]}", MANAGED[EMPLOYEE], NODE),
    Actor("managed account, admin", f"{MANAGED[ADMIN]}", MANAGED[ADMIN], NODE),
    Actor("managed account of a leaver", f"{MANAGED[LEAVER]}", MANAGED[LEAVER], NODE),
    Actor("page token of the employee, derived before the claim", "page before", None, NODE),
    Actor("page token of the employee, derived in grace", "page in grace", None, NODE),
    Actor("system user, employee", f"{ROBOT}", ROBOT, NODE),
    Actor("system user, admin", f"{ROBOT_ADMIN}", ROBOT_ADMIN, NODE),
    Actor("system user, on assets of nobody's business", f"{ROBOT}", ROBOT, OWN),
    Actor("partner's member", f"{AGENT}", AGENT, NODE),
    Actor("partner's system user", f"{PARTNERS_ROBOT}", PARTNERS_ROBOT, NODE),
    Actor("app token", "app", None, NODE),
    Actor("stranger whose token selected everything", f"{STRANGER}", STRANGER, NODE),
)

LEGEND = """\
Who reaches what, and until when. Written by `python -m tests.access.table`; review every difference: it is a change of policy.

Acts        r read · w write · l list · m manage, asked with the actor's token; c consent: may the person select it in the dialog.
Answers     ✓ allowed, no end is known · ✓40 allowed until day 40 (it is gone at that very instant)
            ✗ refused, and why · - cannot be asked: the app or no such account yet, or nobody is there to consent
Days        0 everything stands, everybody's token has selected everything · 10 the people claim, grace is 30 days; one
            misses the deadline · 15 one leaver's managed account is suspended · 40 the cut-off · 50 the share with the
            partner (page, ad_account, product_catalog) ends
Phases      """


def cell(world: World, actor: Actor, kind: NodeKind, now: datetime) -> str:
    """What an actor may do with a node at one instant; acts with the same answer together."""
    grouped: dict[str, str] = {}
    for act in ACTS:
        grouped.setdefault(_answer(world, actor, kind, act, now), "")
        grouped[_answer(world, actor, kind, act, now)] += act.value[0]
    return " ".join(f"{acts}{answer}" for answer, acts in grouped.items())


def _answer(world: World, actor: Actor, kind: NodeKind, act: Act, now: datetime) -> str:
    node, ask = actor.nodes[kind], ask_for(kind, act)
    if actor.token == "app":
        asked = NodeFacts(node, kind, HOME)
        facts = Facts(None, TokenFacts(TokenKind.APP, START, frozenset()), AppFacts(1), node=asked)
        return "-" if act is Act.CONSENT else _text(decide(facts, ask, now))
    if act is Act.CONSENT:
        if actor.session is None or actor.session not in world.accounts:
            return "-"
        return _text(decide(world.facts(node, account=actor.session), Ask(act, tasks=ask.tasks), now))
    if actor.token not in world.tokens:
        return "-"
    return _text(decide(world.facts(node, actor.token), ask, now))


def _text(answer: Allow | Deny) -> str:
    if isinstance(answer, Deny):
        return f"✗{answer.reason.value}"
    grace = "g" if answer.because is Reason.GRACE else ""
    return "✓" if answer.until is None else f"✓{(answer.until - START) // DAY}{grace}"


def table() -> str:
    """The whole table."""
    worlds = [make() for _, make, _ in PHASES]
    rows = [
        (actor, kind, [cell(world, actor, kind, at) for world, (_, _, at) in zip(worlds, PHASES, strict=True)])
        for actor in ACTORS
        for kind in KINDS
        if kind in actor.nodes
    ]
    widths = [max(len(cells[column]) for _, _, cells in rows) for column in range(len(PHASES))]
    widths = [max(width, len(name)) for width, (name, _, _) in zip(widths, PHASES, strict=True)]
    head = " │ ".join(name.ljust(width) for (name, _, _), width in zip(PHASES, widths, strict=True))
    lines = [LEGEND + " · ".join(name for name, _, _ in PHASES)]
    lines.append("            A g after the day: the end is shown to apps as user_access_expire_time.")
    for number, (actor, kind, cells) in enumerate(rows):
        if number == 0 or rows[number - 1][0] is not actor:
            lines += ["", f"{actor.says}", f"  {'':<17} │ {head}".rstrip()]
        columns = " │ ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True))
        lines.append(f"  {kind.value:<17} │ {columns}".rstrip())
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(table())
