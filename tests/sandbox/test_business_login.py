"""Login for Business and the Business Extension from outside: a sandbox process, a browser of plain forms, an app's server."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests._dialog import Person
from tests._sandbox import Sandbox, running_sandbox

BACK = "https://maker.example/back"
SHOP = "manage_business_extension,catalog_management,pages_read_engagement"
EXTRAS = {
    "setup": {
        "external_business_id": "shop-1",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "business_vertical": "ECOMMERCE",
    },
    "business_config": {"business": {"name": "Harbour Shop"}},
    "repeat": False,
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One world for all tests here."""
    with running_sandbox("--redirect-uri", BACK) as found:
        yield found


def _code(sandbox: Sandbox, assets: list[str], **asked: str) -> str:
    """The code that an admin's login leads to."""
    login = sandbox.account("admin")["personal"]
    values = {"client_id": sandbox.about["app"]["id"], "redirect_uri": BACK, "state": "s", **asked}
    person = Person(sandbox.base, login["email"], login["password"])
    back = person.go(f"{sandbox.base}/v26.0/dialog/oauth?{urlencode(values)}", assets)
    return parse_qs(urlsplit(back).query)["code"][0]


def _token(sandbox: Sandbox, **values: str) -> str:
    app = sandbox.about["app"]
    client = {"client_id": app["id"], "client_secret": app["secret"]}
    return str(sandbox.graph("/oauth/access_token", method="POST", **client, **values)["access_token"])


def test_a_configured_login_outlives_the_migration(sandbox: Sandbox) -> None:
    """Wire 9.12, 9.25: config_id → code → token of the business; narrower ones; nothing of it notices that the admin moves."""
    app, business = sandbox.about["app"], sandbox.about["business"]["id"]
    page, other = sandbox.asset("page", 0)["id"], sandbox.asset("page", 1)["id"]
    body = {"name": "Sales", "token": "system_user", "scopes": ["business_management", "pages_show_list"]}
    config = sandbox.control("POST", f"/apps/{app['id']}/configurations", body)["id"]
    asked = {"config_id": config, "response_type": "code", "override_default_response_type": "true"}
    token = _token(sandbox, code=_code(sandbox, [page, other], **asked))
    assert sandbox.graph("/me", token, fields="client_business_id")["client_business_id"] == business
    proof = hmac.new(app["secret"].encode(), token.encode(), hashlib.sha256).hexdigest()
    given = {"asset": json.dumps([page]), "scope": json.dumps(["pages_show_list"]), "appsecret_proof": proof}
    narrow = sandbox.graph(f"/{business}/system_user_access_tokens", token, "POST", **given)["access_token"]
    moved = sandbox.control("POST", "/migrations", {"business": business, "accounts": [sandbox.personal("admin")]})
    sandbox.control("POST", f"/migrations/{moved['id']}/claims", {"account": sandbox.personal("admin")})
    for _ in range(3):
        for each, reaches in ((token, {page, other}), (narrow, {page})):
            seen = {one for one in (page, other) if "id" in sandbox.graph(f"/{one}", each)}
            assert seen == reaches
            assert "user_access_expire_time" not in sandbox.graph(f"/{page}", each, fields="user_access_expire_time")
        sandbox.control("POST", "/clock", {"advance": "P20D"})


def test_a_shop_swaps_and_is_taken_off() -> None:
    """Wire §5.1, L4: extras → code → the person's token → install state → swap → uninstall."""
    with running_sandbox("--redirect-uri", BACK) as world:
        business, catalog = world.about["business"]["id"], world.asset("product_catalog")["id"]
        asked = {"scope": SHOP, "extras": json.dumps(EXTRAS), "response_type": "code", "display": "page"}
        user = _token(world, code=_code(world, [catalog], **asked), redirect_uri=BACK)
        shop = {"fbe_external_business_id": "shop-1"}
        found = world.graph("/fbe_business/fbe_installs", user, **shop)["data"][0]
        assert (found["business_manager_id"], found["catalog_id"]) == (business, catalog)
        swap = {"app_id": world.about["app"]["id"], "scope": "catalog_management,manage_business_extension", **shop}
        token = world.graph(f"/{business}/access_token", user, "POST", **swap)["access_token"]
        assert world.graph("/me", token)["name"].endswith("System User (FBE)")
        assert world.graph(f"/{catalog}", token)["id"] == catalog
        assert world.graph("/fbe_business/fbe_installs", user, "DELETE", **shop) == {"success": True}
        assert world.graph("/me", token)["error"]["error_subcode"] == 458
