"""Bulk reconnect: one new token for many assets, tried on each before it replaces anything (rule P3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from regrant._async.client import AsyncClient
from regrant._async.logins import AsyncLogins
from regrant._async.vault import AsyncVault
from regrant.answers import Inspection, Op
from regrant.errors import GraphError, Reason
from regrant.logins import Begun
from regrant.outcomes import Outcome, Report, Result, TokenRefusedError, needed_scopes
from regrant.rows import Asset, NotInVaultError, State, StoredToken
from regrant.secret import Secret
from regrant.tokens import AssetToken

_TRIES = 3
_UNSEEN = frozenset({Reason.GONE, Reason.LOST_REACH, Reason.PERMISSION_MISSING, Reason.ROLE_LOST})


@dataclass
class _Work:
    """One call: the new token, what is known about it, the rows that are still to be replaced, and what became of the others."""

    token: Secret
    granted: Inspection
    holder: str
    managed: bool
    scopes: tuple[str, ...] | None
    rows: list[Asset]
    ends: dict[str, datetime | None] = field(default_factory=dict)
    pages: dict[str, Secret] = field(default_factory=dict)
    expires_at: datetime | None = None
    results: dict[tuple[str, str], Result] = field(default_factory=dict)

    def settle(self, row: Asset, outcome: Outcome, missing: Iterable[str] = (), reason: Reason | None = None) -> None:
        """A row is finished."""
        self.results[row.connection, row.asset] = Result(row.asset, row.connection, outcome, tuple(missing), reason)
        self.rows = [one for one in self.rows if one is not row]

    def fail(self, row: Asset, error: GraphError) -> None:
        """The new token failed on a row."""
        self.settle(row, Outcome.NOT_VISIBLE if error.reason in _UNSEEN else Outcome.ERROR, reason=error.reason)


class AsyncRepair:
    """Replaces the tokens of one tenant's assets. The tenant is that of ``vault``, the app that of ``client``."""

    def __init__(self, vault: AsyncVault, client: AsyncClient) -> None:
        self._vault = vault
        self._client = client

    async def reconnect(
        self, asset_ids: Sequence[str], token: Secret | StoredToken, *, scopes: Iterable[str] | None = None
    ) -> Report:
        """Let the token of a new login reach these assets, wherever this tenant has them in this app.

        Before anything is replaced: the token is alive and this app's (else TokenRefusedError); it has the permissions that the
        old one had for such an asset (or ``scopes``), the asset was selected, and is read with it; a long-lived token is
        made of it, page tokens of that, and each is tried. Then each asset is replaced by itself, if nobody changed it meanwhile.
        A personal login never replaces a managed account's token that works, nor one that ends sooner a token that lives longer.
        An old token is forgotten when no asset uses it; so is ``token``, when it is one that a login left in the vault. Calls may be repeated, and run at the same time. Raises GraphError when
        nothing can be found out about the token now.
        """
        wanted = list(dict.fromkeys(asset_ids))
        secret = token if isinstance(token, Secret) else await self._vault.secret_of(token)
        work = await self._begun(wanted, secret, scopes)
        mine = list(work.rows)
        for row in mine:
            await self._judge(work, row)
        for step in (self._read, self._lengthen, self._derive, self._try):
            try:
                await step(work)
            except GraphError as error:
                for row in list(work.rows):
                    work.settle(row, Outcome.ERROR, reason=error.reason)
        await self._replace(work, [] if isinstance(token, Secret) else [token.id])
        told = {id: [work.results[row.connection, id] for row in mine if row.asset == id] for id in wanted}
        none = {id: [Result(id, "", Outcome.NOT_CONNECTED)] for id in wanted}
        return Report(work.holder, work.managed, tuple(one for id in wanted for one in told[id] or none[id]))

    async def ask_again(self, report: Report, user: str, redirect_uri: str) -> Begun:
        """A login of your ``user`` for the assets that a report says to ask for again, as ``Logins.start`` begins one.

        It asks for the permissions that the old tokens had and reopens the selection. Where the server offers a link for exactly the
        missing assets (docs/protocols/reconnect.md), it goes there; elsewhere the person selects among all.
        """
        rows = [
            row for row in await self._vault.assets() if row.app == self._client.app.id and row.asset in report.again
        ]
        old = [await self._vault.stored_token(row.token) for row in rows]
        scopes = dict.fromkeys([scope for one in old for scope in one.scopes] + list(report.missing))
        connections = {row.connection for row in rows}
        logins = AsyncLogins(self._vault, self._client)
        more = await self._link({one.holder for one in old}, set(report.again), redirect_uri)
        only = connections.pop() if len(connections) == 1 else None
        return await logins.start(user, redirect_uri, scopes, connection=only, rerequest=True, **more)

    async def _begun(self, wanted: Sequence[str], token: Secret, scopes: Iterable[str] | None) -> _Work:
        """What is known about the token, and the rows that it is meant for."""
        granted = await self._client.inspect(token)
        if not granted.valid or granted.app != self._client.app.id:
            raise TokenRefusedError("the token is dead, or belongs to another app: nothing was changed")
        if granted.kind not in ("USER", "SYSTEM_USER"):
            raise TokenRefusedError(
                f"a token of a person or a system user was expected, not of kind {granted.kind[:20]!r}"
            )
        person = await self._client.person(token)
        rows = [
            row for row in await self._vault.assets() if row.app == self._client.app.id and row.asset in set(wanted)
        ]
        return _Work(
            token=token,
            granted=granted,
            holder=person.id,
            managed=person.managed or granted.kind == "SYSTEM_USER",
            scopes=None if scopes is None else tuple(scopes),
            rows=[row for row in rows if row.state is not State.REMOVED],
        )

    async def _judge(self, work: _Work, row: Asset) -> None:
        """Settle what needs no call: what is as good already, what was not granted."""
        try:
            old = await self._vault.stored_token(row.token)
        except NotInVaultError:  # replaced since it was read
            old = await self._vault.stored_token((await self._vault.asset(row.connection, row.asset)).token)
        if row.state is not State.LOST and self._as_good(work, old):
            return work.settle(row, Outcome.ALREADY_NEWER)
        needed = needed_scopes(row.kind, old.scopes) if work.scopes is None else work.scopes
        missing = [scope for scope in needed if scope not in work.granted.scopes]
        if missing or not work.granted.chosen(row.asset, needed):
            work.settle(row, Outcome.NOT_GRANTED, missing)
        return None

    def _as_good(self, work: _Work, old: StoredToken) -> bool:
        """Whether a token that works is as good as the new one: of a better kind of account, or newer and as wide."""
        if old.managed != work.managed:
            return old.managed
        new = work.granted.issued_at
        newer = old.holder == work.holder and new is not None and old.issued_at >= new
        return newer and work.granted.scopes <= set(old.scopes)

    async def _read(self, work: _Work) -> None:
        """Each asset is read with the token that was handed in."""
        found = await self._client.access_ends([row.asset for row in work.rows], work.token)
        for row in list(work.rows):
            ends = found[row.asset]
            if isinstance(ends, GraphError):
                work.fail(row, ends)
            elif ends is not None and _ends_sooner(row, ends):
                work.settle(row, Outcome.ALREADY_NEWER)
            else:
                work.ends[row.asset] = ends

    async def _lengthen(self, work: _Work) -> None:
        """A long-lived token is made, unless it is a system user's."""
        work.expires_at = work.granted.expires_at
        if work.rows and work.granted.kind == "USER":
            new = await self._client.extend(work.token)
            work.token, work.expires_at = new.secret, new.expires_at

    async def _derive(self, work: _Work) -> None:
        """Pages get tokens of their own."""
        pages = [row.asset for row in work.rows if _has_own(row)]
        found = await self._client.many(pages, work.token, fields=["id", "access_token"])
        for row in list(work.rows):
            if not _has_own(row):
                continue
            node = found[row.asset]
            if isinstance(node, GraphError):
                work.fail(row, node)
            elif isinstance(node.get("access_token"), Secret):
                work.pages[row.asset] = node["access_token"]
            else:
                work.settle(row, Outcome.NOT_GRANTED)

    async def _try(self, work: _Work) -> None:
        """The very tokens that will be kept are tried on their assets."""
        rows = list(work.rows)
        tokens = {id: AssetToken(id, secret, work.holder, own=True) for id, secret in work.pages.items()}
        ops = [Op("GET", row.asset, {"fields": "id"}, tokens.get(row.asset)) for row in rows]
        for row, answer in zip(rows, await self._client.batch(ops, work.token), strict=True):
            if isinstance(answer, GraphError):
                work.fail(row, answer)

    async def _replace(self, work: _Work, spare: Sequence[str]) -> None:
        """Each row is replaced by itself, under a token that its connection has; what nobody uses afterwards is forgotten."""
        kept: dict[str, StoredToken] = {}
        left = set(spare)
        for first in list(work.rows):
            row = first
            if row.connection not in kept:
                kept[row.connection] = await self._kept(work, row.connection)
            for _ in range(_TRIES):
                page, ends = work.pages.get(row.asset), work.ends[row.asset]
                new = await self._vault.put(
                    row.connection, row.asset, kept[row.connection], page_token=page, until=ends, over=row
                )
                if new is not None:
                    left.add(row.token)
                    work.settle(first, Outcome.REPLACED)
                    break
                row = await self._vault.asset(row.connection, row.asset)
                if row.state is State.REMOVED:
                    work.settle(first, Outcome.NOT_CONNECTED)
                    break
                if row.state is not State.LOST and self._as_good(work, await self._vault.stored_token(row.token)):
                    work.settle(first, Outcome.ALREADY_NEWER)
                    break
            else:
                work.settle(first, Outcome.ERROR)
        for token in [*left, *(one.id for one in kept.values())]:
            await self._vault.storage.drop_token(self._vault.tenant, token)

    async def _kept(self, work: _Work, connection: str) -> StoredToken:
        return await self._vault.add_token(
            connection,
            work.token,
            holder=work.holder,
            managed=work.managed,
            scopes=sorted(work.granted.scopes),
            issued_at=work.granted.issued_at,
            expires_at=work.expires_at,
        )

    async def _link(self, holders: set[str], again: set[str], redirect_uri: str) -> Mapping[str, str]:
        """The parameter that leads to the missing assets exactly, where the server has one; of several the widest."""
        app = self._client.app
        best, most = "", 0
        try:
            for holder in sorted(holders):
                path, more = f"{app.id}/reconnects", {"person": holder, "redirect_uri": redirect_uri}
                async for one in self._client.each(path, app.token, **more):
                    found = len(again & {str(asset.get("id")) for asset in one.get("assets", [])})
                    if found > most:
                        query = parse_qs(urlsplit(str(one.get("login_url"))).query)
                        best, most = query.get("reconnect", [""])[0], found
        except GraphError:
            return {}
        return {"reconnect": best} if best else {}


def _has_own(row: Asset) -> bool:
    return row.kind == "page" or row.sealed is not None


def _ends_sooner(row: Asset, ends: datetime) -> bool:
    """Whether a new token that ends then is worse than what works."""
    return row.state is State.OK or (row.state is State.EXPIRING and row.until is not None and ends < row.until)
