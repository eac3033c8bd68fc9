"""What the vault keeps, as plain values. Tokens appear in them sealed only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class NotInVaultError(LookupError):
    """This tenant has no such connection, asset or token: the same for what does not exist and for what is another tenant's."""


class State(StrEnum):
    """How an asset of a connection stands (rule P1)."""

    OK = "ok"
    EXPIRING = "expiring"
    """Its token works, until a known instant."""
    LOST = "lost"
    """Its token no longer reaches it; the reason says why."""
    REMOVED = "removed"
    """The app's user took it out of the app."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A tenant's data key, wrapped under the master key ``master``."""

    tenant: str
    id: str
    master: str
    wrapped: bytes = field(repr=False)
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """One login of a tenant into one app, and what hangs on it. Its id outlives every reconnect."""

    tenant: str
    id: str
    app: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token of a person or a system user, sealed."""

    tenant: str
    id: str
    connection: str
    app: str
    holder: str
    """The app-scoped id of whoever it stands for."""
    managed: bool
    """Whether that is a managed account (or a system user: neither is touched by a migration)."""
    scopes: tuple[str, ...]
    issued_at: datetime
    """When the login that it comes from gave a token: of two of the same person the later one is the newer."""
    expires_at: datetime | None
    made_at: datetime
    sealed: str = field(repr=False)
    check_at: datetime
    """When the monitor looks at its assets next."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of one connection: its state, and which token reaches it. ``version`` grows with each change."""

    tenant: str
    connection: str
    asset: str
    app: str
    kind: str
    name: str
    token: str
    sealed: str | None = field(repr=False)
    """A token of the asset's own (a page's), sealed; else None."""
    state: State
    reason: str | None
    until: datetime | None
    changed_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an asset's history: what it became, and when. Never changed afterwards."""

    connection: str
    asset: str
    at: datetime
    version: int
    state: State
    reason: str | None
    until: datetime | None
    token: str


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that was begun and not finished: good once, until ``ends``."""

    tenant: str
    id: str
    ends: datetime
