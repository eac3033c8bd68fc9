"""System users and apps: installing an app on one, its tokens there (``wire.md`` §3.6, MT-12, MT-18, MT-19).

The caller has decided that the actor manages the business, and which app calls. Nothing that is made here reaches more
than both the system user and the calling token do.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import facts, grants, records, visible
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.store.visible import Filter, Viewer
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import ASSET_KINDS, AccountKind, NodeKind, TokenKind
from workbadge.terms.reasons import Reason
from workbadge.terms.scopes import SCOPES, grantable, target_kinds

from .configuration import SIXTY_DAYS
from .errors import conflict, forbidden, invalid, not_found
from .grant import Consent, record_consent
from .services import Services
from .token import Issued, issue_system_token

MOST_SELECTED = 10_000
"""So many assets are selected for a token at most; a system user with more is refused one."""


@dataclass(frozen=True, slots=True)
class Minting:
    """A token that is asked for. ``most``: the calling token's own scopes; ``viewer``: who calls, as it sees lists."""

    account_id: int
    business_id: int
    app_id: int
    scopes: tuple[str, ...]
    expiring: bool
    most: frozenset[str]
    viewer: Viewer


async def install_on_system_user(
    tx: Tx, services: Services, account_id: int, business_id: int, app_id: int, actor_id: int, now: datetime
) -> None:
    """Let an app act as a system user, so far with no permission and no asset. Repeating is harmless. Raises CommandError."""
    app = await records.find_app(tx, app_id)
    if app is None:
        raise not_found("app")
    if app.disabled_at is not None:
        raise conflict("This app is disabled.", "an app that is switched on")
    if await grants.find_grant(tx, account_id, app_id, lock=True) is not None:
        return
    grant_id = services.entropy.new_id(NodeKind.RECORD)
    await grants.add_grant(tx, grant_id, account_id, app_id, "", "", now)
    entry = Audit("grant.install", account_id, business_id, None, {"app": app_id})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


async def mint_system_token(tx: Tx, services: Services, wanted: Minting, actor_id: int, now: datetime) -> Issued:
    """A token of a system user for an app that is installed on it.

    It selects the business and what the system user has now, of what the calling token reaches; what it is given later
    needs another token. Raises CommandError: CONFLICT not installed, INVALID or FORBIDDEN scopes.
    """
    grant = await grants.find_grant(tx, wanted.account_id, wanted.app_id, lock=True)
    if grant is None:
        raise conflict("The app is not installed on this system user.", "POST /{system_user}/applications first")
    scopes = _check_scopes(wanted)
    asked = tuple(dict.fromkeys((*facts.scope_list(grant.scopes), *scopes)))
    targets = {row.target_id: row.business_id for row in await grants.list_targets(tx, grant.id)}
    targets |= await _reachable(tx, wanted, asked, now)
    consent = Consent(wanted.account_id, wanted.app_id, asked, (), targets, by=actor_id)
    granted = await record_consent(tx, services, consent, now)
    closed = [name for name in scopes if name not in granted.scopes]
    if closed:
        raise forbidden(f"The app has no access to {', '.join(closed)} here.", ", ".join(granted.scopes))
    life = SIXTY_DAYS if wanted.expiring else None
    issued = await issue_system_token(tx, services, replace(granted, scopes=scopes), now, life)
    detail: dict[str, str | int | None] = {"app": wanted.app_id, "scopes": ",".join(scopes)}
    entry = Audit("token.mint", wanted.account_id, wanted.business_id, None, detail)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    return issued


def _check_scopes(wanted: Minting) -> tuple[str, ...]:
    """The asked scopes: they exist, a system user grants them, and the calling token has them itself."""
    for name in wanted.scopes:
        if name not in SCOPES:
            raise invalid("scope", f"Invalid Scopes: {name[:80]}.", "scopes that exist")
    scopes = grantable(wanted.scopes, AccountKind.SYSTEM)
    if not scopes:
        raise invalid("scope", "No scope of a system user was asked for.", "permissions on businesses and assets")
    beyond = [name for name in scopes if name not in wanted.most]
    if beyond:
        raise forbidden(f"The calling token does not have {', '.join(beyond)} itself.", ", ".join(sorted(wanted.most)))
    return scopes


async def _reachable(tx: Tx, wanted: Minting, asked: tuple[str, ...], now: datetime) -> dict[int, int | None]:
    """The business, and the assets that both the system user and the caller reach, in the business's name."""
    kinds = target_kinds(asked).intersection(ASSET_KINDS)
    found: set[int] = set()
    if kinds:
        robot = Viewer(wanted.account_id, AccountKind.SYSTEM)
        both = []
        for viewer in (robot, wanted.viewer):
            page = await visible.page(tx, viewer, Filter(kinds), now, MOST_SELECTED)
            if page.more and viewer is robot:
                raise conflict(f"The system user has more than {MOST_SELECTED} assets.", "one with fewer")
            both.append(set(page.ids))
        found = both[0] & both[1]
    assert all(kind_of(one) is not None for one in found)
    return {**dict.fromkeys(sorted(found), wanted.business_id), wanted.business_id: wanted.business_id}


async def revoke_system_tokens(
    tx: Tx, services: Services, account_id: int, business_id: int, app_id: int, actor_id: int, now: datetime
) -> None:
    """Revoke every token of an app on a system user; what derives from them dies with them. Repeating is harmless."""
    grant = await grants.find_grant(tx, account_id, app_id, lock=True)
    rows = [] if grant is None else await grants.list_live_tokens(tx, grant.id, TokenKind.SYSTEM_USER, now)
    for row in rows:
        await grants.revoke_token(tx, row.hash, Reason.TOKEN_REVOKED, now)
    if rows:
        detail: dict[str, str | int | None] = {"app": app_id, "tokens": len(rows)}
        entry = Audit("token.revoke", account_id, business_id, None, detail)
        await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
