"""Who must push (RFC 9126 §6)."""

from workbadge.commands.client_terms import load_terms
from workbadge.oauth.rfc6749.authorization import Authorization, invalid


async def check_pushed(asked: Authorization) -> None:
    """A client that agreed to push its requests asks in no other way."""
    if asked.pulled is not None or asked.pushing:
        return
    async with asked.services.store.read() as tx:
        terms = await load_terms(tx, asked.client.id)
    if terms.require_pushed:
        raise invalid("This client must push its requests: send them to the pushed authorization request endpoint.")
