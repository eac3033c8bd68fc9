"""Login and the standards side in words and schemas, from their route tables.

``PARAMETERS`` adds what a table cannot know: which parameters an endpoint takes. A test demands a row for each endpoint.
"""

from workbadge.web.openapi import (
    BEARER,
    EITHER,
    FLAG,
    FORM,
    JSON,
    TEXT,
    Operation,
    Parameter,
    Part,
    Schema,
    first_sentence,
)

from .grant_management import GRANTS
from .oidc_logout import PATH as END_SESSION
from .rfc8414 import OAUTH, OPENID
from .standards import AUTHORIZE, ROUTES, Route

_CLIENT_ID = Parameter("client_id", "The app's id", True)
_REDIRECT = Parameter("redirect_uri", "Where to come back to: exactly one of the app's addresses", True)
_LOGIN = (
    _CLIENT_ID,
    _REDIRECT,
    Parameter("state", "Comes back unchanged"),
    Parameter("scope", "Permissions, separated by commas or blanks"),
    Parameter("response_type", "code (unless asked), token, granted_scopes, or several"),
    Parameter("auth_type", "rerequest, reauthenticate, reauthorize"),
    Parameter("auth_nonce", "Comes back with the token's information"),
    Parameter("display", "page, popup, touch: layout only"),
    Parameter("return_scopes", "Adds granted_scopes and denied_scopes", schema=FLAG),
    Parameter("config_id", "A login configuration, in place of scope"),
    Parameter("code_challenge", "PKCE: 43 characters"),
    Parameter("code_challenge_method", "S256"),
    Parameter("reconnect", "From /{app}/reconnects: offers exactly the missing assets"),
)
_ASKED = frozenset(
    {"client_id", "redirect_uri", "state", "scope", "response_type", "code_challenge", "code_challenge_method"}
)
"""What the standards side asks with."""
_WITH_BODY = ("POST", "PUT")
_PEOPLE = "For people, in a browser."
_TOKEN = (
    Parameter("client_id", "The app's id"),
    Parameter("client_secret", "Its secret"),
    Parameter("grant_type", "authorization_code, fb_exchange_token, client_credentials; absent: a code"),
    Parameter("code", "From the dialog"),
    Parameter("redirect_uri", "The same as in the dialog"),
    Parameter("code_verifier", "PKCE"),
    Parameter("fb_exchange_token", "A token to make long-lived"),
)
_CLIENT = (
    Parameter("client_id", "The client's id, where it is not in the header"),
    Parameter("client_secret", "Its secret"),
    Parameter("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    Parameter("client_assertion", "A JWT signed by the client's key (RFC 7523)"),
)
_LIST: Schema = {"type": "array", "items": TEXT}
_REGISTRATION = (
    Parameter("client_name", "Its name"),
    Parameter("redirect_uris", "Where it comes back to", schema=_LIST),
    Parameter("grant_types", "What it will use", schema=_LIST),
    Parameter("response_types", "code", schema=_LIST),
    Parameter("scope", "Permissions, separated by blanks"),
    Parameter("token_endpoint_auth_method", "client_secret_basic, client_secret_post, private_key_jwt or none"),
    Parameter("jwks_uri", "Its published keys"),
    Parameter("id_token_signed_response_alg", "RS256 or ES256"),
    Parameter("initiate_login_uri", "Where its own login starts"),
)
_REPLACEMENT = (
    Parameter("client_id", "The client's own id", True),
    *_REGISTRATION,
)
_ANY_TOKEN = Parameter("token", "An access or refresh token", True)
_HINT = Parameter("token_type_hint", "access_token or refresh_token")
_REQUEST = (
    *(one for one in _LOGIN if one.name in _ASKED),
    Parameter("nonce", "Comes back in the ID token"),
    Parameter("prompt", "none, or login, consent, select_account"),
    Parameter("max_age", "Seconds since the sign-in, at most"),
    Parameter("login_hint", "The address of who is to answer"),
    Parameter("id_token_hint", "An ID token of who is to answer"),
    Parameter("authorization_details", "Assets to be offered, as JSON (docs/protocols/authorization-details.md)"),
    Parameter("grant_management_action", "create, merge or replace"),
    Parameter("grant_id", "The grant to merge into or to replace"),
    Parameter("resource", "The server that the token is meant for (RFC 8707)"),
    Parameter("dpop_jkt", "The key that the code is bound to (RFC 9449)"),
    Parameter("request_uri", "The name of a request that was pushed"),
)
_LEAVE = (
    Parameter("id_token_hint", "An ID token of who leaves"),
    Parameter("client_id", "The client, where there is no hint"),
    Parameter("post_logout_redirect_uri", "Where to go then: one that the client registered"),
    Parameter("state", "Comes back unchanged"),
    Parameter("logout_hint", "Who is meant, in words"),
    Parameter("ui_locales", "Languages of the page"),
)
PARAMETERS: dict[tuple[str, str], tuple[Parameter, ...]] = {
    ("POST", "/oauth/token"): (
        Parameter("grant_type", "authorization_code, refresh_token, client_credentials and others", True),
        Parameter("code", "From the authorization endpoint"),
        Parameter("redirect_uri", "The same as there"),
        Parameter("code_verifier", "PKCE"),
        Parameter("refresh_token", "The newest of its family"),
        Parameter("scope", "Permissions, a subset of the grant's, separated by blanks"),
        Parameter("subject_token", "Of an exchange: an admin's access token"),
        Parameter("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        Parameter("audience", "Of an exchange: the business"),
        Parameter("fbe_external_business_id", "Of an exchange: the install, by the app's own id of the business"),
        Parameter("resource", "The server that the token is meant for (RFC 8707)"),
        *_CLIENT,
    ),
    ("POST", "/oauth/par"): (*(one for one in _REQUEST if one.name != "request_uri"), *_CLIENT[1:]),
    ("POST", "/oauth/register"): _REGISTRATION,
    ("PUT", "/oauth/register/"): _REPLACEMENT,
    ("POST", "/oauth/introspect"): (_ANY_TOKEN, _HINT, *_CLIENT),
    ("POST", "/oauth/revoke_token"): (_ANY_TOKEN, _HINT, *_CLIENT),
    ("POST", "/oauth/userinfo"): (Parameter("access_token", "Where it is not in the header"),),
}
"""Of the standards side, by method and path."""
TITLES: dict[str, str] = {
    OPENID: "Metadata (OpenID Connect Discovery)",
    OAUTH: "Metadata (RFC 8414)",
    "/oauth/jwks": "Published keys (RFC 7517)",
}
"""Where a docstring's first sentence would not do."""
_CLIENT_PROVES = ("client_basic",)
_HOLDER_PROVES = ("token_bearer",)
NEEDS: dict[str, tuple[str, ...]] = {
    "/oauth/token": _CLIENT_PROVES,
    "/oauth/par": _CLIENT_PROVES,
    "/oauth/introspect": _CLIENT_PROVES,
    "/oauth/revoke_token": _CLIENT_PROVES,
    "/oauth/userinfo": _HOLDER_PROVES,
    "/oauth/register/": _HOLDER_PROVES,
    GRANTS: _HOLDER_PROVES,
}
"""What a caller has to show, by path; nothing elsewhere."""
SECURITY: dict[str, Schema] = {
    "client_basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The client proves itself, here or in the form.",
    },
    "token_bearer": BEARER,
}
NO_BODY = frozenset({("POST", "/oauth/revoke_token")})
"""Endpoints that answer with a status alone, like every DELETE."""
MEDIA: dict[str, str] = {"/oauth/jwks": "application/jwk-set+json"}
"""Answers that are not plain JSON."""

_SCHEMAS: dict[str, Schema] = {
    "Answer": {"type": "object"},
    "TokenAnswer": {
        "type": "object",
        "properties": {"access_token": TEXT, "token_type": TEXT, "expires_in": {"type": "integer"}},
    },
    "OAuthError": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": TEXT, "error_description": TEXT},
    },
}


