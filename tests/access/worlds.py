"""A world in memory: the test oracle's side of the house. It knows rows, applies plans and derives ``Facts`` from them.

Small on purpose and independent of ``store``: what the real loader and the real writer do on databases is done here in
plain Python, so that plans and decisions can be run against each other by the thousand.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from workbadge.access import (
    AccountFacts,
    Allow,
    AppFacts,
    Ask,
    Decision,
    Facts,
    GrantFacts,
    NodeFacts,
    Route,
    TokenFacts,
    decide,
)
from workbadge.lifecycle.changes import (
    Audit,
    CancelDue,
    Change,
    DropAssignment,
    Due,
    ForgetSelections,
    LinkAccounts,
    MembershipState,
    OpenAccount,
    OpenMembership,
    Plan,
    PutAssignment,
    SetMembershipEnd,
    SetPersonClaimed,
    SetPersonDeadline,
    SetPersonExcluded,
    SetPersonRolledBack,
    SetRole,
    SuspendAccount,
)
from workbadge.lifecycle.migration import PersonRecord
from workbadge.terms.instants import Interval
from workbadge.terms.kinds import AccountKind, Act, NodeKind, Role, TokenKind
from workbadge.terms.scopes import SCOPES, scopes_for
from workbadge.terms.tasks import ADMIN_TASKS, NONE, Task, tasks_for

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
T0 = datetime(2026, 1, 31, 12, tzinfo=UTC)
ALL_SCOPES = frozenset(SCOPES)
ACTS = (Act.READ, Act.WRITE, Act.LIST)


@dataclass(frozen=True)
class Node:
    """An asset or a business. ``owner``: the owning business; None: nobody's."""

    id: int
    kind: NodeKind
    owner: int | None


@dataclass(frozen=True)
class Share:
    """An asset lent to a partner."""

    id: int
    asset: int
    partner: int
    tasks: Task
    runs: Interval


@dataclass(frozen=True)
class Grant:
    """The record between an account and one app: scopes and selected nodes with the instant of their selection, and when
    it lapses."""

    account: int
    scopes: frozenset[str]
    selected: dict[int, datetime]
    lapses: datetime | None = None


@dataclass(frozen=True)
class Token:
    """A credential of an account; ``grant`` names its grant."""

    account: int | None
    grant: str | None
    facts: TokenFacts


