"""``/oauth/revoke_token``: token revocation (RFC 7009; OA-37). The Graph dialect's ``/oauth/revoke`` is another address."""

from workbadge.commands.revocation import give_up_token
from workbadge.oauth.rfc6749.call import Answer, Call
from workbadge.oauth.rfc6749.client import authenticate


async def revoke_token(call: Call) -> Answer:
    """Give a token up. One that is not known, or not the client's, is answered alike; hints are not needed (§2.1)."""
    client = await authenticate(call)
    await give_up_token(call.services, client.id, call.need("token"), call.now)
    return Answer()
