"""``/[vN.N/]oauth/access_token`` and its neighbours (``wire.md`` §3.2). Any method, any place for parameters."""

from datetime import datetime
from typing import Any

from starlette.types import Receive, Scope, Send

from workbadge.commands.client import find_client
from workbadge.commands.errors import CommandError
from workbadge.commands.id_token import make_id_token
from workbadge.commands.limits import Throttle
from workbadge.commands.services import Services
from workbadge.commands.token import (
    Issued,
    TokenError,
    TokenRefusal,
    app_token,
    authenticate_app,
    exchange_code,
    exchange_long_lived,
    revoke_system_token,
    token_info,
)
from workbadge.store.engine import StoreBusyError
from workbadge.terms.instants import to_wire
from workbadge.terms.reasons import Reason
from workbadge.web.state import now_of, site_of
from workbadge.web.wire import (
    WireError,
    WireParams,
    read_params,
    send_error,
    send_json,
    split_version,
)

_TEXT: dict[TokenRefusal, tuple[int, int | None, str]] = {
    TokenRefusal.CLIENT_MISSING: (101, None, "Missing client_id parameter."),
    TokenRefusal.CLIENT_UNKNOWN: (
        101,
        None,
        "Error validating application. Cannot get application info due to a system error.",
    ),
    TokenRefusal.CLIENT_SECRET: (1, None, "Error validating client secret."),
    TokenRefusal.CODE_UNKNOWN: (100, None, "Invalid verification code format."),
    TokenRefusal.CODE_USED: (100, 36009, "This authorization code has been used."),
    TokenRefusal.CODE_EXPIRED: (100, 36007, "This authorization code has expired."),
    TokenRefusal.REDIRECT_DIFFERS: (
        100,
        36008,
        "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request",
    ),
    TokenRefusal.VERIFIER: (
        100,
        None,
        "Invalid code_verifier. Error validating verification code.",
    ),
}


def _wire_error(error: TokenError) -> WireError:
    """A refusal in the dialect. All of them answer 400 (``wire.md`` §3.2)."""
    if error.denial is not None:
        return _denied(error.denial.reason, error)
    code, subcode, text = _TEXT[error.refusal]
    return WireError(
        code,
        text,
        subcode,
        status=400,
        www="invalid_code" if code == 100 else "invalid_request",
    )


def _denied(reason: Reason, error: TokenError) -> WireError:
    since = "" if error.denial is None or error.denial.since is None else to_wire(error.denial.since)
    prefix = "Error validating access token: "
    table: dict[Reason, tuple[int | None, str]] = {
        Reason.TOKEN_MALFORMED: (
            None,
            "Invalid OAuth access token - Cannot parse access token",
        ),
        Reason.TOKEN_EXPIRED: (463, f"{prefix}Session has expired on {since}."),
        Reason.APP_REMOVED: (458, f"{prefix}The user has not authorized application."),
        Reason.PASSWORD_CHANGED: (
            460,
            f"{prefix}The session has been invalidated because the user changed the password.",
        ),
        Reason.ACCOUNT_SUSPENDED: (
            464,
            f"{prefix}The account behind this token is suspended by its organization.",
        ),
        Reason.ACCOUNT_DELETED: (
            464,
            f"{prefix}The account behind this token no longer exists.",
        ),
    }
    subcode, text = table.get(reason, (466, f"{prefix}The token was invalidated."))
    return WireError(190, text, subcode, www="invalid_token")


def _issued(issued: Issued) -> dict[str, Any]:
    """The answer; never ``scope`` (``wire.md`` §3.2)."""
    answer: dict[str, Any] = {"access_token": issued.text, "token_type": "bearer"}
    if issued.lifetime is not None:
        answer["expires_in"] = int(issued.lifetime.total_seconds())
    return answer


async def _identity(services: Services, app_id: int, issued: Issued, now: datetime) -> dict[str, str]:
    """The ID token that goes with a code for which ``openid`` was granted (``wire.md`` §3.2)."""
    client = await find_client(services.store, str(app_id))
    if issued.login is None or client is None:
        return {}
    return {"id_token": await make_id_token(services, client, issued.text, issued.login, now)}


def _client(params: WireParams) -> tuple[str | None, str | None]:
    """The client's credentials: parameters, else HTTP Basic; both and different is refused (OA-30)."""
    client_id, secret = params.get("client_id"), params.get("client_secret")
    if params.basic is not None:
        if (client_id or params.basic[0]) != params.basic[0] or (secret or params.basic[1]) != params.basic[1]:
            raise WireError(1, "Error validating client secret.", status=400, www="invalid_request")
        return params.basic
    return client_id, secret