@dataclass
class World:
    """Everything that is known. ``apply`` is the only way in which plans reach it."""

    accounts: dict[int, AccountFacts] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)
    memberships: dict[int, MembershipState] = field(default_factory=dict)
    shares: dict[int, Share] = field(default_factory=dict)
    direct: dict[tuple[int, int], Task] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    persons: dict[int, PersonRecord] = field(default_factory=dict)
    links: set[tuple[int, int]] = field(default_factory=set)
    audit: list[Audit] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)

    def copy(self) -> "World":
        """Another world in the same state."""
        return World(**{name: value.copy() for name in self.__dataclass_fields__ for value in (getattr(self, name),)})

    # --- building ---

    def account(self, number: int, kind: AccountKind = AccountKind.PERSONAL) -> int:
        """Add an account."""
        self.accounts[number] = AccountFacts(number, kind)
        return number

    def node(self, number: int, kind: NodeKind, owner: int | None) -> int:
        """Add an asset; a business owns itself."""
        self.nodes[number] = Node(number, kind, owner)
        return number

    def member(
        self,
        number: int,
        account: int,
        business: int,
        assignments: dict[int, Task] | None = None,
        role: Role = Role.EMPLOYEE,
        starts: datetime = T0,
    ) -> MembershipState:
        """Add a membership."""
        state = MembershipState(number, account, business, role, starts, assignments=dict(assignments or {}))
        self.memberships[number] = state
        return state

    def share(self, number: int, asset: int, partner: int, tasks: Task, runs: Interval) -> None:
        """Lend an asset."""
        self.shares[number] = Share(number, asset, partner, tasks, runs)

    def consent(
        self,
        name: str,
        account: int,
        selected: dict[int, datetime],
        at: datetime,
        scopes: frozenset[str] = ALL_SCOPES,
        kind: TokenKind = TokenKind.USER,
    ) -> str:
        """A consent and the token that comes of it, both called ``name``."""
        self.grants[name] = Grant(account, scopes, dict(selected))
        self.tokens[name] = Token(account, name, TokenFacts(kind, at, scopes))
        return name

    def page_token(self, name: str, parent: str, page: int) -> str:
        """Derive a page token: it inherits the consent's instant and scopes, and dies with its parent."""
        of = self.tokens[parent]
        facts = replace(of.facts, kind=TokenKind.PAGE, page_id=page, revoked=None, parent_revoked=of.facts.revoked)
        self.tokens[name] = replace(of, facts=facts)
        return name

    def exchange(self, name: str, parent: str, expires: datetime | None) -> str:
        """Exchange a token for one of another life: the consent's instant and scopes stay."""
        of = self.tokens[parent]
        self.tokens[name] = replace(of, facts=replace(of.facts, expires=expires))
        return name

    # --- deciding ---

    def facts(self, node: int, token: str | None = None, account: int | None = None) -> Facts:
        """What is known when a token, or an account in its own session, asks about a node."""
        holder = self.tokens[token] if token is not None else None
        who = holder.account if holder is not None else account
        grant = None
        if holder is not None and holder.grant is not None:
            record = self.grants[holder.grant]
            grant = GrantFacts(record.scopes, None, record.selected.get(node), record.lapses)
        asked = self.nodes.get(node)
        return Facts(
            account=None if who is None else self.accounts[who],
            token=None if holder is None else holder.facts,
            app=None if holder is None else AppFacts(1),
            grant=grant,
            node=None if asked is None else NodeFacts(asked.id, asked.kind, asked.owner),
            routes=() if asked is None or who is None else self._routes(who, asked),
        )

    def _routes(self, account: int, node: Node) -> tuple[Route, ...]:
        routes = [
            Route(tasks) for (holder, asset), tasks in self.direct.items() if (holder, asset) == (account, node.id)
        ]
        for place in self.memberships.values():
            if place.account_id != account:
                continue
            admin = place.role is Role.ADMIN
            held = ADMIN_TASKS[node.kind] if admin else place.assignments.get(node.id, NONE)
            way = Route(held, Interval(place.starts, place.ends), place.cause, place.handed_over)
            if place.business_id == node.owner:
                routes.append(way)
            routes += [
                replace(way, tasks=held & share.tasks, share=share.runs)
                for share in self.shares.values()
                if share.asset == node.id and share.partner == place.business_id
            ]
        return tuple(routes)

    def ask(self, act: Act, node: int, now: datetime, token: str | None = None, account: int | None = None) -> Decision:
        """Decide one question as the dialects ask it."""
        return decide(self.facts(node, token, account), ask_for(self.nodes[node].kind, act), now)

    def may(self, act: Act, node: int, now: datetime, token: str | None = None, account: int | None = None) -> bool:
        """Whether ``ask`` allows."""
        return isinstance(self.ask(act, node, now, token, account), Allow)

    def reach(self, now: datetime, token: str | None = None, account: int | None = None) -> set[tuple[int, Act]]:
        """Everything that a token, or an account by itself, may do now."""
        return {(node, act) for node in self.nodes for act in ACTS if self.may(act, node, now, token, account)}

    def edges(self) -> list[datetime]:
        """Every instant that the world mentions, in order, with the microsecond before and after each."""
        found: set[datetime | None] = set()
        for account in self.accounts.values():
            found |= {account.suspended, account.deleted}
        for place in self.memberships.values():
            found |= {place.starts, place.ends, place.handed_over}
        for share in self.shares.values():
            found |= {share.runs.starts, share.runs.ends}
        for grant in self.grants.values():
            found |= {*grant.selected.values(), grant.lapses}
        for token in self.tokens.values():
            facts = token.facts
            found |= {facts.authorized, facts.expires, facts.revoked, facts.parent_revoked}
        return around(*found)

    # --- applying plans ---

    def apply(self, plan: Plan) -> Plan:
        """Carry out a plan: changes, audit, due work."""
        for change in plan.changes:
            self._change(change)
        self.audit += plan.audit
        self.due += plan.due
        return plan

    def _change(self, change: Change) -> None:
        match change:
            case OpenAccount(number):
                assert number not in self.accounts
                self.account(number, AccountKind.MANAGED)
            case OpenMembership(state):
                assert state.id not in self.memberships
                self.memberships[state.id] = state
            case SetMembershipEnd(number, ends, cause, handed_over):
                self._place(number, ends=ends, cause=cause, handed_over=handed_over)
            case SetRole(number, role):
                self._place(number, role=role)
            case PutAssignment(number, asset, tasks):
                self._place(number, assignments={**self.memberships[number].assignments, asset: tasks})
            case DropAssignment(number, asset):
                left = {key: value for key, value in self.memberships[number].assignments.items() if key != asset}
                self._place(number, assignments=left)
            case LinkAccounts(personal, managed):
                self.links.add((personal, managed))
            case SetPersonClaimed(number, at, managed, membership, before):
                self._person(number, claimed=at, managed_id=managed, managed_membership_id=membership, before=before)
            case SetPersonRolledBack(number, at):
                self._person(number, rolled_back=at)
            case SetPersonDeadline(number, deadline):
                self._person(number, deadline=deadline)
            case SetPersonExcluded(number, at):
                self._person(number, excluded=at)
            case ForgetSelections():
                self._forget(change)
            case SuspendAccount(number, at):
                self.accounts[number] = replace(self.accounts[number], suspended=at)
            case CancelDue(subject):
                self.due = [row for row in self.due if row.subject != subject]

    def _place(self, number: int, **changed: object) -> None:
        self.memberships[number] = replace(self.memberships[number], **changed)  # type: ignore[arg-type]

    def _person(self, number: int, **changed: object) -> None:
        self.persons[number] = replace(self.persons[number], **changed)  # type: ignore[arg-type]

    def _forget(self, change: ForgetSelections) -> None:
        elsewhere = {
            place.business_id
            for place in self.memberships.values()
            if place.account_id == change.account_id and place.is_open(change.at)
        } - {change.business_id}
        lent = {
            share.asset
            for share in self.shares.values()
            if share.partner in elsewhere and (share.runs.ends is None or share.runs.ends > change.at)
        }
        for name, grant in self.grants.items():
            if grant.account == change.account_id:
                kept = {
                    node: at
                    for node, at in grant.selected.items()
                    if self.nodes[node].owner != change.business_id or node in lent
                }
                self.grants[name] = replace(grant, selected=kept)


def ask_for(kind: NodeKind, act: Act) -> Ask:
    """The question as the dialects ask it: scopes and tasks from the one table; a session needs no scope."""
    return Ask(act, scopes=scopes_for(kind, act), tasks=tasks_for(kind, act))


def around(*instants: datetime | None) -> list[datetime]:
    """One microsecond before, at and after every instant, in order (``house.md`` 30)."""
    known = {at for at in instants if at is not None}
    return sorted({at + step for at in known for step in (-TICK, TICK * 0, TICK)})
