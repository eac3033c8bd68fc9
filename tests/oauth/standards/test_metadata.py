"""What clients may register: RFC 7591 §2, OA-10, OA-59, OA-60."""

import re
from pathlib import Path
from typing import Any

import pytest

from workbadge.oauth.rfc7591 import MetadataError, read_metadata, shown

BACK = "https://app.example/back"
KEYS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "e2LAR_JN6NgxAiekTQR-8Y1YBHyHaETeEQzL2RU5k8g",
            "y": "XPAOrA68wbxstjpCxKiuxG0KL1pxzSUzOl5Ryu5qNJY",
        }
    ]
}


def read(**given: Any) -> dict[str, Any]:
    """What a registration with these members would be answered."""
    return shown(read_metadata({"redirect_uris": [BACK], **given}, private=False))


def refused(**given: Any) -> str:
    """The error code for these members."""
    with pytest.raises(MetadataError) as caught:
        read(**given)
    assert str(caught.value)
    return caught.value.error


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        f"{BACK}#part",
        f"{BACK}#",
        "https://user@app.example/back",
        "https://user:pass@app.example/back",
        "http://app.example/back",
        "http://127.0.0.1.evil.example/back",
        "http://[bad",
        "",
        "https://app.example/" + "x" * 5_000,
        "https:///back",
        "https://app.example/ba ck",
        "https://app.example\\@evil.example",
        "com.example.app:/back",
        "//app.example/back",
    ],
)
def test_redirect_addresses_that_are_refused(uri: str) -> None:
    """OA-10: schemes that run, fragments, user parts, http beyond this machine, broken and endless addresses are refused."""
    assert refused(redirect_uris=[uri]) == "invalid_redirect_uri"
    assert refused(redirect_uris=[BACK, uri]) == "invalid_redirect_uri"


@pytest.mark.parametrize("uris", [[], None, "text", [7], [BACK] * 51, {}])
def test_a_list_of_redirect_addresses_is_needed(uris: Any) -> None:
    """RFC 7591 §2: without one redirect address, in a list of texts, nothing is registered."""
    assert refused(redirect_uris=uris) in ("invalid_redirect_uri", "invalid_client_metadata")


def test_native_clients_have_schemes_and_loopback() -> None:
    """RFC 8252 §7: a native client may register its own scheme and a loopback address."""
    uris = ["com.example.app:/back", "http://127.0.0.1/back", "http://[::1]/back"]
    assert read(redirect_uris=uris, application_type="native")["redirect_uris"] == uris


PRIVATE = [
    "https://127.0.0.1/k",
    "https://localhost/k",
    "https://LOCALHOST./k",
    "https://a.localhost/k",
    "https://10.0.0.1/k",
    "https://192.168.1.1/k",
    "https://169.254.169.254/latest",
    "https://[::1]/k",
    "https://[::ffff:127.0.0.1]/k",
    "https://[fe80::1]/k",
    "https://[64:ff9b::7f00:1]/k",
    "https://2130706433/k",
    "https://0x7f.1/k",
    "https://0177.0.0.1/k",
    "https://metadata.google.internal/k",
    "https://intranet/k",
    "http://keys.example/k",
    "ftp://keys.example/k",
    "https://user@keys.example/k",
    "https://keys.example/k#a",
    "https://[bad/k",
    "text",
    7,
    {},
]


@pytest.mark.parametrize("member", ["jwks_uri", "logo_uri", "backchannel_logout_uri", "initiate_login_uri", "tos_uri"])
@pytest.mark.parametrize("url", PRIVATE, ids=str)
def test_addresses_inside_are_refused_alike(member: str, url: Any) -> None:
    """OA-59: an address of a host that is not public, in every notation, is refused with the same words as any wrong one."""
    with pytest.raises(MetadataError) as caught:
        read(**{member: url})
    expected = "an https address of a public host, without fragment and user part"
    assert str(caught.value) == f"{member}: expected {expected}"


@pytest.mark.parametrize("member", ["post_logout_redirect_uris", "resources", "frontends"])
def test_lists_of_addresses_are_checked_too(member: str) -> None:
    """OA-59: in lists each address counts."""
    assert refused(**{member: ["https://app.example", "https://127.0.0.1"]}) == "invalid_client_metadata"
    assert refused(**{member: "https://app.example"}) == "invalid_client_metadata"
    assert read(**{member: ["https://app.example"]})[member] == ["https://app.example"]


def test_members_that_would_give_rights_are_not_kept() -> None:
    """OA-60: first_party, skip_consent, owners, verification, scopes: ignored, and not in what is kept."""
    extra = {
        "first_party": True,
        "skip_consent": True,
        "organization_id": 7,
        "owner": "me",
        "verified": True,
        "scope": "*",
        "scopes": "*",
        "client_id": "7",
        "client_secret": "mine",
        "secret": "mine",
        "disabled_at": None,
        "require_proof": 0,
        "registered_at": 0,
    }
    assert read(**extra) == read()


