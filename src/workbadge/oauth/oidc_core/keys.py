"""``GET /oauth/jwks``: the public keys of ID tokens, those to come included (OpenID Connect Core §10.1.1; OA-65)."""

from workbadge.commands.signing import KEPT, published_keys
from workbadge.oauth.rfc6749.call import Answer, Call


async def show_keys(call: Call) -> Answer:
    """The set. Private members are never in it (SE-18): rows hold the public half apart."""
    keys = await published_keys(call.services, call.now)
    return Answer({"keys": keys}, content_type=b"application/jwk-set+json", kept=int(KEPT.total_seconds()))
