"""The plain protocol of a storage: write these for a database of your own, or use ``SqlStorage``.

Everything of a tenant is asked for by tenant and id together: an id of another tenant is not found. Two calls reach
across tenants, for what the platform itself says about an asset or a person of one app: ``holding_asset`` and
``held_by``; and one finds work for the monitor: ``claim_due``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from regrant.rows import Asset, Connection, DataKey, Event, PendingLogin, StoredToken


class AsyncStorage(Protocol):
    """Keeps rows. Each call is one transaction, and durable when it returns."""

    async def data_keys(self, tenant: str) -> list[DataKey]:
        """All data keys, oldest first by (made_at, id); the last one seals."""
        ...

    async def add_data_key(self, key: DataKey) -> None:
        """Keep a new one."""
        ...

    async def rewrap_data_key(self, old: DataKey, new: DataKey) -> bool:
        """Put ``new`` in the place of ``old`` if that still is as it was; whether it did."""
        ...

    async def add_login(self, login: PendingLogin) -> None:
        """Keep a begun login."""
        ...

    async def forget_logins(self, before: datetime) -> int:
        """Remove those that ended before an instant; how many."""
        ...

    async def take_login(self, tenant: str, login: str) -> PendingLogin | None:
        """Hand it out and forget it: of any number of calls at once one gets it."""
        ...

    async def add_connection(self, connection: Connection) -> None:
        """Keep a new one."""
        ...

    async def connections(self, tenant: str) -> list[Connection]:
        """All of a tenant, oldest first."""
        ...

    async def connection(self, tenant: str, connection: str) -> Connection | None:
        """One of this tenant."""
        ...

    async def add_token(self, token: StoredToken) -> None:
        """Keep a new one."""
        ...

    async def token(self, tenant: str, token: str) -> StoredToken | None:
        """One of this tenant."""
        ...

    async def tokens(self, tenant: str) -> list[StoredToken]:
        """All of a tenant."""
        ...

    async def reseal_token(self, old: StoredToken, sealed: str) -> bool:
        """Replace the sealed text if it still is ``old.sealed``; whether it did."""
        ...

    async def drop_token(self, tenant: str, token: str) -> bool:
        """Forget a token that no asset uses; whether it did."""
        ...

    async def assets(self, tenant: str, connection: str | None = None) -> list[Asset]:
        """All of a tenant, or of one connection, ordered by connection and asset."""
        ...

    async def asset(self, tenant: str, connection: str, asset: str) -> Asset | None:
        """One of this tenant."""
        ...

    async def put_asset(self, asset: Asset, over: int | None) -> bool:
        """Write a row and, in the same transaction, a line of its history. ``over``: the version that it replaces (None: there is none).

        False, and nothing written, when the row meanwhile has another version (or is there already).
        """
        ...

    async def reseal_asset(self, old: Asset, sealed: str) -> bool:
        """Replace the sealed text if it still is ``old.sealed``; no new version, no history. Whether it did."""
        ...

    async def history(self, tenant: str, connection: str, asset: str) -> list[Event]:
        """The lines of one asset, oldest first."""
        ...

    async def holding_asset(self, app: str, asset: str) -> list[Asset]:
        """Rows of this asset under this app, whatever the tenant: for the platform's own messages."""
        ...

    async def held_by(self, app: str, holder: str) -> list[Asset]:
        """Rows of this app whose token stands for this person, whatever the tenant: for the platform's own messages."""
        ...

    async def first_time(self, app: str, digest: str, now: datetime, forget: datetime) -> bool:
        """Whether this message of the platform is new; from now on it is not. Those seen before ``forget`` are forgotten."""
        ...

    async def unseen(self, app: str, digest: str) -> None:
        """Forget a message whose handling failed, so that its repetition is new."""
        ...

    async def claim_due(self, app: str, now: datetime, again: datetime, limit: int) -> Sequence[StoredToken]:
        """Tokens with ``check_at`` not after ``now``, the longest due first, their ``check_at`` set to ``again``.

        Two callers never get the same: whoever dies with one lets it come up again at ``again``.
        """
        ...

    async def check_next(self, tenant: str, token: str, at: datetime) -> None:
        """Set when the monitor looks at a token next."""
        ...

    async def assets_of(self, tenant: str, token: str) -> list[Asset]:
        """What this token reaches, by asset."""
        ...
