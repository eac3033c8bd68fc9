"""Assertions and proofs are good once (RFC 7523 §3, RFC 9449 §11.1): what was seen is remembered until it is too old."""

from datetime import datetime

from workbadge.store import used_proofs
from workbadge.store.engine import Tx

from .services import Services
from .transaction import in_transaction


async def use_once(services: Services, mark: bytes, expires: datetime, now: datetime) -> bool:
    """Whether ``mark`` is seen for the first time; it is remembered until ``expires``. Of equal ones at once, one wins.

    What is too old is forgotten here: the table holds no more than was accepted within the life of a proof.
    """

    async def work(tx: Tx) -> bool:
        await used_proofs.drop_used(tx, now)
        if await used_proofs.is_used(tx, mark):
            return False
        await used_proofs.add_used(tx, mark, expires)
        return True

    return await in_transaction(services, work)
