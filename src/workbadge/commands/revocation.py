"""A client gives a token up (RFC 7009; OA-37)."""

from datetime import datetime

from workbadge.keys import hash_secret, read_refresh_token, read_restricted, read_token
from workbadge.lifecycle.changes import Audit
from workbadge.store import grants, refresh_tokens
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.reasons import Reason

from .services import Services
from .transaction import in_transaction


async def give_up_token(services: Services, app_id: int, text: str, now: datetime) -> None:
    """Revoke a token of the app, whatever its kind; page tokens derived from it die with it, and with a refresh token
    every token that descends from the same code. An unknown token, and another app's, is left as it is."""
    bare = text.removeprefix(f"{app_id}|")
    if read_refresh_token(text) is not None:
        work = _end_family
    elif read_token(bare) is not None or read_restricted(bare) is not None:
        work = _end_token
    else:
        return
    hashed = hash_secret(bare)
    await in_transaction(services, lambda tx: work(tx, services, app_id, hashed, now))


async def _end_family(tx: Tx, services: Services, app_id: int, hashed: bytes, now: datetime) -> None:
    row = await refresh_tokens.find_refresh_token(tx, hashed)
    if row is None or row.app_id != app_id or row.revoked_at is not None:
        return
    await grants.revoke_descendants(tx, row.grant_id, row.code_hash, Reason.TOKEN_REVOKED, now)
    entry = Audit("refresh.revoke", row.grant_id, None, None, {"app": app_id})
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)


async def _end_token(tx: Tx, services: Services, app_id: int, hashed: bytes, now: datetime) -> None:
    row = await grants.find_token(tx, hashed)
    if row is None or row.app_id != app_id or row.revoked_at is not None:
        return
    await grants.revoke_token(tx, hashed, Reason.TOKEN_REVOKED, now)
    entry = Audit("token.revoke", row.grant_id or 0, None, None, {"app": app_id})
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)
