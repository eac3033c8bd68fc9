"""Answers of the API as values, and how they are read. Tokens in them are Secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from regrant.secret import Secret
from regrant.tokens import AssetToken

Node: TypeAlias = dict[str, Any]
"""One object as the API answers it."""


@dataclass(frozen=True, slots=True)
class App:
    """The app at the platform. ``base``: where its API is, ``dialog``: where people log in; both without a path."""

    id: str
    secret: Secret
    base: str = "https://graph.facebook.com"
    dialog: str = "https://www.facebook.com"
    version: str = "v26.0"

    @property
    def token(self) -> Secret:
        """The app's own token."""
        return Secret(f"{self.id}|{self.secret.reveal()}")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just issued. ``expires_at`` None: it does not say that it ends."""

    secret: Secret
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever a token stands for. ``managed``: a managed account."""

    id: str
    name: str
    managed: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a token reaches, with a token of its own (None: the page was not selected for this app)."""

    id: str
    name: str
    tasks: tuple[str, ...]
    token: AssetToken | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What ``debug_token`` says. ``kind``: USER, PAGE, SYSTEM_USER or APP. ``targets``: scope to chosen assets; None for all."""

    valid: bool
    app: str = ""
    holder: str = ""
    kind: str = ""
    scopes: frozenset[str] = frozenset()
    targets: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    issued_at: datetime | None = None
    expires_at: datetime | None = None

    def chosen(self, asset: str, scopes: Iterable[str]) -> bool:
        """Whether the person selected an asset, as far as that is told: by none of these scopes only if each names others."""
        told = [self.targets[scope] for scope in scopes if scope in self.targets]
        return not told or any(one is None or asset in one or asset.removeprefix("act_") in one for one in told)


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a batch. ``token``: its own, else the batch's. ``of``: as in ``Client.get``."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    token: Secret | AssetToken | None = None
    of: str | None = None


def veil(answer: Any) -> Any:
    """A decoded answer in which each access token is a Secret, and addresses of further pages hold none."""
    if isinstance(answer, dict):
        return {key: _veiled(key, value) for key, value in answer.items()}
    return [veil(one) for one in answer] if isinstance(answer, list) else answer


def _veiled(key: str, value: Any) -> Any:
    if isinstance(value, str) and value:
        if key.endswith("access_token"):
            return Secret(value)
        if key in ("next", "previous") and "access_token=" in value:
            parts = urlsplit(value)
            left = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("access_token", "appsecret_proof")]
            return urlunsplit(parts._replace(query=urlencode(left)))
        return value
    return veil(value)


def read_instant(value: Any) -> datetime | None:
    """An instant in each form that is in use: ``…+00:00``, ``…+0000``, ``…Z``, Unix seconds (``wire.md`` §2.2). Else None."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def inspection_of(told: Any) -> Inspection:
    """``data`` of a ``debug_token`` answer."""
    told = told if isinstance(told, dict) else {}
    granular = told.get("granular_scopes")
    return Inspection(
        valid=told.get("is_valid") is True,
        app=str(told.get("app_id", "")),
        holder=str(told.get("user_id", "")),
        kind=str(told.get("type", "")),
        scopes=frozenset(_texts(told.get("scopes"))),
        targets={
            str(one.get("scope")): frozenset(_texts(one["target_ids"])) if "target_ids" in one else None
            for one in (granular if isinstance(granular, list) else [])
            if isinstance(one, dict)
        },
        issued_at=read_instant(told.get("issued_at")),
        expires_at=read_instant(told.get("expires_at")),
    )


def _texts(values: Any) -> Iterable[str]:
    return (one for one in values if isinstance(one, str)) if isinstance(values, list) else ()
