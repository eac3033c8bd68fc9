"""The handshake of a webhook (``wire.md`` §6.2): the receiver proves that it knows what is about to be sent to it."""

from urllib.parse import urlencode

from workbadge.keys import Entropy, same

from .outgoing import Outgoing, OutgoingError


async def shake_hands(outgoing: Outgoing, entropy: Entropy, url: str, verify_token: str) -> None:
    """GET the address with a challenge of its own for this attempt; the answer must be 200 with exactly the challenge.

    Redirects are not followed. The address is resolved and checked again at each delivery, so that a name which points
    elsewhere later gains nothing (MT-38). Raises OutgoingError.
    """
    challenge = str(10**9 + entropy.below(9 * 10**9))
    asked = urlencode({"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token})
    answer = await outgoing.get(f"{url}{'&' if '?' in url else '?'}{asked}")
    if not same(answer.decode("utf-8", "replace").strip(), challenge):
        raise OutgoingError("expected the challenge as the whole answer, got something else")
