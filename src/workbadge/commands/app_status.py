"""How open an app is: its mode, its access to permissions, what an operator has stopped (``wire.md`` §6.8, §3.12).

A migration touches none of it (M17): nothing here is about a business or a membership.
"""

from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import apps
from workbadge.store.apply import write_audit
from workbadge.store.engine import Store, Tx
from workbadge.terms.apps import AppMode, Level, Limits, Restriction, Review, read_limits
from workbadge.terms.kinds import AccountKind, NodeKind
from workbadge.terms.scopes import SCOPES

from .errors import conflict, forbidden, invalid, not_found
from .services import Services

LONGEST_REASON = 500
ALWAYS = frozenset({"public_profile", "email", "openid"})
"""Permissions that every app has with advanced access."""


async def set_mode(tx: Tx, services: Services, app_id: int, mode: AppMode, actor_id: int | None, now: datetime) -> None:
    """Development or live. Raises CommandError NOT_FOUND."""
    if not await apps.set_columns(tx, app_id, {"mode": mode.value}):
        raise not_found("app")
    await _note(tx, services, "app.mode", app_id, {"mode": mode.value}, actor_id, now)


def mode_of(app: Any) -> AppMode:
    """The mode of an app's row."""
    return AppMode(app.mode or AppMode.LIVE.value)


async def set_access(
    tx: Tx,
    services: Services,
    app_id: int,
    scope: str,
    level: Level,
    review: Review,
    actor_id: int | None,
    now: datetime,
) -> None:
    """Decide about an app's access to a permission. Permissions about which nothing was decided have advanced access: who
    runs a platform of their own lets apps in by registering them. Raises CommandError: NOT_FOUND, INVALID scope."""
    if scope not in SCOPES or scope in ALWAYS:
        raise invalid("scope", f"{scope[:80]!r} has no level of access.", "a permission beyond the login itself")
    if await apps.lock_app(tx, app_id) is None:
        raise not_found("app")
    await apps.put_permission(tx, app_id, scope, level.value, review.value, now)
    await _apply(tx, app_id)
    detail = {"scope": scope, "level": level.value, "review": review.value}
    await _note(tx, services, "app.access", app_id, detail, actor_id, now)


async def restrict(
    tx: Tx,
    services: Services,
    app_id: int,
    kind: Restriction,
    reason: str,
    scopes: tuple[str, ...],
    actor_id: int | None,
    now: datetime,
) -> int:
    """Stop something for an app from now on; the id of the enforcement. ``scopes``: of Restriction.PERMISSION alone.

    Raises CommandError: NOT_FOUND, INVALID reason or scopes.
    """
    said = reason.strip()
    if not 1 <= len(said) <= LONGEST_REASON or not said.isprintable():
        raise invalid("reason", "The reason cannot be used.", f"1 to {LONGEST_REASON} printable characters")
    if (kind is Restriction.PERMISSION) != bool(scopes) or any(one not in SCOPES for one in scopes):
        raise invalid("scopes", "These permissions do not fit.", "existing ones with the kind permission, else none")
    if await apps.lock_app(tx, app_id) is None:
        raise not_found("app")
    made = services.entropy.new_id(NodeKind.RECORD)
    row = {"id": made, "app_id": app_id, "kind": kind.value, "reason": said, "starts": now}
    await apps.add_enforcement(tx, {**row, "scopes": ",".join(dict.fromkeys(scopes))})
    await _apply(tx, app_id)
    await _note(tx, services, "app.restrict", app_id, {"kind": kind.value, "reason": said}, actor_id, now)
    return made


async def lift(
    tx: Tx, services: Services, app_id: int, enforcement_id: int, actor_id: int | None, now: datetime
) -> None:
    """End an enforcement. Raises CommandError: NOT_FOUND, CONFLICT when it has ended already."""
    await apps.lock_app(tx, app_id)
    found = next((one for one in await apps.list_enforcements(tx, app_id) if one.id == enforcement_id), None)
    if found is None:
        raise not_found("enforcement")
    if found.ends is not None:
        raise conflict("This enforcement has ended already.", "one that still holds")
    await apps.end_enforcement(tx, enforcement_id, now)
    await _apply(tx, app_id)
    await _note(tx, services, "app.lift", app_id, {"kind": found.kind}, actor_id, now)


