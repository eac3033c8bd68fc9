"""Page tokens: derived from a user's or system user's token, the same one each time (``wire.md`` §3.2, §3.6; MT-09, MT-12)."""

from datetime import datetime

from workbadge.keys import TokenText, derive_token, hash_secret
from workbadge.store import grants
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import TokenKind

from .services import Services
from .transaction import in_transaction

LONG_LIVED = 59 * DAY
"""A parent with at least this life gives page tokens without an end."""


def derive_page_token(services: Services, parent: bytes, page_id: int) -> TokenText:
    """The text of the page token that belongs to a parent token and a page: no randomness, so a repeated read of
    ``me/accounts`` gives the same one and writes nothing new."""
    return derive_token(services.sealer.mac("page_token", parent + page_id.to_bytes(8, "big")))


async def page_tokens(
    services: Services,
    loaded: Loaded,
    parent: bytes,
    page_ids: list[int],
    now: datetime,
) -> dict[int, TokenText]:
    """Page tokens for pages that the parent reaches; rows are written for those that are new.

    They inherit account, grant, scopes and the instant of consent; they end with a short-lived parent, and have no
    end of their own under a long-lived one. What they reach is decided at each call, as for their parent.
    """
    token = loaded.facts.token
    account = loaded.facts.account
    assert token is not None and account is not None
    texts = {page_id: derive_page_token(services, parent, page_id) for page_id in page_ids}
    hashes = {hash_secret(text): page_id for page_id, text in texts.items()}
    async with services.store.read() as tx:
        known = await grants.list_known_tokens(tx, list(hashes))
    fresh = {hashed: page_id for hashed, page_id in hashes.items() if hashed not in known}
    if fresh:
        endless = token.expires is None or token.expires - token.authorized >= LONG_LIVED

        async def work(tx: Tx) -> None:
            known = await grants.list_known_tokens(tx, list(fresh))
            for hashed, page_id in fresh.items():
                if hashed not in known:
                    await grants.add_token(
                        tx,
                        hashed,
                        TokenKind.PAGE,
                        loaded.app_id,
                        token.authorized,
                        now,
                        grant_id=loaded.grant_id,
                        account_id=account.id,
                        scopes=",".join(sorted(token.scopes)),
                        expires=None if endless else token.expires,
                        page_id=page_id,
                        parent=parent,
                    )

        await in_transaction(services, work)
    return texts
