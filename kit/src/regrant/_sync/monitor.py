# Written by tools/unasync.py from kit/src/regrant/_async/monitor.py: change that file.
"""The monitor: learns when each asset's access ends, and what was lost, without being told (rule P2)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from regrant._sync.client import Client
from regrant._sync.storage import Storage
from regrant._sync.vault import Vault
from regrant.edge import Clock, Pause, pause, spread, utc_now
from regrant.errors import GraphError, Reason
from regrant.keys import KeyService, VaultKeyError
from regrant.rounds import DEAD, LATER, LEASE, LOST, OUTAGE, Change, Finding, Round, found, next_look
from regrant.rows import Asset, NotInVaultError, State, StoredToken
from regrant.secret import Secret

_FULL = 90.0
_AGAIN = timedelta(minutes=10)
_APP_LIMIT = 4
_OUTAGE = 3


class Monitor:
    """Looks at the assets of one app, of all tenants. Everything it knows is in the storage: it may be killed at any time.

    Any number may run at once: a token is taken by one of them, for a quarter of an hour. ``check`` makes one round, for cron or a
    task queue; ``watch`` goes on for ever.
    """

    def __init__(
        self,
        client: Client,
        storage: Storage,
        keys: KeyService,
        clock: Clock = utc_now,
        pause: Pause = pause,
    ) -> None:
        self._client = client
        self._storage = storage
        self._keys = keys
        self._clock = clock
        self._pause = pause

    def check(self, limit: int = 100) -> Round:
        """Look at what is due, at most ``limit`` tokens, fifty assets in a call. What changed is stored, and told.

        It stops when nine tenths of the app's allowance are used, and when the server failed three times in a row.
        """
        changes: list[Change] = []
        failures = 0
        for tokens in range(limit):
            now = self._clock()
            taken = self._storage.claim_due(self._client.app.id, now, now + LEASE, 1)
            if not taken:
                return Round(tokens, tuple(changes))
            new, error = self._look(taken[0])
            changes += new
            failures = failures + 1 if error is not None and error.reason in OUTAGE else 0
            used_up = error is not None and error.code == _APP_LIMIT
            if used_up or failures >= _OUTAGE or self._client.usage.app >= _FULL:
                until = error.until if used_up and error is not None else self._client.usage.until
                return Round(
                    tokens + 1, tuple(changes), until or now + timedelta(seconds=spread(_AGAIN.total_seconds()))
                )
        return Round(limit, tuple(changes))

    def watch(self, idle: float = 60.0) -> Iterator[Change]:
        """Every change, for ever. Between rounds without work it waits ``idle`` seconds; while an allowance is full, until it is free.

        A database that fails is tried again after a pause; the error is raised at the tenth time in a row.
        """
        failures = 0
        while True:
            wait = 0.0
            try:
                done = self.check()
                failures = 0
            except Exception:
                failures += 1
                if failures >= 10:
                    raise
                done, wait = Round(0, ()), spread(2.0**failures)
            for change in done.changes:
                yield change
            if done.wait_until is not None:
                wait = max(1.0, (done.wait_until - self._clock()).total_seconds())
            elif not wait and not done.tokens:
                wait = spread(idle)
            if wait:
                self._pause(wait)

    def _look(self, token: StoredToken) -> tuple[list[Change], GraphError | None]:
        """Look at the assets of one token, store what changed, and set when to look again. Also what kept it from the rest."""
        now = self._clock()
        vault = Vault(token.tenant, self._storage, self._keys, self._clock)
        rows = [row for row in self._storage.assets_of(token.tenant, token.id) if row.state is not State.REMOVED]
        try:
            secret = vault.secret_of(token)
            findings, error = self._findings(vault, rows, token, secret, now)
        except (VaultKeyError, NotInVaultError):  # not ours to mend, and no reason to leave the others alone
            self._storage.check_next(token.tenant, token.id, now + _AGAIN)
            return [], None
        changes, after = [], []
        for row in rows:
            finding = findings.get(row.asset)
            new = None if finding is None else vault.mark(row, finding.state, finding.reason, finding.until)
            after.append(new or row)
            if new is not None and new is not row:
                changes.append(Change(row, new))
        again = next_look(after, now)
        if error is not None:
            again = min(again, error.until or now + timedelta(seconds=spread(_AGAIN.total_seconds())))
        self._storage.check_next(token.tenant, token.id, again)
        return changes, error

    def _findings(
        self, vault: Vault, rows: list[Asset], token: StoredToken, secret: Secret, now: datetime
    ) -> tuple[dict[str, Finding], GraphError | None]:
        """How each asset stands, as far as that was found out, and the error that kept the rest from it."""
        ids = [row.asset for row in rows]
        try:
            ends = self._client.access_ends(ids, secret)
        except GraphError as error:
            if error.reason not in DEAD:
                return {}, error
            return self._dead(ids, secret, error)
        failed = [one for one in ends.values() if isinstance(one, GraphError)]
        if any(one.reason in LOST | DEAD for one in failed):
            ends = self._doubted(vault, rows, ends, secret)
        later = next((one for one in ends.values() if isinstance(one, GraphError) and one.reason in LATER), None)
        judged = {asset: found(one, token.expires_at, now) for asset, one in ends.items()}
        return {asset: one for asset, one in judged.items() if one is not None}, later

    def _dead(self, ids: list[str], secret: Secret, called: GraphError) -> tuple[dict[str, Finding], GraphError | None]:
        """A token that was called dead: believed when ``debug_token`` says so too, else when it is called dead once more."""
        alive = self._inspected(secret)
        if alive is None:
            return {}, GraphError(Reason.FAULT, "whether the token is alive could not be found out")
        if not alive:
            return {id: Finding(State.LOST, called.reason.value) for id in ids}, None
        try:
            self._client.access_ends(ids, secret)
        except GraphError as error:
            if error.reason not in DEAD:
                return {}, error
            return {id: Finding(State.LOST, error.reason.value) for id in ids}, None
        return {}, GraphError(Reason.FAULT, "the token was called dead, and then it was not")

    def _doubted(
        self,
        vault: Vault,
        rows: list[Asset],
        ends: dict[str, datetime | GraphError | None],
        secret: Secret,
    ) -> dict[str, datetime | GraphError | None]:
        """Before anything is called lost: is the token alive at all, and does another of this tenant reach what is gone?"""
        alive = self._inspected(secret)
        if alive is None:
            unsure = GraphError(Reason.FAULT, "whether the token is alive could not be found out")
            return {id: unsure if isinstance(one, GraphError) else one for id, one in ends.items()}
        if not alive:
            dead = GraphError(Reason.LOGIN_ENDED, "debug_token says that this token is dead")
            return {id: dead if isinstance(one, GraphError) else one for id, one in ends.items()}
        gone = {id for id, one in ends.items() if isinstance(one, GraphError) and one.reason is Reason.GONE}
        if not gone:
            return ends
        used = {row.token for row in rows}
        for other in vault.assets():
            if other.asset in gone and other.token not in used and other.state in (State.OK, State.EXPIRING):
                try:
                    self._client.get(other.asset, vault.token_of(other), fields=["id"])
                except (GraphError, NotInVaultError, VaultKeyError):
                    continue
                ends = {**ends, other.asset: GraphError(Reason.LOST_REACH, "another token of this tenant reaches it")}
        return ends

    def _inspected(self, secret: Secret) -> bool | None:
        """Whether ``debug_token`` says that a token is alive and of this app; None: no answer."""
        try:
            told = self._client.inspect(secret)
        except GraphError:
            return None
        return told.valid and told.app == self._client.app.id
