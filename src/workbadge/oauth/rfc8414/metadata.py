"""One document for both addresses. Nothing is advertised that fails, nothing works that is not advertised (OA-38).

The issuer is ``base_url``, whatever a request's headers say (OA-63). RFC 8414 §3.1 puts the well-known part before the
issuer's path, OpenID Connect Discovery §4 behind it; both are answered.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from workbadge.commands.client import AUTH_METHODS
from workbadge.commands.services import Services
from workbadge.keys import SIGNING_ALGORITHMS
from workbadge.keys.foreign import ALGORITHMS, REGISTRABLE
from workbadge.oauth.grant_management import ACTIONS, QUERY, REVOKE
from workbadge.oauth.oidc_core.userinfo import CLAIMS
from workbadge.oauth.rfc6749.call import Answer, Call
from workbadge.oauth.rfc6749.scope import SUPPORTED
from workbadge.oauth.rfc6749.token import GRANTS
from workbadge.oauth.rfc9396 import TYPE
from workbadge.terms.methods import PHISHING_RESISTANT, SEVERAL_FACTORS

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
KEPT = 3600

ENDPOINTS: dict[str, str] = {
    "authorization_endpoint": "/oauth/authorize",
    "token_endpoint": "/oauth/token",
    "introspection_endpoint": "/oauth/introspect",
    "revocation_endpoint": "/oauth/revoke_token",
    "userinfo_endpoint": "/oauth/userinfo",
    "grant_management_endpoint": "/oauth/grants",
    "jwks_uri": "/oauth/jwks",
    "pushed_authorization_request_endpoint": "/oauth/par",
    "end_session_endpoint": "/oauth/end_session",
}
"""Metadata's name of each endpoint, and its path below the issuer."""

METADATA: dict[str, Any] = {
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
    "introspection_endpoint_auth_methods_supported": [one for one in AUTH_METHODS if one != "none"],
    "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
    "authorization_details_types_supported": [TYPE],
    "claims_supported": ["iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "amr", "acr", *CLAIMS],
    "acr_values_supported": [PHISHING_RESISTANT, SEVERAL_FACTORS],
    "grant_management_actions_supported": ["query", "revoke", *ACTIONS],
    "grant_management_action_required": False,
    "token_endpoint_auth_signing_alg_values_supported": sorted(REGISTRABLE),
    "subject_types_supported": ["pairwise"],
    "id_token_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "claims_parameter_supported": False,
    "request_parameter_supported": False,
    "request_uri_parameter_supported": False,
    "require_request_uri_registration": False,
    "require_pushed_authorization_requests": False,
    "dpop_signing_alg_values_supported": sorted(ALGORITHMS),
    "backchannel_logout_supported": True,
    "backchannel_logout_session_supported": True,
    "ui_locales_supported": ["en"],
    "display_values_supported": ["page", "popup", "touch"],
    "prompt_values_supported": ["none", "login", "consent", "select_account"],
}
"""What is the same on every server of this version."""


def metadata(services: Services) -> dict[str, Any]:
    """The document."""
    base = services.base_url
    return {
        "issuer": base,
        **{name: base + path for name, path in ENDPOINTS.items()},
        "scopes_supported": ["openid", *(one for one in SUPPORTED if one != "openid"), QUERY, REVOKE],
        "grant_types_supported": list(GRANTS),
        **({"registration_endpoint": f"{base}/oauth/register"} if services.policy.open_registration else {}),
        **METADATA,
    }


def well_known_paths(base_url: str) -> dict[str, str]:
    """The paths with the well-known part in front of the issuer's own path, to those of the same document below it."""
    own = urlsplit(base_url).path
    return {one + own: one for one in (OPENID, OAUTH)}


async def show_metadata(call: Call) -> Answer:
    """``GET`` of both well-known addresses."""
    return Answer(msgspec.json.encode(metadata(call.services)), kept=KEPT)
