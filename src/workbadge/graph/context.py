"""What one request of the graph works with, and the one way to a node: load, decide, answer or refuse."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from workbadge.access import Allow, Ask, Decision, Deny, NodeFacts, decide, stand
from workbadge.commands.app_status import closed_scopes
from workbadge.commands.inspection import is_lapsed, scopes_at
from workbadge.commands.partial import list_lost
from workbadge.keys import TokenText
from workbadge.store import facts, records
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.store.visible import Viewer
from workbadge.terms.apps import read_limits
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import ASSET_KINDS, AccountKind, Act, NodeKind, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.scopes import scopes_for
from workbadge.terms.tasks import tasks_for
from workbadge.web.caller import check_proof, is_app_token, token_hash
from workbadge.web.meters import Meter
from workbadge.web.state import Site
from workbadge.web.wire import WireError, WireParams

from .alike import Alike
from .enforcement import check_limits, no_permission
from .errors import NO_TOKEN, NO_TOKEN_ME, NOT_MANAGER, missing, needs_of, reconnect_url, refuse
from .partial import tell

_ASKS = {
    (kind, act): Ask(act, scopes=scopes_for(kind, act), tasks=tasks_for(kind, act))
    for kind in (*ASSET_KINDS, NodeKind.BUSINESS)
    for act in Act
}
_METERED = frozenset({NodeKind.PAGE, NodeKind.AD_ACCOUNT})
PERSONAL = Ask(Act.READ, personal=True)


def ask_for(kind: NodeKind, act: Act) -> Ask:
    """What is wanted of an asset or a business by ``act``: its scopes and tasks."""
    return _ASKS[kind, act]


class Item(msgspec.Struct, frozen=True):
    """One node that may be shown: an asset or a business, with the decision that allows it."""

    id: int
    kind: NodeKind
    name: str
    details: str
    business_id: int | None
    allow: Allow
    loaded: Loaded


class Call:
    """One request: who, when, with which parameters. Raises WireError on construction when there is no usable token.

    ``by_app``: an app token is presented, which stands for nobody: it reaches neither nodes nor lists by this class.
    ``profile``: of the business that was shown last. ``page_tokens`` and ``owners`` (business id to name) hold what a list has looked up for all its items at once.
    """

    profile: Any = None

    def __init__(
        self,
        site: Site,
        now: datetime,
        params: WireParams,
        version: str,
        path: str,
        me: bool,
    ) -> None:
        if params.token is None:
            raise (
                WireError(2500, NO_TOKEN_ME, www="invalid_request")
                if me
                else WireError(104, NO_TOKEN, www="invalid_request")
            )
        self.services = site.services
        self._usage = site.usage
        self.site = site
        self._limits = site.limits
        self._meters: tuple[Meter, ...] = ()
        self._wrote = False
        self.alike: Alike | None = None
        self.now = now
        self.params = params
        self.version = version
        self.path = path
        self.token = params.token
        self.by_app = "|" in params.token and is_app_token(params.token)
        self.hash = b"" if self.by_app else params.hash or token_hash(params.token)
        self.page_tokens: dict[int, TokenText] = {}
        self.owners: dict[int, str] = {}
        self.method = "GET"
        self._proven = False
        self._closed: frozenset[str] = frozenset()

    @property
    def paging_url(self) -> str:
        """Where links to other pages of a list lead (``wire.md`` §3.9)."""
        return self.site.paging_url or self.services.base_url

    async def load(self, node_id: int | None, reader: Tx | None = None) -> Loaded:
        """The caller's facts, with a node's when one is asked. Raises WireError 190, 100 (proof)."""
        loaded = await facts.load(reader or self.services.store, self.hash, node_id)
        if loaded is None:
            raise refuse(Deny(Reason.TOKEN_UNKNOWN), "", 0, self.services.base_url)
        if not self._proven:
            check_proof(self.services, loaded, self.params, self.token, self.now)
            self._proven = True
        return loaded if loaded.limits is None else await self._limited(loaded, reader)

    async def _limited(self, loaded: Loaded, reader: Tx | None) -> Loaded:
        """The facts without the permissions that do not count at present (``wire.md`` §6.8). Raises WireError 368, 3."""
        limits = read_limits(loaded.limits)
        await check_limits(self.services, loaded.app_id, limits, self.method != "GET", reader)
        grant, account = loaded.facts.grant, loaded.facts.account
        person = None if account is None else account.id
        self._closed = await closed_scopes(self.services.store, limits, loaded.app_id, person, reader)
        if grant is None or not self._closed:
            return loaded
        left = replace(grant, scopes=grant.scopes - self._closed)
        return replace(loaded, facts=replace(loaded.facts, grant=left))

    async def reach(
        self,
        text: str,
        act: Act = Act.READ,
        node_id: int | None = None,
        reader: Tx | None = None,
        ask: Ask | None = None,
    ) -> Item:
        """The asset or business that ``text`` names, if this call may reach it. Raises WireError.

        ``node_id``: the node, when ``text`` names something inside it. ``reader``: the transaction that a write is in. ``ask``:
        what is wanted of it, where that is not what ``act`` takes everywhere else.
        """
        found = node_id if node_id is not None else parse_id(text.removeprefix("act_"))
        kind = None if found is None else kind_of(found)
        usual = ask is None
        ask = ask or (None if kind is None else _ASKS.get((kind, act)))
        if (
            found is None
            or kind is None
            or ask is None
            or (text.startswith("act_") and kind is not NodeKind.AD_ACCOUNT)
        ):
            await self.alive()
            raise missing(text)
        loaded = await self.load(found, reader)
        if loaded.loses_at is not None and loaded.loses_at <= self.now:
            await self._tell_lost(loaded, reader)
        if self.alike is not None:
            decision = self.alike.decide(loaded.facts, ask)
        elif usual:
            decision = self._decide(loaded, act, ask)
        else:
            decision = decide(loaded.facts, ask, self.now)
        if isinstance(decision, Deny):
            self._count(loaded, None)
            raise await self._refusal(decision, loaded, text, reader, needs_of(decision, ask))
        node = loaded.facts.node
        assert node is not None
        self._count(loaded, node)
        return Item(found, kind, loaded.name, loaded.details, node.business_id, decision, loaded)

    def _decide(self, loaded: Loaded, act: Act, ask: Ask) -> Decision:
        """``access.decide``, or what it said about the very same facts, while that stands."""
        standing = loaded.standing.get(act)
        if standing is None or not standing.starts <= self.now < standing.ends:
            standing = loaded.standing[act] = stand(loaded.facts, ask, self.now)
        return standing.decision

    async def managing(self, business_id: int, reader: Tx) -> bool:
        """Whether this call may manage a business: people, roles, shares, system users (M5, MT-18)."""
        loaded = await self.load(business_id, reader)
        return isinstance(decide(loaded.facts, _ASKS[NodeKind.BUSINESS, Act.MANAGE], self.now), Allow)

    async def demand_manager(self, business_id: int, reader: Tx) -> None:
        """``managing``, of a business that is not what the path names. Raises WireError 200, which does not tell whether it exists."""
        loaded = await self.load(business_id, reader)
        decision = decide(loaded.facts, _ASKS[NodeKind.BUSINESS, Act.MANAGE], self.now)
        if isinstance(decision, Deny):
            if decision.reason is Reason.MANAGING_MOVED:
                raise await self._refusal(decision, loaded, str(business_id), reader)
            raise WireError(200, NOT_MANAGER)

    async def _refusal(
        self, denial: Deny, loaded: Loaded, text: str, reader: Tx | None, needs: Iterable[str] = ()
    ) -> WireError:
        """The error for a denial of this call; one that says what to do also says whose access it was (L6)."""
        known = loaded.facts.grant is not None and loaded.facts.grant.selected is not None
        if denial.reason is Reason.SCOPE_MISSING and not known:
            return missing(text)
        if denial.reason is Reason.SCOPE_MISSING and self._closed:
            return no_permission()
        error = refuse(denial, text, loaded.app_id, self.services.base_url, known, needs)
        if error.data is None:
            return error
        if reader is not None:
            whose = await find_shown_id(reader, loaded)
        else:
            async with self.services.store.read() as tx:
                whose = await find_shown_id(tx, loaded)
        error.data = {**error.data, "user_id": None if whose is None else str(whose)}
        return error

    async def alive(self) -> Loaded:
        """The caller's own facts, after deciding that token, app, grant and account are alive. Raises WireError."""
        loaded = await self.load(None)
        if loaded.loses_at is not None and loaded.loses_at <= self.now:
            await self._tell_lost(loaded)
        self._count(loaded, None)
        decision = decide(loaded.facts, PERSONAL, self.now)
        if isinstance(decision, Deny):
            raise refuse(decision, "me", loaded.app_id, self.services.base_url)
        return loaded

    def _count(self, loaded: Loaded, node: NodeFacts | None) -> None:
        """Count this call, once. A node is told only when it may be reached: usage is no news of others'. Raises WireError."""
        if self.method != "GET" and node is not None and not self._wrote:
            self._wrote = True
            self._limits.count_write(loaded.app_id, node.id, self.now)
        if self._meters:
            return
        limits, app_id, now, told = self._limits, loaded.app_id, self.now, self.params.told
        token, account = loaded.facts.token, loaded.facts.account
        assert token is not None
        if token.kind is TokenKind.USER or account is None:
            self._meters = limits.count_app(app_id, None if account is None else account.id, now, told)
            if node is not None and node.kind in _METERED:
                self._meters += (limits.count_asset(app_id, node.id, node.kind, told),)
        elif node is not None:
            whose = node.business_id or node.id
            self._meters = (limits.count_business(app_id, whose, node.kind, now, told),)
        else:
            self._meters = (limits.count_business(app_id, token.page_id or account.id, None, now, told),)

    async def _tell_lost(self, loaded: Loaded, reader: Tx | None = None) -> None:
        """Tell once in this answer what the token has lost of what it was granted."""
        if self.params.lost is not None:
            return
        self.params.lost = []
        lost = await list_lost(reader or self.services.store, self.hash, loaded, self.now)
        if lost:
            tell(self.params, lost, reconnect_url(self.services.base_url, loaded.app_id))

    def count_app(self, app_id: int) -> None:
        """Count a call of an app that stands for nobody. Raises WireError 4."""
        self._meters = self._limits.count_app(app_id, None, self.now, self.params.told)

    def count_shown(self, nodes: int) -> None:
        """A list showed so many nodes."""
        for meter in self._meters:
            meter.add_work(nodes)

    def used(self, loaded: Loaded) -> None:
        """Note that the grant was used. One that was not used for too long is not renewed by it."""
        if loaded.grant_id is not None and not is_lapsed(loaded.facts, self.now):
            self._usage.note(loaded.grant_id, self.now)

    def viewer(self, loaded: Loaded) -> Viewer:
        """The caller as the one who looks at lists."""
        account, token = loaded.facts.account, loaded.facts.token
        assert account is not None and token is not None
        return Viewer(account.id, account.kind, loaded.grant_id or 0, token.authorized, token.page_id)

    def scopes(self, loaded: Loaded) -> frozenset[str]:
        """Scopes that the token has and the grant still grants."""
        return scopes_at(loaded.facts, self.now)

    def demand(self, loaded: Loaded, kind: NodeKind, act: Act = Act.READ) -> None:
        """One of the scopes for a kind of node is granted. Raises WireError 200; 10 where they were taken from the app."""
        wanted = scopes_for(kind, act)
        if wanted.isdisjoint(self.scopes(loaded)):
            if not wanted.isdisjoint(self._closed):
                raise no_permission()
            reason = Reason.GRANT_LAPSED if is_lapsed(loaded.facts, self.now) else Reason.SCOPE_MISSING
            raise refuse(Deny(reason), "", loaded.app_id, self.services.base_url, needs=wanted)


async def find_shown_id(tx: Tx, loaded: Loaded) -> int | None:
    """The id under which the app knows the token's account: app-scoped for people (``wire.md`` §3.4)."""
    account = loaded.facts.account
    if account is None or account.kind is AccountKind.SYSTEM:
        return None if account is None else account.id
    return await records.find_scoped_id(tx, loaded.app_id, account.id)


def is_page_token(loaded: Loaded) -> bool:
    """Whether the caller's token is a page's."""
    return loaded.facts.token is not None and loaded.facts.token.kind is TokenKind.PAGE
