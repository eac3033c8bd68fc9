"""What a live token of the calling client is. Any other text, and any other token, is ``{"active": false}`` and nothing more:
dead, unknown, malformed and somebody else's are not told apart (§2.2, §4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from workbadge.access import Deny
from workbadge.commands.client import Client
from workbadge.commands.inspection import Inspected, inspect_token, reach, scopes_in_force
from workbadge.commands.standard_token import find_refresh
from workbadge.keys import hash_secret, read_refresh_token, read_restricted, read_token
from workbadge.oauth.rfc6749.call import Answer, Call
from workbadge.oauth.rfc6749.client import authenticate
from workbadge.oauth.rfc6749.errors import invalid_client
from workbadge.oauth.rfc6749.scope import write_scope
from workbadge.oauth.rfc9396 import describe
from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import AccountKind, TokenKind

_INACTIVE = Answer(b'{"active":false}')


async def introspect(call: Call) -> Answer:
    """What a token of the calling client is. A hint is not needed: each kind has a form of its own."""
    client = await authenticate(call)
    if client.public:
        raise invalid_client("A client without a secret cannot introspect.")
    text = call.need("token")
    bare = text.removeprefix(f"{client.id}|")
    if read_token(bare) is not None or read_restricted(bare) is not None:
        return await _access(call, client, bare, bare != text)
    if read_refresh_token(text) is not None:
        return await _refresh(call, client, text)
    return _INACTIVE


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer that is right from ``since`` until ``until`` (None: for good), as long as nothing is committed."""

    since: datetime
    until: datetime | None
    answer: Answer


async def _access(call: Call, client: Client, text: str, for_app: bool) -> Answer:
    """An access token. The answer is kept like facts are, up to the instant at which it would be another one (decision
    record 20)."""
    hashed = hash_secret(text)
    memo, key = call.reader.memo(), ("introspection", client.id, hashed)
    kept: _Kept | None = None if memo is None or for_app else memo.get(key)
    if kept is not None and kept.since <= call.now and (kept.until is None or call.now < kept.until):
        return kept.answer
    found = await inspect_token(call.reader, hashed, call.now)
    if found is None or found.loaded.app_id != client.id:
        return _INACTIVE
    token = found.loaded.facts.token
    assert token is not None
    if (token.kind is TokenKind.APP) != for_app:
        return _INACTIVE
    if for_app:
        return _app_token(call, client, found) if token.revoked is None or call.now < token.revoked else _INACTIVE
    scopes = await scopes_in_force(call.services.store, found)
    if isinstance(found.decision, Deny) or scopes is None:
        return _INACTIVE
    answer = _common(call, client, scopes)
    answer["sub"] = _subject(found)
    answer["iat"] = to_micros(found.about.issued_at) // 1_000_000
    if found.about.jkt is not None:
        answer |= {"token_type": "DPoP", "cnf": {"jkt": found.about.jkt}}
    if found.about.resource is not None:
        answer["aud"] = found.about.resource
    if token.expires is not None:
        answer["exp"] = to_micros(token.expires) // 1_000_000
    reached, until = await reach(call.reader, hashed, found.loaded, call.now)
    details = describe(call.services.base_url, reached, scopes)
    if details:
        answer["authorization_details"] = details
    told = Answer(msgspec.json.encode(answer))
    if memo is not None:
        memo[key] = _Kept(call.now, until, told)
    return told


def _subject(found: Inspected) -> str:
    """The id by which the app knows the account (``wire.md`` §3.4)."""
    account = found.loaded.facts.account
    if account is not None and account.kind is AccountKind.SYSTEM:
        return str(account.id)
    return str(found.about.scoped_id)


def _common(call: Call, client: Client, scopes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "active": True,
        "scope": write_scope(scopes),
        "client_id": str(client.id),
        "token_type": "Bearer",
        "iss": call.services.base_url,
    }


def _app_token(call: Call, client: Client, found: Inspected) -> Answer:
    """An app's own token: it stands for the app and has no end."""
    token = found.loaded.facts.token
    scopes = () if token is None else tuple(sorted(token.scopes))
    issued = to_micros(found.about.issued_at) // 1_000_000
    return Answer({**_common(call, client, scopes), "sub": str(client.id), "iat": issued})


async def _refresh(call: Call, client: Client, text: str) -> Answer:
    found = await find_refresh(call.services, client.id, text, call.now)
    if found is None:
        return _INACTIVE
    answer = _common(call, client, found.scopes)
    del answer["token_type"]
    answer |= {
        "sub": str(found.subject),
        "iat": to_micros(found.issued) // 1_000_000,
        "exp": to_micros(found.expires) // 1_000_000,
    }
    return Answer(answer)
