"""openid-client (npm) and Authlib's client: a whole login on the OAuth side, every check of theirs on."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from playwright.sync_api import Page

from tests._dialog import Person
from tests._sandbox import Sandbox
from tests.clients.conftest import CALLBACK
from tests.clients.test_sites import JS, _free_port, _log_in, _site, browser, node, page  # noqa: F401

pytestmark = [pytest.mark.clients, pytest.mark.browser, pytest.mark.xdist_group("clients")]
SCOPE = "openid profile email offline_access pages_show_list"


@pytest.fixture(scope="module")
def site(sandbox: Sandbox) -> Iterator[str]:
    """The address of the site with openid-client."""
    port = _free_port()
    command = [*node(), str(JS / "openid.mjs"), str(port)]
    with _site(command, sandbox, [f"http://localhost:{port}/callback"], ISSUER=sandbox.about["oidc_issuer"]):
        yield f"http://localhost:{port}"


def _allow_on(page: Page, name: str) -> None:  # noqa: F811
    """From the permissions page on: continue, tick one asset, allow."""
    page.click("button:has-text('Continue')")
    page.get_by_text(name, exact=True).first.click()
    page.click("button:has-text('Continue')")
    page.click("button:has-text('Allow')")


def test_openid_client_logs_in(sandbox: Sandbox, site: str, page: Page) -> None:  # noqa: F811
    """Issue 3.8: openid-client discovers, logs a person in through a real browser, checks iss, state, nonce, at_hash and signature, reads
    userinfo, introspects with the chosen asset, refreshes and revokes."""
    asset, login = sandbox.asset("page"), sandbox.account("employee")["personal"]
    page.goto(str(httpx.URL(site + "/login", params={"scope": SCOPE})))
    page.fill("[name=email]", login["email"])
    page.fill("[name=password]", login["password"])
    page.click("button:has-text('Sign in')")
    _allow_on(page, asset["name"])
    page.wait_for_url(f"{site}/callback**")
    said = json.loads(page.inner_text("body"))
    assert said.get("claims"), said
    assert said["claims"]["iss"] == sandbox.about["oidc_issuer"]
    assert said["userinfo"]["email"] == login["email"]
    assert said["userinfo"]["sub"] == said["claims"]["sub"] == said["active"]["sub"] == said["refreshed"]
    assert [one["identifier"] for one in said["active"]["authorization_details"]] == [asset["id"]]
    assert sorted(said["scope"].split()) == sorted(SCOPE.split())
    assert said["dead"] == {"active": False}


def test_openid_client_understands_refusals(sandbox: Sandbox, site: str, page: Page) -> None:  # noqa: F811
    """OA-13, OA-45: openid-client takes login_required and access_denied for what they are; their iss is right."""
    page.goto(str(httpx.URL(site + "/login", params={"scope": SCOPE, "prompt": "none"})))
    page.wait_for_url(f"{site}/callback**")
    said = json.loads(page.inner_text("body"))
    assert (said["name"], said["error"]) == ("AuthorizationResponseError", "login_required")
    login = sandbox.account("second_employee")["personal"]
    page.goto(str(httpx.URL(site + "/login", params={"scope": SCOPE})))
    page.fill("[name=email]", login["email"])
    page.fill("[name=password]", login["password"])
    page.click("button:has-text('Sign in')")
    page.click("button:has-text('Cancel')")
    page.wait_for_url(f"{site}/callback**")
    assert json.loads(page.inner_text("body"))["error"] == "access_denied"


@pytest.fixture
def metadata(sandbox: Sandbox) -> dict[str, Any]:
    """What the server says about itself."""
    found: dict[str, Any] = httpx.get(
        sandbox.about["oidc_issuer"] + "/.well-known/openid-configuration", trust_env=False
    ).json()
    return found


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_logs_in(sandbox: Sandbox, emil: Person, metadata: dict[str, Any], method: str) -> None:
    """Issue 3.8: Authlib's client logs in with PKCE, validates the ID token, reads userinfo, introspects, refreshes and revokes."""
    app, asset = sandbox.about["app"], sandbox.asset("page")
    with OAuth2Client(
        app["id"],
        app["secret"],
        token_endpoint_auth_method=method,
        scope=SCOPE,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        trust_env=False,
    ) as client:
        verifier = "x" * 43
        address, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, nonce="n-1", prompt="consent"
        )
        back = emil.go(address, [asset["id"]])
        assert parse_qs(urlsplit(back).query)["iss"] == [metadata["issuer"]]
        token = client.fetch_token(
            metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
        )
        keys = jwk.KeySet.import_key_set(sandbox.client.get(metadata["jwks_uri"]).json())
        read = jwt.decode(token["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
        claims = read.claims
        checked = CodeIDToken(
            claims,
            read.header,
            {"iss": {"value": metadata["issuer"]}, "aud": {"value": app["id"]}},
            {"nonce": "n-1", "client_id": app["id"], "access_token": token["access_token"]},
        )
        checked.validate(now=claims["iat"])
        told = client.get(metadata["userinfo_endpoint"]).json()
        assert (told["sub"], told["name"]) == (claims["sub"], "Emil Employee")
        active = client.introspect_token(metadata["introspection_endpoint"], token["access_token"]).json()
        assert [one["identifier"] for one in active["authorization_details"]] == [asset["id"]]
        assert client.get(f"{sandbox.base}/me").json()["id"] == claims["sub"]
        fresh = client.refresh_token(metadata["token_endpoint"], token["refresh_token"])
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.refresh_token(metadata["token_endpoint"], token["refresh_token"])
        dead = client.introspect_token(metadata["introspection_endpoint"], fresh["access_token"]).json()
        assert dead == {"active": False}
        assert client.revoke_token(metadata["revocation_endpoint"], token["access_token"]).status_code == 200


def test_the_control_api_gives_what_a_login_would(sandbox: Sandbox, metadata: dict[str, Any]) -> None:
    """Issue 3, seam: a consent with result refresh gives access, refresh and ID token, each good at its endpoint."""
    app, asset = sandbox.about["app"], sandbox.asset("page")
    body = {
        "account": sandbox.personal("second_employee"),
        "app": app["id"],
        "scopes": ["openid", "profile", "pages_show_list"],
        "assets": [asset["id"]],
        "result": "refresh",
    }
    given = sandbox.control("POST", "/consents", body)
    assert set(given) == {"access_token", "refresh_token", "id_token"}
    who = (app["id"], app["secret"])
    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    fresh = sandbox.client.post(metadata["token_endpoint"], data=form, auth=who).json()
    assert [one["identifier"] for one in fresh["authorization_details"]] == [asset["id"]]
    asked = {"token": given["access_token"]}
    active = sandbox.client.post(metadata["introspection_endpoint"], data=asked, auth=who).json()
    assert active["active"] is True
    assert set(active["scope"].split()) == {"openid", "profile", "pages_show_list", "offline_access"}
    without = sandbox.control("POST", "/consents", {**body, "scopes": ["pages_show_list"]})
    assert set(without) == {"access_token", "refresh_token"}
    assert sandbox.control("POST", "/consents", {**body, "result": "magic"}, 400)["error"]["field"] == "result"