async def _apply(tx: Tx, app_id: int) -> None:
    """Write what holds now to where every call reads it."""
    open_ones = [one for one in await apps.list_enforcements(tx, app_id) if one.ends is None]
    kinds = {one.kind for one in open_ones}
    scopes = frozenset(scope for one in open_ones for scope in one.scopes.split(",") if scope)
    standard = frozenset(
        row.scope for row in await apps.list_permissions(tx, app_id) if row.level == Level.STANDARD.value
    )
    text = str(Limits("api" in kinds, "login" in kinds, "write" in kinds, scopes, standard))
    await apps.set_columns(tx, app_id, {"limits": text or None})


async def list_open(tx: Tx, app_id: int, *kinds: Restriction) -> list[Any]:
    """Enforcements of these kinds that hold, newest first."""
    return [one for one in await apps.list_enforcements(tx, app_id) if one.ends is None and one.kind in kinds]


async def check_login(tx: Tx, app: Any, account_id: int, kind: AccountKind) -> None:
    """Whether an account may log in to an app and grant it anything. Raises FORBIDDEN: logins are stopped; the app is in
    development and the person has no role on it; somebody else's test user."""
    limits = read_limits(app.limits)
    if limits.login or limits.api:
        (newest, *_) = await list_open(tx, app.id, Restriction.LOGIN, Restriction.API)
        raise forbidden(f"{app.name} is restricted and takes no logins at present: {newest.reason}", "a later time")
    if kind is AccountKind.SYSTEM:
        return
    test_app = await apps.find_test_app(tx, account_id)
    if test_app is not None and test_app != app.id:
        raise forbidden("This test user belongs to another app.", "a test user of this app")
    if mode_of(app) is AppMode.DEVELOPMENT and not await _has_role(tx, app.id, account_id, test_app):
        raise forbidden(
            f"{app.name} is still in development: only people who work on it can log in.", "a role on the app"
        )


async def withheld(tx: Tx, app_id: int, account_id: int) -> frozenset[str]:
    """Permissions that this account cannot grant the app, as the access to them is standard and it has no role on it."""
    standard = {row.scope for row in await apps.list_permissions(tx, app_id) if row.level == Level.STANDARD.value}
    if not standard or await _has_role(tx, app_id, account_id, await apps.find_test_app(tx, account_id)):
        return frozenset()
    return frozenset(standard)


async def closed_scopes(
    store: Store, limits: Limits, app_id: int, account_id: int | None, reader: Tx | None = None
) -> frozenset[str]:
    """Permissions that do not count in a call under an account: those that were taken from the app, and, where the account has no
    role on it, those to which its access is standard (MT-41). ``reader``: the transaction that the caller is in."""
    if not limits.standard or account_id is None:
        return limits.scopes | limits.standard
    if reader is not None:
        inside = await _works_on(reader, app_id, account_id)
    else:
        async with store.read() as tx:
            inside = await _works_on(tx, app_id, account_id)
    return limits.scopes if inside else limits.scopes | limits.standard


async def _works_on(tx: Tx, app_id: int, account_id: int) -> bool:
    return await _has_role(tx, app_id, account_id, await apps.find_test_app(tx, account_id))


async def _has_role(tx: Tx, app_id: int, account_id: int, test_app: int | None) -> bool:
    return test_app == app_id or await apps.find_role(tx, app_id, account_id) is not None


async def _note(
    tx: Tx, services: Services, act: str, app_id: int, detail: dict[str, Any], actor_id: int | None, now: datetime
) -> None:
    await write_audit(tx, (Audit(act, app_id, None, None, detail),), actor_id, services.entropy.new_id, now)
