"""Tokens: issuing codes, exchanging them, longer lives, page tokens, system-user tokens (``wire.md`` §3.2, §3.6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from workbadge.keys import TokenText, hash_secret, make_token
from workbadge.store import grants
from workbadge.store.engine import Tx
from workbadge.terms.kinds import TokenKind

from .grant import Granted
from .services import Services


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh token; ``lifetime`` None: no end."""

    text: TokenText
    lifetime: timedelta | None


async def issue_user_token(
    tx: Tx,
    services: Services,
    granted: Granted,
    now: datetime,
    authorized: datetime | None = None,
    lifetime: timedelta | None = None,
    kind: TokenKind = TokenKind.USER,
    endless: bool = False,
) -> Issued:
    """Insert a token under a grant. ``authorized``: instant of the consent it descends from (default: that of ``granted``)."""
    text = make_token(services.entropy)
    life = None if endless else lifetime or services.policy.short_token
    await grants.add_token(
        tx,
        hash_secret(text),
        kind,
        granted.app_id,
        authorized or granted.authorized,
        now,
        grant_id=granted.grant_id,
        account_id=granted.account_id,
        scopes=",".join(granted.scopes),
        expires=None if life is None else now + life,
    )
    return Issued(text, life)
