"""One request to the dialog: read, checked, and carried through its steps, sealed for this browser (``wire.md`` §3.1)."""

import base64
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from starlette.requests import Request

from workbadge.commands.configuration import IMPLICIT, Configuration, find_configuration
from workbadge.commands.errors import CommandError
from workbadge.commands.extension import SCOPE as EXTENSION_SCOPE
from workbadge.commands.extension import Extras, names_setup, read_extras
from workbadge.commands.reconnects import Link, LinkError, open_link
from workbadge.commands.registration import redirect_uris
from workbadge.commands.token import CHALLENGE
from workbadge.keys import Sealer
from workbadge.keys.seal import SealError
from workbadge.store import records
from workbadge.terms.instants import from_micros, to_micros
from workbadge.terms.kinds import NodeKind
from workbadge.terms.scopes import DEFAULT_SCOPES, SCOPES, STANDARD_SCOPES, parse_scopes, target_kinds
from workbadge.web.sessions import BrowserSession
from workbadge.web.state import now_of, site_of

RESPONSE_TYPES = frozenset({"code", "token", "granted_scopes"})
AUTH_TYPES = frozenset({"rerequest", "reauthenticate", "reauthorize"})


class PageError(Exception):
    """The request must not be answered at its redirect address: a page says why (``wire.md`` §3.1, OA-06)."""

    def __init__(self, code: int, title: str, text: str) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.text = text


class RedirectError(Exception):
    """A failure inside the dialog: it goes to the redirect address as ``error_code`` and ``error_message``."""

    def __init__(self, asked: "Asked", code: int, message: str) -> None:
        super().__init__(message)
        self.asked = asked
        self.code = code
        self.message = message


class Standard(msgspec.Struct, frozen=True):
    """What is asked beside that by the OAuth side, whose answers leave in its own form. ``prompt``, ``max_age`` (seconds),
    ``login_hint``: OpenID Connect Core §3.1.2.1. ``account``: the only one that may answer (id_token_hint, grant_id).
    ``details``: the assets are named in the answer (RFC 9396). ``grant_action``: what happens to the standing grant.
    ``pushed``: the hash of the pushed request's name, hex (RFC 9126); ``session``: that of the browser's session, hex;
    ``jkt``: the key that the code is bound to (RFC 9449 §10); ``resource``: what tokens are meant for (RFC 8707)."""

    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str | None = None
    account: int | None = None
    details: bool = False
    grant_action: str | None = None
    pushed: str = ""
    session: str = ""
    jkt: str | None = None
    resource: str | None = None


class Asked(msgspec.Struct, frozen=True):
    """What an app asks for, checked. ``scopes``: existing ones, in order, each once. ``flow``: this run of the dialog, by
    which it is answered once (OA-47). ``only``: the accounts that may answer (those that signed in afresh); empty: any. ``back``: the
    path that opens this dialog again. ``link``: of a reconnect; ``offered``: its assets, to which the choice is limited (None: it
    is not). ``configuration``: replaces the scopes, with all or none of its own (``wire.md`` §4). ``extras``: of the Business
    Extension (``wire.md`` §5). ``standard``: set when the request came by ``/oauth/authorize``."""

    app_id: int
    redirect_uri: str
    state: str | None
    response: tuple[str, ...]
    scopes: tuple[str, ...]
    auth_types: tuple[str, ...] = ()
    return_scopes: bool = False
    display: str = "page"
    challenge: str | None = None
    nonce: str | None = None
    flow: str = ""
    only: tuple[int, ...] = ()
    back: str = ""
    link: Link | None = None
    offered: tuple[int, ...] | None = None
    configuration: Configuration | None = None
    extras: Extras | None = None
    standard: Standard | None = None

    @property
    def installs(self) -> bool:
        """The app is to be installed in one business, where it gets a system user."""
        return self.extras is not None or self.by_system_user

    @property
    def by_system_user(self) -> bool:
        """The answer is for a token of that system user; else it is for the person's."""
        return self.configuration is not None and self.configuration.installs

    @property
    def kinds(self) -> frozenset[NodeKind]:
        """Kinds of assets that may be selected."""
        kinds = target_kinds(self.scopes)
        kinds = kinds if self.configuration is None else kinds & {*self.configuration.kinds, NodeKind.BUSINESS}
        return kinds - {NodeKind.BUSINESS} if self.installs else kinds

    @property
    def grant_action(self) -> str | None:
        """What happens to the standing grant beside being added to (Grant Management)."""
        return None if self.standard is None else self.standard.grant_action

    @property
    def mobile(self) -> bool:
        """A login of a mobile app: its own scheme, or a touch layout (L3)."""
        return self.display == "touch" or urlsplit(self.redirect_uri).scheme not in (
            "http",
            "https",
        )

    @property
    def rerequest(self) -> bool:
        """Everything is asked and selected again."""
        again = bool({"rerequest", "reauthorize"} & set(self.auth_types))
        return again or (self.offered is not None and self.standard is None)

    def address(self, values: dict[str, str | None], fragment: bool = False) -> str:
        """The redirect address with ``values`` and the state, byte for byte as it came."""
        pairs = [(key, value) for key, value in values.items() if value is not None]
        if self.state is not None:
            pairs.append(("state", self.state))
        text = urlencode(pairs, quote_via=quote)
        if fragment:
            return f"{self.redirect_uri}#{text}"
        return f"{self.redirect_uri}{'&' if urlsplit(self.redirect_uri).query else '?'}{text}"


