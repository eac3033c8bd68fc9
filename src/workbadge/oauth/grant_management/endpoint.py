"""``/oauth/grants/{grant_id}``: what a grant holds, and giving it back (§6). The caller is the app, by an app token."""

from typing import Any

from workbadge.commands.grant import remove_app
from workbadge.oauth.rfc6749.call import Answer, Call
from workbadge.oauth.rfc6749.errors import OAuthError
from workbadge.oauth.rfc6749.scope import write_scope
from workbadge.oauth.rfc6750 import call_as_app
from workbadge.oauth.rfc9396 import describe_selected
from workbadge.store import facts, grants
from workbadge.store.engine import Tx
from workbadge.terms.ids import parse_id

GRANTS = "/oauth/grants/"
QUERY, REVOKE = "grant_management_query", "grant_management_revoke"


async def grant(call: Call) -> Answer:
    """``GET`` tells the grant, ``DELETE`` ends it with every token under it; another client's grant is not found."""
    app_id = await call_as_app(call, REVOKE if call.method == "DELETE" else QUERY)
    grant_id = parse_id(call.path.removeprefix(GRANTS))
    if call.method == "GET":
        async with call.services.store.read() as tx:
            return Answer(await _tell(tx, call.services.base_url, await _find(tx, app_id, grant_id)))
    async with call.services.store.write() as tx:
        row = await _find(tx, app_id, grant_id)
        await remove_app(tx, call.services, row.account_id, app_id, call.now)
    return Answer(status=204)


async def _find(tx: Tx, app_id: int, grant_id: int | None) -> Any:
    row = None if grant_id is None else await grants.find_grant_by_id(tx, grant_id)
    if row is None or row.app_id != app_id or row.revoked_at is not None:
        raise OAuthError("invalid_grant_id", "There is no such grant of this client, or it was taken back.", 404)
    return row


async def _tell(tx: Tx, base_url: str, row: Any) -> dict[str, Any]:
    """Scopes and selected assets; whether a token still reaches an asset, and until when, is told by introspection."""
    scopes = tuple(facts.scope_list(row.scopes))
    selected = [one.target_id for one in await grants.list_targets(tx, row.id)]
    return {
        "grant_id": str(row.id),
        "scopes": [{"scope": write_scope(scopes)}] if scopes else [],
        "claims": [],
        "authorization_details": describe_selected(base_url, selected, scopes),
    }
