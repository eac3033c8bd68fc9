"""Client authentication at the endpoints (RFC 6749 §2.3, OA-30): one way per call, and the way that is registered."""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote_to_bytes

from workbadge.commands.client import Client, find_client, secret_matches
from workbadge.commands.client_terms import is_second_secret
from workbadge.commands.errors import CommandError
from workbadge.commands.limits import Throttle
from workbadge.oauth.rfc7523.client import by_assertion

from .call import Call
from .errors import OAuthError, invalid_client

_BASIC = re.compile(r"[Bb][Aa][Ss][Ii][Cc] +([A-Za-z0-9+/]+={0,2}) *")


def _basic(call: Call) -> tuple[str, str] | None:
    """Id and secret of HTTP Basic, percent-decoded; None when the header is of another scheme or missing."""
    header = call.header(b"authorization")
    if header is None or header[:5].lower() != "basic":
        return None
    match = _BASIC.fullmatch(header)
    try:
        user, colon, secret = base64.b64decode(match[1] if match else "!", validate=True).decode("ascii").partition(":")
        if not colon:
            raise ValueError
        return _unquoted(user), _unquoted(secret)
    except (binascii.Error, ValueError) as error:
        raise invalid_client("The Basic credentials cannot be read: expected base64 of id:secret.") from error


def _unquoted(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


Way = Callable[[Call], Awaitable[Client | None]]
"""One way of authentication: the client, or None when the call does not use this way. Raises OAuthError."""


async def _by_basic(call: Call) -> Client | None:
    given = _basic(call)
    if given is None:
        return None
    client_id, secret = given
    if call.form.get("client_id", client_id) != client_id:
        raise invalid_client("The client_id in the body is not that of the Authorization header.")
    if "client_secret" in call.form or "client_assertion" in call.form:
        raise invalid_client("Expected one way of client authentication, got two.")
    return await _with_secret(call, client_id, secret, "client_secret_basic")


async def _by_post(call: Call) -> Client | None:
    if "client_secret" not in call.form:
        return None
    return await _with_secret(call, call.form.get("client_id"), call.form["client_secret"], "client_secret_post")


async def _by_name(call: Call) -> Client | None:
    """A public client only says who it is."""
    if call.header(b"authorization") is not None:
        raise invalid_client("The Authorization header is of a scheme that is not known here: expected Basic.")
    client = await find_client(call.reader, call.form.get("client_id"))
    if client is None:
        raise invalid_client("Client authentication is needed, or the client_id is not known.")
    if not client.public:
        raise invalid_client("This client must authenticate.")
    return client


WAYS: list[Way] = [by_assertion, _by_basic, _by_post, _by_name]
"""Tried in order; the last one answers always."""


async def authenticate(call: Call) -> Client:
    """The client that calls; noted in the call. Raises OAuthError."""
    for way in WAYS:
        client = await way(call)
        if client is not None:
            call.client = client
            return client
    raise AssertionError("unreachable")


async def _with_secret(call: Call, client_id: str | None, secret: str, method: str) -> Client:
    """Wrong secrets are slowed down; the right one always works, or anybody could shut a client out (OA-57)."""
    client = await find_client(call.reader, client_id)
    if client is None or method not in client.methods:
        raise invalid_client("The client is not known, or does not authenticate in this way.")
    if secret_matches(call.services, call.reader, client, secret):
        return client
    if await is_second_secret(call.services, client.id, secret, call.now):
        return client
    throttle = Throttle(call.services, f"client:{client.id}", call.address)
    try:
        await throttle.check(call.now)
    except CommandError as slow:
        raise OAuthError("temporarily_unavailable", "Too many wrong secrets. Please wait.", 429) from slow
    await throttle.failed(call.now)
    raise invalid_client("The client secret is wrong.")