_SINGLE = frozenset(
    {
        "client_id",
        "redirect_uri",
        "state",
        "scope",
        "response_type",
        "code_challenge",
        "code_challenge_method",
        "config_id",
        "override_default_response_type",
        "extras",
        "auth_type",
        "auth_nonce",
        "nonce",
        "display",
        "return_scopes",
        "reconnect",
    }
)


def _single_values(query: str) -> dict[str, str]:
    """Parameters; one that was sent twice is refused, with a page (OA-09)."""
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            max_num_fields=200,
            encoding="utf-8",
            errors="strict",
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise PageError(100, "This login cannot be opened", "Its parameters are not readable.") from error
    values: dict[str, str] = {}
    for key, value in pairs:
        if key in values and key in _SINGLE:
            raise PageError(
                100,
                "This login cannot be opened",
                f"The parameter {key} was sent twice.",
            )
        values[key] = value
    return values


async def read_request(request: Request, query: str) -> tuple[Asked, Any]:
    """The checked request in a query string, and the app's row. Raises PageError, RedirectError."""
    values = _single_values(query)
    app = await _app(request, values.get("client_id", ""))
    redirect = values.get("redirect_uri", "")
    if redirect not in redirect_uris(app):
        raise PageError(
            191,
            "This login cannot be opened",
            "The address that the app wants you to come back to is not one that it registered.",
        )
    configuration = None
    if values.get("config_id"):
        async with site_of(request.scope).services.store.read() as tx:
            configuration = await find_configuration(tx, app.id, values["config_id"])
    asked = _checked(values, app, redirect, configuration)
    return (asked if "reconnect" not in values else _linked(request, asked, values["reconnect"])), app


def _linked(request: Request, asked: Asked, text: str) -> Asked:
    """The request of a reconnect link: only the account that it is for may answer. Raises PageError."""
    sealer, now = site_of(request.scope).services.sealer, now_of(request.scope)
    try:
        link = open_link(sealer, text, asked.app_id, now)
    except LinkError as error:
        raise PageError(
            100,
            "This link has run out" if error.expired else "This link cannot be used",
            "Start again in the app: it can give you a fresh one.",
        ) from error
    return msgspec.structs.replace(asked, link=link, only=(link.managed_id,))


async def leads_to_app(request: Request, path: str) -> tuple[Any, str] | None:
    """The app's row and its redirect address, when ``path`` opens the dialog for it: the sign-in form may lead on there."""
    parts = urlsplit(path)
    if not parts.path.rstrip("/").endswith("/dialog/oauth"):
        return None
    try:
        asked, app = await read_request(request, parts.query)
    except RedirectError as error:
        return await _app(request, str(error.asked.app_id)), error.asked.redirect_uri
    except PageError:
        return None
    return app, asked.redirect_uri


async def _app(request: Request, client_id: str) -> Any:
    known = client_id if len(client_id) == 18 and client_id.isascii() and client_id.isdecimal() else ""
    app = None
    if known:
        async with site_of(request.scope).services.store.read() as tx:
            app = await records.find_app(tx, int(known))
    if app is None or app.disabled_at is not None:
        raise PageError(
            101,
            "This app is not known here",
            "Its id is missing or wrong, or the app was switched off.",
        )
    return app


def _checked(values: dict[str, str], app: Any, redirect: str, configuration: Configuration | None) -> Asked:
    response = tuple(dict.fromkeys((values.get("response_type") or "code").replace(",", " ").split()))
    auth_types = tuple(one for one in (values.get("auth_type") or "").split(",") if one)
    asked = Asked(
        app_id=app.id,
        redirect_uri=redirect,
        state=values.get("state"),
        response=response,
        scopes=_scopes(values, configuration),
        auth_types=auth_types,
        return_scopes=values.get("return_scopes", "").lower() in ("true", "1") or "granted_scopes" in response,
        display=values.get("display") or "page",
        challenge=values.get("code_challenge"),
        nonce=values.get("auth_nonce") or values.get("nonce"),
        configuration=configuration,
    )
    _check(asked, values)
    asked = msgspec.structs.replace(asked, extras=_extras(asked, values.get("extras", "")))
    if "public_profile" not in asked.scopes and not asked.by_system_user:
        asked = msgspec.structs.replace(asked, scopes=(*DEFAULT_SCOPES, *asked.scopes))
    return asked