def describe_login() -> Part:
    """The dialog and the token endpoint of the wire, whose errors are the graph's."""
    operations = (
        Operation("GET", "/dialog/oauth", "The login dialog", _PEOPLE, (), _LOGIN),
        Operation("GET", "/connect/login_success.html", "Where the login of a desktop app ends", _PEOPLE),
        *(
            Operation(
                method,
                "/oauth/access_token",
                "Exchange a code or a token",
                "",
                (),
                _TOKEN if method == "GET" else (),
                _TOKEN if method == "POST" else (),
                EITHER,
                "TokenAnswer",
            )
            for method in ("GET", "POST")
        ),
        Operation(
            "GET",
            "/oauth/access_token_info",
            "How long a token still lives",
            "",
            (),
            (_CLIENT_ID, Parameter("access_token", "The token", True)),
            answer="Answer",
        ),
        Operation(
            "GET",
            "/oauth/revoke",
            "End a system user's token",
            "",
            (),
            (_CLIENT_ID, Parameter("client_secret", "Its secret", True), Parameter("revoke_token", "The token", True)),
            answer="Done",
        ),
    )
    return Part(
        "Login",
        "Facebook Login: the dialog and its token endpoint. Every path may have a version in front.",
        operations,
        _SCHEMAS,
        {},
        "Error",
    )


def _operations(route: Route) -> list[Operation]:
    follows = route.path.endswith("/")
    where = (Parameter("id", "Which one", True, {"type": "string", "minLength": 1}),) if follows else ()
    found = []
    for method in route.methods:
        given = PARAMETERS.get((method, route.path), ())
        found.append(
            Operation(
                method,
                route.path + ("{id}" if follows else ""),
                TITLES.get(route.path) or first_sentence(route.endpoint),
                "",
                where,
                () if method in _WITH_BODY else given,
                given if method in _WITH_BODY else (),
                (JSON,) if route.takes_json else (FORM,),
                answer="Answer",
                security=NEEDS.get(route.path, ()),
                media=None if (method, route.path) in NO_BODY or method == "DELETE" else MEDIA.get(route.path, JSON),
            )
        )
    return found


def describe_standards() -> Part:
    """OAuth 2.0 and OpenID Connect, over the same grants."""
    operations = [one for route in ROUTES for one in _operations(route)]
    for path, title, given in (
        (AUTHORIZE, "The authorization endpoint", _REQUEST),
        (END_SESSION, "The end of a login (RP-initiated logout)", _LEAVE),
    ):
        operations.append(Operation("GET", path, title, _PEOPLE, (), given))
        operations.append(Operation("POST", path, title, _PEOPLE, (), (), given))
    return Part(
        "OAuth 2.0 and OpenID",
        "The standards side, over the same grants and decisions. These paths take no version.",
        tuple(operations),
        _SCHEMAS,
        SECURITY,
        "OAuthError",
    )
