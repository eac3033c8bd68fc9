"""OpenID providers of organizations: what one publishes of itself, checked, and the way to its sign-in page.

Discovery: OpenID Connect Discovery 1.0 §4, attacks RP-13, RP-14, RP-18: the issuer is compared letter by letter, redirects are
not followed, a document is taken whole or not at all.
"""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands import vouched_login
from workbadge.keys.foreign import REGISTRABLE
from workbadge.terms.connections import ClientProof, Purpose

from .outgoing import OutgoingError
from .pages import render
from .state import Site, now_of, site_of

WELL_KNOWN = "/.well-known/openid-configuration"
SCOPE = "openid email profile"
_LONGEST = 2_000
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderError(Exception):
    """An identity provider did not say what it must: what was looked at, what was expected, what came."""

    def __init__(self, what: str, expected: str, received: str) -> None:
        super().__init__(f"{what}: expected {expected}, got {received}")
        self.what = what
        self.expected = expected
        self.received = received[:300]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """What an OpenID provider published of itself. ``names_itself``: its answers carry ``iss`` (RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    names_itself: bool = False
    algorithms: tuple[str, ...] = ("RS256",)
    proofs: tuple[str, ...] = ()

    def as_text(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


def read_provider(text: str) -> Provider:
    """What ``as_text`` wrote."""
    return msgspec.json.decode(text, type=Provider)


def choose_proof(provider: Provider) -> ClientProof:
    """How a secret is shown to the provider: as it says, in the header where it takes both."""
    if ClientProof.SECRET_BASIC not in provider.proofs and ClientProof.SECRET_POST in provider.proofs:
        return ClientProof.SECRET_POST
    return ClientProof.SECRET_BASIC


def check_issuer(site: Site, issuer: str) -> str:
    """An issuer as it may be configured: https (http only where private addresses are allowed), no query, no fragment, no
    template of tenants. Raises ProviderError."""
    expected = "an https address such as https://login.example.com, without query and fragment"
    try:
        parts = urlsplit(issuer)
        plain = parts.scheme in _schemes(site) and bool(parts.hostname) and not parts.username
    except ValueError:
        plain = False
    if not plain or len(issuer) > _LONGEST or not issuer.isascii() or set("{}?# \\").intersection(issuer):
        raise ProviderError("issuer", expected, repr(issuer[:200]))
    return issuer


def _schemes(site: Site) -> tuple[str, ...]:
    return ("https", "http") if site.outgoing.allow_private else ("https",)


async def discover(site: Site, issuer: str) -> Provider:
    """What the issuer publishes of itself. Raises ProviderError."""
    check_issuer(site, issuer)
    address = issuer.removesuffix("/") + WELL_KNOWN
    try:
        raw = await site.outgoing.get(address, {"Accept": "application/json", **site.marks})
    except OutgoingError as error:
        raise ProviderError("discovery document", f"JSON at {address}", str(error)) from error
    return _read(site, issuer, json_object("discovery document", raw))


def json_object(what: str, raw: bytes) -> dict[str, Any]:
    """A JSON object that a provider answered with. Raises ProviderError."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ProviderError(what, "a JSON object of at most 64 KiB", _start(raw)) from error
    if not isinstance(found, dict):
        raise ProviderError(what, "a JSON object", _start(raw))
    return found


def _start(raw: bytes) -> str:
    return repr(raw[:80].decode("utf-8", "replace"))


def _read(site: Site, issuer: str, found: dict[str, Any]) -> Provider:
    if found.get("issuer") != issuer:
        raise ProviderError("issuer in the discovery document", issuer, str(found.get("issuer")))
    ends = {name: _address(site, name, found.get(name)) for name in _NEEDED}
    userinfo = found.get("userinfo_endpoint")
    named = _texts(found.get("id_token_signing_alg_values_supported")) or ("RS256",)
    algorithms = tuple(one for one in named if one in REGISTRABLE)
    if not algorithms:
        raise ProviderError("signatures of ID tokens", ", ".join(sorted(REGISTRABLE)), ", ".join(named))
    return Provider(
        issuer=issuer,
        **ends,
        userinfo_endpoint=None if userinfo is None else _address(site, "userinfo_endpoint", userinfo),
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        algorithms=algorithms,
        proofs=_texts(found.get("token_endpoint_auth_methods_supported")) or ("client_secret_basic",),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _address(site: Site, name: str, value: Any) -> str:
    expected = "an " + " or ".join(_schemes(site)) + " address"
    if not isinstance(value, str) or not value.isascii() or len(value) > _LONGEST or set(" \\#").intersection(value):
        raise ProviderError(name, expected, repr(value)[:200])
    try:
        parts = urlsplit(value)
        plain = parts.scheme in _schemes(site) and bool(parts.hostname) and not parts.username
    except ValueError:
        plain = False
    if not plain:
        raise ProviderError(name, expected, value)
    return value


def callback_address(site: Site, connection_id: int) -> str:
    """Where a connection's provider sends people back to: a path of its own for each connection (RP-12)."""
    return f"{site.services.base_url}/sso/{connection_id}/callback"


def sign_in_address(site: Site, connection_id: int) -> str:
    """Where signing in through a connection begins."""
    return f"{site.services.base_url}/sso/{connection_id}/login"


def browser_mark(request: Request) -> str | None:
    """The secret of this browser that logins under way are bound to."""
    mark = request.cookies.get(_mark_name(request), "")
    return mark if len(mark) == 43 and mark.isascii() and mark.isalnum() else None


def _mark_name(request: Request) -> str:
    return "__Host-wb-sso" if site_of(request.scope).secure_cookies else "wb-sso"


async def leave_for(request: Request, connection: Any, purpose: Purpose, leads_to: str, hint: str = "") -> Response:
    """To a connection's provider, with a login under way that is bound to this browser.

    It is a page that goes on by itself, not a redirect: a form's page allows forms to lead to this site alone.
    """
    site, now = site_of(request.scope), now_of(request.scope)
    mark = browser_mark(request) or site.services.entropy.text(43)
    async with site.services.store.write() as tx:
        made = await vouched_login.begin(tx, site.services, connection.id, mark, purpose, leads_to, now)
    provider = read_provider(connection.provider)
    address = _authorization_request(site, connection, provider, made, hint)
    response = render(
        request,
        "web/layout/error.html",
        tone="ok",
        icon="arrow-right",
        title="On to your organization's sign-in",
        text=f"{connection.name} at {urlsplit(address).hostname} asks who you are, and sends you back here.",
        action_href=address,
        action_label="Go on",
    )
    response.headers["refresh"] = f"0;url={address}"
    secure = site.secure_cookies
    path = "/" if secure else request.scope.get("root_path", "") or "/"
    response.set_cookie(_mark_name(request), mark, path=path, secure=secure, httponly=True, samesite="lax")
    return response


def _authorization_request(
    site: Site, connection: Any, provider: Provider, attempt: vouched_login.Attempt, hint: str
) -> str:
    """The authorization request (OpenID Connect Core §3.1.2.1) with PKCE (RFC 7636)."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": connection.client_id,
        "redirect_uri": callback_address(site, connection.id),
        "scope": SCOPE,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"login_hint": hint} if hint else {}),
        **({"prompt": "login"} if attempt.purpose is Purpose.TEST else {}),
    }
    mark = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{mark}{urlencode(asked)}"
