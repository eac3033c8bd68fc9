"""Forgetting what ended long ago, so that tables hold no more than is of use."""

from datetime import datetime

from workbadge.store import ended, first_answers, identity_providers, scim_requests, used_proofs
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY

from .first_answer import KEPT as ANSWERS_KEPT
from .services import Services
from .transaction import in_transaction

KEPT = 30 * DAY
"""So long after their end codes, refresh tokens and sessions are kept: who uses one again is still told that it has ended, and
a second use still ends what the first led to."""

REQUESTS_KEPT, MOST_REQUESTS = 30 * DAY, 50_000
"""So long, and so many of each organization, requests of directories are kept."""

AT_ONCE = 500
"""Rows of a kind in one transaction, so that nobody waits long for it."""


async def sweep(services: Services, now: datetime) -> int:
    """Delete one part of what ended long ago; how many rows. Nothing that is good, and nothing that is told of, is touched."""

    async def work(tx: Tx) -> int:
        await used_proofs.drop_used(tx, now)
        await used_proofs.drop_pushed(tx, now)
        await identity_providers.drop_attempts(tx, now)
        await first_answers.forget_answers(tx, now - ANSWERS_KEPT)
        before, gone = now - KEPT, 0
        for drop in (ended.drop_refresh_tokens, ended.drop_codes, ended.drop_sessions):
            gone += await drop(tx, before, AT_ONCE)
        gone += await scim_requests.drop_requests(tx, now - REQUESTS_KEPT, AT_ONCE)
        for organization_id in await scim_requests.list_logged(tx):
            gone += await scim_requests.drop_surplus(tx, organization_id, MOST_REQUESTS, AT_ONCE)
        return gone

    return await in_transaction(services, work)
