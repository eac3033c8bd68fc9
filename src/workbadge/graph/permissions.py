"""``me/permissions``: what is granted and declined, and taking it back (``wire.md`` §3.5)."""

from typing import Any

from workbadge.commands import grant as grants_commands
from workbadge.commands.errors import CommandError
from workbadge.commands.inspection import is_lapsed
from workbadge.store import grants
from workbadge.store.facts import Loaded
from workbadge.web.wire import WireError

from .context import Call, is_page_token
from .errors import missing
from .lists import Asked


async def permissions(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/permissions``: granted, or expired when the app has not used them for too long, and declined (``wire.md`` §3.5)."""
    async with call.services.store.read() as tx:
        row = None if loaded.grant_id is None else await grants.find_grant_by_id(tx, loaded.grant_id)
    if row is None:
        return {"data": []}
    standing = "expired" if is_lapsed(loaded.facts, call.now) else "granted"
    granted = [{"permission": name, "status": standing} for name in row.scopes.split(",") if name]
    declined = [{"permission": name, "status": "declined"} for name in row.declined.split(",") if name]
    values = call.params.values
    wanted, status = values.get("permission"), values.get("status")
    data = [
        one
        for one in granted + declined
        if wanted in (None, "", one["permission"]) and status in (None, "", one["status"])
    ]
    return {"data": data}


async def delete_permissions(call: Call, loaded: Loaded, name: str | None) -> dict[str, Any]:
    """``DELETE me/permissions[/p]``: take one permission back, or the app off."""
    account = loaded.facts.account
    if account is None or loaded.grant_id is None or is_page_token(loaded):
        raise missing("me")
    async with call.services.store.write() as tx:
        if name is None:
            await grants_commands.remove_app(tx, call.services, account.id, loaded.app_id, call.now)
        else:
            try:
                await grants_commands.remove_permission(tx, call.services, account.id, loaded.app_id, name, call.now)
            except CommandError as error:
                raise WireError(100, f"(#100) {error.message}") from error
    return {"success": True}
