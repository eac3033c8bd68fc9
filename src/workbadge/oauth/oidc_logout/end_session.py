"""``/oauth/end_session``: an app asks that somebody be logged out here (RP-Initiated Logout §2, OA-04).

Who is known by an ID token of this very session leaves at once; everybody else is asked first, so that no page can log people
out. The way back is taken only when the client is known and has registered that very address; a wrong hint leads nowhere.
"""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.client import Client, find_client
from workbadge.commands.client_terms import load_terms
from workbadge.commands.errors import CommandError
from workbadge.commands.signing import read_own_jwt
from workbadge.keys.seal import SealError
from workbadge.oauth.dialog import error_page
from workbadge.oauth.request import PageError
from workbadge.store import session_apps
from workbadge.terms.ids import parse_id
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, current, sign_out
from workbadge.web.signin import redirect
from workbadge.web.state import now_of, site_of

PATH = "/oauth/end_session"
CONFIRM = "/logout/confirm"
_LONGEST = 2_000
_SINGLE = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales")


class Leaving(msgspec.Struct, frozen=True):
    """A checked request. ``account``: who is to be signed out, None: everybody in this browser. ``back``: where to then."""

    app: str | None
    account: int | None
    back: str | None


@dataclass(frozen=True, slots=True)
class _Hint:
    """What an ID token of ours says. ``session``: the hash of the session it was issued in, while that lives."""

    client_id: str
    session: bytes | None
    account: int | None


def _refuse(text: str) -> PageError:
    return PageError(100, "This logout cannot be done", text)


async def _values(request: Request) -> dict[str, str]:
    """Parameters of the query (GET) or the form (POST). Raises PageError for one that came twice."""
    text = request.scope["query_string"].decode("latin-1")
    if request.method == "POST":
        text = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=50, encoding="utf-8", errors="strict")
    except ValueError as error:
        raise _refuse("Its parameters are not readable.") from error
    values = dict(pairs)
    if any(key in _SINGLE for key, _ in pairs) and len([1 for key, _ in pairs if key in _SINGLE]) != len(
        {key for key, _ in pairs if key in _SINGLE}
    ):
        raise _refuse("A parameter was sent twice.")
    return values


async def _hint(request: Request, text: str) -> _Hint:
    """An ID token of ours, however old. Raises PageError for anything else (bad and modified hints)."""
    services, now = site_of(request.scope).services, now_of(request.scope)
    claims = await read_own_jwt(services, text, now)
    if claims is None or claims.get("iss") != services.base_url or not isinstance(claims.get("aud"), str):
        raise _refuse("The app did not say properly whose login it means.")
    client_id, sid = claims["aud"], claims.get("sid")
    app_id = parse_id(client_id)
    row: Any = None
    if isinstance(sid, str) and app_id is not None:
        async with services.store.read() as tx:
            row = await session_apps.find_by_sid(tx, sid, app_id)
    return _Hint(client_id, None if row is None else bytes(row.session_hash), None if row is None else row.account_id)


async def _back(request: Request, values: dict[str, str], client: Client | None) -> str | None:
    """Where to go afterwards: an address that the client registered, byte for byte, with its state. Raises PageError."""
    uri = values.get("post_logout_redirect_uri")
    if not uri:
        return None
    registered: tuple[str, ...] = ()
    if client is not None:
        async with site_of(request.scope).services.store.read() as tx:
            registered = (await load_terms(tx, client.id)).post_logout_redirect_uris
    if uri not in registered:
        raise _refuse("The address that the app wants you to go to is not one that it registered.")
    state = values.get("state")
    if state is None:
        return uri
    if len(state) > _LONGEST:
        raise _refuse("The state is too long.")
    return uri + ("&" if urlsplit(uri).query else "?") + urlencode({"state": state}, quote_via=quote)


async def end_session(request: Request) -> Response:
    """``GET`` or ``POST /oauth/end_session``."""
    services = site_of(request.scope).services
    session = await current(request)
    try:
        values = await _values(request)
        hint = await _hint(request, values["id_token_hint"]) if values.get("id_token_hint") else None
        client_id = values.get("client_id") or (hint.client_id if hint is not None else None)
        client = await find_client(services.store, client_id)
        if (client_id and client is None) or (hint is not None and client_id != hint.client_id):
            raise _refuse("The app is not known here, or the login is not one of this app.")
        back = await _back(request, values, client)
    except PageError as error:
        return error_page(request, error)
    mine = hint is not None and session is not None and hint.session == session.hash
    leaving = Leaving(
        client.row.name if client is not None else None, hint.account if hint is not None and mine else None, back
    )
    if session is None or not session.accounts:
        return _gone(request, leaving)
    if mine:
        return await _leave(request, leaving)
    return _ask(request, session, leaving)


def _gone(request: Request, leaving: Leaving) -> Response:
    """Nobody is signed in any more: back to the app, or a page that says so."""
    if leaving.back is not None:
        return redirect(leaving.back)
    return render(request, "oauth/signed_out.html", app=leaving.app)


async def _leave(request: Request, leaving: Leaving) -> Response:
    response = _gone(request, leaving)
    await sign_out(request, response, leaving.account)
    return response


def _ask(request: Request, session: BrowserSession, leaving: Leaving) -> Response:
    """Ask the person; the request travels sealed for this session."""
    sealer = site_of(request.scope).services.sealer
    sealed = sealer.seal(msgspec.json.encode(leaving).decode(), f"end_session:{session.hash.hex()}")
    return render(
        request,
        "oauth/sign_out.html",
        csrf=csrf_token(request, session),
        form_action=() if leaving.back is None else (leaving.back,),
        app=leaving.app,
        accounts=session.accounts,
        sealed=base64.urlsafe_b64encode(sealed).decode(),
    )


async def confirm_logout(request: Request) -> Response:
    """``POST /logout/confirm``: the person's answer."""
    session = await current(request)
    try:
        await check_form(request, session)
        form = await request.form()
        if session is None:
            return render(request, "oauth/signed_out.html", app=None)
        sealed = base64.urlsafe_b64decode(str(form.get("request", "")).encode())
        sealer = site_of(request.scope).services.sealer
        leaving = msgspec.json.decode(sealer.open(sealed, f"end_session:{session.hash.hex()}"), type=Leaving)
    except CommandError as error:
        return error_page(request, PageError(100, "You are still signed in", error.message), 403)
    except (SealError, ValueError):
        return error_page(request, _refuse("It was asked in another browser, or you signed in again meanwhile."))
    if form.get("action") != "sign_out":
        return redirect(request.scope.get("root_path", "") + "/console")
    return await _leave(request, leaving)
