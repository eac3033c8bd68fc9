"""What a client may say about itself (RFC 7591 §2, OpenID Connect Registration §2), member by member. No I/O.

A member that we do not know is ignored, as the RFC asks, and never stored: nobody registers rights (OA-60). One that we
know and cannot keep is refused by name, so that no client believes in a promise that was never made.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from workbadge.commands.client_terms import EXCHANGE, GRANT_TYPES, Terms
from workbadge.commands.errors import CommandError
from workbadge.commands.registration import check_name, check_redirect_uri
from workbadge.keys import SIGNING_ALGORITHMS
from workbadge.keys.foreign import REGISTRABLE, ForeignError, read_keys
from workbadge.web.outgoing import is_private_name

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
MOST = 50
URL_LENGTH = 2_000
SIZE = 65_536
"""A registration is no longer than this, in bytes."""

_SHOWN_URLS = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
_SHOWN_TEXTS = ("software_id", "software_version")
_REFUSED = {
    "software_statement": "software statements are not taken",
    "sector_identifier_uri": "sectors are not supported: every client has subjects of its own",
    "request_uris": "request objects are not supported: push the request instead (RFC 9126)",
    "request_object_signing_alg": "request objects are not supported",
    "userinfo_signed_response_alg": "userinfo is answered as JSON, not signed",
    "userinfo_encrypted_response_alg": "encrypted answers are not supported",
    "id_token_encrypted_response_alg": "encrypted ID tokens are not supported",
    "tls_client_certificate_bound_access_tokens": "tokens are bound by DPoP (RFC 9449)",
    "frontchannel_logout_uri": "front-channel logout is not supported: use backchannel_logout_uri",
}


class MetadataError(Exception):
    """Metadata that cannot be registered. ``error``: a code of RFC 7591 §3.2.2."""

    def __init__(self, member: str, message: str, error: str = "invalid_client_metadata") -> None:
        super().__init__(f"{member}: {message}")
        self.error = error


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """A client's metadata, checked. ``initiate_login_uri``: where its own login starts."""

    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    application_type: str
    id_token_alg: str
    initiate_login_uri: str | None
    terms: Terms


def _bad(member: str, expected: str, error: str = "invalid_client_metadata") -> MetadataError:
    return MetadataError(member, f"expected {expected}", error)


