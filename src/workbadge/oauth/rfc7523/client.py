"""Client authentication by an assertion (RFC 7523 §2.2): one of the ways of ``rfc6749.client``."""

from workbadge.commands.client import Client, find_client
from workbadge.commands.client_terms import load_terms
from workbadge.commands.used_proof import use_once
from workbadge.keys.foreign import ALGORITHMS, Foreign, ForeignError, PublicKey, read_keys
from workbadge.oauth.rfc6749.call import Call
from workbadge.oauth.rfc6749.errors import OAuthError, invalid_client

from .assertion import ASSERTION_TYPE, BadAssertionError, Expected, check, client_of

METHOD = "private_key_jwt"


def _refused(why: str) -> OAuthError:
    return invalid_client(f"The client assertion is not taken: {why}.")


async def by_assertion(call: Call) -> Client | None:
    """The client whose registered key signed the assertion; None when the call carries none. Raises OAuthError."""
    text = call.form.get("client_assertion")
    if text is None and "client_assertion_type" not in call.form:
        return None
    if call.form.get("client_assertion_type") != ASSERTION_TYPE or not text:
        raise _refused(f"expected client_assertion with client_assertion_type {ASSERTION_TYPE}")
    if "client_secret" in call.form or call.header(b"authorization") is not None:
        raise invalid_client("Expected one way of client authentication, got two.")
    try:
        subject, taken = client_of(text)
        client = await find_client(call.services.store, subject)
        if client is None or METHOD not in client.methods or call.form.get("client_id", subject) != subject:
            raise _refused("the client is not known, or does not authenticate in this way")
        await _judge(call, client, taken)
    except BadAssertionError as error:
        raise _refused(str(error)) from error
    return client


async def _judge(call: Call, client: Client, taken: Foreign) -> None:
    """Raises BadAssertionError, OAuthError."""
    async with call.services.store.read() as tx:
        terms = await load_terms(tx, client.id)
    algorithms = ALGORITHMS if terms.auth_alg is None else frozenset({terms.auth_alg})
    keys: tuple[PublicKey, ...] = ()
    if terms.jwks is not None:
        try:
            keys = read_keys(terms.jwks)
        except ForeignError as error:
            raise _refused(str(error)) from error
    elif terms.jwks_uri is not None:
        keys = await call.site.remote_keys.load(terms.jwks_uri, taken.header.get("kid"), call.now)
    expected = Expected(str(client.id), call.services.base_url, algorithms)
    found = check(taken, expected, keys, call.now)
    if not await use_once(call.services, found.mark, found.expires, call.now):
        raise _refused("it was used before")
