# Written by tools/unasync.py from kit/src/regrant/_async/vault.py: change that file.
"""The vault of one tenant: connections, their assets, and tokens that are sealed wherever they rest (rule P1)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from regrant._sync.storage import Storage
from regrant.edge import Clock, aside, new_id, utc_now
from regrant.keys import KeyService, VaultKeyError, as_bytes, as_secret, bound, new_data_key, seal, sealed_under, unseal
from regrant.rows import Asset, Connection, DataKey, Event, NotInVaultError, State, StoredToken
from regrant.secret import Secret
from regrant.tokens import AssetToken

T = TypeVar("T")


class Vault:
    """Everything that the app keeps for one of its customers.

    It is opened for a tenant, which the app takes from its own session: no method takes one. What is asked for by id is looked
    up under this tenant only, and each sealed token is bound to tenant, row and place, under keys that the tenant alone has.
    Changes to an asset write its history in the same transaction, and fail when somebody changed it in between.
    """

    def __init__(self, tenant: str, storage: Storage, keys: KeyService, clock: Clock = utc_now) -> None:
        if not tenant:
            raise ValueError("a vault is opened for a tenant: give the id of your customer")
        self.tenant = tenant
        self.storage = storage
        self.clock = clock
        self._service = keys
        self._opened: dict[str, Secret] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tenant!r})"

    def add_connection(self, app: str) -> Connection:
        """Begin a connection of this tenant to an app. Its id cannot be guessed, and stays through every reconnect."""
        connection = Connection(self.tenant, new_id("con"), app, self.clock())
        self.storage.add_connection(connection)
        return connection

    def connections(self) -> list[Connection]:
        """All, oldest first."""
        return self.storage.connections(self.tenant)

    def connection(self, connection: str) -> Connection:
        """One by its id."""
        return _found(self.storage.connection(self.tenant, connection), "connection")

    def add_token(
        self,
        connection: str,
        secret: Secret,
        *,
        holder: str,
        managed: bool = False,
        scopes: Iterable[str] = (),
        issued_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> StoredToken:
        """Seal and keep a token of a person or system user. It replaces nothing: assets point to it by ``put``.

        ``issued_at``: when the platform gave it, now if that is not known.
        """
        parent = self.connection(connection)
        id, now = new_id("tok"), self.clock()
        sealed = self.seal(secret, "token", id)
        token = StoredToken(
            tenant=self.tenant,
            id=id,
            connection=connection,
            app=parent.app,
            holder=holder,
            managed=managed,
            scopes=tuple(scopes),
            issued_at=issued_at or now,
            expires_at=expires_at,
            made_at=now,
            sealed=sealed,
            check_at=now,
        )
        self.storage.add_token(token)
        return token

    def stored_token(self, token: str) -> StoredToken:
        """What is known about a token, without its text."""
        return _found(self.storage.token(self.tenant, token), "token")

    def secret_of(self, token: StoredToken) -> Secret:
        """The text of a token of this tenant."""
        return self.unseal(token.sealed, "token", token.id)

    def put(
        self,
        connection: str,
        asset: str,
        token: StoredToken,
        *,
        kind: str = "",
        name: str = "",
        page_token: Secret | None = None,
        until: datetime | None = None,
        over: Asset | None = None,
    ) -> Asset | None:
        """Let ``token`` reach ``asset`` from now on. ``over`` is the row that it replaces, None for a new asset.

        ``page_token`` is the asset's own token, derived from ``token``. None is answered, and nothing changed, when somebody
        else changed the row in between, or made it: read it again.
        """
        if token.tenant != self.tenant or token.connection != connection:
            raise NotInVaultError("this token belongs to another connection")
        sealed = None if page_token is None else self.seal(page_token, "asset", connection, asset)
        row = Asset(
            tenant=self.tenant,
            connection=connection,
            asset=asset,
            app=token.app,
            kind=kind or (over.kind if over else ""),
            name=name or (over.name if over else ""),
            token=token.id,
            sealed=sealed,
            state=State.OK if until is None else State.EXPIRING,
            reason=None if until is None else "migration",
            until=until,
            changed_at=self.clock(),
            version=1 if over is None else over.version + 1,
        )
        return row if self.storage.put_asset(row, None if over is None else over.version) else None

    def mark(
        self, asset: Asset, state: State, reason: str | None = None, until: datetime | None = None
    ) -> Asset | None:
        """Give an asset another state. None, and nothing changed, when the row was changed since it was read."""
        if asset.tenant != self.tenant:
            raise NotInVaultError("this asset is another tenant's")
        if (asset.state, asset.reason, asset.until) == (state, reason, until):
            return asset
        row = replace(
            asset, state=state, reason=reason, until=until, changed_at=self.clock(), version=asset.version + 1
        )
        return row if self.storage.put_asset(row, asset.version) else None

    def assets(self, connection: str | None = None) -> list[Asset]:
        """All assets, or those of one connection, with their states."""
        return self.storage.assets(self.tenant, connection)

    def asset(self, connection: str, asset: str) -> Asset:
        """One asset of one connection."""
        return _found(self.storage.asset(self.tenant, connection, asset), "asset")

    def token(self, connection: str, asset: str) -> AssetToken:
        """The token to use for an asset: its own, else that of the person or system user. The client uses it for nothing else.

        NotInVaultError for what this tenant does not have, and for what was removed. What is lost has its last token still.
        """
        row = self.asset(connection, asset)
        if row.state is State.REMOVED:
            raise NotInVaultError("this tenant has no such asset")
        try:
            return self.token_of(row)
        except NotInVaultError:  # replaced between the two reads
            return self.token_of(self.asset(connection, asset))

    def token_of(self, row: Asset) -> AssetToken:
        """The token of a row that was read from this vault."""
        stored = self.stored_token(row.token)
        if row.sealed is None:
            return AssetToken(row.asset, self.secret_of(stored), stored.holder)
        own = self.unseal(row.sealed, "asset", row.connection, row.asset)
        return AssetToken(row.asset, own, stored.holder, own=True)

    def history(self, connection: str, asset: str) -> list[Event]:
        """What became of an asset, oldest first."""
        return self.storage.history(self.tenant, connection, asset)

    def rotate(self, *, new_key: bool = False) -> int:
        """Bring everything under the newest keys; how many things were sealed anew. Readers and writers go on meanwhile.

        Data keys are wrapped under the key service's current master key. ``new_key`` first makes a data key, and what is sealed
        under others is sealed under it. Stopped half-way nothing is lost: both keys are known, and the next call goes on.
        """
        done = 0
        for key in self.storage.data_keys(self.tenant):
            if key.master != self._service.current:
                done += self.storage.rewrap_data_key(key, self._wrap(key.id, self._open(key), key.made_at))
        if new_key:
            self._add_key()
        newest = (self._keys())[-1].id
        for token in self.storage.tokens(self.tenant):
            if sealed_under(token.sealed) != newest:
                text = self.unseal(token.sealed, "token", token.id)
                done += self.storage.reseal_token(token, self.seal(text, "token", token.id))
        for asset in self.storage.assets(self.tenant):
            if asset.sealed is not None and sealed_under(asset.sealed) != newest:
                place = ("asset", asset.connection, asset.asset)
                text = self.unseal(asset.sealed, *place)
                done += self.storage.reseal_asset(asset, self.seal(text, *place))
        return done

    def seal(self, text: Secret, *place: str) -> str:
        """Seal a text under this tenant's newest data key, for one place."""
        key = (self._keys())[-1]
        return seal(key.id, self._open(key), text, bound(self.tenant, *place))

    def unseal(self, sealed: str, *place: str) -> Secret:
        """Open what this tenant sealed for this place. Raises VaultKeyError."""
        key_id = sealed_under(sealed)
        opened = self._opened.get(key_id)
        if opened is None:
            found = [key for key in self.storage.data_keys(self.tenant) if key.id == key_id]
            if not found:
                raise VaultKeyError(f"this tenant has no data key {key_id[:60]!r}")
            opened = self._open(found[0])
        return unseal(opened, sealed, bound(self.tenant, *place))

    def _keys(self) -> list[DataKey]:
        return self.storage.data_keys(self.tenant) or [self._add_key()]

    def _add_key(self) -> DataKey:
        key = self._wrap(new_id("key"), new_data_key(), self.clock())
        self.storage.add_data_key(key)
        return key

    def _wrap(self, id: str, key: Secret, made_at: datetime) -> DataKey:
        master = self._service.current
        wrapped = aside(lambda: self._service.wrap(as_bytes(key), bound(self.tenant, id)))
        return DataKey(self.tenant, id, master, wrapped, made_at)

    def _open(self, key: DataKey) -> Secret:
        if key.id not in self._opened:
            unwrap = self._service.unwrap
            self._opened[key.id] = aside(lambda: as_secret(unwrap(key.master, key.wrapped, bound(self.tenant, key.id))))
        return self._opened[key.id]


def _found(row: T | None, what: str) -> T:
    if row is None:
        raise NotInVaultError(f"this tenant has no such {what}")
    return row
