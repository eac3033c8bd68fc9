"""Login configurations: what an app asks for under one ``config_id`` instead of ``scope`` (``wire.md`` §4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import business_login, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import ASSET_KINDS, NodeKind, TokenKind
from workbadge.terms.scopes import SCOPES, Audience, target_kinds

from .errors import invalid, not_found
from .registration import check_name
from .services import Services

IMPLICIT = ("public_profile", "email")
"""What a login as a person consists of, whatever the configuration says."""

SIXTY_DAYS = 60 * DAY
"""Life of a system user's token that is to expire (``wire.md`` §3.2, §4)."""


@dataclass(frozen=True, slots=True)
class NewConfiguration:
    """``token``: ``user`` or ``system_user``. ``kinds`` empty: every kind of asset that the scopes are about."""

    app_id: int
    name: str
    token: str
    scopes: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    expires: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration as the dialog uses it. ``life`` None: the ordinary life of its kind of token."""

    id: int
    app_id: int
    name: str
    token: TokenKind
    scopes: tuple[str, ...]
    kinds: tuple[NodeKind, ...]
    life: timedelta | None

    @property
    def installs(self) -> bool:
        """Whether the app is installed in a business and acts there as a system user."""
        return self.token is TokenKind.SYSTEM_USER


async def add_configuration(
    tx: Tx, services: Services, new: NewConfiguration, now: datetime, actor_id: int | None = None
) -> Configuration:
    """A configuration of an app. Raises CommandError: NOT_FOUND app, INVALID."""
    if await records.find_app(tx, new.app_id) is None:
        raise not_found("app")
    try:
        token = TokenKind(new.token)
    except ValueError:
        token = TokenKind.APP
    if token not in (TokenKind.USER, TokenKind.SYSTEM_USER):
        raise invalid("token", f"{new.token[:40]!r} is not a kind of token for this.", "user or system_user")
    if new.expires and token is TokenKind.USER:
        raise invalid("expires_in_60_days", "A person's token has its own life.", "only with the token system_user")
    scopes = _checked_scopes(new.scopes, token)
    kinds = _checked_kinds(new.kinds, scopes)
    life = SIXTY_DAYS if new.expires else None
    made = Configuration(
        services.entropy.new_id(NodeKind.RECORD), new.app_id, check_name(new.name), token, scopes, kinds, life
    )
    values = {
        "id": made.id,
        "app_id": made.app_id,
        "name": made.name,
        "token_kind": token.value,
        "life_seconds": None if life is None else int(life.total_seconds()),
        "asset_kinds": ",".join(kinds),
        "scopes": ",".join(scopes),
        "created_at": now,
    }
    await business_login.add_configuration(tx, values)
    await _note(tx, services, "configuration.add", made.app_id, made.id, actor_id, now)
    return made


async def remove_configuration(
    tx: Tx, services: Services, app_id: int, configuration_id: int, actor_id: int | None, now: datetime
) -> None:
    """Take a configuration out of use: its id is refused from now on, installs by it stay. Raises NOT_FOUND."""
    row = await business_login.find_configuration(tx, configuration_id, lock=True)
    if row is None or row.app_id != app_id or row.removed_at is not None:
        raise not_found("configuration")
    await business_login.remove_configuration(tx, configuration_id, now)
    await _note(tx, services, "configuration.remove", app_id, configuration_id, actor_id, now)


async def _note(
    tx: Tx, services: Services, act: str, app_id: int, configuration_id: int, actor_id: int | None, now: datetime
) -> None:
    entry = Audit(act, app_id, None, None, {"configuration": configuration_id})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


def _checked_scopes(names: tuple[str, ...], token: TokenKind) -> tuple[str, ...]:
    """At least one beyond the login itself; for a system user none that is about a person."""
    for name in names:
        if name not in SCOPES:
            raise invalid("scopes", f"Invalid Scopes: {name[:80]}.", "scopes that exist")
        if token is TokenKind.SYSTEM_USER and SCOPES[name].audience is not Audience.BUSINESS:
            raise invalid("scopes", f"{name} is about a person: a system user has none.", "scopes of a business")
    scopes = tuple(dict.fromkeys(name for name in names if name not in IMPLICIT))
    if not scopes:
        raise invalid("scopes", "Nothing is asked for.", "at least one scope besides email and public_profile")
    return scopes


def _checked_kinds(names: tuple[str, ...], scopes: tuple[str, ...]) -> tuple[NodeKind, ...]:
    """Kinds of assets that the scopes are about."""
    about = [kind for kind in ASSET_KINDS if kind in target_kinds(scopes)]
    for name in names:
        if name not in about:
            expected = ", ".join(about) or "none: these scopes are about no asset"
            raise invalid("assets", f"{name[:40]!r} is no kind of asset that these scopes are about.", expected)
    return tuple(kind for kind in about if not names or kind.value in names)


async def find_configuration(tx: Tx, app_id: int, text: str) -> Configuration | None:
    """The app's configuration that ``config_id`` names; None for another app's, a removed and an unknown one."""
    found = parse_id(text)
    if found is None or kind_of(found) is not NodeKind.RECORD:
        return None
    row = await business_login.find_configuration(tx, found)
    return None if row is None or row.app_id != app_id or row.removed_at is not None else as_configuration(row)


def as_configuration(row: Any) -> Configuration:
    """A row of the store as a configuration."""
    return Configuration(
        row.id,
        row.app_id,
        row.name,
        TokenKind(row.token_kind),
        tuple(one for one in row.scopes.split(",") if one),
        tuple(NodeKind(one) for one in row.asset_kinds.split(",") if one),
        None if row.life_seconds is None else timedelta(seconds=row.life_seconds),
    )