def _scopes(values: dict[str, str], configuration: Configuration | None) -> tuple[str, ...]:
    """What is asked for: a configuration's scopes take the place of those in the address (``wire.md`` §4)."""
    if configuration is None:
        return parse_scopes(values.get("scope") or "") or DEFAULT_SCOPES
    return configuration.scopes if configuration.installs else (*IMPLICIT, *configuration.scopes)


def _extras(asked: Asked, text: str) -> Extras | None:
    """The ``extras`` of the Business Extension; None where they mean something else. Raises RedirectError."""
    wanted = EXTENSION_SCOPE in asked.scopes
    if not text or not (wanted or names_setup(text)):
        return None
    if not wanted or asked.by_system_user:
        needed = f"extras with a setup need the scope {EXTENSION_SCOPE}, not a configuration for system-user tokens"
        raise RedirectError(asked, 100, f"Invalid extras: {needed}.")
    try:
        return read_extras(text)
    except CommandError as error:
        raise RedirectError(asked, 100, f"Invalid extras: {error.message} Expected: {error.expected}.") from error


def _check_configuration(asked: Asked, values: dict[str, str]) -> None:
    """Raises RedirectError for a ``config_id`` that does not fit the request (``wire.md`` §4)."""
    if values.get("config_id") and asked.configuration is None:
        raise RedirectError(asked, 100, "Invalid config_id: this app has no such login configuration.")
    if not asked.by_system_user:
        return
    if asked.mobile:
        raise RedirectError(
            asked, 100, "Invalid config_id: a configuration for system-user tokens works on the web only."
        )
    override = values.get("override_default_response_type", "").lower() in ("true", "1")
    if asked.response != ("code",) or not override:
        raise RedirectError(
            asked,
            100,
            "Invalid response_type: a configuration for system-user tokens needs response_type=code with "
            "override_default_response_type=true.",
        )
    if values.get("scope"):
        raise RedirectError(
            asked, 100, "Invalid scope: a configuration for system-user tokens takes the place of scope."
        )


def _check(asked: Asked, values: dict[str, str]) -> None:
    """Raises RedirectError for what a well-meant app can get wrong."""
    if not asked.response or not set(asked.response) <= RESPONSE_TYPES:
        raise RedirectError(asked, 100, "Invalid response_type: expected code, token, granted_scopes, or several.")
    if asked.nonce is not None and len(asked.nonce) > 500:
        raise RedirectError(asked, 100, "The nonce is longer than 500 characters.")
    if asked.state is not None and len(asked.state) > 4096:
        raise RedirectError(
            msgspec.structs.replace(asked, state=None),
            100,
            "The state is longer than 4096 characters.",
        )
    if not set(asked.auth_types) <= AUTH_TYPES:
        raise RedirectError(
            asked,
            100,
            "Invalid auth_type: expected rerequest, reauthenticate or reauthorize.",
        )
    unknown = [name for name in asked.scopes if name not in SCOPES or name in STANDARD_SCOPES]
    if unknown:
        raise RedirectError(asked, 100, f"Invalid Scopes: {', '.join(unknown)[:200]}.")
    _check_configuration(asked, values)
    method = values.get("code_challenge_method")
    if (asked.challenge is not None or method is not None) and (
        method != "S256" or asked.challenge is None or not CHALLENGE.fullmatch(asked.challenge)
    ):
        raise RedirectError(
            asked,
            100,
            "PKCE needs code_challenge_method=S256 and a code_challenge of 43 characters.",
        )


_MARK_SECONDS = 900


def mark_fresh(sealer: Sealer, session: BrowserSession | None, now: datetime) -> str:
    """A text that says that a new sign-in was asked for now, in this session (``auth_type=reauthenticate``)."""
    hashed = session.hash.hex() if session is not None else ""
    return _pack(sealer.seal(f"{to_micros(now)} {hashed}", "reauthenticate"))


def fresh_since(sealer: Sealer, mark: str, session: BrowserSession, now: datetime) -> datetime | None:
    """When ``mark_fresh`` asked for a sign-in; None unless a session began since, within a quarter of an hour."""
    try:
        micros, _, hashed = sealer.open(_unpack(mark), "reauthenticate").partition(" ")
        since = from_micros(int(micros))
    except (SealError, ValueError):
        return None
    young = (now - since).total_seconds() < _MARK_SECONDS
    return since if young and hashed != session.hash.hex() else None


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unpack(text: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def seal_request(sealer: Sealer, asked: Asked, session: BrowserSession) -> str:
    """The request as a text that only this browser's session can open again (OA-56)."""
    text = msgspec.json.encode(asked).decode()
    return _pack(sealer.seal(text, f"dialog:{session.hash.hex()}"))


def open_request(sealer: Sealer, sealed: str, session: BrowserSession) -> Asked:
    """The request that ``seal_request`` was given in this session. Raises PageError for any other."""
    try:
        return msgspec.json.decode(sealer.open(_unpack(sealed), f"dialog:{session.hash.hex()}"), type=Asked)
    except (SealError, ValueError) as error:
        raise PageError(
            100,
            "This login has ended",
            "It was started in another browser, or you signed in again meanwhile. Start again in the app.",
        ) from error
