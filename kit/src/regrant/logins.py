"""What a login leads to, and what it may be refused for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from regrant.answers import Inspection, Person
from regrant.rows import Connection, StoredToken


class LoginReason(StrEnum):
    """Why a callback was refused."""

    UNKNOWN = "unknown"
    """The state was not made for this customer of yours, or was changed."""
    OTHER_USER = "other_user"
    """Somebody else of the same customer began this login."""
    OTHER_APP = "other_app"
    """It was begun for another app than the one whose callback was called."""
    OTHER_ADDRESS = "other_address"
    """It was begun for another callback address."""
    EXPIRED = "expired"
    USED = "used"
    """A state is good once."""
    DECLINED = "declined"
    """The person cancelled."""
    FAILED = "failed"
    """The platform reported a failure, or sent no code."""
    FOREIGN_TOKEN = "foreign_token"
    """The token that came back is dead, or belongs to another app."""


class LoginError(Exception):
    """A callback was refused, and nothing was stored. ``reason`` says why."""

    def __init__(self, reason: LoginReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the person, and until when the answer is taken."""

    url: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Finished:
    """A login that came back. The token is in the vault; no asset points to it yet. ``granted``: what was allowed, on what."""

    connection: Connection
    token: StoredToken
    person: Person
    granted: Inspection
