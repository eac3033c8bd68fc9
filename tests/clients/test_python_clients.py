"""facebook-sdk, requests-oauthlib and httpx-oauth: libraries that an app calls (``wire.md`` §7.1, §7.5, §7.6)."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import facebook
import httpx_oauth.clients.facebook as httpx_oauth_facebook
import pytest
from httpx_oauth.oauth2 import GetAccessTokenError
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error
from requests_oauthlib import OAuth2Session
from requests_oauthlib.compliance_fixes import facebook_compliance_fix

from tests._dialog import Person
from tests._sandbox import Sandbox
from tests.clients.conftest import CALLBACK

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("clients")]


def _code(address: str) -> str:
    return parse_qs(urlsplit(address).query)["code"][0]


@pytest.fixture
def sdk(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """facebook-sdk pointed at the sandbox by its two module constants."""
    monkeypatch.setattr(facebook, "FACEBOOK_GRAPH_URL", sandbox.base + "/")
    monkeypatch.setattr(facebook, "FACEBOOK_WWW_URL", sandbox.base + "/")


@pytest.mark.usefixtures("sdk")
def test_facebook_sdk_logs_in_reads_pages_and_posts(sandbox: Sandbox, emil: Person) -> None:
    """9.30, wire §7.1: facebook-sdk logs in, pages through me/accounts by the query of next, reads ids= and posts."""
    app = sandbox.about["app"]
    graph = facebook.GraphAPI(version="3.1")
    pages = [one["id"] for one in sandbox.about["assets"] if one["type"] == "page"]
    wanted = ["public_profile", "email", "pages_show_list", "pages_read_engagement", "pages_manage_posts"]
    address = graph.get_auth_url(app["id"], CALLBACK, wanted, state="s1")
    back = emil.go(address, pages)
    assert parse_qs(urlsplit(back).query)["state"] == ["s1"]
    token = graph.get_access_token_from_code(_code(back), CALLBACK, app["id"], app["secret"])["access_token"]
    graph = facebook.GraphAPI(token, version="3.1")
    assert graph.get_version() == "3.1"
    assert graph.get_object("me", fields="id,name,email")["email"] == sandbox.account("employee")["personal"]["email"]
    found = list(graph.get_all_connections("me", "accounts", limit=1))
    assert {one["id"] for one in found} == set(pages)
    assert set(graph.get_objects(pages)) == set(pages)
    assert "email" in graph.get_permissions("me")
    posted = facebook.GraphAPI(found[0]["access_token"], version="3.1").put_object(
        found[0]["id"], "feed", message="Hello"
    )
    assert posted["id"].startswith(found[0]["id"])
    longer = graph.extend_access_token(app["id"], app["secret"])
    assert int(longer["expires_in"]) == 5_183_944
    debug = graph.debug_access_token(longer["access_token"], app["id"], app["secret"])["data"]
    assert (debug["is_valid"], debug["app_id"]) == (True, app["id"])


@pytest.mark.usefixtures("sdk")
def test_facebook_sdk_sees_errors(sandbox: Sandbox) -> None:
    """9.30, wire §7.9: facebook-sdk shows message, code and type of a refused code and of a lost token."""
    app = sandbox.about["app"]
    with pytest.raises(facebook.GraphAPIError) as refused:
        facebook.GraphAPI(version="3.1").get_access_token_from_code("nonsense", CALLBACK, app["id"], app["secret"])
    assert (refused.value.code, refused.value.type) == (100, "OAuthException")
    with pytest.raises(facebook.GraphAPIError, match="Cannot parse access token") as malformed:
        facebook.GraphAPI("EAAgarbage", version="3.1").get_object("me")
    assert malformed.value.code == 190


@pytest.mark.usefixtures("sdk")
def test_facebook_sdk_meets_the_cut_off(sandbox: Sandbox) -> None:
    """9.30, M6, M8, 9.22: facebook-sdk reads an expiry in grace and error 100 from the cut-off on, never 190."""
    checkpoint = sandbox.control("POST", "/checkpoints")["id"]
    selma, page = sandbox.personal("second_employee"), sandbox.asset("page")
    token = sandbox.consent(selma, sandbox.about["app"], ["pages_show_list"], [page["id"]])
    graph = facebook.GraphAPI(token, version="3.1")
    body = {"business": sandbox.about["business"]["id"], "accounts": [selma]}
    migration = sandbox.control("POST", "/migrations", body)["id"]
    cut_off = sandbox.control("POST", f"/migrations/{migration}/claims", {"account": selma})["cut_off"]
    shown = graph.get_object(page["id"], fields="name,user_access_expire_time")["user_access_expire_time"]
    assert shown == cut_off.replace("Z", "+00:00")
    sandbox.control("POST", "/clock", {"to": cut_off})
    with pytest.raises(facebook.GraphAPIError, match="missing permission") as lost:
        graph.get_object(page["id"], fields="name")
    assert lost.value.code == 100
    assert graph.get_object("me")["name"] == "Selma Second"
    sandbox.control("POST", f"/checkpoints/{checkpoint}/restore")


def test_requests_oauthlib_logs_in(sandbox: Sandbox, emil: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """9.30, wire §7.6, §7.9: requests-oauthlib sends its credentials as Basic, reads no scope back, calls with Bearer, and sees
    the envelope of a refusal."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    app = sandbox.about["app"]
    session = facebook_compliance_fix(OAuth2Session(app["id"], redirect_uri=CALLBACK, scope=["email"]))
    session.trust_env = False
    address, _ = session.authorization_url(sandbox.base + "/dialog/oauth")
    back = emil.go(address)
    token = session.fetch_token(
        sandbox.base + "/oauth/access_token", client_secret=app["secret"], authorization_response=back
    )
    assert token["token_type"] == "bearer"
    me = session.get(sandbox.base + "/me", params={"fields": "name,email"}).json()
    assert me["name"] == "Emil Employee"
    with pytest.raises(CustomOAuth2Error, match="This authorization code has been used") as refused:
        session.fetch_token(
            sandbox.base + "/oauth/access_token", client_secret=app["secret"], authorization_response=back
        )
    assert refused.value.error["code"] == 100


def test_httpx_oauth_logs_in(sandbox: Sandbox, emil: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """9.30, wire §7.5: httpx-oauth asks with blanks between scopes, exchanges by form, and gets a longer token."""
    module = httpx_oauth_facebook
    monkeypatch.setattr(module, "AUTHORIZE_ENDPOINT", sandbox.base + "/v5.0/dialog/oauth")
    monkeypatch.setattr(module, "ACCESS_TOKEN_ENDPOINT", sandbox.base + "/v5.0/oauth/access_token")
    monkeypatch.setattr(module, "PROFILE_ENDPOINT", sandbox.base + "/v5.0/me")
    app = sandbox.about["app"]

    async def walk() -> tuple[str, str | None, int]:
        client = module.FacebookOAuth2(app["id"], app["secret"])
        address = await client.get_authorization_url(CALLBACK, state="x", scope=["email", "public_profile"])
        back = await asyncio.to_thread(emil.go, address)
        token = await client.get_access_token(_code(back), CALLBACK)
        longer = await client.get_long_lived_access_token(token["access_token"])
        user, email = await client.get_id_email(longer["access_token"])
        with pytest.raises(GetAccessTokenError):
            await client.get_access_token(_code(back), CALLBACK)
        return user, email, int(longer["expires_in"])

    user, email, life = asyncio.run(walk())
    assert user.isdecimal()
    assert (email, life) == (sandbox.account("employee")["personal"]["email"], 5_183_944)