def _texts(given: Mapping[str, Any], member: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    value = given.get(member)
    if value is None:
        return default
    if not isinstance(value, list) or len(value) > MOST or not all(isinstance(one, str) for one in value):
        raise _bad(member, f"a list of at most {MOST} texts")
    return tuple(dict.fromkeys(value))


def _one_of(given: Mapping[str, Any], member: str, known: tuple[str, ...], default: str) -> str:
    value = given.get(member, default)
    if value not in known:
        raise _bad(member, "one of " + ", ".join(known))
    return str(value)


def _flag(given: Mapping[str, Any], member: str) -> bool:
    value = given.get(member, False)
    if not isinstance(value, bool):
        raise _bad(member, "true or false")
    return value


def check_url(member: str, value: Any, private: bool) -> str:
    """An https address of a public host, without fragment and user part (OA-59). ``private``: any host, http too (test
    set-ups). It says what is expected, never what a host resolves to; nothing is connected to. Raises MetadataError."""
    expected = "an https address of a public host, without fragment and user part"
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _bad(member, expected) from None
    unreadable = not isinstance(value, str) or len(value) > URL_LENGTH or not value.isprintable() or " " in value
    if unreadable or not host or parts.fragment or "#" in value or "@" in parts.netloc or "\\" in value:
        raise _bad(member, expected)
    if not private and (parts.scheme != "https" or is_private_name(host)):
        raise _bad(member, expected)
    if parts.scheme not in ("http", "https"):
        raise _bad(member, expected)
    return str(value)


def _url(given: Mapping[str, Any], member: str, private: bool) -> str | None:
    value = given.get(member)
    return None if value is None or value == "" else check_url(member, value, private)


def _redirects(given: Mapping[str, Any], native: bool) -> tuple[str, ...]:
    uris = _texts(given, "redirect_uris")
    if not uris:
        raise _bad("redirect_uris", "at least one address", "invalid_redirect_uri")
    for uri in uris:
        try:
            check_redirect_uri(uri)
        except CommandError as error:
            raise MetadataError(
                "redirect_uris", f"{error.message} Expected {error.expected}.", "invalid_redirect_uri"
            ) from error
        if not native and not uri.startswith(("https://", "http://")):
            raise _bad(
                "redirect_uris", "https addresses; schemes of its own are for native clients", "invalid_redirect_uri"
            )
    return uris


def _keys(given: Mapping[str, Any], private: bool) -> tuple[str | None, str | None]:
    """``jwks`` as JSON, or ``jwks_uri``, not both (RFC 7591 §2)."""
    jwks, uri = given.get("jwks"), _url(given, "jwks_uri", private)
    if jwks is None:
        return None, uri
    if uri is not None:
        raise _bad("jwks", "keys in jwks or in jwks_uri, not in both")
    text = msgspec.json.encode(jwks).decode()
    try:
        read_keys(text)
    except ForeignError as error:
        raise MetadataError("jwks", str(error)) from error
    return text, None


def _origins(given: Mapping[str, Any], private: bool) -> tuple[str, ...]:
    """``frontends``: origins of the client's own pages, a member of ours."""
    origins = _texts(given, "frontends")
    for one in origins:
        parts = urlsplit(check_url("frontends", one, private))
        if f"{parts.scheme}://{parts.netloc}" != one or one != one.lower():
            raise _bad("frontends", "origins such as https://app.example")
    return origins


def _grant_types(given: Mapping[str, Any], auth_method: str) -> tuple[str, ...]:
    types = _texts(given, "grant_types", ("authorization_code", "refresh_token"))
    unknown = [one for one in types if one not in GRANT_TYPES]
    if unknown or "authorization_code" not in types:
        raise _bad("grant_types", "authorization_code, and others of " + ", ".join(GRANT_TYPES))
    if auth_method == "none" and not {"client_credentials", EXCHANGE}.isdisjoint(types):
        raise _bad("grant_types", "no client_credentials and no exchange for a client without credentials")
    if any(one != "code" for one in _texts(given, "response_types", ("code",))):
        raise _bad("response_types", "code")
    return types


def _about(given: Mapping[str, Any], private: bool) -> dict[str, Any]:
    """What is only shown or given back."""
    about: dict[str, Any] = {}
    for member in _SHOWN_URLS:
        value = _url(given, member, private)
        if value is not None:
            about[member] = value
    for member in _SHOWN_TEXTS:
        if given.get(member) is not None:
            about[member] = _text(given, member)
    contacts = _texts(given, "contacts")
    if any(len(one) > 254 or not one.isprintable() or "@" not in one for one in contacts):
        raise _bad("contacts", "mail addresses")
    if contacts:
        about["contacts"] = list(contacts)
    return about


def _text(given: Mapping[str, Any], member: str) -> str:
    value = given[member]
    if not isinstance(value, str) or not 1 <= len(value) <= 200 or not value.isprintable():
        raise _bad(member, "a text of 1 to 200 characters")
    return value


def _auth_alg(given: Mapping[str, Any]) -> str | None:
    value = given.get("token_endpoint_auth_signing_alg")
    if value is not None and value not in REGISTRABLE:
        raise _bad("token_endpoint_auth_signing_alg", "one of " + ", ".join(sorted(REGISTRABLE)))
    return value


def _terms(given: Mapping[str, Any], auth_method: str, private: bool) -> Terms:
    jwks, jwks_uri = _keys(given, private)
    if auth_method == "private_key_jwt" and jwks is None and jwks_uri is None:
        raise _bad("jwks", "keys, in jwks or behind jwks_uri, for private_key_jwt")
    after = _texts(given, "post_logout_redirect_uris")
    for uri in after:
        check_url("post_logout_redirect_uris", uri, private)
    return Terms(
        auth_alg=_auth_alg(given),
        jwks=jwks,
        jwks_uri=jwks_uri,
        grant_types=_grant_types(given, auth_method),
        post_logout_redirect_uris=after,
        backchannel_logout_uri=_url(given, "backchannel_logout_uri", private),
        logout_with_session=_flag(given, "backchannel_logout_session_required"),
        frontends=_origins(given, private),
        resources=tuple(check_url("resources", one, private) for one in _texts(given, "resources")),
        dpop_bound=_flag(given, "dpop_bound_access_tokens"),
        dpop_nonce=_flag(given, "dpop_nonce_required"),
        require_pushed=_flag(given, "require_pushed_authorization_requests"),
        about=_about(given, private),
    )


def _is_strict(auth_method: str, terms: Terms) -> bool:
    """Whether a client keeps to the FAPI 2.0 Security Profile: by its key, pushed requests only, bound tokens only."""
    return auth_method == "private_key_jwt" and terms.require_pushed and terms.dpop_bound


def _id_token_alg(given: Mapping[str, Any], strict: bool) -> str:
    """RS256 for a client that names none (OpenID Connect Registration §2); a strict one has ES256, for its profile knows no
    RS256, for assertions neither (FAPI 2.0 §5.4.1)."""
    if not strict:
        return _one_of(given, "id_token_signed_response_alg", SIGNING_ALGORITHMS, SIGNING_ALGORITHMS[0])
    if given.get("token_endpoint_auth_signing_alg") == "RS256":
        raise _bad(
            "token_endpoint_auth_signing_alg", "another than RS256 from a client by key, PAR and DPoP (FAPI 2.0)"
        )
    return _one_of(given, "id_token_signed_response_alg", ("ES256",), "ES256")


def read_metadata(given: Any, private: bool) -> Metadata:
    """The metadata of a registration. ``private``: addresses may be any (test set-ups). Raises MetadataError."""
    if not isinstance(given, dict):
        raise MetadataError("body", "expected a JSON object")
    for member, why in _REFUSED.items():
        if given.get(member) is not None:
            error = "invalid_software_statement" if member == "software_statement" else "invalid_client_metadata"
            raise MetadataError(member, why, error)
    auth_method = _one_of(given, "token_endpoint_auth_method", AUTH_METHODS, AUTH_METHODS[0])
    kind = _one_of(given, "application_type", ("web", "native"), "web")
    redirects = _redirects(given, kind == "native")
    named = given.get("client_name") or urlsplit(redirects[0]).hostname or "App"
    try:
        name = check_name(named) if isinstance(named, str) else ""
    except CommandError as error:
        raise MetadataError("client_name", f"expected {error.expected}") from error
    if not name:
        raise _bad("client_name", "a text")
    terms = _terms(given, auth_method, private)
    return Metadata(
        name=name,
        redirect_uris=redirects,
        auth_method=auth_method,
        application_type=kind,
        id_token_alg=_id_token_alg(given, _is_strict(auth_method, terms)),
        initiate_login_uri=_url(given, "initiate_login_uri", private),
        terms=terms,
    )


def shown(found: Metadata) -> dict[str, Any]:
    """The metadata as it is given back (RFC 7591 §3.2.1)."""
    terms = found.terms
    out: dict[str, Any] = {
        "client_name": found.name,
        "redirect_uris": list(found.redirect_uris),
        "token_endpoint_auth_method": found.auth_method,
        "application_type": found.application_type,
        "id_token_signed_response_alg": found.id_token_alg,
        "response_types": ["code"],
        "grant_types": list(terms.grant_types),
        "dpop_bound_access_tokens": terms.dpop_bound,
        "dpop_nonce_required": terms.dpop_nonce,
        "require_pushed_authorization_requests": terms.require_pushed,
        "backchannel_logout_session_required": terms.logout_with_session,
        **terms.about,
    }
    optional = {
        "initiate_login_uri": found.initiate_login_uri,
        "token_endpoint_auth_signing_alg": terms.auth_alg,
        "jwks": None if terms.jwks is None else msgspec.json.decode(terms.jwks),
        "jwks_uri": terms.jwks_uri,
        "post_logout_redirect_uris": list(terms.post_logout_redirect_uris),
        "backchannel_logout_uri": terms.backchannel_logout_uri,
        "frontends": list(terms.frontends),
        "resources": list(terms.resources),
    }
    return {**out, **{name: value for name, value in optional.items() if value}}