_SECURITY_PARAMETERS = frozenset(
    {
        "client_id",
        "client_secret",
        "code",
        "redirect_uri",
        "code_verifier",
        "grant_type",
        "fb_exchange_token",
    }
)


async def _authenticate(services: Services, params: WireParams, now: datetime, address: str) -> Any:
    """The app's row. Raises WireError.

    Wrong secrets are slowed down; the right one always works, or anybody could shut an app out by its public id (a
    secret has 128 random bits, so that a delay protects nothing but the server: OA-57).
    """
    client_id, secret = _client(params)
    try:
        return await authenticate_app(services, client_id, secret)
    except TokenError as error:
        if error.refusal is TokenRefusal.CLIENT_SECRET:
            throttle = Throttle(services, f"client:{client_id}", address)
            try:
                await throttle.check(now)
            except CommandError as slow:
                raise WireError(4, "(#4) Application request limit reached", status=429, transient=True) from slow
            await throttle.failed(now)
        raise _wire_error(error) from error


async def answer(services: Services, params: WireParams, now: datetime, address: str) -> dict[str, Any]:
    """The token endpoint's answer. Raises WireError."""
    twice = params.doubled & _SECURITY_PARAMETERS
    if twice:
        raise WireError(
            100,
            f"(#100) The parameter {min(twice)} was sent twice with different values.",
        )
    app = await _authenticate(services, params, now, address)
    grant_type = params.get("grant_type")
    try:
        if grant_type == "fb_exchange_token" or (not grant_type and params.get("fb_exchange_token")):
            expiring = (params.get("set_token_expires_in_60_days") or "").lower() in ("true", "1")
            given = params.get("fb_exchange_token") or ""
            return _issued(await exchange_long_lived(services, app.id, given, now, expiring))
        if grant_type == "client_credentials":
            if app.native:
                raise WireError(100, "(#100) A native app has no app access token.")
            return {
                "access_token": await app_token(services, app.id, now),
                "token_type": "bearer",
            }
        if grant_type in (None, "", "authorization_code"):
            code = params.get("code")
            if not code:
                raise WireError(100, "(#100) The parameter code is required.")
            redirect, verifier = params.get("redirect_uri"), params.get("code_verifier")
            issued = await exchange_code(services, app.id, code, redirect, verifier, now)
            return {**_issued(issued), **await _identity(services, app.id, issued, now)}
    except TokenError as error:
        raise _wire_error(error) from error
    raise WireError(
        100,
        f"(#100) Unknown grant_type {grant_type[:60]}: expected authorization_code, fb_exchange_token or client_credentials.",
    )


async def access_token_info(services: Services, params: WireParams, now: datetime) -> dict[str, Any]:
    """``/oauth/access_token_info``: how long a token of this app still lives, and the nonce of its login."""
    try:
        return await token_info(services, params.get("client_id"), params.token or "", now)
    except TokenError as error:
        raise _wire_error(error) from error


async def revoke(services: Services, params: WireParams, now: datetime, address: str) -> dict[str, Any]:
    """``/oauth/revoke``: end a system user's token."""
    app = await _authenticate(services, params, now, address)
    try:
        await revoke_system_token(services, app.id, params.get("revoke_token") or "", now)
    except TokenError as error:
        raise _wire_error(error) from error
    return {"success": True}


async def token_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """The three paths under ``/oauth``, in the wire's envelope."""
    services, now = site_of(scope).services, now_of(scope)
    trace = services.entropy.bytes(9).hex()
    version = "26.0"
    try:
        version, path = split_version(scope["path"].removeprefix(scope.get("root_path", "")))
        params = await read_params(scope, receive)
        if scope["method"] not in ("GET", "POST"):
            raise WireError(100, f"(#100) Unsupported method {scope['method'][:20]}.", status=405)
        client = scope.get("client")
        address = client[0] if client else ""
        if path == "/oauth/access_token":
            payload = await answer(services, params, now, address)
        elif path == "/oauth/access_token_info":
            payload = await access_token_info(services, params, now)
        elif path == "/oauth/revoke":
            payload = await revoke(services, params, now, address)
        else:
            raise WireError(2500, f"Unknown path components: {path[:200]}")
        await send_json(send, payload, version, trace)
    except WireError as error:
        await send_error(send, error, version, trace)
    except StoreBusyError:
        busy = WireError(2, "Service temporarily unavailable", transient=True)
        await send_error(send, busy, version, trace)
