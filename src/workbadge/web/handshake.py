"""Subscribing with the handshake (``wire.md`` §6.2): the receiver proves that it knows what is about to be sent to it."""

from datetime import datetime
from urllib.parse import urlencode

from workbadge.commands import webhooks
from workbadge.commands.errors import invalid
from workbadge.commands.transaction import in_transaction
from workbadge.commands.webhooks import NewSubscription
from workbadge.keys import Entropy, same
from workbadge.store.engine import Tx

from .outgoing import Outgoing, OutgoingError
from .state import Site

LONGEST = 1_000


async def shake_hands(outgoing: Outgoing, entropy: Entropy, url: str, verify_token: str, marks: dict[str, str]) -> None:
    """GET the address with a challenge of its own for this attempt; the answer must be 200 with exactly the challenge.

    Redirects are not followed. The address is resolved and checked again at each delivery, so that a name which points
    elsewhere later gains nothing (MT-38). Raises OutgoingError.
    """
    challenge = str(10**9 + entropy.below(9 * 10**9))
    asked = urlencode({"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token})
    answer = await outgoing.get(f"{url}{'&' if '?' in url else '?'}{asked}", marks)
    if not same(answer.decode("utf-8", "replace").strip(), challenge):
        raise OutgoingError("expected the challenge as the whole answer, got something else")


async def subscribe(
    site: Site, app_id: int, new: NewSubscription, verify_token: str, now: datetime, actor_id: int | None = None
) -> int:
    """The id of a subscription, stored once its receiver has answered the handshake. The verify token is not kept.

    Raises CommandError INVALID before anybody is asked, OutgoingError for a receiver that does not answer as it must.
    """
    services = site.services
    async with services.store.read() as tx:
        url, _ = await webhooks.plan_subscription(tx, app_id, new)
    if not 1 <= len(verify_token) <= LONGEST:
        raise invalid("verify_token", "The parameter verify_token is required.", f"1 to {LONGEST} characters")
    await shake_hands(site.outgoing, services.entropy, url, verify_token, site.marks)

    async def work(tx: Tx) -> int:
        return await webhooks.subscribe(tx, services, app_id, new, True, now, actor_id)

    return await in_transaction(services, work)
