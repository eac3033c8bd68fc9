"""``/oauth/userinfo`` (OpenID Connect Core §5.3): what the person behind a token let this app know."""

from typing import Any

from workbadge.commands.standard_token import OPENID
from workbadge.oauth.rfc6749.call import Answer, Call
from workbadge.oauth.rfc6750 import call_with_token
from workbadge.store import records
from workbadge.terms.kinds import AccountKind

CLAIMS = (
    "sub",
    "name",
    "given_name",
    "family_name",
    "picture",
    "locale",
    "email",
    "email_verified",
    "is_work_account",
)
"""What can be told (§5.4): ``profile`` and ``email`` add theirs, the rest comes with ``openid``."""


async def userinfo(call: Call) -> Answer:
    """The claims about the account of the token."""
    caller = await call_with_token(call, OPENID)
    loaded = caller.found.loaded
    account = loaded.facts.account
    assert account is not None and loaded.grant_id is not None
    call.site.usage.note(loaded.grant_id, call.now)
    async with call.services.store.read() as tx:
        row = await records.find_account(tx, account.id)
    assert row is not None
    managed = account.kind is AccountKind.MANAGED
    told: dict[str, Any] = {"sub": str(caller.found.about.scoped_id), "is_work_account": managed}
    if "public_profile" in caller.scopes:
        told |= _profile(row, call.services.base_url)
    if "email" in caller.scopes and row.email:
        told |= {"email": row.email, "email_verified": managed}
    return Answer(told)


def _profile(row: Any, base_url: str) -> dict[str, str]:
    names = row.name.split()
    told = {"name": row.name, "picture": f"{base_url}/static/avatar.svg", "locale": row.locale.replace("_", "-")}
    if names:
        told["given_name"] = names[0]
    if len(names) > 1:
        told["family_name"] = names[-1]
    return told
