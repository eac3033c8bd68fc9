"""``POST /oauth/register``, and ``/oauth/register/{client_id}`` to read, replace and end a registration (RFC 7591 §3, RFC 7592).

Open to anybody once the operator says so (``open_registration``); each address may register a few clients an hour.
"""

import re
from typing import Any

import msgspec

from workbadge.commands.client_registration import (
    Registered,
    Registration,
    change_registration,
    end_registration,
    read_registration,
    register,
    registration_address,
)
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.limits import Throttle
from workbadge.keys import same
from workbadge.oauth.rfc6749.call import Answer, Call
from workbadge.oauth.rfc6749.errors import OAuthError
from workbadge.terms.ids import parse_id

from .metadata import Metadata, MetadataError, read_metadata, shown

PATH = "/oauth/register"
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9]{1,100}) *")


async def create(call: Call) -> Answer:
    """Register a client."""
    if not call.services.policy.open_registration:
        raise OAuthError("access_denied", "This server does not register clients by itself. Ask its operator.", 403)
    new = _read(call)
    await _slow_down(call)
    made = await register(call.services, _registration(new), call.now)
    return Answer(_shown(call, made, new), 201)


async def _slow_down(call: Call) -> None:
    """Each registration counts as a try: five, then ever longer pauses, of one address."""
    throttle = Throttle(call.services, f"register:{call.address}", "")
    try:
        await throttle.check(call.now)
    except CommandError as slow:
        raise OAuthError("temporarily_unavailable", "Too many registrations. Please wait.", 429) from slow
    await throttle.failed(call.now)


async def manage(call: Call) -> Answer:
    """Read (GET), replace (PUT) or end (DELETE) a registration."""
    app_id = parse_id(call.path.removeprefix(PATH + "/")) or 0
    found = _BEARER.fullmatch(call.header(b"authorization") or "")
    token = found[1] if found else ""
    try:
        if call.method == "DELETE":
            await end_registration(call.services, app_id, token, call.now)
            return Answer(status=204)
        stands = await read_registration(call.services, app_id, token)
        if call.method == "PUT":
            new = _read(call)
            _check_same(call.json, stands)
            stands = await change_registration(call.services, app_id, token, _registration(new), call.now)
            return Answer(_shown(call, stands, new))
    except CommandError as error:
        if error.problem is not Problem.UNAUTHENTICATED:
            raise
        raise OAuthError("invalid_token", error.message, 401, 'Bearer error="invalid_token"') from error
    return Answer(_shown(call, stands, _metadata(stands)))


def _check_same(given: Any, stands: Registered) -> None:
    """A replacement names the client, and its secret only as it is (RFC 7592 §2.2)."""
    secret = given.get("client_secret")
    if given.get("client_id") != str(stands.client.id):
        raise OAuthError("invalid_client_metadata", "client_id: expected the id of this client.")
    if secret is not None and not (isinstance(secret, str) and same(secret, stands.secret or "")):
        raise OAuthError("invalid_client_metadata", "client_secret: it cannot be chosen.")


def _read(call: Call) -> Metadata:
    try:
        return read_metadata(call.json, call.site.outgoing.allow_private)
    except MetadataError as error:
        raise OAuthError(error.error, str(error)) from error


def _registration(new: Metadata) -> Registration:
    return Registration(
        new.name,
        new.redirect_uris,
        new.auth_method,
        new.application_type,
        new.id_token_alg,
        new.initiate_login_uri,
        new.terms,
    )


def _metadata(stands: Registered) -> Metadata:
    client = stands.client
    return Metadata(
        name=client.row.name,
        redirect_uris=client.redirect_uris,
        auth_method=client.row.auth_method or "client_secret_basic",
        application_type=client.row.application_type or "web",
        id_token_alg=client.id_token_alg,
        initiate_login_uri=stands.login_uri,
        terms=stands.terms,
    )


def _shown(call: Call, stands: Registered, metadata: Metadata) -> bytes:
    """The registration as it stands (RFC 7591 §3.2.1)."""
    own = str(stands.client.id)
    out: dict[str, Any] = {
        "client_id": own,
        "client_id_issued_at": int(stands.registered_at.timestamp()),
        "registration_client_uri": registration_address(call.services, stands.client.id),
        **shown(metadata),
    }
    if stands.secret is not None:
        out |= {"client_secret": stands.secret, "client_secret_expires_at": 0}
    if stands.token is not None:
        out["registration_access_token"] = stands.token
    return msgspec.json.encode(out)