@pytest.mark.parametrize(
    "given",
    [
        {"grant_types": ["password"]},
        {"grant_types": ["implicit"]},
        {"grant_types": ["refresh_token"]},
        {"grant_types": ["authorization_code", "password"]},
        {"grant_types": ["authorization_code", "client_credentials"], "token_endpoint_auth_method": "none"},
        {"response_types": ["token"]},
        {"response_types": ["code", "id_token"]},
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_method": 7},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_signing_alg": "none"},
        {"token_endpoint_auth_signing_alg": "HS256"},
        {"id_token_signed_response_alg": "none"},
        {"jwks": KEYS, "jwks_uri": "https://keys.example/k"},
        {"jwks": {"keys": []}},
        {"jwks": "text"},
        {"application_type": "service"},
        {"client_name": 7},
        {"client_name": "x" * 201},
        {"client_name": "a\nb"},
        {"contacts": ["nobody"]},
        {"contacts": "a@b.example"},
        {"software_id": 7},
        {"dpop_bound_access_tokens": "yes"},
        {"require_pushed_authorization_requests": 1},
        {"frontends": ["https://app.example/path"]},
        {"sector_identifier_uri": "https://app.example/sector"},
        {"request_uris": ["https://app.example/request"]},
        {"userinfo_signed_response_alg": "RS256"},
        {"id_token_encrypted_response_alg": "RSA-OAEP"},
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused(given: dict[str, Any]) -> None:
    """OA-60: grant types, response types, methods and algorithms that do not exist here are refused, not stored."""
    assert refused(**given) == "invalid_client_metadata"


def test_software_statements_are_refused() -> None:
    """RFC 7591 §3.2.2: a software statement is refused by its own code."""
    assert refused(software_statement="a.b.c") == "invalid_software_statement"


@pytest.mark.parametrize("given", [None, [], "text", 7])
def test_a_registration_is_an_object(given: Any) -> None:
    """RFC 7591 §3.1: what is no JSON object is refused."""
    with pytest.raises(MetadataError):
        read_metadata(given, private=False)


def test_everything_right_comes_back() -> None:
    """RFC 7591 §3.2.1: what was registered is given back, member by member."""
    given = {
        "client_name": "Post scheduler",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "id_token_signed_response_alg": "ES256",
        "jwks": KEYS,
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "post_logout_redirect_uris": ["https://app.example/bye"],
        "backchannel_logout_uri": "https://app.example/out",
        "backchannel_logout_session_required": True,
        "dpop_bound_access_tokens": True,
        "require_pushed_authorization_requests": True,
        "contacts": ["help@app.example"],
        "client_uri": "https://app.example",
        "software_id": "scheduler",
        "initiate_login_uri": "https://app.example/login",
    }
    answer = read(**given)
    assert {name: answer[name] for name in given} == given


STRICT = {
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": KEYS,
    "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True,
}


def test_what_an_id_token_is_signed_with() -> None:
    """OpenID Connect Registration §2, FAPI 2.0 §5.4.1: RS256 for a client that names none; ES256 for one by key with pushed requests and
    bound tokens, which may name RS256 nowhere; else what is named."""
    member = "id_token_signed_response_alg"
    assert read()[member] == read(**{member: "RS256"})[member] == "RS256"
    assert read(**{member: "ES256"})[member] == "ES256"
    assert read(**STRICT)[member] == read(**STRICT, **{member: "ES256"})[member] == "ES256"
    for one in (member, "token_endpoint_auth_signing_alg"):
        assert refused(**STRICT, **{one: "RS256"}) == "invalid_client_metadata"
    for missing in ("require_pushed_authorization_requests", "dpop_bound_access_tokens"):
        loose = {**STRICT, missing: False, "token_endpoint_auth_signing_alg": "RS256"}
        assert read(**loose)[member] == "RS256"


def test_the_guide_names_every_member() -> None:
    """house.md 24: docs/guides/clients.md names every member that changes how a client is treated, and none that does not exist."""
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "clients.md").read_text()
    named = {name for row in re.findall(r"^\| (`.*?) \|", guide, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    everything = read(
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="RS256",
        jwks_uri="https://app.example/keys",
        post_logout_redirect_uris=["https://app.example/bye"],
        backchannel_logout_uri="https://app.example/out",
        frontends=["https://app.example"],
        resources=["https://api.app.example/"],
        initiate_login_uri="https://app.example/login",
    )
    shown_only = {
        "client_name",
        "redirect_uris",
        "application_type",
        "response_types",
        "backchannel_logout_session_required",
    }
    assert named - {"jwks"} == set(everything) - shown_only
