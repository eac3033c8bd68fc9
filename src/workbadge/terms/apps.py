"""What apps are to the platform: who makes them, how open they are, what is taken from them (``wire.md`` §6.8, M17)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class AppRole(StrEnum):
    """A person's role on an app; the values are the wire's."""

    ADMINISTRATOR = "administrators"  # everything, roles and mode included
    DEVELOPER = "developers"  # settings, webhooks, deliveries
    TESTER = "testers"  # logs in while the app is in development


MAKERS = frozenset({AppRole.ADMINISTRATOR, AppRole.DEVELOPER})
"""Roles that open the app's pages."""


class AppMode(StrEnum):
    """Who may log in: in development only people with a role and the app's test users."""

    LIVE = "live"
    DEVELOPMENT = "development"


class Level(StrEnum):
    """Who may grant a permission to the app: with standard access only people with a role on it."""

    STANDARD = "standard"
    ADVANCED = "advanced"


class Review(StrEnum):
    """How App Review stands for a permission. It is the operator's record; the level decides."""

    NOT_REQUESTED = "not_requested"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"


class Restriction(StrEnum):
    """What an enforcement stops."""

    API = "api"  # every call with a token of the app: 368
    LOGIN = "login"  # new logins and consents: a page that says so
    WRITE = "write"  # calls that change something: 3
    PERMISSION = "permission"  # what needs one of its permissions: 10


@dataclass(frozen=True, slots=True)
class Limits:
    """All that is stopped for an app at present. ``scopes``: permissions that do not count; ``standard``: those that count only
    for people with a role on the app."""

    api: bool = False
    login: bool = False
    write: bool = False
    scopes: frozenset[str] = frozenset()
    standard: frozenset[str] = frozenset()

    @property
    def restricts(self) -> bool:
        """Whether an operator has taken something from the app."""
        return self.api or self.login or self.write or bool(self.scopes)

    def __str__(self) -> str:
        """As it stands in the database; empty when nothing is stopped."""
        plain = [
            one.value for one in (Restriction.API, Restriction.LOGIN, Restriction.WRITE) if getattr(self, one.value)
        ]
        taken = [f"{Restriction.PERMISSION.value}:{scope}" for scope in sorted(self.scopes)]
        return ",".join(plain + taken + [f"{Level.STANDARD.value}:{scope}" for scope in sorted(self.standard)])


@lru_cache(maxsize=1024)
def read_limits(text: str | None) -> Limits:
    """What a stored text stops."""
    parts = (text or "").split(",")
    pairs = [(kind, scope) for kind, _, scope in (one.partition(":") for one in parts)]
    taken, standard = (
        frozenset(scope for kind, scope in pairs if kind == wanted)
        for wanted in (Restriction.PERMISSION.value, Level.STANDARD.value)
    )
    return Limits("api" in parts, "login" in parts, "write" in parts, taken, standard)
