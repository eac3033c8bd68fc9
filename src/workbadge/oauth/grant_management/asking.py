"""``grant_id`` and ``grant_management_action`` of an authorization request (§5.1, §5.2)."""

import msgspec

from workbadge.oauth.rfc6749.authorization import Authorization, AuthorizationError, invalid
from workbadge.store import grants
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind

ACTIONS = ("create", "merge", "replace", "update")
"""``update`` is the name that ``merge`` had in the first draft."""


async def check_grant_action(asked: Authorization) -> None:
    """A known action, and the client's own grant with those that change one. Only the grant's account may answer."""
    action, text = asked.values.get("grant_management_action"), asked.values.get("grant_id")
    if action is None and text is None:
        return
    if action not in ACTIONS:
        raise invalid(f"Expected grant_management_action as one of {', '.join(ACTIONS)}.")
    if (text is None) != (action == "create"):
        raise invalid("Expected grant_id with merge and replace, and not with create.")
    account = None if text is None else await _account(asked, text)
    standard = asked.standard
    if None not in (account, standard.account) and account != standard.account:
        raise invalid("The id_token_hint is about somebody else than the grant.")
    merge = action in ("merge", "update")
    asked.again = asked.again or not merge
    asked.standard = msgspec.structs.replace(
        standard, account=account or standard.account, grant_action="merge" if merge else action
    )


async def _account(asked: Authorization, text: str) -> int:
    grant_id = parse_id(text)
    if grant_id is not None and kind_of(grant_id) is NodeKind.RECORD:
        async with asked.services.store.read() as tx:
            row = await grants.find_grant_by_id(tx, grant_id)
        if row is not None and row.app_id == asked.client.id and row.revoked_at is None:
            return int(row.account_id)
    raise AuthorizationError("invalid_grant_id", "There is no such grant of this client, or it was taken back.")
