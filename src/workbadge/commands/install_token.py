"""Tokens of an install's system users: the swap of the Business Extension (``wire.md`` §5.1), and narrower ones (§4).

Whoever asks has been found to be an admin of the business, its partner, or the install's own system user. Nothing that
is minted reaches more than the install does (MT-12, MT-20).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import business_login, grants, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.store.facts import scope_list

from .configuration import SIXTY_DAYS
from .errors import forbidden, invalid, not_found
from .grant import Granted, selectable
from .install import consent_for, open_system_user, set_assets
from .narrow_users import tasks_of
from .registration import NAME_LENGTH
from .services import Services
from .token import Issued, find_system_token, issue_system_token


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks for. None: all that the system user has. ``fetch_only``: a token that exists already.
    ``most``: the caller's own scopes, where the token may not have others."""

    scopes: tuple[str, ...] | None = None
    assets: tuple[int, ...] | None = None
    system_user_id: int | None = None
    expiring: bool = False
    fetch_only: bool = False
    most: frozenset[str] | None = None


async def mint_token(tx: Tx, services: Services, row: Any, wanted: Wanted, actor_id: int, now: datetime) -> Issued:
    """A token of an install's system user; with fewer assets, of one that has just these (``system_user_access_tokens``).

    Raises CommandError: NOT_FOUND system user or token, INVALID scopes, FORBIDDEN assets.
    """
    account_id = row.account_id if wanted.system_user_id is None else wanted.system_user_id
    if account_id != row.account_id and account_id not in await business_login.list_narrow_users(tx, row.id):
        raise not_found("system user of this app")
    grant = await _grant(tx, account_id, row.app_id)
    scopes = _checked_scopes(grant, wanted.scopes, wanted.most)
    held = await _reached(tx, account_id, grant.id, now)
    assets = held if wanted.assets is None else tuple(sorted(set(wanted.assets)))
    for one in assets:
        if one not in held:
            raise forbidden(f"{one} is not an asset of this system user.", "assets that were chosen at the install")
    if assets != held:
        grant = await _narrow(tx, services, row, grant, assets, wanted.fetch_only, now)
    granted = Granted(grant.consented_at, grant.id, grant.account_id, row.app_id, scopes, ())
    if wanted.fetch_only:
        known = await find_system_token(tx, services, granted, now, wanted.expiring)
        if known is None:
            raise not_found("token with these scopes and assets")
        return known
    return await _issue(tx, services, row, granted, wanted.expiring, actor_id, now)


async def swap_token(
    tx: Tx, services: Services, row: Any, scopes: tuple[str, ...], actor_id: int, now: datetime
) -> Issued:
    """The token of a business extension's system user for these scopes, without an end: the same one each time while it
    lives (MT-20). The install counts as swapped from the first time on (L4). Raises CommandError INVALID for the scopes."""
    grant = await _grant(tx, row.account_id, row.app_id)
    checked = _checked_scopes(grant, scopes, None)
    granted = Granted(grant.consented_at, grant.id, row.account_id, row.app_id, checked, ())
    known = await find_system_token(tx, services, granted, now, False)
    if known is not None:
        await business_login.mark_swapped(tx, row.id, now)
        return known
    return await _issue(tx, services, row, granted, False, actor_id, now)


async def _issue(
    tx: Tx, services: Services, row: Any, granted: Granted, expiring: bool, actor_id: int, now: datetime
) -> Issued:
    issued = await issue_system_token(tx, services, granted, now, SIXTY_DAYS if expiring else None)
    await business_login.mark_swapped(tx, row.id, now)
    detail: dict[str, str | int | None] = {"app": row.app_id, "install": row.id, "scopes": ",".join(granted.scopes)}
    entry = Audit("token.mint", granted.account_id, row.business_id, None, detail)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    return issued


async def _grant(tx: Tx, account_id: int, app_id: int) -> Any:
    """The system user's live grant, locked, so that two callers at once are given one answer. Raises NOT_FOUND."""
    grant = await grants.find_grant(tx, account_id, app_id, lock=True)
    if grant is None:
        raise not_found("system user of this app")
    return grant


def _checked_scopes(grant: Any, wanted: tuple[str, ...] | None, most: frozenset[str] | None) -> tuple[str, ...]:
    """The wanted scopes in the grant's order. Raises INVALID for one that the business did not allow."""
    held = [one for one in scope_list(grant.scopes) if most is None or one in most]
    for name in wanted or ():
        if name not in held:
            raise invalid("scope", f"{name[:80]} was not allowed to this app here.", ", ".join(held))
    return tuple(one for one in held if wanted is None or one in wanted)


async def _reached(tx: Tx, account_id: int, grant_id: int, now: datetime) -> tuple[int, ...]:
    """Assets that are selected for the app and that the system user still has, by id."""
    chosen = [row.target_id for row in await grants.list_targets(tx, grant_id)]
    assets = await records.list_assets(tx, chosen)
    return tuple(sorted(await selectable(tx, account_id, assets, now)))


async def _narrow(
    tx: Tx, services: Services, row: Any, grant: Any, assets: tuple[int, ...], known_only: bool, now: datetime
) -> Any:
    """The grant of the install's system user that has just these assets, with no more tasks on them than the holder of
    ``grant``; made when there is none yet."""
    selection = hashlib.sha256(",".join(map(str, assets)).encode()).hexdigest()
    account_id = await business_login.find_narrow_user(tx, row.id, selection)
    if account_id is None:
        if known_only:
            raise not_found("token with these assets")
        account = await records.find_account(tx, row.account_id)
        assert account is not None
        tail = f" ({len(assets)} of its assets)"
        name = account.name[: NAME_LENGTH - len(tail)] + tail
        account_id = await open_system_user(tx, services, row.business_id, name, row.installed_by, now)
        await business_login.add_narrow_user(tx, row.id, selection, account_id)
    if not known_only:
        scopes = tuple(scope_list(grant.scopes))
        most = await tasks_of(tx, grant.account_id, row.business_id, now)
        await set_assets(tx, services, account_id, row.business_id, assets, now, most)
        await consent_for(tx, services, account_id, row.app_id, row.business_id, scopes, assets, row.installed_by, now)
    return await _grant(tx, account_id, row.app_id)
