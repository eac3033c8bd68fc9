"""The control API's domains and connections, over HTTP, with a provider that does as it is told."""

from collections.abc import Iterator
from datetime import datetime

import httpx
import pytest

from tests._sandbox import Sandbox, running_sandbox
from tests.console._site import csrf_of
from tests.sso._provider import CLIENT, SECRET, Provider, running_provider


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of this file."""
    with running_sandbox() as made:
        yield made


@pytest.fixture
def provider(sandbox: Sandbox) -> Iterator[Provider]:
    """A provider that goes by the world's clock."""

    def now() -> float:
        return datetime.fromisoformat(sandbox.control("GET", "/clock")["now"]).timestamp()

    with running_provider(now) as made:
        yield made


def _organization(sandbox: Sandbox) -> str:
    return str(sandbox.about["organization"]["id"])


def test_a_connection_signs_people_in(sandbox: Sandbox, provider: Provider) -> None:
    """O3: a connection made by the control API is on at once: its redirect address is its own, and somebody with an address of its
    domain comes back from the provider signed in."""
    organization = _organization(sandbox)
    made = sandbox.control("POST", "/domains", {"organization": organization, "domain": "Sso.Example."})
    assert made == {"organization": organization, "domain": "sso.example", "verified": True}
    asked = {"organization": organization, "type": "oidc", "issuer": provider.base, "client_id": CLIENT}
    more = {"client_secret": SECRET, "domains": ["sso.example"], "creates_accounts": True}
    connection = sandbox.control("POST", "/connections", {**asked, **more})
    assert connection["redirect_uri"].endswith(f"/sso/{connection['id']}/callback")
    provider.claims = {"email": "new@sso.example"}
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        page = browser.get(f"{sandbox.base}/login")
        form = {"email": "new@sso.example", "via": "sso", "csrf": csrf_of(page.text)}
        out = browser.post(f"{sandbox.base}/login", data=form)
        assert out.url.path.endswith(f"/sso/{connection['id']}/login")
        browser.get(provider.answer(out.headers["refresh"].removeprefix("0;url=")))
        assert "new@sso.example" in browser.get(f"{sandbox.base}/logout").text


@pytest.mark.parametrize(
    "change",
    [
        {"type": "ldap"},
        {"client_id": None},
        {"issuer": "https://nobody.invalid"},
        {"domains": ["not-verified.example"]},
        {"organization": "12"},
        {"required": "maybe"},
    ],
)
def test_what_is_no_connection_is_told(sandbox: Sandbox, provider: Provider, change: dict[str, object]) -> None:
    """house.md 28: a connection that cannot be made answers what was expected, and nothing is made."""
    asked = {"organization": _organization(sandbox), "type": "oidc", "issuer": provider.base, "client_id": CLIENT}
    error = sandbox.control("POST", "/connections", {**asked, **change}, 400)["error"]
    assert error["message"] and error["expected"]


def test_a_domain_has_one_organization(sandbox: Sandbox) -> None:
    """O1: a domain that an organization has is not given to another, and no domain is none."""
    organization = _organization(sandbox)
    sandbox.control("POST", "/domains", {"organization": organization, "domain": "once.example"})
    sandbox.control("POST", "/domains", {"organization": organization, "domain": "once.example"}, 409)
    sandbox.control("POST", "/domains", {"organization": organization, "domain": "not a domain"}, 400)
    sandbox.control("POST", "/domains", {"organization": "140000000000000001", "domain": "x.example"}, 404)
